//! Where a request goes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::uri::Scheme;
use http::{HeaderValue, Uri};

use crate::EgressError;

/// Scheme, host and port of a request, in one spelling: what is checked is what is connected to and what `Host` says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    tls: bool,
    /// Lower case; IPv6 addresses in brackets.
    host: String,
    port: u16,
}

/// The longest name of a host.
const MAX_HOST_BYTES: usize = 253;

impl Destination {
    /// The destination of a URI.
    ///
    /// # Errors
    /// [`EgressError::InvalidUri`] where the URI is not absolute, is neither `http` nor `https`, names a user, or a host
    /// that is neither a name of letters, digits, hyphens and underscores nor an address in its usual spelling.
    pub fn of(uri: &Uri) -> Result<Self, EgressError> {
        let wrong = |why: &'static str| EgressError::InvalidUri(why);
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong("the scheme is neither http nor https")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        let text = authority.as_str();
        if text.contains('@') {
            return Err(wrong("it names a user"));
        }
        let (host, rest) = match text.strip_prefix('[') {
            Some(inner) => {
                let (address, rest) = inner
                    .split_once(']')
                    .ok_or_else(|| wrong("a bracket is not closed"))?;
                let address: Ipv6Addr = address
                    .parse()
                    .map_err(|_| wrong("what is in brackets is no IPv6 address"))?;
                (format!("[{address}]"), rest)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (host, rest) = text.split_at(end);
                (
                    name(host).ok_or_else(|| wrong("its host is no host name"))?,
                    rest,
                )
            }
        };
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| wrong("its port is none"))?,
            _ => return Err(wrong("its port is none")),
        };
        Ok(Self { tls, host, port })
    }

    /// Whether requests go through TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The host in lower case; IPv6 addresses stand in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, where the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self
            .host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
        {
            Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => self.host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    }

    /// What `Host` says: the port only where it is not that of the scheme.
    pub(crate) fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    pub(crate) fn host_header(&self) -> Result<HeaderValue, EgressError> {
        HeaderValue::try_from(self.authority())
            .map_err(|_| EgressError::InvalidUri("its host is no host name"))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// A name or an IPv4 address, in lower case. A last label of digits, or one in hexadecimal, would be read as an address by
/// resolvers (`2130706433`, `0x7f.1`, `127.1`): it has to be one in the usual spelling.
fn name(host: &str) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !(1..=MAX_HOST_BYTES).contains(&host.len()) || !host.split('.').all(label) {
        return None;
    }
    let host = host.to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    (!numeric || host.parse::<Ipv4Addr>().is_ok()).then_some(host)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(uri: &str) -> Result<Destination, EgressError> {
        Destination::of(&uri.parse().unwrap())
    }

    #[test]
    fn one_spelling_for_one_destination() {
        for (uri, shown) in [
            ("https://API.Example.com/x", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            ("http://api.example.com:443", "http://api.example.com:443"),
            ("http://10.0.0.7:8080/?q", "http://10.0.0.7:8080"),
            ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]"),
            (
                "http://[::ffff:127.0.0.1]:81/",
                "http://[::ffff:127.0.0.1]:81",
            ),
        ] {
            assert_eq!(of(uri).unwrap().to_string(), shown, "{uri}");
        }
        assert_eq!(
            of("http://[::1]/").unwrap().address(),
            Some("::1".parse().unwrap())
        );
        assert_eq!(of("http://example.com/").unwrap().address(), None);
    }

    #[test]
    fn what_others_could_read_in_another_way_is_refused() {
        for bad in [
            "/path",
            "ftp://example.com/",
            "http://user@example.com/",
            "http://example.com@127.0.0.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://example.com./",
            "http://-a.com/",
            "http://a..com/",
            "http://example.com:0/",
            "http://example.com:65536/",
        ] {
            // Some of them are no URI at all.
            if let Ok(uri) = bad.parse::<Uri>() {
                assert!(Destination::of(&uri).is_err(), "{bad}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_uri_is_read_or_refused(text in "https?://[a-zA-Z0-9.:@\\[\\]%_-]{0,60}") {
            if let Ok(uri) = text.parse::<Uri>()
                && let Ok(destination) = Destination::of(&uri)
            {
                let again = Destination::of(&destination.to_string().parse().unwrap()).unwrap();
                prop_assert_eq!(again, destination);
            }
        }
    }
}
