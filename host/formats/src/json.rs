//! Rows as JSON: checked, taken apart with every digit, and written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::Fault;

/// How deep values are taken apart. What is deeper is kept as it is written.
const MAX_DEPTH: usize = 64;

/// Checks that a line is a row: UTF-8, a JSON object, and texts of characters alone.
pub(crate) fn check(line: &[u8]) -> Result<(), Fault> {
    let text = std::str::from_utf8(line).map_err(|e| Fault::NotUtf8(e.valid_up_to()))?;
    let parsed: Result<IgnoredAny, _> = serde_json::from_str(text);
    if let Err(error) = parsed {
        let message = error.to_string();
        let message = message
            .rsplit_once(" at line ")
            .map_or(&*message, |(m, _)| m);
        let message = format!("{message} at column {}", error.column());
        return Err(Fault::NotJson(message));
    }
    if !text.trim_start().starts_with('{') {
        return Err(Fault::NotAnObject);
    }
    match has_lone_surrogate(line) {
        true => Err(Fault::LoneSurrogate),
        false => Ok(()),
    }
}

/// Whether good JSON escapes half of a pair of surrogates. Outside of texts JSON has no backslash.
pub(crate) fn has_lone_surrogate(json: &[u8]) -> bool {
    let mut rest = json;
    let mut high = false;
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        if high && at > 0 {
            return true;
        }
        let unit = match rest[at + 1..].first() {
            Some(b'u') => std::str::from_utf8(rest.get(at + 2..at + 6).unwrap_or_default())
                .ok()
                .and_then(|hex| u16::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        high = match unit {
            Some(0xD800..=0xDBFF) if !high => true,
            Some(0xDC00..=0xDFFF) if high => false,
            Some(0xD800..=0xDFFF) => return true,
            _ if high => return true,
            _ => false,
        };
        let used = if unit.is_some() { 6 } else { 2 };
        rest = rest.get(at + used..).unwrap_or_default();
    }
    high
}

/// Appends a text as JSON.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing a string into memory cannot fail.
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok());
}

/// A value with its numbers as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// The members of an object in order, each value as it is written.
pub(crate) struct Members<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
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

impl Node {
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        Self::at(json, 0)
    }

    fn at(json: &str, depth: usize) -> Result<Self, serde_json::Error> {
        use serde::de::Error as _;
        let json = json.trim_ascii();
        Ok(match json.as_bytes().first() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => {
                return Err(serde_json::Error::custom("nested too deeply"));
            }
            Some(b'{') => {
                let Members(members) = serde_json::from_str(json)?;
                let members = members
                    .into_iter()
                    .map(|(name, value)| Ok((name, Self::at(value.get(), depth + 1)?)));
                Self::Object(members.collect::<Result<_, serde_json::Error>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json)?;
                let items = items
                    .into_iter()
                    .map(|item| Self::at(item.get(), depth + 1));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(json)?),
            Some(b'-' | b'0'..=b'9') => {
                Self::Number(serde_json::from_str::<&RawValue>(json)?.get().to_owned())
            }
            _ => match serde_json::from_str::<Option<bool>>(json)? {
                None => Self::Null,
                Some(value) => Self::Bool(value),
            },
        })
    }

    /// Appends the value as JSON without spaces.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(literal) => out.extend_from_slice(literal.as_bytes()),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (i, (name, value)) in members.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_text(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// The value as JSON without spaces.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        // Only texts and ASCII were written.
        String::from_utf8(out).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_row_has_its_code() {
        for (line, code) in [
            (&b"{\"a\":\"\xFF\"}"[..], "not-utf-8"),
            (b"{\"a\":1", "not-json"),
            (b"nothing", "not-json"),
            (b"[1]", "not-an-object"),
            (b"{\"a\":\"\\ud83d\"}", "lone-surrogate"),
            (b"{\"a\":\"\\ude00\"}", "lone-surrogate"),
            (b"{\"a\":\"\\ud83d \\ude00\"}", "lone-surrogate"),
            (b"{\"\\ud83d\\n\":1}", "lone-surrogate"),
            (b"{\"a\":\"\\ud83d\\ud83d\\ude00\"}", "lone-surrogate"),
        ] {
            assert_eq!(
                check(line).unwrap_err().code(),
                code,
                "{}",
                String::from_utf8_lossy(line)
            );
        }
        for good in [
            r#"{"a":"\ud83d\ude00"}"#,
            r#" {"a":1e999,"a":-0.10}"#,
            r#"{"a":"\\ud83d"}"#,
            r#"{"a":"\u4f60\ud83d\ude00\ud83d\ude00"}"#,
        ] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        let json =
            r#"{"a":123456789012345678901234567890.10,"b":[-0,1e400,null,true],"c":{"好":"\"\n"}}"#;
        assert_eq!(Node::parse(json).unwrap().to_json(), json);
        assert!(Node::parse(&format!("{}{}", "[".repeat(99), "]".repeat(99))).is_err());
    }

    proptest! {
        #[test]
        fn surrogates_are_judged_as_the_parser_judges_them(units in proptest::collection::vec(prop_oneof![Just(0xD83Du16), Just(0xDE00), Just(0x41), Just(0x5C)], 0..6)) {
            let escaped: String = units.iter().map(|u| format!("\\u{u:04x}")).collect();
            let json = format!("\"{escaped}\"");
            prop_assert_eq!(has_lone_surrogate(json.as_bytes()), serde_json::from_str::<String>(&json).is_err());
        }
    }
}
