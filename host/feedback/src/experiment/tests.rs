use super::*;

fn near(left: f64, right: f64, digits: f64) {
    assert!((left - right).abs() < digits, "{left} {right}");
}

fn refusal(arms: &[Arm]) -> String {
    Design::default().compare(arms).unwrap_err().to_string()
}

#[test]
fn the_published_numbers_are_met() {
    let arms = [
        Arm::share("control", 1000, 120),
        Arm::share("new", 1000, 150),
    ];
    let result = Design::default().compare(&arms).unwrap();
    let new = &result.comparisons[0];
    near(new.absolute.p_value, 0.049_560_3, 5e-8);
    near(new.absolute.sequential_p_value, 0.470_690_8, 5e-8);
    near(new.relative.unwrap().chance_to_win, 0.960_294_7, 5e-8);
    assert_eq!(
        (result.sample_ratio_p_value, result.sample_ratio_mismatch),
        (1.0, false)
    );
    assert!(
        new.absolute.sequential_p_value > new.absolute.p_value,
        "looking often costs"
    );
}

#[test]
fn an_empty_arm_is_named() {
    let arms = [Arm::share("control", 1000, 120), Arm::share("新版", 0, 0)];
    let said = refusal(&arms);
    assert!(said.contains("`新版` has no users"), "{said}");
    assert!(refusal(&arms[..1]).contains("at least one treatment"));
    assert!(refusal(&[]).contains("at least one treatment"));
}

#[test]
fn sums_that_no_values_have_are_refused() {
    let good = Arm::share("a", 10, 5);
    let with = |change: fn(&mut Arm)| {
        let mut arm = Arm::share("b", 10, 5);
        change(&mut arm);
        refusal(&[good.clone(), arm])
    };
    assert!(with(|arm| arm.sum = 11.0).contains("counts 11 of 10"));
    assert!(with(|arm| arm.sum = f64::NAN).contains("no number"));
    assert!(with(|arm| arm.users = 1).contains("one user"));
    assert!(with(|arm| arm.sum = 0.0).contains("no variance"));
    assert!(with(|arm| arm.weight = 0.0).contains("weight"));
    assert!(with(|arm| arm.name = "a".into()).contains("two arms are called `a`"));
    assert!(with(|arm| arm.sum_squares = Some(5.0)).contains("for all arms or for none"));
    assert!(with(|arm| arm.sum_squares = Some(1.0)).contains("no values with this sum"));
    let before = |arm: &mut Arm| {
        arm.covariate = Some(Covariate {
            sum: 1.0,
            sum_squares: 1.0,
            sum_products: 1.0,
        });
    };
    assert!(with(before).contains("has a covariate; give it for all"));
}

#[test]
fn numbers_that_a_float_does_not_hold_are_refused() {
    let arm = |name: &str, users: u64, scale: f64| Arm {
        name: name.into(),
        users,
        sum: 10.0 * scale,
        sum_squares: Some(100.0 * scale * scale),
        covariate: Some(Covariate {
            sum: 1.0,
            sum_squares: 2.0,
            sum_products: scale,
        }),
        weight: 1.0,
    };
    for scale in [1e150, 1e-150] {
        let said = refusal(&[arm("a", 10, scale), arm("b", 12, scale)]);
        assert!(said.contains("another unit"), "{said}");
    }
    // As many users as there can be are no fewer together.
    let arms = [arm("a", u64::MAX, 1.0), arm("b", u64::MAX, 1.0)];
    let theta = arm::theta(&arms[0], &arms[1]).unwrap();
    near(theta, 0.5, 1e-9);
}

#[test]
fn arms_that_are_not_shared_out_as_they_should_be_are_seen() {
    let mut arms = [Arm::share("a", 10_000, 500), Arm::share("b", 9_400, 500)];
    let result = Design::default().compare(&arms).unwrap();
    assert!(
        result.sample_ratio_mismatch,
        "{}",
        result.sample_ratio_p_value
    );
    arms[0].weight = 100.0;
    arms[1].weight = 94.0;
    assert!(
        !Design::default()
            .compare(&arms)
            .unwrap()
            .sample_ratio_mismatch
    );
}

#[test]
fn of_more_treatments_each_needs_more() {
    near(holm(&[0.01, 0.04, 0.03])[0], 0.03, 1e-12);
    assert_eq!(holm(&[0.01, 0.04, 0.03])[1..], [0.06, 0.06]);
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
}

#[test]
fn what_was_there_before_takes_noise_out() {
    // The measure is the measure before and an effect of 1, with nothing else but a little noise.
    let arm = |name: &str, effect: f64| {
        let before: Vec<f64> = (0..200).map(|n| f64::from(n % 20)).collect();
        let after: Vec<f64> = before
            .iter()
            .enumerate()
            .map(|(n, b)| b + effect + if n % 3 == 0 { 0.3 } else { -0.15 })
            .collect();
        Arm {
            name: name.into(),
            users: 200,
            sum: after.iter().sum(),
            sum_squares: Some(after.iter().map(|a| a * a).sum()),
            covariate: Some(Covariate {
                sum: before.iter().sum(),
                sum_squares: before.iter().map(|b| b * b).sum(),
                sum_products: before.iter().zip(&after).map(|(b, a)| b * a).sum(),
            }),
            weight: 1.0,
        }
    };
    let mut arms = [arm("a", 0.0), arm("b", 0.5)];
    let with = Design::default().compare(&arms).unwrap().comparisons[0].absolute;
    for arm in &mut arms {
        arm.covariate = None;
    }
    let without = Design::default().compare(&arms).unwrap().comparisons[0].absolute;
    near(with.difference, 0.5, 0.05);
    assert!(
        with.p_value < 1e-9 && without.p_value > 0.1,
        "{with:?} {without:?}"
    );
}

#[test]
fn a_prior_draws_the_estimate_to_itself() {
    let arms = [Arm::share("a", 100, 12), Arm::share("b", 100, 24)];
    let effect = |prior| {
        let design = Design {
            prior,
            ..Design::default()
        };
        design.compare(&arms).unwrap().comparisons[0]
            .relative
            .unwrap()
    };
    let (flat, drawn) = (
        effect(None),
        effect(Some(Prior {
            mean: 0.0,
            standard_deviation: 0.1,
        })),
    );
    let middle =
        |effect: &Effect| 0.5 * (effect.credible_interval.low + effect.credible_interval.high);
    assert!(middle(&drawn) < 0.2 && middle(&flat) > 0.9);
    assert!(drawn.risk_control < flat.risk_control);
}
