//! Events as e-mail: what the message says. Nothing of an event becomes a recipient, and nothing that holds a line break
//! becomes a header field.
//!
//! Where the data of the event is an object of JSON with the texts `subject` and `text`, the message says that; otherwise it
//! names the event and shows its data.

use std::time::SystemTime;

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use serde_json::Value;
use steward_registry::events::{EmailTarget, Event};

/// The longest subject, in characters.
const MAX_SUBJECT: usize = 200;
/// The longest text, in characters; what is longer is cut.
const MAX_TEXT: usize = 100_000;

/// The message for an event, with an id that is the same for every try.
///
/// # Errors
/// What is wrong with the trigger or the event: an address that is none, a line break in what becomes a header field.
pub fn message(to: &EmailTarget, id: &str, event: &Event, now: SystemTime) -> Result<Message, String> {
    let from = mailbox(&to.from)?;
    let domain = from.email.domain().to_owned();
    let said: Value = match &event.event.data {
        Some(data) => serde_json::from_slice(data).unwrap_or_default(),
        None => Value::Null,
    };
    let said = |name: &str| said.get(name).and_then(Value::as_str);
    let subject = match (&to.subject, said("subject")) {
        (Some(subject), _) => subject.clone(),
        (None, Some(subject)) => subject.to_owned(),
        (None, None) => match &event.event.subject {
            Some(about) => format!("{}: {about}", event.event.event_type),
            None => event.event.event_type.clone(),
        },
    };
    one_line("the subject", &subject)?;
    let mut message = Message::builder()
        .from(from)
        .date(now)
        .message_id(Some(format!("<{id}@{domain}>")))
        .subject(subject.chars().take(MAX_SUBJECT).collect::<String>())
        .header(ContentType::TEXT_PLAIN);
    for address in &to.to {
        message = message.to(mailbox(address)?);
    }
    let text = said("text").map_or_else(|| shown(event), str::to_owned);
    let text: String = text.chars().take(MAX_TEXT).collect();
    message
        .body(text)
        .map_err(|e| format!("the message cannot be written: {e}"))
}

/// Reads an address: `li@example.com` or `Li <li@example.com>`.
///
/// # Errors
/// What is wrong with it.
pub fn mailbox(address: &str) -> Result<Mailbox, String> {
    one_line("an address", address)?;
    address
        .parse()
        .map_err(|e| format!("`{}` is no address of e-mail: {e}", short(address)))
}

/// Whatever becomes a header field holds no line break, which would begin another one.
pub(crate) fn one_line(what: &str, text: &str) -> Result<(), String> {
    match text.chars().any(char::is_control) {
        true => Err(format!("{what} holds a line break or another control character")),
        false => Ok(()),
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The event for people.
fn shown(event: &Event) -> String {
    let mut text = format!("{}\n", event.event.event_type);
    if let Some(subject) = &event.event.subject {
        text.push_str(&format!("about {subject}\n"));
    }
    if let Some(time) = event.event.time {
        text.push_str(&format!("at {time}\n"));
    }
    text.push_str(&format!(
        "from {}, number {} in the log\n",
        event.event.source, event.seq
    ));
    let Some(data) = &event.event.data else {
        return text;
    };
    text.push('\n');
    match serde_json::from_slice::<Value>(data) {
        Ok(value) => text.push_str(&serde_json::to_string_pretty(&value).unwrap_or_default()),
        Err(_) => text.push_str(&String::from_utf8_lossy(data)),
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use steward_registry::events::NewEvent;

    fn target(subject: Option<&str>) -> EmailTarget {
        EmailTarget {
            relay: "smtps://smtp.example.com".into(),
            credentials: None,
            from: "Steward <steward@example.com>".into(),
            to: vec!["li@example.com".into(), "陈 <chen@example.com>".into()],
            subject: subject.map(str::to_owned),
        }
    }

    fn event(data: Option<&str>) -> Event {
        Event {
            seq: 7,
            event: NewEvent {
                subject: Some("order/7".into()),
                data: data.map(|d| d.to_owned().into()),
                ..NewEvent::new("/shop", "com.example.order.paid")
            },
            appended_at: Timestamp::UNIX_EPOCH,
            appended_by: "test".into(),
        }
    }

    fn written(to: &EmailTarget, data: Option<&str>) -> Result<String, String> {
        let message = message(to, "mails-7", &event(data), SystemTime::UNIX_EPOCH)?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_message_names_the_event_or_says_what_its_data_says() {
        let plain = written(&target(None), Some(r#"{"amount":3}"#)).unwrap();
        for line in [
            "Subject: com.example.order.paid: order/7\r\n",
            "Message-ID: <mails-7@example.com>\r\n",
            "To: li@example.com, =?utf-8?b?6ZmI?= <chen@example.com>\r\n",
            "\"amount\": 3",
            "about order/7",
        ] {
            assert!(plain.contains(line), "{line} in {plain}");
        }
        let said = written(&target(None), Some(r#"{"subject":"Paid","text":"Order 7 is paid."}"#)).unwrap();
        assert!(said.contains("Subject: Paid\r\n") && said.ends_with("Order 7 is paid."), "{said}");
        let fixed = written(&target(Some("News")), Some(r#"{"subject":"Paid"}"#)).unwrap();
        assert!(fixed.contains("Subject: News\r\n"), "{fixed}");
    }

    #[test]
    fn no_event_adds_a_header_field_or_a_recipient() {
        for subject in ["Paid\\r\\nBcc: eve@example.com", "Paid\\nX: y", "a\\u0000b"] {
            let data = format!(r#"{{"subject":"{subject}","to":"eve@example.com"}}"#);
            let refused = written(&target(None), Some(&data)).unwrap_err();
            assert!(refused.contains("the subject holds a line break"), "{refused}");
        }
        let ignored = written(&target(None), Some(r#"{"subject":"x","to":"eve@example.com","text":"y"}"#)).unwrap();
        assert!(!ignored.contains("eve@"), "{ignored}");
        for address in ["li@example.com\r\nBcc: eve@example.com", "li", "", "a@b@c", "li@exa mple.com"] {
            assert!(mailbox(address).is_err(), "{address}");
        }
    }
}
