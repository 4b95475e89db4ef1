//! Publishes plugins, deploys them as functions and calls them.
//!
//! [`Functions`] is the whole of it: *publish* inspects a component, compiles it and stores it;
//! *deploy* holds its manifest against the tenant's grants and puts it into the snapshot that calls
//! are answered from; *find* looks a function up in that snapshot, in memory; [`Function::call`]
//! and [`Function::handle`] run it. A call never touches SQL: metering is counted in memory and
//! written in batches, other nodes' changes arrive by a look at the registry's revision.
//!
//! Every call runs in an instance of its own, that is dropped with it, or kept for the next call where
//! the plugin asks for that. Each leaves a record of what it cost and how it ended.
#![deny(missing_docs)]

mod answer;
mod background;
mod batch;
mod books;
mod call;
pub mod contract;
mod error;
mod function;
mod gathered;
mod http02;
mod http03;
mod json;
mod kept;
mod labeller;
mod metering;
mod pinned;
mod pool;
mod publish;
mod rates;
mod ready;
mod rollout;
mod running;
mod service;
mod snapshot;
mod span;
mod standalone;
pub mod step;
mod tenants;
mod typed;

pub use batch::{Anonymizer, Cleaner};
pub use error::{FunctionsError, TrapKind};
pub use function::{BoxError, Function, ResponseBody};
pub use labeller::Labeller;
pub use metering::FunctionStats;
pub use publish::Inspection;
pub use rollout::{Call, FunctionStatus, TargetStatus, TrialStatus, Whom};
pub use running::{Answered, InputBody};
pub use service::Functions;
pub use standalone::{CommandEnd, Standalone};
pub use step::StepContract;
pub use tenants::{TenantLimits, TenantPolicy};

pub use steward_capabilities::{
    Ambient, Denial, FolderAccess, InvocationId, LogBook, LogLine, policy,
};
pub use steward_invocations::{Invocation, Totals, VersionStats};
