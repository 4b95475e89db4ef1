//! Signatures of webhooks: who sent this, and is it sent for the first time.
//!
//! All schemes are HMAC-SHA256 with a secret that both sides know. What the bytes are that are signed, and where the
//! signature stands, is what tells them apart:
//!
//! | scheme | signed | sent as | described at |
//! | --- | --- | --- | --- |
//! | generic | `body`, or `time.body` | `X-Signature: [sha256=]HEX`, `X-Timestamp: TIME` | here |
//! | github | `body` | `X-Hub-Signature-256: sha256=HEX` | docs.github.com, "Validating webhook deliveries" |
//! | stripe | `time.body` | `Stripe-Signature: t=TIME,v1=HEX` | docs.stripe.com/webhooks/signature |
//! | slack | `v0:time:body` | `X-Slack-Signature: v0=HEX`, `X-Slack-Request-Timestamp: TIME` | docs.slack.dev, "Verifying requests" |
//! | standard | `id.time.body` | `webhook-signature: v1,BASE64`, `webhook-id`, `webhook-timestamp` | standardwebhooks.com |
//!
//! Signatures are compared in constant time. What was signed names the delivery ([`Verified::id`]): the same bytes sent
//! again have the same id, whatever unsigned header fields say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use steward_registry::events::WebhookScheme;
use subtle::{Choice, ConstantTimeEq as _};

/// Signatures of one request that are looked at: a sender that changes its secret sends two.
const MAX_SIGNATURES: usize = 8;

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unverified {
    /// A header field that the scheme needs.
    #[error("the header field `{0}` is missing or is not what the scheme says")]
    Header(&'static str),
    /// The time of the signature.
    #[error(
        "the signature is of {signed} (Unix time), and this is {now}: more than {tolerance_s} seconds apart"
    )]
    Time {
        /// When it was signed, in seconds since 1970.
        signed: i64,
        /// When it came.
        now: i64,
        /// How far the two may be apart.
        tolerance_s: u32,
    },
    /// The secret cannot be one of this scheme.
    #[error("the secret is empty, or is not one of the scheme: `whsec_` and base64")]
    Secret,
    /// The signature is of other bytes, or of another secret.
    #[error("no signature of the request fits its body and the secret")]
    Signature,
}

/// A request whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Names what was signed; the same for the same bytes.
    pub id: String,
}

/// Checks a request: its header fields, its raw body, against the secret, at this time.
///
/// # Errors
/// Every [`Unverified`]. The caller need not tell a stranger which.
pub fn verify(
    scheme: WebhookScheme,
    secret: &str,
    tolerance_s: u32,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, Unverified> {
    if secret.is_empty() {
        return Err(Unverified::Secret);
    }
    let fresh = |header: &'static str, text: &str| in_time(header, text, tolerance_s, now);
    match scheme {
        WebhookScheme::Generic => {
            let given = text(headers, "x-signature")?;
            let given = given.strip_prefix("sha256=").unwrap_or(given);
            match headers.contains_key("x-timestamp") {
                false => by_hex(secret.as_bytes(), &[body], [given], "x-signature"),
                true => {
                    let time = text(headers, "x-timestamp")?;
                    fresh("x-timestamp", time)?;
                    let signed = [time.as_bytes(), b".", body];
                    by_hex(secret.as_bytes(), &signed, [given], "x-signature")
                }
            }
        }
        WebhookScheme::Github => {
            const FIELD: &str = "x-hub-signature-256";
            let given = text(headers, FIELD)?;
            let given = given
                .strip_prefix("sha256=")
                .ok_or(Unverified::Header(FIELD))?;
            by_hex(secret.as_bytes(), &[body], [given], FIELD)
        }
        WebhookScheme::Stripe => {
            const FIELD: &str = "stripe-signature";
            let pairs = || {
                text(headers, FIELD).map(|t| t.split(',').filter_map(|p| p.trim().split_once('=')))
            };
            let time = pairs()?
                .find_map(|(key, value)| (key == "t").then_some(value))
                .ok_or(Unverified::Header(FIELD))?;
            fresh(FIELD, time)?;
            let given = pairs()?.filter_map(|(key, value)| (key == "v1").then_some(value));
            let signed = [time.as_bytes(), b".", body];
            by_hex(secret.as_bytes(), &signed, given, FIELD)
        }
        WebhookScheme::Slack => {
            let time = text(headers, "x-slack-request-timestamp")?;
            fresh("x-slack-request-timestamp", time)?;
            const FIELD: &str = "x-slack-signature";
            let given = text(headers, FIELD)?;
            let given = given.strip_prefix("v0=").ok_or(Unverified::Header(FIELD))?;
            let signed = [b"v0:", time.as_bytes(), b":", body];
            by_hex(secret.as_bytes(), &signed, [given], FIELD)
        }
        WebhookScheme::Standard => {
            let id = text(headers, "webhook-id")?;
            let time = text(headers, "webhook-timestamp")?;
            fresh("webhook-timestamp", time)?;
            let key = standard_key(secret)?;
            let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body];
            let wanted = signature(&key, &signed)?;
            let mut fits = Choice::from(0);
            for given in text(headers, "webhook-signature")?
                .split(' ')
                .take(MAX_SIGNATURES)
            {
                if let Some(given) = given
                    .strip_prefix("v1,")
                    .and_then(|g| STANDARD.decode(g).ok())
                {
                    fits |= wanted.as_slice().ct_eq(&given);
                }
            }
            // The id is signed, and stays the same when the sender tries again at another time.
            let id = [b"standard:".as_slice(), id.as_bytes()];
            bool::from(fits)
                .then(|| Verified { id: digest(&id) })
                .ok_or(Unverified::Signature)
        }
    }
}

/// What a sender of the scheme `standard` says in `webhook-signature`: `v1,BASE64`. None where the secret is neither `whsec_`
/// and base64 nor base64 alone.
pub fn sign_standard(secret: &str, id: &str, time_s: i64, body: &[u8]) -> Option<String> {
    let key = standard_key(secret.trim()).ok()?;
    let time = time_s.to_string();
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let signature = signature(&key, &signed).ok()?;
    Some(format!("v1,{}", STANDARD.encode(signature)))
}

fn standard_key(secret: &str) -> Result<Vec<u8>, Unverified> {
    let key = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = STANDARD.decode(key).ok().filter(|key| !key.is_empty());
    key.ok_or(Unverified::Secret)
}

/// A header field that is there once and is text.
fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Unverified> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Unverified::Header(name)),
        _ => Err(Unverified::Header(name)),
    }
}

fn in_time(
    header: &'static str,
    text: &str,
    tolerance_s: u32,
    now: Timestamp,
) -> Result<(), Unverified> {
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let signed: i64 = digits
        .then(|| text.parse().ok())
        .flatten()
        .ok_or(Unverified::Header(header))?;
    let now = now.as_second();
    if (now - signed).unsigned_abs() > u64::from(tolerance_s) {
        return Err(Unverified::Time {
            signed,
            now,
            tolerance_s,
        });
    }
    Ok(())
}

/// The MAC of the parts, one behind the other.
fn signature(key: &[u8], parts: &[&[u8]]) -> Result<[u8; 32], Unverified> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Unverified::Secret)?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().into())
}

fn by_hex<'a>(
    key: &[u8],
    signed: &[&[u8]],
    given: impl IntoIterator<Item = &'a str>,
    field: &'static str,
) -> Result<Verified, Unverified> {
    let wanted = signature(key, signed)?;
    let mut fits = Choice::from(0);
    let mut any = false;
    for given in given.into_iter().take(MAX_SIGNATURES) {
        let mut bytes = [0; 32];
        if hex::decode_to_slice(given, &mut bytes).is_ok() {
            any = true;
            fits |= wanted.ct_eq(&bytes);
        }
    }
    if !any {
        return Err(Unverified::Header(field));
    }
    // A digest of what was signed, and not the signature: that is nobody's to know.
    bool::from(fits)
        .then(|| Verified { id: digest(signed) })
        .ok_or(Unverified::Signature)
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn github_s_published_example() {
        // docs.github.com, "Testing the webhook payload validation".
        let secret = "It's a Secret to Everybody";
        let fields = [(
            "x-hub-signature-256",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        )];
        let check = |secret: &str, body: &[u8]| {
            verify(
                WebhookScheme::Github,
                secret,
                300,
                &headers(&fields),
                body,
                at(0),
            )
        };
        assert!(check(secret, b"Hello, World!").is_ok());
        assert_eq!(check(secret, b"Hello, World?"), Err(Unverified::Signature));
        assert_eq!(
            check("it's a secret", b"Hello, World!"),
            Err(Unverified::Signature)
        );
        assert_eq!(check("", b"Hello, World!"), Err(Unverified::Secret));
    }

    #[test]
    fn slack_s_published_example() {
        // docs.slack.dev, "Verifying requests from Slack".
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F\
hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let fields = [
            (
                "x-slack-signature",
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            ),
            ("x-slack-request-timestamp", "1531420618"),
        ];
        let check = |now| {
            verify(
                WebhookScheme::Slack,
                "8f742231b10e8888abcd99yyyzzz85a5",
                300,
                &headers(&fields),
                body,
                at(now),
            )
        };
        assert!(check(1_531_420_618).is_ok());
        assert!(check(1_531_420_918).is_ok());
        assert!(matches!(check(1_531_420_919), Err(Unverified::Time { .. })));
        assert!(matches!(check(1_531_420_317), Err(Unverified::Time { .. })));
    }

    #[test]
    fn standard_webhooks_published_example() {
        // The specification of Standard Webhooks, and the tests of its libraries.
        let fields = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        let body = br#"{"test": 2432232314}"#;
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let check = |secret: &str, body: &[u8], fields: &[(&str, &str)]| {
            verify(
                WebhookScheme::Standard,
                secret,
                300,
                &headers(fields),
                body,
                at(1_614_265_330),
            )
        };
        let first = check(secret, body, &fields).unwrap();
        assert!(check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body, &fields).is_ok());
        assert_eq!(check(secret, b"{}", &fields), Err(Unverified::Signature));
        assert_eq!(check("whsec_?", body, &fields), Err(Unverified::Secret));
        // One of several fits, and names the same delivery.
        let two = [
            fields[0],
            fields[1],
            (
                "webhook-signature",
                "v1a,x v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        assert_eq!(check(secret, body, &two).unwrap(), first);
        for missing in 0..3 {
            let mut left = fields.to_vec();
            left.remove(missing);
            assert!(matches!(
                check(secret, body, &left),
                Err(Unverified::Header(_))
            ));
        }
    }

    #[test]
    fn it_signs_the_example_of_the_specification() {
        let body = br#"{"test": 2432232314}"#;
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = sign_standard(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(
            signed.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
        for bad in ["", "whsec_", "whsec_***", "hunter2!"] {
            assert_eq!(sign_standard(bad, "id", 1, body), None, "{bad}");
        }
    }

    #[test]
    fn what_it_signs_is_taken_by_the_other_side() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        let now = at(1_800_000_000);
        let signed = sign_standard(secret, "orders-7", now.as_second(), body).unwrap();
        let fields = headers(&[
            ("webhook-id", "orders-7"),
            ("webhook-timestamp", "1800000000"),
            ("webhook-signature", &signed),
        ]);
        let check = |body: &[u8]| verify(WebhookScheme::Standard, secret, 300, &fields, body, now);
        assert!(check(body).is_ok());
        assert!(check(b"{}").is_err());
    }

    /// What a sender of these schemes computes.
    fn hmac_hex(secret: &str, signed: &[&[u8]]) -> String {
        hex::encode(signature(secret.as_bytes(), signed).unwrap())
    }

    #[test]
    fn stripe_takes_one_of_several_and_a_time_within_its_tolerance() {
        let body = br#"{"id":"evt_1"}"#;
        let right = hmac_hex("whsec_test", &[b"1700000000.", body]);
        let wrong = "0".repeat(64);
        let check = |field: &str, now| {
            verify(
                WebhookScheme::Stripe,
                "whsec_test",
                300,
                &headers(&[("stripe-signature", field)]),
                body,
                at(now),
            )
        };
        assert!(
            check(
                &format!("t=1700000000,v1={wrong},v1={right},v0=x"),
                1_700_000_000
            )
            .is_ok()
        );
        assert_eq!(
            check(&format!("t=1700000000,v1={wrong}"), 1_700_000_000),
            Err(Unverified::Signature)
        );
        // The time is part of what is signed.
        assert_eq!(
            check(&format!("t=1700000001,v1={right}"), 1_700_000_000),
            Err(Unverified::Signature)
        );
        assert!(matches!(
            check(&format!("t=1700000000,v1={right}"), 1_700_000_301),
            Err(Unverified::Time { .. })
        ));
        for bad in [
            "",
            "v1=",
            "t=1",
            "t=-1,v1=00",
            "t=１,v1=00",
            "t=1700000000,v0=00",
        ] {
            if let Ok(value) = HeaderValue::from_str(bad) {
                let mut map = HeaderMap::new();
                map.insert("stripe-signature", value);
                assert!(
                    verify(
                        WebhookScheme::Stripe,
                        "s",
                        300,
                        &map,
                        body,
                        at(1_700_000_000)
                    )
                    .is_err(),
                    "{bad}"
                );
            }
        }
    }

    #[test]
    fn the_generic_scheme_has_a_time_where_the_sender_gives_one() {
        let body = b"\xff\x00 raw";
        let plain = hmac_hex("s", &[body]);
        let timed = hmac_hex("s", &[b"1700000000.", body]);
        let check = |fields: &[(&str, &str)]| {
            verify(
                WebhookScheme::Generic,
                "s",
                60,
                &headers(fields),
                body,
                at(1_700_000_010),
            )
        };
        let first = check(&[("x-signature", &plain)]).unwrap();
        assert_eq!(
            check(&[("x-signature", &format!("sha256={plain}"))]).unwrap(),
            first
        );
        assert_ne!(
            check(&[("x-signature", &timed), ("x-timestamp", "1700000000")]).unwrap(),
            first
        );
        assert_eq!(
            check(&[("x-signature", &timed)]),
            Err(Unverified::Signature)
        );
        assert_eq!(
            check(&[("x-signature", &plain), ("x-timestamp", "1700000000")]),
            Err(Unverified::Signature)
        );
        // Twice is once too often: two readers could take different ones.
        assert!(check(&[("x-signature", &plain), ("x-signature", &plain)]).is_err());
        assert!(check(&[("x-signature", &plain[..62])]).is_err());
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(value in "[ -~]{0,80}", time in "[0-9-]{0,14}") {
            for scheme in [WebhookScheme::Generic, WebhookScheme::Github, WebhookScheme::Stripe, WebhookScheme::Slack, WebhookScheme::Standard] {
                let fields = headers(&[
                    ("x-signature", &value), ("x-hub-signature-256", &value), ("stripe-signature", &value),
                    ("x-slack-signature", &value), ("webhook-signature", &value), ("webhook-id", "x"),
                    ("x-timestamp", &time), ("x-slack-request-timestamp", &time), ("webhook-timestamp", &time),
                ]);
                prop_assert!(verify(scheme, "c2VjcmV0", 300, &fields, b"body", at(1_700_000_000)).is_err());
            }
        }
    }
}
