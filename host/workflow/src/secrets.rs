//! Secrets, which a run never holds.
//!
//! `$secrets.NAME` is a mark, not the value. It goes where the expression puts it, and whoever sends the request puts the
//! value in its place, in the last moment: so no secret is in a journal, a snapshot or an input of a function. What marks a
//! run's places is drawn for it alone ([`Facts::mark`](crate::Facts::mark)), so that nobody can write one into an event or
//! an answer. A run whose output, event or sub-workflow would carry a mark fails instead.

use serde_json::Value;

use crate::call::{Authentication, HttpCall, OpenApiCall};
use crate::template::escaped;
use crate::{Error, ErrorKind};

const BEGIN: &str = "__steward-secret_";
const END: &str = "__";

/// The mark of a secret.
pub(crate) fn mark(run: &str, name: &str) -> String {
    format!("{BEGIN}{run}_{name}{END}")
}

/// Whether a value carries a mark of this run.
pub(crate) fn marked(run: &str, value: &Value) -> bool {
    // Most runs have none: no mark can be shorter.
    let begin = format!("{BEGIN}{run}_");
    fn holds(value: &Value, begin: &str) -> bool {
        match value {
            Value::String(s) => s.contains(begin),
            Value::Array(items) => items.iter().any(|v| holds(v, begin)),
            Value::Object(map) => map
                .iter()
                .any(|(k, v)| k.contains(begin) || holds(v, begin)),
            _ => false,
        }
    }
    holds(value, &begin)
}

/// The most that secrets are in one request, in bytes: a small body may have a place in each of its words.
const MAX_FILLED: usize = 8 << 20;

/// Puts values in the places of marks.
struct Places<'a> {
    begin: String,
    secret: &'a mut dyn FnMut(&str) -> Option<String>,
    /// Bytes that may still be put in.
    left: usize,
}

impl Places<'_> {
    fn text(&mut self, text: &mut String, escape: bool) -> Result<(), Error> {
        if !text.contains(&self.begin) {
            return Ok(());
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, behind)) = rest.split_once(&self.begin) {
            let Some((name, after)) = behind.split_once(END) else {
                return Err(missing("a secret whose name was cut off"));
            };
            let value =
                (self.secret)(name).ok_or_else(|| missing(&format!("the secret `{name}`")))?;
            if value.contains(&self.begin) {
                return Err(missing("a secret that holds the mark of another"));
            }
            let value = if escape {
                escaped(&value, false)
            } else {
                value
            };
            self.left = self.left.checked_sub(value.len()).ok_or_else(|| {
                let mib = MAX_FILLED >> 20;
                let detail = format!("the secrets of the request are more than {mib} MiB together");
                Error::new(ErrorKind::Configuration, detail)
            })?;
            filled.push_str(before);
            filled.push_str(&value);
            rest = after;
        }
        filled.push_str(rest);
        *text = filled;
        Ok(())
    }

    fn value(&mut self, value: &mut Value) -> Result<(), Error> {
        match value {
            Value::String(s) => self.text(s, false),
            Value::Array(items) => items.iter_mut().try_for_each(|v| self.value(v)),
            Value::Object(map) => map.values_mut().try_for_each(|v| self.value(v)),
            _ => Ok(()),
        }
    }

    fn authentication(&mut self, authentication: &mut Option<Authentication>) -> Result<(), Error> {
        let Some(given) = authentication else {
            return Ok(());
        };
        match given {
            Authentication::Basic { username, password } => {
                self.text(username, false)?;
                self.text(password, false)
            }
            Authentication::Bearer { token } => self.text(token, false),
            Authentication::BasicSecret(name) => {
                let value =
                    (self.secret)(name).ok_or_else(|| missing(&format!("the secret `{name}`")))?;
                let fields: Value = serde_json::from_str(&value).unwrap_or_default();
                let field = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
                let (Some(username), Some(password)) = (field("username"), field("password"))
                else {
                    return Err(missing(&format!(
                        "`username` and `password` in the secret `{name}`, a JSON object"
                    )));
                };
                *given = Authentication::Basic { username, password };
                Ok(())
            }
            Authentication::BearerSecret(name) => {
                let value =
                    (self.secret)(name).ok_or_else(|| missing(&format!("the secret `{name}`")))?;
                let fields: Value = serde_json::from_str(&value).unwrap_or_default();
                let token = fields
                    .get("token")
                    .and_then(Value::as_str)
                    .map_or(value.trim(), str::trim)
                    .to_owned();
                *given = Authentication::Bearer { token };
                Ok(())
            }
        }
    }
}

fn missing(what: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!("the request needs {what}, which is not there"),
    )
}

impl HttpCall {
    /// The request with secrets in their places. It is for sending alone: keep it nowhere.
    ///
    /// # Errors
    /// A `configuration` error that names a secret which is not there.
    pub fn with_secrets(
        &self,
        mark: &str,
        mut secret: impl FnMut(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let mut places = Places {
            begin: format!("{BEGIN}{mark}_"),
            secret: &mut secret,
            left: MAX_FILLED,
        };
        let mut call = self.clone();
        places.text(&mut call.uri, true)?;
        for value in call.headers.values_mut().chain(call.query.values_mut()) {
            places.text(value, false)?;
        }
        if let Some(body) = &mut call.body {
            places.value(body)?;
        }
        places.authentication(&mut call.authentication)?;
        Ok(call)
    }
}

impl OpenApiCall {
    /// The request for the document, with secrets in their places. It is for sending alone: keep it nowhere.
    ///
    /// # Errors
    /// A `configuration` error that names a secret which is not there.
    pub fn document_request(
        &self,
        mark: &str,
        secret: impl FnMut(&str) -> Option<String>,
    ) -> Result<HttpCall, Error> {
        HttpCall {
            method: "GET".to_owned(),
            uri: self.document.clone(),
            headers: [("accept".to_owned(), "application/json".to_owned())].into(),
            query: Default::default(),
            body: None,
            authentication: self.document_authentication.clone(),
            output: Default::default(),
            redirect: false,
        }
        .with_secrets(mark, secret)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call() -> HttpCall {
        HttpCall {
            method: "POST".into(),
            uri: format!("https://api.example/{}", mark("r4nd0m", "path")),
            headers: [(
                "authorization".into(),
                format!("Bot {}", mark("r4nd0m", "bot")),
            )]
            .into(),
            query: Default::default(),
            body: Some(json!({"deep": [mark("r4nd0m", "bot"), mark("other", "bot")]})),
            authentication: Some(Authentication::BasicSecret("login".into())),
            output: HttpOutput::Content,
            redirect: false,
        }
    }
    use crate::call::HttpOutput;

    #[test]
    fn values_go_into_the_places_of_this_run_alone() {
        let secret = |name: &str| match name {
            "path" => Some("a/b".to_owned()),
            "bot" => Some("xoxb 1".to_owned()),
            "login" => Some(r#"{"username": "ann", "password": "陈"}"#.to_owned()),
            _ => None,
        };
        let sent = call().with_secrets("r4nd0m", secret).unwrap();
        assert_eq!(sent.uri, "https://api.example/a%2Fb");
        assert_eq!(sent.headers["authorization"], "Bot xoxb 1");
        assert_eq!(
            sent.body.unwrap()["deep"],
            json!(["xoxb 1", mark("other", "bot")])
        );
        assert_eq!(
            sent.authentication,
            Some(Authentication::Basic {
                username: "ann".into(),
                password: "陈".into()
            })
        );
    }

    #[test]
    fn a_body_full_of_marks_is_filled_once_and_within_its_bound() {
        let mut full = call();
        full.body = Some(mark("r4nd0m", "bot").repeat(60_000).into());
        let of = |value: String| {
            move |name: &str| match name {
                "login" => Some(r#"{"username": "a", "password": "b"}"#.to_owned()),
                _ => Some(value.clone()),
            }
        };
        let sent = full.with_secrets("r4nd0m", of("x".into())).unwrap();
        assert_eq!(sent.body, Some("x".repeat(60_000).into()));
        let refused = full.with_secrets("r4nd0m", of("x".repeat(64 << 10)));
        let error = refused.unwrap_err();
        assert!(error.detail.unwrap().contains("8 MiB"));
    }

    #[test]
    fn a_secret_that_is_missing_is_named_and_none_is_shown() {
        let error = call().with_secrets("r4nd0m", |_| None).unwrap_err();
        assert!(error.detail.unwrap().contains("`path`"));
        assert_eq!(format!("{:?}", call()), "HttpCall { method: \"POST\", .. }");
        assert!(marked("r4nd0m", &json!([{"a": mark("r4nd0m", "x")}])));
        assert!(!marked("r4nd0m", &json!([mark("other", "x")])));
    }
}
