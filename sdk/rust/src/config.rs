//! The configuration of the deployed function.
//!
//! A key must be declared in `steward.toml`, where it can have a default:
//!
//! ```toml
//! [config.min_chars]
//! description = "Shorter texts are dropped"
//! default = "3"
//! ```

use std::fmt::Display;
use std::str::FromStr;

use crate::Error;
use crate::bindings::imports::steward::config::config as wit;

/// The value of a key: what the deployment sets, else the default of the manifest, else none.
///
/// # Errors
/// [`Error::InvalidConfig`] when the manifest does not declare the key.
pub fn get(key: &str) -> Result<Option<String>, Error> {
    #[cfg(target_family = "wasm")]
    let answer = wit::get(key);
    #[cfg(not(target_family = "wasm"))]
    let answer = crate::testing::host::config(key);
    answer.map_err(|error| match error {
        wit::Error::Undeclared(key) => Error::InvalidConfig(format!(
            "`{key}`: steward.toml does not declare it; add `[config.{key}]`"
        )),
        wit::Error::Other(text) => Error::Other(text),
    })
}

/// The value of a key as a number, a `bool` or whatever else [`FromStr`] reads.
///
/// ```
/// # let host = steward_sdk::testing::Host::new().config("min_chars", "3").enter();
/// let min_chars: Option<usize> = steward_sdk::config::parse("min_chars")?;
/// assert_eq!(min_chars, Some(3));
/// # Ok::<(), steward_sdk::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidConfig`] when the manifest does not declare the key or the value does not
/// parse; the text names the key and the value.
pub fn parse<T>(key: &str) -> Result<Option<T>, Error>
where
    T: FromStr,
    T::Err: Display,
{
    let Some(value) = get(key)? else {
        return Ok(None);
    };
    match value.trim().parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(why) => Err(Error::InvalidConfig(format!("`{key} = {value}`: {why}"))),
    }
}

/// As [`parse`], with a value for where neither the deployment nor the manifest has one.
///
/// # Errors
/// Those of [`parse`].
pub fn parse_or<T>(key: &str, otherwise: T) -> Result<T, Error>
where
    T: FromStr,
    T::Err: Display,
{
    Ok(parse(key)?.unwrap_or(otherwise))
}
