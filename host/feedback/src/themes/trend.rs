//! Whether there is more of a theme than there was.

use crate::special::normal_two_sided;

/// Above it, a change is what chance makes.
const LEVEL: f64 = 0.05;

/// Which way a theme goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It has a larger share than before.
    Rising,
    /// It has a smaller one.
    Falling,
    /// Nobody can tell a difference.
    Steady,
}

/// The share of a theme in the first half of the time and in the second.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Texts of the theme in the first half.
    pub before: u32,
    /// Texts of the theme in the second half.
    pub after: u32,
    /// All texts in the first half.
    pub all_before: u32,
    /// All texts in the second half.
    pub all_after: u32,
    /// Two-sided, of the pooled z-test of the two shares.
    pub p_value: f64,
    /// Steady where the p-value is not below 0.05.
    pub direction: Direction,
}

/// None where there are fewer than two times, or all are one.
pub(super) fn of(members: &[usize], times: &[Option<i64>]) -> Option<Trend> {
    let known = || times.iter().copied().flatten();
    let (first, last) = (known().min()?, known().max()?);
    if first == last {
        return None;
    }
    // Rounded down, so that the last time is behind it, before 1970 too.
    let middle = (i128::from(first) + i128::from(last)).div_euclid(2);
    let (mut before, mut after, mut all_before, mut all_after) = (0u32, 0u32, 0u32, 0u32);
    for at in known() {
        if i128::from(at) <= middle {
            all_before += 1;
        } else {
            all_after += 1;
        }
    }
    for at in members
        .iter()
        .filter_map(|place| times.get(*place).copied().flatten())
    {
        if i128::from(at) <= middle {
            before += 1;
        } else {
            after += 1;
        }
    }
    let (n, m) = (f64::from(all_before), f64::from(all_after));
    let difference = f64::from(after) / m - f64::from(before) / n;
    let pooled = f64::from(before + after) / (n + m);
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    // A theme of all texts, or of none that has a time, does not change.
    let p_value = if error > 0.0 {
        normal_two_sided(difference / error)
    } else {
        1.0
    };
    let direction = match p_value < LEVEL {
        true if difference > 0.0 => Direction::Rising,
        true => Direction::Falling,
        false => Direction::Steady,
    };
    Some(Trend {
        before,
        after,
        all_before,
        all_after,
        p_value,
        direction,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_grows_is_rising() {
        // A hundred days, one text a day; the theme is in every tenth before and in every second after.
        let times: Vec<Option<i64>> = (0..100).map(Some).collect();
        let rising: Vec<usize> = (0..50).step_by(10).chain((50..100).step_by(2)).collect();
        let trend = of(&rising, &times).unwrap();
        assert_eq!(
            (trend.before, trend.after, trend.all_before, trend.all_after),
            (5, 25, 50, 50)
        );
        assert_eq!(trend.direction, Direction::Rising);
        // The pooled z of 5/50 against 25/50.
        assert!(
            (trend.p_value - 1.274_5e-5).abs() < 1e-7,
            "{}",
            trend.p_value
        );
        let falling: Vec<usize> = rising.iter().map(|place| 99 - place).collect();
        assert_eq!(of(&falling, &times).unwrap().direction, Direction::Falling);
        let all: Vec<usize> = (0..100).collect();
        assert_eq!(of(&all, &times).unwrap().direction, Direction::Steady);
        assert_eq!(of(&[0], &[Some(1), None]), None);
        let before_1970 = of(&[0], &[Some(-1), Some(0)]).unwrap();
        assert_eq!((before_1970.all_before, before_1970.all_after), (1, 1));
        assert!(before_1970.p_value.is_finite());
    }
}
