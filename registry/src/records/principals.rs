//! Principals: who may do what.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::TenantId;
use crate::scopes::Scopes;
use crate::tenants::Rate;

/// What a principal may do: see [`Role::allows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything in its own tenant, and to create, change and delete tenants and their keys. Nothing else of
    /// another tenant.
    Platform,
    /// Everything in the tenant, keys included.
    Operator,
    /// Publish plugins, push models, deploy functions, invoke and read.
    Publisher,
    /// Invoke functions and models.
    Invoker,
    /// Read metadata, logs and usage.
    Viewer,
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Create, change, list and delete tenants.
    ManageTenants,
    /// Create, list and revoke keys.
    ManageKeys,
    /// Publish plugins, push models, deploy and roll back.
    Publish,
    /// Call functions and models.
    Invoke,
    /// Read metadata, logs and usage.
    Read,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 5] = [
        Action::ManageTenants,
        Action::ManageKeys,
        Action::Publish,
        Action::Invoke,
        Action::Read,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ManageTenants => "manage-tenants",
            Self::ManageKeys => "manage-keys",
            Self::Publish => "publish",
            Self::Invoke => "invoke",
            Self::Read => "read",
        }
    }
}

impl FromStr for Action {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == s)
            .ok_or_else(|| format!("`{s}` is not an action"))
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [
        Role::Platform,
        Role::Operator,
        Role::Publisher,
        Role::Invoker,
        Role::Viewer,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Operator => "operator",
            Self::Publisher => "publisher",
            Self::Invoker => "invoker",
            Self::Viewer => "viewer",
        }
    }

    /// Whether the role allows the action.
    pub fn allows(self, action: Action) -> bool {
        match self {
            Self::Platform => true,
            Self::Operator => action != Action::ManageTenants,
            Self::Publisher => !matches!(action, Action::ManageTenants | Action::ManageKeys),
            Self::Invoker => action == Action::Invoke,
            Self::Viewer => action == Action::Read,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|r| r.as_str() == s)
            .ok_or_else(|| {
                format!("`{s}` is not a role; it is one of platform, operator, publisher, invoker, viewer")
            })
    }
}

/// An API key with a role. The secret part of the key is not here: only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The public part of the key, 26 characters.
    pub id: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What narrows that.
    #[serde(default)]
    pub scopes: Scopes,
    /// How fast it may ask; none is what the tenant says for every key.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// SHA-256 of the secret part. The secret has 256 random bits, so that a slow hash would add nothing.
    #[serde(skip)]
    pub secret_hash: [u8; 32],
    /// SHA-256 of the secret before the last rotation.
    #[serde(skip)]
    pub previous_hash: Option<[u8; 32]>,
    /// Until when the secret before the last rotation works too.
    #[serde(default)]
    pub previous_until: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, as far as that is written: up to some seconds late.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
}
