//! Tables of people in which nobody can be found: k-anonymity, l-diversity, t-closeness and their kin.
//!
//! A [`Spec`] says what each column of a CSV table is, how its values become coarser, and what must be reached;
//! [`anonymize`] finds the levels of generalization that reach it and lose least, and answers the protected table with a
//! [`Report`] of what it costs and of the risk before and after. [`assess`] tells the risk of a table as it is.
//!
//! What a reader can rely on:
//!
//! - **The result is the best one.** No other combination of levels that satisfies the models loses less by the chosen
//!   metric, unless the report says that the search was stopped. The measures are those of ARX, so that numbers compare.
//!   Only where a model bounds a number of the whole table (average risk, sample uniqueness) is there a choice within one
//!   combination, namely which of several classes of one size to suppress; it is a good one and not always the best.
//! - **The same input gives the same output**, byte for byte.
//! - **What cannot be read is refused by name and line**; a table is never protected in part.
//! - **Memory and time are bounded** by [`Limits`].
//!
//! ```
//! use std::ops::ControlFlow;
//! use steward_anonymity::{Inputs, Limits, Spec, anonymize};
//!
//! let spec: Spec = serde_json::from_str(r#"{
//!     "columns": [
//!         {"name": "姓名", "role": "identifying"},
//!         {"name": "age", "role": "quasi-identifying", "hierarchy": {"kind": "intervals", "widths": [10]}},
//!         {"name": "illness", "role": "sensitive"}
//!     ],
//!     "models": [{"model": "k-anonymity", "k": 2}]
//! }"#)?;
//! let table = "姓名,age,illness\n王芳,31,flu\n李娜,38,asthma\n张伟,44,flu\n刘洋,45,flu\n";
//! let (released, report) = anonymize(
//!     &spec,
//!     Inputs { table: &mut table.as_bytes(), population: None, files: &mut |_| Err(std::io::ErrorKind::NotFound.into()) },
//!     &Limits::default(),
//!     &mut |_| ControlFlow::Continue(()),
//! )?;
//! let mut csv = Vec::new();
//! released.write_csv(&mut csv)?;
//! let csv = String::from_utf8(csv)?;
//! assert_eq!(csv, "age,illness\n\"[30, 40)\",flu\n\"[30, 40)\",asthma\n\"[40, 50)\",flu\n\"[40, 50)\",flu\n");
//! assert_eq!((report.k, report.suppressed), (2, 0));
//! assert_eq!((report.before.prosecutor.highest, report.after.prosecutor.highest), (1.0, 0.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]

mod classes;
mod error;
mod hierarchy;
mod job;
mod limits;
mod metric;
mod model;
mod prepared;
mod release;
mod report;
mod risk;
mod search;
mod spec;
mod table;

pub use error::AnonymityError;
pub use job::{Inputs, anonymize, assess};
pub use limits::Limits;
pub use release::Released;
pub use report::{ChosenLevel, Reached, Report, SearchReport};
pub use risk::{Attack, Journalist, Population, Risk, Sizes};
pub use search::Progress;
pub use spec::{
    Aggregate, ColumnSpec, DateUnit, Distance, Estimator, HierarchySpec, IntervalSpec, MaskSpec,
    Metric, Model, Role, Side, Spec, Suppress,
};
