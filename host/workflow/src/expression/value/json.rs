//! Values from JSON and to it.

use std::rc::Rc;

use serde_json::Value;

use super::{ENTRY, ITEM, V, allocate};

impl V {
    /// From JSON.
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => n
                .as_i64()
                .map_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)), Self::Int),
            Value::String(s) => Self::text(s.as_str()),
            Value::Array(items) => {
                allocate(items.len() * ITEM);
                Self::array(items.iter().map(Self::from_json).collect())
            }
            Value::Object(map) => {
                allocate(map.len() * ENTRY);
                let entry = |(k, v): (&String, &Value)| {
                    allocate(k.len());
                    (Rc::from(k.as_str()), Self::from_json(v))
                };
                Self::object(map.iter().map(entry).collect())
            }
        }
    }

    /// To JSON. What is no number of JSON becomes `null`, as in jq; whole numbers are written without a point.
    pub fn to_json(&self) -> Value {
        // A value that is shared is written out as often as it stands there, so it is counted here again.
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => Value::from(*i),
            Self::Float(f) if f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0 => {
                Value::from(*f as i64)
            }
            Self::Float(f) => Value::from(*f),
            Self::Str(s) => {
                allocate(s.len());
                Value::from(&**s)
            }
            Self::Arr(a) => {
                allocate(a.items.len() * size_of::<Value>());
                Value::Array(a.items.iter().map(Self::to_json).collect())
            }
            Self::Obj(o) => {
                allocate(o.map.len() * 2 * size_of::<Value>());
                let entry = |(k, v): (&Rc<str>, &V)| {
                    allocate(k.len());
                    (k.to_string(), v.to_json())
                };
                Value::Object(o.map.iter().map(entry).collect())
            }
        }
    }

    /// As a text of JSON, a string too.
    pub fn to_text(&self) -> String {
        self.to_json().to_string()
    }
}
