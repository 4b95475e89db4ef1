//! What can go wrong with a registry.

use oci_client::errors::OciDistributionError;

/// What can go wrong with a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// Not an address in a registry.
    #[error("`{given}` is no address of a plugin in a registry: {reason}")]
    Place {
        /// What was given.
        given: String,
        /// Why.
        reason: String,
    },
    /// The registry has no such thing.
    #[error("the registry has no `{0}`")]
    Missing(String),
    /// The registry wants to know who asks, or does not allow it.
    #[error("the registry {registry} does not allow this: {reason}")]
    Denied {
        /// Which registry.
        registry: String,
        /// What it says.
        reason: String,
    },
    /// The registry does not answer.
    #[error("the registry {registry} cannot be reached: {reason}")]
    Network {
        /// Which registry.
        registry: String,
        /// Why.
        reason: String,
    },
    /// The registry refuses.
    #[error("the registry {registry} refuses: {reason}")]
    Refused {
        /// Which registry.
        registry: String,
        /// What it says.
        reason: String,
    },
    /// What is there is no WebAssembly component.
    #[error("what is there is no WebAssembly component: {0}")]
    NotAPlugin(String),
    /// More bytes than are read.
    #[error("the {what} has more than {most} bytes, which is the most that is read")]
    TooLarge {
        /// `component`, `manifest` …
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// The bytes are not those that the digest names.
    #[error("the {what} is not the one that was asked for: {wanted} was, and {found} came")]
    Digest {
        /// `component`, `manifest` …
        what: &'static str,
        /// What was asked for.
        wanted: String,
        /// What came.
        found: String,
    },
    /// A document is none, or of another component.
    #[error(transparent)]
    Document(#[from] steward_supply::DocumentError),
    /// The credentials of this machine cannot be read.
    #[error("the credentials for the registry cannot be used: {0}")]
    Credentials(String),
}

impl OciError {
    pub(crate) fn of_client(registry: &str, error: &OciDistributionError) -> Self {
        let registry = registry.to_owned();
        match error {
            OciDistributionError::AuthenticationFailure(reason) => Self::Denied {
                registry,
                reason: short(reason),
            },
            OciDistributionError::UnauthorizedError { .. } => Self::Denied {
                registry,
                reason: "it wants to know who asks".into(),
            },
            OciDistributionError::ServerError { code, message, .. } => {
                Self::of_status(&registry, *code, message)
            }
            OciDistributionError::RequestError(error) => Self::Network {
                registry,
                reason: chain(error),
            },
            other => Self::Refused {
                registry,
                reason: short(&other.to_string()),
            },
        }
    }

    pub(crate) fn of_status(registry: &str, status: u16, said: &str) -> Self {
        let registry = registry.to_owned();
        let reason = match short(said) {
            said if said.is_empty() => format!("status {status}"),
            said => format!("status {status}, {said}"),
        };
        match status {
            401 | 403 => Self::Denied { registry, reason },
            429 | 500.. => Self::Network { registry, reason },
            _ => Self::Refused { registry, reason },
        }
    }
}

/// What a stranger says, for one line.
fn short(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
