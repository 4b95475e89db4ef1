//! What Slack sends, and which event of the log it becomes.
//!
//! | Slack sends | type of the event | subject | Slack is answered |
//! | --- | --- | --- | --- |
//! | a slash command | `com.slack.command` | the command, as `/approve` | a line that only its author sees |
//! | an interaction (a button, a menu, a dialog) | `com.slack.interaction` | the `block_id` of the first action, else the `callback_id` of the view | nothing |
//! | an event of the Events API | `com.slack.event` | its type, as `app_mention` | nothing |
//! | the question whether the address is ours | none | | the challenge |
//!
//! A message with buttons names in `block_id` what is to be approved, and whoever waits for that asks for the events about it.

use serde_json::{Map, Value, json};

use crate::signature::verify;

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 512 << 10;
/// The most fields of a form.
const MAX_FIELDS: usize = 64;
/// The longest subject, in characters.
const MAX_SUBJECT: usize = 200;

/// The header fields that matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'h> {
    /// `X-Slack-Request-Timestamp`
    pub timestamp: Option<&'h str>,
    /// `X-Slack-Signature`
    pub signature: Option<&'h str>,
    /// `Content-Type`
    pub content_type: Option<&'h str>,
}

/// An event to append.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Unique for each request that was signed: appended again, it is a replay.
    pub id: String,
    /// `com.slack.…`
    pub event_type: &'static str,
    /// What it is about.
    pub subject: Option<String>,
    /// What Slack sent, without its verification token.
    pub data: Value,
    /// What Slack is answered once the event is in the log; none for an empty answer.
    pub answer: Option<Value>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Append this.
    Append(Box<Taken>),
    /// Answer with this text: the challenge of an address that is set up.
    Challenge(String),
    /// Refuse it with this status.
    Refuse {
        /// 400 or 401.
        status: u16,
        /// For the log of the function; who asks is not told.
        reason: String,
    },
}

fn refuse(status: u16, reason: impl Into<String>) -> Outcome {
    Outcome::Refuse {
        status,
        reason: reason.into(),
    }
}

/// Checks and reads a request. `said` is the line with which the author of a slash command is answered.
pub fn take(secret: &[u8], headers: Headers<'_>, body: &[u8], now_s: u64, said: &str) -> Outcome {
    if body.len() > MAX_BODY_BYTES {
        return refuse(400, "the body is too large");
    }
    // Before anything of the body is read.
    let id = match verify(secret, headers.timestamp, headers.signature, body, now_s) {
        Ok(id) => id,
        Err(why) => return refuse(401, why.to_string()),
    };
    let kind = headers.content_type.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let read = match kind.to_ascii_lowercase().as_str() {
        "application/json" => json_body(body, id),
        "application/x-www-form-urlencoded" => form(body, id, said),
        other => Err(format!("the content type is `{}`", short(other))),
    };
    read.unwrap_or_else(|reason| refuse(400, reason))
}

fn json_body(body: &[u8], id: String) -> Result<Outcome, String> {
    let mut said = object(body)?;
    said.remove("token");
    match text(&said, "type") {
        Some("url_verification") => match text(&said, "challenge") {
            Some(challenge) => Ok(Outcome::Challenge(short(challenge))),
            None => Err("a verification without a challenge".into()),
        },
        Some("event_callback") => {
            // Slack sends an event again where it had no answer, signed anew: its own id tells.
            let id = text(&said, "event_id").map_or(id, |event| format!("event:{}", short(event)));
            let subject = said
                .get("event")
                .and_then(|e| e.get("type"))
                .and_then(Value::as_str);
            let subject = subject.map(short);
            Ok(append(id, "com.slack.event", subject, said, None))
        }
        other => Err(format!(
            "a body of the type `{}`",
            short(other.unwrap_or_default())
        )),
    }
}

fn form(body: &[u8], id: String, said: &str) -> Result<Outcome, String> {
    let mut fields = Map::new();
    for (n, (name, value)) in form_urlencoded::parse(body).enumerate() {
        if n >= MAX_FIELDS {
            return Err(format!("the form has more than {MAX_FIELDS} fields"));
        }
        if fields
            .insert(name.clone().into_owned(), Value::String(value.into_owned()))
            .is_some()
        {
            return Err(format!("the field `{}` is there twice", short(&name)));
        }
    }
    fields.remove("token");
    if let Some(payload) = text(&fields, "payload") {
        return interaction(payload, id);
    }
    let Some(command) = text(&fields, "command").filter(|command| command.starts_with('/')) else {
        return Err("a form that is neither a command nor an interaction".into());
    };
    let subject = Some(short(command));
    let answer = json!({ "response_type": "ephemeral", "text": said });
    Ok(append(
        id,
        "com.slack.command",
        subject,
        fields,
        Some(answer),
    ))
}

fn interaction(payload: &str, id: String) -> Result<Outcome, String> {
    let mut said = object(payload.as_bytes())?;
    said.remove("token");
    if text(&said, "type").is_none() {
        return Err("an interaction without a type".into());
    }
    let first = said.get("actions").and_then(|actions| actions.get(0));
    let block = first
        .and_then(|action| action.get("block_id"))
        .and_then(Value::as_str);
    let view = said
        .get("view")
        .and_then(|view| view.get("callback_id"))
        .and_then(Value::as_str);
    let subject = block.or(view).or(text(&said, "callback_id")).map(short);
    Ok(append(id, "com.slack.interaction", subject, said, None))
}

fn append(
    id: String,
    event_type: &'static str,
    subject: Option<String>,
    data: Map<String, Value>,
    answer: Option<Value>,
) -> Outcome {
    let subject = subject.filter(|subject| !subject.is_empty());
    let data = Value::Object(data);
    Outcome::Append(Box::new(Taken {
        id,
        event_type,
        subject,
        data,
        answer,
    }))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("its JSON is no object".into()),
        Err(error) => Err(format!("no JSON: {error}")),
    }
}

fn text<'v>(fields: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    fields.get(name).and_then(Value::as_str)
}

/// Outside text on one line, cut to what a subject may have.
fn short(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_SUBJECT)
        .collect()
}
