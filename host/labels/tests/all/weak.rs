//! The label model on votes whose errors are known.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use steward_labels::weak::{ClassBalance, Options, Votes, analyse, fit};

use crate::simulation::draw;

struct Simulated {
    votes: Votes,
    /// The same votes, by the number of the class.
    rows: Vec<Vec<Option<usize>>>,
    truth: Vec<usize>,
    /// For each function: how often it is right where it votes, and how often it votes.
    accuracies: Vec<f64>,
    coverages: Vec<f64>,
}

fn classes(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("c{class}")).collect()
}

/// Functions of these accuracies and coverages; wrong votes fall evenly on the other classes.
fn simulate(seed: u64, rows: usize, balance: &[f64], functions: &[(f64, f64)]) -> Simulated {
    let random = &mut StdRng::seed_from_u64(seed);
    let names = (0..functions.len()).map(|f| format!("f{f}")).collect();
    let classes = classes(balance.len());
    let mut votes = Votes::new(names, classes.clone()).unwrap();
    let (mut drawn, mut truth) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let class = draw(random, balance);
        let mut row = Vec::new();
        for (accuracy, coverage) in functions {
            row.push((random.random::<f64>() < *coverage).then(|| {
                let wrong = random.random::<f64>() >= *accuracy;
                let off = if wrong {
                    random.random_range(1..classes.len())
                } else {
                    0
                };
                (class + off) % classes.len()
            }));
        }
        let named: Vec<_> = row
            .iter()
            .map(|vote| vote.map(|c: usize| &classes[c]))
            .collect();
        votes.push(&named).unwrap();
        drawn.push(row);
        truth.push(class);
    }
    Simulated {
        votes,
        rows: drawn,
        truth,
        accuracies: functions.iter().map(|f| f.0).collect(),
        coverages: functions.iter().map(|f| f.1).collect(),
    }
}

fn gold(truth: &[usize]) -> BTreeMap<usize, String> {
    truth
        .iter()
        .map(|class| format!("c{class}"))
        .enumerate()
        .collect()
}

/// The share of the rows with a label that have the right one.
fn share_right(labels: impl Iterator<Item = Option<String>>, truth: &[usize]) -> f64 {
    let labelled = labels
        .zip(truth)
        .filter_map(|(label, truth)| Some((label?, truth)));
    let right: Vec<bool> = labelled
        .map(|(label, truth)| label == format!("c{truth}"))
        .collect();
    right.iter().filter(|right| **right).count() as f64 / right.len() as f64
}

const FUNCTIONS: [(f64, f64); 8] = [
    (0.9, 0.5),
    (0.85, 0.3),
    (0.8, 0.6),
    (0.75, 0.4),
    (0.7, 0.7),
    (0.65, 0.5),
    (0.6, 0.3),
    (0.55, 0.8),
];

#[test]
fn accuracies_are_found_without_a_single_known_label() {
    for (seed, balance) in [
        (1, vec![0.5, 0.5]),
        (2, vec![0.7, 0.3]),
        (3, vec![0.5, 0.3, 0.2]),
    ] {
        let simulated = simulate(seed, 8000, &balance, &FUNCTIONS);
        let uniform = ClassBalance::Uniform;
        for choice in [
            ClassBalance::Known(balance.clone()),
            ClassBalance::Estimated,
            uniform,
        ] {
            // A wrong balance is paid for with accuracy; only its truth is measured closely.
            if choice == ClassBalance::Uniform && balance[0] != balance[1] {
                continue;
            }
            let options = Options {
                balance: choice.clone(),
                ..Options::default()
            };
            let model = fit(&simulated.votes, &options).unwrap();
            assert!(model.converged, "{choice:?}");
            for (quality, (accuracy, coverage)) in model
                .functions
                .iter()
                .zip(simulated.accuracies.iter().zip(&simulated.coverages))
            {
                let off = (quality.accuracy - accuracy).abs();
                assert!(
                    off < 0.04,
                    "{choice:?} {balance:?}: {quality:?} for {accuracy}"
                );
                for row in &quality.table {
                    assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                    assert!((1.0 - row[row.len() - 1] - coverage).abs() < 0.05);
                }
            }
            for (found, share) in model.balance.iter().zip(&balance) {
                assert!((found - share).abs() < 0.04, "{found} for {share}");
            }
            let labels = model.rows.iter().map(|row| row.label.clone());
            let learned = share_right(labels, &simulated.truth);
            let voted = share_right(majority(&simulated), &simulated.truth);
            let best = share_right(optimal(&simulated, &balance), &simulated.truth);
            println!("{balance:?}: model {learned:.4}, majority {voted:.4}, optimum {best:.4}");
            assert!(learned > voted + 0.01 && learned > best - 0.01);
        }
    }
}

fn majority(simulated: &Simulated) -> impl Iterator<Item = Option<String>> {
    let classes = simulated.votes.classes().len();
    simulated.rows.clone().into_iter().map(move |row| {
        let mut counts = vec![0; classes];
        row.iter().flatten().for_each(|class| counts[*class] += 1);
        let most = *counts.iter().max().unwrap();
        let first = counts.iter().position(|count| *count == most).unwrap();
        (most > 0).then(|| format!("c{first}"))
    })
}

/// With the true accuracies and the true balance.
fn optimal(simulated: &Simulated, balance: &[f64]) -> impl Iterator<Item = Option<String>> {
    let others = (balance.len() - 1) as f64;
    let accuracies = simulated.accuracies.clone();
    let balance = balance.to_vec();
    simulated.rows.clone().into_iter().map(move |row| {
        let score = |class: usize| {
            let votes = row.iter().zip(&accuracies);
            let said = votes.filter_map(|(vote, accuracy)| Some(((*vote)?, accuracy)));
            let logs = said.map(|(vote, accuracy)| {
                let p = if vote == class {
                    *accuracy
                } else {
                    (1.0 - accuracy) / others
                };
                p.ln()
            });
            balance[class].ln() + logs.sum::<f64>()
        };
        let best = (0..balance.len()).max_by(|a, b| score(*a).total_cmp(&score(*b)));
        let silent = row.iter().all(Option::is_none);
        best.filter(|_| !silent).map(|class| format!("c{class}"))
    })
}

#[test]
fn counts_are_those_of_the_simulation() {
    let simulated = simulate(4, 6000, &[0.6, 0.4], &FUNCTIONS);
    let found = analyse(&simulated.votes, &gold(&simulated.truth)).unwrap();
    for (summary, (accuracy, coverage)) in found
        .iter()
        .zip(simulated.accuracies.iter().zip(&simulated.coverages))
    {
        assert!((summary.coverage - coverage).abs() < 0.03, "{summary:?}");
        let measured = summary.correct as f64 / summary.checked as f64;
        assert!((measured - accuracy).abs() < 0.04, "{summary:?}");
        assert!(summary.conflict <= summary.overlap && summary.overlap <= summary.coverage);
        assert_eq!(summary.polarity, ["c0", "c1"]);
    }
}

#[test]
fn functions_for_one_class_each_are_enough() {
    // Keywords: each speaks for one class only, and abstains otherwise.
    let random = &mut StdRng::seed_from_u64(6);
    let names = (0..6).map(|f| format!("f{f}")).collect();
    let mut votes = Votes::new(names, classes(2)).unwrap();
    let mut truth = Vec::new();
    for _ in 0..5000 {
        let class = usize::from(random.random::<f64>() < 0.5);
        let row: Vec<Option<String>> = (0..6)
            .map(|function| {
                let speaks_for = function % 2;
                let chance = if speaks_for == class { 0.5 } else { 0.1 };
                (random.random::<f64>() < chance).then(|| format!("c{speaks_for}"))
            })
            .collect();
        votes.push(&row).unwrap();
        truth.push(class);
    }
    let model = fit(&votes, &Options::default()).unwrap();
    for quality in &model.functions {
        assert!((quality.accuracy - 5.0 / 6.0).abs() < 0.04, "{quality:?}");
    }
    let right = share_right(model.rows.iter().map(|row| row.label.clone()), &truth);
    assert!(right > 0.85, "{right}");
}

#[test]
fn silence_gets_no_label() {
    let mut votes = Votes::new(vec!["f".into(), "g".into()], classes(2)).unwrap();
    assert!(fit(&votes, &Options::default()).is_err());
    votes.push::<&str>(&[None, None]).unwrap();
    assert!(fit(&votes, &Options::default()).is_err());
    votes.push(&[Some("c1"), None]).unwrap();
    votes.push(&[Some("c1"), Some("c1")]).unwrap();
    let model = fit(&votes, &Options::default()).unwrap();
    assert_eq!(model.rows[0].label, None);
    assert_eq!(model.rows[2].label.as_deref(), Some("c1"));
    for bad in [vec![1.0], vec![0.6, 0.6], vec![f64::NAN, 1.0]] {
        let options = Options {
            balance: ClassBalance::Known(bad),
            ..Options::default()
        };
        assert!(fit(&votes, &options).is_err());
    }
    let options = Options {
        balance: ClassBalance::Known(vec![1.0, 0.0]),
        ..Options::default()
    };
    let certain = fit(&votes, &options).unwrap();
    assert_eq!(certain.rows[2].label.as_deref(), Some("c0"));
}
