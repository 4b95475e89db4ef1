use std::collections::BTreeMap;
use std::ops::ControlFlow;

use steward_training::{ClassWeights, Examples, LogisticOptions, TrainingError, train_logistic};

use crate::{cloud, train};

fn examples(rows: &[(&[f32], &str)]) -> Result<Examples, TrainingError> {
    Examples::new(rows.iter().copied())
}

#[test]
fn examples_that_teach_nothing_are_refused() {
    assert_eq!(examples(&[]).unwrap_err(), TrainingError::Empty);
    let one = examples(&[(&[1.0], "a"), (&[2.0], "a")]).unwrap_err();
    assert_eq!(one, TrainingError::OneLabel("a".into()));
    let none = examples(&[(&[], "a"), (&[], "b")]).unwrap_err();
    assert!(
        matches!(none, TrainingError::Dimensions { row: 0, .. }),
        "{none:?}"
    );
    let uneven = examples(&[(&[1.0, 2.0], "a"), (&[1.0], "b")]).unwrap_err();
    let row = TrainingError::Dimensions {
        row: 1,
        found: 1,
        expected: 2,
    };
    assert_eq!(uneven, row);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let refused = examples(&[(&[1.0, 2.0], "a"), (&[1.0, bad], "b")]).unwrap_err();
        assert_eq!(refused, TrainingError::NotFinite { row: 1, column: 1 });
    }
}

#[test]
fn options_keep_their_rules() {
    let rows = cloud(1, 20, 3, &["a", "b"]);
    let usual = LogisticOptions::default;
    let weights = |label: &str, weight| LogisticOptions {
        class_weights: ClassWeights::Given(BTreeMap::from([(label.to_owned(), weight)])),
        ..usual()
    };
    for options in [
        LogisticOptions { l2: 0.0, ..usual() },
        LogisticOptions {
            l2: f64::NAN,
            ..usual()
        },
        LogisticOptions {
            tolerance: 0.0,
            ..usual()
        },
        LogisticOptions {
            max_iterations: 0,
            ..usual()
        },
        weights("a", 0.0),
        weights("a", f64::INFINITY),
        weights("nobody", 1.0),
    ] {
        let refused = train(&rows, &options).unwrap_err();
        assert!(matches!(refused, TrainingError::Option(_)), "{options:?}");
    }
}

#[test]
fn a_training_can_be_stopped_and_says_when_it_is_not_done() {
    let rows = cloud(1, 50, 3, &["a", "b"]);
    let examples = Examples::new(rows.iter().map(|(v, l)| (v.as_slice(), l.as_str()))).unwrap();
    let mut steps = 0;
    let stopped = train_logistic(&examples, &LogisticOptions::default(), &mut |_| {
        steps += 1;
        match steps {
            1 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    });
    assert_eq!((stopped, steps), (Err(TrainingError::Stopped), 2));
    let short = LogisticOptions {
        max_iterations: 1,
        ..LogisticOptions::default()
    };
    let unfinished = train(&rows, &short).unwrap_err();
    assert!(
        matches!(
            unfinished,
            TrainingError::NotConverged { iterations: 1, .. }
        ),
        "{unfinished:?}"
    );
}

#[test]
fn a_head_refuses_foreign_vectors_and_does_not_know_foreign_labels() {
    let rows = cloud(1, 50, 3, &["a", "b"]);
    let head = train(&rows, &LogisticOptions::default()).unwrap().head;
    assert!(head.loss(&[1.0, 2.0], "a").is_err());
    assert!(head.predict(&[1.0, f32::NAN, 0.0]).is_err());
    assert_eq!(head.loss(&[1.0, 0.0, 0.0], "c").unwrap(), f64::INFINITY);
    let both = ["a", "b"].map(|label| (-head.loss(&[0.3, 0.0, 1.0], label).unwrap()).exp());
    assert!((both[0] + both[1] - 1.0).abs() < 1e-12);
}
