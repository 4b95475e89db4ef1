//! Numbers to intervals.

use super::ROOT;
use crate::AnonymityError;
use crate::spec::IntervalSpec;

/// Numbers beyond this many widths from the origin cannot be counted exactly in a 64-bit float.
const FARTHEST: f64 = 9_007_199_254_740_992.0;

/// Intervals `[from, to)` that double, or grow by any other whole factor, from level to level.
pub(crate) struct Intervals<'a> {
    spec: &'a IntervalSpec,
    /// How many intervals of the first width make one of each width.
    factors: Vec<i64>,
    width: f64,
}

impl<'a> Intervals<'a> {
    pub fn new(column: &str, spec: &'a IntervalSpec) -> Result<Self, AnonymityError> {
        let wrong = |reason: &str| Err(AnonymityError::hierarchy(column, reason));
        let Some(&width) = spec.widths.first() else {
            return wrong("`widths` is empty; give the width of the intervals of each level");
        };
        if spec
            .widths
            .iter()
            .any(|width| !width.is_finite() || *width <= 0.0)
            || !spec.origin.is_finite()
        {
            return wrong("widths must be positive numbers, and the origin a number");
        }
        if spec
            .bottom
            .zip(spec.top)
            .is_some_and(|(bottom, top)| bottom >= top)
            || spec.bottom.is_some_and(|bottom| !bottom.is_finite())
            || spec.top.is_some_and(|top| !top.is_finite())
        {
            return wrong("`bottom` must be a number below `top`");
        }
        let mut factors: Vec<i64> = Vec::new();
        for wide in &spec.widths {
            let factor = wide / width;
            let whole = factor.round();
            let before = factors.last().copied().unwrap_or(0);
            let grows = whole as i64 > before && (before == 0 || whole as i64 % before == 0);
            if (factor - whole).abs() > 1e-9 * factor || whole > 1e15 || !grows {
                return wrong(
                    "each width must be a whole multiple of the one before, as in 5, 10, 20",
                );
            }
            factors.push(whole as i64);
        }
        Ok(Self {
            spec,
            factors,
            width,
        })
    }

    pub fn row(&self, value: &str) -> Result<Vec<String>, String> {
        let number: f64 = value
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or("it is no number")?;
        let mut row = vec![value.to_owned()];
        let steps = ((number - self.spec.origin) / self.width).floor();
        if steps.abs() > FARTHEST {
            return Err("it is too far from the origin for intervals of this width".into());
        }
        for &factor in &self.factors {
            let label = match (self.spec.bottom, self.spec.top) {
                (Some(bottom), _) if number < bottom => format!("<{}", plain(bottom)),
                (_, Some(top)) if number >= top => format!("≥{}", plain(top)),
                _ => {
                    let from = (steps as i64).div_euclid(factor) * factor;
                    let edge = |step: i64| plain(self.spec.origin + step as f64 * self.width);
                    format!("[{}, {})", edge(from), edge(from + factor))
                }
            };
            row.push(label);
        }
        row.push(ROOT.to_owned());
        Ok(row)
    }
}

/// A number without the noise of its last bits: ten steps of 0.1 end at 1 and not at 0.9999999999999999.
fn plain(number: f64) -> String {
    let rounded: f64 = format!("{number:.12e}").parse().unwrap_or(number);
    // Adding zero turns -0 to 0.
    format!("{}", rounded + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(widths: &[f64]) -> IntervalSpec {
        IntervalSpec {
            widths: widths.to_vec(),
            origin: 0.0,
            bottom: Some(18.0),
            top: Some(90.0),
        }
    }

    #[test]
    fn numbers_become_intervals() {
        let spec = spec(&[5.0, 10.0, 30.0]);
        let intervals = Intervals::new("age", &spec).unwrap();
        assert_eq!(
            intervals.row("37").unwrap(),
            ["37", "[35, 40)", "[30, 40)", "[30, 60)", "*"]
        );
        assert_eq!(intervals.row("17.5").unwrap()[1..4], ["<18", "<18", "<18"]);
        assert_eq!(intervals.row("90").unwrap()[1..4], ["≥90", "≥90", "≥90"]);
        assert!(intervals.row("about 30").is_err());
        assert!(intervals.row("NaN").is_err());
        assert!(intervals.row("1e300").is_err());
    }

    #[test]
    fn edges_are_decimal_and_negative_numbers_go_down() {
        let spec = IntervalSpec {
            widths: vec![0.1, 0.2],
            origin: 0.0,
            bottom: None,
            top: None,
        };
        let intervals = Intervals::new("share", &spec).unwrap();
        assert_eq!(
            intervals.row("0.35").unwrap()[1..3],
            ["[0.3, 0.4)", "[0.2, 0.4)"]
        );
        assert_eq!(
            intervals.row("-0.05").unwrap()[1..3],
            ["[-0.1, 0)", "[-0.2, 0)"]
        );
    }

    #[test]
    fn widths_that_do_not_nest_are_refused() {
        for widths in [
            &[][..],
            &[5.0, 12.0],
            &[10.0, 5.0],
            &[5.0, 5.0],
            &[0.0],
            &[f64::NAN],
            &[2.0, 4.0, 6.0],
        ] {
            assert!(Intervals::new("age", &spec(widths)).is_err(), "{widths:?}");
        }
    }
}
