//! Agreement beside krippendorff, statsmodels and scikit-learn.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use steward_labels::Annotations;
use steward_labels::agreement::{
    Level, Weights, alpha, cohen, cohen_kappa, fleiss, fleiss_kappa, krippendorff_alpha,
};

use crate::anaesthetists::assessments;
use crate::simulation::crowd;

const LEVELS: [Level; 4] = [
    Level::Nominal,
    Level::Ordinal,
    Level::Interval,
    Level::Ratio,
];

fn units(seed: u64, units: usize, raters: usize, values: &[f64], missing: f64) -> Vec<Vec<f64>> {
    let random = &mut StdRng::seed_from_u64(seed);
    let unit = |_| {
        let usual = random.random_range(0..values.len());
        let mut given = Vec::new();
        for _ in 0..raters {
            if random.random::<f64>() >= missing {
                let off = random.random::<f64>() < 0.4;
                let place = if off {
                    random.random_range(0..values.len())
                } else {
                    usual
                };
                given.push(values[place]);
            }
        }
        given
    };
    (0..units).map(unit).collect()
}

#[test]
fn alpha_is_that_of_krippendorff() {
    let of_patients = Annotations::new(assessments()).unwrap();
    let mut patients = vec![Vec::new(); 45];
    for vote in assessments() {
        let patient: usize = vote.task.parse().unwrap();
        patients[patient - 1].push(vote.label.parse::<f64>().unwrap());
    }
    let many: Vec<f64> = (0..400).map(|i| f64::from(i) * 0.37).collect();
    let data = [
        patients,
        units(1, 60, 4, &[1.0, 2.0, 3.0, 4.0, 5.0], 0.3),
        units(2, 300, 7, &[0.0, 0.5, 10.0, 1000.0], 0.6),
        units(3, 200, 3, &many, 0.1),
        units(4, 40, 12, &[0.0, 1.0], 0.0),
    ];
    let mut cases = Vec::new();
    for units in &data {
        for level in LEVELS {
            cases.push(json!({"units": units, "level": level}));
        }
    }
    let answers = crate::ask("alpha", &Value::Array(cases));
    let mut answers = answers.as_array().unwrap().iter();
    let mut off = 0.0_f64;
    for (case, units) in data.iter().enumerate() {
        for level in LEVELS {
            let theirs = answers.next().unwrap().as_f64().unwrap();
            let ours = krippendorff_alpha(units, level).unwrap();
            off = off.max((ours - theirs).abs());
            assert!(
                (ours - theirs).abs() < 1e-6,
                "{case} {level:?}: {ours} for {theirs}"
            );
            if case == 0 {
                let same = alpha(&of_patients, level).unwrap();
                assert!((same - ours).abs() < 1e-12);
            }
        }
    }
    println!("alpha: {off:.1e} apart");
}

#[test]
fn fleiss_is_that_of_statsmodels() {
    let random = &mut StdRng::seed_from_u64(9);
    let mut tables: Vec<Vec<Vec<u64>>> = Vec::new();
    for (tasks, labels, raters) in [(30, 5, 6), (200, 2, 3), (50, 8, 14), (5, 3, 2)] {
        let row = |_| {
            let mut row = vec![0; labels];
            let usual = random.random_range(0..labels);
            for _ in 0..raters {
                let off = random.random::<f64>() < 0.5;
                row[if off {
                    random.random_range(0..labels)
                } else {
                    usual
                }] += 1;
            }
            row
        };
        tables.push((0..tasks).map(row).collect());
    }
    let annotations = Annotations::new(assessments()).unwrap();
    let mut counts = vec![vec![0; 4]; 45];
    for vote in assessments() {
        let patient: usize = vote.task.parse().unwrap();
        counts[patient - 1][vote.label.parse::<usize>().unwrap() - 1] += 1;
    }
    tables.push(counts);
    let answers = crate::ask("fleiss", &json!(tables));
    for (table, theirs) in tables.iter().zip(answers.as_array().unwrap()) {
        let ours = fleiss_kappa(table).unwrap();
        let theirs = theirs.as_f64().unwrap();
        assert!((ours - theirs).abs() < 1e-9, "{ours} for {theirs}");
    }
    let ours = fleiss(&annotations).unwrap();
    assert!((ours - answers[4].as_f64().unwrap()).abs() < 1e-9);
}

#[test]
fn cohen_is_that_of_scikit_learn() {
    let random = &mut StdRng::seed_from_u64(10);
    let mut cases = Vec::new();
    for size in [2, 3, 5, 9] {
        for (weights, name) in [
            (Weights::None, Value::Null),
            (Weights::Linear, json!("linear")),
            (Weights::Quadratic, json!("quadratic")),
        ] {
            let mut table = vec![vec![0_u64; size]; size];
            for (a, row) in table.iter_mut().enumerate() {
                for (b, count) in row.iter_mut().enumerate() {
                    *count = random.random_range(0..if a == b { 30 } else { 9 });
                }
            }
            cases.push((weights, json!({"table": table, "weights": name}), table));
        }
    }
    let input: Vec<Value> = cases.iter().map(|(_, case, _)| case.clone()).collect();
    let answers = crate::ask("cohen", &Value::Array(input));
    for ((weights, _, table), theirs) in cases.iter().zip(answers.as_array().unwrap()) {
        let ours = cohen_kappa(table, *weights).unwrap();
        let theirs = theirs.as_f64().unwrap();
        assert!(
            (ours - theirs).abs() < 1e-9,
            "{weights:?}: {ours} for {theirs}"
        );
    }
}

#[test]
fn two_annotators_are_compared_where_both_labelled() {
    let annotations = Annotations::new(crowd(4, 400, &[0.5, 0.3, 0.2], 12, 4).votes).unwrap();
    let pair = cohen(&annotations, "a000", "a001", Weights::None).unwrap();
    assert!((20..80).contains(&pair.tasks), "{pair:?}");
    assert!(pair.kappa > 0.0 && pair.kappa < pair.same);
    // One of them always gives the same label: no better than chance.
    let constant = cohen(&annotations, "a000", "a004", Weights::None).unwrap();
    assert!(constant.kappa.abs() < 1e-9, "{constant:?}");
    assert!(cohen(&annotations, "a000", "nobody", Weights::None).is_err());
    // Four annotations for each task.
    let kappa = fleiss(&annotations).unwrap();
    let nominal = alpha(&annotations, Level::Nominal).unwrap();
    // Both correct for chance; alpha for the size of the sample as well.
    assert!((kappa - nominal).abs() < 1e-3, "{kappa} beside {nominal}");
    let error = alpha(&annotations, Level::Interval)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`l0` is no number"), "{error}");
}
