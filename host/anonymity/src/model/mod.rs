//! The models, ready to judge classes.

mod closeness;
mod diversity;
mod prepare;

use closeness::Tree;
use diversity::Grassberger;
pub(crate) use prepare::prepare;

use crate::classes::Classes;
use crate::spec::{Estimator, Model};

/// A model with all that it needs of the table.
#[derive(Debug)]
pub(crate) struct Check {
    pub model: Model,
    /// Which of the histograms it looks at.
    histogram: usize,
    /// The share of each sensitive value in the table.
    shares: Vec<f64>,
    /// How often each sensitive value comes in the table.
    totals: Vec<u64>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// What the model itself says.
    Plain,
    /// The place of each value on the line.
    Ordered(Vec<u32>),
    Hierarchical(Tree),
    Grassberger(Grassberger),
}

impl Check {
    /// Whether one class satisfies the model; models on the whole table leave every class alone.
    pub fn holds(&self, classes: &Classes, class: usize) -> bool {
        let count = classes.counts[class];
        match &self.model {
            Model::KAnonymity { k } => count >= *k,
            Model::KMap { k } => classes
                .population
                .get(class)
                .is_some_and(|people| people >= k),
            Model::DeltaPresence { min, max } => {
                let share = self.number(classes, class);
                *min <= share && share <= *max
            }
            Model::DistinctLDiversity { l, .. } => self.pairs(classes, class).len() >= *l as usize,
            Model::EntropyLDiversity { l, .. } => {
                // The correction for small classes can find more entropy than so few values can have.
                self.pairs(classes, class).len() as f64 >= *l
                    && self.number(classes, class) >= *l - ROUNDING * l
            }
            Model::RecursiveClDiversity { c, .. } => self.number(classes, class) < *c,
            Model::TCloseness { t, .. } => self.number(classes, class) <= *t + ROUNDING,
            Model::BetaLikeness { beta, enhanced, .. } => {
                self.pairs(classes, class).iter().all(|&(value, times)| {
                    let share = self.shares[value as usize];
                    let bound = if *enhanced {
                        beta.min(-share.ln())
                    } else {
                        *beta
                    };
                    (f64::from(times) / f64::from(count) - share) / share <= bound + ROUNDING
                })
            }
            Model::AverageRisk { .. } | Model::SampleUniqueness { .. } => true,
        }
    }

    /// The number of a class that the model bounds, for the report and the comparison.
    pub fn number(&self, classes: &Classes, class: usize) -> f64 {
        let count = classes.counts[class];
        let pairs = || self.pairs(classes, class);
        match &self.model {
            Model::KAnonymity { .. } => f64::from(count),
            Model::KMap { .. } => classes
                .population
                .get(class)
                .map_or(0.0, |&people| f64::from(people)),
            Model::DeltaPresence { .. } => {
                let people = classes.population.get(class).copied().unwrap_or(0);
                f64::from(count) / f64::from(people.max(1))
            }
            Model::DistinctLDiversity { .. } => pairs().len() as f64,
            Model::EntropyLDiversity { estimator, .. } => match (&self.kind, estimator) {
                (Kind::Grassberger(table), Estimator::Grassberger) => {
                    table.entropy(pairs(), count).exp()
                }
                _ => diversity::shannon(pairs(), count).exp(),
            },
            Model::RecursiveClDiversity { l, .. } => diversity::recursive(pairs(), *l),
            Model::TCloseness { .. } => match &self.kind {
                Kind::Ordered(places) => closeness::ordered(pairs(), count, places, &self.shares),
                Kind::Hierarchical(tree) => tree.distance(pairs(), count, &self.totals),
                Kind::Plain | Kind::Grassberger(_) => {
                    closeness::equal(pairs(), count, &self.shares)
                }
            },
            Model::BetaLikeness { .. } => pairs()
                .iter()
                .map(|&(value, times)| {
                    let share = self.shares[value as usize];
                    (f64::from(times) / f64::from(count) - share) / share
                })
                .fold(0.0, f64::max),
            Model::AverageRisk { .. } | Model::SampleUniqueness { .. } => 0.0,
        }
    }

    /// Whether a class that satisfies the model still does so after it was joined with any other class.
    ///
    /// Then coarser levels never suppress more rows than finer ones.
    fn holds_for_any_union(&self) -> bool {
        matches!(
            self.model,
            Model::KAnonymity { .. } | Model::KMap { .. } | Model::DistinctLDiversity { .. }
        )
    }

    /// Whether a combination of levels that is fine stays so on coarser levels, with `allowed` rows suppressed.
    ///
    /// Where no row may be suppressed it is enough that the union of two classes that satisfy the model satisfies it:
    /// entropy is concave, distances from the table are convex, shares of the population lie between, and recursive
    /// diversity is shown in the paper. The corrected entropy has no such proof.
    pub fn is_monotonic(&self, allowed: u64) -> bool {
        let corrected = matches!(self.kind, Kind::Grassberger(_));
        self.holds_for_any_union() || allowed == 0 && !corrected
    }

    fn pairs<'c>(&self, classes: &'c Classes, class: usize) -> &'c [(u32, u32)] {
        classes.sensitive[self.histogram].of(class)
    }
}

/// What sums of floating-point numbers may be off by, so that a limit that is reached exactly counts as reached.
const ROUNDING: f64 = 1e-12;
