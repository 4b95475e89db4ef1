//! What a task makes of the answer to its request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::call::{HttpCall, HttpOutput};
use crate::{Error, ErrorKind};

/// An answer to a request.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// Names and values, in the order in which they came; names in any case.
    pub headers: &'a [(String, String)],
    /// All of the body.
    pub body: &'a [u8],
}

/// What the task gets: the body, the body in Base64, or request, status, headers and body.
///
/// The request that is told of is `call` without secrets, authentication and body; its `uri` is the one of the definition
/// with the query behind it.
///
/// # Errors
/// A `communication` error with the status, where that is none of success: 200 to 299, and 300 to 399 with `redirect`.
pub fn output(call: &HttpCall, answer: &Answer<'_>) -> Result<Value, Error> {
    let fine = (200..300).contains(&answer.status) || (call.redirect && (300..400).contains(&answer.status));
    if !fine {
        let mut said: String = String::from_utf8_lossy(answer.body.get(..1_000).unwrap_or(answer.body)).into_owned();
        if !said.is_empty() {
            said = format!(": {said}");
        }
        let detail = format!("{} was answered with {}{said}", call.method, answer.status);
        return Err(Error::new(ErrorKind::Communication, detail).with_status(answer.status));
    }
    let header = |name: &str| answer.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str());
    Ok(match call.output {
        HttpOutput::Raw => STANDARD.encode(answer.body).into(),
        HttpOutput::Content => content(header("content-type"), answer.body),
        HttpOutput::Response => {
            let mut headers = Map::new();
            for (name, value) in answer.headers {
                let name = name.to_ascii_lowercase();
                let joined = match headers.get(&name).and_then(Value::as_str) {
                    Some(before) => format!("{before}, {value}"),
                    None => value.clone(),
                };
                headers.insert(name, joined.into());
            }
            json!({
                "request": {"method": call.method, "uri": call.full_uri(), "headers": call.headers},
                "statusCode": answer.status,
                "headers": headers,
                "content": content(header("content-type"), answer.body),
            })
        }
    })
}

/// A body by its type: JSON as a value, text as a text, anything else in Base64; an empty one is `null`. What says that it
/// is JSON and is none is a text.
fn content(kind: Option<&str>, body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = kind.is_empty() || kind.ends_with("/json") || kind.ends_with("+json");
    if json && let Ok(value) = serde_json::from_slice(body) {
        return value;
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.into(),
        Err(_) => STANDARD.encode(body).into(),
    }
}

impl HttpCall {
    /// The URI with the query behind it, escaped.
    pub fn full_uri(&self) -> String {
        let mut uri = self.uri.clone();
        if self.query.is_empty() {
            return uri;
        }
        let fragment = uri.find('#').map(|at| uri.split_off(at));
        let mut sign = if uri.contains('?') { '&' } else { '?' };
        for (name, value) in &self.query {
            uri.push(sign);
            uri.push_str(&crate::template::escaped(name, false));
            uri.push('=');
            uri.push_str(&crate::template::escaped(value, false));
            sign = '&';
        }
        uri.push_str(fragment.as_deref().unwrap_or_default());
        uri
    }

    /// The body as it is sent, and its type where it is not a text: what the task says of it in `content-type` goes first.
    pub fn body_bytes(&self) -> Option<(Vec<u8>, Option<&'static str>)> {
        match self.body.as_ref()? {
            Value::String(text) => Some((text.clone().into_bytes(), None)),
            value => Some((value.to_string().into_bytes(), Some("application/json"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(output: HttpOutput) -> HttpCall {
        HttpCall {
            method: "GET".into(),
            uri: "https://api.example/pets?a=1#top".into(),
            headers: Default::default(),
            query: [("q".to_owned(), "猫 & dog".to_owned())].into(),
            body: None,
            authentication: None,
            output,
            redirect: false,
        }
    }

    #[test]
    fn answers_are_read_by_their_type() {
        let headers = [("Content-Type".to_owned(), "application/problem+json; charset=utf-8".to_owned())];
        let answer = Answer { status: 200, headers: &headers, body: br#"{"id":1}"# };
        assert_eq!(output(&call(HttpOutput::Content), &answer), Ok(json!({"id": 1})));
        assert_eq!(output(&call(HttpOutput::Raw), &answer), Ok(json!("eyJpZCI6MX0=")));
        let whole = output(&call(HttpOutput::Response), &answer).unwrap();
        assert_eq!(whole["request"]["uri"], "https://api.example/pets?a=1&q=%E7%8C%AB%20%26%20dog#top");
        assert_eq!((&whole["statusCode"], &whole["content"]["id"]), (&json!(200), &json!(1)));
        let text = [("content-type".to_owned(), "text/plain".to_owned())];
        let answer = Answer { status: 204, headers: &text, body: b"1" };
        assert_eq!(output(&call(HttpOutput::Content), &answer), Ok(json!("1")));
        let answer = Answer { status: 204, headers: &[], body: b"" };
        assert_eq!(output(&call(HttpOutput::Content), &answer), Ok(Value::Null));
    }

    #[test]
    fn other_statuses_are_errors_with_that_status() {
        let answer = Answer { status: 503, headers: &[], body: b"later" };
        let error = output(&call(HttpOutput::Content), &answer).unwrap_err();
        assert!(error.is(ErrorKind::Communication));
        assert_eq!(error.status, 503);
        assert!(error.detail.unwrap().contains("later"));
        let moved = Answer { status: 302, headers: &[], body: b"" };
        assert!(output(&call(HttpOutput::Content), &moved).is_err());
        let with = HttpCall { redirect: true, ..call(HttpOutput::Content) };
        assert!(output(&with, &moved).is_ok());
    }
}
