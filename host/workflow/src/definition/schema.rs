//! JSON Schemas of inputs, outputs and the context.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// A schema that was compiled; nothing that it refers to is fetched.
#[derive(Clone)]
pub(crate) struct Schema(Arc<Validator>);

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Schema")
    }
}

/// So many schemas may be tried where one is: each reference counted as what it refers to.
const MAX_COST: u64 = 20_000;

/// What checking a value against a schema can cost. A few references, each to two of the next, would make it try more
/// schemas than it ever could.
struct Cost<'a> {
    root: &'a Value,
    /// What is behind each pointer that was referred to; none while it is being counted, as in a schema of itself, whose
    /// answers the validator remembers.
    known: HashMap<String, Option<u64>>,
}

impl Cost<'_> {
    fn of(&mut self, schema: &Value) -> Result<u64, String> {
        let mut cost: u64 = 1;
        let inner: Vec<&Value> = match schema {
            Value::Object(map) => map.values().collect(),
            Value::Array(items) => items.iter().collect(),
            _ => return Ok(0),
        };
        for inner in inner {
            cost = cost.saturating_add(self.of(inner)?);
        }
        if let Some(Value::String(reference)) = schema.get("$ref") {
            cost = cost.saturating_add(self.referred(reference)?);
        }
        for key in ["$dynamicRef", "$recursiveRef"] {
            if schema.get(key).is_some_and(Value::is_string) {
                return Err(format!("`{key}` is not supported: `$ref` within the schema is"));
            }
        }
        if cost > MAX_COST {
            return Err(format!("checking a value against it could try more than {MAX_COST} schemas: its references multiply"));
        }
        Ok(cost)
    }

    fn referred(&mut self, reference: &str) -> Result<u64, String> {
        let missing = || {
            let reference = crate::problem::shown(reference);
            format!("`{reference}`: a reference of a schema stays within it, as `#/$defs/name`; nothing is fetched")
        };
        let pointer = reference.strip_prefix('#').ok_or_else(missing)?;
        let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy().into_owned();
        if let Some(known) = self.known.get(&pointer) {
            return Ok(known.unwrap_or(1));
        }
        let target = self.root.pointer(&pointer).ok_or_else(missing)?;
        self.known.insert(pointer.clone(), None);
        let cost = self.of(target)?;
        self.known.insert(pointer, Some(cost));
        Ok(cost)
    }
}

/// So many breaches are told of one value.
const MAX_TOLD: usize = 5;

impl Schema {
    /// Compiles a schema of draft 2020-12, or of the draft that its `$schema` names. Its patterns run in linear time.
    ///
    /// # Errors
    /// Why it is none, as a text.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
            return Err("a JSON Schema is an object".to_owned());
        }
        Cost {
            root: schema,
            known: HashMap::new(),
        }
        .of(schema)?;
        let draft = Draft::default().detect(schema);
        let options = jsonschema::options()
            .with_draft(draft)
            .with_pattern_options(PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20));
        options
            .build(schema)
            .map(|validator| Self(Arc::new(validator)))
            .map_err(|e| format!("it is no JSON Schema that can be used here: {e}"))
    }

    /// # Errors
    /// What breaks the schema, with pointers into the value.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        if self.0.is_valid(value) {
            return Ok(());
        }
        let breaches: Vec<String> = self
            .0
            .iter_errors(value)
            .take(MAX_TOLD)
            .map(|e| {
                let place = e.instance_path().to_string();
                let place = if place.is_empty() { "/".to_owned() } else { place };
                format!("{place}: {}", crate::problem::shown(&e.to_string()))
            })
            .collect();
        Err(breaches.join("; "))
    }
}
