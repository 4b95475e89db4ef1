//! The JSON form of the contract: names with `_` for `-`; a case without payload is its name,
//! one with payload an object of one key; an option is the value or null.

mod feedback;
mod team;

use serde_json::{Map, Value, json};

use crate::anonymizer::{Anonymized, Finding, Mask, Operator, Policy, Replacement, Rule};
use crate::cleaner::{Change, Cleaned, Outcome, Reason, Signature};
use crate::labeller::{Annotation, Known, LabellingFunction, Measure, Number, Verdict, Vote};
use crate::{Document, Span};

/// A type of the contract that has a JSON form.
pub(super) trait Json: Sized {
    /// The value as JSON.
    fn to_json(&self) -> Value;
    /// Reads it; the error names the place, which starts with `at`.
    fn from_json(value: &Value, at: &str) -> Result<Self, String>;
}

pub(super) fn expected(what: &str, at: &str, value: &Value) -> String {
    let found = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "another number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("{at}: expected {what}, found {found}")
}

/// The fields of an object, each of which must be one of `known`.
pub(super) fn fields<'v>(
    value: &'v Value,
    known: &[&str],
    at: &str,
) -> Result<&'v Map<String, Value>, String> {
    let object = value
        .as_object()
        .ok_or_else(|| expected("an object", at, value))?;
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!(
            "{at}: unknown field `{key}`; there are {}",
            known.join(", ")
        )),
        None => Ok(object),
    }
}

impl Json for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }
    fn from_json(value: &Value, at: &str) -> Result<Self, String> {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| expected("a string", at, value))
    }
}

impl Json for u32 {
    fn to_json(&self) -> Value {
        json!(self)
    }
    fn from_json(value: &Value, at: &str) -> Result<Self, String> {
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
        number.ok_or_else(|| expected("a whole number below 2^32", at, value))
    }
}

macro_rules! integer {
    ($of:ty, $read:ident, $what:literal) => {
        impl Json for $of {
            fn to_json(&self) -> Value {
                json!(self)
            }
            fn from_json(value: &Value, at: &str) -> Result<Self, String> {
                value.$read().ok_or_else(|| expected($what, at, value))
            }
        }
    };
}

integer!(i64, as_i64, "a whole number");
integer!(u64, as_u64, "a whole number that is not below 0");
integer!(bool, as_bool, "a boolean");

impl Json for f32 {
    fn to_json(&self) -> Value {
        json!(self)
    }
    fn from_json(value: &Value, at: &str) -> Result<Self, String> {
        value
            .as_f64()
            .map(|n| n as f32)
            .ok_or_else(|| expected("a number", at, value))
    }
}

impl Json for f64 {
    fn to_json(&self) -> Value {
        json!(self)
    }
    fn from_json(value: &Value, at: &str) -> Result<Self, String> {
        value
            .as_f64()
            .ok_or_else(|| expected("a number", at, value))
    }
}

impl<T: Json> Json for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Json::to_json)
    }
    fn from_json(value: &Value, at: &str) -> Result<Self, String> {
        if value.is_null() {
            Ok(None)
        } else {
            T::from_json(value, at).map(Some)
        }
    }
}

impl<T: Json> Json for Vec<T> {
    fn to_json(&self) -> Value {
        self.iter().map(Json::to_json).collect()
    }
    fn from_json(value: &Value, at: &str) -> Result<Self, String> {
        let items = value
            .as_array()
            .ok_or_else(|| expected("a list", at, value))?;
        items
            .iter()
            .enumerate()
            .map(|(n, item)| T::from_json(item, &format!("{at}[{n}]")))
            .collect()
    }
}

macro_rules! record {
    ($record:ident { $($field:ident),+ }) => {
        impl Json for $record {
            fn to_json(&self) -> Value {
                json!({ $(stringify!($field): self.$field.to_json()),+ })
            }
            fn from_json(value: &Value, at: &str) -> Result<Self, String> {
                let object = fields(value, &[$(stringify!($field)),+], at)?;
                Ok(Self {
                    $($field: {
                        let at = format!("{at}.{}", stringify!($field));
                        Json::from_json(object.get(stringify!($field)).unwrap_or(&Value::Null), &at)?
                    }),+
                })
            }
        }
    };
}

macro_rules! variant {
    ($variant:ident { $($plain:ident = $plain_name:literal),* ; $($case:ident = $name:literal),* }) => {
        impl Json for $variant {
            fn to_json(&self) -> Value {
                match self {
                    $(Self::$plain => json!($plain_name),)*
                    $(Self::$case(payload) => json!({ $name: payload.to_json() }),)*
                }
            }
            fn from_json(value: &Value, at: &str) -> Result<Self, String> {
                match value {
                    // Both spellings are read, as the host reads them.
                    $(Value::String(name) if name.replace('-', "_") == $plain_name => return Ok(Self::$plain),)*
                    Value::Object(object) if object.len() == 1 => {
                        $(if let Some(payload) = object.get($name) {
                            return Json::from_json(payload, &format!("{at}.{}", $name)).map(Self::$case);
                        })*
                    }
                    _ => {}
                }
                let cases = [$($plain_name,)* $($name),*];
                Err(expected(&format!("one of {}", cases.join(", ")), at, value))
            }
        }
    };
}

pub(super) use {record, variant};

record!(Document { id, text });
record!(Span { start, end });
record!(Change { rule, count });
record!(Cleaned { text, changes });
record!(Reason { rule, detail });
record!(Signature { exact, minhash });
record!(Finding {
    entity,
    span,
    score,
    recognizer
});
record!(Mask {
    character,
    keep_first,
    keep_last
});
record!(Rule { entity, operator });
record!(Policy {
    entities,
    min_score,
    rules,
    default_operator
});
record!(Replacement { finding, new_span });
record!(Anonymized { text, replacements });
record!(LabellingFunction { name, labels });
record!(Vote { label, confidence });
record!(Annotation {
    task,
    annotator,
    label
});
record!(Known { task, label });
record!(Verdict {
    task,
    label,
    confidence,
    tied
});
record!(Measure { name, number });
variant!(Number { ; Value = "value", Undefined = "undefined" });
variant!(Outcome { Kept = "kept"; Changed = "changed", Dropped = "dropped" });
variant!(Operator { Redact = "redact", KeyedHash = "keyed_hash", Keep = "keep"; Mask = "mask", Replace = "replace" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_round_trips() {
        let policy = json!({
            "entities": null, "min_score": 0.5,
            "rules": [{ "entity": "EMAIL_ADDRESS", "operator": { "mask": { "character": "＊", "keep_first": 1, "keep_last": 0 } } }],
            "default_operator": "keyed_hash",
        });
        assert_eq!(
            Policy::from_json(&policy, "policy").unwrap().to_json(),
            policy
        );
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        let wrong = [
            (
                json!([{ "id": "1", "text": 2 }]),
                "batch[0].text: expected a string",
            ),
            (
                json!([{ "id": "1" }]),
                "batch[0].text: expected a string, found nothing",
            ),
            (
                json!([{ "id": "1", "text": "", "tex": "" }]),
                "unknown field `tex`",
            ),
            (json!({}), "batch: expected a list, found an object"),
        ];
        for (value, text) in wrong {
            let error = Vec::<Document>::from_json(&value, "batch").unwrap_err();
            assert!(error.contains(text), "{error}");
        }
        let error = Outcome::from_json(&json!({ "kept": {} }), "outcome").unwrap_err();
        assert!(error.contains("one of kept, changed, dropped"), "{error}");
    }
}
