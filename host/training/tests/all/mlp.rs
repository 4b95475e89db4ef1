use std::ops::ControlFlow;

use serde_json::json;
use steward_training::{
    ClassWeights, Epoch, Examples, MlpOptions, Network, TrainedNetwork, TrainingError, train_mlp,
};

use crate::oracle::ask;
use crate::{Row, cloud};

fn examples(rows: &[Row]) -> Examples {
    Examples::new(rows.iter().map(|(v, l)| (v.as_slice(), l.as_str()))).unwrap()
}

fn train(rows: &[Row], options: &MlpOptions) -> Result<TrainedNetwork, TrainingError> {
    train_mlp(&examples(rows), options, &mut |_| ControlFlow::Continue(()))
}

/// The share of rows that get their label.
fn accuracy(network: &Network, rows: &[Row]) -> f64 {
    let right = rows.iter().filter(|(vector, label)| {
        let found = network.probabilities(vector).unwrap();
        let best = (0..found.len()).max_by(|a, b| found[*a].total_cmp(&found[*b]));
        network.labels()[best.unwrap()] == *label
    });
    right.count() as f64 / rows.len() as f64
}

/// Points around the middle have one label, points further out the other, points far out the third: no straight line tells
/// them apart.
fn rings(seed: u32, count: usize) -> Vec<Row> {
    let spread = cloud(seed, count, 2, &["x"]);
    let place = |(at, (mut vector, _)): (usize, Row)| {
        let ring = at % 3;
        let far = [0.3, 1.0, 1.7][ring] + (at % 7) as f32 * 0.03;
        vector.iter_mut().for_each(|number| *number *= far);
        // The whole circle, and not the half that the cloud leans to.
        if at % 2 == 0 {
            vector.iter_mut().for_each(|number| *number = -*number);
        }
        (vector, ["inner", "middle", "外"][ring].to_owned())
    };
    spread.into_iter().enumerate().map(place).collect()
}

#[test]
fn steps_are_those_of_scikit_learn() {
    let labels = ["账单", "bug", "praise", "account"];
    let rows = cloud(7, 120, 6, &labels);
    let others = cloud(99, 40, 6, &labels);
    for (l2, rate, steps) in [(0.0, 0.01, 40), (0.5, 0.002, 60)] {
        let options = MlpOptions {
            hidden: 9,
            l2,
            learning_rate: rate,
            batch: 1000,
            max_epochs: steps,
            validation: 0.0,
            patience: 1000,
            seed: 5,
            ..MlpOptions::default()
        };
        let first = Network::drawn(examples(&rows).labels().to_vec(), 6, 9, 5);
        let weights: Vec<Vec<Vec<f64>>> = first
            .layers()
            .iter()
            .map(|layer| {
                layer
                    .weights
                    .rows()
                    .into_iter()
                    .map(|r| r.to_vec())
                    .collect()
            })
            .collect();
        let biases: Vec<Vec<f64>> = first.layers().iter().map(|l| l.bias.to_vec()).collect();
        let (vectors, names): (Vec<Vec<f32>>, Vec<String>) = rows.iter().cloned().unzip();
        let asked: Vec<&Vec<f32>> = others.iter().map(|(vector, _)| vector).collect();
        let theirs = ask(
            "mlp.py",
            &json!({
                "vectors": vectors, "labels": names, "others": asked, "hidden": 9, "l2": l2,
                "rate": rate, "steps": steps, "weights": weights, "biases": biases,
            }),
        );
        let ours = train(&rows, &options).unwrap();
        assert_eq!(theirs["labels"], json!(ours.network.labels()));
        for (place, vector) in asked.iter().enumerate() {
            for (label, ours) in ours
                .network
                .probabilities(vector)
                .unwrap()
                .iter()
                .enumerate()
            {
                let theirs = theirs["probabilities"][place][label].as_f64().unwrap();
                assert!(
                    (ours - theirs).abs() < 1e-6,
                    "{place} {label}: {ours} here, {theirs} by scikit-learn, {options:?}"
                );
            }
        }
    }
}

#[test]
fn a_hidden_layer_learns_what_no_line_can_part() {
    let (rows, others) = (rings(3, 300), rings(4, 150));
    let options = MlpOptions {
        l2: 1e-4,
        learning_rate: 0.01,
        ..MlpOptions::default()
    };
    let network = train(&rows, &options).unwrap();
    let found = accuracy(&network.network, &others);
    assert!(found > 0.97, "{found}, {:?}", network.end);
    let line = crate::train(&rows, &steward_training::LogisticOptions::default()).unwrap();
    let line = accuracy(&line.head.into(), &others);
    assert!(line < 0.7, "a line finds {line}");
}

#[test]
fn the_training_ends_early_with_its_best_round_and_is_the_same_again_in_any_order() {
    let mut rows = cloud(1, 160, 5, &["a", "b", "c"]);
    let options = MlpOptions {
        l2: 0.0,
        learning_rate: 0.03,
        batch: 16,
        patience: 5,
        ..MlpOptions::default()
    };
    let mut heard: Vec<Epoch> = Vec::new();
    let trained = train_mlp(&examples(&rows), &options, &mut |epoch| {
        heard.push(*epoch);
        ControlFlow::Continue(())
    });
    let trained = trained.unwrap();
    assert!(trained.end.epoch < options.max_epochs, "{:?}", trained.end);
    assert_eq!(trained.end.epoch - trained.end.best_epoch, 5);
    assert_eq!(heard.len(), trained.end.epoch as usize);
    let best = &heard[trained.end.best_epoch as usize - 1];
    let least = heard
        .iter()
        .filter_map(|e| e.validation_loss)
        .fold(f64::INFINITY, f64::min);
    assert!(best.validation_loss.unwrap() <= least + 1e-3);
    rows.reverse();
    assert_eq!(train(&rows, &options).unwrap(), trained);
    let other = MlpOptions { seed: 1, ..options };
    assert_ne!(train(&rows, &other).unwrap().network, trained.network);
}

#[test]
fn weights_of_labels_count() {
    let rows = cloud(1, 200, 5, &["much", "little", "rare"]);
    let trained = |class_weights| {
        let options = MlpOptions {
            class_weights,
            ..MlpOptions::default()
        };
        train(&rows, &options).unwrap().network
    };
    let called = |network: &Network| {
        let of = |vector: &[f32]| network.probabilities(vector).unwrap()[2];
        rows.iter().map(|(vector, _)| of(vector)).sum::<f64>()
    };
    let (even, balanced) = (trained(ClassWeights::Even), trained(ClassWeights::Balanced));
    assert!(called(&balanced) > called(&even) * 1.1);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let rows = cloud(1, 60, 3, &["a", "b"]);
    let usual = MlpOptions::default;
    for options in [
        MlpOptions {
            hidden: 0,
            ..usual()
        },
        MlpOptions {
            hidden: 5000,
            ..usual()
        },
        MlpOptions {
            l2: f64::NAN,
            ..usual()
        },
        MlpOptions {
            l2: -1.0,
            ..usual()
        },
        MlpOptions {
            learning_rate: 0.0,
            ..usual()
        },
        MlpOptions {
            validation: 0.9,
            ..usual()
        },
        MlpOptions {
            validation: 0.03,
            ..usual()
        },
        MlpOptions {
            batch: 0,
            ..usual()
        },
        MlpOptions {
            max_epochs: 0,
            ..usual()
        },
        MlpOptions {
            patience: 0,
            ..usual()
        },
    ] {
        let refused = train(&rows, &options).unwrap_err();
        assert!(matches!(refused, TrainingError::Option(_)), "{options:?}");
    }
    let stopped = train_mlp(&examples(&rows), &usual(), &mut |_| ControlFlow::Break(()));
    assert_eq!(stopped.unwrap_err(), TrainingError::Stopped);
    let network = train(&rows, &usual()).unwrap().network;
    assert!(matches!(
        network.probabilities(&[f32::NAN, 0.0, 0.0]),
        Err(TrainingError::NotFinite { row: 0, column: 0 })
    ));
    assert!(matches!(
        network.probabilities(&[0.0]),
        Err(TrainingError::Dimensions { .. })
    ));
}
