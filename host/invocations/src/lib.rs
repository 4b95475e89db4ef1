//! Who may run, and what became of those that ran.
//!
//! - [`Turns`]: how many calls run at the same time, of a function, of a tenant and of the host. Over
//!   a limit, a call waits in a bounded queue that is fair between tenants and between the functions
//!   of a tenant.
//! - [`Ledger`]: what each call of a function cost and how it ended: the latest calls one by one, all
//!   of them as sums and quantiles.
//! - [`Rate`]: how much may be done in a second.
//!
//! Nothing here knows WebAssembly, HTTP or SQL.
#![deny(missing_docs)]

mod ledger;
mod rate;
mod record;
mod turns;

pub use ledger::{Ledger, Totals, VersionStats};
pub use rate::Rate;
pub use record::{Cost, Input, Invocation, MAX_INPUT_BYTES};
pub use turns::{Busy, FunctionTurns, Turn, Turns};
