//! Slack's request signatures, version 0 (docs.slack.dev, "Verifying requests from Slack").
//!
//! `X-Slack-Signature: v0=HEX` is the HMAC-SHA256 of `v0:TIME:BODY` with the signing secret of the app; TIME is
//! `X-Slack-Request-Timestamp` in seconds since 1970, and a request whose time is more than five minutes from now is refused.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// How far the time of a request may be from now, in seconds: what Slack asks for.
pub const TOLERANCE_S: u64 = 300;

/// Why a request is not taken. A stranger is not told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unverified {
    /// A header field is missing, or is not what Slack sends.
    Header,
    /// The time is too far from now.
    Time,
    /// The signature is of other bytes, or of another secret.
    Signature,
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "a header field of the signature is missing or malformed",
            Self::Time => "the time of the signature is more than five minutes from now",
            Self::Signature => "the signature does not fit the body and the secret",
        })
    }
}

/// Checks a request, and names what was signed: the same bytes sent again have the same name.
///
/// # Errors
/// Every [`Unverified`].
pub fn verify(
    secret: &[u8],
    timestamp: Option<&str>,
    signature: Option<&str>,
    body: &[u8],
    now_s: u64,
) -> Result<String, Unverified> {
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else {
        return Err(Unverified::Header);
    };
    let digits = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|b| b.is_ascii_digit());
    let signed: u64 = digits
        .then(|| timestamp.parse().ok())
        .flatten()
        .ok_or(Unverified::Header)?;
    if signed.abs_diff(now_s) > TOLERANCE_S {
        return Err(Unverified::Time);
    }
    let given = signature
        .strip_prefix("v0=")
        .filter(|given| given.len() == 64)
        .and_then(|given| hex::decode(given).ok())
        .ok_or(Unverified::Header)?;
    if secret.is_empty() {
        return Err(Unverified::Signature);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Unverified::Signature)?;
    for part in [b"v0:".as_slice(), timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    // In constant time.
    mac.verify_slice(&given).map_err(|_| Unverified::Signature)?;
    // Not the signature itself, which is as good as a password for as long as it is fresh.
    let mut name = Sha256::new();
    name.update(b"slack:");
    name.update(&given);
    Ok(hex::encode(name.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's documentation, "Verifying requests from Slack".
    const SECRET: &[u8] = b"8f742231b10e8888abcd99yyyzzz85a5";
    const TIME: &str = "1531420618";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    #[test]
    fn slacks_own_example_is_taken_within_five_minutes() {
        let check = |now| verify(SECRET, Some(TIME), Some(SIGNATURE), BODY, now);
        let name = check(1_531_420_618).unwrap();
        assert_eq!(check(1_531_420_918), Ok(name.clone()));
        assert_eq!(check(1_531_420_318), Ok(name.clone()));
        assert_eq!(check(1_531_420_919), Err(Unverified::Time));
        assert_eq!(check(1_531_420_317), Err(Unverified::Time));
        assert!(name.len() == 64 && !SIGNATURE.contains(&name));
    }

    #[test]
    fn what_was_changed_is_refused() {
        let now = 1_531_420_618;
        let check = |secret: &[u8], time: Option<&str>, signature: Option<&str>, body: &[u8]| {
            verify(secret, time, signature, body, now).unwrap_err()
        };
        let mut body = BODY.to_vec();
        body.push(b'x');
        let other = SIGNATURE.replace("a2", "a3");
        for (secret, time, signature, body, why) in [
            (SECRET, Some(TIME), Some(SIGNATURE), body.as_slice(), Unverified::Signature),
            (b"other".as_slice(), Some(TIME), Some(SIGNATURE), BODY, Unverified::Signature),
            (b"", Some(TIME), Some(SIGNATURE), BODY, Unverified::Signature),
            (SECRET, Some("1531420619"), Some(SIGNATURE), BODY, Unverified::Signature),
            (SECRET, Some(TIME), Some(other.as_str()), BODY, Unverified::Signature),
            (SECRET, Some(TIME), Some("v0="), BODY, Unverified::Header),
            (SECRET, Some(TIME), Some(&SIGNATURE[3..]), BODY, Unverified::Header),
            (SECRET, Some("-1531420618"), Some(SIGNATURE), BODY, Unverified::Header),
            (SECRET, Some("+531420618"), Some(SIGNATURE), BODY, Unverified::Header),
            (SECRET, None, Some(SIGNATURE), BODY, Unverified::Header),
            (SECRET, Some(TIME), None, BODY, Unverified::Header),
        ] {
            assert_eq!(check(secret, time, signature, body), why, "{time:?} {signature:?}");
        }
    }
}
