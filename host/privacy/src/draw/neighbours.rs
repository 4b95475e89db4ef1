//! A unit that comes or goes changes no total by more than the sensitivity that its noise is made for.

use proptest::prelude::*;

use super::*;
use crate::grid::Grid;
use crate::rows::Column;
use crate::{Spend, bounded};

const CITIES: [&str; 4] = ["a", "b", "c", "d"];

/// One row: its unit, a value and a city; some of them missing.
type Row = (u8, f64, usize);

fn rows(of: &[Row]) -> Rows {
    let columns = [
        (
            "x".to_owned(),
            Column::numbers(of.iter().map(|r| r.1).collect()),
        ),
        (
            "city".to_owned(),
            Column::texts(of.iter().map(|r| CITIES.get(r.2))),
        ),
    ];
    Rows::new(of.iter().map(|r| r.0.to_string()), columns).unwrap()
}

fn plan(ask: Question, rows_per_unit: u32, groups_per_unit: u32, data: &Rows) -> Plan {
    let query = Query {
        ask,
        conditions: Vec::new(),
        rows_per_unit,
        groups_per_unit,
        spend: Spend::epsilon(1.0).unwrap(),
    };
    Plan::new(&query, data).unwrap()
}

/// How many totals differ, and by how much at most.
fn distance(a: &[i64], b: &[i64]) -> (u32, u64) {
    let changes = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    let changes: Vec<u64> = changes.filter(|d| *d > 0).collect();
    (changes.len() as u32, changes.into_iter().max().unwrap_or(0))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_unit_changes_no_more_than_its_noise_covers(
        all in prop::collection::vec((0..6_u8, prop_oneof![any::<f64>(), -30.0..30.0_f64], 0..5_usize), 0..60),
        gone in 0..6_u8,
        per_unit in 1..4_u32,
        in_groups in 1..4_u32,
        lower in -20.0..5.0_f64,
        width in 0.1..30.0_f64,
    ) {
        let fewer: Vec<Row> = all.iter().copied().filter(|row| row.0 != gone).collect();
        let (with, without) = (rows(&all), rows(&fewer));
        let keys: Vec<String> = CITIES[..3].iter().map(|c| (*c).to_owned()).collect();
        let ask = Question::Histogram { column: "city".into(), bins: crate::Bins::Keys(keys.clone()) };
        let plan = plan(ask, per_unit, in_groups, &with);
        let groups = |data: &Rows| {
            let named = keys.iter().map(|key| vec![key.clone()]).collect();
            let met = vec![true; data.len()];
            Groups::named(&[data.texts("city").unwrap()], &met, named)
        };

        let count = |data: &Rows| plan.counts(data, &groups(data), |_| true);
        let (numbers, most) = distance(&count(&with), &count(&without));
        let covered = plan.sensitivity(1);
        prop_assert!(numbers <= covered.numbers && most <= covered.each, "{numbers} {most} {covered:?}");

        for grid in [Grid::from_zero(lower, lower + width), Grid::from_middle(lower, lower + width)] {
            let sum = |data: &Rows| plan.sums(data, &groups(data), data.numbers("x").unwrap(), grid);
            let (numbers, most) = distance(&sum(&with), &sum(&without));
            let covered = plan.sensitivity(grid.most());
            prop_assert!(numbers <= covered.numbers && most <= covered.each, "{numbers} {most} {covered:?}");
        }

        // What a quantile is chosen by: so many values come or go.
        let kept = |data: &Rows| {
            let mut kept = 0;
            bounded::each(data, Bounds { rows: per_unit, groups: 1 }, |_| Some(0), |_, _| kept += 1);
            kept
        };
        prop_assert!(kept(&with) - kept(&without) <= per_unit);
    }
}
