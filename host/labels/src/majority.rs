//! Votes counted, each for one or by the skill of who gave it.

use std::collections::BTreeMap;

use crate::aggregate::decide;
use crate::distribution::normalize;
use crate::error::shown;
use crate::{Aggregate, Annotations, LabelsError};

/// The label that most annotators gave. The probability of a label is its share of the votes.
#[must_use]
pub fn majority_vote(annotations: &Annotations) -> Aggregate {
    let weights = vec![1.0; annotations.annotators().len()];
    counted(annotations, &weights)
}

/// The label with the most weight, where a vote weighs as much as the skill of its annotator; `default` is the skill of
/// annotators that have none. [`gold::skills`](crate::gold::skills) measures skills on gold questions.
///
/// A task whose annotators all have the skill 0 is decided by plain majority.
///
/// # Errors
/// [`LabelsError::Invalid`] for a skill that is negative or not finite.
pub fn weighted_vote(
    annotations: &Annotations,
    skills: &BTreeMap<String, f64>,
    default: f64,
) -> Result<Aggregate, LabelsError> {
    let mut weights = Vec::with_capacity(annotations.annotators().len());
    for annotator in annotations.annotators() {
        let skill = skills.get(annotator).copied().unwrap_or(default);
        if !skill.is_finite() || skill < 0.0 {
            return Err(LabelsError::invalid(format!(
                "the skill {skill} of the annotator `{}` is no number from 0 on",
                shown(annotator)
            )));
        }
        weights.push(skill);
    }
    // Large skills must not add up to infinity; only their proportion counts.
    let most = weights.iter().copied().fold(0.0, f64::max);
    if most > 0.0 {
        weights.iter_mut().for_each(|weight| *weight /= most);
    }
    Ok(counted(annotations, &weights))
}

/// The weight of each annotator, none above 1.
fn counted(annotations: &Annotations, weights: &[f64]) -> Aggregate {
    decide(annotations, shares(annotations, weights))
}

/// The share of each label in each task.
pub(crate) fn shares(annotations: &Annotations, weights: &[f64]) -> Vec<Vec<f64>> {
    annotations
        .by_task()
        .map(|votes| {
            let count = |weight: &dyn Fn(usize) -> f64| {
                let mut shares = vec![0.0; annotations.labels().len()];
                for vote in votes {
                    shares[vote.label] += weight(vote.annotator);
                }
                shares
            };
            let mut shares = count(&|annotator| weights[annotator]);
            if shares.iter().all(|share| *share == 0.0) {
                shares = count(&|_| 1.0);
            }
            normalize(&mut shares);
            shares
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Annotation;

    fn votes(given: &[(&str, &str, &str)]) -> Annotations {
        Annotations::new(given.iter().map(|(t, a, l)| Annotation::new(*t, *a, *l))).unwrap()
    }

    #[test]
    fn ties_are_reported_and_go_to_the_first_label() {
        let annotations = votes(&[
            ("t1", "a", "y"),
            ("t1", "b", "x"),
            ("t1", "c", "z"),
            ("t1", "d", "y"),
            ("t1", "e", "x"),
            ("t2", "a", "y"),
        ]);
        let aggregate = majority_vote(&annotations);
        let first = aggregate.task("t1").unwrap();
        assert_eq!(
            (first.label.as_str(), first.tied.as_slice()),
            ("x", ["y".to_owned()].as_slice())
        );
        assert_eq!(first.distribution, [0.4, 0.4, 0.2]);
        let second = aggregate.task("t2").unwrap();
        assert_eq!((second.confidence, second.entropy), (1.0, 0.0));
        assert!(second.tied.is_empty());
        assert_eq!(aggregate.task("t3"), None);
    }

    #[test]
    fn the_order_of_the_project_decides_ties() {
        let given = [
            Annotation::new("t", "a", "坏"),
            Annotation::new("t", "b", "好"),
        ];
        let aggregate = majority_vote(&Annotations::with_labels(["好", "坏"], given).unwrap());
        assert_eq!(aggregate.tasks[0].label, "好");
        assert!((aggregate.tasks[0].entropy - 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn skill_outweighs_number() {
        let annotations = votes(&[("t", "a", "x"), ("t", "b", "x"), ("t", "c", "y")]);
        let skills = |a, b, c| {
            BTreeMap::from([
                ("a".to_owned(), a),
                ("b".to_owned(), b),
                ("c".to_owned(), c),
            ])
        };
        let weighted = |skills| weighted_vote(&annotations, &skills, 0.5);
        let aggregate = weighted(skills(0.2, 0.3, 0.9)).unwrap();
        assert_eq!(aggregate.tasks[0].label, "y");
        assert!((aggregate.tasks[0].confidence - 0.9 / 1.4).abs() < 1e-12);
        assert_eq!(
            weighted(skills(0.0, 0.0, 0.0)).unwrap(),
            majority_vote(&annotations)
        );
        assert_eq!(
            weighted(BTreeMap::new()).unwrap(),
            majority_vote(&annotations)
        );
        let huge = weighted(skills(f64::MAX, f64::MAX, f64::MAX)).unwrap();
        assert_eq!(huge, majority_vote(&annotations));
        for bad in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(weighted(skills(bad, 1.0, 1.0)).is_err());
        }
    }
}
