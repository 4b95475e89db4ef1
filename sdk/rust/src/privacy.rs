//! Questions about datasets, answered with noise (differential privacy). For functions; the kinds that see raw data do not
//! ask about other data.
//!
//! A dataset must be requested in `steward.toml` and granted by the deployment:
//!
//! ```toml
//! [requests]
//! privacy = ["orders"]
//! ```
//!
//! and an operator must give the function a budget. Every question is paid from it before noise is drawn, and nothing is
//! ever given back: ask once what you need, and ask for no more precision than you use. The same question about the same
//! snapshot is answered as before, for nothing.
//!
//! ```no_run
//! use steward_sdk::privacy::{self, Condition, Query, Spend};
//!
//! let orders = privacy::open("orders")?;
//! let query = Query::mean("amount", 0.0, 500.0, Spend::epsilon(0.2))
//!     .only(Condition::one_of("city", ["北京", "Ulm"]))
//!     .rows_per_unit(5);
//! let answer = orders.ask(&query)?;
//! println!("{:?}, and ε {} is left", answer.number(), answer.left.amount);
//! # Ok::<(), privacy::Error>(())
//! ```
//!
//! Choose bounds, keys and edges without a look at the data: what is chosen by it tells of it.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::steward::privacy::privacy as wit;
pub use crate::bindings::imports::steward::privacy::privacy::{
    Accounting, Amount, Answer, Between, Bins, Budget, Clamped, Condition, Error, Group, Groups,
    Histogram, Loss, Measure, Number, OneOf, Quantile, Query, Question, Release, Shortfall, Spend,
    Table, TopK,
};

#[cfg(target_family = "wasm")]
use wit::Dataset as Handle;

#[cfg(not(target_family = "wasm"))]
use crate::testing::dataset::OpenDataset as Handle;

/// The right to ask about one snapshot of a dataset.
#[derive(Debug)]
pub struct Dataset(Handle);

/// Opens a dataset by name: `orders` for its newest snapshot, `orders@3` for that one.
///
/// # Errors
/// [`Error::NoSuch`], or [`Error::Denied`] with the manifest line and the grant that would allow it.
pub fn open(name: &str) -> Result<Dataset, Error> {
    #[cfg(target_family = "wasm")]
    let handle = wit::open(name)?;
    #[cfg(not(target_family = "wasm"))]
    let handle = crate::testing::dataset::open(name)?;
    Ok(Dataset(handle))
}

impl Dataset {
    /// Which snapshot is asked, as `orders@3`.
    pub fn snapshot(&self) -> String {
        self.0.snapshot()
    }

    /// What the function may still learn.
    ///
    /// # Errors
    /// [`Error::Denied`] where it has no budget.
    pub fn budget(&self) -> Result<Budget, Error> {
        self.0.budget()
    }

    /// Asks and pays.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::OverBudget`] and [`Error::InvalidInput`], which spend nothing; [`Error::Unavailable`].
    pub fn ask(&self, query: &Query) -> Result<Answer, Error> {
        self.0.ask(query)
    }
}

/// One row of a unit counts, in one group, unless [`Query::rows_per_unit`] and [`Query::groups_per_unit`] say otherwise.
impl Query {
    /// Any question.
    pub fn new(ask: Question, spend: Spend) -> Self {
        Self {
            ask,
            conditions: Vec::new(),
            rows_per_unit: 1,
            groups_per_unit: 1,
            spend,
        }
    }

    /// How many rows.
    pub fn count(spend: Spend) -> Self {
        Self::new(Question::Count, spend)
    }

    /// The sum of a column; values outside the bounds count as the bound.
    pub fn sum(column: &str, lower: f64, upper: f64, spend: Spend) -> Self {
        Self::new(Question::Sum(Clamped::new(column, lower, upper)), spend)
    }

    /// The mean of a column; values outside the bounds count as the bound.
    pub fn mean(column: &str, lower: f64, upper: f64, spend: Spend) -> Self {
        Self::new(Question::Mean(Clamped::new(column, lower, upper)), spend)
    }

    /// A quantile of a column, between the bounds: `q` is 0 to 1, 0.5 for the median.
    pub fn quantile(column: &str, lower: f64, upper: f64, q: f64, spend: Spend) -> Self {
        let quantile = Quantile {
            of: Clamped::new(column, lower, upper),
            q,
            candidates: None,
        };
        Self::new(Question::Quantile(quantile), spend)
    }

    /// How many rows are in each bin.
    pub fn histogram(column: &str, bins: Bins, spend: Spend) -> Self {
        let column = column.to_owned();
        Self::new(Question::Histogram(Histogram { column, bins }), spend)
    }

    /// Which `k` of the keys have the most rows.
    pub fn top_k(
        column: &str,
        k: u32,
        keys: impl IntoIterator<Item = impl Into<String>>,
        spend: Spend,
    ) -> Self {
        let top_k = TopK {
            column: column.to_owned(),
            k,
            keys: keys.into_iter().map(Into::into).collect(),
        };
        Self::new(Question::TopK(top_k), spend)
    }

    /// Only rows that meet this too.
    #[must_use]
    pub fn only(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// At most so many rows of a unit count in each group; noise grows in proportion.
    #[must_use]
    pub fn rows_per_unit(mut self, rows: u32) -> Self {
        self.rows_per_unit = rows;
        self
    }

    /// A unit counts in at most so many groups; noise grows with it.
    #[must_use]
    pub fn groups_per_unit(mut self, groups: u32) -> Self {
        self.groups_per_unit = groups;
        self
    }
}

impl Clamped {
    /// A column of numbers and its bounds.
    pub fn new(column: &str, lower: f64, upper: f64) -> Self {
        Self {
            column: column.to_owned(),
            lower,
            upper,
        }
    }
}

impl Condition {
    /// The text is one of these.
    pub fn one_of(column: &str, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::OneOf(OneOf {
            column: column.to_owned(),
            texts: texts.into_iter().map(Into::into).collect(),
        })
    }

    /// The number is at least `from` and less than `to`; none is no bound.
    pub fn between(column: &str, from: Option<f64>, to: Option<f64>) -> Self {
        Self::Between(Between {
            column: column.to_owned(),
            from,
            to,
        })
    }
}

impl Spend {
    /// For budgets that are pure or approximate.
    pub fn epsilon(epsilon: f64) -> Self {
        Self {
            amount: Amount::Epsilon(epsilon),
            delta: None,
        }
    }

    /// For budgets that are concentrated.
    pub fn rho(rho: f64) -> Self {
        Self {
            amount: Amount::Rho(rho),
            delta: None,
        }
    }

    /// And δ, for budgets that are not pure.
    #[must_use]
    pub fn with_delta(mut self, delta: f64) -> Self {
        self.delta = Some(delta);
        self
    }
}

impl Answer {
    /// The number, where the question asked for one.
    pub fn number(&self) -> Option<f64> {
        match &self.release {
            Release::Number(number) => Some(number.value),
            Release::Table(_) | Release::Ranking(_) => None,
        }
    }

    /// The groups, where the question asked for a histogram or a table.
    pub fn groups(&self) -> &[Group] {
        match &self.release {
            Release::Table(table) => &table.groups,
            Release::Number(_) | Release::Ranking(_) => &[],
        }
    }

    /// The keys, where the question asked for a ranking.
    pub fn ranking(&self) -> &[String] {
        match &self.release {
            Release::Ranking(keys) => keys,
            Release::Number(_) | Release::Table(_) => &[],
        }
    }
}

/// So that `?` works in a plugin.
impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuch(text) => Self::InvalidConfig(format!("no dataset of this name: {text}")),
            Error::Denied(text) => Self::InvalidConfig(text),
            Error::OverBudget(shortfall) => Self::Other(shortfall.message),
            Error::InvalidInput(text) => Self::InvalidInput(text),
            Error::Unavailable(text) => Self::Unavailable(text),
            Error::Other(text) => Self::Other(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Answers how many rows may count, and has nothing left for a ranking.
    struct Orders;

    impl testing::Dataset for Orders {
        fn ask(&self, query: &Query) -> Result<Answer, Error> {
            let nothing = || Loss {
                amount: 0.0,
                delta: 0.0,
            };
            if let Question::TopK(_) = query.ask {
                let message = "nothing is left".to_owned();
                return Err(Error::OverBudget(Shortfall {
                    message,
                    left: nothing(),
                }));
            }
            let value = f64::from(query.rows_per_unit * query.groups_per_unit);
            Ok(Answer {
                release: Release::Number(Number { value, error: None }),
                repeated: false,
                cost: nothing(),
                left: nothing(),
            })
        }
    }

    #[test]
    fn a_plugin_asks_a_prepared_dataset() {
        let _host = testing::Host::new().dataset("orders", Orders).enter();
        let orders = open("orders").unwrap();
        assert_eq!(orders.snapshot(), "orders@1");
        assert!(matches!(orders.budget(), Err(Error::Denied(_))));
        let count = Query::count(Spend::epsilon(0.1));
        assert_eq!(orders.ask(&count).unwrap().number(), Some(1.0));
        let more = count.rows_per_unit(3).groups_per_unit(2);
        let answer = orders.ask(&more).unwrap();
        assert_eq!(answer.number(), Some(6.0));
        assert!(answer.groups().is_empty() && answer.ranking().is_empty());
        let top = Query::top_k("city", 1, ["Ulm"], Spend::rho(0.1).with_delta(1e-9));
        let error = crate::Error::from(orders.ask(&top).unwrap_err());
        assert!(matches!(error, crate::Error::Other(why) if why == "nothing is left"));
        assert!(matches!(open("visits"), Err(Error::NoSuch(name)) if name == "visits"));
    }
}
