//! `steward.toml`: what a plugin says of itself and what it asks for.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Name, shown};
use crate::permissions::{PermissionKind, Permissions};
use crate::versions::MAX_VERSION_BYTES;

/// The largest manifest that is read, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 64 * 1024;

/// The kinds of plugin, each a world of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// `steward:plugin/cleaner`
    Cleaner,
    /// `steward:plugin/anonymizer`
    Anonymizer,
    /// `steward:plugin/labeller`
    Labeller,
    /// `wasi:http`, 0.2 or 0.3
    Function,
    /// `steward:plugin/step`
    Step,
}

impl World {
    /// Every kind, in the order in which help texts list them.
    pub const ALL: [World; 5] = [
        World::Cleaner,
        World::Anonymizer,
        World::Labeller,
        World::Function,
        World::Step,
    ];

    /// The word for it in manifests, tables, HTTP and the CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cleaner => "cleaner",
            Self::Anonymizer => "anonymizer",
            Self::Labeller => "labeller",
            Self::Function => "function",
            Self::Step => "step",
        }
    }

    /// Whether its plugins see no raw personal data and may therefore reach what a tenant grants: `wasi:http` outwards,
    /// what keeps data, secrets, events and questions.
    pub fn may_reach_out(self) -> bool {
        matches!(self, Self::Function | Self::Step)
    }

    /// Whether a plugin of this kind may be granted such a thing: its security policy. The kinds that
    /// see raw personal data get nothing through which it could leave, whatever a tenant grants.
    pub fn may_have(self, kind: PermissionKind) -> bool {
        match kind {
            PermissionKind::Inference => {
                self.may_reach_out() || matches!(self, Self::Anonymizer | Self::Labeller)
            }
            _ => self.may_reach_out(),
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for World {
    type Err = ManifestError;
    fn from_str(s: &str) -> Result<Self, ManifestError> {
        Self::ALL
            .into_iter()
            .find(|w| w.as_str() == s)
            .ok_or_else(|| {
                ManifestError::Invalid(format!(
                    "`{s}` is not a world; it is one of cleaner, anonymizer, labeller, function, step"
                ))
            })
    }
}

/// What a plugin says of itself and what it asks for. Read from TOML, stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `[plugin]`
    pub plugin: PluginSection,
    /// `[requests]`: capabilities that the tenant must grant before the plugin gets them.
    #[serde(default)]
    pub requests: Permissions,
    /// `[config.<key>]`: the keys the plugin reads.
    #[serde(default)]
    pub config: BTreeMap<String, ConfigKey>,
    /// `[limits]`: what the plugin needs beyond the defaults.
    #[serde(default)]
    pub limits: Limits,
    /// `[function]`: how its calls are run.
    #[serde(default, skip_serializing_if = "FunctionSection::is_default")]
    pub function: FunctionSection,
}

/// `[plugin]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginSection {
    /// The name under which it is published.
    pub name: Name,
    /// Semantic version; immutable once published.
    pub version: semver::Version,
    /// Which world of the contract it implements.
    pub world: World,
    /// One line for lists.
    #[serde(default)]
    pub description: String,
    /// SPDX expression.
    #[serde(default)]
    pub license: String,
}

/// `[config.<key>]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigKey {
    /// One line for people who deploy it.
    #[serde(default)]
    pub description: String,
    /// The value where the deployment sets none.
    #[serde(default)]
    pub default: Option<String>,
    /// Whether the value is shown as `***` once it is set.
    #[serde(default)]
    pub secret: bool,
}

/// Limits of a function: of one call, and of all of its calls together. None means the default of the
/// host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Linear memory of one call, in MiB. Between 1 and 1024.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Elements of all tables of one call. Between 1 and 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<u32>,
    /// Core instances of one call. Between 1 and 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// Component-model handles that one call holds at a time. Between 1 and 100,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handles: Option<u32>,
    /// What one call computes, waits not included, in milliseconds. Between 1 and 300,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u32>,
    /// Wall time of one call, in milliseconds. Between 1 and 300,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// Calls of host functions of one call. Between 1 and 10,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u32>,
    /// Calls of host functions of all calls of the function, in a second. Between 1 and 10,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_calls_per_second: Option<u32>,
    /// What one call logs, in KiB; what exceeds it is dropped. Between 0 and 1,024.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_kib: Option<u32>,
    /// Lines that all calls of the function log in a second; others are dropped. Between 1 and 100,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_lines_per_second: Option<u32>,
    /// The answer of one call, in KiB. Between 1 and 1,048,576.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_kib: Option<u32>,
    /// Calls of one function that run at the same time. Between 1 and 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Calls of one function that wait for their turn; more are turned away. Between 0 and 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
}

/// `[function]`: how its calls are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSection {
    /// `[function.reuse]`: an instance answers one request after the other instead of one alone. None
    /// is a fresh instance for each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
}

impl FunctionSection {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How long an instance is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reuse {
    /// Requests that one instance answers. Between 2 and 1,000,000.
    #[serde(default = "reuse_requests")]
    pub requests: u32,
    /// How long it waits for the next one, in milliseconds. Between 1 and 600,000.
    #[serde(default = "reuse_idle_ms")]
    pub idle_ms: u32,
}

fn reuse_requests() -> u32 {
    1000
}

fn reuse_idle_ms() -> u32 {
    30_000
}

/// Why a manifest was refused. The text names the line or the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Larger than [`MAX_MANIFEST_BYTES`].
    #[error("the manifest has {0} bytes; at most {MAX_MANIFEST_BYTES} are read")]
    TooLarge(usize),
    /// Not TOML, or not of this shape.
    #[error("steward.toml: {0}")]
    Syntax(String),
    /// Well-formed, but it breaks a rule.
    #[error("steward.toml: {0}")]
    Invalid(String),
    /// It requests what its world can never have.
    #[error("steward.toml: `[requests] {request}` is not for the world `{world}`: {why}")]
    Excessive {
        /// The key under `[requests]`.
        request: &'static str,
        /// The world of the plugin.
        world: World,
        /// The policy behind it.
        why: &'static str,
    },
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Every [`ManifestError`].
    pub fn parse(toml: &str) -> Result<Self, ManifestError> {
        if toml.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(toml.len()));
        }
        let manifest: Self =
            toml::from_str(toml).map_err(|e| ManifestError::Syntax(e.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The rules that the shape alone does not express.
    pub(crate) fn check(&self) -> Result<(), ManifestError> {
        if self.plugin.version.to_string().len() > MAX_VERSION_BYTES {
            return Err(ManifestError::Invalid(format!(
                "`[plugin] version` has more than {MAX_VERSION_BYTES} characters"
            )));
        }
        let world = self.plugin.world;
        if let Some(kind) = self
            .requests
            .iter()
            .map(|permission| permission.kind())
            .find(|kind| !world.may_have(*kind))
        {
            return Err(ManifestError::Excessive {
                request: kind.as_str(),
                world,
                why: match kind {
                    PermissionKind::Inference => "it sees raw data and uses no models",
                    PermissionKind::Privacy => {
                        "it sees raw data, and learns nothing of other data; only a function or a step may ask"
                    }
                    _ => "it sees raw data, which must not leave; only a function or a step may have it",
                },
            });
        }
        if let Some(kind) = self.requests.overlong() {
            return Err(ManifestError::Invalid(format!(
                "`[requests] {kind}` has more than 16 names"
            )));
        }
        if self.config.len() > 64 {
            return Err(ManifestError::Invalid(
                "`[config]` declares more than 64 keys".into(),
            ));
        }
        for key in self.config.keys() {
            let fits = (1..=63).contains(&key.len())
                && key
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !fits {
                return Err(ManifestError::Invalid(format!(
                    "`[config.{}]`: a key has 1 to 63 characters a-z, 0-9 and _",
                    shown(key)
                )));
            }
        }
        if let Some(Reuse { requests, idle_ms }) = self.function.reuse {
            within("[function.reuse]", "requests", requests, 2, 1_000_000)?;
            within("[function.reuse]", "idle_ms", idle_ms, 1, 600_000)?;
        }
        self.limits.check("[limits]")
    }
}

impl Limits {
    /// Checks the ranges; `place` is where the limits were given, for the message.
    ///
    /// # Errors
    /// [`ManifestError::Invalid`]
    pub fn check(&self, place: &str) -> Result<(), ManifestError> {
        for (value, name, low, high) in [
            (self.memory_mib, "memory_mib", 1, 1_024),
            (self.table_elements, "table_elements", 1, 1_000_000),
            (self.instances, "instances", 1, 64),
            (self.handles, "handles", 1, 100_000),
            (self.cpu_ms, "cpu_ms", 1, 300_000),
            (self.timeout_ms, "timeout_ms", 1, 300_000),
            (self.host_calls, "host_calls", 1, 10_000_000),
            (
                self.host_calls_per_second,
                "host_calls_per_second",
                1,
                10_000_000,
            ),
            (self.log_kib, "log_kib", 0, 1_024),
            (
                self.log_lines_per_second,
                "log_lines_per_second",
                1,
                100_000,
            ),
            (self.output_kib, "output_kib", 1, 1_048_576),
            (self.concurrency, "concurrency", 1, 1_000),
            (self.queue, "queue", 0, 10_000),
        ] {
            if let Some(value) = value {
                within(place, name, value, low, high)?;
            }
        }
        Ok(())
    }
}

fn within(place: &str, name: &str, value: u32, low: u32, high: u32) -> Result<(), ManifestError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ManifestError::Invalid(format!(
        "`{place} {name} = {value}`: between {low} and {high}"
    )))
}

#[cfg(test)]
mod tests;
