//! Everybody who may ask, in memory: a request is authenticated without a query.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use jiff::Timestamp;
use parking_lot::Mutex as Lock;
use steward_identity::{IdentityError, IssuerConfig, Issuers};
use steward_registry::{Action, ApiKey, Principal, Registry, RegistryError, Role, TenantId};
use tokio::sync::Mutex;

use super::known::{Counts, Known, TenantState};
use super::refused::Refused;
use crate::error::GatewayError;
use crate::problem::{Kind, Problem, codes};

/// How often another node's changes are looked for.
const POLL: Duration = Duration::from_millis(500);
/// How often the last use of keys is written, and what all nodes counted is read.
const EXCHANGE: Duration = Duration::from_secs(5);
/// Of how many holders of tokens the rate is remembered. Beyond it all of them begin anew.
const MAX_HOLDERS: usize = 65_536;

/// Everybody as they were at one revision of the registry.
#[derive(Default)]
struct Snapshot {
    revision: i64,
    keys: HashMap<String, Arc<Known>>,
    tenants: HashMap<TenantId, Arc<TenantState>>,
    issuers: Arc<Issuers>,
}

/// Every principal by its key, and the issuers of tokens.
pub(crate) struct Keys {
    snapshot: ArcSwap<Snapshot>,
    // Held while a snapshot is read and put in place, so that an older one never replaces a newer.
    refreshing: Mutex<()>,
    /// The issuers that the host itself names.
    issuers: Vec<IssuerConfig>,
    /// What holders of tokens counted.
    holders: Lock<HashMap<String, Arc<Counts>>>,
    /// What was refused before anybody was known.
    refused: Refused,
}

impl Keys {
    /// Reads all keys, tenants and issuers.
    pub async fn load(
        registry: &Registry,
        issuers: Vec<IssuerConfig>,
    ) -> Result<Self, GatewayError> {
        // A mistake in the configuration of the host is said at its start.
        let own = Issuers::default().renewed(&issuers, [])?;
        let keys = Self {
            snapshot: ArcSwap::from_pointee(Snapshot {
                issuers: Arc::new(own),
                ..Snapshot::default()
            }),
            refreshing: Mutex::new(()),
            issuers,
            holders: Lock::default(),
            refused: Refused::default(),
        };
        keys.refresh(registry).await?;
        Ok(keys)
    }

    /// Reads everything again; what was changed before the call is seen after it.
    pub async fn refresh(&self, registry: &Registry) -> Result<(), RegistryError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let old = self.snapshot.load_full();
        // The revision first: what changes in between is read twice rather than never.
        let revision = registry.revision().await?;
        let mut tenants = HashMap::new();
        for tenant in registry.all_tenants().await? {
            let name = tenant.name.clone();
            let before = old.tenants.get(&name);
            let state = match before {
                Some(same) if same.tenant == tenant => same.clone(),
                _ => {
                    let state = Arc::new(TenantState::new(tenant, before.map(|b| &**b)));
                    count_anew(registry, &state).await?;
                    state
                }
            };
            tenants.insert(name, state);
        }
        let mut keys = HashMap::new();
        for principal in registry.all_keys().await? {
            // The keys of a tenant that is deleted are revoked; who holds one learns that.
            let before = old.keys.get(&principal.id);
            let tenant_state = match (tenants.get(&principal.tenant), before) {
                (Some(state), _) => state.clone(),
                (None, Some(before)) => before.tenant_state.clone(),
                (None, None) => continue,
            };
            let counts = before.map(|known| known.counts.clone()).unwrap_or_default();
            keys.insert(
                principal.id.clone(),
                Arc::new(Known {
                    principal,
                    counts,
                    tenant_state,
                }),
            );
        }
        let issuers = self.issuers(&old.issuers, &tenants);
        self.snapshot.store(Arc::new(Snapshot {
            revision,
            keys,
            tenants,
            issuers,
        }));
        Ok(())
    }

    /// The issuers of the host and of the tenants. They were checked when they were set: one that cannot be read
    /// any more opens nothing, and keeps no other from being read.
    fn issuers(
        &self,
        old: &Arc<Issuers>,
        tenants: &HashMap<TenantId, Arc<TenantState>>,
    ) -> Arc<Issuers> {
        let of_tenants = tenants.iter().flat_map(|(name, state)| {
            let issuers = state.tenant.settings.issuers.iter();
            issuers.filter_map(move |value| match IssuerConfig::of_tenant(name, value) {
                Ok(config) => Some((name.clone(), config)),
                Err(error) => {
                    tracing::error!(tenant = %name, %error, "an issuer of tokens is left out");
                    None
                }
            })
        });
        match old.renewed(&self.issuers, of_tenants) {
            Ok(renewed) => Arc::new(renewed),
            Err(error) => {
                tracing::error!(%error, "the issuers of tokens stay as they were");
                old.clone()
            }
        }
    }

    /// Follows the changes that other nodes make, until the task is dropped.
    pub async fn follow(&self, registry: &Registry) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        let mut exchanged = Instant::now();
        loop {
            ticks.tick().await;
            let mut outcome = match registry.revision().await {
                Ok(now) if now == self.snapshot.load().revision => Ok(()),
                Ok(_) => self.refresh(registry).await,
                Err(error) => Err(error),
            };
            if outcome.is_ok() && exchanged.elapsed() >= EXCHANGE {
                exchanged = Instant::now();
                outcome = self.exchange(registry).await;
            }
            if outcome.is_ok() {
                outcome = self.refused.write(registry).await;
            }
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

    /// Writes when keys were used, and reads what all nodes counted.
    pub async fn exchange(&self, registry: &Registry) -> Result<(), RegistryError> {
        let snapshot = self.snapshot.load_full();
        let used: Vec<_> = snapshot
            .keys
            .iter()
            .filter_map(|(id, known)| {
                let (used, at) = known.counts.unwritten()?;
                Some((id.clone(), known, used, at))
            })
            .collect();
        let rows: Vec<_> = used
            .iter()
            .map(|(id, _, _, at)| (id.clone(), *at))
            .collect();
        registry.record_key_use(&rows).await?;
        for (_, known, used, _) in used {
            known.counts.written(used);
        }
        for state in snapshot.tenants.values() {
            count_anew(registry, state).await?;
        }
        Ok(())
    }

    /// How many requests were refused since the start of the host because nobody was known to send them, by the code of
    /// their problem.
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.refused.counts()
    }

    /// When a key was used last, as far as this host knows.
    pub fn used_at(&self, id: &str) -> Option<Timestamp> {
        self.snapshot.load().keys.get(id)?.counts.used_at()
    }

    /// Whose request this is: of a key, or of a token. Whoever asks faster than they may is refused here, so that
    /// no route can forget it.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Known>, Problem> {
        let given = headers.get(AUTHORIZATION).ok_or_else(|| {
            self.refuse(
                &codes::MISSING_KEY,
                "send `Authorization: Bearer stw_…`",
                None,
            )
        })?;
        let malformed = || {
            self.refuse(
                &codes::INVALID_KEY,
                "the header is not `Authorization: Bearer stw_…`",
                None,
            )
        };
        let credential = bearer(given).ok_or_else(malformed)?;
        let known = match ApiKey::parse(credential) {
            Ok(key) => self.by_key(&key)?,
            Err(_) => {
                let issuers = self.snapshot.load().issuers.clone();
                if issuers.is_empty() || credential.bytes().filter(|b| *b == b'.').count() != 2 {
                    return Err(malformed());
                }
                self.by_token(&issuers, credential).await?
            }
        };
        known.admit()?;
        Ok(known)
    }

    /// Counts a request whose sender is not known, and says why.
    fn refuse(
        &self,
        kind: &'static Kind,
        detail: impl Into<String>,
        of: Option<&Arc<Known>>,
    ) -> Problem {
        self.refused
            .count(kind.code, of.map(|known| &known.principal));
        unauthorized(kind, detail)
    }

    fn by_key(&self, key: &ApiKey) -> Result<Arc<Known>, Problem> {
        let unknown = |of| self.refuse(&codes::INVALID_KEY, "no principal has this key", of);
        let snapshot = self.snapshot.load();
        let known = snapshot.keys.get(key.id()).ok_or_else(|| unknown(None))?;
        // The secret first: only who holds the key learns that it was revoked or has expired.
        if !key.matches(known) {
            return Err(unknown(Some(known)));
        }
        if let Some(at) = known.revoked_at {
            return Err(self.refuse(
                &codes::REVOKED_KEY,
                format!("it was revoked at {at}"),
                Some(known),
            ));
        }
        if let Some(at) = known.expires_at
            && at <= Timestamp::now()
        {
            return Err(self.refuse(
                &codes::EXPIRED_KEY,
                format!("it expired at {at}"),
                Some(known),
            ));
        }
        Ok(Arc::clone(known))
    }

    async fn by_token(&self, issuers: &Issuers, token: &str) -> Result<Arc<Known>, Problem> {
        let principal = issuers
            .authenticate(token)
            .await
            .map_err(|error| match error {
                IdentityError::Unavailable(_) => {
                    Problem::new(&codes::ISSUER_UNAVAILABLE, error.to_string())
                }
                IdentityError::Unmapped(_) => {
                    Problem::new(&codes::UNMAPPED_TOKEN, error.to_string())
                }
                _ => self.refuse(&codes::INVALID_TOKEN, error.to_string(), None),
            })?;
        let snapshot = self.snapshot.load();
        let tenant_state = snapshot.tenants.get(&principal.tenant).ok_or_else(|| {
            Problem::new(
                &codes::UNMAPPED_TOKEN,
                format!(
                    "the token is good, but there is no tenant `{}`",
                    principal.tenant
                ),
            )
        })?;
        let counts = {
            let mut holders = self.holders.lock();
            if holders.len() >= MAX_HOLDERS && !holders.contains_key(&principal.id) {
                holders.clear();
            }
            holders.entry(principal.id.clone()).or_default().clone()
        };
        Ok(Arc::new(Known {
            principal,
            counts,
            tenant_state: tenant_state.clone(),
        }))
    }
}

/// Reads what all nodes counted of a tenant's quotas, where it has any that are counted.
async fn count_anew(registry: &Registry, state: &TenantState) -> Result<(), RegistryError> {
    if !state.has_counted_quotas() {
        return Ok(());
    }
    let now = Timestamp::now();
    match registry.quotas(&state.tenant.name, now).await {
        Ok(used) => state.refresh(&used, now),
        // It was deleted meanwhile; the next look at the registry takes it away.
        Err(RegistryError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The credential of an `Authorization: Bearer` header. The scheme is compared without case (RFC 9110).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Some(credential.trim_start_matches(' '))
}

/// A 401 with the challenge that RFC 6750 asks for.
fn unauthorized(kind: &'static Kind, detail: impl Into<String>) -> Problem {
    // A request without any key gets no error code, so that a client knows that it sent none.
    let challenge = if kind.code == codes::MISSING_KEY.code {
        "Bearer realm=\"steward\""
    } else {
        "Bearer realm=\"steward\", error=\"invalid_token\""
    };
    Problem::new(kind, detail).header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// What something is done with, where a scope can name it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Thing<'a> {
    /// Nothing that a scope names: the action must be allowed as such.
    Any,
    /// A function.
    Function(&'a str),
    /// A model.
    Model(&'a str),
}

/// Whether the principal may do this: its role first, then its scopes.
pub(crate) fn permit(
    principal: &Principal,
    action: Action,
    thing: Thing<'_>,
) -> Result<(), Problem> {
    let needed = match action {
        Action::ManageTenants => "manage tenants",
        Action::ManageKeys => "manage keys",
        Action::Publish => "publish and deploy",
        Action::Invoke => "invoke functions and models",
        Action::Read => "read metadata, logs and usage",
    };
    if !principal.role.allows(action) {
        let may = Role::ALL.into_iter().filter(|role| role.allows(action));
        let roles: Vec<&str> = may.map(Role::as_str).collect();
        return Err(Problem::new(
            &codes::FORBIDDEN,
            format!(
                "the role `{}` of the key `{}` may not {needed}: that takes the role {}",
                principal.role,
                principal.id,
                roles
                    .iter()
                    .map(|role| format!("`{role}`"))
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
        )
        .with("role", principal.role.as_str())
        .with("roles", roles));
    }
    let within = match (action, thing) {
        (Action::Invoke, Thing::Function(name)) => principal.scopes.allow_function(name),
        (Action::Invoke, Thing::Model(name)) => principal.scopes.allow_model(name),
        _ => principal.scopes.allow(action),
    };
    if within {
        return Ok(());
    }
    let scopes: Vec<String> = principal.scopes.clone().into();
    let what = match thing {
        Thing::Any => String::new(),
        Thing::Function(name) => format!(" through the function `{name}`"),
        Thing::Model(name) => format!(" through the model `{name}`"),
    };
    Err(Problem::new(
        &codes::OUT_OF_SCOPE,
        format!(
            "no scope of the key `{}` lets it {needed}{what}: it has {}",
            principal.id,
            scopes.join(", ")
        ),
    )
    .with("scopes", scopes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_key_of_the_exact_form_is_read() {
        let read = |value: &HeaderValue| bearer(value).is_some_and(|c| ApiKey::parse(c).is_ok());
        let key = format!("stw_{}_{}", "01arz3ndektsv4rrffq69g5fav", "A".repeat(43));
        for good in [format!("Bearer {key}"), format!("bearer  {key}")] {
            assert!(read(&HeaderValue::from_str(&good).unwrap()), "{good}");
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
            assert!(!read(&HeaderValue::from_str(bad).unwrap()), "{bad}");
        }
        assert!(bearer(&HeaderValue::from_bytes(b"Bearer stw_\xff\xfe").unwrap()).is_none());
    }
}
