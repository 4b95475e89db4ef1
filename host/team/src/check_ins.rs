//! Check-ins that come round: who may read which part of one.

use jiff::Timestamp;
use serde::Serialize;
use steward_registry::Name;
use steward_registry::team::CheckInEntry;

use crate::access::{Asker, Eye};

/// How far it is that somebody was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum EntryStatus {
    /// There is time to answer.
    #[serde(rename = "open")]
    Open,
    /// It was answered in time.
    #[serde(rename = "answered")]
    Answered,
    /// It was answered behind its time.
    #[serde(rename = "answered late")]
    AnsweredLate,
    /// It was not answered in time.
    #[serde(rename = "overdue")]
    Overdue,
}

/// How far it is, now.
pub fn status(entry: &CheckInEntry, now: Timestamp) -> EntryStatus {
    let until = entry.date.until;
    match entry.answered_at {
        Some(at) if at < until => EntryStatus::Answered,
        Some(_) => EntryStatus::AnsweredLate,
        None if now < until => EntryStatus::Open,
        None => EntryStatus::Overdue,
    }
}

/// That somebody was asked, as one person may see it. What may not be read is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenEntry {
    /// The check-in.
    pub check_in: Name,
    /// The id of the person.
    pub person: Name,
    /// When they were asked.
    pub due: Timestamp,
    /// Until when there is time to answer.
    pub until: Timestamp,
    /// How far it is.
    pub status: EntryStatus,
    /// When they first answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// When it is erased.
    pub keep_until: Timestamp,
    /// What they were asked.
    pub questions: Vec<String>,
    /// What they answered: for themself and who leads them alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<String>>,
}

/// What whoever asks may see of it: the person and their lead all, human resources everything but the answers, others
/// nothing.
pub fn seen(entry: &CheckInEntry, asker: &Asker, now: Timestamp) -> Option<SeenEntry> {
    let answers = match asker.eye_on(&entry.person, entry.lead.as_ref()) {
        Eye::Themself | Eye::Lead => entry.answers.clone(),
        Eye::Hr => None,
        Eye::Peer | Eye::Nobody => return None,
    };
    Some(SeenEntry {
        check_in: entry.check_in.clone(),
        person: entry.person.clone(),
        due: entry.date.due,
        until: entry.date.until,
        status: status(entry, now),
        answered_at: entry.answered_at,
        keep_until: entry.date.keep_until,
        questions: entry.questions.clone(),
        answers,
    })
}

#[cfg(test)]
mod tests {
    use steward_registry::team::CheckInDate;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry(answered_at: Option<i64>) -> CheckInEntry {
        CheckInEntry {
            check_in: name("weekly"),
            person: name("ann"),
            lead: Some(name("lee")),
            date: CheckInDate {
                due: second(100),
                until: second(200),
                keep_until: second(900),
            },
            questions: vec!["进展如何？".into()],
            answers: answered_at.map(|_| vec!["很好".into()]),
            answered_at: answered_at.map(second),
        }
    }

    #[test]
    fn it_is_open_until_it_is_answered_or_overdue() {
        let of = |answered, now| status(&entry(answered), second(now));
        assert_eq!(of(None, 199), EntryStatus::Open);
        assert_eq!(of(None, 200), EntryStatus::Overdue);
        assert_eq!(of(Some(199), 300), EntryStatus::Answered);
        assert_eq!(of(Some(200), 300), EntryStatus::AnsweredLate);
    }

    #[test]
    fn answers_are_for_the_person_and_who_leads_them() {
        let see = |person: Option<&str>, manages_keys| {
            let asker = Asker {
                person: person.map(name),
                manages_keys,
            };
            seen(&entry(Some(150)), &asker, second(300))
        };
        for (person, manages_keys, answers) in [
            (Some("ann"), false, Some(true)),
            (Some("ann"), true, Some(true)),
            (Some("lee"), false, Some(true)),
            (None, true, Some(false)),
            (Some("bo"), true, Some(false)),
            (Some("bo"), false, None),
            (None, false, None),
        ] {
            let seen = see(person, manages_keys);
            let had = seen.map(|seen| seen.answers.is_some());
            assert_eq!(had, answers, "{person:?} {manages_keys}");
        }
    }
}
