//! Surveys: what is asked on which scale, whom the host asks by its rules, and how many of them answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steward_feedback::audience::{Asked, Audience, Person};
use steward_feedback::survey::Metric;
use steward_registry::feedback::{MAX_ASKED_AT_ONCE, NewSurvey, Survey};
use steward_registry::{Name, TenantId};

use super::Feedback;
use super::given::anonymizer;
use crate::DataError;

const DAY_MS: i64 = 86_400_000;
/// The rest where nobody says otherwise.
const USUAL_REST_MS: i64 = 30 * DAY_MS;
/// The shortest rest: a request that is sent again asks nobody again.
const SHORTEST_REST_MS: i64 = 60_000;
/// The longest rest.
const LONGEST_REST_MS: i64 = 3660 * DAY_MS;
/// The word for whose name is no opaque one.
const PERSONAL_DATA: &str = "personal_data";

/// Who is asked: the rules of an [`Audience`], as they are set and kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AudienceGiven {
    /// JSON Logic over what is known of somebody, as in flags; none: everybody.
    pub rule: Option<Map<String, Value>>,
    /// The share of people that is asked, between 0 and 1.
    pub share: f64,
    /// For so many milliseconds after any survey asked them, people are left alone.
    pub rest_ms: i64,
}

impl Default for AudienceGiven {
    fn default() -> Self {
        Self {
            rule: None,
            share: 1.0,
            rest_ms: USUAL_REST_MS,
        }
    }
}

impl AudienceGiven {
    /// The audience of a survey at a time, in milliseconds since 1970.
    fn at(&self, survey: &Name, now: i64) -> Result<Audience, DataError> {
        let rule = self
            .rule
            .clone()
            .map(|rule| Value::Object(rule).to_string());
        let rule = Audience::rule(rule.as_deref().unwrap_or_default());
        Ok(Audience {
            survey: survey.to_string(),
            rule: rule.map_err(|why| DataError::Invalid(why.to_string()))?,
            share: self.share,
            rest_ms: self.rest_ms,
            now,
        })
    }

    /// Refuses rules by which nobody can be asked.
    fn check(&self, survey: &Name) -> Result<(), DataError> {
        if !(SHORTEST_REST_MS..=LONGEST_REST_MS).contains(&self.rest_ms) {
            return Err(DataError::Invalid(format!(
                "`rest_ms` is {}; people are left alone for {SHORTEST_REST_MS} milliseconds, a minute, to {LONGEST_REST_MS}, some \
                 ten years",
                self.rest_ms
            )));
        }
        // Nobody is asked, but a share that is none is refused.
        let nobody = self.at(survey, 0)?.ask(&[]);
        nobody
            .map(drop)
            .map_err(|why| DataError::Invalid(why.to_string()))
    }
}

/// A survey to set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyGiven {
    /// What is asked, which says the scale. It never changes.
    pub metric: Metric,
    /// The question, as people read it.
    pub question: String,
    /// Whom to ask.
    #[serde(default)]
    pub audience: AudienceGiven,
    /// From then on nobody is asked; none: never.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// A survey, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SurveyTold {
    /// Its name.
    pub name: Name,
    /// What is asked.
    pub metric: Metric,
    /// The lowest rating of its scale.
    pub lowest: u32,
    /// The highest.
    pub highest: u32,
    /// The question.
    pub question: String,
    /// Whom it asks.
    pub audience: AudienceGiven,
    /// From then on nobody is asked.
    pub until: Option<Timestamp>,
    /// Whether it asks now.
    pub open: bool,
    /// How often it asked somebody.
    pub asked: u64,
    /// How often who was asked has answered.
    pub answered: u64,
    /// The share of the latter in the former, between 0 and 1; none where nobody was asked.
    pub response_rate: Option<f64>,
    /// When it was first set.
    pub created_at: Timestamp,
    /// Id of the key that set it first.
    pub created_by: String,
}

/// Somebody who may be asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RespondentGiven {
    /// An opaque name.
    pub id: String,
    /// What is known of them, for the rule. It is not kept.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// Who may be asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskGiven {
    /// The deployed anonymizer that looks at their names first.
    #[serde(default = "anonymizer")]
    pub anonymizer: Name,
    /// At most a thousand.
    pub respondents: Vec<RespondentGiven>,
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SurveyAsked {
    /// Who is asked now, in the order in which they were named: nobody else asks them until their rest is over.
    pub asked: Vec<String>,
    /// How many are not, by the reason: `no_match`, `not_in_share`, `asked_lately` or `personal_data`.
    pub skipped: BTreeMap<&'static str, u64>,
}

impl Feedback {
    /// Sets a survey.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for an audience that is none; [`DataError::Registry`], also for another metric than it has.
    pub async fn set_survey(
        &self,
        tenant: &TenantId,
        name: &Name,
        given: SurveyGiven,
        by: &str,
    ) -> Result<SurveyTold, DataError> {
        given.audience.check(name)?;
        let audience = serde_json::to_value(&given.audience);
        let survey = NewSurvey {
            name: name.clone(),
            metric: given.metric.as_str().to_owned(),
            question: given.question,
            audience: audience.map_err(|why| DataError::Invalid(why.to_string()))?,
            until: given.until,
        };
        told(self.registry.set_survey(tenant, &survey, by).await?)
    }

    /// Every survey, by name.
    ///
    /// # Errors
    /// [`DataError::Registry`]
    pub async fn surveys(&self, tenant: &TenantId) -> Result<Vec<SurveyTold>, DataError> {
        let all = self.registry.surveys(tenant).await?;
        all.into_iter().map(told).collect()
    }

    /// One survey.
    ///
    /// # Errors
    /// [`DataError::Registry`]
    pub async fn survey(&self, tenant: &TenantId, name: &Name) -> Result<SurveyTold, DataError> {
        told(self.registry.survey(tenant, name).await?)
    }

    /// Removes a survey with whom it asked; what they answered stays. How often it had asked somebody.
    ///
    /// # Errors
    /// [`DataError::Registry`]
    pub async fn remove_survey(&self, tenant: &TenantId, name: &Name) -> Result<u64, DataError> {
        Ok(self.registry.remove_survey(tenant, name).await?)
    }

    /// Decides whom a survey asks now, and remembers it: its rule and its share first, then whether any survey asked them
    /// lately. Names are kept as those of feedback are: one in which the anonymizer finds something is not.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for too many, or attributes that are too large; [`DataError::Open`] and
    /// [`DataError::Function`] where the anonymizer is not there or fails; [`DataError::Registry`], also where the survey is
    /// not there or over. Then nobody is asked.
    pub async fn ask_survey(
        &self,
        tenant: &TenantId,
        name: &Name,
        given: AskGiven,
    ) -> Result<SurveyAsked, DataError> {
        if given.respondents.len() > MAX_ASKED_AT_ONCE {
            return Err(DataError::Invalid(format!(
                "{} respondents at a time; at most {MAX_ASKED_AT_ONCE} are asked, send them in parts",
                given.respondents.len()
            )));
        }
        let kept = self.registry.survey_audience(tenant, name).await?;
        let now = Timestamp::now();
        let audience = audience(name, kept)?.at(name, now.as_millisecond())?;
        let rested = Timestamp::from_millisecond(audience.rested()).unwrap_or(Timestamp::MIN);
        let respondents = given.respondents;
        // A rule may take its time over a thousand people.
        let decide = move || decided(&audience, respondents);
        let decided = tokio::task::spawn_blocking(decide).await;
        let (wanted, mut skipped) = decided.map_err(|e| DataError::Broken(e.to_string()))??;

        let anonymizer = self.anonymizer(tenant, &given.anonymizer).await?;
        let left = self
            .treated(&given.anonymizer, &anonymizer, &wanted)
            .await?;
        let mut skip = |why: &'static str| *skipped.entry(why).or_default() += 1;
        let mut opaque = Vec::with_capacity(wanted.len());
        for (id, left) in wanted.into_iter().zip(left) {
            match id == left {
                true => opaque.push(id),
                false => skip(PERSONAL_DATA),
            }
        }
        let written = self
            .registry
            .ask_survey(tenant, name, &opaque, now, rested)
            .await?;
        let mut asked = Vec::with_capacity(opaque.len());
        for (id, new) in opaque.into_iter().zip(written) {
            match new {
                true => asked.push(id),
                false => skip(Asked::AskedLately.as_str()),
            }
        }
        Ok(SurveyAsked { asked, skipped })
    }
}

/// Who is to be asked by the rule and the share, and how many are not.
type Decided = (Vec<String>, BTreeMap<&'static str, u64>);

fn decided(audience: &Audience, respondents: Vec<RespondentGiven>) -> Result<Decided, DataError> {
    // When they were asked is looked up where it is written, so that nobody asks in between.
    let person = |one: RespondentGiven| Person {
        id: one.id,
        context: Value::Object(one.attributes).to_string(),
        asked_at: None,
    };
    let people: Vec<Person> = respondents.into_iter().map(person).collect();
    let words = audience
        .ask(&people)
        .map_err(|why| DataError::Invalid(why.to_string()))?;
    let mut wanted = Vec::new();
    let mut skipped: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (person, word) in people.into_iter().zip(words) {
        match word {
            Asked::Yes => wanted.push(person.id),
            no => *skipped.entry(no.as_str()).or_default() += 1,
        }
    }
    Ok((wanted, skipped))
}

fn unread(survey: &Name, what: &str) -> DataError {
    DataError::Broken(format!(
        "the survey `{survey}` was kept with {what} that this host does not know"
    ))
}

fn audience(survey: &Name, kept: Value) -> Result<AudienceGiven, DataError> {
    serde_json::from_value(kept).map_err(|_| unread(survey, "an audience"))
}

fn told(survey: Survey) -> Result<SurveyTold, DataError> {
    let Survey {
        survey: set,
        asked,
        answered,
        created_at,
        created_by,
    } = survey;
    let metric = Metric::named(&set.metric).ok_or_else(|| unread(&set.name, "a metric"))?;
    let audience = audience(&set.name, set.audience)?;
    let (lowest, highest) = metric.scale();
    Ok(SurveyTold {
        metric,
        lowest,
        highest,
        audience,
        open: set.until.is_none_or(|until| Timestamp::now() < until),
        asked,
        answered,
        response_rate: (asked > 0).then(|| answered as f64 / asked as f64),
        created_at,
        created_by,
        name: set.name,
        question: set.question,
        until: set.until,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(audience: Value) -> Result<AudienceGiven, String> {
        let audience: AudienceGiven =
            serde_json::from_value(audience).map_err(|why| why.to_string())?;
        let survey: Name = "nps-2026".parse().unwrap();
        audience.check(&survey).map_err(|why| why.to_string())?;
        Ok(audience)
    }

    #[test]
    fn rules_by_which_nobody_can_be_asked_are_refused() {
        let usual = given(json!({})).unwrap();
        assert_eq!((usual.share, usual.rest_ms), (1.0, 2_592_000_000));
        assert_eq!(usual, AudienceGiven::default());
        given(json!({ "rule": { "==": [{ "var": "plan" }, "paid"] }, "share": 0 })).unwrap();
        for (wrong, says) in [
            (json!({ "share": 1.5 }), "between 0 and 1"),
            (json!({ "rest_ms": 0 }), "a minute"),
            (json!({ "rest_ms": -1 }), "a minute"),
            (json!({ "rest_ms": i64::MAX }), "ten years"),
            (json!({ "rule": { "map": [] } }), "`map`"),
            (json!({ "rule": {} }), "0 keys"),
            (json!({ "rule": "plan == 'paid'" }), "expected a map"),
            (json!({ "rest": 60_000 }), "unknown field"),
        ] {
            let why = given(wrong.clone()).unwrap_err();
            assert!(why.contains(says), "{wrong}: {why}");
        }
    }

    #[test]
    fn the_rule_and_the_share_decide_first() {
        let survey: Name = "nps-2026".parse().unwrap();
        let rule = given(json!({ "rule": { "==": [{ "var": "plan" }, "paid"] } })).unwrap();
        let ask: AskGiven = serde_json::from_value(json!({ "respondents": [
            { "id": "r-1", "attributes": { "plan": "paid" } },
            { "id": "r-2", "attributes": { "plan": "free" } },
            { "id": "r-3" },
        ]}))
        .unwrap();
        assert_eq!(ask.anonymizer.as_str(), "anonymizer");
        let decide = |audience: &AudienceGiven| {
            let audience = audience.at(&survey, 0).unwrap();
            decided(&audience, ask.respondents.clone()).unwrap()
        };
        let (wanted, skipped) = decide(&rule);
        assert_eq!(
            (wanted.as_slice(), skipped["no_match"]),
            (&["r-1".to_owned()][..], 2)
        );
        let nobody = AudienceGiven {
            share: 0.0,
            ..AudienceGiven::default()
        };
        let (wanted, skipped) = decide(&nobody);
        assert_eq!((wanted.len(), skipped["not_in_share"]), (0, 3));
    }

    #[test]
    fn what_is_kept_is_told_with_its_scale_and_its_rate() {
        let kept = |metric: &str, asked: u64| {
            let survey = NewSurvey {
                name: "effort".parse().unwrap(),
                metric: metric.into(),
                question: "费力吗？".into(),
                audience: json!(AudienceGiven::default()),
                until: Some(Timestamp::UNIX_EPOCH),
            };
            told(Survey {
                survey,
                asked,
                answered: 1,
                created_at: Timestamp::UNIX_EPOCH,
                created_by: "ci".into(),
            })
        };
        let survey = kept("ces", 4).unwrap();
        assert_eq!((survey.lowest, survey.highest, survey.open), (1, 7, false));
        assert_eq!(survey.response_rate, Some(0.25));
        assert_eq!(kept("ces", 0).unwrap().response_rate, None);
        assert!(kept("mood", 0).is_err());
    }
}
