//! Runtime expressions: jq, bounded.
//!
//! An expression is compiled when its definition is read, so that a mistake in it is found then, and evaluated when its
//! task runs. What it may cost is counted, never timed: see [`meter`].

mod library;
mod meter;
mod natives;
mod value;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jaq_core::data::DataT;
use jaq_core::load::{Arena, File, Loader, lex, parse};
use jaq_core::{Compiler, Ctx, Filter, Vars};
use serde_json::Value;

use crate::problem::shown;
pub(crate) use meter::on_large_stack;
use value::V;

/// The longest expression, in bytes: one that is nested at each of them is still read on the stack that there is for it.
pub const MAX_EXPRESSION: usize = 8 << 10;
/// The largest result of an expression, in bytes of JSON, about.
const MAX_OUTPUT: usize = 4 << 20;

/// Our values and our meter, as jaq's interpreter wants to know of them.
pub(crate) struct Language;

impl DataT for Language {
    type V<'a> = V;
    type Data<'a> = meter::Terms<'a>;
}

/// The arguments that every expression has, by the names of the specification.
pub(crate) const ARGUMENTS: [&str; 7] = [
    "context", "input", "output", "secrets", "task", "workflow", "runtime",
];

static LIBRARY: LazyLock<library::Library> = LazyLock::new(library::Library::new);

/// A compiled expression.
#[derive(Clone)]
pub(crate) struct Expr(Arc<Compiled>);

struct Compiled {
    text: String,
    /// The arguments that it reads, without their `$`.
    arguments: Vec<String>,
    filter: Filter<Language>,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expr").field(&self.0.text).finish()
    }
}

/// Where an expression gets its arguments from.
pub(crate) trait Arguments {
    /// The value of an argument, which is named without its `$`.
    fn argument(&self, name: &str) -> Value;
    /// The time that `now` answers.
    fn now(&self) -> jiff::Timestamp;
}

impl Expr {
    /// Compiles an expression that may use [`ARGUMENTS`] and the variables that are in `scope`.
    ///
    /// # Errors
    /// Why it is none, as a text.
    pub fn compile(text: &str, scope: &[String]) -> Result<Self, String> {
        let text = inner(text).unwrap_or(text).trim();
        if text.is_empty() {
            return Err("the expression is empty".to_owned());
        }
        if text.len() > MAX_EXPRESSION {
            return Err(format!(
                "the expression is longer than {MAX_EXPRESSION} bytes"
            ));
        }
        on_large_stack(|| {
            let all = ARGUMENTS
                .iter()
                .copied()
                .chain(scope.iter().map(String::as_str));
            let mut arguments: Vec<String> = Vec::new();
            for name in all {
                if mentions(text, name) && !arguments.iter().any(|a| a == name) {
                    arguments.push(name.to_owned());
                }
            }
            let filter = compile(text, &arguments)?;
            Ok(Self(Arc::new(Compiled {
                text: text.to_owned(),
                arguments,
                filter,
            })))
        })
    }

    /// The expression, without `${` and `}`.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Its first result; `null` where it has none, as in an expression that selects nothing.
    ///
    /// # Errors
    /// Why it has none, as a text that names the expression.
    pub fn evaluate(&self, input: &Value, arguments: &dyn Arguments) -> Result<Value, String> {
        let now = arguments.now().as_microsecond() as f64 / 1e6;
        let result = meter::run(now, || {
            let values = self
                .0
                .arguments
                .iter()
                .map(|name| V::from_json(&arguments.argument(name)));
            let values: Vec<V> = values.collect();
            let lut = meter::Terms(&self.0.filter.lut);
            let ctx = Ctx::<Language>::new(lut, Vars::new(values));
            let mut outputs = self.0.filter.id.run((ctx, V::from_json(input)));
            match outputs.next() {
                None => Ok(Value::Null),
                Some(Ok(value)) => {
                    let json = value.to_json();
                    if size(&json) > MAX_OUTPUT {
                        return Err(format!(
                            "its result is larger than {} MiB",
                            MAX_OUTPUT >> 20
                        ));
                    }
                    Ok(json)
                }
                Some(Err(exception)) => Err(match exception.get_err() {
                    Ok(error) => error.to_string(),
                    Err(_) => "it breaks out of nothing".to_owned(),
                }),
            }
        });
        result.map_err(|reason| format!("`{}`: {reason}", shown(self.text())))
    }

    /// Whether the result is true, as jq sees it: neither `false` nor `null`.
    ///
    /// # Errors
    /// See [`Self::evaluate`].
    pub fn test(&self, input: &Value, arguments: &dyn Arguments) -> Result<bool, String> {
        let result = self.evaluate(input, arguments)?;
        Ok(!matches!(result, Value::Null | Value::Bool(false)))
    }
}

/// About the length of a value's JSON.
pub(crate) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(s) => 2 + s.len(),
        Value::Array(items) => 2 + items.iter().map(size).sum::<usize>(),
        Value::Object(map) => {
            2 + map
                .iter()
                .map(|(k, v)| 4 + k.len() + size(v))
                .sum::<usize>()
        }
    }
}

/// What stands between `${` and `}`, where the whole text is that.
pub(crate) fn inner(text: &str) -> Option<&str> {
    text.trim().strip_prefix("${")?.strip_suffix('}')
}

/// Whether a part of a value is an expression where the language takes a text: it stands whole between `${` and `}`.
pub fn is_expression(value: &Value) -> bool {
    value.as_str().is_some_and(|text| inner(text).is_some())
}

/// Whether a variable of this name may be read; the name in a text counts, which costs a value that is not looked at.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices('$').any(|(i, _)| {
        let rest = text.get(i + 1..).unwrap_or_default();
        rest.strip_prefix(name)
            .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

fn compile(text: &str, arguments: &[String]) -> Result<Filter<Language>, String> {
    let arena = Arena::default();
    let loader = Loader::new(LIBRARY.needed_by(text));
    let file = File {
        code: text,
        path: (),
    };
    let modules = loader.load(&arena, file).map_err(|errors| {
        let first = errors.into_iter().next().map(|(_, error)| error);
        let reason = match first {
            Some(jaq_core::load::Error::Lex(errors)) => errors.first().map(lexical),
            Some(jaq_core::load::Error::Parse(errors)) => errors.first().map(grammatical),
            _ => Some("modules cannot be loaded".to_owned()),
        };
        format!(
            "`{}`: {}",
            shown(text),
            reason.unwrap_or_else(|| "it cannot be read".to_owned())
        )
    })?;
    let names: Vec<String> = arguments.iter().map(|name| format!("${name}")).collect();
    let compiler = Compiler::default()
        .with_funs(natives::functions())
        .with_global_vars(names.iter().map(String::as_str));
    compiler.compile(modules).map_err(|errors| {
        let undefined = errors.into_iter().flat_map(|(_, errors)| errors).next();
        match undefined {
            Some((name, what)) => format!(
                "`{}`: there is no {} `{}`",
                shown(text),
                what.as_str(),
                shown(name)
            ),
            None => format!("`{}`: it cannot be compiled", shown(text)),
        }
    })
}

fn lexical((expected, found): &lex::Error<&str>) -> String {
    format!("{} expected, `{}` found", expected.as_str(), shown(found))
}

fn grammatical((expected, found): &parse::Error<&str>) -> String {
    match *found {
        "" => format!("{} expected at its end", expected.as_str()),
        found => format!("{} expected, `{}` found", expected.as_str(), shown(found)),
    }
}

/// Arguments that are given one by one, for what has no run: the tests of this crate, and filters of events that start runs.
pub(crate) struct Given {
    /// By their names without `$`.
    pub values: BTreeMap<String, Value>,
    /// What `now` answers.
    pub now: jiff::Timestamp,
}

impl Arguments for Given {
    fn argument(&self, name: &str) -> Value {
        self.values.get(name).cloned().unwrap_or_default()
    }

    fn now(&self) -> jiff::Timestamp {
        self.now
    }
}
