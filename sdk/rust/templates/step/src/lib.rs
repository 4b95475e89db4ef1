//! A step of a workflow: says how urgent a customer's message is, and why.
//!
//! The payload is `{"text", "amount"?, "customer"?}`, the answer `{"priority", "reason"}`; `describe` says so in JSON Schema,
//! and the host holds every payload and every answer against it.

use serde::{Deserialize, Serialize};
use serde_json::json;
use steward_sdk::http::{self, Request};
use steward_sdk::step::{Context, Description, Error, Step};
use steward_sdk::{config, log, secrets};

/// Words that make a message urgent.
const URGENT: [&str; 4] = ["urgent", "immediately", "紧急", "马上"];

/// The payload.
#[derive(Deserialize)]
pub struct Message {
    text: String,
    #[serde(default)]
    amount: f64,
    customer: Option<String>,
}

/// The answer.
#[derive(Serialize)]
pub struct Priority {
    priority: &'static str,
    reason: String,
}

/// The plugin.
pub struct Plugin {
    high_amount: f64,
    crm_url: Option<String>,
}

steward_sdk::export_step!(Plugin);

impl Step for Plugin {
    type Input = Message;
    type Output = Priority;

    fn describe() -> Description {
        Description {
            name: "{{name}}".into(),
            summary: "Says how urgent a customer's message is".into(),
            input_schema: json!({
                "type": "object",
                "required": ["text"],
                "properties": {
                    "text": {"type": "string", "minLength": 1, "maxLength": 10000},
                    "amount": {"type": "number", "minimum": 0},
                    "customer": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,40}$"}
                },
                "additionalProperties": false
            })
            .to_string(),
            output_schema: json!({
                "type": "object",
                "required": ["priority", "reason"],
                "properties": {"priority": {"enum": ["high", "normal"]}, "reason": {"type": "string"}}
            })
            .to_string(),
        }
    }

    fn new() -> Result<Self, Error> {
        Ok(Self {
            high_amount: config::parse_or("high_amount", 500.0)?,
            crm_url: config::get("crm_url")?,
        })
    }

    fn run(&self, context: &Context, input: Message) -> Result<Priority, Error> {
        log::info!(run = context.run_id, attempt = context.attempt; "judging a message");
        let high = |reason: String| Ok(Priority { priority: "high", reason });
        if let Some(word) = URGENT.iter().find(|word| input.text.to_lowercase().contains(*word)) {
            return high(format!("it says `{word}`"));
        }
        if input.amount >= self.high_amount {
            return high(format!("it is about {} or more", self.high_amount));
        }
        if let (Some(url), Some(customer)) = (&self.crm_url, &input.customer)
            && self.tier(url, customer, context)? == "gold"
        {
            return high("the customer's tier is gold".into());
        }
        Ok(Priority { priority: "normal", reason: "nothing says otherwise".into() })
    }
}

impl Plugin {
    /// Asks another service. The manifest requests its origin and the secret, the deployment grants both.
    fn tier(&self, url: &str, customer: &str, context: &Context) -> Result<String, Error> {
        let token = secrets::get("crm-token")?.reveal_text()?;
        let answer = Request::get(&format!("{url}/customers/{customer}"))
            .header("authorization", &format!("Bearer {token}"))
            // A service that changes something would be told this, so that an attempt that is made again does nothing twice.
            .header("idempotency-key", &context.idempotency_key)
            .send()?;
        match answer.status {
            200 => {}
            404 => return Ok("unknown".into()),
            // It may succeed later: the workflow tries again.
            429 | 500.. => return Err(retry(&answer)),
            other => return Err(Error::Other(format!("the CRM answered with {other}"))),
        }
        let customer: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|e| Error::Other(format!("the CRM's answer: {e}")))?;
        Ok(customer["tier"].as_str().unwrap_or("unknown").to_owned())
    }
}

fn retry(answer: &http::Response) -> Error {
    let reason = format!("the CRM answered with {}", answer.status);
    match answer.retry_after_ms() {
        Some(ms) => Error::retry_after(reason, ms),
        None => Error::retry(reason),
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

    fn judge(host: Host, amount: f64) -> Result<serde_json::Value, testing::CallError> {
        let _host = host.config("high_amount", "500").config("crm_url", "https://crm.example.com").enter();
        testing::call_step::<Plugin>(None, &json!({"text": "hello", "amount": amount, "customer": "c-1"}))
    }

    #[test]
    fn the_crm_is_asked_with_the_token() {
        let host = Host::new().secret("crm-token", "t0k3n").http(|request| {
            assert_eq!(request.url, "https://crm.example.com/customers/c-1");
            assert!(request.headers.contains(&("authorization".into(), "Bearer t0k3n".into())));
            Ok(Response::new(200, r#"{"tier":"gold"}"#))
        });
        assert_eq!(judge(host, 1.0).unwrap()["priority"], "high");
    }

    #[test]
    fn a_crm_that_is_busy_is_asked_again() {
        let host = Host::new().secret("crm-token", "t0k3n").http(|_| Ok(Response::new(429, "").with("retry-after", "3")));
        assert_eq!(judge(host, 1.0).unwrap_err().code, "retryable");
    }
}
