//! What can go wrong with secrets.

use steward_registry::RegistryError;

/// What can go wrong with secrets. No text holds a value or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// A value that is too long, or none, or no text where text is wanted.
    #[error("{0}")]
    Invalid(String),
    /// The key of the host cannot be had.
    #[error("the key of the host: {0}")]
    Key(String),
    /// The secret was encrypted under a key that this host does not have.
    #[error(
        "the secrets of this registry are encrypted under the host key {key_id}, which this host does not have; hosts of \
         one registry share one key"
    )]
    UnknownKey {
        /// Which one.
        key_id: String,
    },
    /// What is stored is not what was encrypted for this tenant and name.
    #[error("the stored secret `{name}` is damaged")]
    Damaged {
        /// Its name.
        name: String,
    },
    /// The operating system gives no random bits.
    #[error("no random bits can be had")]
    Random,
    /// What the registry says.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}
