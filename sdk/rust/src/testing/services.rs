//! What a case gives its plugin beside the configuration: secrets, and the answers of services.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::cases::difference;

/// What the host of one case has.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Values of secrets by their names.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Requests that the plugin sends, each with its answer. Where there are any, it must send all of them and no other.
    #[serde(default)]
    pub http: Vec<Recorded>,
}

/// A request to a service, and what the service answers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// `GET`, `POST` …
    #[serde(default = "get")]
    pub method: String,
    /// `https://HOST[:PORT]/PATH?QUERY`
    pub url: String,
    /// What the body of the request must be: a text as it is, any other value as JSON, of whose objects only the fields
    /// that are here are looked at. None is any body.
    #[serde(default)]
    pub sent: Option<Value>,
    /// Status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Header fields of the answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body of the answer: a text as it is, any other value as JSON.
    #[serde(default)]
    pub body: Option<Value>,
}

fn get() -> String {
    "GET".into()
}

fn ok() -> u16 {
    200
}

impl Given {
    /// Whether it can be played.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn check(&self) -> Result<(), String> {
        for recorded in &self.http {
            let url = &recorded.url;
            if !(url.starts_with("https://") || url.starts_with("http://")) {
                return Err(format!("`{url}` does not begin with https:// or http://"));
            }
            if !(200..=599).contains(&recorded.status) {
                return Err(format!("{} is no status of an answer", recorded.status));
            }
        }
        Ok(())
    }
}

impl Recorded {
    fn is_of(&self, method: &str, url: &str, body: &[u8]) -> bool {
        let said = match &self.sent {
            None => true,
            Some(Value::String(text)) => text.as_bytes() == body,
            Some(sent) => serde_json::from_slice(body).is_ok_and(|got| holds(sent, &got)),
        };
        said && self.method == method && whole(&self.url) == whole(url)
    }

    /// Header fields of the answer; a body of JSON says so where nothing else does.
    pub fn fields(&self) -> Vec<(String, String)> {
        let fields = self.headers.iter();
        let mut fields: Vec<_> = fields
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        let typed = fields.iter().any(|(name, _)| name == "content-type");
        let json = self.body.as_ref().is_some_and(|body| !body.is_string());
        if json && !typed {
            fields.push(("content-type".into(), "application/json".into()));
        }
        fields
    }

    /// Body of the answer.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.body {
            None => Vec::new(),
            Some(Value::String(text)) => text.clone().into_bytes(),
            Some(value) => value.to_string().into_bytes(),
        }
    }
}

/// The URL in one spelling, as a host sends it: the host in lower case, without the port that its scheme has anyway, and with
/// a path.
fn whole(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = host.to_ascii_lowercase();
    let port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(port).unwrap_or(&host);
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{host}{slash}{path}")
}

/// Whether everything that is expected is there; objects may have more.
fn holds(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => expected
            .iter()
            .all(|(key, value)| got.get(key).is_some_and(|got| holds(value, got))),
        _ => difference(expected, got, "").is_none(),
    }
}

/// Plays what a case recorded.
#[derive(Debug, Default)]
pub struct Replay {
    strict: bool,
    left: Vec<Recorded>,
    unexpected: Option<String>,
}

impl Replay {
    /// From its beginning.
    pub fn new(recorded: Vec<Recorded>) -> Self {
        Self {
            strict: !recorded.is_empty(),
            left: recorded,
            unexpected: None,
        }
    }

    /// The answer to a request: that of the first exchange of this kind that was not played yet.
    pub fn answer(&mut self, method: &str, url: &str, body: &[u8]) -> Option<Recorded> {
        let found = self.left.iter().position(|r| r.is_of(method, url, body));
        let Some(at) = found else {
            let body: String = String::from_utf8_lossy(body).chars().take(400).collect();
            let sent = format!("{method} {url} {body}").trim_end().to_owned();
            self.unexpected.get_or_insert(sent);
            return None;
        };
        Some(self.left.remove(at))
    }

    /// Whether everything was sent that was recorded, and nothing else.
    ///
    /// # Errors
    /// What differs, for people.
    pub fn judge(&self) -> Result<(), String> {
        match (&self.unexpected, self.left.first()) {
            (Some(sent), _) if self.strict => {
                Err(format!("the case has no answer to its request: {sent}"))
            }
            (_, Some(left)) => Err(format!("it did not send {} {}", left.method, left.url)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn replay(recorded: Value) -> Replay {
        Replay::new(serde_json::from_value(recorded).unwrap())
    }

    #[test]
    fn each_exchange_is_played_once_in_its_order() {
        let mut replay = replay(json!([
            {"url": "https://a.example", "body": "first"},
            {"url": "https://a.example/", "body": {"n": 2}},
            {"method": "POST", "url": "https://a.example/?q=1", "sent": {"a": {"b": 1}}, "status": 503},
        ]));
        let first = replay.answer("GET", "https://a.example/", b"").unwrap();
        assert_eq!(
            (first.bytes(), first.fields(), first.status),
            (b"first".to_vec(), Vec::new(), 200)
        );
        let second = replay.answer("GET", "https://a.example", b"").unwrap();
        assert_eq!(second.bytes(), b"{\"n\":2}");
        assert_eq!(second.fields()[0].1, "application/json");
        assert!(replay.judge().unwrap_err().contains("did not send POST"));
        let body = br#"{"a":{"b":1,"c":2},"d":3}"#;
        let third = replay.answer("POST", "https://a.example?q=1", body);
        assert_eq!(third.unwrap().status, 503);
        assert_eq!(replay.judge(), Ok(()));
        assert_eq!(replay.answer("GET", "https://a.example/", b""), None);
        assert!(replay.judge().unwrap_err().contains("no answer to"));
    }

    #[test]
    fn another_body_is_another_request() {
        let sent = json!([{"method": "POST", "url": "https://a.example/", "sent": {"a": 1}}]);
        for other in [&b"{\"a\":2}"[..], b"{}", b"a", b""] {
            let mut replay = replay(sent.clone());
            assert_eq!(replay.answer("POST", "https://a.example/", other), None);
            assert!(replay.judge().is_err());
        }
        // A case that gives no services says nothing of requests.
        let mut none = replay(json!([]));
        assert_eq!(none.answer("GET", "https://a.example/", b""), None);
        assert_eq!(none.judge(), Ok(()));
    }

    #[test]
    fn what_cannot_be_played_is_told() {
        let given =
            |http: Value| -> Given { serde_json::from_value(json!({"http": http})).unwrap() };
        assert!(given(json!([{"url": "http://a.example"}])).check().is_ok());
        assert!(given(json!([{"url": "a.example"}])).check().is_err());
        let bad = json!([{"url": "https://a.example", "status": 100}]);
        assert!(given(bad).check().is_err());
    }
}
