//! One result within an annotation or a prediction.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Rest;
use crate::error::shown;

/// One result. What is no choice and no span of text is kept as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Region {
    /// Labels of the whole task.
    Choices(Choices),
    /// Labels of a part of a text.
    Span(Span),
    /// Anything else: boxes, ratings, parts of a sound or of HTML.
    Other(Value),
}

/// Labels of the whole task: `type` is `choices`.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// The control of the labelling interface.
    pub from_name: String,
    /// What it labels.
    pub to_name: String,
    /// The labels; one, where the interface allows only one.
    pub choices: Vec<String>,
    /// Every other field of the result.
    pub rest: Rest,
    /// Every other field of its `value`.
    pub rest_of_value: Rest,
}

/// Labels of a part of a text: `type` is `labels`.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The control of the labelling interface.
    pub from_name: String,
    /// What it labels.
    pub to_name: String,
    /// The first code point.
    pub start: usize,
    /// The code point after the last.
    pub end: usize,
    /// The labels.
    pub labels: Vec<String>,
    /// The words, as the editor shows them.
    pub text: Option<String>,
    /// Every other field of the result.
    pub rest: Rest,
    /// Every other field of its `value`.
    pub rest_of_value: Rest,
}

impl Region {
    /// The choice of one label for the whole task.
    pub fn choice(from_name: &str, to_name: &str, label: &str) -> Self {
        Self::Choices(Choices {
            from_name: from_name.to_owned(),
            to_name: to_name.to_owned(),
            choices: vec![label.to_owned()],
            rest: Rest::new(),
            rest_of_value: Rest::new(),
        })
    }

    /// A labelled part of a text, in code points.
    pub fn span(from_name: &str, to_name: &str, start: usize, end: usize, label: &str) -> Self {
        Self::Span(Span {
            from_name: from_name.to_owned(),
            to_name: to_name.to_owned(),
            start,
            end,
            labels: vec![label.to_owned()],
            text: None,
            rest: Rest::new(),
            rest_of_value: Rest::new(),
        })
    }
}

impl TryFrom<Value> for Region {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let Value::Object(mut rest) = value else {
            return Err(format!(
                "a result is no object: {}",
                shown(&value.to_string())
            ));
        };
        match rest.get("type").and_then(Value::as_str) {
            Some("choices") if is_choices(&rest) => {}
            Some("labels") if is_span(&rest)? => {}
            _ => return Ok(Self::Other(Value::Object(rest))),
        }
        // What is taken out here was looked at above.
        let spans = rest.remove("type") == Some(json!("labels"));
        let mut value = match rest.remove("value") {
            Some(Value::Object(value)) => value,
            _ => Rest::new(),
        };
        let (from_name, to_name) = (
            take_text(&mut rest, "from_name"),
            take_text(&mut rest, "to_name"),
        );
        Ok(if spans {
            Self::Span(Span {
                from_name,
                to_name,
                start: take_offset(&mut value, "start"),
                end: take_offset(&mut value, "end"),
                labels: take_texts(&mut value, "labels"),
                text: value
                    .contains_key("text")
                    .then(|| take_text(&mut value, "text")),
                rest,
                rest_of_value: value,
            })
        } else {
            Self::Choices(Choices {
                from_name,
                to_name,
                choices: take_texts(&mut value, "choices"),
                rest,
                rest_of_value: value,
            })
        })
    }
}

impl From<Region> for Value {
    fn from(region: Region) -> Value {
        let (kind, from_name, to_name, mut rest, value) = match region {
            Region::Other(value) => return value,
            Region::Choices(c) => {
                let mut value = c.rest_of_value;
                value.insert("choices".into(), json!(c.choices));
                ("choices", c.from_name, c.to_name, c.rest, value)
            }
            Region::Span(s) => {
                let mut value = s.rest_of_value;
                value.insert("start".into(), json!(s.start));
                value.insert("end".into(), json!(s.end));
                if let Some(text) = s.text {
                    value.insert("text".into(), json!(text));
                }
                value.insert("labels".into(), json!(s.labels));
                ("labels", s.from_name, s.to_name, s.rest, value)
            }
        };
        rest.insert("from_name".into(), json!(from_name));
        rest.insert("to_name".into(), json!(to_name));
        rest.insert("type".into(), json!(kind));
        rest.insert("value".into(), Value::Object(value));
        Value::Object(rest)
    }
}

fn is_choices(region: &Map<String, Value>) -> bool {
    let value = region.get("value").and_then(Value::as_object);
    is_named(region) && value.is_some_and(|value| is_texts(value.get("choices")))
}

/// An error where the offsets are whole numbers and yet none of a text.
fn is_span(region: &Map<String, Value>) -> Result<bool, String> {
    let Some(value) = region.get("value").and_then(Value::as_object) else {
        return Ok(false);
    };
    // Parts of a sound have seconds for offsets, and say how long the whole is.
    let sound = region.contains_key("original_length") || value.contains_key("channel");
    let text = value.get("text").is_none_or(Value::is_string);
    if sound || !text || !is_named(region) || !is_texts(value.get("labels")) {
        return Ok(false);
    }
    let (Some(start), Some(end)) = (value.get("start"), value.get("end")) else {
        return Ok(false);
    };
    match (start.as_i64(), end.as_i64()) {
        (Some(start), Some(end)) if 0 <= start && start <= end => Ok(true),
        (Some(start), Some(end)) => Err(format!("a span goes from {start} to {end}")),
        _ => Ok(false),
    }
}

fn is_named(region: &Map<String, Value>) -> bool {
    let is_text = |key| region.get(key).is_some_and(Value::is_string);
    is_text("from_name") && is_text("to_name")
}

fn is_texts(value: Option<&Value>) -> bool {
    value
        .and_then(Value::as_array)
        .is_some_and(|texts| texts.iter().all(Value::is_string))
}

fn take_text(map: &mut Rest, key: &str) -> String {
    match map.remove(key) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn take_texts(map: &mut Rest, key: &str) -> Vec<String> {
    let Some(Value::Array(texts)) = map.remove(key) else {
        return Vec::new();
    };
    let text = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    texts.into_iter().filter_map(text).collect()
}

fn take_offset(map: &mut Rest, key: &str) -> usize {
    let offset = map.remove(key).and_then(|value| value.as_u64());
    offset
        .and_then(|offset| usize::try_from(offset).ok())
        .unwrap_or(usize::MAX)
}
