//! Where HTTP requests may go.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidPattern;
use crate::id::shown;

/// Where HTTP requests may go: a scheme, a host and a port, as `https://api.example.com`,
/// `https://*.example.com` or `http://10.0.0.7:8080`. The port of the scheme is not written.
///
/// A star stands for one or more whole labels before the rest of the name, which has at least two:
/// `*.example.com` is not `example.com`, and `*.com` is no origin. IPv6 addresses stand in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    tls: bool,
    /// Lower case; for a wildcard the part behind `*.`.
    host: String,
    any_label: bool,
    port: u16,
}

const ORIGIN_RULE: &str = "an origin: `https://host`, `https://*.domain.tld` or `http://host:port`, \
     without path, user or query";

impl Origin {
    /// The origin of a request.
    ///
    /// # Errors
    /// [`InvalidPattern`] where that could not be written as an origin.
    pub fn new(tls: bool, host: &str, port: Option<u16>) -> Result<Self, InvalidPattern> {
        let scheme = if tls { "https" } else { "http" };
        match port {
            Some(port) => format!("{scheme}://{host}:{port}").parse(),
            None => format!("{scheme}://{host}").parse(),
        }
    }

    /// Whether requests go through TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The host, or what follows `*.`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the host begins with `*.`.
    pub fn is_wildcard(&self) -> bool {
        self.any_label
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether every request to `wanted` goes here.
    pub fn covers(&self, wanted: &Self) -> bool {
        if self.tls != wanted.tls || self.port != wanted.port {
            return false;
        }
        if !self.any_label {
            return !wanted.any_label && self.host == wanted.host;
        }
        let below = wanted
            .host
            .strip_suffix(self.host.as_str())
            .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'));
        below || (wanted.any_label && self.host == wanted.host)
    }
}

/// A DNS name as it is written in URLs: letters, digits, inner hyphens and underscores.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (1..=253).contains(&host.len()) && host.split('.').all(label)
}

impl FromStr for Origin {
    type Err = InvalidPattern;
    fn from_str(given: &str) -> Result<Self, InvalidPattern> {
        let wrong = || InvalidPattern {
            given: shown(given),
            what: ORIGIN_RULE,
        };
        let (scheme, authority) = given.split_once("://").ok_or_else(wrong)?;
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let bracketed = authority.strip_prefix('[');
        let (host, port) = match bracketed {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
                let address: std::net::Ipv6Addr = address.parse().map_err(|_| wrong())?;
                (format!("[{address}]"), port)
            }
            None => {
                let end = authority.find(':').unwrap_or(authority.len());
                let (host, port) = authority.split_at(end);
                (host.to_ascii_lowercase(), port)
            }
        };
        let standard = if tls { 443 } else { 80 };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => standard,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|p| *p > 0).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        let (host, any_label) = match host.strip_prefix("*.") {
            Some(rest) if rest.contains('.') => (rest.to_owned(), true),
            Some(_) => return Err(wrong()),
            None => (host, false),
        };
        let numeric = host
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x"));
        // What resolvers would take for an address in some odd spelling is one in the usual one.
        let fits = bracketed.is_some()
            || (is_host(&host) && (!numeric || host.parse::<std::net::Ipv4Addr>().is_ok()));
        if !fits || (any_label && numeric) {
            return Err(wrong());
        }
        Ok(Self {
            tls,
            host,
            any_label,
            port,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, standard) = if self.tls {
            ("https", 443)
        } else {
            ("http", 80)
        };
        let star = if self.any_label { "*." } else { "" };
        write!(f, "{scheme}://{star}{}", self.host)?;
        if self.port != standard {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Origin {
    type Error = InvalidPattern;
    fn try_from(s: String) -> Result<Self, InvalidPattern> {
        s.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}
