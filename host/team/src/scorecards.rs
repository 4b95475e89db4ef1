//! What a plugin is asked about the candidates of a process, and what it may answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use steward_registry::team::{Process, Score};

use crate::TeamError;
use crate::reviews::{on, outside, unfaithful};

/// The export that brings scores together.
pub const EXPORT: &str = "scorecards";

/// What a plugin is asked: the stages and the scores, in which raters are numbers.
pub fn question(process: &Process, scores: &[Score]) -> Value {
    let raters: BTreeSet<&str> = scores.iter().map(|score| score.rater.as_str()).collect();
    let numbers: BTreeMap<&str, usize> = raters.into_iter().zip(1..).collect();
    let scores: Vec<Value> = scores
        .iter()
        .map(|score| {
            let number = numbers.get(score.rater.as_str()).copied().unwrap_or_default();
            json!({
                "candidate": score.candidate, "stage": score.stage, "criterion": score.criterion,
                "rater": format!("rater-{number}"), "value": score.value, "evidence": score.evidence,
            })
        })
        .collect();
    json!({ "stages": process.spec.stages, "scores": scores })
}

/// The scorecard, where the answer is one.
///
/// # Errors
/// [`TeamError::Unfaithful`] for a candidate that nobody rated, one that is left out, or advice that calls itself final.
pub fn scorecard(scores: &[Score], answer: Value) -> Result<Value, TeamError> {
    let Some(candidates) = answer["candidates"].as_array() else {
        return Err(unfaithful("it answered with no candidates"));
    };
    let wanted: BTreeSet<&str> = scores
        .iter()
        .map(|score| score.candidate.as_str())
        .collect();
    let mut found = BTreeSet::new();
    for candidate in candidates {
        let name = candidate["candidate"].as_str().unwrap_or_default();
        if !wanted.contains(name) || !found.insert(name) {
            return Err(unfaithful(
                "it answered about a candidate that nobody rated, or about one twice",
            ));
        }
        if candidate["standing"] != "needs_sign_off" {
            return Err(unfaithful(&format!(
                "what it says of `{name}` is not advice: only a person makes it final"
            )));
        }
    }
    // A candidate whose every score breaks a rule is left out, and the scores are named.
    let named = answer["refused"].as_array().is_some_and(|r| !r.is_empty());
    if found.len() < wanted.len() && !named {
        return Err(unfaithful(&format!(
            "it answered about {} of {} candidates and says of no score why",
            found.len(),
            wanted.len()
        )));
    }
    Ok(answer)
}

/// What a scorecard says of one candidate.
pub fn of_candidate<'a>(scorecard: &'a Value, candidate: &str) -> Option<&'a Value> {
    let candidates = scorecard["candidates"].as_array()?;
    candidates.iter().find(|c| c["candidate"] == candidate)
}

/// Checks a score against its process before it is kept.
///
/// # Errors
/// [`TeamError::Invalid`], which names the stage or the criterion.
pub fn check(process: &Process, score: &Score) -> Result<(), TeamError> {
    let invalid = |text: String| Err(TeamError::Invalid(text));
    let Some(stage) = process.spec.stages.iter().find(|s| s.name == score.stage) else {
        return invalid(format!(
            "`{}` is no stage of the process `{}`",
            score.stage, process.name
        ));
    };
    if !stage.criteria.iter().any(|c| c.name == score.criterion) {
        return invalid(format!(
            "`{}` is no criterion of the stage `{}`",
            score.criterion, stage.name
        ));
    }
    if !on(&stage.scale, score.value) {
        return invalid(outside(&score.criterion, score.value, &stage.scale));
    }
    if score.rater == score.candidate.as_str() {
        return invalid("nobody rates themself".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steward_registry::team::{Criterion, ProcessSpec, Scale, Stage};

    use super::*;

    fn process() -> Process {
        Process {
            name: "p1".parse().unwrap(),
            spec: ProcessSpec {
                stages: vec![Stage {
                    name: "screen".into(),
                    criteria: vec![Criterion {
                        name: "craft".into(),
                        weight: 1.0,
                    }],
                    scale: Scale {
                        lowest: 1.0,
                        highest: 5.0,
                        step: 1.0,
                    },
                    raters: 1,
                }],
                function: "team".parse().unwrap(),
            },
            keep_until: None,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: "hr".into(),
        }
    }

    fn score(candidate: &str, rater: &str) -> Score {
        Score {
            candidate: candidate.parse().unwrap(),
            stage: "screen".into(),
            criterion: "craft".into(),
            rater: rater.into(),
            value: 3.0,
            evidence: "notes".into(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn raters_are_numbers_that_are_the_same_everywhere() {
        let scores = [
            score("c1", "secret-bo"),
            score("c1", "secret-al"),
            score("c2", "secret-bo"),
        ];
        let asked = question(&process(), &scores);
        assert!(!asked.to_string().contains("secret"));
        let rater = |n: usize| asked["scores"][n]["rater"].clone();
        assert_eq!((rater(0), rater(1)), (json!("rater-2"), json!("rater-1")));
        assert_eq!(rater(0), rater(2));
    }

    #[test]
    fn what_a_plugin_may_not_answer_is_refused() {
        let scores = [score("c1", "bo"), score("c2", "bo")];
        let one = |name: &str, standing: &str| json!({ "candidate": name, "standing": standing });
        let both = json!([one("c1", "needs_sign_off"), one("c2", "needs_sign_off")]);
        let take = |candidates: Value, refused: Value| {
            scorecard(
                &scores,
                json!({ "candidates": candidates, "refused": refused }),
            )
        };
        let found = take(both.clone(), json!([])).unwrap();
        assert!(of_candidate(&found, "c2").is_some() && of_candidate(&found, "c3").is_none());
        let first = json!([one("c1", "needs_sign_off")]);
        assert!(take(first.clone(), json!([])).is_err());
        assert!(take(first, json!([{ "code": "no-evidence" }])).is_ok());
        for wrong in [
            Value::Null,
            json!([one("c1", "hired"), one("c2", "needs_sign_off")]),
            json!([one("c1", "needs_sign_off"), one("c1", "needs_sign_off")]),
            json!([one("c3", "needs_sign_off")]),
        ] {
            assert!(take(wrong, json!([])).is_err());
        }
    }

    #[test]
    fn a_score_is_one_of_the_process() {
        assert!(check(&process(), &score("c1", "bo")).is_ok());
        let with = |change: fn(&mut Score)| {
            let mut score = score("c1", "bo");
            change(&mut score);
            check(&process(), &score).unwrap_err().to_string()
        };
        assert!(with(|s| s.stage = "panel".into()).contains("no stage"));
        assert!(with(|s| s.criterion = "charm".into()).contains("no criterion"));
        assert!(with(|s| s.value = 6.0).contains("from 1 to 5 by 1"));
        assert!(with(|s| s.rater = "c1".into()).contains("rates themself"));
    }
}
