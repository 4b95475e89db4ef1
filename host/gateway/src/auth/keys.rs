//! The keys of every tenant, in memory: a request is authenticated without a query.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use jiff::Timestamp;
use steward_registry::{Action, ApiKey, Principal, Registry, RegistryError};
use tokio::sync::Mutex;

use crate::problem::{Kind, Problem, codes};

/// How often another node's changes are looked for.
const POLL: Duration = Duration::from_millis(500);

/// The keys as they were at one revision of the registry.
#[derive(Default)]
struct Snapshot {
    revision: i64,
    principals: HashMap<String, Arc<Principal>>,
}

/// Every principal by its id.
pub(crate) struct Keys {
    snapshot: ArcSwap<Snapshot>,
    // Held while a snapshot is read and put in place, so that an older one never replaces a newer.
    refreshing: Mutex<()>,
}

impl Keys {
    /// Reads all keys.
    pub async fn load(registry: &Registry) -> Result<Self, RegistryError> {
        let keys = Self {
            snapshot: ArcSwap::default(),
            refreshing: Mutex::new(()),
        };
        keys.refresh(registry).await?;
        Ok(keys)
    }

    /// Reads all keys again; what was changed before the call is seen after it.
    pub async fn refresh(&self, registry: &Registry) -> Result<(), RegistryError> {
        let _one_at_a_time = self.refreshing.lock().await;
        // The revision first: what changes in between is read twice rather than never.
        let revision = registry.revision().await?;
        let principals = registry
            .all_keys()
            .await?
            .into_iter()
            .map(|principal| (principal.id.clone(), Arc::new(principal)))
            .collect();
        self.snapshot.store(Arc::new(Snapshot {
            revision,
            principals,
        }));
        Ok(())
    }

    /// Follows the changes that other nodes make, until the task is dropped.
    pub async fn follow(&self, registry: &Registry) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            let outcome = match registry.revision().await {
                Ok(now) if now == self.snapshot.load().revision => Ok(()),
                Ok(_) => self.refresh(registry).await,
                Err(error) => Err(error),
            };
            // Said once for each outage, not twice a second.
            match outcome {
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "API keys are not refreshed: the registry does not answer");
                }
                Ok(()) if failing => {
                    failing = false;
                    tracing::info!("API keys are refreshed again");
                }
                _ => {}
            }
        }
    }

    /// Whose request this is.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Principal>, Problem> {
        let given = headers
            .get(AUTHORIZATION)
            .ok_or_else(|| refused(&codes::MISSING_KEY, "send `Authorization: Bearer stw_…`"))?;
        let key = bearer(given).ok_or_else(|| {
            refused(
                &codes::INVALID_KEY,
                "the header is not `Authorization: Bearer stw_…`",
            )
        })?;
        let unknown = || refused(&codes::INVALID_KEY, "no principal has this key");
        let snapshot = self.snapshot.load();
        let principal = snapshot.principals.get(key.id()).ok_or_else(unknown)?;
        // The secret first: only who holds the key learns that it was revoked or has expired.
        if !key.matches(principal) {
            return Err(unknown());
        }
        if let Some(at) = principal.revoked_at {
            return Err(refused(
                &codes::REVOKED_KEY,
                format!("it was revoked at {at}"),
            ));
        }
        if let Some(at) = principal.expires_at
            && at <= Timestamp::now()
        {
            return Err(refused(&codes::EXPIRED_KEY, format!("it expired at {at}")));
        }
        Ok(Arc::clone(principal))
    }
}

/// The key of an `Authorization: Bearer` header. The scheme is compared without case (RFC 9110).
fn bearer(value: &HeaderValue) -> Option<ApiKey> {
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    ApiKey::parse(key.trim_start_matches(' ')).ok()
}

/// A 401 with the challenge that RFC 6750 asks for.
fn refused(kind: &'static Kind, detail: impl Into<String>) -> Problem {
    // A request without any key gets no error code, so that a client knows that it sent none.
    let challenge = if kind.code == codes::MISSING_KEY.code {
        "Bearer realm=\"steward\""
    } else {
        "Bearer realm=\"steward\", error=\"invalid_token\""
    };
    Problem::new(kind, detail).header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// Whether the principal may do this.
pub(crate) fn permit(principal: &Principal, action: Action) -> Result<(), Problem> {
    if principal.role.allows(action) {
        return Ok(());
    }
    let needed = match action {
        Action::ManageKeys => "manage keys",
        Action::Publish => "publish and deploy",
        Action::Invoke => "invoke functions and models",
        Action::Read => "read metadata, logs and usage",
    };
    Err(Problem::new(
        &codes::FORBIDDEN,
        format!(
            "the role `{}` of the key `{}` may not {needed}",
            principal.role, principal.id
        ),
    )
    .with("role", principal.role.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_key_of_the_exact_form_is_read() {
        let key = format!("stw_{}_{}", "01arz3ndektsv4rrffq69g5fav", "A".repeat(43));
        for good in [format!("Bearer {key}"), format!("bearer  {key}")] {
            assert!(
                bearer(&HeaderValue::from_str(&good).unwrap()).is_some(),
                "{good}"
            );
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Basic abc",
            &key,
            &format!("Bearer {key}x"),
            &format!("Bearer {}", &key[..40]),
        ] {
            assert!(
                bearer(&HeaderValue::from_str(bad).unwrap()).is_none(),
                "{bad}"
            );
        }
        assert!(bearer(&HeaderValue::from_bytes(b"Bearer stw_\xff\xfe").unwrap()).is_none());
    }
}
