//! Whether the last hours of a company are out of the ordinary, in volume or in tone.
//!
//! Two judges look at each hour, and both must say so:
//!
//! - the **robust z-score**: how far a value lies from the median of the same hours of earlier days, in standard deviations
//!   estimated by the median absolute deviation, so that spikes of the past do not widen what is ordinary;
//! - **Holt–Winters** ([`smoothing`](crate::smoothing)): how far it lies from what level, trend and season led to expect, which
//!   knows that Monday morning is busy and that there is more news this week than last.
//!
//! **Volume** is counted. Counts have a variance that grows with their mean, so both judges look at `2 √(n + 3/8)` (Anscombe,
//! Biometrika 35, 1948), whose variance is about 1 whatever the mean is; less than 1 is never assumed, however regular the past
//! was. Only more than usual is told: that a company of three headlines a day has none tells nothing.
//!
//! **Tone** is a mean, between -1 and 1, and the more headlines it rests on the surer it is: an error counts √n times.
//!
//! A spike may be short and high or long and low: windows of several lengths that end with the hour are judged, each by what was
//! known before it began, so that the first hours of a spike are not what the last ones are expected to be. For a window
//! the errors are summed and divided by the root of its length (of the number of headlines, for tone), so that the bound means
//! the same for each.

use serde::Serialize;

use crate::robust::{median, root_mean_square, scale};
use crate::smoothing::{Rates, expected};

/// What is known of one hour of one company: how many headlines, and the sum of their tones.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cell {
    /// How many.
    pub count: u32,
    /// The sum of tones from -1 to 1.
    pub tone: f64,
}

impl Cell {
    fn mean(self) -> Option<f64> {
        (self.count > 0 && self.tone.is_finite())
            .then(|| (self.tone / f64::from(self.count)).clamp(-1.0, 1.0))
    }
}

/// What is out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The number of headlines.
    Volume,
    /// Their mean tone.
    Tone,
}

/// To which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// More, or better.
    Up,
    /// Worse.
    Down,
}

/// From which score on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// For volume.
    pub volume: f64,
    /// For tone.
    pub tone: f64,
}

/// What was found, with everything that explains it. Volumes are headlines of the whole window, tones are means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What is out of the ordinary.
    pub kind: Kind,
    /// To which side.
    pub direction: Direction,
    /// How many hours, the last one included.
    pub hours: usize,
    /// How many headlines they have.
    pub headlines: u32,
    /// What came.
    pub observed: f64,
    /// What Holt–Winters led to expect.
    pub expected: f64,
    /// From here …
    pub low: f64,
    /// … to here would have been ordinary, to Holt–Winters.
    pub high: f64,
    /// The robust z-score.
    pub robust_z: f64,
    /// The score by Holt–Winters.
    pub seasonal_z: f64,
}

/// Hours of windows.
const VOLUME_WINDOWS: [usize; 2] = [1, 3];
const TONE_WINDOWS: [usize; 4] = [1, 3, 6, 10];
/// Fewer headlines are no news.
const MIN_VOLUME: u32 = 5;
const MIN_TONE: u32 = 8;
/// The season: a day, and a week from three weeks on.
const DAY: usize = 24;
const WEEK: usize = 7 * DAY;
/// With less of a past nothing is told.
const MIN_HOURS: usize = 3 * DAY;
/// The least standard deviation of the tone of one headline.
const MIN_TONE_SCALE: f64 = 0.3;
const VOLUME_RATES: Rates = Rates {
    level: 0.05,
    trend: 0.001,
    season: 0.05,
    around: 1,
};
const TONE_RATES: Rates = Rates {
    level: 0.01,
    trend: 0.0,
    season: 0.005,
    around: 5,
};

/// How many hours of the past are looked at: with more, what was ordinary months ago would count.
pub const PAST: usize = 4 * WEEK;

/// Judges the last hour of a series without gaps in time; a cell is none where nothing was recorded. `first` is the number of
/// the hour that the series begins with. The strongest finding of each kind.
pub fn judge(first: i64, series: &[Option<Cell>], thresholds: Thresholds) -> Vec<Finding> {
    let recorded = series.iter().flatten().count();
    if recorded < MIN_HOURS || series.last().is_none_or(Option::is_none) {
        return Vec::new();
    }
    let kinds = [
        volume(first, series, thresholds.volume),
        tone(series, thresholds.tone),
    ];
    kinds.into_iter().flatten().collect()
}

fn period(length: usize) -> usize {
    if length >= 3 * WEEK { WEEK } else { DAY }
}

/// The score of the two judges that is nearer to 0, if both lie on the same side of it.
fn agreed(a: f64, b: f64) -> f64 {
    if a * b <= 0.0 {
        0.0
    } else {
        a.abs().min(b.abs()).copysign(a)
    }
}

fn stronger(best: Option<(f64, Finding)>, score: f64, finding: Finding) -> Option<(f64, Finding)> {
    match best {
        Some(best) if best.0 >= score.abs() => Some(best),
        _ => Some((score.abs(), finding)),
    }
}

fn anscombe(count: f64) -> f64 {
    2.0 * (count + 0.375).sqrt()
}

fn counted(value: f64) -> f64 {
    ((value.max(0.0) / 2.0).powi(2) - 0.375).max(0.0)
}

fn volume(first: i64, series: &[Option<Cell>], threshold: f64) -> Option<Finding> {
    let values: Vec<Option<f64>> = series
        .iter()
        .map(|c| c.map(|c| anscombe(f64::from(c.count))))
        .collect();
    let mut best = None;
    for window in VOLUME_WINDOWS {
        let start = series.len().saturating_sub(window);
        let cells: Option<Vec<Cell>> = series[start..].iter().copied().collect();
        let Some(cells) = cells else { continue };
        let headlines: u32 = cells.iter().map(|c| c.count).sum();
        if headlines < MIN_VOLUME {
            continue;
        }
        let root = (window as f64).sqrt();
        let (expected, spread) = forecasts(&values, start, VOLUME_RATES, 1.0)?;
        let spread = scale(&spread).max(1.0);
        let recent = &expected[start..];
        let errors = cells
            .iter()
            .zip(recent)
            .map(|(c, e)| anscombe(f64::from(c.count)) - e);
        let seasonal_z = errors.sum::<f64>() / (spread * root);
        let robust: f64 = (start..series.len())
            .map(|at| robust_volume(first, &values, at, start))
            .sum();
        let robust_z = robust / root;
        let score = agreed(robust_z, seasonal_z);
        if score >= threshold {
            let away = threshold * spread / root;
            let sum = |shift: f64| -> f64 { recent.iter().map(|e| counted(e + shift)).sum() };
            let finding = Finding {
                kind: Kind::Volume,
                direction: Direction::Up,
                hours: window,
                headlines,
                observed: f64::from(headlines),
                expected: sum(0.0),
                low: sum(-away),
                high: sum(away),
                robust_z,
                seasonal_z,
            };
            best = stronger(best, score, finding);
        }
    }
    best.map(|(_, finding)| finding)
}

/// The score of one hour against the same hour, the one before and the one after, of earlier days of its kind: working days or
/// weekends, and of any where there are few. Nothing from `before` on is looked at.
fn robust_volume(first: i64, values: &[Option<f64>], at: usize, before: usize) -> f64 {
    let hour = |place: usize| first.saturating_add(place as i64);
    // 1970-01-01 was a Thursday.
    let weekend = |place: usize| (hour(place).div_euclid(24) + 3).rem_euclid(7) >= 5;
    let near = |place: &usize| {
        let apart = (hour(*place) - hour(at)).rem_euclid(24);
        matches!(apart, 0 | 1 | 23)
    };
    let known = |place: usize| values.get(place).copied().flatten();
    let same: Vec<f64> = (0..before)
        .filter(near)
        .filter(|p| weekend(*p) == weekend(at))
        .filter_map(known)
        .collect();
    let past = match same.len() {
        0..9 => (0..before).filter(near).filter_map(known).collect(),
        _ => same,
    };
    match (known(at), past.is_empty()) {
        (Some(value), false) => (value - median(&past)) / scale(&past).max(1.0),
        _ => 0.0,
    }
}

/// What Holt–Winters expects at each place, knowing only what lies before `start`; and its errors there.
fn forecasts(
    values: &[Option<f64>],
    start: usize,
    rates: Rates,
    floor: f64,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut known = values.to_vec();
    known[start..].fill(None);
    let expected = expected(&known, period(values.len()), rates, floor)?;
    let errors = known
        .iter()
        .zip(&expected)
        .filter_map(|(v, e)| Some((*v)? - e))
        .collect();
    Some((expected, errors))
}

fn tone(series: &[Option<Cell>], threshold: f64) -> Option<Finding> {
    let means: Vec<Option<f64>> = series.iter().map(|c| c.and_then(Cell::mean)).collect();
    let weight = |place: usize| series[place].map_or(0.0, |c| f64::from(c.count));
    // Of one headline each: an error of the mean of n, times √n.
    let of_one = |from: &dyn Fn(usize) -> f64, until: usize| -> Vec<f64> {
        let error = |place: usize| Some((means[place]? - from(place)) * weight(place).sqrt());
        (0..until).filter_map(error).collect()
    };
    // Most headlines are neutral, and the median absolute deviation would be that of the neutral ones alone. Tones are bounded,
    // so that their mean square is no prey of wild values.
    let wide = |errors: &[f64]| {
        scale(errors)
            .max(root_mean_square(errors))
            .max(MIN_TONE_SCALE)
    };
    let mut best = None;
    for window in TONE_WINDOWS {
        let start = series.len().saturating_sub(window);
        let headlines: u32 = series[start..].iter().flatten().map(|c| c.count).sum();
        let past: Vec<f64> = means[..start].iter().copied().flatten().collect();
        if headlines < MIN_TONE || past.is_empty() {
            continue;
        }
        let usual = median(&past);
        let (expected, _) = forecasts(&means, start, TONE_RATES, MIN_TONE_SCALE)?;
        let seasonal_spread = wide(&of_one(&|place| expected[place], start));
        let robust_spread = wide(&of_one(&|_| usual, start));
        let all = f64::from(headlines);
        let weighted = |value: &dyn Fn(usize) -> f64| -> f64 {
            (start..series.len())
                .map(|place| weight(place) * value(place))
                .sum::<f64>()
                / all
        };
        let observed = weighted(&|place| means[place].unwrap_or(0.0));
        let led_to_expect = weighted(&|place| expected[place]).clamp(-1.0, 1.0);
        let robust_z = (observed - usual) * all.sqrt() / robust_spread;
        let seasonal_z = (observed - led_to_expect) * all.sqrt() / seasonal_spread;
        let score = agreed(robust_z, seasonal_z);
        if score.abs() >= threshold {
            let away = threshold * seasonal_spread / all.sqrt();
            let finding = Finding {
                kind: Kind::Tone,
                direction: if score > 0.0 {
                    Direction::Up
                } else {
                    Direction::Down
                },
                hours: window,
                headlines,
                observed,
                expected: led_to_expect,
                low: (led_to_expect - away).max(-1.0),
                high: (led_to_expect + away).min(1.0),
                robust_z,
                seasonal_z,
            };
            best = stronger(best, score, finding);
        }
    }
    best.map(|(_, finding)| finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds {
        volume: 3.2,
        tone: 2.5,
    };

    /// Ten days with two or three headlines an hour, a little positive.
    fn usual() -> Vec<Option<Cell>> {
        let cell = |t: usize| Cell {
            count: 2 + (t % 2) as u32,
            tone: 0.2 + (t % 3) as f64 * 0.2,
        };
        (0..240).map(|t| Some(cell(t))).collect()
    }

    #[test]
    fn what_is_usual_is_not_told_and_a_spike_is_with_what_was_expected() {
        let mut series = usual();
        assert!(judge(0, &series, THRESHOLDS).is_empty());
        series.push(Some(Cell {
            count: 25,
            tone: -22.0,
        }));
        let found = judge(0, &series, THRESHOLDS);
        let [volume, tone] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(
            (volume.kind, volume.hours, volume.observed),
            (Kind::Volume, 1, 25.0)
        );
        assert!((1.5..3.5).contains(&volume.expected), "{volume:?}");
        assert!(
            volume.low < volume.expected && volume.expected < volume.high && volume.high < 25.0,
            "{volume:?}"
        );
        assert_eq!((tone.kind, tone.direction), (Kind::Tone, Direction::Down));
        assert!(
            tone.observed < tone.low && tone.low < tone.expected,
            "{tone:?}"
        );
    }

    #[test]
    fn a_long_low_change_of_tone_is_seen_over_several_hours() {
        let mut series = usual();
        let mut seen = None;
        for hour in 0..10 {
            series.push(Some(Cell {
                count: 2,
                tone: -1.6,
            }));
            seen = seen.or(judge(0, &series, THRESHOLDS)
                .first()
                .map(|f| (hour, f.clone())));
        }
        let (_, finding) = seen.unwrap();
        assert_eq!(
            (finding.kind, finding.direction),
            (Kind::Tone, Direction::Down)
        );
        assert!(finding.hours > 1, "{finding:?}");
    }

    #[test]
    fn without_a_past_nothing_is_told() {
        let mut series: Vec<Option<Cell>> = usual()[..60].to_vec();
        series.push(Some(Cell {
            count: 500,
            tone: -500.0,
        }));
        assert!(judge(0, &series, THRESHOLDS).is_empty());
        let mut series = usual();
        series.push(None);
        assert!(judge(0, &series, THRESHOLDS).is_empty());
        assert!(judge(0, &[], THRESHOLDS).is_empty());
    }
}
