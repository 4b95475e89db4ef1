//! Evaluates what a team knows of its work: reviews, scorecards, skills, flow, delivery, check-ins.
//!
//! Each subject is a module of pure functions over the records of the contract. `formula` is the small language in which a
//! cycle says how parts become a score; `notes` are the reasons, in English and Chinese.
#![deny(missing_docs)]

mod check_ins;
mod delivery;
mod flow;
pub mod formula;
mod notes;
mod review;
mod scale;
mod scorecard;
mod skills;
mod statistics;

use steward_sdk::team::{
    Attendance, CheckIn, Cycle, DeliveryReport, Deployment, Error, Evaluation, Flow, IssueEvent,
    Member, Plan, Review, Schedule, Score, Scorecard, Stage, Team, Training, Window,
};
use steward_sdk::{config, log};

use crate::formula::Formula;

/// The plugin.
pub struct Advisor {
    formula: Formula,
    min_team: u32,
}

impl Team for Advisor {
    fn new() -> Result<Self, Error> {
        let formula = config::get("formula")?.unwrap_or_default();
        let min_team = config::parse_or("min_team", 3)?;
        if min_team < 2 {
            return Err(Error::InvalidConfig(
                "`min_team`: a team has at least 2 people; measures of one person are none of a team".into(),
            ));
        }
        Ok(Self {
            formula: Formula::parse(&formula)
                .map_err(|why| Error::InvalidConfig(format!("`formula`: {why}")))?,
            min_team,
        })
    }

    fn evaluate(&self, cycle: Cycle, reviews: Vec<Review>) -> Result<Vec<Evaluation>, Error> {
        let evaluations = review::evaluate(&self.formula, &cycle, &reviews)?;
        let refused = evaluations
            .iter()
            .filter(|evaluation| matches!(evaluation, Evaluation::Refused(_)));
        // How many, and never who.
        log::info!(reviews = evaluations.len(), refused = refused.count(); "evaluated a cycle");
        Ok(evaluations)
    }

    fn scorecards(&self, stages: Vec<Stage>, scores: Vec<Score>) -> Result<Scorecard, Error> {
        scorecard::scorecards(&stages, &scores)
    }

    fn skill_gaps(
        &self,
        members: Vec<Member>,
        trainings: Vec<Training>,
    ) -> Result<Vec<Plan>, Error> {
        skills::plans(&members, &trainings)
    }

    fn workload(&self, events: Vec<IssueEvent>, window: Window) -> Result<Flow, Error> {
        flow::flow(events, window)
    }

    fn delivery(
        &self,
        deployments: Vec<Deployment>,
        window: Window,
        members: u32,
    ) -> Result<DeliveryReport, Error> {
        if members < self.min_team {
            return Err(Error::InvalidInput(format!(
                "the team has {members} people; delivery is measured of teams of at least {} and never of one person",
                self.min_team
            )));
        }
        delivery::report(&deployments, window)
    }

    fn check_ins(
        &self,
        schedule: Schedule,
        people: Vec<String>,
        done: Vec<CheckIn>,
        now: i64,
    ) -> Result<Vec<Attendance>, Error> {
        check_ins::attendance(schedule, &people, &done, now)
    }
}

steward_sdk::export_team!(Advisor);
