//! JSON Lines with provenance: each label with who gave it, when, and under which guideline.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One labelled task: one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The task.
    pub task: String,
    /// What was labelled, as it was given.
    pub data: Value,
    /// The label that holds; none where none was decided.
    pub label: Option<String>,
    /// The labelled parts of the text, where parts are labelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<LabelledSpan>,
    /// How the label was decided.
    pub decided: Decision,
    /// Everything that was said about the task, the earliest first.
    pub annotations: Vec<Said>,
}

/// A labelled part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelledSpan {
    /// The first code point.
    pub start: usize,
    /// The code point after the last.
    pub end: usize,
    /// The label.
    pub label: String,
}

/// How a label was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// By which method.
    pub method: Method,
    /// The version of the guideline that it was decided under.
    pub guideline: u32,
    /// The probability of the label, 0 to 1, where the method gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Who decided: the judge of an adjudication, or the model, as `sentiment@1.2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What a label comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// It was known before.
    Gold,
    /// A judge looked at what the annotators said.
    Adjudication,
    /// Most votes.
    Majority,
    /// Votes weighed by skill on gold questions.
    WeightedVote,
    /// Votes weighed by the estimated errors of the annotators.
    DawidSkene,
    /// Labelling functions.
    LabelModel,
    /// What a deployed plugin made of the annotations.
    Function,
    /// A model that was sure enough.
    Model,
    /// Nothing decides yet.
    Undecided,
}

/// What one annotator, model or labelling function said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Whether a person said it.
    pub kind: Annotator,
    /// Who: the id of a person, or `sentiment@1.2.0~int8` of a model.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The version of the guideline that the person read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guideline: Option<u32>,
    /// The label.
    pub label: Value,
    /// How sure the model was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// What it follows from, where it follows from what others said: of labelling functions the plugins that hold them,
    /// and their votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Value>,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Annotator {
    /// A person.
    Person,
    /// A model.
    Model,
    /// A labelling function.
    Function,
}

/// Writes one line for each record and returns how many there were.
///
/// # Errors
/// Those of the writer.
pub fn write_jsonl(
    out: &mut impl Write,
    records: impl IntoIterator<Item = Record>,
) -> io::Result<u64> {
    let mut lines = 0;
    for record in records {
        serde_json::to_writer(&mut *out, &record)?;
        out.write_all(b"\n")?;
        lines += 1;
    }
    out.flush()?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_says_who_when_and_under_which_guideline() {
        let said = |kind, by: &str, label: &str| Said {
            kind,
            by: by.into(),
            at: "2026-03-01T08:00:00Z".parse().unwrap(),
            guideline: (kind == Annotator::Person).then_some(2),
            label: json!(label),
            confidence: (kind == Annotator::Model).then_some(0.75),
            provenance: (kind == Annotator::Function).then(|| json!({"votes": []})),
        };
        let record = Record {
            task: "t\n1".into(),
            data: json!({"text": "好评 😀"}),
            label: Some("正面".into()),
            spans: vec![LabelledSpan {
                start: 3,
                end: 4,
                label: "emoji".into(),
            }],
            decided: Decision {
                method: Method::DawidSkene,
                guideline: 2,
                confidence: Some(0.5),
                by: None,
                at: None,
            },
            annotations: vec![
                said(Annotator::Person, "陈", "正面"),
                said(Annotator::Model, "sentiment@1.2.0~int8", "正面"),
            ],
        };
        let mut out = Vec::new();
        let lines = write_jsonl(&mut out, [record.clone(), record.clone()]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let read: Vec<Record> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!((lines, read), (2, vec![record.clone(), record]));
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["annotations"][1]["by"], "sentiment@1.2.0~int8");
        assert_eq!(
            first["decided"],
            json!({"method": "dawid-skene", "guideline": 2, "confidence": 0.5})
        );
        assert_eq!(first["annotations"][0]["at"], "2026-03-01T08:00:00Z");
    }
}
