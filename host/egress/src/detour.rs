//! Connections that go somewhere else than their name says.

use std::net::SocketAddr;
use std::str::FromStr;

use crate::Destination;

/// Where connections to a host and port go in truth: to an address that the operator names, as `--connect-to` of curl
/// does it.
///
/// Only the connection goes elsewhere. `Host` and the name that a certificate must be good for stay those of the
/// request, and the address is held against the [`AddressPolicy`](crate::AddressPolicy) like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detour {
    host: String,
    port: u16,
    to: SocketAddr,
}

/// What is no [`Detour`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not HOST:PORT=ADDRESS:PORT, such as `api.example.com:443=10.1.2.3:8443`{why}"
)]
pub struct InvalidDetour {
    given: String,
    why: &'static str,
}

impl FromStr for Detour {
    type Err = InvalidDetour;

    fn from_str(given: &str) -> Result<Self, InvalidDetour> {
        let wrong = |why| InvalidDetour {
            given: given.chars().take(64).collect(),
            why,
        };
        let (from, to) = given.split_once('=').ok_or_else(|| wrong(""))?;
        let (_, port) = from.rsplit_once(':').ok_or_else(|| wrong(""))?;
        if port.is_empty() || from.contains('/') {
            return Err(wrong(""));
        }
        // The spelling of hosts is that of the requests which are compared with it.
        let destination = format!("http://{from}")
            .parse()
            .ok()
            .and_then(|uri| Destination::of(&uri).ok())
            .ok_or_else(|| wrong("; before the `=` there is no host and port"))?;
        let to: SocketAddr = to
            .parse()
            .map_err(|_| wrong("; behind the `=` there is no address and port"))?;
        if to.port() == 0 {
            return Err(wrong("; nothing listens on port 0"));
        }
        Ok(Self {
            host: destination.host().to_owned(),
            port: destination.port(),
            to,
        })
    }
}

impl Detour {
    /// Where the connections of this destination go; none where they go where they say.
    pub(crate) fn of(&self, destination: &Destination) -> Option<SocketAddr> {
        let same = self.host == destination.host() && self.port == destination.port();
        same.then_some(self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str, detour: &str) -> Option<String> {
        let destination = Destination::of(&uri.parse().unwrap()).unwrap();
        let detour: Detour = detour.parse().unwrap();
        detour.of(&destination).map(|to| to.to_string())
    }

    #[test]
    fn a_host_and_a_port_go_elsewhere_and_nothing_else_does() {
        let detour = "API.example.com:443=127.0.0.1:8443";
        let there = Some("127.0.0.1:8443".to_owned());
        assert_eq!(of("https://api.example.com/x", detour), there);
        assert_eq!(of("http://api.example.com:443/", detour), there);
        assert_eq!(of("http://api.example.com/", detour), None);
        assert_eq!(of("https://b.api.example.com/", detour), None);
        assert_eq!(
            of("https://[2001:db8::1]/", "[2001:db8::1]:443=[::1]:1").as_deref(),
            Some("[::1]:1")
        );
    }

    #[test]
    fn what_names_no_host_or_no_address_is_refused() {
        for wrong in [
            "",
            "=",
            "example.com:443",
            "example.com=127.0.0.1:1",
            "example.com:=127.0.0.1:1",
            "example.com:443=127.0.0.1",
            "example.com:443=127.0.0.1:0",
            "example.com:443=other.example.com:443",
            "https://example.com:443=127.0.0.1:1",
            "example.com/a:443=127.0.0.1:1",
            "a@example.com:443=127.0.0.1:1",
            ":443=127.0.0.1:1",
            "0x7f.1:443=127.0.0.1:1",
        ] {
            assert!(wrong.parse::<Detour>().is_err(), "{wrong}");
        }
    }
}
