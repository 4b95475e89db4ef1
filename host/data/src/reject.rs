//! Rows that cannot be treated.

use serde::Serialize;

use steward_formats::{Fault, Line, SHOWN_BYTES};

/// Why a row was rejected. The code is stable, the text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    #[error(transparent)]
    Unreadable(Fault),
    #[error("not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("not a JSON object")]
    NotAnObject,
    #[error("there is no field `{0}`")]
    NoText(String),
    #[error("the field `{0}` is not a string")]
    TextNotString(String),
    #[error("the field `{0}` stands there twice")]
    Twice(String),
    #[error("the field `{0}` is neither a string nor a number of at most {MAX_ID_BYTES} bytes")]
    BadId(String),
    #[error("the field `{0}` exists already, and a step writes it")]
    FieldTaken(String),
    #[error("step `{step}`: {reason}")]
    StepFailed { step: String, reason: String },
}

/// The longest id, in bytes. Ids of kept rows stay in memory, to name the first of duplicates.
pub(crate) const MAX_ID_BYTES: usize = 512;

impl Reason {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(fault) => fault.code(),
            Self::NotUtf8(_) => "not-utf-8",
            Self::NotJson(_) => "not-json",
            Self::NotAnObject => "not-an-object",
            Self::NoText(_) => "no-text",
            Self::TextNotString(_) => "text-not-a-string",
            Self::Twice(_) => "field-twice",
            Self::BadId(_) => "bad-id",
            Self::FieldTaken(_) => "field-taken",
            Self::StepFailed { .. } => "step-failed",
        }
    }
}

#[derive(Serialize)]
struct RejectLine<'a> {
    line: u64,
    code: &'static str,
    reason: String,
    raw: &'a str,
}

/// Appends one line of the rejects file.
pub(crate) fn write(out: &mut Vec<u8>, line: &Line, reason: &Reason) {
    let raw = String::from_utf8_lossy(&line.bytes[..line.bytes.len().min(SHOWN_BYTES)]);
    // A character that the cut went through is not shown as damage of the input.
    let raw = if line.bytes.len() > SHOWN_BYTES || line.fault.is_some() {
        raw.trim_end_matches('\u{FFFD}')
    } else {
        &*raw
    };
    let reject = RejectLine {
        line: line.number,
        code: reason.code(),
        reason: reason.to_string(),
        raw,
    };
    crate::record::write_json(out, &reject);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_shown_short_and_as_json() {
        let line = Line {
            number: 7,
            bytes: [b"\xFF{".as_slice(), "字".repeat(400).as_bytes()].concat(),
            fault: None,
        };
        let mut out = Vec::new();
        write(&mut out, &line, &Reason::NotUtf8(0));
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["line"], 7);
        assert_eq!(value["code"], "not-utf-8");
        let raw = value["raw"].as_str().unwrap();
        assert!(
            raw.starts_with('\u{FFFD}') && raw.ends_with('字') && raw.len() < 600,
            "{raw}"
        );
    }
}
