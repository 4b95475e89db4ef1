//! `tests/cases.jsonl`: one call and its expected answer a line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::services::Given;

/// The largest file of cases that is read, in bytes.
pub const MAX_CASES_BYTES: usize = 16 * 1024 * 1024;

/// One call and what it must answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case shows; unique in the file.
    pub name: String,
    /// What the deployment sets. Keys that are not here have the default of the manifest.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Secrets, and services that answer.
    #[serde(default)]
    pub host: Given,
    /// The exported function; none: the first of the world.
    #[serde(default)]
    pub call: Option<String>,
    /// The parameters by name.
    pub input: Value,
    /// The answer. Either this or `expect_error`.
    #[serde(default)]
    pub expect: Option<Value>,
    /// The name of the error: `invalid-input`, `invalid-config`, `unavailable` or `other`; of a step `retryable` too.
    #[serde(default)]
    pub expect_error: Option<String>,
}

/// A call that did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// `invalid-input`, `invalid-config`, …
    pub code: String,
    /// For people.
    pub message: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for CallError {}

/// A file of cases that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasesError {
    /// Counted from 1; 0 where it is about the whole file.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for CasesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "tests/cases.jsonl: {}", self.reason),
            line => write!(f, "tests/cases.jsonl:{line}: {}", self.reason),
        }
    }
}

impl std::error::Error for CasesError {}

/// Reads a file of cases. Empty lines are skipped.
///
/// # Errors
/// The first line that is not a case, or what is wrong with the file.
pub fn parse_cases(text: &str) -> Result<Vec<Case>, CasesError> {
    if text.len() > MAX_CASES_BYTES {
        let reason = format!("{} bytes; at most {MAX_CASES_BYTES} are read", text.len());
        return Err(CasesError { line: 0, reason });
    }
    let mut cases = Vec::new();
    let mut names = BTreeSet::new();
    for (n, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let wrong = |reason: String| CasesError {
            line: n + 1,
            reason,
        };
        let case: Case = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        if case.expect.is_some() == case.expect_error.is_some() {
            return Err(wrong("a case has either `expect` or `expect_error`".into()));
        }
        case.host.check().map_err(wrong)?;
        if !names.insert(case.name.clone()) {
            return Err(wrong(format!("a second case is called `{}`", case.name)));
        }
        cases.push(case);
    }
    if cases.is_empty() {
        return Err(CasesError {
            line: 0,
            reason: "it holds no case".into(),
        });
    }
    Ok(cases)
}

impl Case {
    /// Compares what the call answered with what it must answer.
    ///
    /// # Errors
    /// What differs, for people.
    pub fn judge(&self, answer: &Result<Value, CallError>) -> Result<(), String> {
        match (answer, &self.expect, &self.expect_error) {
            (Ok(got), Some(expect), _) => difference(expect, got, "").map_or(Ok(()), Err),
            (Ok(got), None, code) => {
                let code = code.as_deref().unwrap_or_default();
                Err(format!("expected the error `{code}`, got {}", shown(got)))
            }
            (Err(error), _, Some(code)) if error.code == *code => Ok(()),
            (Err(error), _, Some(code)) => Err(format!("expected the error `{code}`, got {error}")),
            (Err(error), _, None) => Err(format!("the call failed: {error}")),
        }
    }
}

/// The first place where two values differ. Numbers may differ by one part in 100,000, since
/// scores travel as 32-bit floats; an absent field equals null.
pub fn difference(expect: &Value, got: &Value, at: &str) -> Option<String> {
    match (expect, got) {
        (Value::Number(a), Value::Number(b)) => {
            let (x, y) = (
                a.as_f64().unwrap_or(f64::NAN),
                b.as_f64().unwrap_or(f64::NAN),
            );
            let near = a == b || (x - y).abs() <= 1e-5 * x.abs().max(y.abs());
            (!near).then(|| differs(expect, got, at))
        }
        (Value::Array(a), Value::Array(b)) => {
            let longer = a.len().max(b.len());
            (0..longer).find_map(|n| match (a.get(n), b.get(n)) {
                (Some(x), Some(y)) => difference(x, y, &format!("{at}[{n}]")),
                (Some(x), None) => Some(format!("{at}[{n}]: expected {}, got nothing", shown(x))),
                (None, Some(y)) => Some(format!("{at}[{n}]: expected nothing, got {}", shown(y))),
                (None, None) => None,
            })
        }
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            let field = |object: &serde_json::Map<String, Value>, key: &str| {
                object.get(key).cloned().unwrap_or_default()
            };
            keys.into_iter()
                .find_map(|key| difference(&field(a, key), &field(b, key), &format!("{at}.{key}")))
        }
        _ => (expect != got).then(|| differs(expect, got, at)),
    }
}

fn differs(expect: &Value, got: &Value, at: &str) -> String {
    let place = if at.is_empty() { "the answer" } else { at };
    format!("{place}: expected {}, got {}", shown(expect), shown(got))
}

/// A value on one line, shortened: answers can be megabytes.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bad_line_is_named() {
        let good = r#"{"name":"a","input":{},"expect":[]}"#;
        assert_eq!(parse_cases(&format!("\n{good}\n\n")).unwrap().len(), 1);
        let wrong = [
            (format!("{good}\n{{"), 2, "EOF"),
            (format!("{good}\n{good}"), 2, "second case"),
            (r#"{"name":"a","input":{}}"#.into(), 1, "either"),
            (
                r#"{"name":"a","input":{},"expect":1,"expect_error":"other"}"#.into(),
                1,
                "either",
            ),
            (r#"{"name":"a","inputs":{},"expect":1}"#.into(), 1, "inputs"),
            (
                r#"{"name":"a","host":{"http":[{"url":"x"}]},"input":{},"expect":1}"#.into(),
                1,
                "https://",
            ),
            (String::new(), 0, "no case"),
        ];
        for (text, line, reason) in wrong {
            let error = parse_cases(&text).unwrap_err();
            assert!(
                error.line == line && error.reason.contains(reason),
                "{error}"
            );
        }
    }

    #[test]
    fn the_first_difference_is_found() {
        assert_eq!(
            difference(
                &json!({"a": [1, 0.95], "b": null}),
                &json!({"a": [1, 0.95f32]}),
                ""
            ),
            None
        );
        let found = |a, b| difference(&a, &b, "").unwrap();
        assert!(
            found(json!({"a": [1]}), json!({"a": [1, 2]})).starts_with(".a[1]: expected nothing")
        );
        assert!(found(json!({"a": 1}), json!({"a": 1.1})).starts_with(".a: expected 1"));
        assert!(found(json!("kept"), json!({"kept": 1})).starts_with("the answer"));
        assert!(found(json!({}), json!({"x": false})).starts_with(".x"));
        assert!(found(json!(0), json!("0")).contains("expected 0"));
    }

    #[test]
    fn an_error_is_judged_by_its_name() {
        let case = |expect: Option<Value>, error: Option<&str>| Case {
            name: "c".into(),
            config: BTreeMap::new(),
            host: Given::default(),
            call: None,
            input: json!({}),
            expect,
            expect_error: error.map(str::to_owned),
        };
        let failed = Err(CallError {
            code: "invalid-config".into(),
            message: "`x`".into(),
        });
        assert!(case(None, Some("invalid-config")).judge(&failed).is_ok());
        assert!(case(None, Some("other")).judge(&failed).is_err());
        assert!(case(Some(json!(1)), None).judge(&failed).is_err());
        assert!(case(None, Some("other")).judge(&Ok(json!(1))).is_err());
    }
}
