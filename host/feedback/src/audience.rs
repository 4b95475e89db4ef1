//! Whom to ask: a rule about people, a share of them, and rest for those who were asked lately.

use serde_json::Map;

use crate::FeedbackError;
use crate::flags::{Rule, context, place};

/// Who is asked.
#[derive(Debug, Clone)]
pub struct Audience {
    /// Names the survey.
    pub survey: String,
    /// Who may be asked at all; none: everybody.
    pub rule: Option<Rule>,
    /// The share of people that is asked, between 0 and 1.
    pub share: f64,
    /// For so many milliseconds after they were asked, people are left alone.
    pub rest_ms: i64,
    /// What time it is, in milliseconds since 1970.
    pub now: i64,
}

/// Somebody who may be asked.
#[derive(Debug, Clone)]
pub struct Person {
    /// An opaque name.
    pub id: String,
    /// What is known of them, as a JSON object.
    pub context: String,
    /// When they were asked last, by any survey.
    pub asked_at: Option<i64>,
}

/// Whether somebody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Yes.
    Yes,
    /// The rule says no.
    NoMatch,
    /// Not in the share.
    NotInShare,
    /// Asked too lately.
    AskedLately,
}

impl Asked {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::NoMatch => "no_match",
            Self::NotInShare => "not_in_share",
            Self::AskedLately => "asked_lately",
        }
    }
}

impl Audience {
    /// Reads the rule, JSON Logic as in flags; an empty text is none.
    ///
    /// # Errors
    /// What is no JSON, or uses an operation that is not there.
    pub fn rule(text: &str) -> Result<Option<Rule>, FeedbackError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let rule = serde_json::from_str(text)
            .map_err(|e| FeedbackError::Invalid(format!("the rule is no JSON: {e}")))?;
        Rule::read(&rule, &Map::new())
            .map(Some)
            .map_err(|why| FeedbackError::Invalid(format!("the rule: {why}")))
    }

    /// One word for each person. Who is in the share stays in it when it grows, and falls elsewhere in another survey.
    ///
    /// # Errors
    /// A share that is none, or a context that is none.
    pub fn ask(&self, people: &[Person]) -> Result<Vec<Asked>, FeedbackError> {
        if !(0.0..=1.0).contains(&self.share) {
            return Err(FeedbackError::invalid(format!(
                "the share is {}; it lies between 0 and 1",
                self.share
            )));
        }
        people.iter().map(|person| self.one(person)).collect()
    }

    /// The time, in milliseconds since 1970, behind which nobody may have been asked who is to be asked now.
    pub fn rested(&self) -> i64 {
        self.now.saturating_sub(self.rest_ms)
    }

    fn one(&self, person: &Person) -> Result<Asked, FeedbackError> {
        if let Some(rule) = &self.rule {
            let known = context(&person.context)?;
            if !rule.holds(&known, &self.survey) {
                return Ok(Asked::NoMatch);
            }
        }
        if place(&format!("{}{}", self.survey, person.id)) >= self.share {
            return Ok(Asked::NotInShare);
        }
        Ok(match person.asked_at {
            Some(at) if at > self.rested() => Asked::AskedLately,
            _ => Asked::Yes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(count: usize) -> Vec<Person> {
        let person = |n| Person {
            id: format!("p{n}"),
            context: format!(r#"{{"plan": "{}"}}"#, ["free", "paid"][n % 2]),
            asked_at: (n % 10 == 1).then_some(900),
        };
        (0..count).map(person).collect()
    }

    fn audience(share: f64) -> Audience {
        Audience {
            survey: "nps-2026".into(),
            rule: Audience::rule(r#"{"==": [{"var": "plan"}, "paid"]}"#).unwrap(),
            share,
            rest_ms: 200,
            now: 1000,
        }
    }

    #[test]
    fn a_rule_a_share_and_a_rest_decide() {
        let all = audience(1.0).ask(&people(10)).unwrap();
        assert_eq!(
            all[..4],
            [
                Asked::NoMatch,
                Asked::AskedLately,
                Asked::NoMatch,
                Asked::Yes
            ]
        );
        let half = audience(0.5).ask(&people(10_000)).unwrap();
        let asked = half
            .iter()
            .filter(|a| matches!(a, Asked::Yes | Asked::AskedLately))
            .count();
        assert!((2350..2650).contains(&asked), "{asked}");
        // Who is in a share is in a larger one.
        let more = audience(0.6).ask(&people(10_000)).unwrap();
        let stays = half
            .iter()
            .zip(&more)
            .all(|(a, b)| *a == Asked::NotInShare || a == b);
        assert!(stays);
        assert!(
            audience(0.0)
                .ask(&people(10))
                .unwrap()
                .iter()
                .all(|a| *a != Asked::Yes)
        );
        // A clock that went back leaves people alone.
        let mut back = audience(1.0);
        back.now = 0;
        assert_eq!(back.ask(&people(2)).unwrap()[1], Asked::AskedLately);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(Audience::rule("{").is_err());
        assert!(
            Audience::rule(r#"{"map": []}"#)
                .unwrap_err()
                .to_string()
                .contains("`map`")
        );
        assert!(audience(1.1).ask(&[]).is_err() && audience(f64::NAN).ask(&[]).is_err());
        let mut stranger = people(1);
        stranger[0].context = "plan".into();
        assert!(audience(1.0).ask(&stranger).is_err());
    }
}
