use proptest::prelude::*;
use steward_training::{ClassWeights, Examples, LogisticOptions, TrainingError};

use crate::{cloud, train};

fn rows() -> impl Strategy<Value = Vec<(Vec<f32>, String)>> {
    let number = prop_oneof![Just(0.0_f32), -2.0_f32..2.0, -1e4_f32..1e4];
    let label = prop_oneof![Just("甲"), Just("b"), Just("c")].prop_map(str::to_owned);
    proptest::collection::vec((proptest::collection::vec(number, 3), label), 4..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes, there is a head or a reason; probabilities are probabilities; order is nothing.
    #[test]
    fn any_examples_give_a_head_or_a_reason(rows in rows(), by in 0_usize..30, standardize: bool, balanced: bool) {
        let options = LogisticOptions {
            standardize,
            class_weights: if balanced { ClassWeights::Balanced } else { ClassWeights::Even },
            // Numbers of 1e4 beside those of 1: the last digits of a slope are rounding.
            tolerance: 1e-6,
            ..LogisticOptions::default()
        };
        let mut turned = rows.clone();
        turned.rotate_left(by % rows.len());
        let trained = train(&rows, &options);
        prop_assert_eq!(&trained, &train(&turned, &options));
        // Vectors of any scale are learnt from; unscaled ones of 1e4 may be out of reach, and then it says so.
        match &trained {
            Ok(_) | Err(TrainingError::OneLabel(_)) => {}
            Err(TrainingError::NotConverged { .. }) => prop_assert!(!standardize),
            Err(other) => prop_assert!(false, "{other}"),
        }
        if let Ok(trained) = trained {
            for (vector, label) in &rows {
                let found = trained.head.log_probabilities(vector).unwrap();
                prop_assert!(found.iter().all(|p| p.is_finite() && *p <= 1e-12), "{found:?}");
                prop_assert!((found.iter().map(|p| p.exp()).sum::<f64>() - 1.0).abs() < 1e-9);
                prop_assert!(trained.head.loss(vector, label).unwrap().is_finite());
            }
        }
    }
}

/// The minimum is one: no head near it is better, which says that its losses are those of the objective.
#[test]
fn the_mean_chance_of_each_label_is_its_share() {
    // The slope of the bias is the difference of both, and the bias has no penalty.
    let rows = cloud(3, 200, 6, &["a", "b", "c"]);
    let trained = train(&rows, &LogisticOptions::default()).unwrap();
    let examples = Examples::new(rows.iter().map(|(v, l)| (v.as_slice(), l.as_str()))).unwrap();
    for (place, (_, count)) in examples.counts().into_iter().enumerate() {
        let chances = rows
            .iter()
            .map(|(v, _)| trained.head.log_probabilities(v).unwrap()[place].exp());
        let mean = chances.sum::<f64>() / rows.len() as f64;
        let share = count as f64 / rows.len() as f64;
        assert!((mean - share).abs() < 1e-7, "{mean} {share}");
    }
}
