//! How what a question spends is divided among its drawings of noise.

use crate::accounting::rho_of_epsilon;
use crate::error::invalid;
use crate::mechanism::{Sensitivity, Share, deviation};
use crate::query::{Measure, Question};
use crate::spend::Term;
use crate::units::{Atto, Nano};
use crate::{PrivacyError, Query};

/// Noise whose standard deviation is more than this many rows says nothing of any dataset.
const MAX_DEVIATION: f64 = 4_294_967_296.0;
/// The least δ for each group that a unit may be in: rounding within OpenDP's map adds about 1e-16.
const MIN_DELTA_UNITS: u64 = 1_000;

/// What each drawing may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// Of each drawing; all of them together are no more than what is spent.
    pub(crate) each: Share,
    /// For finding groups that were not named.
    pub(crate) delta: Option<f64>,
}

impl Shares {
    /// Divides what the question spends into equal parts.
    pub(crate) fn of(query: &Query) -> Result<Self, PrivacyError> {
        let spend = query.spend;
        let parts = drawings(&query.ask);
        let has_delta = spend.delta().units() > 0;
        let finds = matches!(query.ask, Question::Table { groups: None, .. });
        let delta = finds.then(|| spend.delta().at_most());
        let each = match (spend.term(), has_delta) {
            (_, false) if finds => {
                return invalid(
                    "groups that are not named are found with delta: spend delta too, or name the groups",
                );
            }
            (Term::Rho, true) if !finds => {
                return invalid("with rho, delta is for groups that are not named: leave it out");
            }
            (Term::Rho, _) => Share::Concentrated(part(spend.loss(), parts)?),
            (Term::Epsilon, true) if !finds => {
                if matches!(query.ask, Question::TopK { .. } | Question::Quantile { .. }) {
                    return invalid("rankings and quantiles need no delta: leave it out");
                }
                let pure = Share::Pure(part(spend.loss(), parts)?);
                smaller(query, pure, parts)?
            }
            (Term::Epsilon, _) => Share::Pure(part(spend.loss(), parts)?),
        };
        let count = Sensitivity {
            numbers: numbers(query),
            each: u64::from(query.rows_per_unit),
        };
        if deviation(count, each) > MAX_DEVIATION {
            return invalid(
                "the noise would hide any number of rows: spend more, or let a unit count in fewer rows and groups",
            );
        }
        let least = MIN_DELTA_UNITS.saturating_mul(u64::from(query.groups_per_unit));
        if finds && spend.delta().units() < least {
            return invalid(format!(
                "delta is {}: with these groups_per_unit it is at least {}",
                spend.delta(),
                Atto::from_units(least)
            ));
        }
        Ok(Self { each, delta })
    }
}

/// Laplace noise for ε, or Gaussian noise for a ρ that is worth (ε, δ), whichever is smaller.
fn smaller(query: &Query, pure: Share, parts: u64) -> Result<Share, PrivacyError> {
    let rho = rho_of_epsilon(query.spend.loss(), query.spend.delta())?;
    let Ok(rho) = part(rho, parts) else {
        return Ok(pure);
    };
    let concentrated = Share::Concentrated(rho);
    let one = Sensitivity {
        numbers: numbers(query),
        each: 1,
    };
    if deviation(one, concentrated) < deviation(one, pure) {
        Ok(concentrated)
    } else {
        Ok(pure)
    }
}

/// How many numbers of a drawing a unit changes at most.
pub(crate) fn numbers(query: &Query) -> u32 {
    let groups = match &query.ask {
        Question::Count {}
        | Question::Sum { .. }
        | Question::Mean { .. }
        | Question::Quantile { .. } => 1,
        Question::Histogram { bins, .. } => bins.len(),
        Question::TopK { keys, .. } => keys.len(),
        Question::Table { groups, .. } => groups.as_ref().map_or(usize::MAX, Vec::len),
    };
    query
        .groups_per_unit
        .min(u32::try_from(groups).unwrap_or(u32::MAX))
}

/// How many drawings a question takes.
fn drawings(question: &Question) -> u64 {
    match question {
        Question::Count {}
        | Question::Sum { .. }
        | Question::Quantile { .. }
        | Question::Histogram { .. }
        | Question::TopK { .. } => 1,
        Question::Mean { .. } => 2,
        Question::Table {
            groups, measures, ..
        } => {
            let measured: u64 = measures
                .iter()
                .map(|measure| match measure {
                    Measure::Count {} | Measure::Sum { .. } => 1,
                    Measure::Mean { .. } => 2,
                })
                .sum();
            measured + u64::from(groups.is_none())
        }
    }
}

fn part(whole: Nano, parts: u64) -> Result<f64, PrivacyError> {
    match Nano::from_units(whole.units() / parts.max(1)).at_most() {
        part if part > 0.0 => Ok(part),
        _ => invalid(format!(
            "{whole} cannot be divided among {parts} drawings of noise: spend more"
        )),
    }
}
