//! Whatever passes the checks can be drawn: nothing is paid for and then not answered.

use proptest::prelude::*;

use super::*;
use crate::rows::Column;
use crate::{Bins, Spend};

const CITIES: [&str; 4] = ["a", "b", "c", "d"];

/// From very little to very much, the smallest that is allowed included.
fn amount(least: f64, most: f64) -> impl Strategy<Value = f64> {
    let powers = (least.log10()..most.log10()).prop_map(|power| 10_f64.powf(power));
    prop_oneof![1 => Just(least), 8 => powers, 1 => Just(most)]
}

fn spend() -> impl Strategy<Value = Spend> {
    let delta = prop::option::of(amount(1e-18, 0.5));
    (any::<bool>(), amount(1e-9, 1e4), delta).prop_map(|(epsilon, loss, delta)| {
        match (epsilon, delta) {
            (true, None) => Spend::epsilon(loss),
            (true, Some(delta)) => Spend::epsilon_delta(loss, delta),
            (false, None) => Spend::rho(loss),
            (false, Some(delta)) => Spend::rho_delta(loss, delta),
        }
        .unwrap()
    })
}

fn question() -> impl Strategy<Value = Question> {
    let bounds = (-1e15..1e15_f64, amount(1e-3, 1e15)).prop_map(|(lower, width)| {
        let lower = lower.min(1e15 - width);
        (lower, (lower + width).min(1e15))
    });
    let keys: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    (0..7_u8, bounds, 0.0..=1.0_f64, 2..100_u32).prop_map(move |(kind, (lower, upper), q, n)| {
        let (column, by) = ("x".to_owned(), vec!["city".to_owned()]);
        let measured = || {
            let column = "x".to_owned();
            vec![Measure::Mean {
                column,
                lower,
                upper,
            }]
        };
        match kind {
            0 => Question::Count {},
            1 => Question::Sum {
                column,
                lower,
                upper,
            },
            2 => Question::Mean {
                column,
                lower,
                upper,
            },
            3 => Question::Quantile {
                column,
                lower,
                upper,
                q,
                candidates: n,
            },
            4 => Question::Histogram {
                column,
                bins: Bins::Edges((0..n).map(f64::from).collect()),
            },
            5 => Question::TopK {
                column: "city".into(),
                k: 1 + n % 3,
                keys: keys.clone(),
            },
            _ => Question::Table {
                by,
                groups: (n % 2 == 0).then(|| keys.iter().map(|k| vec![k.clone()]).collect()),
                measures: measured(),
            },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_passes_the_checks_can_be_drawn(
        ask in question(),
        spend in spend(),
        rows_per_unit in amount(1.0, 1e6),
        groups_per_unit in amount(1.0, 1e4),
    ) {
        let numbers = (0..300).map(f64::from).collect();
        let cities = (0..300).map(|i| CITIES.get(i % 5));
        let columns = [
            ("x".to_owned(), Column::numbers(numbers)),
            ("city".to_owned(), Column::texts(cities)),
        ];
        let rows = Rows::new((0..300).map(|i| i.to_string()), columns).unwrap();
        let grouped = !matches!(
            ask,
            Question::Count {} | Question::Sum { .. } | Question::Mean { .. } | Question::Quantile { .. }
        );
        let query = Query {
            ask,
            conditions: Vec::new(),
            rows_per_unit: rows_per_unit as u32,
            groups_per_unit: if grouped { groups_per_unit as u32 } else { 1 },
            spend,
        };
        if let Ok(plan) = Plan::new(&query, &rows) {
            let drawn = plan.draw(&rows);
            prop_assert!(drawn.is_ok(), "{query:?}: {drawn:?}");
        }
    }
}
