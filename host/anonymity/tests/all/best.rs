//! No combination of levels is better than the one that is chosen.

use proptest::prelude::*;
use serde_json::{Value, json};
use steward_anonymity::AnonymityError;

use crate::brute::{Node, Small};
use crate::run;

fn hierarchies() -> Vec<Vec<Vec<String>>> {
    let rows = |values: usize, row: &dyn Fn(usize) -> Vec<String>| (0..values).map(row).collect();
    vec![
        rows(6, &|n| {
            vec![
                format!("a{n}"),
                format!("a{}x", n / 2),
                format!("a{}y", n / 4),
                "*".into(),
            ]
        }),
        // One value of the hierarchy is never in the data, and one branch is much larger than the other.
        rows(5, &|n| {
            vec![
                format!("b{n}"),
                if n < 4 { "few" } else { "many" }.into(),
                "*".into(),
            ]
        }),
        rows(2, &|n| vec![format!("c{n}"), "*".into()]),
    ]
}

fn tables() -> impl Strategy<Value = Small> {
    let row = ((0..6_usize, 0..4_usize, 0..2_usize), 0..4_usize);
    prop::collection::vec(row, 8..40).prop_map(|rows| Small {
        rows: rows
            .into_iter()
            .map(|((a, b, c), s)| (vec![a, b, c], s))
            .collect(),
        hierarchies: hierarchies(),
    })
}

fn models() -> impl Strategy<Value = Vec<Value>> {
    let one = prop_oneof![
        (2..6_u32).prop_map(|k| json!({"model": "k-anonymity", "k": k})),
        (2..4_u32).prop_map(|l| json!({"model": "distinct-l-diversity", "column": "s", "l": l})),
        (1.2..3.0_f64).prop_map(|l| json!({"model": "entropy-l-diversity", "column": "s", "l": l})),
        (0.5..3.0_f64, 2..4_u32).prop_map(|(c, l)| json!({"model": "recursive-cl-diversity", "column": "s", "c": c, "l": l})),
        (0.1..0.6_f64).prop_map(|t| json!({"model": "t-closeness", "column": "s", "t": t, "distance": "equal"})),
        (0.1..0.6_f64).prop_map(|t| json!({"model": "t-closeness", "column": "s", "t": t, "distance": {"ordered": {}}})),
        (0.2..2.0_f64, any::<bool>())
            .prop_map(|(beta, enhanced)| json!({"model": "beta-likeness", "column": "s", "beta": beta, "enhanced": enhanced})),
    ];
    prop::collection::vec(one, 1..3)
}

fn metrics() -> impl Strategy<Value = Value> {
    let aggregate =
        prop::sample::select(vec!["sum", "arithmetic-mean", "geometric-mean", "maximum"]);
    let weight = prop::sample::select(vec![0.0_f64, 0.1, 0.5, 0.8]);
    (0..7_u32, aggregate, weight, any::<bool>()).prop_map(|(kind, aggregate, weight, ignore)| match kind {
        0 => json!({"kind": "loss", "aggregate": aggregate, "suppression_weight": weight}),
        1 => json!({"kind": "non-uniform-entropy", "aggregate": aggregate, "suppression_weight": weight,
            "ignore_suppression": ignore}),
        2 => json!({"kind": "precision", "aggregate": aggregate, "suppression_weight": weight,
            "ignore_suppression": ignore}),
        3 => json!({"kind": "height", "aggregate": aggregate}),
        // With a weight of 0 or 1 one kind of class counts nothing, and a table without the other has no average.
        4 => json!({"kind": "average-class-size", "suppression_weight": weight.max(0.1)}),
        5 => json!({"kind": "discernibility", "ignore_suppression": ignore}),
        _ => json!({"kind": "ambiguity"}),
    })
}

fn limits() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![0.0, 0.07, 0.25, 1.0])
}

fn spec(table: &Small, models: &[Value], metric: &Value, limit: f64) -> Value {
    json!({"columns": table.columns(), "models": models, "metric": metric, "suppression_limit": limit})
}

fn best(solutions: &[Node]) -> Option<&Node> {
    solutions.iter().min_by(|a, b| a.loss.total_cmp(&b.loss))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_combination_loses_less(table in tables(), models in models(), metric in metrics(), limit in limits()) {
        let answer = run(&spec(&table, &models, &metric, limit), &table.csv(), None);
        let solutions = table.solutions(&models, &metric, limit);
        let (csv, report) = match (answer, best(&solutions)) {
            (Ok(answer), Some(best)) => {
                let off = (answer.1.loss - best.loss).abs();
                prop_assert!(off <= 1e-6 * best.loss.abs().max(1.0), "{} is not {}", answer.1.loss, best.loss);
                answer
            }
            (Err(AnonymityError::NoSolution { .. }), None) => return Ok(()),
            // More is asked for than the table has: no combination of levels can give it.
            (Err(AnonymityError::Spec(_)), _) => return Ok(()),
            (answer, best) => {
                let found = best.map(|best| (best.levels.clone(), best.loss));
                prop_assert!(false, "{:?} where brute force finds {found:?}", answer.map(|answer| answer.1.loss));
                return Ok(());
            }
        };

        // The table that comes out shows what the report says.
        let levels: Vec<usize> = report.levels.iter().map(|level| level.level).collect();
        let chosen = solutions.iter().find(|node| node.levels == levels);
        prop_assert!(chosen.is_some(), "{levels:?} does not satisfy the models");
        let mut expected = vec![String::new(); table.rows.len()];
        for (class, kept) in chosen.map(|node| node.classes.iter().zip(&node.kept)).into_iter().flatten() {
            for &row in class {
                let (values, sensitive) = &table.rows[row];
                expected[row] = if *kept {
                    let labels = values.iter().zip(&levels).zip(&table.hierarchies);
                    let labels = labels.map(|((value, level), rows)| rows[*value][*level].as_str());
                    format!("{},s{sensitive}", labels.collect::<Vec<_>>().join(","))
                } else {
                    "*,*,*,*".to_owned()
                };
            }
        }
        let lines: Vec<&str> = csv.lines().skip(1).collect();
        prop_assert_eq!(&lines, &expected);
        let hidden = lines.iter().filter(|line| **line == "*,*,*,*" ).count() as u64;
        // A row whose every cell is generalized to the root still shows its sensitive value.
        prop_assert_eq!(hidden, report.suppressed);
        prop_assert!(report.suppressed as f64 <= limit * table.rows.len() as f64 + 1e-9);
        prop_assert!(report.search.optimal);
    }

    #[test]
    fn more_privacy_and_less_suppression_never_lose_less(table in tables(), metric in metrics(), k in 2..5_u32) {
        let loss = |k: u32, limit: f64| {
            let models = [json!({"model": "k-anonymity", "k": k})];
            run(&spec(&table, &models, &metric, limit), &table.csv(), None).map(|answer| answer.1.loss)
        };
        let exact = 1.0 + 1e-9;
        // What is suppressed can be what is cheap, so that only without suppression more privacy costs more for sure.
        let (weak, strong) = (loss(k, 0.0), loss(k + 1, 0.0));
        if let (Ok(weak), Ok(strong)) = (&weak, &strong) {
            prop_assert!(*weak <= strong * exact + 1e-9, "{weak} for {k}, {strong} for one more");
        }
        let free = loss(k, 0.2);
        if let (Ok(free), Ok(weak)) = (free, weak) {
            prop_assert!(free <= weak * exact + 1e-9, "{free} with suppression, {weak} without");
        }
    }

    #[test]
    fn the_population_bounds_what_is_released(table in tables(), extra in tables(), k in 2..8_u32, limit in limits()) {
        let population = format!("{}{}", table.csv(), extra.csv().split_once('\n').unwrap().1);
        let models = [json!({"model": "k-map", "k": k}), json!({"model": "delta-presence", "min": 0.0, "max": 0.8})];
        let metric = json!({"kind": "loss"});
        let Ok((csv, report)) = run(&spec(&table, &models, &metric, limit), &table.csv(), Some(&population)) else {
            return Ok(());
        };
        let levels: Vec<usize> = report.levels.iter().map(|level| level.level).collect();
        let show = |row: &(Vec<usize>, usize)| {
            let labels = row.0.iter().zip(&levels).zip(&table.hierarchies);
            labels.map(|((value, level), rows)| rows[*value][*level].clone()).collect::<Vec<_>>().join(",")
        };
        let sample: Vec<String> = table.rows.iter().map(show).collect();
        let people: Vec<String> = table.rows.iter().chain(&extra.rows).map(show).collect();
        for (line, labels) in csv.lines().skip(1).zip(&sample) {
            let many = |of: &[String]| of.iter().filter(|other| *other == labels).count() as f64;
            let fine = many(&people) >= f64::from(k) && many(&sample) / many(&people) <= 0.8;
            prop_assert_eq!(line != "*,*,*,*", fine, "{} of {}", line, labels);
        }
        prop_assert!(report.after.journalist.attack.highest <= 1.0 / f64::from(k));
    }

    #[test]
    fn risk_models_bound_the_released_rows(table in tables(), risk in 0.1..0.9_f64, limit in limits()) {
        let models = [json!({"model": "average-risk", "risk": risk}), json!({"model": "sample-uniqueness", "share": 0.05})];
        let Ok((_, report)) = run(&spec(&table, &models, &json!({"kind": "loss"}), limit), &table.csv(), None) else {
            return Ok(());
        };
        prop_assert!(report.after.prosecutor.average <= risk + 1e-9);
        prop_assert!(report.after.unique <= 0.05 + 1e-9);
        prop_assert!(report.suppressed as f64 <= limit * table.rows.len() as f64 + 1e-9);
    }
}

/// Where rows may be suppressed, a coarser combination can break a model that a finer one satisfies: the few rows that
/// stand out pull the others with them. A search that takes such a model for monotonic finds nothing here.
#[test]
fn a_branch_whose_coarsest_levels_fail_can_hold_the_best() {
    let few = |value: &'static str| [vec![value; 9], vec!["*"]].concat();
    let mut table = "a,b,s\n".to_owned();
    for (a, odd) in [("x", "s0"), ("y", "s1")] {
        table += &format!("{a},even,s0\n{a},even,s1\n").repeat(7);
        table += &format!("{a},odd,{odd}\n").repeat(6);
    }
    let spec = json!({
        "columns": [
            {"name": "a", "role": "quasi-identifying", "hierarchy": {"kind": "keep"}},
            {"name": "b", "role": "quasi-identifying", "hierarchy": {"kind": "rows", "rows": [few("even"), few("odd")]}},
            {"name": "s", "role": "sensitive"}
        ],
        "models": [{"model": "t-closeness", "column": "s", "t": 0.1, "distance": "equal"}],
        "suppression_limit": 0.3
    });
    let (_, report) = run(&spec, &table, None).unwrap();
    assert_eq!((report.suppressed, report.classes), (12, 2));
    assert_eq!(report.models[0].reached, Some(0.0));
}
