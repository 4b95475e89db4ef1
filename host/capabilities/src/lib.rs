//! What a guest may import, one module each.
//!
//! Every capability has the same life cycle:
//!
//! 1. **link**, once per linker: its host functions are added. They do nothing without step 3.
//! 2. **authorize**, once per deployed version: what the manifest requests is held against what the
//!    tenant grants. The result is immutable; a [`Denial`] names the line and the grant.
//! 3. **prepare**, once per instance: the state that the host functions of this call use.
//!
//! Which interfaces a kind of plugin may import at all is decided before any of this, by
//! [`policy`], from the component's own type. [`Capabilities`] is the list of them all: a new host
//! interface touches its own module, the policy and that list.
#![deny(missing_docs)]

mod bindings;
pub mod config;
mod denial;
mod drafts;
pub mod events;
mod http;
pub mod inference;
pub mod log;
mod permitted;
pub mod policy;
pub mod privacy;
mod secrets;
mod state;
mod wasi;

pub use denial::Denial;
pub use log::{LogBook, LogLine};
pub use state::{Authorized, Capabilities, GuestState, InvocationId};
pub use wasi::{Ambient, FolderAccess};

/// The host side of the contract, for typed bindings that share its types.
#[doc(hidden)]
pub use bindings::steward;
