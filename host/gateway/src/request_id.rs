//! The name of one request, in its answer and in the log.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// What the client calls its request, where that is short and plain; else a new ULID.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    match headers.get(HEADER) {
        Some(given) if is_plain(given.as_bytes()) => given.clone(),
        _ => fresh(),
    }
}

/// Nothing that could break a line of a log or a terminal.
fn is_plain(given: &[u8]) -> bool {
    (1..=64).contains(&given.len())
        && given
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn fresh() -> HeaderValue {
    let ulid = ulid::Ulid::generate().to_string();
    // Crockford's alphabet has digits and capital letters only.
    HeaderValue::from_maybe_shared(bytes::Bytes::from(ulid))
        .unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_kept_and_others_are_replaced() {
        let mut headers = HeaderMap::new();
        assert_eq!(of(&headers).len(), 26);
        headers.insert(HEADER, HeaderValue::from_static("order-17.retry_2"));
        assert_eq!(of(&headers), "order-17.retry_2");
        for bad in ["", "a b", "a\tb", "名", &"x".repeat(65)] {
            headers.insert(HEADER, HeaderValue::from_bytes(bad.as_bytes()).unwrap());
            assert_eq!(of(&headers).len(), 26, "{bad}");
        }
    }
}
