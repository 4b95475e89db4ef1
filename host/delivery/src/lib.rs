//! Events that leave: delivered to an address with a signature, or sent by e-mail.
//!
//! [`Outward`] stands before whatever delivers events inside the host and takes those whose trigger points outside. Tries,
//! pauses and dead letters are those of every delivery (`steward_triggers`); what is here does one try.
//!
//! Both go through the policy of outgoing connections: an address is checked once, and connected to as it was checked.
#![deny(missing_docs)]

pub mod mail;
pub mod relay;
mod smtp;
mod url;

use std::sync::Arc;

use async_trait::async_trait;
use http::Uri;
use steward_egress::{Destination, Egress, Turns};
use steward_registry::events::{Event, Outside, Trigger, TriggerSpec};
use steward_registry::{Name, TenantId};
use steward_triggers::Secrets;
use steward_triggers::deliver::{Deliver, Undelivered};

use crate::relay::Relay;

/// Requests of triggers that are on their way at a time, on this host.
const REQUESTS: usize = 64;
/// Addresses of one message.
const MAX_RECIPIENTS: usize = 50;

/// Takes events whose trigger points outside, and hands the others on.
pub struct Outward<D> {
    egress: Egress,
    secrets: Arc<dyn Secrets>,
    turns: Turns,
    inside: D,
}

impl<D: Deliver> Outward<D> {
    /// Before `inside`.
    pub fn new(egress: Egress, secrets: Arc<dyn Secrets>, inside: D) -> Self {
        Self {
            egress,
            secrets,
            turns: Turns::new(REQUESTS),
            inside,
        }
    }
}

impl<D> Outward<D> {
    /// A secret of the tenant.
    async fn secret(&self, tenant: &TenantId, name: &Name) -> Result<String, String> {
        match self.secrets.get(tenant, name).await {
            Ok(Some(secret)) => Ok(secret),
            Ok(None) => Err(format!(
                "there is no secret `{name}`; set it with `steward secret set {name}`"
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[async_trait]
impl<D: Deliver> Deliver for Outward<D> {
    async fn deliver(
        &self,
        trigger: &Trigger,
        event: &Event,
        attempt: u32,
    ) -> Result<(), Undelivered> {
        match &trigger.spec.to {
            None => self.inside.deliver(trigger, event, attempt).await,
            Some(Outside::Url(to)) => self.to_url(trigger, to, event, attempt).await,
            Some(Outside::Email(to)) => self.by_mail(trigger, to, event).await,
        }
    }

    async fn check(&self, tenant: &TenantId, spec: &TriggerSpec) -> Result<(), String> {
        match &spec.to {
            None => self.inside.check(tenant, spec).await,
            Some(Outside::Url(to)) => {
                let uri: Uri = to
                    .url
                    .parse()
                    .map_err(|_| "`to.url.url` is no URL".to_owned())?;
                Destination::of(&uri).map_err(|e| format!("`to.url.url`: {e}"))?;
                let secret = self.secret(tenant, &to.secret).await?;
                url::sign(&to.secret, &secret, "id", 0, b"").map(drop)
            }
            Some(Outside::Email(to)) => {
                let relay: Relay = to
                    .relay
                    .parse()
                    .map_err(|e| format!("`to.email.relay`: {e}"))?;
                if !(1..=MAX_RECIPIENTS).contains(&to.to.len()) {
                    return Err(format!("`to.email.to` has 1 to {MAX_RECIPIENTS} addresses"));
                }
                for address in to.to.iter().chain([&to.from]) {
                    mail::mailbox(address)?;
                }
                if let Some(subject) = &to.subject {
                    mail::one_line("`to.email.subject`", subject)?;
                }
                let Some(name) = &to.credentials else {
                    return Ok(());
                };
                relay
                    .takes_passwords()
                    .map_err(|e| format!("`to.email.credentials`: {e}"))?;
                smtp::credentials(name, &self.secret(tenant, name).await?).map(drop)
            }
        }
    }
}
