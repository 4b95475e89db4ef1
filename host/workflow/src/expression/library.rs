//! The definitions of jq's own library, those that an expression needs.
//!
//! A compiled expression holds every definition that it was given, so it is given only those that it can reach: most need
//! none, and a definition with hundreds of expressions stays small.

use std::collections::{HashMap, HashSet};

use jaq_core::load::parse::Def;

/// What jaq defines beside its values, in jq.
const OWN: &str = r#"
def totype(p; e): if p then . else fromjson | if p then . else e end end;
def tonumber: totype(isnumber; error("cannot parse as number"));
def toboolean: totype(isboolean; error("cannot parse as boolean"));
def transpose: [range([.[] | length] | max) as $i | [.[][$i]]];
def in(xs): . as $x | xs | has($x);
def inside(xs): . as $x | xs | contains($x);
def index($i): indices($i)[0];
def rindex($i): indices($i)[-1];
def ascii: [.] | implode;
def toarray: if isarray then . else [.] end;
def @json: tojson;
def @csv: [.[] | if isstring then "\"" + (split("\"") | join("\"\"")) + "\"" elif . == null then "" else tostring end] | join(",");
def @tsv: [.[] | if . == null then "" else tostring end | gsub("\\\\"; "\\\\") | gsub("\t"; "\\t") | gsub("\n"; "\\n")] | join("\t");
"#;

/// jq's `join`, in the place of jaq's, which writes `null` for what jq leaves empty. `null` itself is defined only behind it.
const JOIN: &str = r#"
def join($s): def text: if . == [][0] then "" else tostring end;
  if length == 0 then "" else reduce .[1:][] as $x (.[0] | text; . + $s + ($x | text)) end;
"#;

/// What is left out of jaq's: it ends the process, or writes to the terminal.
const LEFT_OUT: [&str; 4] = ["halt", "halt_error", "debug", "stderr"];

/// All definitions, and which names the body of each can mean.
pub(super) struct Library {
    definitions: Vec<Def<&'static str>>,
    mentions: HashMap<&'static str, HashSet<String>>,
}

impl Library {
    pub fn new() -> Self {
        let own = jaq_core::load::parse(OWN, |p| p.defs()).unwrap_or_default();
        let join = jaq_core::load::parse(JOIN, |p| p.defs()).unwrap_or_default();
        let core = jaq_core::defs().flat_map(|d| {
            if d.name == "join" {
                join.clone()
            } else {
                vec![d]
            }
        });
        let all = core.chain(jaq_std::defs()).chain(own);
        let definitions: Vec<_> = all.filter(|d| !LEFT_OUT.contains(&d.name)).collect();
        let mut mentions: HashMap<&'static str, HashSet<String>> = HashMap::new();
        for definition in &definitions {
            // The names that a body calls stand in quotes in its debug form, among others that do no harm.
            let words = words(&format!("{:?}", definition.body));
            mentions.entry(definition.name).or_default().extend(words);
        }
        Self {
            definitions,
            mentions,
        }
    }

    /// The definitions that an expression can reach, in the order in which they are defined.
    pub fn needed_by(&self, expression: &str) -> Vec<Def<&'static str>> {
        let mut needed: HashSet<String> = HashSet::new();
        let mut open: Vec<String> = words(expression).into_iter().collect();
        // Written as signs, not as names.
        if expression.contains("..") {
            open.push("recurse".to_owned());
        }
        while let Some(name) = open.pop() {
            if let Some(mentioned) = self.mentions.get(name.as_str())
                && needed.insert(name)
            {
                open.extend(mentioned.iter().cloned());
            }
        }
        self.definitions
            .iter()
            .filter(|d| needed.contains(d.name))
            .cloned()
            .collect()
    }
}

/// Whatever could be a name.
fn words(text: &str) -> HashSet<String> {
    let part = |c: char| !(c.is_alphanumeric() || c == '_' || c == '@');
    text.split(part)
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}
