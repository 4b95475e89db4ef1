//! How Jira Cloud is asked (REST API, version 3): basic authentication with an account and its API token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use steward_sdk::http::{Request, Response};
use steward_sdk::step::Error;
use steward_sdk::{config, secrets};

/// The secret with `ACCOUNT:TOKEN`, as `li@example.com:ATATT3x…`.
const TOKEN: &str = "jira-token";
/// The most of an answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// How much of Jira's own words is passed on, in characters.
const MAX_WORDS: usize = 500;

/// One site of Jira Cloud.
pub struct Client {
    url: String,
    authorization: String,
}

impl Client {
    /// The site of the configuration, with the account of the secret.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`]
    pub fn new() -> Result<Self, Error> {
        let url = config::get("site_url")?.unwrap_or_default();
        let url = url.trim().trim_end_matches('/').to_owned();
        if url.is_empty() {
            return Err(Error::InvalidConfig(
                "`site_url` is not set; deploy with --config site_url=https://YOUR-SITE.atlassian.net".into(),
            ));
        }
        let account = secrets::get(TOKEN)?.reveal_text()?;
        let account = account.trim();
        if !account.contains(':') {
            return Err(Error::InvalidConfig(format!(
                "the secret `{TOKEN}` is not ACCOUNT:TOKEN, as li@example.com:ATATT3x…"
            )));
        }
        let authorization = format!("Basic {}", STANDARD.encode(account));
        Ok(Self { url, authorization })
    }

    /// Gets a resource.
    ///
    /// # Errors
    /// Those of [`Client::post`].
    pub fn get(&self, path: &str) -> Result<Value, Error> {
        self.send(Request::get(&format!("{}/rest/api/3/{path}", self.url)))
    }

    /// Posts JSON; the answer is `null` where Jira says nothing.
    ///
    /// # Errors
    /// [`Error::Retryable`] where Jira is busy or does not answer, [`Error::InvalidConfig`] where it does not accept the
    /// account, [`Error::InvalidInput`] with Jira's words where it does not accept what was sent.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(Request::post(&format!("{}/rest/api/3/{path}", self.url)).json(&body.to_string()))
    }

    fn send(&self, request: Request) -> Result<Value, Error> {
        let mut request = request
            .header("authorization", &self.authorization)
            .header("accept", "application/json");
        request.max_answer_bytes = MAX_ANSWER_BYTES;
        read(&request.send()?)
    }
}

fn read(answer: &Response) -> Result<Value, Error> {
    let says = |what: &str| {
        let words = words(&answer.body);
        let end = if words.is_empty() { String::new() } else { format!(": {words}") };
        format!("{what} ({}){end}", answer.status)
    };
    Err(match answer.status {
        204 => return Ok(Value::Null),
        200..=299 => {
            return serde_json::from_slice(&answer.body)
                .map_err(|_| Error::Other("Jira's answer is no JSON".into()));
        }
        409 | 423 | 429 | 500.. => {
            let reason = says("Jira does not take the request now");
            match answer.retry_after_ms() {
                Some(ms) => Error::retry_after(reason, ms),
                None => Error::retry(reason),
            }
        }
        401 | 403 => Error::InvalidConfig(says(&format!(
            "Jira does not accept the account of the secret `{TOKEN}`, or it may not do this"
        ))),
        400 | 404 | 413 | 422 => Error::InvalidInput(says("Jira refuses this")),
        _ => Error::Other(says("Jira answered with an unexpected status")),
    })
}

/// What Jira says is wrong: `errorMessages` and `errors`.
fn words(body: &[u8]) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let messages = said["errorMessages"].as_array().into_iter().flatten();
    let messages = messages.filter_map(Value::as_str).map(str::to_owned);
    let fields = said["errors"].as_object().into_iter().flatten();
    let fields = fields.filter_map(|(name, why)| Some(format!("{name}: {}", why.as_str()?)));
    let all = messages.chain(fields).collect::<Vec<_>>().join("; ");
    all.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}
