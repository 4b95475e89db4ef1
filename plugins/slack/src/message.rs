//! A step that posts a message (`chat.postMessage`, docs.slack.dev/reference/methods/chat.postMessage).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use steward_sdk::http::{Request, Response};
use steward_sdk::step::{Context, Description, Error, Step};
use steward_sdk::{config, log, secrets};

/// The secret with the bot token, `xoxb-…`.
const TOKEN: &str = "slack-token";

/// The payload.
#[derive(Debug, Deserialize)]
pub struct Message {
    channel: String,
    text: String,
    blocks: Option<Value>,
    thread_ts: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct Posted {
    channel: String,
    ts: String,
}

/// The step.
pub struct Post {
    api_url: String,
}

impl Step for Post {
    type Input = Message;
    type Output = Posted;

    fn describe() -> Description {
        Description {
            name: "slack-message".into(),
            summary: "Posts a message to a channel of Slack".into(),
            input_schema: json!({
                "type": "object",
                "required": ["channel", "text"],
                "properties": {
                    "channel": {"type": "string", "minLength": 1, "maxLength": 200, "description": "Id or name of the channel"},
                    "text": {"type": "string", "minLength": 1, "maxLength": 40000},
                    "blocks": {"type": "array", "maxItems": 50, "items": {"type": "object"}, "description": "Block Kit"},
                    "thread_ts": {"type": "string", "pattern": "^[0-9]{1,12}\\.[0-9]{1,9}$"}
                },
                "additionalProperties": false
            })
            .to_string(),
            output_schema: json!({
                "type": "object",
                "required": ["channel", "ts"],
                "properties": {"channel": {"type": "string"}, "ts": {"type": "string"}}
            })
            .to_string(),
        }
    }

    fn new() -> Result<Self, Error> {
        let url = config::parse_or("api_url", "https://slack.com/api".to_owned())?;
        Ok(Self { api_url: url.trim_end_matches('/').to_owned() })
    }

    fn run(&self, context: &Context, message: Message) -> Result<Posted, Error> {
        let token = secrets::get(TOKEN)?.reveal_text()?;
        let mut body = json!({
            "channel": message.channel,
            "text": message.text,
            // Slack keeps it with the message: a message that was posted twice can be told.
            "metadata": {
                "event_type": "steward_step",
                "event_payload": {"run": context.run_id, "idempotency_key": context.idempotency_key},
            },
        });
        if let Some(blocks) = message.blocks {
            body["blocks"] = blocks;
        }
        if let Some(thread) = message.thread_ts {
            body["thread_ts"] = json!(thread);
        }
        let answer = Request::post(&format!("{}/chat.postMessage", self.api_url))
            .header("authorization", &format!("Bearer {}", token.trim()))
            .json(&body.to_string())
            .send()?;
        let posted = read(&answer)?;
        log::info!(run = context.run_id, attempt = context.attempt; "posted a message");
        Ok(posted)
    }
}

/// What Slack's answer means.
fn read(answer: &Response) -> Result<Posted, Error> {
    let later = |reason: String| match answer.retry_after_ms() {
        Some(ms) => Error::retry_after(reason, ms),
        None => Error::retry(reason),
    };
    match answer.status {
        200 => {}
        429 => return Err(later("Slack takes no more messages for now (429)".into())),
        status @ 500.. => return Err(later(format!("Slack answered with the status {status}"))),
        status => return Err(Error::Other(format!("Slack answered with the status {status}"))),
    }
    let said: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| Error::Other("Slack's answer is no JSON".into()))?;
    let field = |name: &str| said[name].as_str().map(str::to_owned);
    if said["ok"] == true {
        return match (field("channel"), field("ts")) {
            (Some(channel), Some(ts)) => Ok(Posted { channel, ts }),
            _ => Err(Error::Other("Slack's answer names no message".into())),
        };
    }
    let code: String = field("error").unwrap_or_default().chars().take(100).collect();
    let reason = format!("Slack refused the message: {code}");
    Err(match code.as_str() {
        "ratelimited" | "rate_limited" | "internal_error" | "fatal_error" | "request_timeout"
        | "service_unavailable" | "team_added_to_org" => later(reason),
        "not_authed" | "invalid_auth" | "account_inactive" | "token_revoked" | "token_expired"
        | "no_permission" | "missing_scope" | "not_allowed_token_type" | "access_denied" => {
            Error::InvalidConfig(format!("{reason}; look at the secret `{TOKEN}` and the scopes of the app"))
        }
        "channel_not_found" | "not_in_channel" | "is_archived" | "msg_too_long" | "no_text"
        | "invalid_blocks" | "invalid_blocks_format" | "too_many_attachments" | "restricted_action" => {
            Error::InvalidInput(reason)
        }
        _ => Error::Other(reason),
    })
}
