//! What bodies look like whose types are records of the registry.
#![allow(dead_code, reason = "these describe records of other crates")]

use utoipa::ToSchema;

/// What a rating may be.
#[derive(ToSchema)]
#[schema(as = TeamScale)]
pub(super) struct ScaleBody {
    #[schema(example = 1.0)]
    lowest: f64,
    #[schema(example = 5.0)]
    highest: f64,
    /// Above 0; it divides the way from `lowest` to `highest`.
    #[schema(example = 1.0)]
    step: f64,
}

/// What is rated.
#[derive(ToSchema)]
#[schema(as = TeamCriterion)]
pub(super) struct CriterionBody {
    #[schema(example = "craft")]
    name: String,
    /// Between 0 and 1; those of a list sum to 1.
    #[schema(example = 1.0)]
    weight: f64,
}

/// What something rests on.
#[derive(ToSchema)]
#[schema(as = TeamEvidence)]
pub(super) struct EvidenceBody {
    /// Where it is.
    #[schema(example = "https://example.com/report")]
    source: String,
    /// What it shows.
    #[schema(example = "p95 before and after")]
    summary: String,
}

/// What was measured.
#[derive(ToSchema)]
#[schema(as = TeamKeyResult)]
pub(super) struct KeyResultBody {
    title: String,
    /// Those of a goal sum to 1.
    weight: f64,
    begin: f64,
    target: f64,
    current: f64,
}

/// What somebody set out to do.
#[derive(ToSchema)]
#[schema(as = TeamGoal)]
pub(super) struct GoalBody {
    title: String,
    /// Those of a review sum to 1.
    weight: f64,
    key_results: Vec<KeyResultBody>,
    evidence: Option<Vec<EvidenceBody>>,
}

/// What one rater says of one criterion.
#[derive(ToSchema)]
#[schema(as = TeamRating)]
pub(super) struct RatingBody {
    criterion: String,
    value: f64,
}

/// A stage that candidates go through.
#[derive(ToSchema)]
#[schema(as = TeamStage)]
pub(super) struct StageBody {
    #[schema(example = "screen")]
    name: String,
    criteria: Vec<CriterionBody>,
    scale: ScaleBody,
    /// How many raters it asks for, at least 1.
    raters: u32,
}

/// A review as whoever asks may see it. What they may not read is not there.
#[derive(ToSchema)]
#[schema(as = TeamReview)]
pub(crate) struct ReviewBody {
    cycle: String,
    person: String,
    /// What a signature names; every change raises it.
    revision: u64,
    /// `draft`, `refused`, `needs sign-off` or `signed`.
    status: String,
    goals: Option<Vec<GoalBody>>,
    /// What whoever asks said.
    own_input: Option<serde_json::Value>,
    /// How many said something, by perspective.
    counts: Option<serde_json::Value>,
    inputs: Option<Vec<serde_json::Value>>,
    /// `answer` is `advised` or `refused`, with reasons in English and Chinese.
    evaluation: Option<serde_json::Value>,
    calibrations: Option<Vec<serde_json::Value>>,
    signed: Option<serde_json::Value>,
}
