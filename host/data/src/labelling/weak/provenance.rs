//! What a prediction of labelling functions follows from.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_registry::labelling::Prediction;

use super::voting::{Row, Voters};
use crate::labelling::LabellerUsed;

/// What a prediction of labelling functions follows from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Provenance {
    /// The labellers that were asked.
    labellers: Vec<LabellerUsed>,
    /// Who voted; who is not here abstained.
    votes: Vec<FunctionVote>,
}

/// What one labelling function said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FunctionVote {
    /// As `labeller/refund-words`.
    function: String,
    label: String,
    confidence: f32,
}

impl Provenance {
    pub fn of(row: &Row, voters: &Voters) -> Self {
        let votes = row.votes.iter().map(|vote| FunctionVote {
            function: voters.names[vote.function].clone(),
            label: vote.label.clone(),
            confidence: vote.confidence,
        });
        Self {
            labellers: voters.about.clone(),
            votes: votes.collect(),
        }
    }

    pub fn into_value(self) -> Value {
        serde_json::json!(self)
    }
}

/// Whether labelling functions say so, and not a model.
pub(in crate::labelling) fn follows_from_functions(said: &Prediction) -> bool {
    let from = said.provenance.as_ref();
    from.is_some_and(|from| Provenance::deserialize(from).is_ok())
}
