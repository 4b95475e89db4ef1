//! A search that is stopped says so and gives the best that it had.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::json;
use steward_anonymity::{AnonymityError, Inputs, Limits, Report, Spec, anonymize};

/// 400 rows of four columns of ZIP codes: 2,401 combinations of levels.
fn stopped(limits: &Limits, mut go_on: impl FnMut(u64) -> bool) -> Result<Report, AnonymityError> {
    let names = ["a", "b", "c", "d"];
    let columns: Vec<_> = names
        .iter()
        .map(|name| json!({"name": name, "role": "quasi-identifying", "hierarchy": {"kind": "mask"}}))
        .collect();
    let spec = json!({"columns": columns, "models": [{"model": "k-anonymity", "k": 3}], "suppression_limit": 0.1});
    let spec: Spec = serde_json::from_value(spec).unwrap();
    let mut table = "a,b,c,d\n".to_owned();
    let mut state = 1_u32;
    for _ in 0..400 {
        let cells = names.map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{:06}", (state >> 8) % 1_000_000)
        });
        table += &format!("{}\n", cells.join(","));
    }
    let inputs = Inputs {
        table: &mut table.as_bytes(),
        population: None,
        files: &mut |_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let mut progress = |progress: &steward_anonymity::Progress| {
        assert!(progress.nodes == 2401 && progress.checked <= progress.nodes * 2);
        if go_on(progress.checked) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    anonymize(&spec, inputs, limits, &mut progress).map(|answer| answer.1)
}

#[test]
fn whoever_watches_can_stop_it() {
    let mut seen = Vec::new();
    let best = stopped(&Limits::default(), |checked| {
        seen.push(checked);
        true
    })
    .unwrap();
    assert!(best.search.optimal && best.k >= 3);
    assert!(seen.len() >= 2 && seen.is_sorted(), "{seen:?}");

    let early = stopped(&Limits::default(), |checked| checked < 60).unwrap();
    assert!(!early.search.optimal && early.k >= 3);
    assert!(early.loss >= best.loss);
    let at_once = stopped(&Limits::default(), |_| false).unwrap_err();
    assert!(
        matches!(
            at_once,
            AnonymityError::Stopped {
                checked: 1,
                nodes: 2401
            }
        ),
        "{at_once}"
    );
}

#[test]
fn it_ends_after_its_time_and_its_checks() {
    let few = Limits {
        checks: 20,
        ..Limits::default()
    };
    let report = stopped(&few, |_| true).unwrap();
    assert!(!report.search.optimal && report.search.checked <= 21);
    let short = Limits {
        time: Duration::ZERO,
        ..Limits::default()
    };
    assert!(matches!(
        stopped(&short, |_| true),
        Err(AnonymityError::Stopped { .. })
    ));
}
