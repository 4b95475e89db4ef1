//! Differential privacy: numbers that leave a dataset are noised, and a durable ledger says who may still ask.
//!
//! - A [`Query`] asks for a count, a sum, a mean, a quantile, a histogram, a ranking or a table of groups, says
//!   how much of it one unit may decide, and what it spends ([`Spend`]).
//! - [`Rows`] hold the data: columns in memory, and the unit (a person, an account) of each row. The guarantee
//!   is that of adding or removing all rows of one unit.
//! - [`Privacy::recall`] says what the ledger alone can say, so that nobody reads rows for a question that was
//!   answered before or will be refused.
//! - [`Privacy::ask`] reserves the cost in the ledger of the [`Registry`](steward_registry::Registry), draws
//!   noise with OpenDP, records the answer and returns it. A process that is killed in between can lose an
//!   answer; it can never spend a unit more than the budget.
//!
//! Noise is discrete and sums are of integers, so that no floating-point number tells of the data. Budgets and
//! costs are integers as well, costs rounded up and limits down. The random bits are those of ChaCha20, seeded
//! and seeded again by the operating system.
//!
//! What is not protected: how long an answer takes, and what questions are asked.
#![deny(missing_docs)]

mod accounting;
mod answer;
mod bounded;
mod draw;
mod error;
mod facade;
mod grid;
mod groups;
mod limit;
mod mechanism;
pub mod query;
mod rows;
mod shares;
mod spend;
mod turns;
mod units;
mod worker;

pub use accounting::{epsilon_of_rho, guarantee};
pub use answer::{Answer, Group, Release};
pub use error::PrivacyError;
pub use facade::{Privacy, Source};
pub use limit::Limit;
pub use query::{Bins, Condition, MAX_GROUPS, Measure, Query, Question};
pub use rows::{Column, MAX_ROWS, Rows};
pub use spend::{Left, Spend, told};
pub use units::{Amount, Atto, Nano, Rounding};
