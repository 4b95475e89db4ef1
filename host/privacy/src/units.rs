//! Decimals in whole units: budgets are compared and added as integers, never as floating point.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which way a decimal with too many digits goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// For what is spent.
    Up,
    /// For what may be spent.
    Down,
}

/// A decimal with at most `DIGITS` digits after the point, counted in units of 10^-`DIGITS`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount<const DIGITS: usize>(u64);

/// An amount of ε or ρ, in units of 1e-9.
pub type Nano = Amount<9>;
/// An amount of δ, in units of 1e-18.
pub type Atto = Amount<18>;

impl<const DIGITS: usize> Amount<DIGITS> {
    /// So many units.
    #[must_use]
    pub fn from_units(units: u64) -> Self {
        Self(units)
    }

    /// How many units.
    #[must_use]
    pub fn units(self) -> u64 {
        self.0
    }

    /// The amount that a decimal text means; none where it is no number, negative or more than
    /// `u64::MAX` units.
    #[must_use]
    pub fn parse(text: &str, rounding: Rounding) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            // With an exponent, a sign or a word: as floating point reads it, or not at all.
            let value: f64 = text.parse().ok()?;
            let plain = value.is_finite() && value.is_sign_positive();
            return plain.then(|| Self::of(value, rounding)).flatten();
        }
        let kept = fraction.get(..DIGITS).unwrap_or(fraction);
        let dropped = fraction.get(DIGITS..).unwrap_or("");
        let units: u64 = format!("{whole}{kept:0<DIGITS$}").parse().ok()?;
        let more = rounding == Rounding::Up && dropped.bytes().any(|b| b != b'0');
        units.checked_add(u64::from(more)).map(Self)
    }

    /// The amount of the shortest decimal that reads back as this number: 0.1 is a tenth and not the
    /// nearest binary fraction. None for what is not finite, negative or too large.
    #[must_use]
    pub fn of(value: f64, rounding: Rounding) -> Option<Self> {
        if !value.is_finite() || value < 0.0 {
            return None;
        }
        // Written without an exponent, and without the sign that a zero may have.
        Self::parse(&value.abs().to_string(), rounding)
    }

    /// A floating-point number that is not more than the amount, and less by at most four units in its
    /// last place.
    #[must_use]
    pub fn at_most(self) -> f64 {
        // The conversion and the division each round to the nearest: two steps down cover both.
        let near = self.nearest();
        if near > 0.0 {
            near.next_down().next_down()
        } else {
            0.0
        }
    }

    /// The amount rounded down to 15 digits: as many as survive the way into floating point and back, so that
    /// [`Amount::of`] has exactly what is told here.
    #[must_use]
    pub fn decimal(self) -> f64 {
        let beyond = self.0.checked_ilog10().unwrap_or(0).saturating_sub(14);
        let scale = 10_u64.pow(beyond);
        // Whatever an amount is written as can be read.
        let told = Self(self.0 / scale * scale).to_string();
        told.parse().unwrap_or(0.0)
    }

    /// The amount as floating point, for people.
    #[must_use]
    pub fn nearest(self) -> f64 {
        self.0 as f64 / 10_u64.pow(DIGITS as u32) as f64
    }
}

/// The decimal, without zeros at its end.
impl<const DIGITS: usize> fmt::Display for Amount<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(DIGITS as u32);
        let fraction = format!("{:0DIGITS$}", self.0 % scale);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / scale),
            fraction => write!(f, "{}.{fraction}", self.0 / scale),
        }
    }
}

/// As the text of the decimal: a binary fraction could not hold every amount.
impl<const DIGITS: usize> Serialize for Amount<DIGITS> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number or a text, as it was written; which way it is rounded depends on what it is for.
#[derive(Debug, Clone)]
pub(crate) struct Decimal(String);

impl Decimal {
    pub(crate) fn amount<const DIGITS: usize>(
        &self,
        what: &str,
        rounding: Rounding,
    ) -> Result<Amount<DIGITS>, String> {
        Amount::parse(&self.0, rounding)
            .ok_or_else(|| format!("{what} is {}: it is a decimal number of at least 0", self.0))
    }
}

impl From<f64> for Decimal {
    fn from(value: f64) -> Self {
        Self(value.to_string())
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        let text = match Either::deserialize(deserializer)? {
            Either::Number(number) => number.to_string(),
            Either::Text(text) => text,
        };
        if text.len() > 400 {
            return Err(serde::de::Error::custom("a number has at most 400 digits"));
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn costs_go_up_and_limits_go_down() {
        let up = |v| Nano::of(v, Rounding::Up).map(Nano::units);
        let down = |v| Nano::of(v, Rounding::Down).map(Nano::units);
        assert_eq!(up(0.1), Some(100_000_000));
        assert_eq!(up(0.123_456_789_1), Some(123_456_790));
        assert_eq!(down(0.123_456_789_9), Some(123_456_789));
        assert_eq!(up(1e-300), Some(1));
        assert_eq!(down(1e-300), Some(0));
        assert_eq!(up(-0.0), Some(0));
        for bad in [f64::NAN, f64::INFINITY, -1.0, -1e-300, 1e300] {
            assert_eq!(up(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_are_read_exactly() {
        let read = |t| Atto::parse(t, Rounding::Up).map(Atto::units);
        assert_eq!(read("0.000001"), Some(1_000_000_000_000));
        assert_eq!(read("1e-6"), Some(1_000_000_000_000));
        assert_eq!(read("0.123456789012345678"), Some(123_456_789_012_345_678));
        for bad in [
            "", ".", ".5x", "-1", "-0.0", "NaN", "inf", "0x1", "1.2.3", "19.0", "１",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(Atto::from_units(1).to_string(), "0.000000000000000001");
        assert_eq!(Nano::from_units(1_500_000_000).to_string(), "1.5");
        assert_eq!(Nano::from_units(2_000_000_000).to_string(), "2");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_reads_back_as_its_amount(units in any::<u64>()) {
            let amount = Nano::from_units(units);
            for rounding in [Rounding::Up, Rounding::Down] {
                prop_assert_eq!(Nano::parse(&amount.to_string(), rounding), Some(amount));
            }
        }

        #[test]
        fn fifteen_digits_come_back_as_they_were_told(units in any::<u64>(), shift in 0_u32..64) {
            let units = units >> shift;
            let back = |told: f64| [Rounding::Up, Rounding::Down].map(|r| Atto::of(told, r).map(Atto::units));
            let told = Atto::from_units(units).decimal();
            let [up, down] = back(told);
            prop_assert_eq!(up, down);
            let kept = up.unwrap();
            prop_assert!(kept <= units && (units - kept) as f64 <= units as f64 * 1e-14);
            let nano = Nano::from_units(units.min(999_999_999_999_999));
            prop_assert_eq!(Nano::of(nano.decimal(), Rounding::Up), Some(nano));
        }

        #[test]
        fn the_binary_fraction_is_never_more(units in any::<u64>()) {
            let value = Nano::from_units(units).at_most();
            // Exactly, in integers: the value is m * 2^e, and m * 2^e * 10^9 <= units is asked.
            if value > 0.0 {
                let bits = value.to_bits();
                let exponent = i32::try_from(bits >> 52).unwrap() - 1075;
                let mantissa = u128::from((bits & ((1 << 52) - 1)) | (1 << 52));
                let scaled = mantissa * 1_000_000_000;
                let fits = if exponent >= 0 {
                    scaled << exponent <= u128::from(units)
                } else if -exponent < 128 {
                    // Rounded up: more than a whole unit would be more.
                    let shift = exponent.unsigned_abs();
                    let whole = scaled >> shift;
                    let rest = scaled & ((1_u128 << shift) - 1) != 0;
                    whole + u128::from(rest) <= u128::from(units)
                } else {
                    true
                };
                prop_assert!(fits, "{value} of {units}");
            }
        }

        #[test]
        fn anything_may_be_written(text in any::<String>()) {
            let _ = Nano::parse(&text, Rounding::Up);
            let _ = Atto::parse(&text, Rounding::Down);
        }
    }
}
