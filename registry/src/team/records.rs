//! What is kept of people, cycles, reviews and scorecards. Numbers and lists are held against the rules of their cycle by
//! the plugin that evaluates them; here they are bounded.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::Name;

/// A person of the team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// A pseudonym, as a staff number: it stays in the audit log after the person is erased.
    pub id: Name,
    /// What people call the person.
    pub name: String,
    /// Which team.
    pub team: String,
    /// The id of the person who leads.
    pub lead: Option<Name>,
    /// The id of the key, or the principal of the token, by which the person comes.
    pub principal: Option<String>,
    /// Where reminders reach the person, as the member id of a chat.
    pub contact: Option<String>,
    /// When everything about the person is erased; none: not by itself.
    pub keep_until: Option<Timestamp>,
    /// When the person was first set.
    pub created_at: Timestamp,
}

/// What a rating may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The lowest value.
    pub lowest: f64,
    /// The highest value.
    pub highest: f64,
    /// From one value to the next.
    pub step: f64,
}

/// What is rated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// Unique in its list.
    pub name: String,
    /// Between 0 and 1; those of a list sum to 1.
    pub weight: f64,
}

/// What all reviews of a cycle have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CycleSpec {
    /// What is rated.
    pub criteria: Vec<Criterion>,
    /// What ratings and scores may be.
    pub scale: Scale,
    /// How parts become a score; none: as the function is configured.
    pub formula: Option<String>,
    /// The deployed function that evaluates.
    pub function: Name,
}

/// What is set up by name: a cycle or a process.
#[derive(Debug, Clone, PartialEq)]
pub struct Specified<S> {
    /// Its name.
    pub name: Name,
    /// Its rules.
    pub spec: S,
    /// When the reviews, or the scores and decisions, in it are erased; none: not by itself.
    pub keep_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// A cycle of reviews.
pub type Cycle = Specified<CycleSpec>;

/// What something rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Where it is.
    pub source: String,
    /// What it shows.
    pub summary: String,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyResult {
    /// What is measured.
    pub title: String,
    /// Within its goal.
    pub weight: f64,
    /// Where it began.
    pub begin: f64,
    /// Where it should end.
    pub target: f64,
    /// Where it is.
    pub current: f64,
}

/// What somebody set out to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// What it is.
    pub title: String,
    /// Within the review.
    pub weight: f64,
    /// How it is measured.
    pub key_results: Vec<KeyResult>,
    /// What it rests on.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Perspective {
    /// The person of the review.
    SelfAssessment,
    /// Somebody else of the team.
    Peer,
    /// Who leads the person.
    Lead,
}

impl Perspective {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SelfAssessment => "self_assessment",
            Self::Peer => "peer",
            Self::Lead => "lead",
        }
    }
}

impl fmt::Display for Perspective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Perspective {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        [Self::SelfAssessment, Self::Peer, Self::Lead]
            .into_iter()
            .find(|perspective| perspective.as_str() == s)
            .ok_or_else(|| format!("`{s}` is not a perspective"))
    }
}

/// What one rater says of one criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// Which criterion.
    pub criterion: String,
    /// On the scale of the cycle or stage.
    pub value: f64,
}

/// What one rater says of one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// As whom.
    pub perspective: Perspective,
    /// The id of the person who rates, or `erased-…` where that person was erased.
    pub rater: String,
    /// One for each criterion.
    pub ratings: Vec<Rating>,
    /// What they rest on.
    pub evidence: Vec<Evidence>,
    /// When it was given last.
    pub at: Timestamp,
}

/// A score that was moved by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The revision of the review whose score it moved; it made the next one.
    pub revision: u64,
    /// The score before.
    pub before: f64,
    /// The score after.
    pub after: f64,
    /// Who moved it: the principal.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What a plugin said of a review.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Of which revision of the review.
    pub revision: u64,
    /// The function that said it, and its revision: `team revision 3`.
    pub function: String,
    /// The id of the call: its record names the version of the plugin.
    pub invocation: String,
    /// `advised` or `refused`, as the contract has it.
    pub answer: Value,
    /// When.
    pub at: Timestamp,
}

/// Who made it final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// The principal.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The review of one person in one cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// The cycle.
    pub cycle: Name,
    /// The id of the person.
    pub person: Name,
    /// 1, 2, 3 … with every change.
    pub revision: u64,
    /// What the person set out to do.
    pub goals: Vec<Goal>,
    /// What raters say, by rater.
    pub inputs: Vec<Input>,
    /// In the order in which they were made.
    pub calibrations: Vec<Calibration>,
    /// What was last said of it, perhaps of an earlier revision.
    pub evaluation: Option<Evaluation>,
    /// Who made it final.
    pub signed: Option<Signature>,
}

impl Review {
    /// The calibrations that still move its score: the last ones, with nothing but each other between them and this
    /// revision. Whoever made an earlier one saw other goals, inputs or rules, and so another score: it is kept, and would
    /// not fit the score that is computed now.
    pub fn in_force(&self) -> &[Calibration] {
        let made = self.calibrations.iter().rev();
        let held = made
            .zip((0..self.revision).rev())
            .take_while(|(calibration, before)| calibration.revision == *before)
            .count();
        self.calibrations.split_at(self.calibrations.len() - held).1
    }
}

/// A stage that candidates go through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Unique in its process.
    pub name: String,
    /// What is rated.
    pub criteria: Vec<Criterion>,
    /// What ratings may be.
    pub scale: Scale,
    /// How many raters it asks for.
    pub raters: u32,
}

/// How candidates are rated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// In the order in which candidates go through them.
    pub stages: Vec<Stage>,
    /// The deployed function that brings scores together.
    pub function: Name,
}

/// A process that candidates go through.
pub type Process = Specified<ProcessSpec>;

/// What one rater says of one candidate about one criterion.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// A pseudonym of the candidate.
    pub candidate: Name,
    /// In which stage.
    pub stage: String,
    /// About what.
    pub criterion: String,
    /// The id of the person who rates, or `erased-…`.
    pub rater: String,
    /// On the scale of the stage.
    pub value: f64,
    /// What it rests on.
    pub evidence: String,
    /// When it was given last.
    pub at: Timestamp,
}

/// What was decided about a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// A pseudonym of the candidate.
    pub candidate: Name,
    /// What: one line.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// What the plugin said of the candidate then.
    pub advice: Value,
    /// Who decided.
    pub signed: Signature,
}
