//! The keys of one issuer, in memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use reqwest::Client;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::config::{IssuerConfig, SignatureAlgorithm, safe_url};
use crate::{IdentityError, fetch};

/// For how long keys are taken where the issuer does not answer.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// The most keys of one issuer.
const MAX_KEYS: usize = 64;

/// How often the keys of an issuer are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// For how long keys are taken without another look: a key that the issuer withdrew is refused from then on.
    pub fresh: Duration,
    /// Between two looks, whatever tokens come: ids that nobody knows cost the issuer nothing.
    pub pause: Duration,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(600),
            pause: Duration::from_secs(30),
        }
    }
}

/// A key that signs in one way.
pub(crate) struct Key {
    id: Option<String>,
    pub algorithm: SignatureAlgorithm,
    pub key: DecodingKey,
}

/// What the issuer published at one moment.
struct Published {
    keys: Vec<Arc<Key>>,
    at: Instant,
}

impl Published {
    /// The key of this id; without an id, the only one of the algorithm.
    fn find(&self, id: Option<&str>, algorithm: SignatureAlgorithm) -> Option<Arc<Key>> {
        let mut fitting = self.keys.iter().filter(|key| {
            key.algorithm == algorithm && id.is_none_or(|id| key.id.as_deref() == Some(id))
        });
        let found = fitting.next()?;
        fitting.next().is_none().then(|| found.clone())
    }
}

/// The keys of one issuer: fetched when they are needed, kept for a while.
#[derive(Default)]
pub(crate) struct Jwks {
    published: ArcSwapOption<Published>,
    /// When the issuer was asked last; held while it is.
    asked: Mutex<Option<Instant>>,
}

impl Jwks {
    /// The key that a token names.
    pub async fn find(
        &self,
        client: &Client,
        config: &IssuerConfig,
        looks: Looks,
        id: Option<&str>,
        algorithm: SignatureAlgorithm,
    ) -> Result<Arc<Key>, IdentityError> {
        let known = |within: Duration| {
            let published = self.published.load();
            let published = published.as_ref().filter(|p| p.at.elapsed() < within)?;
            published.find(id, algorithm)
        };
        if let Some(key) = known(looks.fresh) {
            return Ok(key);
        }
        let mut asked = self.asked.lock().await;
        // Who waited finds what the one before has fetched.
        if let Some(key) = known(looks.fresh) {
            return Ok(key);
        }
        if asked.is_none_or(|at| at.elapsed() >= looks.pause) {
            *asked = Some(Instant::now());
            match publish(client, config).await {
                Ok(keys) => {
                    let published = Published {
                        keys,
                        at: Instant::now(),
                    };
                    self.published.store(Some(Arc::new(published)));
                }
                Err(reason) => {
                    tracing::warn!(issuer = %config.name, reason, "the keys of an issuer of tokens cannot be read");
                }
            }
        }
        if let Some(key) = known(STALE) {
            return Ok(key);
        }
        let there = self.published.load();
        match there.as_ref().filter(|p| p.at.elapsed() < looks.fresh) {
            Some(_) => Err(IdentityError::UnknownKey),
            None => Err(IdentityError::Unavailable(config.name.to_string())),
        }
    }
}

async fn publish(client: &Client, config: &IssuerConfig) -> Result<Vec<Arc<Key>>, String> {
    let url = match &config.jwks_url {
        Some(url) => safe_url(url)?,
        None => fetch::discover(client, &config.issuer).await?,
    };
    read(&fetch::get(client, url).await?)
}

/// What of a key is looked at. Everything else may be there.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that a token can be checked with. Others (for encryption, of other kinds, shared secrets) are
/// passed over, as RFC 7517 asks.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Arc<Key>>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(bytes).map_err(|e| format!("its keys: {e}"))?;
    if set.keys.len() > MAX_KEYS {
        return Err(format!("it has more than {MAX_KEYS} keys"));
    }
    let keys = set.keys.into_iter().filter_map(|value| {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        usable(jwk).map(Arc::new)
    });
    Ok(keys.collect())
}

fn usable(jwk: Jwk) -> Option<Key> {
    if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let curve = jwk.crv.as_deref();
    let (algorithm, word, key) = match jwk.kty.as_str() {
        "RSA" => {
            let key = DecodingKey::from_rsa_components(&jwk.n?, &jwk.e?).ok()?;
            (SignatureAlgorithm::RS256, "RS256", key)
        }
        "EC" if curve == Some("P-256") => {
            let (x, y) = (coordinate(&jwk.x?)?, coordinate(&jwk.y?)?);
            (
                SignatureAlgorithm::ES256,
                "ES256",
                DecodingKey::from_ec_components(&x, &y).ok()?,
            )
        }
        "OKP" if curve == Some("Ed25519") => {
            let x = coordinate(&jwk.x?)?;
            (
                SignatureAlgorithm::EdDSA,
                "EdDSA",
                DecodingKey::from_ed_components(&x).ok()?,
            )
        }
        _ => return None,
    };
    // A key that names another algorithm is for that one alone.
    if jwk
        .alg
        .is_some_and(|named| named != word && !(word == "EdDSA" && named == "Ed25519"))
    {
        return None;
    }
    Some(Key {
        id: jwk.kid,
        algorithm,
        key,
    })
}

/// 32 bytes in base64url, as they stand.
fn coordinate(text: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    (bytes.len() == 32).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_public_keys_for_signatures_are_kept() {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        let n = URL_SAFE_NO_PAD.encode([7; 256]);
        let set = json!({"keys": [
            {"kty": "RSA", "kid": "rsa", "n": n, "e": "AQAB", "use": "sig", "x5c": ["…"]},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "x": x, "y": x, "alg": "ES256"},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x},
            {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
            {"kty": "RSA", "kid": "encrypts", "n": n, "e": "AQAB", "use": "enc"},
            {"kty": "RSA", "kid": "other", "n": n, "e": "AQAB", "alg": "RS512"},
            {"kty": "EC", "crv": "P-384", "kid": "large", "x": x, "y": x},
            {"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AAAA"},
            {"kty": 7}, 3, null,
        ]});
        let keys = read(set.to_string().as_bytes()).unwrap();
        let ids: Vec<_> = keys.iter().map(|key| key.id.as_deref().unwrap()).collect();
        assert_eq!(ids, ["rsa", "ec", "ed"]);
        let published = Published {
            keys,
            at: Instant::now(),
        };
        let find = |id, algorithm| published.find(id, algorithm).is_some();
        assert!(find(Some("ec"), SignatureAlgorithm::ES256));
        // The id alone is not enough: the algorithm is that of the key.
        assert!(!find(Some("rsa"), SignatureAlgorithm::ES256));
        assert!(find(None, SignatureAlgorithm::EdDSA));
        let many = json!({"keys": vec![json!({"kty": "oct"}); 65]}).to_string();
        assert!(read(many.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_of_an_issuer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
            let _ = read(&bytes);
            let set = json!({"keys": [
                {"kty": "RSA", "n": text, "e": text}, {"kty": "EC", "crv": "P-256", "x": text, "y": text},
                {"kty": "OKP", "crv": "Ed25519", "x": text}]});
            let _ = read(set.to_string().as_bytes());
        }
    }
}
