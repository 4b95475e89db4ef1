//! Refusals that say what would allow it.

use steward_registry::{Name, Permission};

/// What the manifest requests and what the tenant grants do not agree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// The manifest requests it, the deployment does not grant it.
    #[error(
        "not granted: the plugin's manifest says `{manifest_line}`; to allow it, deploy with `{grant}`"
    )]
    NotGranted {
        /// The line of `steward.toml` that asks for it.
        manifest_line: String,
        /// The option of `steward function deploy` that gives it.
        grant: String,
    },
    /// Versions request more than the deployment grants.
    #[error(
        "not granted: {}; to allow it, deploy with {}",
        listed(missing),
        options(missing)
    )]
    MoreNotGranted {
        /// What is requested and not granted, with what it means.
        missing: Vec<Permission>,
    },
    /// Going back would give the function more than it has now.
    #[error(
        "revision {revision} granted what the function does not have now: {}; to give it that again, roll back with {}",
        listed(added),
        options(added)
    )]
    Widens {
        /// The revision to go back to.
        revision: u32,
        /// What it granted beyond the current one.
        added: Vec<Permission>,
    },
    /// The manifest does not request it.
    #[error(
        "not requested: the plugin's manifest has no `{manifest_line}`; add it, publish a new version, and deploy \
         that with `{grant}`"
    )]
    NotRequested {
        /// The line of `steward.toml` that would ask for it.
        manifest_line: String,
        /// The option of `steward function deploy` that would give it.
        grant: String,
    },
    /// A configuration key that the manifest does not declare.
    #[error("the plugin `{plugin}` has no configuration key `{key}`; it declares: {declared}")]
    UndeclaredConfig {
        /// The plugin.
        plugin: Name,
        /// The key that was set.
        key: String,
        /// The keys of the manifest, separated by commas, or `none`.
        declared: String,
    },
}

fn listed(permissions: &[Permission]) -> String {
    let each = |p: &Permission| format!("{} (`{}`)", p.in_words().en, p.manifest_line());
    permissions.iter().map(each).collect::<Vec<_>>().join(", ")
}

fn options(permissions: &[Permission]) -> String {
    let each = |p: &Permission| format!("`{}`", p.grant_option());
    permissions.iter().map(each).collect::<Vec<_>>().join(" ")
}

impl Denial {
    /// The refusal of what is requested and not granted; none where nothing is missing.
    pub fn of_missing(mut missing: Vec<Permission>) -> Option<Self> {
        match missing.len() {
            0 => None,
            1 => missing.pop().map(|wanted| Self::not_granted(&wanted)),
            _ => Some(Self::MoreNotGranted { missing }),
        }
    }

    pub(crate) fn not_granted(wanted: &Permission) -> Self {
        Self::NotGranted {
            manifest_line: wanted.manifest_line(),
            grant: wanted.grant_option(),
        }
    }

    pub(crate) fn not_requested(wanted: &Permission) -> Self {
        Self::NotRequested {
            manifest_line: wanted.manifest_line(),
            grant: wanted.grant_option(),
        }
    }
}
