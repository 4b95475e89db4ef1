//! Where e-mail is handed over.

use std::str::FromStr;

use http::Uri;
use steward_egress::Destination;

/// How a connection to a relay is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the begin.
    Tls,
    /// TLS after `STARTTLS`, which the relay must offer.
    StartTls,
    /// None at all: for relays on the same machine or in the same network, and never with a password.
    None,
}

/// A relay: `smtps://HOST[:465]`, `smtp://HOST[:587]` or `smtp+plain://HOST[:25]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Host and port.
    pub destination: Destination,
    /// How the connection is secured.
    pub security: Security,
}

impl Relay {
    /// Whether a password may go to it.
    ///
    /// # Errors
    /// Why not.
    pub fn takes_passwords(&self) -> Result<(), String> {
        match self.security {
            Security::Tls | Security::StartTls => Ok(()),
            Security::None => Err("a password does not go to a relay without TLS".into()),
        }
    }
}

impl FromStr for Relay {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "a relay is smtps://HOST[:PORT] (TLS), smtp://HOST[:PORT] (STARTTLS) or smtp+plain://HOST[:PORT] (no TLS)"
                .to_owned()
        };
        let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
        let (security, port) = match scheme {
            "smtps" => (Security::Tls, 465),
            "smtp" => (Security::StartTls, 587),
            "smtp+plain" => (Security::None, 25),
            _ => return Err(wrong()),
        };
        if host.contains(['/', '?', '#']) {
            return Err(wrong());
        }
        let named = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
        let host = match named {
            true => host.to_owned(),
            false => format!("{host}:{port}"),
        };
        // Read as every destination is, so that host and port are what will be checked and connected to.
        let uri: Uri = format!("http://{host}/").parse().map_err(|_| wrong())?;
        let destination = Destination::of(&uri).map_err(|_| wrong())?;
        Ok(Self {
            destination,
            security,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_has_a_host_a_port_and_a_way_to_secure_it() {
        for (text, host, port, security) in [
            (
                "smtps://smtp.example.com",
                "smtp.example.com",
                465,
                Security::Tls,
            ),
            (
                "smtp://SMTP.example.com",
                "smtp.example.com",
                587,
                Security::StartTls,
            ),
            (
                "smtp://smtp.example.com:2525",
                "smtp.example.com",
                2525,
                Security::StartTls,
            ),
            (
                "smtp+plain://127.0.0.1:1025",
                "127.0.0.1",
                1025,
                Security::None,
            ),
            ("smtps://[::1]:465", "[::1]", 465, Security::Tls),
        ] {
            let relay: Relay = text.parse().unwrap();
            let found = (
                relay.destination.host(),
                relay.destination.port(),
                relay.security,
            );
            assert_eq!(found, (host, port, security), "{text}");
        }
        for bad in [
            "",
            "smtp.example.com",
            "http://x",
            "smtp://",
            "smtp://a@b",
            "smtp://a/b",
            "smtp://a:0",
            "smtp://a:99999",
        ] {
            assert!(bad.parse::<Relay>().is_err(), "{bad}");
        }
    }
}
