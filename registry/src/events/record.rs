//! One event: what may be in it, and how it is kept.

use std::collections::BTreeMap;
use std::str;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::filled;
use crate::db::Write;
use crate::id::{TenantId, shown};
use crate::permissions::is_event_type;
use crate::{RegistryError, rows};

/// The most data of one event, in bytes.
pub const MAX_EVENT_BYTES: usize = 1 << 20;
/// The longest attribute, in bytes.
pub(super) const MAX_ATTRIBUTE_BYTES: usize = 1024;
/// The most extension attributes.
const MAX_EXTENSIONS: usize = 32;

/// The value of an extension attribute. What CloudEvents has more (URIs, times, bytes) is text here, in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Text without control characters.
    Text(String),
}

/// An event that is not in the log yet. [`NewEvent::check`] says whether it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Unique together with the source.
    pub id: String,
    /// Where it happened: a URI reference.
    pub source: String,
    /// What kind of thing happened, as `com.example.order.paid`.
    pub event_type: String,
    /// What it happened to. Never empty.
    pub subject: Option<String>,
    /// When it happened; whole microseconds are kept. None: when it is appended.
    pub time: Option<Timestamp>,
    /// The media type of the data.
    pub content_type: Option<String>,
    /// The URI of the schema of the data.
    pub data_schema: Option<String>,
    /// The data, at most [`MAX_EVENT_BYTES`].
    pub data: Option<Bytes>,
    /// Further attributes: names of lower-case letters and digits.
    pub extensions: BTreeMap<String, EventValue>,
}

/// An event in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number in the log of the tenant: 1, 2, 3 …
    pub seq: u64,
    /// What was appended; its time is set.
    pub event: NewEvent,
    /// When it was appended.
    pub appended_at: Timestamp,
    /// Who appended it: the id of a key, `function:NAME`, `trigger:NAME`, `run:ID`, or `host` for the host itself.
    pub appended_by: String,
}

impl NewEvent {
    /// An event with an id of its own and nothing but what it must have.
    pub fn new(source: impl Into<String>, event_type: impl Into<String>) -> Self {
        Self {
            id: ulid::Ulid::generate().to_string(),
            source: source.into(),
            event_type: event_type.into(),
            subject: None,
            time: None,
            content_type: None,
            data_schema: None,
            data: None,
            extensions: BTreeMap::new(),
        }
    }

    /// Whether only the host itself names the source: `/functions/NAME`, `/triggers/NAME`, `/runs/ID` and `/team/…` say where an
    /// event comes from, and nobody else says it.
    pub fn is_of_host(&self) -> bool {
        ["/functions/", "/triggers/", "/runs/", "/team/"]
            .iter()
            .any(|own| self.source.starts_with(own))
    }

    /// Whether it keeps the rules of CloudEvents 1.0 and the limits of this log.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`], which names the attribute.
    pub fn check(&self) -> Result<(), RegistryError> {
        let wrong = |text: String| Err(RegistryError::Invalid(text));
        attribute("id", &self.id)?;
        attribute("source", &self.source)?;
        if !is_event_type(&self.event_type) {
            return wrong(format!(
                "`type`: `{}` is not the type of an event: words of letters, digits, `-`, `_` and `/`, with dots between, \
                 as `com.example.order.paid`",
                shown(&self.event_type)
            ));
        }
        for (name, value) in [
            ("subject", &self.subject),
            ("datacontenttype", &self.content_type),
            ("dataschema", &self.data_schema),
        ] {
            if let Some(value) = value {
                attribute(name, value)?;
            }
        }
        if self.extensions.len() > MAX_EXTENSIONS {
            return wrong(format!("more than {MAX_EXTENSIONS} extension attributes"));
        }
        for (name, value) in &self.extensions {
            if !is_extension(name) {
                return wrong(format!(
                    "`{}` is not the name of an extension attribute: 1 to 20 characters, a-z and 0-9",
                    shown(name)
                ));
            }
            if let EventValue::Text(text) = value {
                attribute(name, text)?;
            }
        }
        let bytes = self.data.as_ref().map_or(0, Bytes::len);
        if bytes > MAX_EVENT_BYTES {
            return wrong(format!(
                "`data` has {bytes} bytes; at most {MAX_EVENT_BYTES} are accepted: put larger things elsewhere, and where \
                 they are into the event"
            ));
        }
        Ok(())
    }
}

/// The names of attributes that no extension may have.
const CORE: [&str; 9] = [
    "id",
    "source",
    "type",
    "specversion",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
];

pub(super) fn is_extension(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && !CORE.contains(&name)
}

/// Text of an attribute: not empty, bounded, without control characters and noncharacters.
fn attribute(name: &str, value: &str) -> Result<(), RegistryError> {
    let wrong = |text: String| Err(RegistryError::Invalid(format!("`{name}` {text}")));
    if value.is_empty() {
        return wrong("is empty".into());
    }
    if value.len() > MAX_ATTRIBUTE_BYTES {
        return wrong(format!("has more than {MAX_ATTRIBUTE_BYTES} bytes"));
    }
    let noncharacter = |c: char| {
        let c = u32::from(c);
        (0xFDD0..=0xFDEF).contains(&c) || c & 0xFFFE == 0xFFFE
    };
    if value.chars().any(|c| c.is_control() || noncharacter(c)) {
        return wrong("holds a control character or a noncharacter".into());
    }
    Ok(())
}

pub(super) async fn insert(
    write: &mut Write,
    tenant: &TenantId,
    seq: i64,
    event: &NewEvent,
    now: i64,
    by: &str,
) -> Result<(), RegistryError> {
    event.check()?;
    // PostgreSQL's TEXT holds no NUL.
    let (form, data) = match event.data.as_deref() {
        None => ("none", String::new()),
        Some(bytes) => match str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => ("text", text.to_owned()),
            _ => ("base64", STANDARD.encode(bytes)),
        },
    };
    let extensions = rows::to_json("extensions", &event.extensions, 128 << 10)?;
    sqlx::query(
        "INSERT INTO events (tenant, seq, source, id, event_type, subject, time, content_type, data_schema, data_form, \
         data, extensions, appended_at, appended_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(tenant.as_str())
    .bind(seq)
    .bind(&event.source)
    .bind(&event.id)
    .bind(&event.event_type)
    .bind(event.subject.as_deref().unwrap_or_default())
    .bind(event.time.map_or(now, Timestamp::as_microsecond))
    .bind(event.content_type.as_deref().unwrap_or_default())
    .bind(event.data_schema.as_deref().unwrap_or_default())
    .bind(form)
    .bind(data)
    .bind(extensions)
    .bind(now)
    .bind(by)
    .execute(&mut **write)
    .await?;
    Ok(())
}

pub(super) fn event(row: &AnyRow) -> Result<Event, RegistryError> {
    let broken = |source| -> RegistryError {
        sqlx::Error::ColumnDecode {
            index: "data".into(),
            source,
        }
        .into()
    };
    let data = rows::text(row, "data")?;
    let data = match rows::text(row, "data_form")?.as_str() {
        "none" => None,
        "text" => Some(Bytes::from(data)),
        "base64" => Some(STANDARD.decode(data).map_err(|e| broken(e.into()))?.into()),
        other => return Err(broken(format!("`{other}` is no form of data").into())),
    };
    Ok(Event {
        seq: rows::count(row, "seq")?,
        event: NewEvent {
            id: rows::text(row, "id")?,
            source: rows::text(row, "source")?,
            event_type: rows::text(row, "event_type")?,
            subject: filled(row, "subject")?,
            time: Some(rows::time(row, "time")?),
            content_type: filled(row, "content_type")?,
            data_schema: filled(row, "data_schema")?,
            data,
            extensions: rows::json(row, "extensions")?,
        },
        appended_at: rows::time(row, "appended_at")?,
        appended_by: rows::text(row, "appended_by")?,
    })
}
