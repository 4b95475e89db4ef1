//! Outgoing HTTP on behalf of functions.
//!
//! A request goes out in these steps, and in no other order:
//!
//! 1. [`Destination::of`] reads scheme, host and port from its URI. What resolvers or other clients could read in another
//!    way (a user, an address in an odd spelling) is no destination. The caller holds this against what the function may
//!    reach: this crate knows no grants.
//! 2. [`Egress::send`] resolves the host once. Every address is held against the [`AddressPolicy`]: what is private,
//!    of this machine, or a metadata service of a cloud is not connected to, unless the operator opened it.
//! 3. The connection goes to exactly the address that was checked. There is no second look-up, so that a name server that
//!    changes its answer gains nothing.
//! 4. The request is cleaned: `Host` is the destination that was checked, and no header frames the message or speaks to
//!    the next hop but those that this client writes.
//!
//! Redirects are not followed: who wants to follow one sends a new request, and it takes the same steps.
//!
//! Connections stay open and are shared by the functions of one tenant, never by two tenants. What bounds the requests of
//! a function is how fast the peer answers, not how many ports this machine has.
#![deny(missing_docs)]

mod address;
mod body;
mod clean;
mod client;
mod config;
mod connect;
mod counters;
mod destination;
mod detour;
mod error;
mod pool;
mod resolve;
mod stand_in;

pub use address::{AddressPolicy, Blocked, InvalidRange, Range};
pub use body::ResponseBody;
pub use client::{Egress, Request, Turns};
pub use config::{EgressConfig, Timeouts};
pub use counters::EgressStats;
pub use destination::Destination;
pub use detour::{Detour, InvalidDetour};
pub use error::{BoxError, EgressError};
pub use resolve::{Resolve, SystemResolver};
pub use stand_in::StandIn;
