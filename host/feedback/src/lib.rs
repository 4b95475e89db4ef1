//! What people say and do, as numbers: surveys, experiments, funnels, themes, preferences, recommendations.
//!
//! | question | module |
//! | --- | --- |
//! | What does a survey say, and how sure is that? Whom to ask? | [`survey`], [`audience`] |
//! | Which variant of a flag does somebody get? | [`flags`] |
//! | Does a treatment differ from the control? | [`experiment`] |
//! | Who goes through these steps, who comes back, by which way? | [`events`] |
//! | Which language is a text in, what are texts about, and what is new? | [`language`], [`themes`] |
//! | Which answer of a model is better than which? | [`preferences`] |
//! | What would somebody like? | [`recommend`] |
//! | How does feedback come in? | [`intake`] |
//!
//! Everything here is arithmetic and text: no clock is read, nothing is drawn but from a seed, so that the same input gives
//! the same answer on every machine and within a plugin.
//!
//! ```
//! use steward_feedback::survey::{Answer, Metric, Score, Survey};
//!
//! let ratings = [10.0, 9.0, 9.0, 8.0, 3.0];
//! let answers: Vec<Answer> = ratings
//!     .iter()
//!     .enumerate()
//!     .map(|(n, rating)| Answer { respondent: n.to_string(), rating: *rating, at: 0 })
//!     .collect();
//! let survey = Survey { minimum: 5, ..Survey::new(Metric::Nps) };
//! let Score::Value(score) = survey.score(&answers)?.score else { panic!() };
//! assert_eq!(score.value, 40.0);
//! # Ok::<(), steward_feedback::FeedbackError>(())
//! ```
#![deny(missing_docs)]

pub mod audience;
mod error;
pub mod events;
pub mod experiment;
pub mod flags;
pub mod intake;
pub mod interval;
pub mod language;
pub mod preferences;
mod random;
pub mod recommend;
mod special;
pub mod survey;
pub mod themes;

pub use error::FeedbackError;
