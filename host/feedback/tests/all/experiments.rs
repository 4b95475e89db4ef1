//! Experiments against gbstats, scipy and statsmodels.

use serde_json::{Value, json};
use steward_feedback::experiment::{Arm, Covariate, Design, Effect, Prior};

use crate::{Random, ask, near};

/// What kind of numbers an experiment has.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Shares,
    Means,
    Adjusted,
}

struct Case {
    design: Design,
    arms: Vec<Arm>,
    /// Of the first arm and the others, where they are means.
    values: Vec<Option<Vec<f64>>>,
}

fn arm(random: &mut Random, name: usize, kind: Kind) -> (Arm, Option<Vec<f64>>) {
    let weight = random.between(1, 3) as f64;
    let name = format!("arm-{name}");
    if kind == Kind::Shares {
        let users = random.between(20, 40_000);
        let true_of = random.between(1, users - 1);
        let share = Arm {
            weight,
            ..Arm::share(&name, users, true_of)
        };
        return (share, None);
    }
    let users = random.between(5, 400) as usize;
    let (level, spread) = (1.0 + random.unit() * 5.0, 0.5 + random.unit() * 4.0);
    let before: Vec<f64> = (0..users)
        .map(|_| level + spread * (random.unit() - 0.4))
        .collect();
    let after: Vec<f64> = before
        .iter()
        .map(|b| 0.6 * b + 1.0 + random.unit() * spread)
        .collect();
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let covariate = (kind == Kind::Adjusted).then(|| Covariate {
        sum: sum(&before),
        sum_squares: product(&before, &before),
        sum_products: product(&before, &after),
    });
    let arm = Arm {
        name,
        users: users as u64,
        sum: sum(&after),
        sum_squares: Some(product(&after, &after)),
        covariate,
        weight,
    };
    (arm, Some(after))
}

fn cases() -> Vec<Case> {
    let mut random = Random(23);
    (0..90)
        .map(|case| {
            let kind = [Kind::Shares, Kind::Means, Kind::Adjusted][case % 3];
            let arms = random.between(2, 4) as usize;
            let (arms, values) = (0..arms).map(|name| arm(&mut random, name, kind)).unzip();
            let prior = (case % 4 == 1).then(|| Prior {
                mean: random.unit() - 0.5,
                standard_deviation: 0.05 + random.unit(),
            });
            let design = Design {
                alpha: [0.05, 0.01, 0.2][case % 3],
                sequential_tuning: [5000.0, 300.0, 100_000.0][case / 3 % 3],
                prior,
            };
            Case {
                design,
                arms,
                values,
            }
        })
        .collect()
}

fn input(case: &Case) -> Value {
    let arms: Vec<Value> = case
        .arms
        .iter()
        .zip(&case.values)
        .map(|(arm, values)| {
            let before = arm
                .covariate
                .map(|c| [c.sum, c.sum_squares, c.sum_products]);
            json!({
                "users": arm.users, "sum": arm.sum, "squares": arm.sum_squares, "before": before,
                "weight": arm.weight, "values": values,
            })
        })
        .collect();
    let prior = case.design.prior.map(|p| [p.mean, p.standard_deviation]);
    json!({ "arms": arms, "alpha": case.design.alpha, "tuning": case.design.sequential_tuning, "prior": prior })
}

fn compare(ours: &Effect, theirs: &Value, what: &str) {
    let check = |ours: f64, field: &str| {
        near(
            ours,
            theirs.pointer(field).unwrap(),
            &format!("{what} {field}"),
        )
    };
    check(ours.difference, "/difference");
    check(ours.standard_error, "/error");
    check(ours.p_value, "/p");
    check(ours.interval.low, "/interval/0");
    check(ours.interval.high, "/interval/1");
    check(ours.sequential_p_value, "/sequential_p");
    check(ours.sequential_interval.low, "/sequential/0");
    check(ours.sequential_interval.high, "/sequential/1");
    check(ours.chance_to_win, "/win");
    check(ours.credible_interval.low, "/credible/0");
    check(ours.credible_interval.high, "/credible/1");
    check(ours.risk_control, "/risk/0");
    check(ours.risk_treatment, "/risk/1");
}

#[test]
fn experiments_are_those_of_gbstats_scipy_and_statsmodels() {
    let cases = cases();
    let answers = ask("experiments", &cases.iter().map(input).collect());
    let (mut by_z, mut by_scipy) = (0, 0);
    for (place, (case, theirs)) in cases.iter().zip(&answers).enumerate() {
        let ours = case.design.compare(&case.arms).unwrap();
        near(ours.sample_ratio_p_value, &theirs["ratio"], "sample ratio");
        for (n, comparison) in ours.comparisons.iter().enumerate() {
            let other = &theirs["arms"][n];
            compare(
                &comparison.absolute,
                &other["absolute"],
                &format!("case {place}, absolute"),
            );
            compare(
                &comparison.relative.unwrap(),
                &other["relative"],
                &format!("case {place}, relative"),
            );
            near(comparison.corrected_p_value, &theirs["holm"][n], "Holm");
            if let Some(p) = comparison.proportions_p_value {
                near(p, &other["z"], "two proportions");
                by_z += 1;
            }
            if other["scipy"].is_number() {
                near(
                    comparison.absolute.p_value,
                    &other["scipy"],
                    "Welch by scipy",
                );
                by_scipy += 1;
            }
        }
    }
    assert!(by_z > 20 && by_scipy > 20, "{by_z} {by_scipy}");
}
