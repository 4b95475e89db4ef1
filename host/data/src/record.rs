//! One record of the input: a JSON object whose text the steps treat and whose other fields pass
//! through byte for byte and in order.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use steward_formats::Line;

use crate::DataError;
use crate::reject::{MAX_ID_BYTES, Reason};

/// The names of the fields that a job reads and writes.
#[derive(Debug, Clone)]
pub struct Fields {
    /// The text. Default `text`.
    pub text: String,
    /// The name of the record; where it is missing, the line number stands for it. Default `id`.
    pub id: String,
    /// Where an anonymizer step writes what it found. Default `findings`.
    pub findings: String,
    /// Where a classify step writes the best label. Default `label`.
    pub label: String,
    /// Where a classify step writes the score of that label. Default `score`.
    pub score: String,
    /// Whether a step may replace such a field of the input. Default no: the row is rejected, so that
    /// labels made by people are not lost by accident.
    pub overwrite: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            text: "text".into(),
            id: "id".into(),
            findings: "findings".into(),
            label: "label".into(),
            score: "score".into(),
            overwrite: false,
        }
    }
}

/// The members of an object, in order, each value as it was written.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A member as it was written, which must not be there twice.
fn only<'a>(members: &'a [(String, Box<RawValue>)], name: &str) -> Result<Option<&'a str>, Reason> {
    let mut found = members.iter().filter(|(key, _)| key == name);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Reason::Twice(name.to_owned())),
        (found, _) => Ok(found.map(|(_, value)| value.get())),
    }
}

/// One record.
#[derive(Debug)]
pub(crate) struct Record {
    pub id: String,
    pub text: String,
    members: Vec<(String, Box<RawValue>)>,
}

impl Record {
    /// Reads a record. `added` are the fields that the steps of the job will write.
    pub fn parse(line: &Line, fields: &Fields, added: &[&str]) -> Result<Self, Reason> {
        if let Some(fault) = &line.fault {
            return Err(Reason::Unreadable(fault.clone()));
        }
        let json =
            std::str::from_utf8(&line.bytes).map_err(|e| Reason::NotUtf8(e.valid_up_to()))?;
        let Members(members) = serde_json::from_str(json).map_err(|e| not_json(json, &e))?;

        let find = |name: &str| only(&members, name);
        let raw = find(&fields.text)?.ok_or_else(|| Reason::NoText(fields.text.clone()))?;
        let text: String =
            serde_json::from_str(raw).map_err(|_| Reason::TextNotString(fields.text.clone()))?;
        let id = match find(&fields.id)? {
            None | Some("null") => line.number.to_string(),
            Some(raw) => read_id(raw).ok_or_else(|| Reason::BadId(fields.id.clone()))?,
        };
        for name in added {
            if find(name)?.is_some() && !fields.overwrite {
                return Err(Reason::FieldTaken((*name).to_owned()));
            }
        }
        Ok(Self { id, text, members })
    }

    /// Reads a record again that a job has written, and that is therefore sound.
    pub fn again(json: &[u8], fields: &Fields, line: u64) -> Result<Self, DataError> {
        let unsound = |e: serde_json::Error| DataError::Broken(format!("a row put aside: {e}"));
        let Members(members) = serde_json::from_slice(json).map_err(unsound)?;
        let mut record = Self {
            id: String::new(),
            text: String::new(),
            members,
        };
        let id = record.get(&fields.id).and_then(read_id);
        record.id = id.unwrap_or_else(|| line.to_string());
        let text = record.get(&fields.text).unwrap_or("\"\"");
        record.text = serde_json::from_str(text).map_err(unsound)?;
        Ok(record)
    }

    /// A field of a sound record as it was written.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut members = self.members.iter();
        let (_, value) = members.find(|(key, _)| key == name)?;
        Some(value.get())
    }

    /// A field as it was written; none where it is missing.
    pub fn raw(&self, name: &str) -> Result<Option<&str>, Reason> {
        only(&self.members, name)
    }

    /// Sets a field: in its place where it exists, else at the end.
    pub fn set(&mut self, name: &str, value: &impl Serialize) {
        let mut json = Vec::new();
        write_json(&mut json, value);
        let raw = String::from_utf8(json)
            .ok()
            .and_then(|json| RawValue::from_string(json).ok());
        let Some(raw) = raw else { return };
        match self.members.iter_mut().find(|(key, _)| key == name) {
            Some((_, value)) => *value = raw,
            None => self.members.push((name.to_owned(), raw)),
        }
    }

    /// Appends the record as one line.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (i, (key, value)) in self.members.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_json(out, key);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.extend_from_slice(b"}\n");
    }
}

/// A string, or a number as it was written.
fn read_id(raw: &str) -> Option<String> {
    let id = match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok()?,
        b'-' | b'0'..=b'9' => raw.to_owned(),
        _ => return None,
    };
    (id.len() <= MAX_ID_BYTES).then_some(id)
}

/// The parser's message, without values of the record and without its "line 1".
fn not_json(json: &str, error: &serde_json::Error) -> Reason {
    let is_object = json.trim_start().starts_with('{');
    if !is_object
        && serde::de::IgnoredAny::deserialize(&mut serde_json::Deserializer::from_str(json)).is_ok()
    {
        return Reason::NotAnObject;
    }
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    // Only syntax errors are free of the record's own words.
    let message = if error.is_data() {
        "unexpected value"
    } else {
        message
    };
    Reason::NotJson(format!("{message} at column {}", error.column()))
}

/// Appends a value as JSON.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing strings, numbers and plain structs of them into memory cannot fail: there is no I/O,
    // no map with keys that are not strings, and no `Serialize` of foreign making.
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &[u8]) -> Result<Record, Reason> {
        let line = Line {
            number: 3,
            bytes: json.to_vec(),
            fault: None,
        };
        Record::parse(&line, &Fields::default(), &["findings"])
    }

    fn written(record: &Record) -> String {
        let mut out = Vec::new();
        record.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn other_fields_pass_through_untouched_and_in_order() {
        let json = r#"{"z":1.0,"big":123456789012345678901234567890.10,"text":"你好","a":{"y": [1, 2],"x":null},"e":"é\/"}"#;
        let mut record = parse(json.as_bytes()).unwrap();
        assert_eq!((record.id.as_str(), record.text.as_str()), ("3", "你好"));
        assert_eq!(written(&record), format!("{json}\n"));
        record.set("text", &"hello");
        record.set("label", &"好评");
        assert_eq!(
            written(&record),
            format!(
                "{}\n",
                json.replace("你好", "hello")
                    .replace(r#"\/"}"#, r#"\/","label":"好评"}"#)
            )
        );
    }

    #[test]
    fn ids_are_strings_or_numbers() {
        assert_eq!(
            parse(r#"{"id":"m-1","text":""}"#.as_bytes()).unwrap().id,
            "m-1"
        );
        assert_eq!(parse(r#"{"id":17,"text":""}"#.as_bytes()).unwrap().id, "17");
        assert_eq!(
            parse(r#"{"id":null,"text":""}"#.as_bytes()).unwrap().id,
            "3"
        );
        let long = format!(r#"{{"id":"{}","text":""}}"#, "x".repeat(513));
        for bad in [r#"{"id":[],"text":""}"#, r#"{"id":true,"text":""}"#, &long] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().code(), "bad-id", "{bad}");
        }
    }

    #[test]
    fn every_kind_of_bad_record_has_its_reason() {
        let deep = format!(r#"{{"text":{}1{}}}"#, "[".repeat(300), "]".repeat(300));
        for (json, code) in [
            (&b"{\"text\":\"\xFF\"}"[..], "not-utf-8"),
            (b"{\"text\":\"a\"", "not-json"),
            (b"{\"text\":\"a\"} {}", "not-json"),
            (b"{\"text\":\"a\",}", "not-json"),
            (b"hello", "not-json"),
            (b"[1]", "not-an-object"),
            (b"\"secret\"", "not-an-object"),
            (b"{}", "no-text"),
            (b"{\"text\":1}", "text-not-a-string"),
            (b"{\"text\":null}", "text-not-a-string"),
            (b"{\"text\":\"\\ud800\"}", "text-not-a-string"),
            (deep.as_bytes(), "text-not-a-string"),
            (b"{\"text\":\"a\",\"text\":\"b\"}", "field-twice"),
            (b"{\"text\":\"a\",\"findings\":[]}", "field-taken"),
        ] {
            let reason = parse(json).unwrap_err();
            assert_eq!(
                reason.code(),
                code,
                "{}: {reason}",
                String::from_utf8_lossy(json)
            );
            assert!(!reason.to_string().contains("secret"));
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_or_survives_a_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(record) = parse(&bytes) {
                let again = written(&record);
                prop_assert!(parse(again.trim_end().as_bytes()).is_ok());
            }
        }

        #[test]
        fn any_text_round_trips(text in ".*", extra in ".*") {
            let json = serde_json::json!({"text": text, "extra": extra}).to_string();
            let record = parse(json.as_bytes()).unwrap();
            prop_assert_eq!(&record.text, &text);
            let value: serde_json::Value = serde_json::from_str(&written(&record)).unwrap();
            prop_assert_eq!(value["extra"].as_str().unwrap(), extra);
        }
    }
}
