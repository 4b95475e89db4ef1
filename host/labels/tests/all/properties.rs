//! What holds for whatever comes in.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use steward_labels::agreement::{Level, krippendorff_alpha};
use steward_labels::dawid_skene::{Options, dawid_skene};
use steward_labels::label_studio::{FileOptions, OffsetUnit, Region, Task, export, import};
use steward_labels::majority::majority_vote;
use steward_labels::{Annotation, Annotations};

/// Up to 60 votes of few tasks, annotators and labels, no annotator twice on a task, in some order.
fn votes() -> impl Strategy<Value = Vec<Annotation>> {
    let vote = (0..8_u8, 0..6_u8, 0..4_u8);
    proptest::collection::vec(vote, 0..60).prop_map(|votes| {
        let mut seen = BTreeSet::new();
        let once = votes
            .into_iter()
            .filter(|(task, who, _)| seen.insert((*task, *who)));
        let named = |(task, who, label)| {
            Annotation::new(format!("t{task}"), format!("a{who}"), format!("l{label}"))
        };
        once.map(named).collect()
    })
}

fn fitted(annotations: &Annotations) -> steward_labels::dawid_skene::DawidSkene {
    dawid_skene(annotations, &BTreeMap::new(), Options::default()).unwrap()
}

proptest! {
    #[test]
    fn the_order_of_annotations_changes_no_bit(
        (given, shuffled) in votes().prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle()))
    ) {
        let (a, b) = (Annotations::new(given).unwrap(), Annotations::new(shuffled).unwrap());
        prop_assert_eq!(majority_vote(&a), majority_vote(&b));
        prop_assert_eq!(fitted(&a), fitted(&b));
    }

    #[test]
    fn distributions_are_distributions_and_the_likelihood_does_not_fall(given in votes()) {
        let annotations = Annotations::new(given).unwrap();
        let found = fitted(&annotations);
        let most = (annotations.labels().len().max(1) as f64).ln();
        for task in found.aggregate.tasks.iter().chain(&majority_vote(&annotations).tasks) {
            prop_assert!((task.distribution.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(task.entropy >= 0.0 && task.entropy <= most + 1e-9);
            prop_assert!(task.distribution.iter().all(|p| *p <= task.confidence + 1e-9));
            prop_assert!(!task.tied.contains(&task.label));
        }
        for quality in &found.annotators {
            for row in &quality.confusion {
                prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
            prop_assert!((0.0..=1.0).contains(&quality.information));
        }
        // As far as the smallest probability allows.
        for step in found.log_likelihood.windows(2) {
            prop_assert!(step[1] >= step[0] - 1e-6, "{:?}", step);
        }
    }

    #[test]
    fn alpha_is_1_where_all_agree_and_never_more(
        units in proptest::collection::vec(proptest::collection::vec(0..5_u8, 0..6), 0..20)
    ) {
        let units: Vec<Vec<f64>> =
            units.iter().map(|unit| unit.iter().map(|v| f64::from(*v)).collect()).collect();
        let alike: Vec<Vec<f64>> = units
            .iter()
            .filter_map(|unit| unit.first().map(|first| vec![*first; unit.len()]))
            .collect();
        for level in [Level::Nominal, Level::Ordinal, Level::Interval, Level::Ratio] {
            if let Ok(alpha) = krippendorff_alpha(&units, level) {
                prop_assert!((-1.0 - 1e-9..=1.0).contains(&alpha), "{}", alpha);
            }
            if let Ok(alpha) = krippendorff_alpha(&alike, level) {
                prop_assert!((alpha - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn spans_survive_both_units(text in "[a𠮷😀好\n ]{1,12}", from in 0..12_usize, to in 0..12_usize) {
        let points = text.chars().count();
        let (start, end) = (from.min(to).min(points), from.max(to).min(points));
        let words: String = text.chars().skip(start).take(end - start).collect();
        let mut region = Region::span("l", "text", start, end, "X");
        if let Region::Span(span) = &mut region {
            span.text = Some(words.replace('\n', "\\n"));
        }
        let data = serde_json::json!({"text": text}).as_object().unwrap().clone();
        let mut task = Task::new(None, data);
        task.annotations.push(steward_labels::label_studio::Annotation::by("a", vec![region]));
        for unit in [OffsetUnit::CodePoints, OffsetUnit::Utf16] {
            let options = FileOptions { unit, ..FileOptions::default() };
            let file = export(std::slice::from_ref(&task), &options).unwrap();
            let told = import(&file, &options).unwrap();
            prop_assert_eq!(told.misquoted, 0);
            prop_assert_eq!(&told.tasks, std::slice::from_ref(&task));
        }
    }

    #[test]
    fn no_file_makes_it_panic(text in ".*", json in json()) {
        let _ = import(&text, &FileOptions::default());
        let options = FileOptions { unit: OffsetUnit::Utf16, ..FileOptions::default() };
        let imported = import(&serde_json::json!([json]).to_string(), &options).unwrap();
        prop_assert_eq!(imported.tasks.len() + imported.rejected.len(), 1);
    }
}

/// JSON that now and then looks like a task.
fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let key = prop_oneof![
        Just("data"),
        Just("annotations"),
        Just("predictions"),
        Just("result"),
        Just("value"),
        Just("type"),
        Just("start"),
        Just("end"),
        Just("labels"),
        Just("from_name"),
        Just("to_name"),
        Just("id"),
        Just("text"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!("labels")),
        Just(json!("choices")),
        "[a😀]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}
