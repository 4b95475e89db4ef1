//! What a plugin is asked about the reviews of a cycle, and what it may answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use steward_registry::team::{Cycle, Perspective, Rating, Review, Scale};

use crate::TeamError;

/// The export that evaluates.
pub const EXPORT: &str = "evaluate";
/// How far a score may be from what it was moved to.
const SLACK: f64 = 1e-6;

/// What a plugin is asked: the cycle and its reviews, in which everybody but the person is a number.
pub fn question(cycle: &Cycle, reviews: &[Review]) -> Value {
    json!({
        "cycle": {
            "name": cycle.name, "criteria": cycle.spec.criteria,
            "scale": cycle.spec.scale, "formula": cycle.spec.formula,
        },
        "reviews": reviews.iter().map(asked).collect::<Vec<_>>(),
    })
}

fn asked(review: &Review) -> Value {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut numbered = |word: &'static str| {
        let number = numbers.entry(word).or_default();
        *number += 1;
        format!("{word}-{number}")
    };
    let inputs: Vec<Value> = review
        .inputs
        .iter()
        .map(|input| {
            let rater = match input.perspective {
                Perspective::SelfAssessment => review.person.to_string(),
                Perspective::Peer => numbered("peer"),
                Perspective::Lead => numbered("lead"),
            };
            json!({
                "perspective": input.perspective, "rater": rater,
                "ratings": input.ratings, "evidence": input.evidence,
            })
        })
        .collect();
    // The same hand has the same number, so that a plugin can see that one person moved a score to and fro.
    let mut hands: Vec<&str> = Vec::new();
    let calibrations: Vec<Value> = review
        .in_force()
        .iter()
        .map(|moved| {
            let known = hands.iter().position(|hand| *hand == moved.by);
            let number = known.unwrap_or_else(|| {
                hands.push(&moved.by);
                hands.len() - 1
            });
            json!({
                "before": moved.before, "after": moved.after, "reason": moved.reason,
                "by": format!("calibrator-{}", number + 1), "at": moved.at.as_microsecond(),
            })
        })
        .collect();
    json!({
        "person": review.person, "goals": review.goals,
        "inputs": inputs, "calibrations": calibrations,
    })
}

/// The evaluation of each review, in order, where the answer is one.
///
/// # Errors
/// [`TeamError::Unfaithful`] for a score that is none of the scale, that is not what it was moved to, or that has no
/// evidence; for advice that calls itself final; for a review that is left out.
pub fn evaluations(
    cycle: &Cycle,
    reviews: &[Review],
    answer: Value,
) -> Result<Vec<Value>, TeamError> {
    let Value::Array(evaluations) = answer else {
        return Err(unfaithful("it answered with no list of evaluations"));
    };
    if evaluations.len() != reviews.len() {
        return Err(unfaithful(&format!(
            "it answered about {} of {} reviews",
            evaluations.len(),
            reviews.len()
        )));
    }
    for (review, evaluation) in reviews.iter().zip(&evaluations) {
        check(&cycle.spec.scale, review, evaluation)?;
    }
    Ok(evaluations)
}

fn check(scale: &Scale, review: &Review, evaluation: &Value) -> Result<(), TeamError> {
    let person = &review.person;
    let of = |what: &str| unfaithful(&format!("its evaluation of `{person}` {what}"));
    let Some((case, body)) = evaluation.as_object().and_then(single) else {
        return Err(of("is neither `advised` nor `refused`"));
    };
    if body["person"] != person.as_str() {
        return Err(of("is of somebody else"));
    }
    if !some(&body["reasons"]) {
        return Err(of("says no reason"));
    }
    if case == "refused" {
        return Ok(());
    }
    if body["standing"] != "needs_sign_off" {
        return Err(of("is not advice: only a person makes it final"));
    }
    if !some(&body["evidence"]) {
        return Err(of("rests on no evidence"));
    }
    let on_scale = |name: &str| {
        let score = body[name].as_f64()?;
        (scale.lowest - SLACK..=scale.highest + SLACK)
            .contains(&score)
            .then_some(score)
    };
    let (Some(score), Some(computed)) = (on_scale("score"), on_scale("computed")) else {
        return Err(of("has a score outside the scale of the cycle"));
    };
    let moved = review.in_force().last();
    let wanted = moved.map_or(computed, |moved| moved.after);
    if (score - wanted).abs() > SLACK {
        return Err(of("has a score that is not what it was calibrated to"));
    }
    Ok(())
}

/// The one entry of an object of one.
fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = object.iter();
    let (name, value) = entries.next()?;
    let known = matches!(name.as_str(), "advised" | "refused");
    (entries.next().is_none() && known).then_some((name, value))
}

fn some(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
}

pub(crate) fn unfaithful(what: &str) -> TeamError {
    TeamError::Unfaithful(what.to_owned())
}

/// Checks ratings against the cycle before they are kept: each criterion once, each value one of the scale.
///
/// # Errors
/// [`TeamError::Invalid`], which names the criterion.
pub fn check_ratings(cycle: &Cycle, ratings: &[Rating]) -> Result<(), TeamError> {
    let invalid = |text: String| Err(TeamError::Invalid(text));
    for criterion in &cycle.spec.criteria {
        let times = ratings.iter().filter(|r| r.criterion == criterion.name);
        let times = times.count();
        if times != 1 {
            return invalid(format!(
                "the criterion `{}` is rated {times} times; rate each criterion of the cycle once",
                criterion.name
            ));
        }
    }
    for rating in ratings {
        let Rating { criterion, value } = rating;
        if !cycle.spec.criteria.iter().any(|c| c.name == *criterion) {
            return invalid(format!(
                "`{criterion}` is no criterion of the cycle `{}`",
                cycle.name
            ));
        }
        if !on(&cycle.spec.scale, *value) {
            return invalid(outside(criterion, *value, &cycle.spec.scale));
        }
    }
    Ok(())
}

/// Whether a value is one of the scale.
pub(crate) fn on(scale: &Scale, value: f64) -> bool {
    let steps = (value - scale.lowest) / scale.step;
    (scale.lowest..=scale.highest).contains(&value) && (steps - steps.round()).abs() <= SLACK
}

pub(crate) fn outside(criterion: &str, value: f64, scale: &Scale) -> String {
    let Scale {
        lowest,
        highest,
        step,
    } = scale;
    format!("`{criterion}` is rated {value}; the scale goes from {lowest} to {highest} by {step}")
}

/// The score of a review as it stands, from what was advised.
pub fn score(answer: &Value) -> Option<f64> {
    answer.get("advised")?.get("score")?.as_f64()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use steward_registry::team::{Calibration, Criterion, CycleSpec, Input};

    use super::*;

    fn cycle() -> Cycle {
        Cycle {
            name: "h1".parse().unwrap(),
            spec: CycleSpec {
                criteria: vec![Criterion {
                    name: "craft".into(),
                    weight: 1.0,
                }],
                scale: Scale {
                    lowest: 1.0,
                    highest: 5.0,
                    step: 0.5,
                },
                formula: None,
                function: "team".parse().unwrap(),
            },
            keep_until: None,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: "hr".into(),
        }
    }

    fn review(moved: &[(f64, f64, &str)]) -> Review {
        let input = |rater: &str, perspective| Input {
            perspective,
            rater: rater.into(),
            ratings: Vec::new(),
            evidence: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        let revision = 1 + moved.len() as u64;
        let moved = moved
            .iter()
            .zip(1..)
            .map(|((before, after, by), at)| Calibration {
                revision: at,
                before: *before,
                after: *after,
                by: (*by).into(),
                reason: "aligned".into(),
                at: Timestamp::UNIX_EPOCH,
            });
        Review {
            cycle: "h1".parse().unwrap(),
            person: "ann".parse().unwrap(),
            revision,
            goals: Vec::new(),
            inputs: vec![
                input("ann", Perspective::SelfAssessment),
                input("secret-bo", Perspective::Peer),
                input("secret-cy", Perspective::Peer),
                input("secret-lee", Perspective::Lead),
            ],
            calibrations: moved.collect(),
            evaluation: None,
            signed: None,
        }
    }

    fn advised(score: f64) -> Value {
        json!([{ "advised": {
            "person": "ann", "standing": "needs_sign_off", "computed": 3.0, "score": score,
            "evidence": [{ "source": "s", "summary": "e" }], "reasons": [{ "code": "c" }],
        }}])
    }

    #[test]
    fn a_plugin_is_told_no_names() {
        let asked = question(
            &cycle(),
            &[review(&[
                (3.0, 4.0, "secret-hr"),
                (4.0, 3.0, "secret-lee"),
                (3.0, 4.0, "secret-hr"),
            ])],
        );
        let text = asked.to_string();
        assert!(!text.contains("secret"), "{text}");
        let raters: Vec<&str> = asked["reviews"][0]["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|input| input["rater"].as_str().unwrap())
            .collect();
        assert_eq!(raters, ["ann", "peer-1", "peer-2", "lead-1"]);
        let hands: Vec<&str> = asked["reviews"][0]["calibrations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|moved| moved["by"].as_str().unwrap())
            .collect();
        assert_eq!(hands, ["calibrator-1", "calibrator-2", "calibrator-1"]);
    }

    #[test]
    fn what_a_plugin_may_not_answer_is_refused() {
        let still = review(&[]);
        let take = |answer| evaluations(&cycle(), std::slice::from_ref(&still), answer);
        assert!(take(advised(3.0)).is_ok());
        let refused = json!([{ "refused": { "person": "ann", "reasons": [{ "code": "c" }] } }]);
        assert!(take(refused).is_ok());
        let with = |name: &str, value: Value| {
            let mut answer = advised(3.0);
            answer[0]["advised"][name] = value;
            answer
        };
        for (answer, says) in [
            (json!({}), "no list"),
            (json!([]), "0 of 1"),
            (json!(["advised"]), "neither"),
            (json!([{ "advised": {}, "refused": {} }]), "neither"),
            (json!([{ "final": {} }]), "neither"),
            (with("person", json!("bo")), "somebody else"),
            (with("standing", json!("final")), "only a person"),
            (with("evidence", json!([])), "no evidence"),
            (with("reasons", json!([])), "no reason"),
            (with("score", json!(5.5)), "outside the scale"),
            (with("score", Value::Null), "outside the scale"),
            (with("score", json!(3.5)), "calibrated to"),
            (
                json!([{ "refused": { "person": "ann", "reasons": [] } }]),
                "no reason",
            ),
        ] {
            let Err(TeamError::Unfaithful(why)) = take(answer.clone()) else {
                panic!("{answer}");
            };
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn a_calibration_is_of_the_score_that_was_seen() {
        let mut changed = review(&[(3.0, 4.0, "hr"), (4.0, 5.0, "hr")]);
        let take = |review: &Review, score| {
            evaluations(&cycle(), std::slice::from_ref(review), advised(score)).is_ok()
        };
        assert!(take(&changed, 5.0) && !take(&changed, 3.0));
        // Somebody rates, and what was moved is no longer what is computed.
        changed.revision += 1;
        let asked = question(&cycle(), std::slice::from_ref(&changed));
        assert_eq!(asked["reviews"][0]["calibrations"], json!([]));
        assert!(take(&changed, 3.0) && !take(&changed, 5.0));
        // From there it is calibrated anew, and that holds alone.
        let last = Calibration {
            revision: changed.revision,
            before: 3.0,
            after: 2.0,
            ..changed.calibrations[1].clone()
        };
        changed.calibrations.push(last);
        changed.revision += 1;
        assert_eq!(changed.in_force().len(), 1);
        assert!(take(&changed, 2.0));
    }

    proptest! {
        /// Whatever a plugin answers, a score that was moved is what it was moved to.
        #[test]
        fn a_calibrated_score_stands(after in 1.0_f64..5.0, score in 1.0_f64..5.0) {
            let moved = review(&[(3.0, after, "hr")]);
            let taken = evaluations(&cycle(), std::slice::from_ref(&moved), advised(score));
            prop_assert_eq!(taken.is_ok(), (score - after).abs() <= SLACK);
        }

        #[test]
        fn a_rating_is_kept_where_it_is_on_the_scale(value in -2.0_f64..8.0, half in 0_i32..20) {
            let rating = |value| [Rating { criterion: "craft".into(), value }];
            let half = f64::from(half) / 2.0;
            prop_assert_eq!(check_ratings(&cycle(), &rating(half)).is_ok(), (1.0..=5.0).contains(&half));
            let on = (1.0..=5.0).contains(&value) && ((value * 2.0) - (value * 2.0).round()).abs() <= 2.0 * SLACK;
            if check_ratings(&cycle(), &rating(value)).is_ok() {
                prop_assert!(on);
            }
        }
    }

    #[test]
    fn ratings_are_of_the_criteria() {
        let rating = |criterion: &str| Rating {
            criterion: criterion.into(),
            value: 3.0,
        };
        let check = |ratings: &[Rating]| check_ratings(&cycle(), ratings).unwrap_err().to_string();
        assert!(check(&[]).contains("rated 0 times"));
        assert!(check(&[rating("craft"), rating("craft")]).contains("rated 2 times"));
        assert!(check(&[rating("craft"), rating("charm")]).contains("no criterion"));
        let nan = Rating {
            criterion: "craft".into(),
            value: f64::NAN,
        };
        assert!(check(&[nan]).contains("the scale goes from 1 to 5 by 0.5"));
    }
}
