//! What a candidate may not pass.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most that a candidate may do before it goes back. What is left out has its default; `null` switches a bound off.
///
/// ```
/// use steward_monitoring::guard::Bounds;
///
/// let bounds: Bounds = serde_json::from_str(r#"{"max_error_rate": 0.02, "max_psi": null}"#)?;
/// assert_eq!((bounds.max_error_rate, bounds.max_psi), (Some(0.02), None));
/// assert!(serde_json::from_str::<Bounds>(r#"{"max_error_rate": 2}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Bounds {
    /// The largest share of calls that may fail, 0 to 1. Default .05.
    pub max_error_rate: Option<f64>,
    /// How many times stable's error rate the candidate's may be, 1 or more. Default 2.
    pub max_error_ratio: Option<f64>,
    /// An error rate that `max_error_ratio` never holds against the candidate, however few errors stable has, 0 to 1.
    /// Default .001.
    pub tolerated_error_rate: f64,
    /// How many calls in a row may not all fail, 1 or more; alone needs no `min_calls`. Default 20.
    pub max_consecutive_errors: u32,
    /// How many times as long as stable's the candidate's typical latency (geometric mean) may be, 1 or more. Default 2.
    pub max_latency_ratio: Option<f64>,
    /// How many times stable's 99th percentile of latency the candidate's may be, 1 or more. Default 3.
    pub max_p99_ratio: Option<f64>,
    /// A latency in milliseconds that `max_latency_ratio` and `max_p99_ratio` never hold against the candidate, however
    /// fast stable is, 0 to 1000000: where calls take microseconds, what else the machine does makes ratios. Default 5.
    pub tolerated_latency_ms: f64,
    /// The longest 99th percentile of latency in milliseconds. No default.
    pub max_p99_ms: Option<f64>,
    /// The largest population stability index of the candidate's scores against stable's. Default .25. Switch it off for
    /// a candidate that is meant to score otherwise, and where both sides do not see the same kind of traffic.
    pub max_psi: Option<f64>,
    /// The largest share of shadow calls that the candidate may answer otherwise than stable, 0 to 1. Default .2.
    pub max_disagreement: Option<f64>,
    /// Calls of the candidate within the window before any verdict but that over `max_consecutive_errors`, 1 or more.
    /// Default 100. With less traffic than this nothing is ever decided.
    pub min_calls: u64,
    /// How long a call counts, 12 seconds to a day. Default 300.
    pub window_seconds: u64,
}

/// A bound that is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{bound}` must be {range}, not {value}")]
pub struct BoundsError {
    /// Its name.
    pub bound: &'static str,
    /// What it may be.
    pub range: &'static str,
    /// What it is.
    pub value: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_error_rate: Some(0.05),
            max_error_ratio: Some(2.0),
            tolerated_error_rate: 0.001,
            max_consecutive_errors: 20,
            max_latency_ratio: Some(2.0),
            max_p99_ratio: Some(3.0),
            tolerated_latency_ms: 5.0,
            max_p99_ms: None,
            max_psi: Some(0.25),
            max_disagreement: Some(0.2),
            min_calls: 100,
            window_seconds: 300,
        }
    }
}

const DAY: u64 = 86_400;

impl Bounds {
    /// Checks the range of each bound.
    ///
    /// # Errors
    /// With the first that is out of range.
    pub fn validate(&self) -> Result<(), BoundsError> {
        const SHARE: &str = "from 0 to 1";
        const RATIO: &str = "from 1 to 1000000";
        const POSITIVE: &str = "over 0 and at most 1000000";
        const COUNT: &str = "from 1 to 1000000";
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let ratio = |value: f64| (1.0..=1e6).contains(&value);
        let positive = |value: f64| value > 0.0 && value <= 1e6;
        let check = |bound, value: Option<f64>, good: &dyn Fn(f64) -> bool, range| match value {
            Some(value) if !good(value) => Err(BoundsError {
                bound,
                range,
                value,
            }),
            _ => Ok(()),
        };
        let (tolerated, row) = (self.tolerated_error_rate, self.max_consecutive_errors);
        let (calls, window) = (self.min_calls as f64, self.window_seconds as f64);
        let within_day = |value: f64| (12.0..=DAY as f64).contains(&value);
        check("max_error_rate", self.max_error_rate, &share, SHARE)?;
        check("max_error_ratio", self.max_error_ratio, &ratio, RATIO)?;
        check("tolerated_error_rate", Some(tolerated), &share, SHARE)?;
        check("max_consecutive_errors", Some(row.into()), &ratio, COUNT)?;
        check("max_latency_ratio", self.max_latency_ratio, &ratio, RATIO)?;
        check("max_p99_ratio", self.max_p99_ratio, &ratio, RATIO)?;
        let latency = Some(self.tolerated_latency_ms);
        let from_zero = |value: f64| (0.0..=1e6).contains(&value);
        check(
            "tolerated_latency_ms",
            latency,
            &from_zero,
            "from 0 to 1000000",
        )?;
        check("max_p99_ms", self.max_p99_ms, &positive, POSITIVE)?;
        check("max_psi", self.max_psi, &positive, POSITIVE)?;
        check("max_disagreement", self.max_disagreement, &share, SHARE)?;
        check("min_calls", Some(calls), &ratio, COUNT)?;
        check(
            "window_seconds",
            Some(window),
            &within_day,
            "from 12 to 86400",
        )
    }
}

impl Serialize for Bounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Bounds {
    /// Only bounds within their ranges.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bounds = Self::deserialize(deserializer)?;
        bounds.validate().map_err(serde::de::Error::custom)?;
        Ok(bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        serde_json::from_str::<Bounds>(text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn nothing_said_is_the_default_and_comes_back() {
        let bounds: Bounds = serde_json::from_str("{}").unwrap();
        assert_eq!(bounds, Bounds::default());
        bounds.validate().unwrap();
        let text = serde_json::to_string(&bounds).unwrap();
        assert_eq!(serde_json::from_str::<Bounds>(&text).unwrap(), bounds);
    }

    #[test]
    fn what_is_out_of_range_or_unknown_is_named() {
        for (bound, value) in [
            ("max_error_rate", "-0.1"),
            ("max_error_ratio", "0.5"),
            ("tolerated_error_rate", "7"),
            ("max_consecutive_errors", "0"),
            ("max_latency_ratio", "0"),
            ("max_p99_ratio", "1e300"),
            ("tolerated_latency_ms", "-1"),
            ("max_p99_ms", "0"),
            ("max_psi", "0"),
            ("max_disagreement", "1.01"),
            ("min_calls", "0"),
            ("window_seconds", "5"),
        ] {
            let message = refused(&format!("{{\"{bound}\": {value}}}"));
            assert!(
                message.contains(&format!("`{bound}` must be ")),
                "{message}"
            );
        }
        assert!(refused(r#"{"max_eror_rate": 0.1}"#).contains("max_eror_rate"));
        let nan = Bounds {
            max_psi: Some(f64::NAN),
            ..Bounds::default()
        };
        assert_eq!(nan.validate().unwrap_err().bound, "max_psi");
    }
}
