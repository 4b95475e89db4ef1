//! Surveys: the number of one, with an interval, and what is done about answers that are none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::at_most;
use crate::{FeedbackError, interval};

/// The most answers of one call.
pub const MAX_ANSWERS: usize = 1_000_000;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Net promoter score, 0 to 10: the percentage that gives 9 or 10 less the percentage that gives 0 to 6.
    Nps,
    /// Customer satisfaction, 1 to 5: the share that gives 4 or 5.
    Csat,
    /// Customer effort score, 1 to 7: the mean.
    Ces,
}

impl Metric {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Nps, Self::Csat, Self::Ces];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nps => "nps",
            Self::Csat => "csat",
            Self::Ces => "ces",
        }
    }

    /// The one of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == word)
    }

    /// The lowest and the highest rating.
    pub fn scale(self) -> (u32, u32) {
        match self {
            Self::Nps => (0, 10),
            Self::Csat => (1, 5),
            Self::Ces => (1, 7),
        }
    }

    /// A rating of the scale.
    ///
    /// # Errors
    /// What is outside of it, or between two of its numbers; the text names the scale.
    pub fn rating(self, rating: f64) -> Result<u32, FeedbackError> {
        let (low, high) = self.scale();
        if rating.fract() == 0.0 && (f64::from(low)..=f64::from(high)).contains(&rating) {
            return Ok(rating as u32);
        }
        Err(FeedbackError::invalid(format!(
            "the rating {rating} is outside of the scale; it is a whole number from {low} to {high}"
        )))
    }
}

/// Which answer counts of one respondent who answered twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twice {
    /// The last one: people may change their mind.
    Last,
    /// The first one.
    First,
    /// None of them.
    Neither,
}

/// A survey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Survey {
    /// What is asked.
    pub metric: Metric,
    /// What counts of those who answered twice.
    pub twice: Twice,
    /// Fewer valid answers give no number: few answers say little, and say it about people who can be named.
    pub minimum: u32,
    /// Of the interval.
    pub confidence: f64,
}

/// What somebody answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Who, by an opaque name.
    pub respondent: String,
    /// How they rate it.
    pub rating: f64,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// A number and between what it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// NPS between -100 and 100, CSAT between 0 and 1, CES between 1 and 7.
    pub value: f64,
    /// From.
    pub low: f64,
    /// To.
    pub high: f64,
}

/// The number of a survey, where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// The number.
    Value(Estimate),
    /// So many valid answers more would give a number.
    TooFew(u32),
}

/// An answer that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its place in what was given.
    pub answer: usize,
    /// Why.
    pub reason: String,
}

/// What a survey says.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyResult {
    /// The number.
    pub score: Score,
    /// Answers that count.
    pub answers: usize,
    /// Answers that do not count because their respondent answered again.
    pub repeated: usize,
    /// Answers that are none. They touch no other.
    pub rejected: Vec<Rejection>,
    /// How often each rating of the scale was given, from the lowest on.
    pub counts: Vec<u32>,
}

impl Survey {
    /// A survey of which the last answer counts, with 95 % intervals, and a number from 30 answers on.
    pub fn new(metric: Metric) -> Self {
        Self {
            metric,
            twice: Twice::Last,
            minimum: 30,
            confidence: 0.95,
        }
    }

    /// What the answers say.
    ///
    /// # Errors
    /// A design that is none, or over a million answers. An answer that is none is in the result.
    pub fn score(&self, answers: &[Answer]) -> Result<SurveyResult, FeedbackError> {
        at_most("answers", answers.len(), MAX_ANSWERS)?;
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(FeedbackError::invalid(format!(
                "the confidence is {}; it lies between 0 and 1, 0.95 for one",
                self.confidence
            )));
        }
        if self.minimum < 2 {
            return Err(FeedbackError::invalid(format!(
                "the minimum is {}; a number needs at least 2 answers, and is better withheld below 30",
                self.minimum
            )));
        }
        let (low, high) = self.metric.scale();
        let mut rejected = Vec::new();
        // By respondent: the answer that counts, and how many there are.
        let mut by_respondent: BTreeMap<&str, (u32, i64, usize)> = BTreeMap::new();
        for (place, answer) in answers.iter().enumerate() {
            let rating = match self.metric.rating(answer.rating) {
                Ok(rating) => rating,
                Err(why) => {
                    rejected.push(Rejection {
                        answer: place,
                        reason: why.to_string(),
                    });
                    continue;
                }
            };
            if answer.respondent.trim().is_empty() {
                let reason =
                    "it names no respondent, so that nobody can tell whether they answered twice";
                rejected.push(Rejection {
                    answer: place,
                    reason: reason.into(),
                });
                continue;
            }
            by_respondent
                .entry(&answer.respondent)
                .and_modify(|(kept, at, count)| {
                    // Of answers of one time, the one that comes later in the list is the later one.
                    let earlier = answer.at < *at;
                    if earlier == (self.twice == Twice::First) {
                        (*kept, *at) = (rating, answer.at);
                    }
                    *count += 1;
                })
                .or_insert((rating, answer.at, 1));
        }
        let mut repeated = 0;
        let mut counts = vec![0u32; (high - low + 1) as usize];
        let mut valid = Vec::new();
        for (rating, _, count) in by_respondent.into_values() {
            if count > 1 && self.twice == Twice::Neither {
                repeated += count;
                continue;
            }
            repeated += count - 1;
            if let Some(cell) = counts.get_mut((rating - low) as usize) {
                *cell += 1;
            }
            valid.push(f64::from(rating));
        }
        let missing = (self.minimum as usize).saturating_sub(valid.len());
        let score = match u32::try_from(missing) {
            Ok(0) => Score::Value(self.estimate(&valid)),
            missing => Score::TooFew(missing.unwrap_or(u32::MAX)),
        };
        // With the counts, anybody computes the number that is withheld.
        if matches!(score, Score::TooFew(_)) {
            counts.clear();
        }
        Ok(SurveyResult {
            score,
            answers: valid.len(),
            repeated,
            rejected,
            counts,
        })
    }

    /// Of at least two ratings.
    fn estimate(&self, ratings: &[f64]) -> Estimate {
        let n = ratings.len() as f64;
        let share = |good: fn(f64) -> bool| ratings.iter().filter(|r| good(**r)).count() as f64;
        let (value, interval, factor) = match self.metric {
            Metric::Nps => {
                let (promoters, detractors) = (share(|r| r >= 9.0), share(|r| r <= 6.0));
                let interval = interval::net_promoter(promoters, detractors, n, self.confidence);
                ((promoters - detractors) / n, interval, 100.0)
            }
            Metric::Csat => {
                let satisfied = share(|r| r >= 4.0);
                let interval = interval::wilson(satisfied, n, self.confidence);
                (satisfied / n, interval, 1.0)
            }
            Metric::Ces => {
                let (mean, interval) = interval::mean(ratings, self.confidence);
                (mean, interval, 1.0)
            }
        };
        Estimate {
            value: value * factor,
            low: interval.low * factor,
            high: interval.high * factor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(ratings: impl IntoIterator<Item = f64>) -> Vec<Answer> {
        let answer = |(n, rating): (usize, f64)| Answer {
            respondent: format!("r{n}"),
            rating,
            at: 0,
        };
        ratings.into_iter().enumerate().map(answer).collect()
    }

    fn value(result: &SurveyResult) -> Estimate {
        match result.score {
            Score::Value(estimate) => estimate,
            Score::TooFew(missing) => panic!("{missing} missing"),
        }
    }

    #[test]
    fn the_published_numbers_are_met() {
        let of = |count: usize, rating: f64| std::iter::repeat_n(rating, count);
        let ratings = of(60, 9.0).chain(of(60, 8.0)).chain(of(20, 6.0));
        let nps = Survey::new(Metric::Nps).score(&answers(ratings)).unwrap();
        let Estimate { value, low, high } = value(&nps);
        assert!((value - 28.571).abs() < 5e-4, "{value}");
        assert!((low - 16.979).abs() < 5e-4, "{low}");
        assert!((high - 40.164).abs() < 5e-4, "{high}");
        assert_eq!((nps.answers, nps.counts[9], nps.counts[6]), (140, 60, 20));
        let wilson = interval::wilson(8.0, 10.0, 0.95);
        assert!((wilson.low - 0.490_162).abs() < 5e-7, "{}", wilson.low);
        assert!((wilson.high - 0.943_318).abs() < 5e-7, "{}", wilson.high);
    }

    #[test]
    fn satisfaction_is_the_share_of_the_best_two_and_effort_a_mean() {
        let survey = Survey {
            minimum: 10,
            ..Survey::new(Metric::Csat)
        };
        let csat = survey
            .score(&answers([5.0, 5.0, 4.0, 4.0, 4.0, 4.0, 5.0, 5.0, 3.0, 1.0]))
            .unwrap();
        assert_eq!(value(&csat).value, 0.8);
        assert!((value(&csat).low - 0.490_162).abs() < 5e-7);
        let survey = Survey {
            minimum: 3,
            ..Survey::new(Metric::Ces)
        };
        let ces = survey.score(&answers([1.0, 2.0, 6.0])).unwrap();
        assert_eq!(value(&ces).value, 3.0);
        assert!(value(&ces).low < 1.0, "Student's interval of three is wide");
    }

    #[test]
    fn too_few_answers_give_no_number_and_no_counts() {
        let few = Survey::new(Metric::Nps).score(&answers([9.0; 29])).unwrap();
        assert_eq!((few.score, few.counts.len()), (Score::TooFew(1), 0));
    }

    #[test]
    fn who_answers_twice_counts_once() {
        let mut given = answers([10.0, 10.0, 0.0]);
        given[2].respondent = "r0".into();
        given[2].at = 5;
        let nps = |twice| {
            let survey = Survey {
                minimum: 2,
                twice,
                ..Survey::new(Metric::Nps)
            };
            survey.score(&given).unwrap()
        };
        let last = nps(Twice::Last);
        assert_eq!(
            (value(&last).value, last.answers, last.repeated),
            (0.0, 2, 1)
        );
        assert_eq!(value(&nps(Twice::First)).value, 100.0);
        let neither = nps(Twice::Neither);
        assert_eq!(
            (neither.score, neither.answers, neither.repeated),
            (Score::TooFew(1), 1, 2)
        );
    }

    #[test]
    fn a_rating_outside_of_its_scale_is_rejected_alone() {
        let mut given = answers([11.0, 9.0, -1.0, 8.5, f64::NAN, 10.0, 10.0]);
        given[6].respondent = "  ".into();
        let survey = Survey {
            minimum: 2,
            ..Survey::new(Metric::Nps)
        };
        let nps = survey.score(&given).unwrap();
        let places: Vec<usize> = nps.rejected.iter().map(|r| r.answer).collect();
        assert_eq!(places, [0, 2, 3, 4, 6]);
        assert!(nps.rejected[0].reason.contains("from 0 to 10"));
        assert_eq!((value(&nps).value, nps.answers), (100.0, 2));
    }

    #[test]
    fn a_metric_has_one_word_and_one_scale() {
        for metric in Metric::ALL {
            assert_eq!(Metric::named(metric.as_str()), Some(metric));
            let (low, high) = metric.scale();
            assert_eq!(metric.rating(f64::from(low)), Ok(low));
            assert_eq!(metric.rating(f64::from(high)), Ok(high));
            let why = metric.rating(f64::from(high) + 1.0).unwrap_err();
            let scale = format!("from {low} to {high}");
            assert!(why.to_string().contains(&scale), "{why}");
            assert!(metric.rating(f64::from(low) + 0.5).is_err());
        }
        assert_eq!(Metric::named("NPS"), None);
    }

    #[test]
    fn designs_that_are_none_are_refused() {
        for (minimum, confidence) in [(1, 0.95), (30, 0.0), (30, 1.0), (30, f64::NAN)] {
            let survey = Survey {
                minimum,
                confidence,
                ..Survey::new(Metric::Nps)
            };
            assert!(survey.score(&[]).is_err(), "{survey:?}");
        }
    }
}
