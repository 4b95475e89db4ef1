//! Plugins of the kind `feedback`: what people say and do, and what it means.
//!
//! A plugin writes [`Feedback::analyse`] and whatever else it does its own way; the rest answers that this plugin does not
//! do it. The plugin `feedback` that comes along does all of it.

use std::marker::PhantomData;

use crate::bindings::feedback::exports::steward::feedback::feedback::Guest;
pub use crate::bindings::feedback::exports::steward::feedback::feedback::{
    Als, Analysis, Answer, Arm, Asked, Assignment, Audience, Bpr, Cohort, Comparison, Covariate,
    Design, Direction, Effect, Estimate, ExperimentResult, FunnelDesign, FunnelStep, Happening,
    Interaction, Interval, ItemKnn, Judged, Metric, Path, PathDesign, Person, PreferenceFormat,
    Prior, RankingQuality, Reading, Recommended, Recommender, Rejection, Retained, RetentionDesign,
    RetentionResult, Returning, Said, Score, Similarity, SurveyDesign, SurveyResult, Theme, Trend,
    Twice,
};
pub use crate::{Document, Error, LabelScore};

macro_rules! feedback {
    ($($(#[$doc:meta])* $name:ident($($param:ident: $of:ty),*) -> $answer:ty;)+) => {
        /// Reads what people say and do.
        ///
        /// Times are milliseconds since 1970. A call gets a fresh instance: what is drawn at random follows from a seed.
        pub trait Feedback: Sized {
            /// Reads the configuration. Runs before every call.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`], which [`config`](crate::config) returns by itself, where a value is wrong.
            fn new() -> Result<Self, Error>;

            /// Language, sentiment and topics: one analysis per text, in order.
            ///
            /// # Errors
            /// Where the batch as a whole cannot be treated.
            fn analyse(&self, batch: Vec<Document>) -> Result<Vec<Analysis>, Error>;

            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::InvalidInput`] for what breaks the interface; [`Error::Other`] unless a plugin writes its own.
                fn $name(&self, $($param: $of),*) -> Result<$answer, Error> {
                    $(let _ = $param;)*
                    Err(none(stringify!($name)))
                }
            )+
        }

        impl<F: Feedback + 'static> Guest for Exported<F> {
            fn analyse(batch: Vec<Document>) -> Result<Vec<Analysis>, Error> {
                crate::panic::log_panics();
                F::new()?.analyse(batch)
            }

            $(
                fn $name($($param: $of),*) -> Result<$answer, Error> {
                    crate::panic::log_panics();
                    F::new()?.$name($($param),*)
                }
            )+
        }
    };
}

feedback! {
    /// Groups texts by what they mean, the largest theme first.
    themes(batch: Vec<Said>) -> Vec<Theme>;
    /// The number of a survey, with an interval.
    survey(design: SurveyDesign, answers: Vec<Answer>) -> SurveyResult;
    /// Whom to ask: one word per person, in order.
    ask(audience: Audience, people: Vec<Person>) -> Vec<Asked>;
    /// What each context gets of a flag of a flagd file.
    assign(flags: String, flag: String, contexts: Vec<String>) -> Vec<Assignment>;
    /// Compares every arm with the first, which is the control.
    experiment(design: Design, arms: Vec<Arm>) -> ExperimentResult;
    /// How many people go through steps in their order.
    funnel(design: FunnelDesign, events: Vec<Happening>) -> Vec<FunnelStep>;
    /// How many people come back.
    retention(design: RetentionDesign, events: Vec<Happening>) -> RetentionResult;
    /// What people do one after the other, the most frequent first.
    paths(design: PathDesign, events: Vec<Happening>) -> Vec<Path>;
    /// Rows of JSON as TRL reads them.
    preferences(rows: Vec<Judged>, format: PreferenceFormat) -> Vec<String>;
    /// The best items that each user does not have yet: one list per user, in order.
    recommend(recommender: Recommender, interactions: Vec<Interaction>, users: Vec<String>, most: u32) -> Vec<Vec<Recommended>>;
    /// How well a recommender finds the interactions that were held back.
    evaluate(recommender: Recommender, train: Vec<Interaction>, test: Vec<Interaction>, most: u32) -> RankingQuality;
}

fn none(export: &str) -> Error {
    Error::Other(format!(
        "this plugin has no `{export}` of its own; deploy one that has it"
    ))
}

/// Exports a type that implements [`Feedback`](crate::feedback::Feedback) from the component. Once per plugin.
#[macro_export]
macro_rules! export_feedback {
    ($feedback:ty) => {
        // Natively there is nothing to export, and linkers refuse such names.
        #[cfg(target_family = "wasm")]
        const _: () = {
            type __StewardExported = $crate::feedback::Exported<$feedback>;
            $crate::bindings::feedback::export!(__StewardExported with_types_in $crate::bindings::feedback);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            const fn is_feedback<T: $crate::feedback::Feedback>() {}
            is_feedback::<$feedback>();
        };
    };
}

/// Stands between the exported functions and the trait.
#[doc(hidden)]
pub struct Exported<F>(PhantomData<F>);
