//! The machine: what a run does next, as a function of its definition, its input and its journal.
//!
//! | file | what it is about |
//! | --- | --- |
//! | [`run`] | a run from outside: started, moved on by entries, asked what it waits for |
//! | [`state`] | what is kept of a run: a tree of the tasks that have begun and not ended |
//! | [`turn`] | what goes on while one entry is applied: blocks, tasks, what goes in and out of them |
//! | [`composite`] | tasks of tasks: `for`, `fork`, `try`, extension points |
//! | [`calls`] | arguments of what is called, published and run |
//! | [`listen`] | events: which are asked for, what becomes of them |
//! | [`deliver`] | the way of an entry to the task that waits for it |

mod calls;
mod composite;
mod deliver;
mod effect;
mod entry;
mod listen;
mod run;
mod state;
mod turn;

pub use effect::{Action, Effect, Waiting, attempt_key, idempotency_key};
pub use entry::{ApplyError, Entry, Facts, Happened, Moment, RestoreError, Status, What};
pub use run::{MAX_STEPS, Run};
