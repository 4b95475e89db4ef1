//! Events to an address: CloudEvents in the structured mode of the HTTP binding, signed as Standard Webhooks
//! (standardwebhooks.com) has it.
//!
//! `webhook-id` is the same for every try of one event, `webhook-timestamp` is the time of the try, and `webhook-signature` is
//! `v1,` and the base64 of the HMAC-SHA256 of `ID.TIME.BODY`. Who receives it and answers with a status from 200 to 299 has
//! it; anything else, and it comes again, under the same id.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use steward_egress::{Destination, EgressError};
use steward_registry::Name;
use steward_registry::events::{Event, Trigger, UrlTarget};
use steward_triggers::cloudevents::Structured;
use steward_triggers::deliver::{ATTEMPT, Deliver, MAX_PAUSE, TRIGGER, Undelivered};
use steward_triggers::webhook::sign_standard;

use crate::Outward;

/// How long one try may take.
const TRY: Duration = Duration::from_secs(30);
/// How much of an answer that is no success is kept as the reason, in bytes.
const REASON_BYTES: usize = 1000;

/// The signature of a request, with a secret of this name.
///
/// # Errors
/// What is wrong with the secret.
pub(crate) fn sign(
    name: &Name,
    secret: &str,
    id: &str,
    time_s: i64,
    body: &[u8],
) -> Result<String, String> {
    sign_standard(secret, id, time_s, body).ok_or_else(|| {
        format!("the secret `{name}` is not one of Standard Webhooks: `whsec_` and base64")
    })
}

impl<D: Deliver> Outward<D> {
    pub(crate) async fn to_url(
        &self,
        trigger: &Trigger,
        to: &UrlTarget,
        event: &Event,
        attempt: u32,
    ) -> Result<(), Undelivered> {
        let failed = |reason: String| Undelivered::Failed(reason);
        let secret = self.secret(&trigger.tenant, &to.secret).await;
        let secret = secret.map_err(failed)?;
        let uri: Uri = to
            .url
            .parse()
            .map_err(|_| Undelivered::Refused("its URL is none".into()))?;
        let destination = Destination::of(&uri).map_err(|e| Undelivered::Refused(e.to_string()))?;
        let body = serde_json::to_vec(&Structured(event.clone()))
            .map_err(|e| Undelivered::Refused(format!("the event has no JSON form: {e}")))?;
        let id = format!("{}-{}", trigger.name, event.seq);
        let now = Timestamp::now().as_second();
        let signature = sign(&to.secret, &secret, &id, now, &body).map_err(failed)?;
        let request = request(&uri, trigger, attempt, &id, now, &signature, body)
            .map_err(|e| Undelivered::Refused(format!("the request cannot be made: {e}")))?;
        let sent = self.egress.send(steward_egress::Request {
            tenant: trigger.tenant.as_str(),
            destination,
            request,
            turns: &self.turns,
            timeouts: self.egress.timeouts(),
            deadline: Instant::now() + TRY,
        });
        let answer = sent.await.map_err(|error| match error {
            // Nothing was tried: the host has too much to do.
            EgressError::TooMany => Undelivered::Busy {
                reason: error.to_string(),
                retry_after: Duration::from_secs(1),
            },
            other => failed(other.to_string()),
        })?;
        let (head, mut body) = answer.into_parts();
        if head.status.is_success() {
            return Ok(());
        }
        let mut begin = Vec::new();
        while begin.len() < REASON_BYTES
            && let Some(Ok(frame)) = body.frame().await
        {
            let data = frame.into_data().unwrap_or_default();
            let room = REASON_BYTES - begin.len();
            begin.extend_from_slice(data.get(..room).unwrap_or(&data));
        }
        Err(refused(head.status, &head.headers, &begin))
    }
}

fn request(
    uri: &Uri,
    trigger: &Trigger,
    attempt: u32,
    id: &str,
    time_s: i64,
    signature: &str,
    body: Vec<u8>,
) -> http::Result<Request<Full<Bytes>>> {
    Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
        .header(USER_AGENT, "steward")
        .header("webhook-id", id)
        .header("webhook-timestamp", HeaderValue::from(time_s))
        .header("webhook-signature", signature)
        .header(TRIGGER, trigger.name.as_str())
        .header(ATTEMPT, HeaderValue::from(attempt))
        .body(Full::new(Bytes::from(body)))
}

/// What an answer that is no success means.
fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Undelivered {
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let reason = match text.trim() {
        "" => format!("it was answered with the status {status}"),
        text => format!("it was answered with the status {status}: {text}"),
    };
    // Standard Webhooks: whoever answers 410 wants nothing more.
    if status == StatusCode::GONE {
        return Undelivered::Refused(reason);
    }
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    match seconds {
        Some(seconds) => Undelivered::NotBefore {
            reason,
            pause: Duration::from_secs(seconds).min(MAX_PAUSE),
        },
        None => Undelivered::Failed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_when_to_come_again_and_whether_at_all() {
        let answer = |status, retry_after: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = retry_after {
                headers.insert(RETRY_AFTER, value.parse().unwrap());
            }
            refused(
                StatusCode::from_u16(status).unwrap(),
                &headers,
                b"no\r\nroom",
            )
        };
        let reason = |status: &str| format!("it was answered with the status {status}: no  room");
        assert_eq!(
            answer(503, Some("7")),
            Undelivered::NotBefore {
                reason: reason("503 Service Unavailable"),
                pause: Duration::from_secs(7)
            }
        );
        let Undelivered::NotBefore { pause, .. } = answer(429, Some("999999999")) else {
            panic!("it says when");
        };
        assert_eq!(pause, MAX_PAUSE);
        assert_eq!(
            answer(500, None),
            Undelivered::Failed(reason("500 Internal Server Error"))
        );
        assert_eq!(answer(302, None), Undelivered::Failed(reason("302 Found")));
        assert_eq!(answer(410, None), Undelivered::Refused(reason("410 Gone")));
    }
}
