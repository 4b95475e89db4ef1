//! Secrets of the tenant: tokens and passwords that are not part of the configuration.
//!
//! A secret must be requested in `steward.toml`, set by the tenant and granted by the deployment:
//!
//! ```toml
//! [requests]
//! secrets = ["payment-token"]
//! ```

use std::fmt;

#[cfg(target_family = "wasm")]
use crate::bindings::imports::steward::secrets::secrets as wit;
pub use crate::bindings::imports::steward::secrets::secrets::Error;

#[cfg(target_family = "wasm")]
use wit::Secret as Handle;

#[cfg(not(target_family = "wasm"))]
use crate::testing::host::HeldSecret as Handle;

/// The right to read one secret, in the version that it had when it was got.
pub struct Secret(Handle);

/// Without the value: a secret that is printed by mistake is not told.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Gets a secret by name.
///
/// ```
/// # let host = steward_sdk::testing::Host::new().secret("payment-token", "t0k3n").enter();
/// let token = steward_sdk::secrets::get("payment-token")?.reveal_text()?;
/// assert_eq!(token, "t0k3n");
/// # Ok::<(), steward_sdk::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoSuch`], or [`Error::Denied`] with the manifest line and the grant that would allow it.
pub fn get(name: &str) -> Result<Secret, Error> {
    #[cfg(target_family = "wasm")]
    let handle = wit::get(name)?;
    #[cfg(not(target_family = "wasm"))]
    let handle = crate::testing::host::secret(name)?;
    Ok(Secret(handle))
}

impl Secret {
    /// The value, as bytes.
    pub fn reveal(&self) -> Vec<u8> {
        self.0.reveal()
    }

    /// The value, as a text.
    ///
    /// # Errors
    /// [`crate::Error::InvalidConfig`] where it is not UTF-8; the text does not repeat it.
    pub fn reveal_text(&self) -> Result<String, crate::Error> {
        String::from_utf8(self.reveal())
            .map_err(|_| crate::Error::InvalidConfig("the secret is not a text in UTF-8".into()))
    }
}

/// So that `?` works in a plugin.
impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuch(text) => Self::InvalidConfig(text),
            Error::Denied(text) => Self::InvalidConfig(text),
            Error::Other(text) => Self::Unavailable(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn a_secret_is_read_and_never_printed() {
        let _host = Host::new().secret("token", "t0k3n").enter();
        let secret = get("token").unwrap();
        assert_eq!(secret.reveal(), b"t0k3n");
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert!(matches!(get("other"), Err(Error::NoSuch(_))));
    }
}
