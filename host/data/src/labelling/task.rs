//! What a task holds: its text, and the row that it comes from.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steward_registry::DatasetRef;
use steward_registry::labelling::{Label, LabelSpan, MAX_DATA_BYTES};

/// The member of a task's data that says which row it comes from.
pub(super) const SOURCE: &str = "steward";
/// The member of an exported row that says who said what.
pub(super) const PROVENANCE: &str = "labelling";
/// The field with the text, where nothing else is said.
pub(super) const TEXT: &str = "text";
/// The longest name of a task, in characters; the registry refuses longer ones.
const MAX_NAME: usize = 200;

/// The row that a task comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    /// The snapshot.
    pub dataset: DatasetRef,
    /// The line in it, from 1.
    pub line: u64,
    /// The field of the row that was labelled.
    pub text_field: String,
}

/// Where a task comes from; none where it comes from no dataset.
pub(super) fn source(data: &Value) -> Option<Source> {
    Source::deserialize(data.get(SOURCE)?).ok()
}

/// Whether a member of a row is what an export writes as [`PROVENANCE`].
pub(super) fn is_provenance(value: &Value) -> bool {
    value["project"].is_string() && value["annotations"].is_array()
}

/// The name of the field with the text.
pub(super) fn text_field(data: &Value) -> String {
    source(data).map_or_else(|| TEXT.to_owned(), |source| source.text_field)
}

/// The text of a task: the field that was named for it, else `text`, else the only one that holds text.
pub(super) fn text(data: &Value) -> Option<&str> {
    let object = match data {
        Value::String(text) => return Some(text),
        data => data.as_object()?,
    };
    if let Some(Value::String(text)) = object.get(&text_field(data)) {
        return Some(text);
    }
    let mut texts = object.values().filter_map(Value::as_str);
    let only = texts.next();
    texts.next().map_or(only, |_| None)
}

/// The data as an object.
pub(super) fn object(data: &Value) -> Map<String, Value> {
    match data {
        Value::Object(object) => object.clone(),
        other => Map::from_iter([(TEXT.to_owned(), other.clone())]),
    }
}

/// Refuses spans that are not within the text of the task.
pub(super) fn check_spans(data: &Value, label: &Label) -> Result<(), String> {
    let Label::Spans(spans) = label else {
        return Ok(());
    };
    let text = text(data).ok_or("the task has no text that parts could be labelled of")?;
    let length = text.chars().count();
    match spans.iter().find(|span| span.end as usize > length) {
        None => Ok(()),
        Some(LabelSpan { start, end, .. }) => Err(format!(
            "the span from {start} to {end} is not within the text, which has {length} characters (code points)"
        )),
    }
}

/// Refuses what the registry would refuse a whole batch for.
pub(super) fn check_task(name: &str, data: &Value) -> Result<(), String> {
    let fits = !name.is_empty() && name.chars().take(MAX_NAME + 1).count() <= MAX_NAME;
    if !fits || name.chars().any(char::is_control) {
        return Err(format!(
            "the name of a task has 1 to {MAX_NAME} characters, none of them a control character"
        ));
    }
    let bytes = serde_json::to_vec(data).map_err(|e| e.to_string())?.len();
    if bytes > MAX_DATA_BYTES {
        return Err(format!(
            "it has {bytes} bytes; a task has at most {MAX_DATA_BYTES}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_is_the_field_that_was_named_else_the_only_one() {
        let named = json!({"text": "a", "body": "b", "steward": {"dataset": "d@1", "line": 3, "text_field": "body"}});
        assert_eq!(text(&named), Some("b"));
        assert_eq!(text(&json!({"text": "a", "body": "b"})), Some("a"));
        assert_eq!(text(&json!({"review": "好评", "stars": 5})), Some("好评"));
        assert_eq!(text(&json!("好评")), Some("好评"));
        assert_eq!(text(&json!({"one": "a", "other": "b"})), None);
        assert_eq!(text(&json!({"image": 7})), None);
        assert_eq!(text(&json!([])), None);
        assert_eq!(source(&named).unwrap().dataset.to_string(), "d@1");
        assert!(source(&json!({"steward": "something else"})).is_none());
    }

    #[test]
    fn spans_count_code_points() {
        let spans = |end| {
            Label::Spans(vec![LabelSpan {
                start: 0,
                end,
                label: "x".into(),
            }])
        };
        let data = json!({"text": "好😀e\u{301}"});
        assert!(check_spans(&data, &spans(4)).is_ok());
        assert!(
            check_spans(&data, &spans(5))
                .unwrap_err()
                .contains("4 characters")
        );
        assert!(check_spans(&json!({"n": 1}), &spans(1)).is_err());
        assert!(check_spans(&json!({"n": 1}), &Label::Choice("x".into())).is_ok());
    }

    #[test]
    fn a_task_that_the_registry_would_refuse_is_found_before() {
        let data = json!({"text": "x"});
        for bad in ["", "a\nb", &"长".repeat(201)] {
            assert!(check_task(bad, &data).is_err(), "{bad}");
        }
        assert!(check_task(&"长".repeat(200), &data).is_ok());
        assert!(check_task("t", &json!("x".repeat(MAX_DATA_BYTES))).is_err());
    }
}
