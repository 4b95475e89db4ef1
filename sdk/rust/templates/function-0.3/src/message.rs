//! What the function does, without HTTP: `cargo test` runs it natively.

use serde::{Deserialize, Serialize};
use steward_sdk::{Error, config};

/// What a client sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    id: String,
    text: String,
}

/// What it gets back.
#[derive(Debug, PartialEq, Serialize)]
pub struct Record {
    /// As the client sent it.
    pub id: String,
    /// Without white space at its ends.
    pub text: String,
    /// Unicode code points of the text.
    pub characters: usize,
    /// The script most letters belong to.
    pub script: &'static str,
}

/// Why there is no record: an HTTP status and a text for people.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// 4xx where the client can do something about it.
    pub status: u16,
    /// For people.
    pub detail: String,
}

/// A configuration that is wrong is not the client's fault.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { status: 500, detail: error.to_string() }
    }
}

/// What is asked of a message.
#[derive(Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Longer messages are refused, in Unicode code points.
    pub max_characters: usize,
}

/// What the configuration says is asked of a message.
pub fn limits() -> Result<Limits, Refusal> {
    Ok(Limits { max_characters: config::parse_or("max_characters", 2000)? })
}

/// Reads a message in JSON and makes a record of it.
pub fn check(body: &[u8]) -> Result<Record, Refusal> {
    let Limits { max_characters } = limits()?;
    let refused = |detail: String| Refusal { status: 422, detail };

    let message: Message = serde_json::from_slice(body).map_err(|e| refused(e.to_string()))?;
    let text = message.text.trim();
    let characters = text.chars().count();
    if characters == 0 {
        return Err(refused("the message is empty".into()));
    }
    if characters > max_characters {
        return Err(refused(format!("{characters} characters; at most {max_characters} are taken")));
    }
    Ok(Record { id: message.id, text: text.to_owned(), characters, script: script(text) })
}

fn script(text: &str) -> &'static str {
    let is_han = |c: &char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}');
    let han = text.chars().filter(is_han).count();
    let other = text.chars().filter(|c| c.is_alphabetic() && !is_han(c)).count();
    match (han, other) {
        (0, 0) => "none",
        // A Chinese character says about as much as three Latin letters.
        _ if han * 3 >= other => "han",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_sdk::testing::Host;

    #[test]
    fn a_message_becomes_a_record() {
        let _host = Host::new().config("max_characters", "20").enter();
        let record = check(r#"{"id":"m-1","text":" 我想退货 "}"#.as_bytes()).unwrap();
        assert_eq!((record.text.as_str(), record.characters, record.script), ("我想退货", 4, "han"));
        assert_eq!(check(br#"{"id":"m-2","text":"Where is it?"}"#).unwrap().script, "other");
    }

    #[test]
    fn what_is_wrong_with_a_message_is_said() {
        let _host = Host::new().config("max_characters", "3").enter();
        for body in [r#"{"id":"1","text":"four"}"#, r#"{"id":"1","text":" "}"#, r#"{"id":1}"#, "", "\u{0}"] {
            assert_eq!(check(body.as_bytes()).unwrap_err().status, 422, "{body}");
        }
    }

    #[test]
    fn a_wrong_configuration_is_not_the_clients_fault() {
        let _host = Host::new().config("max_characters", "many").enter();
        assert_eq!(check(br#"{"id":"1","text":"x"}"#).unwrap_err().status, 500);
    }
}
