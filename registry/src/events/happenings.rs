//! Who did what, and when: events without the rest of what they say.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{EventValue, MAX_ATTRIBUTE_BYTES, is_extension};
use crate::id::{TenantId, shown};
use crate::permissions::EventPattern;
use crate::{Registry, RegistryError, rows};

/// The most happenings that are read at a time.
pub const MAX_HAPPENINGS_PAGE: usize = 1000;
/// The deepest field of the data.
const MAX_FIELD_DEPTH: usize = 8;

/// What of an event says who did it: `subject`, the name of an extension attribute, or `data.FIELD` for a field of the data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PersonIn {
    /// Its subject.
    #[default]
    Subject,
    /// An extension attribute.
    Attribute(String),
    /// A field of its data, from the outside in.
    Data(Vec<String>),
}

impl fmt::Display for PersonIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => f.write_str("subject"),
            Self::Attribute(name) => f.write_str(name),
            Self::Data(fields) => write!(f, "data.{}", fields.join(".")),
        }
    }
}

impl FromStr for PersonIn {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let wrong = || {
            RegistryError::Invalid(format!(
                "`{}` does not say where an event names a person: `subject`, an extension attribute (a-z and 0-9), or `data.FIELD` \
                 (at most {MAX_FIELD_DEPTH} fields deep)",
                shown(text)
            ))
        };
        if text == "subject" {
            return Ok(Self::Subject);
        }
        if let Some(fields) = text.strip_prefix("data.") {
            let fields: Vec<String> = fields.split('.').map(str::to_owned).collect();
            let good = fields.len() <= MAX_FIELD_DEPTH
                && text.len() <= MAX_ATTRIBUTE_BYTES
                && fields.iter().all(|field| !field.is_empty());
            return good.then_some(Self::Data(fields)).ok_or_else(wrong);
        }
        let good = is_extension(text);
        good.then(|| Self::Attribute(text.to_owned()))
            .ok_or_else(wrong)
    }
}

impl TryFrom<String> for PersonIn {
    type Error = RegistryError;
    fn try_from(text: String) -> Result<Self, RegistryError> {
        text.parse()
    }
}

impl From<PersonIn> for String {
    fn from(person: PersonIn) -> Self {
        person.to_string()
    }
}

impl PersonIn {
    /// The column that has it.
    fn column(&self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Attribute(_) => "extensions",
            Self::Data(_) => "CASE data_form WHEN 'text' THEN data ELSE '' END",
        }
    }

    /// Who that is. What is no text and no whole number, or longer than an attribute, names nobody.
    fn read(&self, column: String) -> Option<String> {
        let found = match self {
            Self::Subject => column,
            Self::Attribute(name) => {
                let mut all: BTreeMap<String, EventValue> = serde_json::from_str(&column).ok()?;
                match all.remove(name)? {
                    EventValue::Text(text) => text,
                    EventValue::Integer(number) => number.to_string(),
                    EventValue::Boolean(_) => return None,
                }
            }
            Self::Data(fields) => {
                let data: Value = serde_json::from_str(&column).ok()?;
                match fields.iter().try_fold(&data, |at, field| at.get(field))? {
                    Value::String(text) => text.clone(),
                    Value::Number(number) if number.is_i64() || number.is_u64() => {
                        number.to_string()
                    }
                    _ => return None,
                }
            }
        };
        (1..=MAX_ATTRIBUTE_BYTES)
            .contains(&found.len())
            .then_some(found)
    }
}

/// Somebody did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The number of the event in the log of the tenant.
    pub seq: u64,
    /// What: the type of the event.
    pub event_type: String,
    /// When.
    pub time: Timestamp,
    /// Who; none where the event does not say it.
    pub person: Option<String>,
}

/// Which events, and what of them says who did it.
#[derive(Debug, Clone, Default)]
pub struct HappeningFilter {
    /// Of one of these types; none: of all.
    pub types: Vec<EventPattern>,
    /// Of this source.
    pub source: Option<String>,
    /// Of this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Who did it.
    pub person: PersonIn,
    /// Only those behind this number in the log.
    pub after: u64,
}

impl Registry {
    /// What happened, in the order of the log, at most `limit` and at most [`MAX_HAPPENINGS_PAGE`]. Data is looked at only where
    /// it says who did it, one event at a time.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn happenings(
        &self,
        tenant: &TenantId,
        filter: &HappeningFilter,
        limit: usize,
    ) -> Result<Vec<Happening>, RegistryError> {
        let mut sql = format!(
            "SELECT seq, event_type, time, {} AS said FROM events WHERE tenant = $1 AND seq > $2 AND time >= $3 AND time < $4 \
             AND ($5 = '' OR source = $5)",
            filter.person.column()
        );
        // The log is read once from its begin to its end, page by page. By the index of the types, each page would sort all
        // events of these types; that no column stands alone here keeps it from being taken.
        let mut texts: Vec<&str> = Vec::new();
        let all = filter.types.iter().any(|types| types.prefix() == Some(""));
        if !filter.types.is_empty() && !all {
            sql.push_str(" AND (");
            for (place, types) in filter.types.iter().enumerate() {
                let or = if place == 0 { "" } else { " OR " };
                let at = 7 + place;
                let written = match types.prefix() {
                    // Byte by byte: a collation of the database would order types otherwise.
                    Some(prefix) => {
                        write!(sql, "{or}substr(event_type, 1, {}) = ${at}", prefix.len())
                    }
                    None => write!(sql, "{or}(event_type || '') = ${at}"),
                };
                debug_assert!(written.is_ok(), "a string takes everything");
                texts.push(types.prefix().unwrap_or_else(|| types.as_str()));
            }
            sql.push(')');
        }
        sql.push_str(" ORDER BY seq LIMIT $6");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(i64::try_from(filter.after).unwrap_or(i64::MAX))
            .bind(filter.since.map_or(i64::MIN, Timestamp::as_microsecond))
            .bind(filter.until.map_or(i64::MAX, Timestamp::as_microsecond))
            .bind(filter.source.as_deref().unwrap_or_default())
            .bind(limit.min(MAX_HAPPENINGS_PAGE) as i64);
        for text in texts {
            query = query.bind(text);
        }
        let mut found = query.fetch(&self.db.pool);
        let mut page = Vec::new();
        while let Some(row) = found.try_next().await? {
            page.push(Happening {
                seq: rows::count(&row, "seq")?,
                event_type: rows::text(&row, "event_type")?,
                time: rows::time(&row, "time")?,
                person: filter.person.read(rows::text(&row, "said")?),
            });
        }
        Ok(page)
    }

    /// Whether the log has an event of this type.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn has_events_of(
        &self,
        tenant: &TenantId,
        event_type: &str,
    ) -> Result<bool, RegistryError> {
        let row =
            sqlx::query("SELECT seq FROM events WHERE tenant = $1 AND event_type = $2 LIMIT 1")
                .bind(tenant.as_str())
                .bind(event_type)
                .fetch_optional(&self.db.pool)
                .await?;
        Ok(row.is_some())
    }

    /// The types of the events of the log, at most `limit`, in the order of the database.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn event_types(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<String>, RegistryError> {
        let mut types: Vec<String> = Vec::new();
        // From each type to the next one by the index: a log of millions of events has few types.
        while types.len() < limit {
            let row = sqlx::query(
                "SELECT event_type FROM events WHERE tenant = $1 AND event_type > $2 ORDER BY event_type LIMIT 1",
            )
            .bind(tenant.as_str())
            .bind(types.last().map_or("", String::as_str))
            .fetch_optional(&self.db.pool)
            .await?;
            match row {
                None => break,
                Some(row) => types.push(rows::text(&row, "event_type")?),
            }
        }
        Ok(types)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_person_is_named_is_written_and_read() {
        for text in [
            "subject",
            "userid",
            "data.user",
            "data.user.id",
            "data.用户",
        ] {
            let person: PersonIn = text.parse().unwrap();
            assert_eq!(person.to_string(), text);
        }
        let deep = format!("data{}", ".a".repeat(9));
        for wrong in [
            "",
            "type",
            "time",
            "data",
            "data.",
            "data.a..b",
            "User",
            "user_id",
            "用户",
            &deep,
        ] {
            let error = wrong.parse::<PersonIn>().unwrap_err().to_string();
            assert!(error.contains("data.FIELD"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_person_is_a_text_or_a_whole_number() {
        let read = |person: &str, column: &str| {
            let person: PersonIn = person.parse().unwrap();
            person.read(column.to_owned())
        };
        assert_eq!(read("subject", "u-1").as_deref(), Some("u-1"));
        assert_eq!(read("subject", ""), None);
        let extensions = r#"{"userid":"陈","n":7,"yes":true}"#;
        assert_eq!(read("userid", extensions).as_deref(), Some("陈"));
        assert_eq!(read("n", extensions).as_deref(), Some("7"));
        assert_eq!(read("yes", extensions), None);
        assert_eq!(read("other", extensions), None);
        let data = r#"{"user":{"id":12,"name":"Ann","weight":1.5,"none":null},"list":["a"]}"#;
        assert_eq!(read("data.user.id", data).as_deref(), Some("12"));
        assert_eq!(read("data.user.name", data).as_deref(), Some("Ann"));
        for none in [
            "data.user",
            "data.user.weight",
            "data.user.none",
            "data.list.0",
            "data.no",
        ] {
            assert_eq!(read(none, data), None, "{none}");
        }
        for none in ["", "no json", "[1]"] {
            assert_eq!(read("data.user", none), None);
        }
        let long = format!(r#"{{"user":"{}"}}"#, "x".repeat(MAX_ATTRIBUTE_BYTES + 1));
        assert_eq!(read("data.user", &long), None);
    }
}
