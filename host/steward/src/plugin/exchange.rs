//! Cases of functions: a request, and the response that it must get.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;
use serde_json::Value;
use steward_functions::{Call, Function};
use steward_sdk::testing::{Given, MAX_CASES_BYTES, difference};

/// The largest body of a response that is compared, in bytes.
const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

/// One request and what must come back; a line of `tests/cases.jsonl`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What the case shows; unique in the file.
    pub name: String,
    /// What the deployment sets. Keys that are not here have the default of the manifest.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Secrets, and services that answer.
    #[serde(default)]
    pub host: Given,
    pub request: Request,
    pub response: Response,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(default = "get")]
    pub method: String,
    /// Path and query, relative to the function.
    #[serde(default = "root")]
    pub path: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A text as it is, any other value as JSON.
    #[serde(default)]
    pub body: Option<Value>,
}

/// What must come back. What is left out is not looked at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A text is compared as it is, any other value as JSON.
    #[serde(default)]
    pub body: Option<Value>,
}

fn get() -> String {
    "GET".into()
}

fn root() -> String {
    "/".into()
}

/// Reads a file of cases. Empty lines are skipped.
///
/// # Errors
/// The first line that is not a case, or what is wrong with the file, for people.
pub fn parse(text: &str) -> Result<Vec<Exchange>, String> {
    if text.len() > MAX_CASES_BYTES {
        return Err(format!(
            "tests/cases.jsonl: more than {MAX_CASES_BYTES} bytes"
        ));
    }
    let mut cases: Vec<Exchange> = Vec::new();
    let mut names = BTreeSet::new();
    let lines = text.lines().enumerate();
    for (n, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| format!("tests/cases.jsonl:{}: {why}", n + 1);
        let case: Exchange = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        case.request.make().map_err(wrong)?;
        case.host.check().map_err(wrong)?;
        if !names.insert(case.name.clone()) {
            return Err(wrong(format!("a second case is called `{}`", case.name)));
        }
        cases.push(case);
    }
    if cases.is_empty() {
        return Err("tests/cases.jsonl: it holds no case".into());
    }
    Ok(cases)
}

impl Request {
    fn make(&self) -> Result<http::Request<Full<Bytes>>, String> {
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            // A whole URL, as a server makes one of the path and the header `host`.
            .uri(format!("http://localhost{}", self.path));
        if !self.path.starts_with('/') {
            return Err(format!("the path `{}` does not start with /", self.path));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = match &self.body {
            None => Bytes::new(),
            Some(Value::String(text)) => Bytes::from(text.clone()),
            Some(value) => {
                let typed = self
                    .headers
                    .keys()
                    .any(|n| n.eq_ignore_ascii_case("content-type"));
                if !typed {
                    request = request.header("content-type", "application/json");
                }
                Bytes::from(value.to_string())
            }
        };
        request.body(Full::new(body)).map_err(|e| e.to_string())
    }
}

impl Exchange {
    /// Sends the request and compares; the error says what differs.
    pub async fn run(&self, function: &Function) -> Result<(), String> {
        let answer = function.handle(Call::new(), self.request.make()?).await;
        let (head, body) = answer
            .map_err(|e| format!("the call failed: {}: {e}", e.code()))?
            .into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES)
            .collect()
            .await
            .map_err(|e| format!("the body of the response broke off: {e}"))?
            .to_bytes();
        self.response.judge(&head, &body)
    }
}

impl Response {
    fn judge(&self, head: &http::response::Parts, body: &[u8]) -> Result<(), String> {
        let shown = || {
            String::from_utf8_lossy(body)
                .chars()
                .take(400)
                .collect::<String>()
        };
        if head.status.as_u16() != self.status {
            let got = head.status.as_u16();
            return Err(format!(
                "status: expected {}, got {got}: {}",
                self.status,
                shown()
            ));
        }
        for (name, value) in &self.headers {
            let got = head
                .headers
                .get(name)
                .map(|v| String::from_utf8_lossy(v.as_bytes()));
            if got.as_deref() != Some(value.as_str()) {
                let got = got.map_or("none".into(), |got| format!("`{got}`"));
                return Err(format!("header {name}: expected `{value}`, got {got}"));
            }
        }
        match &self.body {
            None => Ok(()),
            Some(Value::String(text)) if text.as_bytes() == body => Ok(()),
            Some(Value::String(text)) => Err(format!("body: expected {text:?}, got {:?}", shown())),
            Some(value) => {
                let got = serde_json::from_slice(body)
                    .map_err(|_| format!("body: expected {value}, got {:?}", shown()))?;
                difference(value, &got, "").map_or(Ok(()), Err)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named() {
        let good = r#"{"name":"a","request":{},"response":{"status":200}}"#;
        assert_eq!(parse(&format!("\n{good}\n")).unwrap()[0].request.path, "/");
        for (text, reason) in [
            ("{", "cases.jsonl:1"),
            ("", "no case"),
            (r#"{"name":"a","request":{},"response":{}}"#, "status"),
            (
                r#"{"name":"a","request":{"paths":"/"},"response":{"status":1}}"#,
                "paths",
            ),
            (
                r#"{"name":"a","host":{"http":[{"url":"x"}]},"request":{},"response":{"status":200}}"#,
                "https://",
            ),
            (
                r#"{"name":"a","request":{"path":"x"},"response":{"status":1}}"#,
                "start with /",
            ),
            (
                r#"{"name":"a","request":{"headers":{"a b":"c"}},"response":{"status":1}}"#,
                "header",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(
            parse(&format!("{good}\n{good}"))
                .unwrap_err()
                .contains(":2:")
        );
    }

    #[test]
    fn what_differs_is_said() {
        let judge = |expected: &str, body: &str| {
            let expected: Response = serde_json::from_str(expected).unwrap();
            let answer = http::Response::builder().header("a", "b").body(()).unwrap();
            expected.judge(&answer.into_parts().0, body.as_bytes())
        };
        for good in [
            r#"{"status":200}"#,
            r#"{"status":200,"headers":{"A":"b"},"body":{"x":1}}"#,
            r#"{"status":200,"body":"{\"x\": 1}"}"#,
        ] {
            assert_eq!(judge(good, r#"{"x": 1}"#), Ok(()), "{good}");
        }
        for (bad, why) in [
            (r#"{"status":201}"#, "status"),
            (r#"{"status":200,"headers":{"a":"c"}}"#, "header a"),
            (r#"{"status":200,"headers":{"z":"c"}}"#, "none"),
            (r#"{"status":200,"body":{"x":2}}"#, ".x"),
            (r#"{"status":200,"body":"{"}"#, "body"),
        ] {
            let error = judge(bad, r#"{"x": 1}"#).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(judge(r#"{"status":200,"body":{}}"#, "text").is_err());
    }
}
