//! CloudEvents 1.0 over HTTP: the binary, the structured and the batched mode, and the JSON event format.
//!
//! A small strict model of our own: what the specification forbids is refused with the name of the attribute. Data is kept
//! as bytes: JSON as it was written, so that no number loses a digit.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use steward_registry::events::{Event, EventValue, MAX_EVENTS_AT_ONCE, NewEvent};

/// The media type of one event in the structured mode.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The media type of a batch.
pub const BATCH: &str = "application/cloudevents-batch+json";

/// Why a request holds no events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEvent {
    /// Neither a media type of CloudEvents nor header fields `ce-…`.
    #[error(
        "the request is no CloudEvent: send `Content-Type: {STRUCTURED}`, `{BATCH}`, or the header fields `ce-id`, `ce-source`, \
         `ce-type` and `ce-specversion` beside any body"
    )]
    Unmarked,
    /// JSON that is none.
    #[error("the event is no JSON: {0}")]
    Json(String),
    /// An attribute that breaks a rule.
    #[error("{0}")]
    Attribute(String),
}

fn wrong(text: impl Into<String>) -> NoEvent {
    NoEvent::Attribute(text.into())
}

/// The events of a request, in whichever mode it is.
///
/// # Errors
/// [`NoEvent`]. In a batch, the text begins with the place of the event: `[3]`.
pub fn from_request(headers: &HeaderMap, body: Bytes) -> Result<Vec<NewEvent>, NoEvent> {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|text| {
            text.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        });
    match media_type.as_deref() {
        Some(STRUCTURED) => Ok(vec![from_json(&body)?]),
        Some(BATCH) => {
            let all: Vec<Box<RawValue>> =
                serde_json::from_slice(&body).map_err(|e| NoEvent::Json(e.to_string()))?;
            if all.len() > MAX_EVENTS_AT_ONCE {
                return Err(wrong(format!(
                    "{} events at a time are more than the limit of {MAX_EVENTS_AT_ONCE}",
                    all.len()
                )));
            }
            let each = all.iter().enumerate();
            each.map(|(at, event)| {
                from_json(event.get().as_bytes()).map_err(|e| wrong(format!("[{at}]: {e}")))
            })
            .collect()
        }
        Some(other) if other.starts_with("application/cloudevents") => Err(wrong(format!(
            "`{other}` is a format of CloudEvents that this host does not read; send `{STRUCTURED}` or `{BATCH}`"
        ))),
        _ if headers.contains_key("ce-specversion") => Ok(vec![from_binary(headers, body)?]),
        _ => Err(NoEvent::Unmarked),
    }
}

/// An event in the JSON event format.
///
/// # Errors
/// [`NoEvent`]
pub fn from_json(json: &[u8]) -> Result<NewEvent, NoEvent> {
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(json).map_err(|e| NoEvent::Json(e.to_string()))?;
    let mut attributes = BTreeMap::new();
    let (mut data, mut base64) = (None, None);
    for (name, value) in members {
        match name.as_str() {
            "data" => data = Some(value),
            "data_base64" => base64 = Some(value),
            _ => {
                let value = match serde_json::from_str::<Value>(value.get()) {
                    // An attribute that is null is one that is not there.
                    Ok(Value::Null) => continue,
                    Ok(Value::String(text)) => EventValue::Text(text),
                    Ok(Value::Bool(value)) => EventValue::Boolean(value),
                    Ok(Value::Number(n)) => n
                        .as_i64()
                        .and_then(|n| i32::try_from(n).ok())
                        .map(EventValue::Integer)
                        .ok_or_else(|| {
                            wrong(format!("`{name}`: a number is whole and has 32 bits"))
                        })?,
                    _ => {
                        return Err(wrong(format!(
                            "`{name}` is neither text, number nor boolean"
                        )));
                    }
                };
                attributes.insert(name, value);
            }
        }
    }
    let mut event = from_attributes(attributes)?;
    let null = |raw: &RawValue| raw.get() == "null";
    event.data = match (data.filter(|d| !null(d)), base64.filter(|d| !null(d))) {
        (Some(_), Some(_)) => return Err(wrong("`data` and `data_base64` are there both")),
        (None, None) => None,
        (None, Some(base64)) => {
            let text: String = serde_json::from_str(base64.get())
                .map_err(|_| wrong("`data_base64` is no text"))?;
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| wrong("`data_base64` is no base64"))?;
            Some(bytes.into())
        }
        (Some(data), None) if event.content_type.as_deref().is_none_or(is_json) => {
            // Said, so that the binary mode says it too.
            event
                .content_type
                .get_or_insert_with(|| "application/json".into());
            Some(Bytes::copy_from_slice(data.get().as_bytes()))
        }
        (Some(data), None) => {
            let text: String = serde_json::from_str(data.get()).map_err(|_| {
                wrong("`data` of a `datacontenttype` that is not JSON is text, or `data_base64`")
            })?;
            Some(text.into())
        }
    };
    checked(event)
}

/// An event whose attributes are header fields and whose data is the body.
fn from_binary(headers: &HeaderMap, body: Bytes) -> Result<NewEvent, NoEvent> {
    let mut attributes = BTreeMap::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        if matches!(name, "datacontenttype" | "data") {
            return Err(wrong(format!(
                "`ce-{name}` is no header field: `Content-Type` and the body have it"
            )));
        }
        let text = value.to_str().ok().and_then(decoded).ok_or_else(|| {
            wrong(format!(
                "`ce-{name}` is neither ASCII nor percent-encoded UTF-8"
            ))
        })?;
        if attributes
            .insert(name.to_owned(), EventValue::Text(text))
            .is_some()
        {
            return Err(wrong(format!("`ce-{name}` is there twice")));
        }
    }
    if let Some(value) = headers.get(CONTENT_TYPE) {
        let text = value
            .to_str()
            .map_err(|_| wrong("`Content-Type` is not ASCII"))?;
        attributes.insert("datacontenttype".into(), EventValue::Text(text.to_owned()));
    }
    let mut event = from_attributes(attributes)?;
    event.data = Some(body).filter(|body| !body.is_empty());
    checked(event)
}

fn from_attributes(mut attributes: BTreeMap<String, EventValue>) -> Result<NewEvent, NoEvent> {
    let mut take = |name: &str| match attributes.remove(name) {
        None => Ok(None),
        Some(EventValue::Text(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(format!("`{name}` is not text"))),
    };
    match take("specversion")?.as_deref() {
        Some("1.0") => {}
        Some(_) => return Err(wrong("`specversion` is not `1.0`")),
        None => return Err(wrong("`specversion` is missing; this host speaks `1.0`")),
    }
    let mut needed =
        |name: &'static str| take(name)?.ok_or_else(|| wrong(format!("`{name}` is missing")));
    let (id, source, event_type) = (needed("id")?, needed("source")?, needed("type")?);
    let time = match take("time")? {
        None => None,
        Some(text) => Some(
            text.parse::<Timestamp>()
                .map_err(|_| wrong("`time` is no time as RFC 3339 has it"))?,
        ),
    };
    Ok(NewEvent {
        id,
        source,
        event_type,
        time,
        subject: take("subject")?,
        content_type: take("datacontenttype")?,
        data_schema: take("dataschema")?,
        data: None,
        extensions: attributes,
    })
}

fn checked(event: NewEvent) -> Result<NewEvent, NoEvent> {
    event.check().map_err(|e| wrong(e.to_string()))?;
    Ok(event)
}

/// Whether a media type is JSON: `application/json`, `text/json`, or anything `+json`.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    subtype.eq_ignore_ascii_case("json") || subtype.to_ascii_lowercase().ends_with("+json")
}

/// An event of the log in the JSON event format. `stewardseq`, an extension, is its number there.
#[derive(Debug, Clone)]
pub struct Structured(pub Event);

impl Serialize for Structured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let NewEvent {
            id,
            source,
            event_type,
            subject,
            time,
            content_type,
            data_schema,
            data,
            extensions,
        } = &self.0.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("source", source)?;
        map.serialize_entry("type", event_type)?;
        for (name, value) in [
            ("subject", subject),
            ("datacontenttype", content_type),
            ("dataschema", data_schema),
        ] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(time) = time {
            map.serialize_entry("time", &time.to_string())?;
        }
        for (name, value) in extensions {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(SEQ, &self.0.seq.to_string())?;
        if let Some(data) = data {
            let json = content_type.as_deref().is_none_or(is_json);
            // As it was written, so that no number loses a digit.
            let raw = serde_json::from_slice::<&RawValue>(data)
                .ok()
                .filter(|_| json);
            match (raw, std::str::from_utf8(data)) {
                (Some(raw), _) => map.serialize_entry("data", raw)?,
                (None, Ok(text)) if !json => map.serialize_entry("data", text)?,
                _ => map.serialize_entry("data_base64", &STANDARD.encode(data))?,
            }
        }
        map.end()
    }
}

/// The extension attribute that holds the number of an event in the log.
pub const SEQ: &str = "stewardseq";

/// The header fields and the body of an event in the binary mode.
pub fn to_binary(event: &Event) -> (HeaderMap, Bytes) {
    let NewEvent {
        id,
        source,
        event_type,
        subject,
        time,
        content_type,
        data_schema,
        data,
        extensions,
    } = &event.event;
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str| {
        let name = HeaderName::from_bytes(format!("ce-{name}").as_bytes());
        // Every byte that a header field cannot hold is encoded.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&encoded(value))) {
            headers.insert(name, value);
        }
    };
    put("specversion", "1.0");
    put("id", id);
    put("source", source);
    put("type", event_type);
    if let Some(subject) = subject {
        put("subject", subject);
    }
    if let Some(time) = time {
        put("time", &time.to_string());
    }
    if let Some(schema) = data_schema {
        put("dataschema", schema);
    }
    for (name, value) in extensions {
        match value {
            EventValue::Boolean(value) => put(name, if *value { "true" } else { "false" }),
            EventValue::Integer(value) => put(name, &value.to_string()),
            EventValue::Text(value) => put(name, value),
        }
    }
    put(SEQ, &event.seq.to_string());
    let content_type = content_type
        .as_deref()
        .and_then(|t| HeaderValue::from_str(t).ok());
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    (headers, data.clone().unwrap_or_default())
}

/// Percent-encoded as the HTTP binding says (3.1.3.2): space, double quote, percent, and what is not printable ASCII.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' | 0..=0x20 | 0x7F.. => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

/// The text behind a header field; none where it is no UTF-8. What is no escape stands for itself.
fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let mut escaped = [0];
        let digits = bytes.get(at + 1..at + 3);
        if byte == b'%' && digits.is_some_and(|d| hex::decode_to_slice(d, &mut escaped).is_ok()) {
            decoded.push(escaped[0]);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn structured(value: &Value) -> Result<NewEvent, NoEvent> {
        from_json(value.to_string().as_bytes())
    }

    fn to_json(event: &Event) -> Value {
        let text = serde_json::to_string(&Structured(event.clone())).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn kept(event: NewEvent) -> Event {
        Event {
            seq: 7,
            event,
            appended_at: Timestamp::UNIX_EPOCH,
            appended_by: "t".into(),
        }
    }

    #[test]
    fn the_example_of_the_specification_is_read_in_every_mode() {
        let event = json!({
            "specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext/4", "id": "B234-1234-1234",
            "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value", "comexampleothervalue": 5,
            "datacontenttype": "application/json", "data": { "appinfoA": "abc", "appinfoB": 123, "appinfoC": true },
        });
        let read = structured(&event).unwrap();
        assert_eq!(
            read.extensions["comexampleothervalue"],
            EventValue::Integer(5)
        );
        let mut shown = to_json(&kept(read.clone()));
        assert_eq!(shown.as_object_mut().unwrap().remove(SEQ), Some("7".into()));
        assert_eq!(shown, event);

        let (headers, body) = to_binary(&kept(read.clone()));
        assert_eq!(headers["ce-type"], "com.example.someevent");
        assert_eq!(headers["content-type"], "application/json");
        let mut again = from_request(&headers, body).unwrap().remove(0);
        again.extensions.remove(SEQ);
        // Header fields have no types: numbers are text there.
        again
            .extensions
            .insert("comexampleothervalue".into(), EventValue::Integer(5));
        assert_eq!(again, read);

        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/cloudevents-batch+json; charset=utf-8"),
        );
        let batch = from_request(&headers, json!([event, event]).to_string().into()).unwrap();
        assert_eq!(batch, [read.clone(), read]);
    }

    #[test]
    fn data_of_every_kind_comes_back_as_it_went() {
        let with = |rest: Value| {
            let mut event =
                json!({ "specversion": "1.0", "type": "a.b", "source": "/s", "id": "1" });
            event
                .as_object_mut()
                .unwrap()
                .extend(rest.as_object().unwrap().clone());
            event
        };
        for rest in [
            json!({}),
            json!({ "datacontenttype": "application/json", "data": null }),
            json!({ "datacontenttype": "application/json", "data": "好 \"x\"" }),
            json!({ "datacontenttype": "application/vnd.x+json", "data": [1, 2.5, {}] }),
            json!({ "datacontenttype": "text/plain", "data": "好\n" }),
            json!({ "datacontenttype": "image/png", "data_base64": "iVBORwD/" }),
        ] {
            let read = structured(&with(rest.clone())).unwrap();
            let mut shown = to_json(&kept(read));
            shown.as_object_mut().unwrap().remove(SEQ);
            let mut wanted = with(rest);
            if wanted["data"].is_null() {
                wanted.as_object_mut().unwrap().remove("data");
            }
            assert_eq!(shown, wanted);
        }
        // The digits of a number that no double holds are kept.
        let long = br#"{"specversion":"1.0","type":"a","source":"/s","id":"1","data":{"n":12345678901234567890123}}"#;
        let read = from_json(long).unwrap();
        assert_eq!(
            read.data.as_ref().unwrap(),
            br#"{"n":12345678901234567890123}"#.as_slice()
        );
        let shown = serde_json::to_string(&Structured(kept(read))).unwrap();
        assert!(
            shown.contains(r#""data":{"n":12345678901234567890123}"#),
            "{shown}"
        );
    }

    #[test]
    fn header_fields_are_percent_encoded() {
        assert_eq!(
            encoded("Euro € 😀 \"%"),
            "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22%25"
        );
        assert_eq!(
            decoded("Euro%20%E2%82%AC%20%F0%9F%98%80").unwrap(),
            "Euro € 😀"
        );
        assert_eq!(decoded("100%").unwrap(), "100%");
        assert_eq!(decoded("%zz%4"), Some("%zz%4".into()));
        assert_eq!(decoded("%FF"), None);
    }

    #[test]
    fn what_breaks_a_rule_is_refused_by_name() {
        let good = json!({ "specversion": "1.0", "type": "a.b", "source": "/s", "id": "1" });
        for (change, named) in [
            (json!({ "specversion": "0.3" }), "specversion"),
            (json!({ "specversion": null }), "specversion"),
            (json!({ "id": "" }), "id"),
            (json!({ "id": 1 }), "id"),
            (json!({ "source": null }), "source"),
            (json!({ "type": "a b" }), "type"),
            (json!({ "type": "a..b" }), "type"),
            (json!({ "subject": "" }), "subject"),
            (json!({ "subject": "a\u{1}" }), "subject"),
            (json!({ "subject": "\u{FFFF}" }), "subject"),
            (json!({ "time": "yesterday" }), "time"),
            (json!({ "Ext": "x" }), "Ext"),
            (json!({ "anextensionwithalongname": "x" }), "anextension"),
            (json!({ "ext": [1] }), "ext"),
            (json!({ "ext": 2147483648u64 }), "ext"),
            (json!({ "ext": 1.5 }), "ext"),
            (json!({ "data": 1, "data_base64": "AA==" }), "data_base64"),
            (json!({ "data_base64": "?" }), "data_base64"),
            (
                json!({ "datacontenttype": "text/plain", "data": {} }),
                "data",
            ),
            (json!({ "data": "x".repeat(1 << 20) }), "data"),
        ] {
            let mut event = good.clone();
            event
                .as_object_mut()
                .unwrap()
                .extend(change.as_object().unwrap().clone());
            let refused = structured(&event).unwrap_err().to_string();
            assert!(refused.contains(&format!("`{named}")), "{named}: {refused}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(from_request(&headers, Bytes::new()), Err(NoEvent::Unmarked));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/cloudevents+avro"),
        );
        assert!(from_request(&headers, Bytes::new()).is_err());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(BATCH));
        let refused = from_request(&headers, json!([good, {}]).to_string().into()).unwrap_err();
        assert!(refused.to_string().starts_with("[1]: "), "{refused}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = from_json(&bytes);
        }

        #[test]
        fn the_binary_mode_loses_nothing(subject in "[^\\p{C}]{1,40}", data: Vec<u8>) {
            let mut event = NewEvent::new("/s", "a.b");
            event.subject = Some(subject);
            event.content_type = Some("application/octet-stream".into());
            event.data = Some(Bytes::from(data)).filter(|d| !d.is_empty());
            if event.check().is_ok() {
                let (headers, body) = to_binary(&kept(event.clone()));
                let mut again = from_request(&headers, body).unwrap().remove(0);
                again.extensions.remove(SEQ);
                prop_assert_eq!(again, event);
            }
        }
    }
}
