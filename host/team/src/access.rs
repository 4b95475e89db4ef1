//! Who stands how to a person, and which fields of a review they may read.
//!
//! People come by the principal that is set for them. The role of human resources is that of whoever may manage keys: it
//! is the highest in a tenant, and gives nobody more than they could give themselves.

use serde::Serialize;
use serde_json::{Value, json};
use steward_registry::Name;
use steward_registry::team::{Evaluation, Input, Person, Perspective, Review, Score, Whose};

use crate::TeamError;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The person who comes by the principal, where there is one.
    pub person: Option<Name>,
    /// Whether the principal may manage keys.
    pub manages_keys: bool,
}

/// How whoever asks stands to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eye {
    /// It is the person. Nobody is human resources or a lead to themself.
    Themself,
    /// Who leads the person.
    Lead,
    /// Human resources.
    Hr,
    /// Another person of the team.
    Peer,
    /// A principal that is no person.
    Nobody,
}

impl Asker {
    /// Whether they are a person of the team or human resources: whoever else comes sees nothing of it.
    pub fn belongs(&self) -> bool {
        self.person.is_some() || self.manages_keys
    }

    /// Of whom they see that they were asked: human resources of everybody, others of themself and whom they lead.
    ///
    /// # Errors
    /// [`TeamError::NotYours`] for whoever sees nothing of the team.
    pub fn whose(&self) -> Result<Whose<'_>, TeamError> {
        match &self.person {
            _ if self.manages_keys => Ok(Whose::Everybody),
            Some(id) => Ok(Whose::Own(id)),
            None => Err(outsider()),
        }
    }

    /// How they stand to this person.
    pub fn eye(&self, person: &Person) -> Eye {
        self.eye_on(&person.id, person.lead.as_ref())
    }

    /// How they stand to the person of this id, who has this lead.
    pub fn eye_on(&self, person: &Name, lead: Option<&Name>) -> Eye {
        match &self.person {
            Some(id) if id == person => Eye::Themself,
            Some(id) if lead == Some(id) => Eye::Lead,
            _ if self.manages_keys => Eye::Hr,
            Some(_) => Eye::Peer,
            None => Eye::Nobody,
        }
    }

    /// As whom they rate this person.
    ///
    /// # Errors
    /// [`TeamError::NotYours`] for a principal that is no person.
    pub fn rates(&self, person: &Person) -> Result<(Name, Perspective), TeamError> {
        let id = self.person.as_ref().ok_or_else(outsider)?;
        let perspective = match self.eye(person) {
            Eye::Themself => Perspective::SelfAssessment,
            Eye::Lead => Perspective::Lead,
            Eye::Hr | Eye::Peer | Eye::Nobody => Perspective::Peer,
        };
        Ok((id.clone(), perspective))
    }

    /// Whether they may read this score: raters their own, human resources those of everybody but themself.
    pub fn reads_score(&self, score: &Score) -> bool {
        let own = self.person.as_ref();
        own.is_some_and(|own| score.rater == own.as_str())
            || (self.manages_keys && own != Some(&score.candidate))
    }
}

/// Why a key that is no person's is refused.
pub fn outsider() -> TeamError {
    TeamError::NotYours(
        "your key is that of no person of the team; `steward team person set ID --principal KEY-ID` says whose it is"
            .into(),
    )
}

impl Eye {
    /// Whether they see what is said of a person before it is final: their lead and human resources.
    pub fn answers_for(self) -> bool {
        matches!(self, Self::Lead | Self::Hr)
    }

    /// Whether they may evaluate, calibrate and sign.
    ///
    /// # Errors
    /// [`TeamError::NotYours`]
    pub fn may_decide(self, person: &Person) -> Result<(), TeamError> {
        if self.answers_for() {
            return Ok(());
        }
        Err(TeamError::NotYours(if self == Self::Themself {
            "nobody evaluates, calibrates or signs a review of themself; the lead or human resources do".into()
        } else {
            format!(
                "only the lead of `{}` and whoever manages keys may do this",
                person.id
            )
        }))
    }

    /// Whether they may set what a person set out to do.
    ///
    /// # Errors
    /// [`TeamError::NotYours`]
    pub fn may_set_goals(self, person: &Person) -> Result<(), TeamError> {
        if self.answers_for() || self == Self::Themself {
            return Ok(());
        }
        Err(TeamError::NotYours(format!(
            "only `{}`, their lead, and whoever manages keys may do this",
            person.id
        )))
    }

    /// Whether this field of a review may be read.
    pub fn reads(self, field: Field, signed: bool) -> bool {
        FIELDS
            .iter()
            .filter(|(of, _, _)| *of == field)
            .any(|(_, eye, when)| *eye == self && (*when == When::Always || signed))
    }
}

/// A field of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Goals, key results and their evidence.
    Goals,
    /// What one says oneself.
    OwnInput,
    /// How many said something, by perspective.
    Counts,
    /// What others say, with who they are.
    Inputs,
    /// What the plugin advises, with its parts, evidence and reasons.
    Evaluation,
    /// Scores that were moved: before, after, why and when.
    Calibrations,
    /// Who moved them.
    Calibrator,
    /// Who made it final, and when.
    Signature,
}

/// When a field may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At any time.
    Always,
    /// Once the review is signed.
    Signed,
}

/// Which field is read by whom, and when. What is not here is not read, but for whose review it is, its revision and its
/// status: those are read by everybody who is not [`Eye::Nobody`].
pub const FIELDS: &[(Field, Eye, When)] = &[
    (Field::Goals, Eye::Themself, When::Always),
    (Field::Goals, Eye::Lead, When::Always),
    (Field::Goals, Eye::Hr, When::Always),
    (Field::Goals, Eye::Peer, When::Always),
    (Field::OwnInput, Eye::Themself, When::Always),
    (Field::OwnInput, Eye::Lead, When::Always),
    (Field::OwnInput, Eye::Hr, When::Always),
    (Field::OwnInput, Eye::Peer, When::Always),
    (Field::Counts, Eye::Themself, When::Always),
    (Field::Counts, Eye::Lead, When::Always),
    (Field::Counts, Eye::Hr, When::Always),
    (Field::Inputs, Eye::Lead, When::Always),
    (Field::Inputs, Eye::Hr, When::Always),
    (Field::Evaluation, Eye::Themself, When::Signed),
    (Field::Evaluation, Eye::Lead, When::Always),
    (Field::Evaluation, Eye::Hr, When::Always),
    (Field::Calibrations, Eye::Themself, When::Signed),
    (Field::Calibrations, Eye::Lead, When::Always),
    (Field::Calibrations, Eye::Hr, When::Always),
    (Field::Calibrator, Eye::Lead, When::Always),
    (Field::Calibrator, Eye::Hr, When::Always),
    (Field::Signature, Eye::Themself, When::Signed),
    (Field::Signature, Eye::Lead, When::Signed),
    (Field::Signature, Eye::Hr, When::Signed),
    (Field::Signature, Eye::Peer, When::Signed),
];

/// How far a review is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Status {
    /// It was not evaluated since its last change.
    #[serde(rename = "draft")]
    Draft,
    /// The plugin refused it.
    #[serde(rename = "refused")]
    Refused,
    /// There is advice, which is not final.
    #[serde(rename = "needs sign-off")]
    NeedsSignOff,
    /// It is final.
    #[serde(rename = "signed")]
    Signed,
}

/// How far a review is.
pub fn status(review: &Review) -> Status {
    if review.signed.is_some() {
        return Status::Signed;
    }
    match current(review) {
        None => Status::Draft,
        Some(evaluation) if evaluation.answer.get("advised").is_some() => Status::NeedsSignOff,
        Some(_) => Status::Refused,
    }
}

/// What was said of the review as it is now.
pub fn current(review: &Review) -> Option<&Evaluation> {
    let evaluation = review.evaluation.as_ref()?;
    (evaluation.revision == review.revision).then_some(evaluation)
}

/// A review as one person may see it. What may not be read is not there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// The cycle.
    pub cycle: Name,
    /// The id of the person.
    pub person: Name,
    /// What a signature names.
    pub revision: u64,
    /// How far it is.
    pub status: Status,
    /// Goals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goals: Option<Value>,
    /// What whoever asks said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_input: Option<Value>,
    /// How many said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Value>,
    /// What everybody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// What the plugin said of the review as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Value>,
    /// Scores that were moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibrations: Option<Value>,
    /// Who made it final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<Value>,
}

/// A review as whoever asks may see it; none where they may see nothing of it.
pub fn seen(review: &Review, person: &Person, asker: &Asker) -> Option<Seen> {
    let eye = asker.eye(person);
    let signed = review.signed.is_some();
    let reads = |field| eye.reads(field, signed);
    if eye == Eye::Nobody {
        return None;
    }
    let own = asker.person.as_ref().map(Name::as_str);
    let own = review
        .inputs
        .iter()
        .find(|input| Some(input.rater.as_str()) == own);
    let calibrations = || {
        let of = review.calibrations.iter().map(|moved| {
            let mut told = json!({
                "revision": moved.revision, "before": moved.before, "after": moved.after,
                "reason": moved.reason, "at": moved.at,
            });
            if reads(Field::Calibrator) {
                told["by"] = json!(moved.by);
            }
            told
        });
        Value::Array(of.collect())
    };
    Some(Seen {
        cycle: review.cycle.clone(),
        person: review.person.clone(),
        revision: review.revision,
        status: status(review),
        goals: reads(Field::Goals).then(|| json!(review.goals)),
        own_input: own.filter(|_| reads(Field::OwnInput)).map(told),
        counts: reads(Field::Counts).then(|| counts(&review.inputs)),
        inputs: reads(Field::Inputs)
            .then(|| Value::Array(review.inputs.iter().map(told).collect())),
        evaluation: current(review)
            .filter(|_| reads(Field::Evaluation))
            .map(|evaluation| json!(evaluation)),
        calibrations: reads(Field::Calibrations).then(calibrations),
        signed: review
            .signed
            .as_ref()
            .filter(|_| reads(Field::Signature))
            .map(|signature| json!(signature)),
    })
}

fn told(input: &Input) -> Value {
    json!({
        "perspective": input.perspective, "rater": input.rater, "ratings": input.ratings,
        "evidence": input.evidence, "at": input.at,
    })
}

fn counts(inputs: &[Input]) -> Value {
    let of = |perspective| {
        let of = inputs
            .iter()
            .filter(|input| input.perspective == perspective);
        of.count()
    };
    json!({
        "self_assessment": of(Perspective::SelfAssessment),
        "peer": of(Perspective::Peer),
        "lead": of(Perspective::Lead),
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steward_registry::team::{Calibration, Signature};

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn person(id: &str, lead: Option<&str>) -> Person {
        Person {
            id: name(id),
            name: id.into(),
            team: "search".into(),
            lead: lead.map(name),
            principal: None,
            contact: None,
            keep_until: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn asker(person: Option<&str>, manages_keys: bool) -> Asker {
        Asker {
            person: person.map(name),
            manages_keys,
        }
    }

    fn review(signed: bool) -> Review {
        let input = |rater: &str, perspective| Input {
            perspective,
            rater: rater.into(),
            ratings: Vec::new(),
            evidence: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        Review {
            cycle: name("h1"),
            person: name("ann"),
            revision: 4,
            goals: Vec::new(),
            inputs: vec![
                input("ann", Perspective::SelfAssessment),
                input("bo", Perspective::Peer),
                input("lee", Perspective::Lead),
            ],
            calibrations: vec![Calibration {
                revision: 3,
                before: 3.0,
                after: 4.0,
                by: "key-of-hr".into(),
                reason: "aligned".into(),
                at: Timestamp::UNIX_EPOCH,
            }],
            evaluation: Some(Evaluation {
                revision: 4,
                function: "team revision 1".into(),
                invocation: "i".into(),
                answer: json!({ "advised": { "score": 4.0 } }),
                at: Timestamp::UNIX_EPOCH,
            }),
            signed: signed.then(|| Signature {
                by: "key-of-lee".into(),
                at: Timestamp::UNIX_EPOCH,
            }),
        }
    }

    #[test]
    fn nobody_is_more_than_themself_to_themself() {
        let ann = person("ann", Some("lee"));
        assert_eq!(asker(Some("ann"), true).eye(&ann), Eye::Themself);
        assert_eq!(asker(Some("lee"), false).eye(&ann), Eye::Lead);
        assert_eq!(asker(Some("bo"), false).eye(&ann), Eye::Peer);
        assert_eq!(asker(Some("bo"), true).eye(&ann), Eye::Hr);
        assert_eq!(asker(None, true).eye(&ann), Eye::Hr);
        assert_eq!(asker(None, false).eye(&ann), Eye::Nobody);
        for (eye, may) in [
            (Eye::Themself, false),
            (Eye::Peer, false),
            (Eye::Nobody, false),
            (Eye::Lead, true),
            (Eye::Hr, true),
        ] {
            assert_eq!(eye.may_decide(&ann).is_ok(), may, "{eye:?}");
        }
        let (bo, id) = (asker(Some("bo"), false), name("bo"));
        assert_eq!(bo.whose(), Ok(Whose::Own(&id)));
        assert_eq!(asker(Some("bo"), true).whose(), Ok(Whose::Everybody));
        assert_eq!(asker(None, true).whose(), Ok(Whose::Everybody));
        assert!(asker(None, false).whose().is_err());
        assert!(Eye::Themself.may_set_goals(&ann).is_ok());
        assert!(Eye::Peer.may_set_goals(&ann).is_err());
        assert!(asker(None, true).rates(&ann).is_err());
        assert_eq!(
            asker(Some("bo"), true).rates(&ann).unwrap().1,
            Perspective::Peer,
            "human resources rate as who they are"
        );
    }

    #[test]
    fn nobody_is_human_resources_to_themself_as_a_candidate() {
        let score = |candidate: &str, rater: &str| Score {
            candidate: name(candidate),
            stage: "screen".into(),
            criterion: "craft".into(),
            rater: rater.into(),
            value: 3.0,
            evidence: "notes".into(),
            at: Timestamp::UNIX_EPOCH,
        };
        let (of_hr, of_other) = (score("hr", "bo"), score("c-1", "bo"));
        for (who, reads) in [
            (asker(Some("hr"), true), (false, true)),
            (asker(None, true), (true, true)),
            (asker(Some("bo"), false), (true, true)),
            (asker(Some("lee"), false), (false, false)),
            (asker(None, false), (false, false)),
        ] {
            let found = (who.reads_score(&of_hr), who.reads_score(&of_other));
            assert_eq!(found, reads, "{who:?}");
        }
    }

    #[test]
    fn each_reads_their_fields_and_no_other() {
        let ann = person("ann", Some("lee"));
        let open = |who: &Asker, signed| {
            let seen = seen(&review(signed), &ann, who)?;
            let Value::Object(fields) = json!(seen) else {
                return None;
            };
            let always = ["cycle", "person", "revision", "status"];
            let mut fields: Vec<String> = fields.keys().cloned().collect();
            fields.retain(|field| !always.contains(&field.as_str()));
            Some(fields.join(" "))
        };
        let themself = asker(Some("ann"), false);
        assert_eq!(open(&themself, false).unwrap(), "goals own_input counts");
        assert_eq!(
            open(&themself, true).unwrap(),
            "goals own_input counts evaluation calibrations signed"
        );
        let lead = asker(Some("lee"), false);
        assert_eq!(
            open(&lead, false).unwrap(),
            "goals own_input counts inputs evaluation calibrations"
        );
        let peer = asker(Some("bo"), false);
        assert_eq!(open(&peer, false).unwrap(), "goals own_input");
        assert_eq!(open(&peer, true).unwrap(), "goals own_input signed");
        let hr = asker(None, true);
        assert_eq!(
            open(&hr, false).unwrap(),
            "goals counts inputs evaluation calibrations"
        );
        assert_eq!(open(&asker(None, false), true), None);
        // The person learns what was moved and why, and not by whom.
        let seen = seen(&review(true), &ann, &themself).unwrap();
        assert_eq!(seen.calibrations.unwrap()[0].get("by"), None);
    }

    #[test]
    fn advice_of_an_earlier_revision_is_no_advice() {
        let mut changed = review(false);
        assert_eq!(status(&changed), Status::NeedsSignOff);
        assert_eq!(json!(status(&changed)), "needs sign-off");
        changed.revision = 5;
        assert_eq!(status(&changed), Status::Draft);
        let seen = seen(&changed, &person("ann", None), &asker(None, true)).unwrap();
        assert_eq!(seen.evaluation, None);
    }
}
