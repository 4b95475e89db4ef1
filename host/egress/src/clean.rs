//! The head of a request as it goes out.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Uri, Version, request};

use crate::{Destination, EgressError};

/// Headers for the next hop alone (RFC 9110, 7.6.1), and those that frame the message: this client writes its own.
const HOP_BY_HOP: [HeaderName; 13] = [
    CONNECTION,
    HOST,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("alt-used"),
];

/// Rewrites the head for this destination. `length` is that of the body, where it is known.
pub(crate) fn clean(
    head: &mut request::Parts,
    destination: &Destination,
    length: Option<u64>,
    max_bytes: usize,
) -> Result<(), EgressError> {
    if head.method == Method::CONNECT {
        return Err(EgressError::InvalidMethod);
    }
    // What `Connection` names is for the next hop too.
    let named: Vec<HeaderName> = head
        .headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        head.headers.remove(name);
    }
    check_length(&head.headers, length)?;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut bytes = path.len() + destination.host().len();
    bytes += head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum::<usize>();
    if bytes > max_bytes {
        return Err(EgressError::RequestHeadTooLarge(max_bytes));
    }
    head.uri = Uri::builder()
        .scheme(if destination.tls() { "https" } else { "http" })
        .authority(destination.authority())
        .path_and_query(path)
        .build()
        .map_err(|_| EgressError::InvalidUri("its path is none"))?;
    head.version = Version::HTTP_11;
    head.extensions.clear();
    Ok(())
}

/// The head for a connection of HTTP/1.1: the path alone, and `Host`.
pub(crate) fn for_http1(
    head: &mut request::Parts,
    destination: &Destination,
) -> Result<(), EgressError> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path
        .parse()
        .map_err(|_| EgressError::InvalidUri("its path is none"))?;
    head.headers.insert(HOST, destination.host_header()?);
    Ok(())
}

/// One length, in digits, and that of the body where it is known: nothing that two readers could take for two messages.
fn check_length(headers: &HeaderMap, length: Option<u64>) -> Result<(), EgressError> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        return Ok(());
    };
    let digits = value.as_bytes();
    let said = std::str::from_utf8(digits)
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse::<u64>().ok())
        .ok_or(EgressError::InvalidLength)?;
    if values.next().is_some() || length.is_some_and(|length| length != said) {
        return Err(EgressError::InvalidLength);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn cleaned(
        request: http::request::Builder,
        length: Option<u64>,
    ) -> Result<request::Parts, EgressError> {
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        let destination = Destination::of(&head.uri)?;
        clean(&mut head, &destination, length, 4096)?;
        for_http1(&mut head, &destination)?;
        Ok(head)
    }

    #[test]
    fn nothing_frames_the_message_or_speaks_to_the_next_hop() {
        let request = Request::post("http://api.example.com:81/a?b")
            .header("host", "metadata.internal")
            .header("connection", "close, x-secret-hop")
            .header("x-secret-hop", "1")
            .header("transfer-encoding", "chunked")
            .header("upgrade", "h2c")
            .header("te", "trailers")
            .header("proxy-authorization", "Basic x")
            .header("content-length", "3")
            .header("x-kept", "1");
        let head = cleaned(request, Some(3)).unwrap();
        let mut names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "host", "x-kept"]);
        assert_eq!(head.headers[HOST], "api.example.com:81");
        assert_eq!(head.uri, "/a?b");
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let post = || Request::post("http://example.com/");
        for (request, length) in [
            (
                post()
                    .header("content-length", "3")
                    .header("content-length", "3"),
                Some(3),
            ),
            (post().header("content-length", "4"), Some(3)),
            (post().header("content-length", "+3"), Some(3)),
            (post().header("content-length", "3, 3"), Some(3)),
            (post().header("content-length", ""), None),
        ] {
            assert!(matches!(
                cleaned(request, length),
                Err(EgressError::InvalidLength)
            ));
        }
        assert!(cleaned(post().header("content-length", "3"), None).is_ok());
    }

    #[test]
    fn tunnels_and_large_heads_are_refused() {
        let connect = Request::builder()
            .method("CONNECT")
            .uri("http://example.com/");
        assert!(matches!(
            cleaned(connect, None),
            Err(EgressError::InvalidMethod)
        ));
        let large = Request::get("http://example.com/").header("x", "x".repeat(5000));
        assert!(matches!(
            cleaned(large, None),
            Err(EgressError::RequestHeadTooLarge(4096))
        ));
    }
}
