//! Every issuer whose tokens are taken.

use std::sync::Arc;

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Map, Value};
use steward_registry::{Principal, TenantId};

use crate::config::{IssuerConfig, SignatureAlgorithm};
use crate::jwks::{Jwks, Looks};
use crate::{IdentityError, claims, fetch, provider};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Every issuer whose tokens are taken, with the keys that were fetched of them.
pub struct Issuers {
    client: Option<Client>,
    all: Vec<Arc<Issuer>>,
    looks: Looks,
}

struct Issuer {
    config: IssuerConfig,
    /// The tenant that configured it; none is the host.
    owner: Option<TenantId>,
    jwks: Jwks,
}

impl Default for Issuers {
    fn default() -> Self {
        provider::install();
        Self {
            client: None,
            all: Vec::new(),
            looks: Looks::default(),
        }
    }
}

impl Issuers {
    /// The same, looking at the keys as often as this; so do those that are renewed from it.
    #[must_use]
    pub fn looking(mut self, looks: Looks) -> Self {
        self.looks = looks;
        self
    }

    /// The issuers of the host and those of tenants. What stays as it was keeps its keys.
    ///
    /// # Errors
    /// [`IdentityError::Config`] for one that breaks a rule or repeats a name, or where no HTTP client can be made.
    pub fn renewed(
        &self,
        host: &[IssuerConfig],
        tenants: impl IntoIterator<Item = (TenantId, IssuerConfig)>,
    ) -> Result<Self, IdentityError> {
        let wanted = host.iter().map(|config| (None, config.clone()));
        let wanted = wanted.chain(
            tenants
                .into_iter()
                .map(|(tenant, config)| (Some(tenant), config)),
        );
        let mut all: Vec<Arc<Issuer>> = Vec::new();
        for (owner, config) in wanted {
            config.check()?;
            let same = |issuer: &&Arc<Issuer>| issuer.owner == owner;
            if all
                .iter()
                .filter(same)
                .any(|i| i.config.name == config.name)
            {
                return Err(IdentityError::Config {
                    name: config.name.to_string(),
                    reason: "two issuers have this name".into(),
                });
            }
            let kept = self.all.iter().filter(same).find(|i| i.config == config);
            all.push(kept.cloned().unwrap_or_else(|| {
                Arc::new(Issuer {
                    config,
                    owner,
                    jwks: Jwks::default(),
                })
            }));
        }
        let client = match &self.client {
            Some(client) => Some(client.clone()),
            None if all.is_empty() => None,
            None => Some(fetch::client().map_err(|reason| IdentityError::Config {
                name: "HTTP client".into(),
                reason,
            })?),
        };
        let looks = self.looks;
        Ok(Self { client, all, looks })
    }

    /// Whether any is configured.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Who is behind a token.
    ///
    /// # Errors
    /// Every [`IdentityError`] but [`IdentityError::Config`].
    pub async fn authenticate(&self, token: &str) -> Result<Principal, IdentityError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(IdentityError::TooLarge(MAX_TOKEN_BYTES));
        }
        let malformed = |e: jsonwebtoken::errors::Error| IdentityError::Malformed(e.to_string());
        let header = decode_header(token).map_err(malformed)?;
        // RFC 7515, section 4.1.11: what is critical and not understood is refused.
        if header.crit.is_some() || header.enc.is_some() {
            return Err(IdentityError::Malformed(
                "it has critical or encrypted parts".into(),
            ));
        }
        let algorithm = SignatureAlgorithm::of(header.alg).ok_or(IdentityError::Algorithm)?;
        // Only to find the issuer; nothing of it is believed before the signature is checked.
        let said: Said = insecure_decode_claims(token).map_err(malformed)?;
        let mut last = IdentityError::UnknownIssuer;
        // Tenants may share one issuer, each with an audience of its own.
        for issuer in self.all.iter().filter(|i| i.config.issuer == said.iss) {
            match self
                .check(issuer, token, header.kid.as_deref(), algorithm)
                .await
            {
                Ok(principal) => return Ok(principal),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn check(
        &self,
        issuer: &Issuer,
        token: &str,
        id: Option<&str>,
        algorithm: SignatureAlgorithm,
    ) -> Result<Principal, IdentityError> {
        let config = &issuer.config;
        if !config.algorithms.contains(&algorithm) {
            return Err(IdentityError::Algorithm);
        }
        let client = self.client.as_ref();
        let client = client.ok_or_else(|| IdentityError::Unavailable(config.name.to_string()))?;
        let key = issuer
            .jwks
            .find(client, config, self.looks, id, algorithm)
            .await?;
        let mut validation = Validation::new(key.algorithm.algorithm());
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_audience(&config.audience);
        validation.set_issuer(&[&config.issuer]);
        validation.validate_nbf = true;
        validation.leeway = config.leeway_seconds;
        let data = decode::<Map<String, Value>>(token, &key.key, &validation);
        let data = data.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => IdentityError::Signature,
            ErrorKind::ExpiredSignature => IdentityError::Expired,
            ErrorKind::ImmatureSignature => IdentityError::NotYet,
            ErrorKind::InvalidAudience => IdentityError::Audience,
            ErrorKind::InvalidIssuer => IdentityError::UnknownIssuer,
            ErrorKind::InvalidAlgorithm => IdentityError::Algorithm,
            _ => IdentityError::Malformed(error.to_string()),
        })?;
        claims::principal(config, issuer.owner.as_ref(), &data.claims)
    }
}

/// What a token says of itself.
#[derive(Deserialize)]
struct Said {
    iss: String,
}
