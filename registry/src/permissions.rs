//! What a plugin asks for and what a tenant gives: one list, in two places.
//!
//! The manifest's `[requests]` and the grants of a deployment have the same shape, so that they can be
//! compared item by item, whatever the kind: both must agree before anything is allowed.

mod event_pattern;
mod origin;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{ModelRef, Name, shown};
pub use event_pattern::{EventPattern, MAX_EVENT_TYPE_BYTES, is_event_type};
pub use origin::Origin;

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

    /// The requests here that `granted` leaves open. An origin with a star asks for the hosts below it of which the tenant
    /// says which: it is granted by itself, or by any host below it, and then only that host is reached.
    pub fn ungranted<'a>(&'a self, granted: &'a Self) -> impl Iterator<Item = Permission> + 'a {
        self.beyond(granted).filter(move |wanted| {
            let chosen = matches!(wanted, Permission::Http(origin) if origin.is_wildcard());
            !(chosen && granted.iter().any(|given| wanted.covers(&given)))
        })
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

#[cfg(test)]
mod tests;
