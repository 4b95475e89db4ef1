//! Talks to a server: one place for addresses, keys, limits and problems.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use indicatif::ProgressBar;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::multipart::{self, Multipart};
use crate::whole::Whole;

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

/// A connection to one server with one key.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<HeaderValue>,
    tenant: Option<String>,
}

/// An answer that is not ours to understand.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(url: &str, key: Option<&str>, tenant: Option<String>) -> Result<Self, Failure> {
        let wrong = || {
            Failure::new(
                Exit::Usage,
                format!("`{url}` is not the address of a server"),
            )
            .next("give one like http://127.0.0.1:7300 with --server or STEWARD_URL")
        };
        let base = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(wrong());
        }
        let mut http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            // For a server that has gone silent; an upload or a long call may take longer than this in all.
            .read_timeout(Duration::from_secs(310))
            // A redirect would carry the key to a place nobody has named.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("steward/", env!("CARGO_PKG_VERSION")));
        if base.scheme() == "http" {
            // Certificates are of no use here, and a machine may have none.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|e| {
            Failure::new(Exit::Failed, "the HTTP client cannot be set up").cause(chain(&e))
        })?;
        let key = key.map(bearer).transpose()?;
        Ok(Self {
            http,
            base,
            key,
            tenant,
        })
    }

    /// The address of the server.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The tenant of the key.
    pub async fn tenant(&self) -> Result<String, Failure> {
        match &self.tenant {
            Some(tenant) => Ok(tenant.clone()),
            None => {
                let me = self.get(&["api", "v1", "me"]).await?;
                me["tenant"]
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| self.not_ours())
            }
        }
    }

    pub async fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.json(self.request(Method::GET, path, &[])?).await
    }

    pub async fn query(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        self.json(self.request(Method::GET, path, query)?).await
    }

    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.json(self.request(Method::POST, path, &[])?.json(body))
            .await
    }

    /// A POST that is the same as one of the same key before.
    pub async fn post_keyed(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        key: Option<&str>,
        body: &Value,
    ) -> Result<Value, Failure> {
        let mut request = self.request(Method::POST, path, query)?.json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.json(request).await
    }

    pub async fn put(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.json(self.request(Method::PUT, path, &[])?.json(body))
            .await
    }

    pub async fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        self.json(self.request(Method::DELETE, path, &[])?).await
    }

    pub async fn delete_with(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Value, Failure> {
        self.json(self.request(Method::DELETE, path, query)?).await
    }

    /// Sends files.
    pub async fn upload(
        &self,
        path: &[&str],
        form: Multipart,
        bar: ProgressBar,
    ) -> Result<Value, Failure> {
        let request = self
            .request(Method::POST, path, &[])?
            .header(CONTENT_TYPE, form.content_type())
            .header(CONTENT_LENGTH, form.length())
            .body(reqwest::Body::wrap_stream(form.into_stream(bar)));
        self.json(request).await
    }

    /// Sends a file as it is, of some content type.
    pub async fn send_file(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        content_type: &str,
        file: &Path,
        bar: ProgressBar,
    ) -> Result<Value, Failure> {
        let about = std::fs::metadata(file).map_err(|e| Failure::file("read", file, &e))?;
        let length = about.len();
        let bytes = multipart::read(file.to_owned(), length).inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                bar.inc(chunk.len() as u64);
            }
        });
        let request = self
            .request(Method::POST, path, query)?
            .header(CONTENT_TYPE, content_type)
            .header(CONTENT_LENGTH, length)
            .body(reqwest::Body::wrap_stream(bytes));
        self.json(request).await
    }

    /// Writes an answer into a file, which appears once all of it has come; its size in bytes.
    pub async fn receive_file(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        file: &Path,
        bar: ProgressBar,
    ) -> Result<u64, Failure> {
        let mut response = self.send(self.request(Method::GET, path, query)?).await?;
        if !response.status().is_success() {
            let (status, _, body) = self.read(response).await?;
            return Err(problem(status, &body));
        }
        if let Some(length) = response.content_length() {
            bar.set_length(length);
        }
        let mut written = Whole::create(file)?;
        let mut bytes = 0;
        while let Some(chunk) = response.chunk().await.map_err(|error| {
            let what = format!("the answer of {} broke off", self.url());
            Failure::new(Exit::Unavailable, what).cause(chain(&error))
        })? {
            written.write(&chunk)?;
            bytes += chunk.len() as u64;
            bar.inc(chunk.len() as u64);
        }
        written.keep()?;
        Ok(bytes)
    }

    /// Calls a function. Every answer of the function itself is an answer, also one with an error status.
    pub async fn call(
        &self,
        method: Method,
        path: &[&str],
        body: Option<(String, Vec<u8>)>,
    ) -> Result<Answer, Failure> {
        let mut request = self.request(method, path, &[])?;
        if let Some((content_type, body)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let (status, content_type, body) = self.read(self.send(request).await?).await?;
        if content_type.starts_with("application/problem+json") {
            return Err(problem(status, &body));
        }
        Ok(Answer {
            status,
            content_type,
            body,
        })
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        // Only for addresses like `mailto:`, which `new` refuses.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let request = self.http.request(method, url);
        Ok(match &self.key {
            Some(key) => request.header(AUTHORIZATION, key.clone()),
            None => request,
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|error| {
            let failure = if error.is_connect() {
                Failure::new(
                    Exit::Unavailable,
                    format!("no server answers at {}", self.url()),
                )
                .next(
                    "start one with `steward serve`, or name another with --server or STEWARD_URL",
                )
            } else if error.is_timeout() {
                Failure::new(
                    Exit::Unavailable,
                    format!("the server at {} does not answer in time", self.url()),
                )
            } else {
                Failure::new(
                    Exit::Unavailable,
                    format!("the connection to {} broke off", self.url()),
                )
                .next("look at the server's log; a body over its limit ends a connection too")
            };
            failure.cause(chain(&error))
        })
    }

    /// Reads a whole answer, as far as it may go.
    async fn read(&self, mut response: Response) -> Result<(u16, String, Vec<u8>), Failure> {
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                Failure::new(
                    Exit::Unavailable,
                    format!("the answer of {} broke off", self.url()),
                )
                .cause(chain(&error))
            })?;
            let Some(chunk) = chunk else {
                return Ok((status, content_type, body));
            };
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Failure::new(
                    Exit::Failed,
                    format!("the answer is larger than {MAX_ANSWER} bytes"),
                ));
            }
            body.extend_from_slice(&chunk);
        }
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let (status, _, body) = self.read(self.send(request).await?).await?;
        if !(200..300).contains(&status) {
            return Err(problem(status, &body));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| self.not_ours())
    }

    fn not_ours(&self) -> Failure {
        Failure::new(
            Exit::Failed,
            format!("what answers at {} is not a Steward server", self.url()),
        )
        .next("check --server, STEWARD_URL or `steward login`")
    }
}

fn bearer(key: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| Failure::new(Exit::Denied, "the key has characters that no key has"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// The command that lists things of a kind, as the server names it.
fn list_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "dataset" => "dataset list",
        "function" => "function list",
        "key" => "key list",
        "labelling project" => "label list",
        "model" => "model list",
        "plugin" | "plugin version" => "plugin list",
        "run" => "run list",
        "secret" => "secret list",
        "survey" => "feedback survey list",
        "tenant" => "tenant list",
        "trigger" => "trigger list",
        "trusted key" => "trust list",
        "workflow" => "workflow list",
        _ => return None,
    })
}

/// What the server says went wrong (RFC 9457), with what to do next.
fn problem(status: u16, body: &[u8]) -> Failure {
    let exit = Exit::of_status(status);
    let parsed: Option<Value> = serde_json::from_slice(body).ok().filter(Value::is_object);
    let text = |name: &str| {
        parsed
            .as_ref()
            .and_then(|p| p[name].as_str())
            .map(str::to_owned)
    };
    let title =
        text("title").unwrap_or_else(|| format!("the server answered with status {status}"));
    let mut failure = Failure::new(exit, title.clone());
    if let Some(detail) = text("detail").filter(|detail| *detail != title) {
        failure = failure.cause(crate::output::printable(&detail));
    }
    failure.next = text("next").or_else(|| match exit {
        Exit::Denied if status == 401 => {
            Some("give a valid key: `steward login`, STEWARD_KEY or --key-file".into())
        }
        Exit::Denied if text("type").is_some_and(|kind| kind.ends_with("/no-budget")) => {
            Some("an operator gives the key one: see `steward privacy budget --help`".into())
        }
        // The option that grants it, and not another key.
        Exit::Denied if text("grant").is_some() => {
            let grant = text("grant").unwrap_or_default();
            let next = format!("deploy with `{grant}`, if the plugin shall have it");
            Some(crate::output::printable(&next))
        }
        Exit::Denied => Some(
            "this needs a key of another role or tenant: see `steward key create --help`".into(),
        ),
        Exit::Conflict if text("kind").is_some_and(|kind| kind.ends_with("version")) => {
            Some("published versions never change: raise the version and try again".into())
        }
        Exit::Unavailable => Some("try again in a moment".into()),
        Exit::NotFound => {
            let list = text("kind").and_then(|kind| list_of(&kind));
            list.map(|list| format!("`steward {list}` shows what there is"))
        }
        _ => None,
    });
    failure.problem = parsed.map(Box::new);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_become_failures_that_say_what_to_do() {
        let body = br#"{"type":"https://steward.dev/problems/conflict","title":"It exists","detail":"v1","kind":"plugin version","status":409}"#;
        let failure = problem(409, body);
        assert_eq!(
            (failure.exit, failure.what.as_str()),
            (Exit::Conflict, "It exists")
        );
        assert_eq!(failure.causes, ["v1"]);
        assert!(failure.next.is_some() && failure.problem.is_some());
        let poor = br#"{"type":"https://steward.dev/problems/no-budget","title":"It has none","status":403}"#;
        let next = problem(403, poor).next.unwrap_or_default();
        assert!(next.contains("steward privacy budget"), "{next}");
        let deployed = br#"{"title":"It is deployed","kind":"deployment","status":409}"#;
        assert_eq!(problem(409, deployed).next, None);
        let absent = br#"{"title":"There is no such thing","kind":"dataset","status":404}"#;
        let next = problem(404, absent).next.unwrap_or_default();
        assert!(next.contains("`steward dataset list`"), "{next}");
        assert_eq!(problem(404, br#"{"kind":"snapshot"}"#).next, None);
        let ungranted = br#"{"type":"x/grant-missing","grant":"--grant privacy=orders"}"#;
        let next = problem(403, ungranted).next.unwrap_or_default();
        assert!(next.contains("`--grant privacy=orders`"), "{next}");
        for (status, exit) in [
            (401, Exit::Denied),
            (403, Exit::Denied),
            (404, Exit::NotFound),
            (413, Exit::Invalid),
            (422, Exit::Invalid),
            (429, Exit::Unavailable),
            (503, Exit::Unavailable),
            (504, Exit::Unavailable),
            (500, Exit::Failed),
            (302, Exit::Failed),
        ] {
            assert_eq!(problem(status, b"<html>").exit, exit, "{status}");
        }
    }

    #[test]
    fn addresses_are_checked_and_paths_escaped() {
        for bad in ["", "nowhere", "ftp://x", "mailto:a@b", "http://"] {
            assert!(Client::new(bad, None, None).is_err(), "{bad}");
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::new("http://h/base/", None, None).unwrap();
        let request = client
            .request(Method::GET, &["f", "a/../b", "x y"], &[("q", "1&2".into())])
            .unwrap();
        assert_eq!(
            request.build().unwrap().url().as_str(),
            "http://h/base/f/a%2F..%2Fb/x%20y?q=1%262"
        );
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_unavailable() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A port that no system gives to whoever asks for any.
        let client = Client::new("http://127.0.0.1:1", None, None).unwrap();
        let failure = client.get(&["livez"]).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.next.unwrap().contains("steward serve"));
    }
}
