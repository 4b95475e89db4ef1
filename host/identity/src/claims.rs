//! From claims to tenant, role and scopes.

use jiff::Timestamp;
use serde_json::{Map, Value};
use steward_registry::{Principal, Role, Scope, Scopes, TenantId};

use crate::IdentityError;
use crate::config::IssuerConfig;

/// The longest subject. OpenID Connect allows 255; together with the name of the issuer it must fit where principals
/// are written down.
const MAX_SUBJECT: usize = 64;
/// The most values of one claim that are looked at.
const MAX_VALUES: usize = 1024;

/// The principal behind the claims of a good token.
pub(crate) fn principal(
    config: &IssuerConfig,
    owner: Option<&TenantId>,
    claims: &Map<String, Value>,
) -> Result<Principal, IdentityError> {
    let unmapped = |text: &str| IdentityError::Unmapped(text.to_owned());
    let subject = claims
        .get("sub")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // It becomes part of an id that stands in logs, tables and paths.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.@|:+=~".contains(&b);
    if !(1..=MAX_SUBJECT).contains(&subject.len()) || !subject.bytes().all(plain) {
        return Err(unmapped(
            "its subject has no characters, more than 64, or others than letters, digits and - _ . @ | : + = ~",
        ));
    }
    let tenant = match (&config.tenant, &config.tenant_claim) {
        (Some(tenant), None) => tenant.clone(),
        (_, Some(claim)) => {
            let mut found = values(claims, claim).filter_map(|value| config.tenants.get(value));
            match (found.next(), found.next()) {
                (Some(tenant), None) => tenant.clone(),
                (None, _) => return Err(unmapped("no tenant is known for it here")),
                (Some(_), Some(_)) => return Err(unmapped("it is of more than one tenant")),
            }
        }
        (None, None) => return Err(unmapped("no tenant is known for it here")),
    };
    let named = config
        .role_claim
        .iter()
        .flat_map(|claim| values(claims, claim));
    let mut roles: Vec<Role> = named
        .filter_map(|value| config.roles.get(value).copied())
        .collect();
    // In the order of the roles, which begins with the one that allows the most.
    roles.sort_by_key(|role| Role::ALL.iter().position(|r| r == role));
    let role = roles.first().copied().or(config.role);
    let role = role.ok_or_else(|| unmapped("no role is known for it here"))?;
    let scopes = match &config.scope_claim {
        None => Scopes::default(),
        Some(claim) => {
            let granted: Vec<Scope> = values(claims, claim)
                .flat_map(str::split_ascii_whitespace)
                .filter_map(|value| config.scopes.get(value)?.parse().ok())
                .collect();
            if granted.is_empty() {
                return Err(unmapped("it has no scope that means anything here"));
            }
            Scopes::new(granted).map_err(|e| IdentityError::Unmapped(e.to_string()))?
        }
    };
    let time = |name: &str| {
        let seconds = claims.get(name).and_then(Value::as_f64)?;
        Timestamp::from_second(seconds as i64).ok()
    };
    // What a tenant configures can never be taken for what the host did.
    let id = match owner {
        None => format!("oidc:{}:{subject}", config.name),
        Some(owner) => format!("oidc:{owner}/{}:{subject}", config.name),
    };
    Ok(Principal {
        id,
        tenant,
        name: subject.to_owned(),
        role,
        scopes,
        rate: None,
        secret_hash: [0; 32],
        previous_hash: None,
        previous_until: None,
        created_at: time("iat").unwrap_or(Timestamp::UNIX_EPOCH),
        expires_at: time("exp"),
        revoked_at: None,
        last_used_at: None,
    })
}

/// The texts of a claim: of this very name, else along its dots; one, or a list.
fn values<'a>(claims: &'a Map<String, Value>, claim: &str) -> impl Iterator<Item = &'a str> {
    let found = claims.get(claim).or_else(|| {
        let (first, rest) = claim.split_once('.')?;
        rest.split('.')
            .try_fold(claims.get(first)?, |value, name| value.get(name))
    });
    let (one, many) = match found {
        Some(Value::Array(list)) => (None, list.as_slice()),
        other => (other, &[][..]),
    };
    one.into_iter()
        .chain(many)
        .take(MAX_VALUES)
        .filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(more: Value) -> IssuerConfig {
        let mut value = json!({"name": "login", "issuer": "https://login.example.com", "audience": ["steward"]});
        value
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let config: IssuerConfig = serde_json::from_value(value).unwrap();
        config.check().unwrap();
        config
    }

    fn of(config: &IssuerConfig, claims: Value) -> Result<Principal, IdentityError> {
        principal(config, None, claims.as_object().unwrap())
    }

    #[test]
    fn claims_become_tenant_role_and_scopes() {
        let config = config(json!({
            "tenant_claim": "org", "tenants": {"17": "acme", "18": "beta"},
            "role_claim": "realm_access.roles", "roles": {"dev": "publisher", "reader": "viewer"},
            "scope_claim": "scope", "scopes": {"steward.read": "read", "steward.echo": "function=echo"},
        }));
        let good = json!({"sub": "u-1", "org": "17", "realm_access": {"roles": ["reader", "dev", "else"]},
                          "scope": "openid steward.read steward.echo", "exp": 4_102_444_800_u64});
        let found = of(&config, good.clone()).unwrap();
        assert_eq!(
            (found.id.as_str(), found.tenant.as_str(), found.role),
            ("oidc:login:u-1", "acme", Role::Publisher)
        );
        assert_eq!(Vec::<String>::from(found.scopes), ["read", "function=echo"]);
        assert_eq!(
            found.expires_at.unwrap().to_string(),
            "2100-01-01T00:00:00Z"
        );
        for (key, bad) in [
            ("sub", json!("")),
            ("sub", json!(7)),
            ("sub", json!("a b")),
            ("sub", json!("x".repeat(65))),
            ("sub", json!("用户")),
            ("org", json!("19")),
            ("org", json!(17)),
            ("org", json!(["17", "18"])),
            ("org", json!(null)),
            ("realm_access", json!({"roles": ["else"]})),
            ("realm_access", json!("dev")),
            ("scope", json!("openid")),
            ("scope", json!(null)),
        ] {
            let mut claims = good.clone();
            claims[key] = bad.clone();
            assert!(
                matches!(of(&config, claims), Err(IdentityError::Unmapped(_))),
                "{key} {bad}"
            );
        }
    }

    #[test]
    fn a_name_with_dots_is_a_name_first() {
        let config = config(
            json!({"tenant": "acme", "role_claim": "https://x.example/roles", "roles": {"dev": "publisher"}}),
        );
        let found = of(
            &config,
            json!({"sub": "u", "https://x.example/roles": "dev"}),
        )
        .unwrap();
        assert_eq!(found.role, Role::Publisher);
        let owner: TenantId = "acme".parse().unwrap();
        let claims = json!({"sub": "u", "https://x.example/roles": "dev"});
        let owned = principal(&config, Some(&owner), claims.as_object().unwrap()).unwrap();
        assert_eq!(owned.id, "oidc:acme/login:u");
    }
}
