//! Plugins of the kind `team`: reviews, scorecards, skills, flow, delivery and check-ins of a team.
//!
//! What they say about a person is advice: [`Standing`] knows one word alone.

use std::marker::PhantomData;

pub use crate::Error;
use crate::bindings::team::exports::steward::team::team::Guest;
pub use crate::bindings::team::exports::steward::team::team::{
    Advice, Aging, Attendance, Calibration, Candidate, CheckIn, Criterion, CriterionScore, Cycle,
    DeliveryReport, Deployment, Evaluation, Evidence, Flow, Gap, Goal, Input, IssueEvent,
    IssueState, KeyResult, Little, Load, Measure, Member, Note, Number, Part, Percentiles,
    Perspective, Plan, PlanStep, Rating, Refusal, Review, Scale, Schedule, Score, Scorecard, Share,
    SkillLevel, Stage, StageAgreement, StageScore, Standing, Training, Window,
};

/// Evaluates what a team knows of its work. Times are microseconds since 1970.
///
/// Unless a plugin writes its own, everything but reviews fails with [`Error::Other`].
pub trait Team: Sized {
    /// Reads the configuration. Runs before every call: a call gets a fresh instance.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], which [`config`](crate::config) returns by itself, where a value is wrong.
    fn new() -> Result<Self, Error>;

    /// Evaluates reviews: one evaluation for each, in order. A review that breaks a rule is refused by itself.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the cycle breaks a rule.
    fn evaluate(&self, cycle: Cycle, reviews: Vec<Review>) -> Result<Vec<Evaluation>, Error>;

    /// Brings scores of candidates together.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where a stage breaks a rule.
    fn scorecards(&self, stages: Vec<Stage>, scores: Vec<Score>) -> Result<Scorecard, Error> {
        let _ = (stages, scores);
        Err(none("scorecards"))
    }

    /// Finds what people lack and what closes it, for each in order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for trainings that require each other in a circle, or what is not there.
    fn skill_gaps(
        &self,
        members: Vec<Member>,
        trainings: Vec<Training>,
    ) -> Result<Vec<Plan>, Error> {
        let _ = (members, trainings);
        Err(none("skill-gaps"))
    }

    /// Measures the flow of issues through a window.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a window without time.
    fn workload(&self, events: Vec<IssueEvent>, window: Window) -> Result<Flow, Error> {
        let _ = (events, window);
        Err(none("workload"))
    }

    /// Measures how a team of so many people delivers.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for too few people.
    fn delivery(
        &self,
        deployments: Vec<Deployment>,
        window: Window,
        members: u32,
    ) -> Result<DeliveryReport, Error> {
        let _ = (deployments, window, members);
        Err(none("delivery"))
    }

    /// Says who missed which check-in until now, for each person in order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a schedule without sense.
    fn check_ins(
        &self,
        schedule: Schedule,
        people: Vec<String>,
        done: Vec<CheckIn>,
        now: i64,
    ) -> Result<Vec<Attendance>, Error> {
        let _ = (schedule, people, done, now);
        Err(none("check-ins"))
    }
}

fn none(export: &str) -> Error {
    Error::Other(format!(
        "this team plugin has no `{export}` of its own; it evaluates reviews alone"
    ))
}

/// Exports a type that implements [`Team`](crate::team::Team) from the component. Once per plugin.
#[macro_export]
macro_rules! export_team {
    ($team:ty) => {
        // Natively there is nothing to export, and linkers refuse such names.
        #[cfg(target_family = "wasm")]
        const _: () = {
            type __StewardExported = $crate::team::Exported<$team>;
    $crate::bindings::team::export!(__StewardExported with_types_in $crate::bindings::team);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            const fn is_a_team<T: $crate::team::Team>() {}
            is_a_team::<$team>();
        };
    };
}

/// Stands between the exported functions and the trait.
#[doc(hidden)]
pub struct Exported<T>(PhantomData<T>);

impl<T: Team + 'static> Guest for Exported<T> {
    fn evaluate(cycle: Cycle, reviews: Vec<Review>) -> Result<Vec<Evaluation>, Error> {
        crate::panic::log_panics();
        T::new()?.evaluate(cycle, reviews)
    }

    fn scorecards(stages: Vec<Stage>, scores: Vec<Score>) -> Result<Scorecard, Error> {
        crate::panic::log_panics();
        T::new()?.scorecards(stages, scores)
    }

    fn skill_gaps(members: Vec<Member>, trainings: Vec<Training>) -> Result<Vec<Plan>, Error> {
        crate::panic::log_panics();
        T::new()?.skill_gaps(members, trainings)
    }

    fn workload(events: Vec<IssueEvent>, window: Window) -> Result<Flow, Error> {
        crate::panic::log_panics();
        T::new()?.workload(events, window)
    }

    fn delivery(
        deployments: Vec<Deployment>,
        window: Window,
        members: u32,
    ) -> Result<DeliveryReport, Error> {
        crate::panic::log_panics();
        T::new()?.delivery(deployments, window, members)
    }

    fn check_ins(
        schedule: Schedule,
        people: Vec<String>,
        done: Vec<CheckIn>,
        now: i64,
    ) -> Result<Vec<Attendance>, Error> {
        crate::panic::log_panics();
        T::new()?.check_ins(schedule, people, done, now)
    }
}
