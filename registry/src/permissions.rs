//! What a plugin asks for and what a tenant gives: one list, in two places.
//!
//! The manifest's `[requests]` and the grants of a deployment have the same shape, so that they can be
//! compared item by item, whatever the kind: both must agree before anything is allowed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{ModelRef, Name, shown};

/// Names of one kind in one list, at most.
const MAX_OF_A_KIND: usize = 16;

/// Asked for, as `[requests]` of a manifest, or given, as the grants of a deployment. What is not
/// named is denied.
// Kinds that are empty are not written, so that hosts that do not know them read the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// Models.
    #[serde(default)]
    pub inference: Vec<ModelRef>,
    /// Datasets that may be asked about; answers have noise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privacy: Vec<Name>,
    /// Where HTTP requests may go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<Origin>,
    /// Secrets that may be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Name>,
    /// Buckets of keys and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyvalue: Vec<Name>,
    /// Containers of objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobstore: Vec<Name>,
    /// Types of events that may be appended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub append_events: Vec<EventPattern>,
    /// Types of events that may be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_events: Vec<EventPattern>,
}

/// The kinds of [`Permission`], by the words for them in manifests, JSON and `--grant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PermissionKind {
    /// `inference`
    Inference,
    /// `privacy`
    Privacy,
    /// `http`
    Http,
    /// `secrets`
    Secrets,
    /// `keyvalue`
    Keyvalue,
    /// `blobstore`
    Blobstore,
    /// `append_events`
    AppendEvents,
    /// `read_events`
    ReadEvents,
}

impl PermissionKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Inference,
        Self::Privacy,
        Self::Http,
        Self::Secrets,
        Self::Keyvalue,
        Self::Blobstore,
        Self::AppendEvents,
        Self::ReadEvents,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::Privacy => "privacy",
            Self::Http => "http",
            Self::Secrets => "secrets",
            Self::Keyvalue => "keyvalue",
            Self::Blobstore => "blobstore",
            Self::AppendEvents => "append_events",
            Self::ReadEvents => "read_events",
        }
    }

    /// What stands for a name of this kind in usage lines.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Inference => "MODEL",
            Self::Privacy => "DATASET",
            Self::Http => "ORIGIN",
            Self::Secrets => "SECRET",
            Self::Keyvalue => "BUCKET",
            Self::Blobstore => "CONTAINER",
            Self::AppendEvents | Self::ReadEvents => "TYPE",
        }
    }
}

impl fmt::Display for PermissionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is asked for or given. Displays as in `--grant`: `http=https://api.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// The use of a model.
    Inference(ModelRef),
    /// Questions about a dataset.
    Privacy(Name),
    /// Requests to an origin.
    Http(Origin),
    /// The value of a secret.
    Secrets(Name),
    /// A bucket of keys and values.
    Keyvalue(Name),
    /// A container of objects.
    Blobstore(Name),
    /// Appending events of a type.
    AppendEvents(EventPattern),
    /// Reading events of a type.
    ReadEvents(EventPattern),
}

impl Permission {
    /// Its kind.
    pub fn kind(&self) -> PermissionKind {
        match self {
            Self::Inference(_) => PermissionKind::Inference,
            Self::Privacy(_) => PermissionKind::Privacy,
            Self::Http(_) => PermissionKind::Http,
            Self::Secrets(_) => PermissionKind::Secrets,
            Self::Keyvalue(_) => PermissionKind::Keyvalue,
            Self::Blobstore(_) => PermissionKind::Blobstore,
            Self::AppendEvents(_) => PermissionKind::AppendEvents,
            Self::ReadEvents(_) => PermissionKind::ReadEvents,
        }
    }

    /// The name in it.
    pub fn name(&self) -> String {
        match self {
            Self::Inference(model) => model.to_string(),
            Self::Privacy(name)
            | Self::Secrets(name)
            | Self::Keyvalue(name)
            | Self::Blobstore(name) => name.to_string(),
            Self::Http(origin) => origin.to_string(),
            Self::AppendEvents(types) | Self::ReadEvents(types) => types.to_string(),
        }
    }

    /// The line of `steward.toml` that asks for it.
    pub fn manifest_line(&self) -> String {
        format!("[requests] {} = [\"{}\"]", self.kind(), self.name())
    }

    /// The option of `steward function deploy` that gives it.
    pub fn grant_option(&self) -> String {
        format!("--grant {self}")
    }

    /// Whether who has this has `wanted` too.
    pub fn covers(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Inference(given), Self::Inference(wanted)) => given.covers(wanted),
            (Self::Http(given), Self::Http(wanted)) => given.covers(wanted),
            (Self::AppendEvents(given), Self::AppendEvents(wanted))
            | (Self::ReadEvents(given), Self::ReadEvents(wanted)) => given.covers(wanted),
            (given, wanted) => given == wanted,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind(), self.name())
    }
}

impl FromStr for Permission {
    type Err = String;
    fn from_str(given: &str) -> Result<Self, String> {
        let kinds = || {
            let all = PermissionKind::ALL.map(|kind| format!("`{kind}={}`", kind.placeholder()));
            all.join(", ")
        };
        let (word, name) = given
            .split_once('=')
            .ok_or_else(|| format!("a grant is one of {}", kinds()))?;
        let kind = PermissionKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| format!("there is no grant `{}`; there are {}", shown(word), kinds()))?;
        fn read<T: FromStr<Err: fmt::Display>>(name: &str) -> Result<T, String> {
            name.parse().map_err(|e: T::Err| e.to_string())
        }
        Ok(match kind {
            PermissionKind::Inference => Self::Inference(read(name)?),
            PermissionKind::Privacy => Self::Privacy(read(name)?),
            PermissionKind::Http => Self::Http(read(name)?),
            PermissionKind::Secrets => Self::Secrets(read(name)?),
            PermissionKind::Keyvalue => Self::Keyvalue(read(name)?),
            PermissionKind::Blobstore => Self::Blobstore(read(name)?),
            PermissionKind::AppendEvents => Self::AppendEvents(read(name)?),
            PermissionKind::ReadEvents => Self::ReadEvents(read(name)?),
        })
    }
}

impl Permissions {
    /// Each of them, kind by kind.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        let inference = self.inference.iter().cloned().map(Permission::Inference);
        inference
            .chain(self.privacy.iter().cloned().map(Permission::Privacy))
            .chain(self.http.iter().cloned().map(Permission::Http))
            .chain(self.secrets.iter().cloned().map(Permission::Secrets))
            .chain(self.keyvalue.iter().cloned().map(Permission::Keyvalue))
            .chain(self.blobstore.iter().cloned().map(Permission::Blobstore))
            .chain(
                self.append_events
                    .iter()
                    .cloned()
                    .map(Permission::AppendEvents),
            )
            .chain(self.read_events.iter().cloned().map(Permission::ReadEvents))
    }

    /// Adds one.
    pub fn push(&mut self, permission: Permission) {
        match permission {
            Permission::Inference(model) => self.inference.push(model),
            Permission::Privacy(name) => self.privacy.push(name),
            Permission::Http(origin) => self.http.push(origin),
            Permission::Secrets(name) => self.secrets.push(name),
            Permission::Keyvalue(name) => self.keyvalue.push(name),
            Permission::Blobstore(name) => self.blobstore.push(name),
            Permission::AppendEvents(types) => self.append_events.push(types),
            Permission::ReadEvents(types) => self.read_events.push(types),
        }
    }

    /// Whether one of them includes `wanted`.
    pub fn cover(&self, wanted: &Permission) -> bool {
        self.iter().any(|given| given.covers(wanted))
    }

    /// What is here and not covered by `other`: the requests without a grant, or what a new version
    /// asks for beyond an old one.
    pub fn beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Permission> + 'a {
        self.iter().filter(|wanted| !other.cover(wanted))
    }

    /// The kind of which more is named than a list may hold.
    pub(crate) fn overlong(&self) -> Option<PermissionKind> {
        PermissionKind::ALL
            .into_iter()
            .find(|kind| self.iter().filter(|p| p.kind() == *kind).count() > MAX_OF_A_KIND)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let mut all = Self::default();
        permissions.into_iter().for_each(|p| all.push(p));
        all
    }
}

/// A text that is no origin or no type of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {what}")]
pub struct InvalidPattern {
    given: String,
    what: &'static str,
}

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

/// Types of events: one, as `com.example.order.paid`, all below a prefix, as `com.example.*`, or
/// all, as `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(String);

/// The longest type of an event, in bytes.
pub const MAX_EVENT_TYPE_BYTES: usize = 255;

impl EventPattern {
    /// What the types begin with, where more than one is meant: `com.example.`, or nothing for `*`.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Whether an event of this type is meant.
    pub fn matches(&self, event_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => event_type.len() > prefix.len() && event_type.starts_with(prefix),
            None => self.0 == event_type,
        }
    }

    /// Whether every type that `wanted` means is meant.
    pub fn covers(&self, wanted: &Self) -> bool {
        match wanted.0.strip_suffix('*') {
            // `a.*` covers `a.*` and `a.b.*`, though not the prefix itself.
            Some(prefix) => self
                .0
                .strip_suffix('*')
                .is_some_and(|own| prefix.starts_with(own)),
            None => self.matches(&wanted.0),
        }
    }
}

/// Whether this can be the type of an event: words of letters, digits, `-`, `_` and `/`, with dots between.
pub fn is_event_type(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'))
    };
    (1..=MAX_EVENT_TYPE_BYTES).contains(&text.len()) && text.split('.').all(word)
}

impl FromStr for EventPattern {
    type Err = InvalidPattern;
    fn from_str(given: &str) -> Result<Self, InvalidPattern> {
        let exact = given.strip_suffix(".*").unwrap_or(given);
        if given == "*" || is_event_type(exact) {
            return Ok(Self(given.to_owned()));
        }
        Err(InvalidPattern {
            given: shown(given),
            what: "a type of events: `com.example.order.paid`, `com.example.*` or `*`",
        })
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EventPattern {
    type Error = InvalidPattern;
    fn try_from(s: String) -> Result<Self, InvalidPattern> {
        s.parse()
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn an_origin_covers_itself_and_a_wildcard_what_is_below_it() {
        for (given, wanted, covered) in [
            ("https://api.example.com", "https://API.example.com", true),
            (
                "https://api.example.com",
                "https://api.example.com:443",
                true,
            ),
            ("https://api.example.com", "http://api.example.com", false),
            (
                "https://api.example.com",
                "https://api.example.com:8443",
                false,
            ),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            ("https://*.example.com", "https://*.example.com", true),
            ("https://*.example.com", "https://*.b.example.com", true),
            ("https://*.b.example.com", "https://*.example.com", false),
            ("https://a.example.com", "https://*.example.com", false),
            ("http://[::1]:80", "http://[0:0:0:0:0:0:0:1]", true),
        ] {
            assert_eq!(
                origin(given).covers(&origin(wanted)),
                covered,
                "{given} {wanted}"
            );
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in [
            "",
            "api.example.com",
            "ftp://example.com",
            "https://",
            "https://example.com/",
            "https://user@example.com",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:+80",
            "https://*.com",
            "https://*",
            "https://a.*.com",
            "https://exa mple.com",
            "https://例子.cn",
            "https://2130706433",
            "https://0x7f.1",
            "https://127.1",
            "https://*.0.0.1",
            "https://[::1",
            "https://example.com.",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_of_events_cover_what_they_match() {
        for (given, wanted, covered) in [
            ("*", "a", true),
            ("*", "a.*", true),
            ("a.*", "a", false),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", true),
            ("a.*", "ab", false),
            ("a.*", "a.b.*", true),
            ("a.b", "a.*", false),
            ("a.b", "a.b", true),
        ] {
            let [given, wanted] = [given, wanted].map(|t| t.parse::<EventPattern>().unwrap());
            assert_eq!(given.covers(&wanted), covered, "{given} {wanted}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "a*", "*.a", "a b", "a.*.b"] {
            assert!(bad.parse::<EventPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_permission_reads_as_it_displays() {
        for text in [
            "inference=minilm@1.0.0",
            "privacy=orders",
            "http=https://*.example.com:8443",
            "secrets=api-token",
            "keyvalue=sessions",
            "blobstore=uploads",
            "append_events=com.example.*",
            "read_events=*",
        ] {
            let permission: Permission = text.parse().unwrap();
            assert_eq!(permission.to_string(), text);
            let all: Permissions = [permission.clone()].into_iter().collect();
            assert_eq!(all.iter().collect::<Vec<_>>(), [permission]);
            let json = serde_json::to_string(&all).unwrap();
            assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), all);
        }
        for bad in ["", "http", "network=x", "http=example.com", "secrets=A"] {
            assert!(bad.parse::<Permission>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Ok(origin) = text.parse::<Origin>() {
                prop_assert_eq!(origin.to_string().parse::<Origin>().unwrap(), origin);
            }
            let _ = text.parse::<EventPattern>();
        }
    }
}
