//! Webhooks of Jira Cloud (developer.atlassian.com/cloud/jira/platform/webhooks).
//!
//! A webhook that was registered with a secret is signed: `X-Hub-Signature: sha256=HEX`, the HMAC-SHA256 of the body. One
//! without is not, and is taken only where the deployment says so; a signature that does not fit is refused in any case.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The largest body that is read, in bytes: Jira sends up to 25 MB and says that most are far smaller.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// The longest name of an event that is taken, in characters.
const MAX_NAME: usize = 60;

/// What the deployment says.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// The secret that the webhook was registered with; none where there is none.
    pub secret: Option<&'s [u8]>,
    /// Whether a webhook without a signature is taken.
    pub unsigned: bool,
}

/// An event to append.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// The same for the same body, so that what comes again is the same event.
    pub id: String,
    /// `com.atlassian.jira.issue.created` and so on: Jira's own name with dots.
    pub event_type: String,
    /// The key of the issue, as `SHOP-7`.
    pub subject: Option<String>,
    /// When it happened, in microseconds since 1970.
    pub time: Option<i64>,
    /// Whether it was signed.
    pub signed: bool,
    /// What Jira sent.
    pub data: Value,
}

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// 400 or 401.
    pub status: u16,
    /// For the log of the function; who asks is not told.
    pub reason: String,
}

fn refuse<T>(status: u16, reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { status, reason: reason.into() })
}

/// Checks and reads a request; `signature` is its `X-Hub-Signature`.
///
/// # Errors
/// [`Refused`]
pub fn take(settings: Settings<'_>, signature: Option<&str>, body: &[u8]) -> Result<Taken, Refused> {
    if body.len() > MAX_BODY_BYTES {
        return refuse(400, "the body is too large");
    }
    let signed = match (signature, settings.secret) {
        (Some(signature), Some(secret)) => match verify(secret, signature, body) {
            true => true,
            false => return refuse(401, "the signature does not fit the body and the secret"),
        },
        (Some(_), None) => return refuse(401, "it is signed, and there is no secret to check it with"),
        (None, _) if settings.unsigned => false,
        (None, _) => {
            return refuse(
                401,
                "it is not signed; register the webhook with a secret, or deploy with --config unsigned=accept",
            );
        }
    };
    let data: Value = match serde_json::from_slice(body) {
        Ok(data @ Value::Object(_)) => data,
        _ => return refuse(400, "the body is no object of JSON"),
    };
    let Some(name) = data["webhookEvent"].as_str().and_then(event_type) else {
        return refuse(400, "the body names no event of Jira");
    };
    let key = data["issue"]["key"].as_str().filter(|key| is_key(key)).map(str::to_owned);
    let time = data["timestamp"].as_i64().filter(|ms| (0..=253_402_300_799_999).contains(ms));
    let mut id = Sha256::new();
    id.update(b"jira:");
    id.update(body);
    Ok(Taken {
        id: hex::encode(id.finalize()),
        event_type: format!("com.atlassian.jira.{name}"),
        subject: key,
        time: time.map(|ms| ms * 1000),
        signed,
        data,
    })
}

/// Whether `X-Hub-Signature` is that of the body, compared in constant time.
pub fn verify(secret: &[u8], signature: &str, body: &[u8]) -> bool {
    let given = signature.trim().strip_prefix("sha256=").filter(|given| given.len() == 64);
    let Some(given) = given.and_then(|given| hex::decode(given).ok()) else {
        return false;
    };
    if secret.is_empty() {
        return false;
    }
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

/// `jira:issue_created` as `issue.created`.
fn event_type(name: &str) -> Option<String> {
    let name = name.strip_prefix("jira:").unwrap_or(name);
    let fits = (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        && name.split('_').all(|word| !word.is_empty());
    fits.then(|| name.replace('_', "."))
}

/// Whether this is the key of an issue: `SHOP-7`.
pub fn is_key(key: &str) -> bool {
    let Some((project, number)) = key.rsplit_once('-') else {
        return false;
    };
    let mut letters = project.bytes();
    letters.next().is_some_and(|first| first.is_ascii_uppercase())
        && letters.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && project.len() <= 60
        && (1..=12).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}
