//! The value of a secret.

use std::fmt;

use zeroize::Zeroizing;

use crate::SecretsError;

/// The longest value, in bytes.
pub const MAX_SECRET_BYTES: usize = 64 * 1024;

/// The value of a secret. Its memory is overwritten when it is dropped, and it is never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a value.
    ///
    /// # Errors
    /// [`SecretsError::Invalid`] for an empty one or one of more than [`MAX_SECRET_BYTES`].
    pub fn new(value: Vec<u8>) -> Result<Self, SecretsError> {
        let value = Zeroizing::new(value);
        match value.len() {
            0 => Err(SecretsError::Invalid(
                "the value of a secret is not empty".into(),
            )),
            1..=MAX_SECRET_BYTES => Ok(Self(value)),
            n => Err(SecretsError::Invalid(format!(
                "the value has {n} bytes; a secret has at most {MAX_SECRET_BYTES}"
            ))),
        }
    }

    /// The value itself.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_zeroizing(value: Zeroizing<Vec<u8>>) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
