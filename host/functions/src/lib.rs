//! Publishes plugins, deploys them as functions and calls them.
//!
//! [`Functions`] is the whole of it: *publish* inspects a component, compiles it and stores it;
//! *deploy* holds its manifest against the tenant's grants and puts it into the snapshot that calls
//! are answered from; *find* looks a function up in that snapshot, in memory; [`Function::call`]
//! and [`Function::handle`] run it. A call never touches SQL: metering is counted in memory and
//! written in batches, other nodes' changes arrive by a look at the registry's revision.
//!
//! Every call runs in an instance of its own, that is dropped with it.
#![deny(missing_docs)]

mod answer;
mod batch;
mod call;
pub mod contract;
mod error;
mod function;
mod http02;
mod http03;
mod json;
mod labeller;
mod metering;
mod publish;
mod ready;
mod service;
mod snapshot;
mod standalone;
mod typed;

pub use batch::{Anonymizer, Cleaner};
pub use error::{FunctionsError, TrapKind};
pub use function::{BoxError, Function, ResponseBody};
pub use labeller::Labeller;
pub use metering::FunctionStats;
pub use publish::Inspection;
pub use service::Functions;
pub use standalone::{CommandEnd, Standalone};

pub use steward_capabilities::{Ambient, Denial, FolderAccess, LogBook, LogLine, policy};
