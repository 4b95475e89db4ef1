//! What people said of the answers of each arm, as the sums of an experiment.

use std::collections::BTreeMap;

use super::Arm;

/// What one user said of one answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome<'a> {
    /// The place of the arm that answered.
    pub arm: usize,
    /// Who said it.
    pub user: &'a str,
    /// How good it was; higher is better.
    pub value: f64,
}

/// The arms of an experiment, and who is in none of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Summed {
    /// One for each name, in order.
    pub arms: Vec<Arm>,
    /// Users who met several arms: what they say is about no single one, and they are left out.
    pub crossed: u64,
}

/// Sums outcomes by arm. A user counts once, with the mean of what they said: answers of one user are no independent
/// observations. Where every user's value is 0 or 1, the arms are shares; otherwise they are means. An outcome of an arm that
/// is not there, or whose value is no number, counts for nothing.
pub fn summed(names: &[(String, f64)], outcomes: &[Outcome<'_>]) -> Summed {
    // The arm, none where there are several; the sum of the values; how many.
    let mut users: BTreeMap<&str, (Option<usize>, f64, u32)> = BTreeMap::new();
    for outcome in outcomes {
        if outcome.arm >= names.len() || !outcome.value.is_finite() {
            continue;
        }
        let (arm, sum, count) = users
            .entry(outcome.user)
            .or_insert((Some(outcome.arm), 0.0, 0));
        if *arm != Some(outcome.arm) {
            *arm = None;
        }
        *sum += outcome.value;
        *count += 1;
    }
    let mut values = vec![Vec::new(); names.len()];
    let mut crossed = 0;
    for (arm, sum, count) in users.into_values() {
        match arm.and_then(|arm| values.get_mut(arm)) {
            Some(values) => values.push(sum / f64::from(count)),
            None => crossed += 1,
        }
    }
    let shares = values.iter().flatten().all(|v| *v == 0.0 || *v == 1.0);
    let arm = |((name, weight), values): (&(String, f64), &Vec<f64>)| Arm {
        name: name.clone(),
        users: values.len() as u64,
        sum: values.iter().sum(),
        sum_squares: (!shares).then(|| values.iter().map(|v| v * v).sum()),
        covariate: None,
        weight: *weight,
    };
    Summed {
        arms: names.iter().zip(&values).map(arm).collect(),
        crossed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Design;

    fn names() -> Vec<(String, f64)> {
        vec![("m@1.0.0".into(), 9.0), ("m@1.1.0".into(), 1.0)]
    }

    fn said(arm: usize, user: &str, value: f64) -> Outcome<'_> {
        Outcome { arm, user, value }
    }

    #[test]
    fn each_user_counts_once_and_only_in_one_arm() {
        let found = summed(
            &names(),
            &[
                said(0, "a", 1.0),
                said(0, "b", 0.0),
                said(1, "c", 1.0),
                // Twice in the same arm: one user.
                said(1, "c", 1.0),
                // In both.
                said(0, "d", 1.0),
                said(1, "d", 0.0),
                said(0, "d", 0.0),
                // In none that there is.
                said(2, "e", 1.0),
                said(1, "f", f64::NAN),
            ],
        );
        assert_eq!(found.crossed, 1);
        let told: Vec<_> = found
            .arms
            .iter()
            .map(|arm| (arm.users, arm.sum, arm.sum_squares, arm.weight))
            .collect();
        assert_eq!(told, [(2, 1.0, None, 9.0), (1, 1.0, None, 1.0)]);
    }

    #[test]
    fn users_who_are_of_two_minds_make_means() {
        let found = summed(
            &names(),
            &[
                said(0, "a", 1.0),
                said(0, "a", 0.0),
                said(0, "b", 1.0),
                said(1, "c", 1.0),
                said(1, "d", 1.0),
            ],
        );
        assert_eq!(found.arms[0].sum_squares, Some(1.25));
        assert_eq!(found.arms[1].sum_squares, Some(2.0));
    }

    /// The published example, user by user.
    #[test]
    fn sums_are_those_of_the_published_example() {
        let users: Vec<String> = (0..2000).map(|n| format!("r{n}")).collect();
        let outcomes: Vec<Outcome<'_>> = users
            .iter()
            .enumerate()
            .map(|(n, user)| {
                let (arm, place) = (n / 1000, n % 1000);
                let right = place < [120, 150][arm];
                said(arm, user, f64::from(u8::from(right)))
            })
            .collect();
        let names = vec![("control".to_owned(), 1.0), ("new".to_owned(), 1.0)];
        let found = summed(&names, &outcomes);
        let result = Design::default().compare(&found.arms).unwrap();
        let new = &result.comparisons[0];
        assert!((new.absolute.p_value - 0.049_560_3).abs() < 5e-8);
        assert!((new.relative.as_ref().unwrap().chance_to_win - 0.960_294_7).abs() < 5e-8);
    }
}
