//! Votes aggregated here and by crowd-kit, task by task.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use steward_labels::dawid_skene::{Options, Stop, dawid_skene};
use steward_labels::gold::{gold_quality, skills};
use steward_labels::majority::{majority_vote, weighted_vote};
use steward_labels::{Aggregate, Annotation, Annotations};

use crate::anaesthetists::assessments;
use crate::simulation::{Crowd, crowd};

const ITERATIONS: usize = 60;

struct Case {
    name: &'static str,
    votes: Vec<Annotation>,
    truth: BTreeMap<String, String>,
    gold: BTreeMap<String, String>,
}

/// A quarter of the simulated tasks are gold questions.
fn simulated(name: &'static str, Crowd { votes, truth }: Crowd) -> Case {
    let gold = truth.clone().into_iter().step_by(4).collect();
    Case {
        name,
        votes,
        truth,
        gold,
    }
}

fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "anaesthetists",
            votes: assessments(),
            truth: BTreeMap::new(),
            gold: BTreeMap::new(),
        },
        simulated("two labels", crowd(1, 1500, &[0.7, 0.3], 30, 5)),
        simulated(
            "five labels",
            crowd(2, 1500, &[0.4, 0.3, 0.15, 0.1, 0.05], 40, 5),
        ),
        simulated("few votes", crowd(3, 800, &[0.5, 0.3, 0.2], 24, 2)),
    ]
}

/// The largest difference between our distributions and theirs.
fn apart(ours: &Aggregate, theirs: &Value) -> f64 {
    let mut apart = 0.0_f64;
    for task in &ours.tasks {
        let theirs = theirs[&task.task].as_array().unwrap();
        assert_eq!(theirs.len(), task.distribution.len());
        for (p, other) in task.distribution.iter().zip(theirs) {
            apart = apart.max((p - other.as_f64().unwrap()).abs());
        }
    }
    apart
}

fn accuracy<'a>(truth: &BTreeMap<String, String>, label: impl Fn(&str) -> Option<&'a str>) -> f64 {
    let right = truth
        .iter()
        .filter(|(task, truth)| label(task) == Some(truth));
    right.count() as f64 / truth.len() as f64
}

#[test]
fn labels_are_those_of_crowd_kit() {
    let cases = cases();
    let input: Vec<Value> = cases
        .iter()
        .map(|case| {
            let votes = case.votes.iter();
            let votes: Vec<_> = votes
                .map(|v| json!([v.task, v.annotator, v.label]))
                .collect();
            json!({"votes": votes, "gold": case.gold, "iterations": ITERATIONS})
        })
        .collect();
    let answers = crate::ask("aggregate", &Value::Array(input));
    for (case, theirs) in cases.iter().zip(answers.as_array().unwrap()) {
        let annotations = Annotations::new(case.votes.clone()).unwrap();
        assert_eq!(json!(annotations.labels()), theirs["labels"]);
        let none = BTreeMap::new();
        let long = Options {
            iterations: ITERATIONS,
            tolerance: f64::NEG_INFINITY,
            stop: Stop::LogLikelihood,
        };

        let majority = majority_vote(&annotations);
        assert!(apart(&majority, &theirs["majority_shares"]) < 1e-12);
        for task in &majority.tasks {
            // Of several labels with as many votes, crowd-kit takes the one that it met first.
            let theirs = theirs["majority"][&task.task].as_str().unwrap();
            assert!(theirs == task.label || task.tied.iter().any(|label| label == theirs));
        }

        let ours = dawid_skene(&annotations, &none, long).unwrap();
        assert_eq!(ours.log_likelihood.len(), ITERATIONS);
        let off = apart(&ours.aggregate, &theirs["long"]);
        assert!(off < 1e-6, "{}: {off}", case.name);
        for (prior, other) in ours.priors.iter().zip(theirs["priors"].as_array().unwrap()) {
            assert!((prior - other.as_f64().unwrap()).abs() < 1e-6);
        }
        for quality in &ours.annotators {
            for (truth, row) in quality.confusion.iter().enumerate() {
                for (label, p) in annotations.labels().iter().zip(row) {
                    let other = theirs["errors"][&quality.annotator][label][truth].as_f64();
                    assert!((p - other.unwrap_or(0.0)).abs() < 1e-6, "{}", case.name);
                }
            }
        }

        let other = |task: &str| theirs["default"][task].as_str();
        let default = dawid_skene(&annotations, &none, Options::default()).unwrap();
        let iterations = default.log_likelihood.len();
        assert_eq!(theirs["default_iterations"], iterations, "{}", case.name);
        for task in &default.aggregate.tasks {
            let theirs = other(&task.task).unwrap();
            let tied = task.tied.iter().any(|label| label == theirs);
            assert!(theirs == task.label || tied, "{}: {task:?}", case.name);
        }
        let likely = Options {
            stop: Stop::LogLikelihood,
            ..Options::default()
        };
        let likely = dawid_skene(&annotations, &none, likely).unwrap();
        assert!(likely.converged, "{}", case.name);
        let our_label = |task: &str| default.aggregate.task(task).map(|t| t.label.as_str());
        println!(
            "{}: {off:.1e} apart after {ITERATIONS} iterations; as crowd-kit, every label alike after {iterations}",
            case.name,
        );
        if case.gold.is_empty() {
            continue;
        }

        let (mine, other) = (
            accuracy(&case.truth, our_label),
            accuracy(&case.truth, other),
        );
        let votes = accuracy(&case.truth, |task| {
            majority.task(task).map(|t| t.label.as_str())
        });
        let by_likelihood = accuracy(&case.truth, |task| {
            likely.aggregate.task(task).map(|t| t.label.as_str())
        });
        println!(
            "  accuracy {mine:.4}, crowd-kit {other:.4}, by likelihood {by_likelihood:.4}, majority {votes:.4}"
        );
        assert!((mine - other).abs() <= 0.005 && mine > votes && by_likelihood > votes);

        let known = dawid_skene(&annotations, &case.gold, long).unwrap();
        let off = apart(&known.aggregate, &theirs["known"]);
        assert!(off < 1e-6, "{}: {off}", case.name);
        let skills = skills(&gold_quality(&annotations, &case.gold).unwrap());
        let weighted = weighted_vote(&annotations, &skills, 0.0).unwrap();
        assert!(apart(&weighted, &theirs["gold_majority"]) < 1e-9);
    }
}

#[test]
fn estimated_errors_are_near_the_true_ones() {
    // Two honest annotators with known accuracies beside three others, on many tasks.
    let Crowd { votes, truth } = crowd(5, 6000, &[0.6, 0.4], 6, 6);
    let annotations = Annotations::new(votes.clone()).unwrap();
    let found = dawid_skene(&annotations, &BTreeMap::new(), Options::default()).unwrap();
    for quality in &found.annotators {
        let mine = votes.iter().filter(|v| v.annotator == quality.annotator);
        let right = mine.filter(|v| truth[&v.task] == v.label).count();
        let observed = right as f64 / quality.tasks as f64;
        let off = (quality.accuracy - observed).abs();
        assert!(
            off < 0.02,
            "{}: {} for {observed}",
            quality.annotator,
            quality.accuracy
        );
    }
    let information = |who: usize| found.annotators[who].information;
    assert!(information(4) < 1e-6 && information(5) < 0.01 && information(0) > 0.05);
}
