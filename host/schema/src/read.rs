//! A schema as the check walks through it: nodes in one list, that refer to each other by their place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::InvalidSchema;

/// The largest schema, in bytes of JSON.
pub const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// The deepest nesting of a schema, and of the schemas that a check is within.
pub const MAX_DEPTH: usize = 32;
/// The largest expression once it is compiled, in bytes.
const MAX_PATTERN_BYTES: usize = 256 << 10;
/// Expressions of one schema.
const MAX_PATTERNS: usize = 64;

/// What is for people alone.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "contentMediaType",
    "contentEncoding",
];

/// The kinds of value that `type` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [
            Self::Null,
            Self::Boolean,
            Self::Integer,
            Self::Number,
            Self::String,
            Self::Array,
            Self::Object,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
    }
}

/// The place of a node.
pub(crate) type At = usize;

/// One schema of the document. `False` is the schema that nothing fits; the one that everything fits has no rule.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub never: bool,
    pub reference: Option<At>,
    pub kinds: Option<Vec<Kind>>,
    pub one_of_values: Option<Vec<Value>>,
    pub constant: Option<Value>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub above: Option<f64>,
    pub below: Option<f64>,
    pub multiple_of: Option<f64>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<Regex>,
    pub items: Option<At>,
    pub prefix_items: Vec<At>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub unique_items: bool,
    pub properties: BTreeMap<String, At>,
    pub pattern_properties: Vec<(Regex, At)>,
    pub additional: Option<At>,
    pub property_names: Option<At>,
    pub required: Vec<String>,
    pub dependent_required: BTreeMap<String, Vec<String>>,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub all_of: Vec<At>,
    pub any_of: Vec<At>,
    pub exactly_one_of: Vec<At>,
    pub not: Option<At>,
    pub condition: Option<At>,
    pub then: Option<At>,
    pub otherwise: Option<At>,
}

struct Reader {
    nodes: Vec<Node>,
    /// Where the schema of each pointer is.
    places: HashMap<String, At>,
    /// References, resolved once everything is read: the node, its place in the document, and where it refers.
    references: Vec<(At, String, String)>,
    patterns: usize,
}

pub(crate) fn read(value: &Value) -> Result<Vec<Node>, InvalidSchema> {
    let mut reader = Reader {
        nodes: Vec::new(),
        places: HashMap::new(),
        references: Vec::new(),
        patterns: 0,
    };
    reader.schema(value, "", 0)?;
    for (at, place, to) in std::mem::take(&mut reader.references) {
        let Some(found) = to.strip_prefix('#').and_then(|p| reader.places.get(p)) else {
            return Err(wrong(
                &place,
                format!(
                    "`$ref` names `{}`; a reference is `#` or `#/$defs/NAME`, of this schema",
                    shown(&to)
                ),
            ));
        };
        let found = *found;
        if let Some(node) = reader.nodes.get_mut(at) {
            node.reference = Some(found);
        }
    }
    Ok(reader.nodes)
}

impl Reader {
    fn schema(&mut self, value: &Value, place: &str, depth: usize) -> Result<At, InvalidSchema> {
        if depth > MAX_DEPTH {
            return Err(wrong(
                place,
                format!("schemas are nested deeper than {MAX_DEPTH}"),
            ));
        }
        let at = self.nodes.len();
        self.nodes.push(Node::default());
        self.places.insert(place.to_owned(), at);
        let node = match value {
            Value::Bool(fits) => Node {
                never: !fits,
                ..Node::default()
            },
            Value::Object(keywords) => self.keywords(at, keywords, place, depth)?,
            _ => {
                return Err(wrong(
                    place,
                    "a schema is an object, `true` or `false`".into(),
                ));
            }
        };
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = node;
        }
        Ok(at)
    }

    fn keywords(
        &mut self,
        at: At,
        keywords: &Map<String, Value>,
        place: &str,
        depth: usize,
    ) -> Result<Node, InvalidSchema> {
        let mut node = Node::default();
        for (keyword, value) in keywords {
            let here = format!("{place}/{}", escaped(keyword));
            let mut below = |value: &Value| self.schema(value, &here, depth + 1);
            match keyword.as_str() {
                "type" => node.kinds = Some(kinds(value, &here)?),
                "enum" => {
                    let values = value.as_array().filter(|values| !values.is_empty());
                    let values =
                        values.ok_or_else(|| wrong(&here, "it is a list of values".into()))?;
                    node.one_of_values = Some(values.clone());
                }
                "const" => node.constant = Some(value.clone()),
                "minimum" => node.minimum = Some(number(value, &here)?),
                "maximum" => node.maximum = Some(number(value, &here)?),
                "exclusiveMinimum" => node.above = Some(number(value, &here)?),
                "exclusiveMaximum" => node.below = Some(number(value, &here)?),
                "multipleOf" => {
                    let step = number(value, &here)?;
                    if step <= 0.0 {
                        return Err(wrong(&here, "it is above 0".into()));
                    }
                    node.multiple_of = Some(step);
                }
                "minLength" => node.min_length = Some(count(value, &here)?),
                "maxLength" => node.max_length = Some(count(value, &here)?),
                "minItems" => node.min_items = Some(count(value, &here)?),
                "maxItems" => node.max_items = Some(count(value, &here)?),
                "minProperties" => node.min_properties = Some(count(value, &here)?),
                "maxProperties" => node.max_properties = Some(count(value, &here)?),
                "uniqueItems" => {
                    node.unique_items = value
                        .as_bool()
                        .ok_or_else(|| wrong(&here, "it is `true` or `false`".into()))?;
                }
                "pattern" => node.pattern = Some(self.pattern(text(value, &here)?, &here)?),
                "items" => node.items = Some(below(value)?),
                "additionalProperties" => node.additional = Some(below(value)?),
                "propertyNames" => node.property_names = Some(below(value)?),
                "not" => node.not = Some(below(value)?),
                "if" => node.condition = Some(below(value)?),
                "then" => node.then = Some(below(value)?),
                "else" => node.otherwise = Some(below(value)?),
                "prefixItems" => node.prefix_items = self.list(value, &here, depth)?,
                "allOf" => node.all_of = self.list(value, &here, depth)?,
                "anyOf" => node.any_of = self.list(value, &here, depth)?,
                "oneOf" => node.exactly_one_of = self.list(value, &here, depth)?,
                "properties" => {
                    for (name, value) in object(value, &here)? {
                        let place = format!("{here}/{}", escaped(name));
                        let at = self.schema(value, &place, depth + 1)?;
                        node.properties.insert(name.clone(), at);
                    }
                }
                "patternProperties" => {
                    for (name, value) in object(value, &here)? {
                        let place = format!("{here}/{}", escaped(name));
                        let pattern = self.pattern(name, &place)?;
                        let at = self.schema(value, &place, depth + 1)?;
                        node.pattern_properties.push((pattern, at));
                    }
                }
                "$defs" => {
                    for (name, value) in object(value, &here)? {
                        self.schema(value, &format!("{here}/{}", escaped(name)), depth + 1)?;
                    }
                }
                "required" => node.required = names(value, &here)?,
                "dependentRequired" => {
                    for (name, value) in object(value, &here)? {
                        let names = names(value, &here)?;
                        node.dependent_required.insert(name.clone(), names);
                    }
                }
                "$ref" => {
                    let to = text(value, &here)?.to_owned();
                    self.references.push((at, here, to));
                }
                known if ANNOTATIONS.contains(&known) => {}
                other => {
                    return Err(wrong(
                        &here,
                        format!(
                            "the keyword `{}` is not checked here, so that a schema must not rely on it",
                            shown(other)
                        ),
                    ));
                }
            }
        }
        Ok(node)
    }

    fn list(&mut self, value: &Value, here: &str, depth: usize) -> Result<Vec<At>, InvalidSchema> {
        let schemas = value.as_array().filter(|schemas| !schemas.is_empty());
        let schemas = schemas.ok_or_else(|| wrong(here, "it is a list of schemas".into()))?;
        let each = schemas.iter().enumerate();
        each.map(|(n, schema)| self.schema(schema, &format!("{here}/{n}"), depth + 1))
            .collect()
    }

    fn pattern(&mut self, expression: &str, here: &str) -> Result<Regex, InvalidSchema> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(wrong(
                here,
                format!("the schema has more than {MAX_PATTERNS} expressions"),
            ));
        }
        RegexBuilder::new(expression)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .build()
            .map_err(|_| {
                wrong(
                    here,
                    format!(
                        "`{}` is no expression that this host knows (those of the crate `regex`: no look-around, no \
                         back references), or a very large one",
                        shown(expression)
                    ),
                )
            })
    }
}

fn kinds(value: &Value, here: &str) -> Result<Vec<Kind>, InvalidSchema> {
    let one = std::slice::from_ref(value);
    let given = match value {
        Value::Array(kinds) if !kinds.is_empty() => kinds.as_slice(),
        _ => one,
    };
    given
        .iter()
        .map(|kind| kind.as_str().and_then(Kind::of))
        .collect::<Option<_>>()
        .ok_or_else(|| {
            wrong(
                here,
                "it is one or more of null, boolean, integer, number, string, array, object".into(),
            )
        })
}

fn number(value: &Value, here: &str) -> Result<f64, InvalidSchema> {
    value
        .as_f64()
        .filter(|number| number.is_finite())
        .ok_or_else(|| wrong(here, "it is a number".into()))
}

fn count(value: &Value, here: &str) -> Result<u64, InvalidSchema> {
    // `2.0` is a whole number too.
    let whole = value
        .as_f64()
        .filter(|n| n.fract() == 0.0 && (0.0..9e15).contains(n));
    value
        .as_u64()
        .or(whole.map(|n| n as u64))
        .ok_or_else(|| wrong(here, "it is a whole number, 0 or more".into()))
}

fn text<'v>(value: &'v Value, here: &str) -> Result<&'v str, InvalidSchema> {
    value
        .as_str()
        .ok_or_else(|| wrong(here, "it is a text".into()))
}

fn object<'v>(value: &'v Value, here: &str) -> Result<&'v Map<String, Value>, InvalidSchema> {
    value
        .as_object()
        .ok_or_else(|| wrong(here, "it is an object".into()))
}

fn names(value: &Value, here: &str) -> Result<Vec<String>, InvalidSchema> {
    let names: Option<Vec<String>> = value
        .as_array()
        .map(|names| names.iter().map(|n| n.as_str().map(str::to_owned)))
        .and_then(Iterator::collect);
    let names = names.ok_or_else(|| wrong(here, "it is a list of names".into()))?;
    match names.iter().collect::<BTreeSet<_>>().len() == names.len() {
        true => Ok(names),
        false => Err(wrong(here, "a name stands there twice".into())),
    }
}

fn wrong(place: &str, reason: String) -> InvalidSchema {
    let place = if place.is_empty() { "#" } else { place };
    InvalidSchema(format!("{}: {reason}", shown(place)))
}

/// A name as a token of a JSON Pointer (RFC 6901).
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Outside text, shortened for a message.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(80)
        .flat_map(|c| match c.is_control() {
            true => c.escape_debug().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}
