//! Which task a person should look at next: the one that the model learns most from.
//!
//! B. Settles, "Active learning literature survey", 2009, sections 3.1 and 3.2.

use serde::{Deserialize, Serialize};

use crate::LabelsError;
use crate::distribution::{checked, entropy};

/// What makes a task worth a person's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// 1 − the largest probability.
    LeastConfidence,
    /// 1 − the difference of the two largest probabilities.
    Margin,
    /// Shannon's entropy, in nats.
    Entropy,
    /// How far the members of a committee are apart: the entropy of their mean less the mean of their entropies, in nats
    /// (A. K. McCallum and K. Nigam, "Employing EM and pool-based active learning for text classification", ICML 1998).
    /// It is 0 where all members say the same, however unsure they are. Where each member is sure, it is the entropy of
    /// their votes.
    Disagreement,
}

/// What one or several models say about a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The task.
    pub task: String,
    /// From each model the probability of each class, in one order. Strategies that look at one distribution take the
    /// mean.
    pub distributions: Vec<Vec<f64>>,
}

/// A task and how much it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The task.
    pub task: String,
    /// The larger, the earlier; see [`Strategy`].
    pub score: f64,
}

/// The tasks, most worth first; of equals, in order of their text.
///
/// # Errors
/// [`LabelsError::Invalid`] for a task without a distribution, or with one that is none: probabilities are finite, not
/// negative, add up to 1 within .001, and are as many for every model and task.
pub fn order(strategy: Strategy, candidates: &[Candidate]) -> Result<Vec<Ranked>, LabelsError> {
    let classes = candidates
        .iter()
        .find_map(|candidate| candidate.distributions.first())
        .map_or(0, Vec::len);
    let mut ranked = candidates
        .iter()
        .map(|candidate| {
            Ok(Ranked {
                task: candidate.task.clone(),
                score: score(strategy, candidate, classes)?,
            })
        })
        .collect::<Result<Vec<_>, LabelsError>>()?;
    ranked.sort_by(|a, b| {
        let later = b.score.total_cmp(&a.score);
        later.then_with(|| a.task.cmp(&b.task))
    });
    Ok(ranked)
}

fn score(strategy: Strategy, candidate: &Candidate, classes: usize) -> Result<f64, LabelsError> {
    let of_task = |error: String| {
        LabelsError::invalid(format!(
            "the task `{}`: {error}",
            crate::error::shown(&candidate.task)
        ))
    };
    if candidate.distributions.is_empty() || classes == 0 {
        return Err(of_task("no model says anything about it".into()));
    }
    let members = candidate.distributions.len() as f64;
    let mut mean = vec![0.0; classes];
    let mut entropies = 0.0;
    for given in &candidate.distributions {
        let distribution = checked(given, classes).map_err(|error| of_task(error.to_string()))?;
        for (sum, p) in mean.iter_mut().zip(&distribution) {
            *sum += p / members;
        }
        entropies += entropy(&distribution) / members;
    }
    let (mut first, mut second) = (0.0_f64, 0.0_f64);
    for p in &mean {
        if *p > first {
            (first, second) = (*p, first);
        } else if *p > second {
            second = *p;
        }
    }
    Ok(match strategy {
        Strategy::LeastConfidence => 1.0 - first,
        Strategy::Margin => 1.0 - (first - second),
        Strategy::Entropy => entropy(&mean),
        Strategy::Disagreement => (entropy(&mean) - entropies).max(0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(task: &str, distributions: &[&[f64]]) -> Candidate {
        Candidate {
            task: task.into(),
            distributions: distributions.iter().map(|d| d.to_vec()).collect(),
        }
    }

    fn tasks(strategy: Strategy, candidates: &[Candidate]) -> Vec<String> {
        let ranked = order(strategy, candidates).unwrap();
        ranked.into_iter().map(|ranked| ranked.task).collect()
    }

    #[test]
    fn strategies_differ_where_they_should() {
        // Three classes, where the strategies do not agree: two close rivals, or a flat rest.
        let rivals = candidate("rivals", &[&[0.5, 0.49, 0.01]]);
        let flat = candidate("flat", &[&[0.46, 0.27, 0.27]]);
        let sure = candidate("sure", &[&[0.98, 0.01, 0.01]]);
        let all = [sure, flat, rivals];
        assert_eq!(
            tasks(Strategy::LeastConfidence, &all),
            ["flat", "rivals", "sure"]
        );
        assert_eq!(tasks(Strategy::Margin, &all), ["rivals", "flat", "sure"]);
        assert_eq!(tasks(Strategy::Entropy, &all), ["flat", "rivals", "sure"]);
    }

    #[test]
    fn a_committee_that_is_unsure_in_the_same_way_does_not_disagree() {
        let unsure = candidate("unsure", &[&[0.5, 0.5], &[0.5, 0.5]]);
        let split = candidate("split", &[&[1.0, 0.0], &[0.0, 1.0]]);
        let ranked = order(Strategy::Disagreement, &[unsure, split]).unwrap();
        assert_eq!(ranked[0].task, "split");
        assert!((ranked[0].score - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(ranked[1].score, 0.0);
    }

    #[test]
    fn equals_are_in_order_of_their_text() {
        let same: &[&[f64]] = &[&[0.6, 0.4]];
        let all = ["乙", "b", "a"].map(|task| candidate(task, same));
        assert_eq!(tasks(Strategy::Margin, &all), ["a", "b", "乙"]);
        assert!(order(Strategy::Margin, &[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        let good = candidate("good", &[&[0.6, 0.4]]);
        for bad in [
            &[][..],
            &[&[][..]],
            &[&[0.6]],
            &[&[0.6, 0.6]],
            &[&[f64::NAN, 0.5]],
            &[&[1.5, -0.5]],
            &[&[0.2, 0.3, 0.5]],
            &[&[0.6, 0.4], &[1.0]],
        ] {
            let all = [good.clone(), candidate("bad", bad)];
            let error = order(Strategy::Entropy, &all).unwrap_err().to_string();
            assert!(error.contains("`bad`"), "{error}");
        }
    }
}
