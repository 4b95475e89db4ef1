//! Flow, delivery and check-ins, from events of the log.
//!
//! Issues come as whoever bridges them appends them: where in the data the issue, its state and its assignee are is said by
//! JSON pointers (RFC 6901), and what the states of that house mean by a table.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use steward_registry::Name;
use steward_registry::events::Event;
use steward_registry::team::CHECK_INS_SOURCE;

use crate::TeamError;
use crate::reviews::unfaithful;

/// The export that measures the flow of issues.
pub const FLOW: &str = "workload";
/// The export that measures delivery.
pub const DELIVERY: &str = "delivery";
/// The export that says who missed what.
pub const CHECK_INS: &str = "check-ins";
/// The most events that are measured at a time.
pub const MAX_EVENTS: usize = 100_000;
/// The longest pointer, in bytes.
const MAX_POINTER: usize = 500;
/// The most words for states.
const MAX_STATES: usize = 200;

/// What the state of an issue means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueState {
    /// Nobody has begun.
    Open,
    /// Somebody works on it.
    Active,
    /// It was begun and waits.
    Waiting,
    /// It is done.
    Done,
}

/// Where an event has the parts of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuePlaces {
    /// The name of the issue; none: the subject of the event.
    pub issue: Option<String>,
    /// Its state.
    pub state: String,
    /// Who has it; what is not there is nobody.
    pub assignee: String,
    /// What each word for a state means; `open`, `active`, `waiting` and `done` mean themselves where it is empty.
    pub states: BTreeMap<String, IssueState>,
}

impl IssuePlaces {
    /// What is wrong with them.
    ///
    /// # Errors
    /// [`TeamError::Invalid`]
    pub fn check(&self) -> Result<(), TeamError> {
        let pointers = [Some(&self.state), Some(&self.assignee), self.issue.as_ref()];
        for pointer in pointers.into_iter().flatten() {
            if !pointer.starts_with('/') || pointer.len() > MAX_POINTER {
                return Err(TeamError::Invalid(format!(
                    "`{}` is no JSON pointer, as `/issue/fields/status/name`, of at most {MAX_POINTER} bytes",
                    pointer.chars().take(60).collect::<String>()
                )));
            }
        }
        if self.states.len() > MAX_STATES {
            return Err(TeamError::Invalid(format!(
                "there are over {MAX_STATES} words for states"
            )));
        }
        Ok(())
    }

    fn state(&self, word: &str) -> Option<IssueState> {
        if !self.states.is_empty() {
            return self.states.get(word).copied();
        }
        serde_json::from_value(Value::String(word.to_owned())).ok()
    }

    /// What a plugin is asked about these events, and how many were none of an issue.
    pub fn question(&self, events: &[Event], since: Timestamp, until: Timestamp) -> (Value, usize) {
        let of: Vec<Value> = events
            .iter()
            .filter_map(|event| self.issue(event))
            .collect();
        let skipped = events.len() - of.len();
        (
            json!({ "events": of, "window": window(since, until) }),
            skipped,
        )
    }

    fn issue(&self, event: &Event) -> Option<Value> {
        let data = data(event)?;
        let issue = match &self.issue {
            Some(place) => data.pointer(place)?.as_str()?.to_owned(),
            None => event.event.subject.clone()?,
        };
        let state = self.state(data.pointer(&self.state)?.as_str()?)?;
        let assignee = data.pointer(&self.assignee).and_then(Value::as_str);
        Some(json!({ "issue": issue, "at": at(event), "state": state, "assignee": assignee }))
    }
}

/// A deployment as its events tell it.
#[derive(Default)]
struct Told {
    at: Option<i64>,
    changes: Vec<i64>,
    failed: bool,
    restored_at: Option<i64>,
}

/// What is said of a deployment.
#[derive(Deserialize)]
struct Said {
    deployment: String,
    #[serde(default)]
    changes: Vec<Timestamp>,
    #[serde(default)]
    failed: bool,
    #[serde(default)]
    restored: bool,
}

/// What a plugin is asked about the delivery of a team of so many people, and how many events were none of a deployment.
///
/// The data of an event is `{"deployment": NAME, "changes": [TIME, …]}` when something is deployed, and has `"failed": true`
/// when it turns out to have caused a failure and `"restored": true` when that is over; the first event of a name is its
/// deployment.
pub fn delivery(
    events: &[Event],
    since: Timestamp,
    until: Timestamp,
    members: usize,
) -> (Value, usize) {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let mut skipped = 0;
    for event in events {
        let said = data(event).and_then(|data| serde_json::from_value::<Said>(data).ok());
        let Some(said) = said else {
            skipped += 1;
            continue;
        };
        let at = at(event);
        let deployment = told.entry(said.deployment).or_default();
        deployment.at = Some(deployment.at.map_or(at, |first| first.min(at)));
        let changes = said.changes.iter().map(|change| change.as_microsecond());
        deployment.changes.extend(changes);
        deployment.failed |= said.failed;
        if said.restored {
            let before = deployment.restored_at;
            deployment.restored_at = Some(before.map_or(at, |last| last.max(at)));
        }
    }
    let deployments: Vec<Value> = told
        .into_iter()
        .map(|(name, told)| {
            json!({
                "name": name, "at": told.at, "changes": told.changes,
                "failed": told.failed, "restored_at": told.restored_at,
            })
        })
        .collect();
    let question = json!({
        "deployments": deployments, "window": window(since, until), "members": members,
    });
    (question, skipped)
}

/// When check-ins are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The first one.
    pub begin: Timestamp,
    /// The days from one to the next.
    pub every_days: u32,
    /// One counts until so many days after it was due.
    pub grace_days: u32,
}

/// What the types begin with of the events about teams that the host itself appends.
const TYPES_OF_HOST: &str = "steward.team.";

/// What a plugin is asked about the check-ins of these people until now. An event is one of the person whose id is its
/// subject; events about others are left out, and so are those of a type of the host that somebody else appended.
pub fn check_ins(events: &[Event], schedule: Schedule, people: &[Name], now: Timestamp) -> Value {
    let known: BTreeSet<&str> = people.iter().map(Name::as_str).collect();
    let of = |event: &Event| {
        let subject = event.event.subject.as_deref()?;
        // Anybody may name the type, and nobody else the source.
        let forged = event.event.event_type.starts_with(TYPES_OF_HOST)
            && !event.event.source.starts_with(CHECK_INS_SOURCE);
        (known.contains(subject) && !forged).then(|| json!({ "person": subject, "at": at(event) }))
    };
    let done: Vec<Value> = events.iter().filter_map(of).collect();
    json!({
        "schedule": {
            "begin": schedule.begin.as_microsecond(),
            "every_days": schedule.every_days, "grace_days": schedule.grace_days,
        },
        "people": people, "done": done, "now": now.as_microsecond(),
    })
}

/// Who missed what, where the answer says it of each person.
///
/// # Errors
/// [`TeamError::Unfaithful`]
pub fn attendance(people: &[Name], answer: Value) -> Result<Value, TeamError> {
    let said = answer.as_array().map_or(&[][..], Vec::as_slice);
    let each = said.iter().map(|attendance| attendance["person"].as_str());
    if each.eq(people.iter().map(|person| Some(person.as_str()))) {
        return Ok(answer);
    }
    Err(unfaithful("it does not answer about each person once"))
}

/// The answer, where it is one, with what was left out.
///
/// # Errors
/// [`TeamError::Unfaithful`]
pub fn measured(mut answer: Value, events: usize, skipped: usize) -> Result<Value, TeamError> {
    let Some(fields) = answer.as_object_mut() else {
        return Err(unfaithful("it answered with no measures"));
    };
    fields.insert("events".into(), json!(events));
    fields.insert("skipped".into(), json!(skipped));
    Ok(answer)
}

fn window(since: Timestamp, until: Timestamp) -> Value {
    json!({ "since": since.as_microsecond(), "until": until.as_microsecond() })
}

fn at(event: &Event) -> i64 {
    event
        .event
        .time
        .unwrap_or(event.appended_at)
        .as_microsecond()
}

fn data(event: &Event) -> Option<Value> {
    serde_json::from_slice(event.event.data.as_ref()?).ok()
}

#[cfg(test)]
mod tests {
    use steward_registry::events::NewEvent;

    use super::*;

    fn event(at: i64, data: &str) -> Event {
        let mut event = NewEvent::new("/bridge", "com.example.issue.changed");
        event.time = Timestamp::from_second(at).ok();
        event.data = Some(data.as_bytes().to_vec().into());
        Event {
            seq: 1,
            event,
            appended_at: Timestamp::UNIX_EPOCH,
            appended_by: "key".into(),
        }
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn issues_are_found_where_their_house_has_them() {
        let places = IssuePlaces {
            issue: Some("/issue/key".into()),
            state: "/issue/fields/status/name".into(),
            assignee: "/issue/fields/assignee/accountId".into(),
            states: BTreeMap::from([
                ("In Progress".to_owned(), IssueState::Active),
                ("完成".to_owned(), IssueState::Done),
            ]),
        };
        assert!(places.check().is_ok());
        let of = |status: &str| {
            format!(
                r#"{{"issue":{{"key":"A-1","fields":{{"status":{{"name":"{status}"}},"assignee":null}}}}}}"#
            )
        };
        let events = [
            event(1, &of("In Progress")),
            event(2, &of("完成")),
            event(3, &of("Unknown")),
            event(4, "no JSON"),
            event(5, "{}"),
        ];
        let (asked, skipped) = places.question(&events, time(0), time(9));
        assert_eq!(skipped, 3);
        assert_eq!(asked["events"][0]["state"], "active");
        assert_eq!(
            asked["events"][1],
            json!({ "issue": "A-1", "at": 2_000_000, "state": "done", "assignee": null })
        );
        assert_eq!(asked["window"]["until"], 9_000_000);
    }

    #[test]
    fn pointers_that_are_none_are_refused() {
        let mut places = IssuePlaces {
            issue: None,
            state: "/state".into(),
            assignee: "/assignee".into(),
            states: BTreeMap::new(),
        };
        assert!(places.check().is_ok());
        let mut subject = event(1, r#"{"state":"waiting","assignee":"安"}"#);
        subject.event.subject = Some("A-7".into());
        let (asked, _) = places.question(&[subject], time(0), time(9));
        assert_eq!(asked["events"][0]["issue"], "A-7");
        assert_eq!(asked["events"][0]["assignee"], "安");
        places.state = "state".into();
        assert!(
            places
                .check()
                .unwrap_err()
                .to_string()
                .contains("no JSON pointer")
        );
    }

    #[test]
    fn check_ins_are_those_of_the_people_who_are_asked_about() {
        let of = |subject: &str, at| {
            let mut event = event(at, "");
            event.event.subject = Some(subject.into());
            event
        };
        let people: Vec<Name> = ["e-1", "e-2"]
            .map(|id| id.parse::<Name>().unwrap())
            .to_vec();
        let schedule = Schedule {
            begin: time(0),
            every_days: 7,
            grace_days: 1,
        };
        let told = |at, source: &str| {
            let mut event = of("e-1", at);
            event.event.event_type = "steward.team.check-in.answered".into();
            event.event.source = source.into();
            event
        };
        let forged = told(2, "/functions/other");
        let told = told(7, "/team/check-ins/weekly");
        let events = [forged, of("e-1", 5), of("e-9", 6), told];
        let asked = check_ins(&events, schedule, &people, time(9));
        assert_eq!(
            asked["done"],
            json!([{ "person": "e-1", "at": 5_000_000 }, { "person": "e-1", "at": 7_000_000 }])
        );
        assert_eq!(asked["schedule"]["every_days"], 7);
        let one = |person: &str| json!({ "person": person });
        assert!(attendance(&people, json!([one("e-1"), one("e-2")])).is_ok());
        for wrong in [
            json!({}),
            json!([one("e-1")]),
            json!([one("e-2"), one("e-1")]),
        ] {
            assert!(attendance(&people, wrong).is_err());
        }
    }

    #[test]
    fn a_deployment_is_told_by_several_events() {
        let events = [
            event(
                10,
                r#"{"deployment":"d-1","changes":["1970-01-01T00:00:04Z"]}"#,
            ),
            event(20, r#"{"deployment":"d-1","failed":true}"#),
            event(30, r#"{"deployment":"d-1","restored":true}"#),
            event(40, r#"{"deployment":"d-2"}"#),
            event(50, r#"{"other":1}"#),
        ];
        let (asked, skipped) = delivery(&events, time(0), time(99), 4);
        assert_eq!((skipped, &asked["members"]), (1, &json!(4)));
        assert_eq!(
            asked["deployments"][0],
            json!({
                "name": "d-1", "at": 10_000_000, "changes": [4_000_000],
                "failed": true, "restored_at": 30_000_000,
            })
        );
        assert_eq!(asked["deployments"][1]["failed"], false);
    }
}
