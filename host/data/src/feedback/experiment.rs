//! Whether one version answers better than another, by what people said of their answers.

use serde_json::{Value, json};
use steward_feedback::experiment::{Arm, MAX_ARMS, Outcome, summed};
use steward_registry::feedback::{FeedbackFilter, FeedbackRecord};
use steward_registry::{ModelRef, Selector, TenantId};

use super::labels::judged;
use super::understand::not_too_much;
use super::{ArmGiven, ExperimentGiven, Feedback, Measured, Subject, Which};
use crate::DataError;

impl Feedback {
    /// Compares versions of a model or of a function by what people said of their answers: the first arm is the control. What
    /// it means is computed by the deployed function, by its export `experiment`.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for arms that are none, and for too much feedback; [`DataError::Function`] where the function is
    /// not there or refuses, as it does an arm with fewer than two users; [`DataError::Registry`].
    pub async fn experiment(
        &self,
        tenant: &TenantId,
        given: ExperimentGiven,
    ) -> Result<Value, DataError> {
        check(&given)?;
        // Of all that was said, whose it is and what it is worth; the arms together are no more than one question reads.
        let (mut said, mut pieces, mut nameless) = (Vec::new(), 0, 0u64);
        for (place, arm) in given.arms.iter().enumerate() {
            let filter = of_arm(given.which.clone(), given.of, arm);
            let all = self.all(tenant, filter).await?;
            pieces += all.len();
            not_too_much(pieces, 0)?;
            for one in all {
                let Some(value) = value(&one, given.value) else {
                    continue;
                };
                match one.feedback.respondent {
                    Some(user) => said.push((place, user, value)),
                    None => nameless += 1,
                }
            }
        }
        let outcomes: Vec<Outcome<'_>> = said
            .iter()
            .map(|(arm, user, value)| Outcome {
                arm: *arm,
                user,
                value: *value,
            })
            .collect();
        let names: Vec<(String, f64)> = given
            .arms
            .iter()
            .map(|arm| (arm.name.clone(), arm.weight))
            .collect();
        let found = summed(&names, &outcomes);
        let outcomes_of = |place: usize| outcomes.iter().filter(|o| o.arm == place).count();
        let arms: Vec<Value> = found
            .arms
            .iter()
            .enumerate()
            .map(|(place, arm)| {
                let mean = (arm.users > 0).then(|| arm.sum / arm.users as f64);
                json!({ "name": arm.name, "users": arm.users, "judged": outcomes_of(place), "mean": mean })
            })
            .collect();
        let input = json!({
            "design": {
                "alpha": given.alpha,
                "sequential_tuning": given.sequential_tuning,
                "prior": null,
            },
            "arms": found.arms.iter().map(sums).collect::<Vec<Value>>(),
        });
        let result = self
            .ask(tenant, &given.function, "experiment", input)
            .await?;
        Ok(json!({
            "function": given.function,
            "value": given.value,
            "arms": arms,
            "crossed": found.crossed,
            "nameless": nameless,
            "result": result,
        }))
    }
}

/// What is wrong with what is asked, as far as that can be seen without the feedback.
fn check(given: &ExperimentGiven) -> Result<(), DataError> {
    let wrong = |why: String| Err(DataError::Invalid(why));
    if !(2..=MAX_ARMS).contains(&given.arms.len()) {
        return wrong(format!(
            "{} arms; an experiment compares 2 to {MAX_ARMS}, the first of which is the control",
            given.arms.len()
        ));
    }
    for (place, arm) in given.arms.iter().enumerate() {
        let parsed: Result<ModelRef, _> = arm.name.parse();
        match parsed {
            Err(why) => return wrong(format!("the arm `{}`: {why}", arm.name)),
            // A name alone would take the feedback of every version, and none is kept under an alias.
            Ok(parsed) if !matches!(parsed.selector, Some(Selector::Version(_))) => {
                return wrong(format!(
                    "the arm `{}` names no version; write it as `{}@VERSION`",
                    arm.name, parsed.name
                ));
            }
            Ok(_) => {}
        }
        if given
            .arms
            .iter()
            .take(place)
            .any(|before| before.name == arm.name)
        {
            return wrong(format!("two arms are called `{}`", arm.name));
        }
    }
    let narrowed = match given.of {
        Subject::Model => given.which.model.as_ref().map(|_| "model"),
        Subject::Function => given.which.about.as_ref().map(|_| "about"),
    };
    match narrowed {
        Some(field) => wrong(format!("`{field}` is what the arms say; leave it out")),
        None => Ok(()),
    }
}

fn of_arm(which: Which, of: Subject, arm: &ArmGiven) -> FeedbackFilter {
    let name = Some(arm.name.clone());
    FeedbackFilter::from(match of {
        Subject::Model => Which {
            model: name,
            ..which
        },
        Subject::Function => Which {
            about: name,
            ..which
        },
    })
}

/// How good what somebody said is; none where it says nothing of the kind.
fn value(one: &FeedbackRecord, measured: Measured) -> Option<f64> {
    let said = &one.feedback.said;
    match measured {
        Measured::Rating => said["rating"].as_f64(),
        // Thumbs about no answer that was sent along count as well.
        Measured::Right => match judged(one) {
            Some(judged) => judged.right(),
            None => said["liked"].as_bool(),
        }
        .map(|right| f64::from(u8::from(right))),
    }
}

/// An arm as the function takes it.
fn sums(arm: &Arm) -> Value {
    json!({
        "name": arm.name,
        "users": arm.users,
        "sum": arm.sum,
        "sum_squares": arm.sum_squares,
        "covariate": null,
        "weight": arm.weight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(rest: Value) -> Result<(), String> {
        let mut given =
            json!({ "arms": [{ "name": "m@1.0.0" }, { "name": "m@1.1.0", "weight": 2 }] });
        for (name, value) in rest.as_object().into_iter().flatten() {
            given[name] = value.clone();
        }
        let given: ExperimentGiven = serde_json::from_value(given).map_err(|e| e.to_string())?;
        check(&given).map_err(|e| e.to_string())
    }

    #[test]
    fn arms_are_versions_and_differ() {
        checked(json!({})).unwrap();
        checked(json!({ "of": "function", "model": "m", "value": "rating", "survey": "csat" }))
            .unwrap();
        for (rest, part) in [
            (json!({ "arms": [{ "name": "m@1.0.0" }] }), "1 arms"),
            (
                json!({ "arms": [{ "name": "m" }, { "name": "m@1.1.0" }] }),
                "`m@VERSION`",
            ),
            (
                json!({ "arms": [{ "name": "m@stable" }, { "name": "m@1.1.0" }] }),
                "`m@VERSION`",
            ),
            (
                json!({ "arms": [{ "name": "m@1.0.0" }, { "name": "m@1.0.0" }] }),
                "two arms",
            ),
            (
                json!({ "arms": [{ "name": "M!" }, { "name": "m@1.0.0" }] }),
                "`M!`",
            ),
            (json!({ "model": "m" }), "`model`"),
            (json!({ "of": "function", "about": "f" }), "`about`"),
            (json!({ "of": "dataset" }), "dataset"),
            (json!({ "alfa": 0.1 }), "alfa"),
        ] {
            let error = checked(rest.clone()).unwrap_err();
            assert!(error.contains(part), "{rest}: {error}");
        }
    }

    #[test]
    fn what_somebody_said_has_a_value() {
        let said = |said: Value, measured| {
            let record: FeedbackRecord = serde_json::from_value(json!({
                "number": 1, "id": "a", "source": "api", "survey": null, "respondent": "r", "function": null, "model": "m@1.0.0",
                "invocation": null, "trace": null, "said_at": "2026-05-01T00:00:00Z", "said": said, "anonymizer": {},
                "created_at": "2026-05-01T00:00:00Z", "created_by": "ci",
            }))
            .unwrap();
            value(&record, measured)
        };
        let corrected =
            json!({ "prompt": "p", "completion": "a", "correction": "b", "rating": 2.0 });
        assert_eq!(said(corrected.clone(), Measured::Right), Some(0.0));
        assert_eq!(said(corrected, Measured::Rating), Some(2.0));
        assert_eq!(said(json!({ "liked": true }), Measured::Right), Some(1.0));
        assert_eq!(said(json!({ "text": "x" }), Measured::Right), None);
    }
}
