//! Labels and texts on the command line.

use std::str::FromStr;

use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;

/// The largest file that a text is read from, in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// A label.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct LabelGiven {
    /// The label
    #[arg(value_name = "LABEL", conflicts_with_all = ["span", "no_span"])]
    pub label: Option<String>,
    /// A labelled part of the text, in characters (code points) from 0, the end not included; give it once for each
    #[arg(long, value_name = "START-END=LABEL", conflicts_with = "no_span")]
    pub span: Vec<Span>,
    /// No part of the text has a label
    #[arg(long)]
    pub no_span: bool,
}

impl LabelGiven {
    pub fn json(&self) -> Value {
        match &self.label {
            Some(label) => json!({ "choice": label }),
            None => {
                let spans = self.span.iter();
                let spans = spans.map(
                    |span| json!({ "start": span.start, "end": span.end, "label": span.label }),
                );
                json!({ "spans": spans.collect::<Vec<_>>() })
            }
        }
    }
}

/// `0-5=person`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
    label: String,
}

impl FromStr for Span {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let wrong = || format!("`{given}` is not like 0-5=person");
        let (place, label) = given.split_once('=').ok_or_else(wrong)?;
        let (start, end) = place.split_once('-').ok_or_else(wrong)?;
        let span = Self {
            start: start.parse().map_err(|_| wrong())?,
            end: end.parse().map_err(|_| wrong())?,
            label: label.to_owned(),
        };
        if span.start >= span.end || span.label.is_empty() {
            return Err(format!("`{given}` holds no character, or has no label"));
        }
        Ok(span)
    }
}

/// A text, or what `@FILE` holds.
pub fn text(given: &str) -> Result<String, Failure> {
    let Some(path) = given.strip_prefix('@') else {
        return Ok(given.to_owned());
    };
    let path = std::path::Path::new(path);
    let about = std::fs::metadata(path).map_err(|e| Failure::file("read", path, &e))?;
    if about.len() > MAX_TEXT {
        return Err(Failure::invalid(format!(
            "{} has {} bytes; at most {MAX_TEXT} are read",
            path.display(),
            about.len()
        )));
    }
    std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_checked() {
        let span: Span = "3-12=人名=x".parse().unwrap();
        assert_eq!(
            (span.start, span.end, span.label.as_str()),
            (3, 12, "人名=x")
        );
        for bad in ["", "3", "3-4", "4-4=x", "5-3=x", "-1-4=x", "a-b=x", "1-2="] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_text_may_be_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("指南.md");
        std::fs::write(&path, "# 好评？").unwrap();
        assert_eq!(text(&format!("@{}", path.display())).unwrap(), "# 好评？");
        assert_eq!(text("as it is").unwrap(), "as it is");
        assert!(text("@/no/such/file").is_err());
    }
}
