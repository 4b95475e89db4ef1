//! Webhooks: a request of another service becomes an event.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde_json::Value;
use steward_registry::RegistryError;
use steward_registry::events::{EventValue, NewEvent, TriggerOn, WebhookScheme};

use crate::Triggers;
use crate::webhook::{Unverified, verify};

/// Why a webhook is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such webhook, or it is switched off.
    #[error("there is no webhook `{0}`")]
    Unknown(String),
    /// The signature is not right.
    #[error(transparent)]
    Unverified(#[from] Unverified),
    /// Its secret cannot be had.
    #[error("the secret of the webhook cannot be read: {0}")]
    Secret(String),
    /// The request cannot be an event.
    #[error("{0}")]
    Invalid(String),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What became of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It is in the log, and will be delivered.
    Event {
        /// Its number there.
        seq: u64,
        /// Whether it was there before.
        duplicate: bool,
    },
    /// Slack asks whether this is the right address, and wants this text back.
    Challenge(String),
}

impl Triggers {
    /// Takes a request: checks its signature, appends it as an event and has it delivered. When this returns, it is on disk.
    /// What was taken before is not taken again, as long as its event is kept.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn receive(
        &self,
        tenant: &str,
        name: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Received, Refused> {
        let unknown =
            || Refused::Unknown(name.chars().take(80).flat_map(char::escape_debug).collect());
        let snapshot = self.0.snapshot.load_full();
        let found = snapshot
            .triggers
            .iter()
            .find(|t| t.tenant.as_str() == tenant && t.name.as_str() == name && t.spec.enabled);
        let trigger = found.ok_or_else(unknown)?;
        let TriggerOn::Webhook(webhook) = &trigger.spec.on else {
            return Err(unknown());
        };
        let secret = self
            .0
            .secrets
            .get(&trigger.tenant, &webhook.secret)
            .await
            .map_err(|e| Refused::Secret(e.to_string()))?
            .ok_or_else(|| Refused::Secret("it is not there any more".into()))?;
        let verified = verify(
            webhook.scheme,
            &secret,
            webhook.tolerance_s,
            headers,
            &body,
            Timestamp::now(),
        )?;
        if webhook.scheme == WebhookScheme::Slack
            && let Some(challenge) = challenge(&body)
        {
            return Ok(Received::Challenge(challenge));
        }
        let mut event = NewEvent::new(
            format!("/triggers/{}", trigger.name),
            webhook.event_type.as_str(),
        );
        event.id = verified.id;
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|v| v.to_str().ok())
                .filter(|v| !v.is_empty())
        };
        event.content_type = text(CONTENT_TYPE.as_str()).map(str::to_owned);
        // What the service says beside the body is not signed: for sorting, not for deciding.
        for (extension, header) in [
            ("githubevent", "x-github-event"),
            ("githubdelivery", "x-github-delivery"),
            ("webhookid", "webhook-id"),
        ] {
            if let Some(value) = text(header) {
                event
                    .extensions
                    .insert(extension.into(), EventValue::Text(value.to_owned()));
            }
        }
        event.data = Some(body).filter(|body| !body.is_empty());
        event.check().map_err(|e| Refused::Invalid(e.to_string()))?;
        let by = format!("trigger:{}", trigger.name);
        let mut appended = self
            .events()
            .append_to(&trigger.tenant, &[event], Some(&trigger.name), &by)
            .await?;
        let appended = appended
            .pop()
            .ok_or_else(|| Refused::Invalid("the event was not appended".into()))?;
        Ok(Received::Event {
            seq: appended.seq,
            duplicate: appended.duplicate,
        })
    }
}

/// What Slack wants back when an address is set up ("url_verification").
fn challenge(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    if body["type"] != "url_verification" {
        return None;
    }
    body["challenge"].as_str().map(str::to_owned)
}
