//! Between rows and records. What is read was written by this crate: a value that does not parse is
//! a damaged database, and says which column.

use std::error::Error;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::RegistryError;

fn broken(column: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> RegistryError {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: source.into(),
    }
    .into()
}

pub(crate) fn text(row: &AnyRow, column: &str) -> Result<String, RegistryError> {
    Ok(row.try_get(column)?)
}

/// A column that holds the text of a type.
pub(crate) fn parsed<T>(row: &AnyRow, column: &str) -> Result<T, RegistryError>
where
    T: FromStr,
    T::Err: Into<Box<dyn Error + Send + Sync>>,
{
    text(row, column)?
        .parse()
        .map_err(|e: T::Err| broken(column, e))
}

/// A column that holds JSON.
pub(crate) fn json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T, RegistryError> {
    serde_json::from_str(&text(row, column)?).map_err(|e| broken(column, e))
}

/// A column that holds JSON or nothing.
pub(crate) fn optional_json<T: DeserializeOwned>(
    row: &AnyRow,
    column: &str,
) -> Result<Option<T>, RegistryError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|e| broken(column, e)))
        .transpose()
}

/// A count: never negative.
pub(crate) fn count<T: TryFrom<i64>>(row: &AnyRow, column: &str) -> Result<T, RegistryError> {
    let value: i64 = row.try_get(column)?;
    T::try_from(value).map_err(|_| broken(column, format!("{value} is out of range")))
}

pub(crate) fn time(row: &AnyRow, column: &str) -> Result<Timestamp, RegistryError> {
    Timestamp::from_microsecond(row.try_get(column)?).map_err(|e| broken(column, e))
}

pub(crate) fn optional_time(
    row: &AnyRow,
    column: &str,
) -> Result<Option<Timestamp>, RegistryError> {
    let value: Option<i64> = row.try_get(column)?;
    value
        .map(|v| Timestamp::from_microsecond(v).map_err(|e| broken(column, e)))
        .transpose()
}

/// The time as it is stored: whole microseconds, so that a record read back equals the one returned.
pub(crate) fn whole_micros(time: Timestamp) -> Timestamp {
    // Dropping digits keeps a time within the range that it came from.
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

pub(crate) fn now() -> Timestamp {
    whole_micros(Timestamp::now())
}

/// The JSON to store, refused over `limit` bytes; `what` is the word for the message.
pub(crate) fn to_json(
    what: &str,
    value: &impl Serialize,
    limit: usize,
) -> Result<String, RegistryError> {
    let json = serde_json::to_string(value)
        .map_err(|e| RegistryError::Invalid(format!("the {what}: {e}")))?;
    if json.len() > limit {
        return Err(RegistryError::Invalid(format!(
            "the {what} has {} bytes as JSON; at most {limit} are kept",
            json.len()
        )));
    }
    Ok(json)
}

/// Free text for one line: 1 to 200 characters, none of them a control character (PostgreSQL
/// cannot store NUL, and a terminal should not obey what a stranger named a key).
pub(crate) fn one_line<'a>(what: &str, text: &'a str) -> Result<&'a str, RegistryError> {
    let fits = !text.is_empty() && text.chars().take(201).count() <= 200;
    if fits && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(RegistryError::Invalid(format!(
            "{what} has 1 to 200 characters, none of them a control character"
        )))
    }
}

/// A number for a BIGINT column.
pub(crate) fn to_bigint(what: &str, value: u64) -> Result<i64, RegistryError> {
    i64::try_from(value)
        .map_err(|_| RegistryError::Invalid(format!("{what} {value} is out of range")))
}
