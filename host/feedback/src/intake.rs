//! Feedback as it comes in: one JSON object for each, or the note of an interview.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::FeedbackError;
use crate::error::shown;

/// The longest text, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The longest name, in characters.
const MAX_NAME: usize = 200;

/// Where feedback comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Sent by an application.
    #[default]
    Api,
    /// An answer to a survey.
    Survey,
    /// From a file.
    Import,
    /// From the note of an interview.
    Interview,
}

impl Source {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Survey => "survey",
            Self::Import => "import",
            Self::Interview => "interview",
        }
    }
}

/// One piece of feedback. At least one of text, rating, liked and correction says something.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incoming {
    /// The name that its sender has for it: the same again is the same feedback. None: it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What was said, in free words.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "or_empty"
    )]
    pub text: String,
    /// Which survey it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<String>,
    /// Who said it, by an opaque name: nothing by which somebody can be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respondent: Option<String>,
    /// How it was rated, on the scale of its survey.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "number"
    )]
    pub rating: Option<f64>,
    /// Thumbs up or down.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "truth"
    )]
    pub liked: Option<bool>,
    /// What a model was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<String>,
    /// What it should have answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<String>,
    /// The call that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<String>,
    /// The trace of that call: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The function that it is about, `name` or `name@version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The model that it is about, `name` or `name@version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When it was said, in milliseconds since 1970; none: when it came.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole"
    )]
    pub at: Option<i64>,
}

/// Files of rows have everything as texts, and nothing as an empty one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written<T> {
    Value(T),
    Text(String),
}

fn written<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + FromStr,
{
    match Option::<Written<T>>::deserialize(from)? {
        None => Ok(None),
        Some(Written::Value(value)) => Ok(Some(value)),
        Some(Written::Text(text)) if text.trim().is_empty() => Ok(None),
        Some(Written::Text(text)) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom(format!("`{}` cannot be read", shown(&text)))),
    }
}

/// Nothing is an empty text.
fn or_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(from)?.unwrap_or_default())
}

fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    written(from)
}

fn whole<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    written(from)
}

fn truth<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    written(from)
}

impl Incoming {
    /// The same with nothing where a file of rows has an empty cell.
    #[must_use]
    pub fn without_empty(mut self) -> Self {
        for name in [
            &mut self.id,
            &mut self.survey,
            &mut self.respondent,
            &mut self.prompt,
            &mut self.completion,
            &mut self.correction,
            &mut self.invocation,
            &mut self.trace,
            &mut self.function,
            &mut self.model,
        ] {
            if name.as_deref().is_some_and(|name| name.trim().is_empty()) {
                *name = None;
            }
        }
        self
    }

    /// Checks what anybody may send.
    ///
    /// # Errors
    /// What says nothing, is too long, or names something by no name.
    pub fn check(&self) -> Result<(), FeedbackError> {
        for (name, text) in self.texts() {
            if text.len() > MAX_TEXT_BYTES {
                return Err(FeedbackError::Invalid(format!(
                    "`{name}` has {} bytes; at most {MAX_TEXT_BYTES} are taken",
                    text.len()
                )));
            }
        }
        let names = [
            ("id", &self.id),
            ("survey", &self.survey),
            ("respondent", &self.respondent),
            ("invocation", &self.invocation),
            ("function", &self.function),
            ("model", &self.model),
        ];
        for (field, name) in names {
            let Some(name) = name else { continue };
            let fits =
                !name.trim().is_empty() && name.chars().take(MAX_NAME + 1).count() <= MAX_NAME;
            if !fits || name.chars().any(char::is_control) {
                return Err(FeedbackError::Invalid(format!(
                    "`{field}` is `{}`; a name has 1 to {MAX_NAME} characters on one line",
                    shown(name)
                )));
            }
        }
        let of_trace = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if let Some(trace) = &self.trace
            && (trace.len() != 32 || !trace.chars().all(of_trace))
        {
            return Err(FeedbackError::Invalid(format!(
                "`trace` is `{}`; it is the id of a trace, 32 digits of 0 to 9 and a to f, as `traceparent` has it",
                shown(trace)
            )));
        }
        // A survey is called by its operator: nothing that names a person fits.
        let of_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if let Some(survey) = self
            .survey
            .as_deref()
            .filter(|name| !name.chars().all(of_name))
        {
            return Err(FeedbackError::Invalid(format!(
                "`survey` is `{}`; the name of a survey has letters, digits, `-`, `_` and `.`",
                shown(survey)
            )));
        }
        if self.rating.is_some_and(|rating| !rating.is_finite()) {
            return Err(FeedbackError::invalid("`rating` is no number"));
        }
        let correction = self.correction.as_deref().unwrap_or_default();
        if self.text.trim().is_empty()
            && correction.trim().is_empty()
            && self.rating.is_none()
            && self.liked.is_none()
        {
            return Err(FeedbackError::invalid(
                "it says nothing: send at least one of `text`, `rating`, `liked` and `correction`",
            ));
        }
        if self.completion.is_some() != self.prompt.is_some() {
            return Err(FeedbackError::invalid(
                "`prompt` and `completion` belong together: what a model was asked, and what it answered",
            ));
        }
        if self.correction.is_some() && self.completion.is_none() {
            return Err(FeedbackError::invalid(
                "`correction` says what a model should have answered; send its `prompt` and `completion` too",
            ));
        }
        if self.survey.is_some() && self.rating.is_some() && self.respondent.is_none() {
            return Err(FeedbackError::invalid(
                "a rating that answers a survey names its `respondent`, so that an answer that is sent twice counts once",
            ));
        }
        Ok(())
    }

    /// Everything in it that somebody wrote, by the name of its field.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("text", Some(self.text.as_str())),
            ("prompt", self.prompt.as_deref()),
            ("completion", self.completion.as_deref()),
            ("correction", self.correction.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, text)| text.map(|text| (name, text)))
    }

    /// The same texts, to be replaced by what is left of them.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        std::iter::once(&mut self.text).chain(
            [&mut self.prompt, &mut self.completion, &mut self.correction]
                .into_iter()
                .filter_map(Option::as_mut),
        )
    }
}

/// The remarks of an interview, one piece of feedback each: paragraphs, items of lists and quotations. Headings of Markdown
/// and lines of nothing but marks are none.
pub fn interview(note: &str) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    let mut open = false;
    for line in note.lines() {
        let line = line.trim();
        let says = line.chars().any(char::is_alphanumeric);
        if !says || line.starts_with('#') {
            open = false;
            continue;
        }
        let (marked, text) = unmarked(line);
        match remarks.last_mut() {
            Some(last) if open && !marked => {
                last.push(' ');
                last.push_str(text);
            }
            _ => remarks.push(text.to_owned()),
        }
        open = true;
    }
    remarks
}

/// Without the mark of a list or a quotation, and whether there was one.
fn unmarked(line: &str) -> (bool, &str) {
    for mark in ["- ", "* ", "+ ", "> ", "• ", "·", "－"] {
        if let Some(rest) = line.strip_prefix(mark) {
            return (true, rest.trim());
        }
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    if (1..=3).contains(&digits)
        && let Some(rest) = line.get(digits..)
        && let Some(rest) = [". ", ") ", "、", "．"]
            .into_iter()
            .find_map(|mark| rest.strip_prefix(mark))
    {
        return (true, rest.trim());
    }
    (false, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Incoming, String> {
        let read: Incoming = serde_json::from_str(json).map_err(|e| e.to_string())?;
        read.check().map_err(|e| e.to_string())?;
        Ok(read)
    }

    #[test]
    fn what_says_something_is_taken() {
        for json in [
            r#"{"text": "很好用"}"#,
            r#"{"text": null, "liked": true}"#,
            r#"{"survey": "nps", "respondent": "r-1", "rating": 9}"#,
            r#"{"survey": "nps", "respondent": "r-1", "rating": " 9 ", "liked": "", "at": "1000"}"#,
            r#"{"prompt": "p", "completion": "c", "liked": false, "model": "m@2"}"#,
            r#"{"prompt": "p", "completion": "c", "correction": "d", "trace": "0af7651916cd43dd8448eb211c80319c"}"#,
        ] {
            read(json).unwrap();
        }
        let mut all =
            read(r#"{"text": "a", "prompt": "b", "completion": "c", "correction": "d"}"#).unwrap();
        assert_eq!(all.texts_mut().count(), all.texts().count());
    }

    #[test]
    fn what_says_nothing_or_too_much_is_refused() {
        for (json, says) in [
            ("{}", "says nothing"),
            (r#"{"text": "  "}"#, "says nothing"),
            (r#"{"text": "a", "txt": "b"}"#, "unknown field `txt`"),
            (r#"{"rating": "good"}"#, "`good` cannot be read"),
            (r#"{"rating": 9, "survey": "nps"}"#, "respondent"),
            (r#"{"text": "a", "prompt": "b"}"#, "belong together"),
            (r#"{"correction": "b"}"#, "send its `prompt`"),
            (r#"{"text": "a", "model": "  "}"#, "`model`"),
            (
                r#"{"text": "a", "trace": "0AF7651916CD43DD8448EB211C80319C"}"#,
                "`trace`",
            ),
            (r#"{"text": "a", "trace": "0af7"}"#, "`traceparent`"),
            (r#"{"text": "a", "survey": "lin@example.com"}"#, "`survey`"),
            (r#"{"text": "a", "respondent": "a\nb"}"#, "`respondent`"),
        ] {
            let said = read(json).unwrap_err();
            assert!(said.contains(says), "{json}: {said}");
        }
        let long = Incoming {
            text: "字".repeat(MAX_TEXT_BYTES),
            ..Incoming::default()
        };
        assert!(long.check().is_err());
    }

    #[test]
    fn an_interview_is_its_remarks() {
        let note = "# 访谈 7\n\n- 导出太慢了，\n  每次要等三分钟\n- prices are fair\n\n---\n> “I would not miss it”\n\n1. 希望有夜间模式\n10) more colours\nThe rest\nis one remark.\n";
        assert_eq!(
            interview(note),
            [
                "导出太慢了， 每次要等三分钟",
                "prices are fair",
                "“I would not miss it”",
                "希望有夜间模式",
                "more colours The rest is one remark.",
            ]
        );
        assert!(interview("# only\n\n---").is_empty());
    }
}
