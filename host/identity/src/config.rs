//! Whose tokens are taken, and what their claims mean.

use std::collections::BTreeMap;

use jsonwebtoken::Algorithm;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use steward_registry::{Name, Role, Scope, TenantId};

use crate::IdentityError;

/// The longest clock skew, in seconds.
const MAX_LEEWAY: u64 = 300;
/// The most entries of a map or a list.
const MAX_ENTRIES: usize = 256;
/// The longest text.
const MAX_TEXT: usize = 2048;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, of keys with at least 2048 bits.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl SignatureAlgorithm {
    const ALL: [Self; 3] = [Self::RS256, Self::ES256, Self::EdDSA];

    pub(crate) fn of(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::RS256 => Some(Self::RS256),
            Algorithm::ES256 => Some(Self::ES256),
            Algorithm::EdDSA => Some(Self::EdDSA),
            _ => None,
        }
    }

    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::ES256 => Algorithm::ES256,
            Self::EdDSA => Algorithm::EdDSA,
        }
    }
}

/// Whose tokens are taken, and what their claims mean. What no line names is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// What people and the audit log call it: principals are `oidc:NAME:SUBJECT`.
    pub name: Name,
    /// The issuer as its tokens name it (`iss`), letter by letter.
    pub issuer: String,
    /// A token must be for one of these (`aud`).
    pub audience: Vec<String>,
    /// Where its keys are; none asks `ISSUER/.well-known/openid-configuration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// How its tokens may be signed.
    #[serde(default = "all")]
    pub algorithms: Vec<SignatureAlgorithm>,
    /// How far its clock may be off, in seconds; at most 300.
    #[serde(default = "leeway")]
    pub leeway_seconds: u64,
    /// The tenant of all its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Or the claim that `tenants` maps to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_claim: Option<String>,
    /// Value of the claim to tenant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, TenantId>,
    /// The role of tokens for which `roles` names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The claim, a text or a list of texts, that `roles` maps to a role. Dots lead into objects: `realm_access.roles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_claim: Option<String>,
    /// Value of the claim to role. Of several, the one that allows the most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// The claim, texts parted by spaces or a list, that `scopes` maps to scopes. A token with none is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_claim: Option<String>,
    /// Value of the claim to scope.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<String, String>,
}

fn all() -> Vec<SignatureAlgorithm> {
    SignatureAlgorithm::ALL.to_vec()
}

fn leeway() -> u64 {
    60
}

impl IssuerConfig {
    /// Reads the settings of a tenant's issuer: its tokens are of that tenant alone, and nobody rises above it.
    ///
    /// # Errors
    /// [`IdentityError::Config`]
    pub fn of_tenant(tenant: &TenantId, value: &serde_json::Value) -> Result<Self, IdentityError> {
        let mut config: Self =
            serde_json::from_value(value.clone()).map_err(|e| IdentityError::Config {
                name: String::new(),
                reason: e.to_string(),
            })?;
        let named = config.tenant.as_ref().is_some_and(|named| named != tenant);
        if named || config.tenant_claim.is_some() || !config.tenants.is_empty() {
            return Err(config.wrong("the issuer of a tenant names no other tenant"));
        }
        let platform = |role: &Role| *role == Role::Platform;
        if config.role.as_ref().is_some_and(platform) || config.roles.values().any(platform) {
            return Err(config.wrong("the issuer of a tenant gives no role `platform`"));
        }
        config.tenant = Some(tenant.clone());
        config.check()?;
        Ok(config)
    }

    /// Whether it can be worked with.
    ///
    /// # Errors
    /// [`IdentityError::Config`]
    pub fn check(&self) -> Result<(), IdentityError> {
        let texts = [&self.issuer]
            .into_iter()
            .chain(&self.audience)
            .chain(&self.jwks_url)
            .chain(&self.tenant_claim)
            .chain(self.tenants.keys())
            .chain(&self.role_claim)
            .chain(self.roles.keys())
            .chain(&self.scope_claim)
            .chain(self.scopes.keys());
        let mut count = 0;
        for text in texts {
            count += 1;
            if text.is_empty() || text.len() > MAX_TEXT || count > MAX_ENTRIES {
                return Err(self.wrong("a text is empty or too long, or there are too many"));
            }
        }
        safe_url(&self.issuer).map_err(|e| self.wrong(e))?;
        if let Some(url) = &self.jwks_url {
            safe_url(url).map_err(|e| self.wrong(e))?;
        }
        if self.audience.is_empty() {
            return Err(self.wrong("`audience` names nobody: every token of the issuer would do"));
        }
        if self.algorithms.is_empty() {
            return Err(self.wrong("`algorithms` is empty"));
        }
        if self.leeway_seconds > MAX_LEEWAY {
            return Err(self.wrong("`leeway_seconds` is more than 300"));
        }
        if self.tenant.is_some() == self.tenant_claim.is_some()
            || self.tenant_claim.is_some() == self.tenants.is_empty()
        {
            return Err(self.wrong("it needs `tenant`, or `tenant_claim` with `tenants`"));
        }
        if self.role_claim.is_some() == self.roles.is_empty() {
            return Err(self.wrong("`role_claim` and `roles` belong together"));
        }
        if self.role.is_none() && self.role_claim.is_none() {
            return Err(self.wrong("it needs `role`, or `role_claim` with `roles`"));
        }
        if self.scope_claim.is_some() == self.scopes.is_empty() {
            return Err(self.wrong("`scope_claim` and `scopes` belong together"));
        }
        for scope in self.scopes.values() {
            scope.parse::<Scope>().map_err(|e| self.wrong(e))?;
        }
        Ok(())
    }

    fn wrong(&self, reason: impl Into<String>) -> IdentityError {
        IdentityError::Config {
            name: self.name.to_string(),
            reason: reason.into(),
        }
    }
}

/// An address that keys may come from: HTTPS, or HTTP on this machine for a trial.
pub(crate) fn safe_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|e| format!("`{text}`: {e}"))?;
    let host = url.host_str().unwrap_or_default();
    let here = matches!(host, "127.0.0.1" | "[::1]" | "localhost");
    if !(url.scheme() == "https" || (url.scheme() == "http" && here)) {
        return Err(format!(
            "`{text}` is not an `https://` address: keys that came over it could be anybody's"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` holds a user, a password or a fragment"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn good() -> Value {
        json!({"name": "login", "issuer": "https://login.example.com", "audience": ["steward"],
               "tenant": "acme", "role": "viewer"})
    }

    fn with(change: Value) -> Result<(), IdentityError> {
        let mut value = good();
        for (key, new) in change.as_object().unwrap() {
            value[key] = new.clone();
        }
        serde_json::from_value::<IssuerConfig>(value)
            .map_err(|e| IdentityError::Malformed(e.to_string()))?
            .check()
    }

    #[test]
    fn what_would_let_everybody_in_is_refused() {
        with(json!({})).unwrap();
        with(json!({"tenant": null, "tenant_claim": "org", "tenants": {"17": "acme"}})).unwrap();
        with(json!({"issuer": "http://127.0.0.1:8080/realms/x"})).unwrap();
        for bad in [
            json!({"audience": []}),
            json!({"audience": [""]}),
            json!({"algorithms": []}),
            json!({"algorithms": ["HS256"]}),
            json!({"algorithms": ["none"]}),
            json!({"leeway_seconds": 301}),
            json!({"tenant": null}),
            json!({"tenant_claim": "org", "tenants": {"17": "acme"}}),
            json!({"tenant": null, "tenant_claim": "org"}),
            json!({"role": null}),
            json!({"role": "god"}),
            json!({"role_claim": "roles"}),
            json!({"scopes": {"a": "read"}}),
            json!({"scope_claim": "scope", "scopes": {"a": "write"}}),
            json!({"issuer": "http://login.example.com"}),
            json!({"issuer": "http://127.0.0.1.evil.com"}),
            json!({"issuer": "file:///etc/passwd"}),
            json!({"jwks_url": "http://169.254.169.254/keys"}),
            json!({"jwks_url": "https://a:b@login.example.com/keys"}),
            json!({"colour": "red"}),
        ] {
            assert!(with(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_issuer_of_a_tenant_stays_within_it() {
        let acme: TenantId = "acme".parse().unwrap();
        let mut value = good();
        assert!(IssuerConfig::of_tenant(&acme, &value).is_ok());
        value.as_object_mut().unwrap().remove("tenant");
        let config = IssuerConfig::of_tenant(&acme, &value).unwrap();
        assert_eq!(config.tenant, Some(acme.clone()));
        for (key, bad) in [
            ("tenant", json!("other")),
            ("tenant_claim", json!("org")),
            ("role", json!("platform")),
        ] {
            let mut value = good();
            value[key] = bad;
            assert!(IssuerConfig::of_tenant(&acme, &value).is_err(), "{key}");
        }
    }
}
