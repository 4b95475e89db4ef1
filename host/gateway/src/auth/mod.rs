//! Who calls, and what they may do.

mod caller;
mod keys;

pub(crate) use caller::{Caller, Known, ManageKeys, Publish, Read, Use};
pub(crate) use keys::{Keys, permit};
