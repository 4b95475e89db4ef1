//! Durable runs of workflows.
//!
//! [`Runs`] is the whole of it. A run is started with one write, and comes to its end from then on, whatever happens to
//! hosts: each takes runs with a lease, makes the machine of a run from its journal ([`steward_workflow::Run`]), does what
//! the machine waits for, and writes what came of it before anything follows from it. A side effect is noted before it is
//! tried and written down when it is done; in between a host may end, and then it is tried again, with the same idempotency
//! key. What many runs write at the same time shares one transaction.
//!
//! A run that waits for a time, an event or another run is in the registry alone: how many there are costs no memory. One
//! query finds what is due.
//!
//! What is called is behind one trait, [`Effects`]: this crate knows no WebAssembly, no models and no HTTP.
#![deny(missing_docs)]

mod approval;
mod background;
mod drive;
mod effects;
mod error;
mod held;
mod identity;
mod outside;
mod record;
mod runs;
mod schedule;
mod stand;
mod trace;
mod writer;

pub use approval::{APPROVAL_TYPE, Approval, source as approval_source};
pub use effects::{Caller, Effects, FunctionPin, Pins};
pub use error::RunsError;
pub use identity::Identity;
pub use runs::{Begin, Runs, RunsConfig, RunsStats};
pub use stand::told as told_pins;
pub use trace::{of_event as trace_of_event, trace_id};
