//! Approvals: events that only this host can make, since it signs them.
//!
//! Whoever may append events can append one that says it is an approval, and whoever may read the log can repeat one that
//! was given. Neither has the key of the host. So a run that listens for [`APPROVAL_TYPE`] is given an event of it only
//! where the signature is that of the host over this event, for this run.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use steward_registry::TenantId;
use steward_registry::events::{Event, EventValue, NewEvent};
use steward_secrets::Vault;
use ulid::Ulid;

/// The type of the events.
pub const APPROVAL_TYPE: &str = "steward.approval";
/// What signatures are made for: a signature for one thing is none for another.
const PURPOSE: &str = "steward approval";
/// The extension attributes with the id of the key and with the signature.
const KEY: &str = "stewardkey";
const SIGNATURE: &str = "stewardsignature";

/// What somebody says to a run that waits for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Approval {
    /// Whether it may go on as planned.
    pub approved: bool,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What else the workflow is to know.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// Where approvals of a run come from.
pub fn source(run: Ulid) -> String {
    format!("/runs/{run}")
}

/// The event, signed.
pub(crate) fn event(
    vault: &Vault,
    tenant: &TenantId,
    run: Ulid,
    approval: &Approval,
    principal: &str,
    now: Timestamp,
) -> NewEvent {
    let mut event = NewEvent::new(source(run), APPROVAL_TYPE);
    event.subject = Some(run.to_string());
    // As the log keeps it: whole microseconds.
    event.time = Some(Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now));
    event.content_type = Some("application/json".into());
    let mut data = serde_json::to_value(approval).unwrap_or_default();
    if let Some(data) = data.as_object_mut() {
        data.insert("run".into(), run.to_string().into());
        data.insert("principal".into(), principal.into());
    }
    event.data = Some(Bytes::from(data.to_string()));
    let (key, signature) = vault.sign(PURPOSE, &signed(tenant, run, &event));
    event.extensions.insert(KEY.into(), EventValue::Text(key));
    event
        .extensions
        .insert(SIGNATURE.into(), EventValue::Text(signature));
    event
}

/// Whether an event is an approval that this host, or one with the same keys, has signed for this run.
pub(crate) fn is_genuine(vault: &Vault, tenant: &TenantId, run: Ulid, event: &Event) -> bool {
    let text = |name: &str| match event.event.extensions.get(name) {
        Some(EventValue::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let (Some(key), Some(signature)) = (text(KEY), text(SIGNATURE)) else {
        return false;
    };
    event.event.subject.as_deref() == Some(run.to_string().as_str())
        && vault.verify(PURPOSE, &signed(tenant, run, &event.event), key, signature)
}

/// What is signed: each part with its length, so that none can be read as a piece of another.
fn signed(tenant: &TenantId, run: Ulid, event: &NewEvent) -> Vec<u8> {
    let time = event.time.map_or(0, Timestamp::as_microsecond).to_string();
    let run = run.to_string();
    let mut all = Vec::new();
    for part in [
        tenant.as_str().as_bytes(),
        run.as_bytes(),
        event.source.as_bytes(),
        event.id.as_bytes(),
        event.event_type.as_bytes(),
        time.as_bytes(),
        event.data.as_deref().unwrap_or_default(),
    ] {
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part);
    }
    all
}
