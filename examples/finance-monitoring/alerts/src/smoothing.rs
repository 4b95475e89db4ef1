//! Exponential smoothing with an additive trend and an additive season (Holt–Winters).
//!
//! The recursions are those of Hyndman and Athanasopoulos, *Forecasting: Principles and Practice*, section 8.3:
//!
//! ```text
//! forecast  ŷ(t) = l(t-1) + b(t-1) + s(t-m)
//! level     l(t) = α (y(t) - s(t-m)) + (1-α) (l(t-1) + b(t-1))
//! trend     b(t) = β (l(t) - l(t-1)) + (1-β) b(t-1)
//! season    s(t) = γ (y(t) - l(t-1) - b(t-1)) + (1-γ) s(t-m)
//! ```

use crate::robust::scale;

/// How quickly level, trend and season follow what comes: each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// α
    pub level: f64,
    /// β, as statsmodels has it: of the change of the level.
    pub trend: f64,
    /// γ
    pub season: f64,
    /// Over how many places to both sides the first season is smoothed.
    pub around: usize,
}

/// Level, trend and one value for each hour of the season.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    level: f64,
    trend: f64,
    season: Vec<f64>,
    /// Where in the season the next value lies.
    at: usize,
}

impl State {
    /// From numbers that are known; none where the season is empty.
    pub fn new(level: f64, trend: f64, season: Vec<f64>) -> Option<Self> {
        (!season.is_empty()).then_some(Self {
            level,
            trend,
            season,
            at: 0,
        })
    }

    /// From the first two seasons: their mean is the level, and the mean of both at each place, smoothed over so many places to
    /// both sides (`around`), the season. None where they are not there, or nothing is known of them.
    pub fn of(values: &[Option<f64>], period: usize, around: usize) -> Option<Self> {
        let first = values.get(..period.checked_mul(2)?)?;
        let known: Vec<f64> = first.iter().copied().flatten().collect();
        if period == 0 || known.is_empty() {
            return None;
        }
        let level = mean(&known);
        let rough: Vec<f64> = (0..period)
            .map(|place| {
                let both: Vec<f64> = [first[place], first[place + period]]
                    .into_iter()
                    .flatten()
                    .collect();
                if both.is_empty() {
                    0.0
                } else {
                    mean(&both) - level
                }
            })
            .collect();
        let season = (0..period)
            .map(|place| {
                let near = (0..=2 * around)
                    .map(|shift| rough[(place + shift + period * around - around) % period]);
                near.sum::<f64>() / (2 * around + 1) as f64
            })
            .collect();
        Self::new(level, 0.0, season)
    }

    /// What it expects next.
    pub fn forecast(&self) -> f64 {
        self.level + self.trend + self.season[self.at]
    }

    /// Takes what came; nothing came: the forecast stands for it.
    pub fn take(&mut self, value: Option<f64>, rates: Rates) {
        let value = value.unwrap_or_else(|| self.forecast());
        let before = self.level + self.trend;
        let season = self.season[self.at];
        let level = rates.level * (value - season) + (1.0 - rates.level) * before;
        self.trend = rates.trend * (level - self.level) + (1.0 - rates.trend) * self.trend;
        self.level = level;
        self.season[self.at] = rates.season * (value - before) + (1.0 - rates.season) * season;
        self.at = (self.at + 1) % self.season.len();
    }
}

/// How far a value may pull the state along, in robust standard deviations of the errors: a spike is told, and does not become
/// what is expected.
const PULL: f64 = 3.0;

/// What was expected at each place, one step ahead. The state starts from the first two seasons ([`State::of`]); a first
/// round finds how large errors are, the second passes on of each value what lies within `PULL` of that.
///
/// `floor` is the least that errors are taken to be. Where nothing is known, forecasts go on from what was known before.
pub fn expected(
    values: &[Option<f64>],
    period: usize,
    rates: Rates,
    floor: f64,
) -> Option<Vec<f64>> {
    let start = State::of(values, period, rates.around)?;
    let mut state = start.clone();
    let mut errors = Vec::with_capacity(values.len());
    for value in values {
        errors.extend(value.map(|v| v - state.forecast()));
        state.take(*value, rates);
    }
    let most = PULL * scale(&errors).max(floor);
    let mut state = start;
    let forecast = |value: &Option<f64>| {
        let forecast = state.forecast();
        let pulled = value.map(|v| v.clamp(forecast - most, forecast + most));
        state.take(pulled, rates);
        forecast
    };
    Some(values.iter().map(forecast).collect())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        level: 0.1,
        trend: 0.01,
        season: 0.1,
        around: 1,
    };

    #[test]
    fn a_season_that_repeats_is_expected_to_the_end_and_a_spike_does_not_change_that() {
        let wave = |t: usize| 10.0 + (t % 24) as f64 / 4.0;
        let mut values: Vec<Option<f64>> = (0..480).map(|t| Some(wave(t))).collect();
        values[300] = Some(500.0);
        values[301] = None;
        let expected = expected(&values, 24, RATES, 0.5).unwrap();
        // The jump at midnight was smoothed at the start; it is learned.
        for t in [299, 300, 310, 470] {
            assert!(
                (expected[t] - wave(t)).abs() < 0.8,
                "{t}: {} {}",
                expected[t],
                wave(t)
            );
        }
    }

    #[test]
    fn too_little_says_nothing() {
        assert!(expected(&[Some(1.0); 47], 24, RATES, 1.0).is_none());
        assert!(expected(&[None; 100], 24, RATES, 1.0).is_none());
        assert!(expected(&[Some(1.0); 100], 0, RATES, 1.0).is_none());
        assert!(State::new(0.0, 0.0, vec![]).is_none());
    }
}
