//! A partner's step at the point `before-reply` of the workflow `customer-service`: adds a closing line to the reply.
//!
//! Payload and answer are `{"message", "intent", "lang", "reply"}`, so that several steps may follow each other. What the step
//! does beside is switched on by its configuration, and left out where the customer did not grant it; the answer says what
//! was left out and why.

use serde::{Deserialize, Serialize};
use serde_json::json;
use steward_sdk::events::{self, NewEvent};
use steward_sdk::http::Request;
use steward_sdk::step::{Context, Description, Error, Step};
use steward_sdk::{config, inference, log, secrets};

/// What the tone of a message is compared with.
const TONES: [&str; 2] = ["I am angry and disappointed", "I have a friendly question"];

/// The payload, and the answer.
#[derive(Serialize, Deserialize)]
pub struct Reply {
    message: String,
    intent: String,
    lang: String,
    reply: String,
    /// What was not done, and why.
    #[serde(default)]
    left_out: Vec<String>,
}

/// The plugin.
pub struct Plugin {
    closing_en: String,
    closing_zh: String,
    report_url: Option<String>,
    report_token: Option<String>,
    event_type: Option<String>,
    tone_model: Option<String>,
}

steward_sdk::export_step!(Plugin);

impl Step for Plugin {
    type Input = Reply;
    type Output = Reply;

    fn describe() -> Description {
        let text = || json!({"type": "string", "maxLength": 20000});
        let schema = json!({
            "type": "object",
            "required": ["message", "intent", "lang", "reply"],
            "properties": {
                "message": text(),
                "intent": {"type": "string", "maxLength": 100},
                "lang": {"enum": ["en", "zh"]},
                "reply": text(),
                "left_out": {"type": "array", "items": {"type": "string"}}
            },
            "additionalProperties": false
        });
        Description {
            name: "closing".into(),
            summary: "Adds a closing line to a reply".into(),
            input_schema: schema.to_string(),
            output_schema: schema.to_string(),
        }
    }

    fn new() -> Result<Self, Error> {
        let text = |key| config::get(key).map(Option::unwrap_or_default);
        Ok(Self {
            closing_en: text("closing_en")?,
            closing_zh: text("closing_zh")?,
            report_url: config::get("report_url")?,
            report_token: config::get("report_token")?,
            event_type: config::get("event_type")?,
            tone_model: config::get("tone_model")?,
        })
    }

    fn run(&self, context: &Context, mut input: Reply) -> Result<Reply, Error> {
        let zh = input.lang == "zh";
        if let Some(model) = &self.tone_model {
            match is_angry(model, &input.message) {
                Ok(true) => input.reply.insert_str(0, if zh { "给您添麻烦了。" } else { "We are sorry for the trouble. " }),
                Ok(false) => {}
                Err(why) => input.left_out.push(format!("tone: {why}")),
            }
        }
        let token = match self.report_token.as_deref().map(token) {
            None => None,
            Some(Ok(token)) => Some(token),
            Some(Err(why)) => {
                input.left_out.push(format!("token: {why}"));
                None
            }
        };
        if let Some(url) = &self.report_url
            && let Err(why) = report(url, token, context, &input.intent)
        {
            input.left_out.push(format!("report: {why}"));
        }
        if let Some(kind) = &self.event_type
            && let Err(error) = events::append(&[NewEvent::new(kind).id(&context.idempotency_key)])
        {
            input.left_out.push(format!("event: {}", told(error)));
        }
        let closing = if zh { &self.closing_zh } else { &self.closing_en };
        input.reply.push('\n');
        input.reply.push_str(closing);
        log::info!(run = context.run_id, left_out = input.left_out.len(); "closed a reply");
        Ok(input)
    }
}

/// Whether a message sounds more angry than friendly to a model.
fn is_angry(model: &str, message: &str) -> Result<bool, String> {
    let ask = || -> Result<bool, inference::Error> {
        let tones = TONES.map(String::from);
        let ranked = inference::open(model)?.classify(&[message.to_owned()], Some(&tones))?;
        Ok(ranked.first().and_then(|labels| labels.first()).is_some_and(|best| best.label == TONES[0]))
    };
    ask().map_err(|error| told(steward_sdk::Error::from(error)))
}

fn token(name: &str) -> Result<String, String> {
    let read = || -> Result<String, Error> { Ok(secrets::get(name)?.reveal_text()?) };
    read().map_err(told)
}

/// Tells the partner what a reply was about; never what it says.
fn report(url: &str, token: Option<String>, context: &Context, intent: &str) -> Result<(), String> {
    let mut request = Request::post(url).header("idempotency-key", &context.idempotency_key);
    if let Some(token) = token {
        request = request.header("authorization", &format!("Bearer {token}"));
    }
    let answer = request.json(&json!({ "intent": intent }).to_string()).send().map_err(told)?;
    match answer.status {
        200..300 => Ok(()),
        other => Err(format!("the address answered with {other}")),
    }
}

/// Why something was not done.
fn told(error: impl Into<Error>) -> String {
    match error.into() {
        Error::InvalidInput(why) | Error::InvalidConfig(why) | Error::Other(why) => why,
        Error::Retryable(retry) => retry.reason,
    }
}

#[cfg(test)]
mod tests {
    use steward_sdk::http::Response;
    use steward_sdk::testing::{self, Host};

    use super::*;

    #[test]
    fn cases() {
        testing::step_cases::<Plugin>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn the_report_carries_the_token_and_no_word_of_the_customer() {
        let _host = Host::from_manifest(include_str!("../steward.toml"))
            .unwrap()
            .config("report_url", "https://partner.example.com/replies")
            .config("report_token", "partner-token")
            .secret("partner-token", "t0k3n")
            .http(|request| {
                assert!(request.headers.contains(&("authorization".into(), "Bearer t0k3n".into())));
                assert_eq!(request.body, br#"{"intent":"payment"}"#);
                Ok(Response::new(204, ""))
            })
            .enter();
        let payload = json!({"message": "m", "intent": "payment", "lang": "en", "reply": "r"});
        let answer = testing::call_step::<Plugin>(None, &payload).unwrap();
        assert_eq!(answer["left_out"], json!([]));
    }
}
