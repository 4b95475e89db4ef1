//! Who calls, and what they may do.

mod bucket;
mod caller;
mod keys;
mod known;
mod refused;

pub(crate) use caller::{
    Anyone, Caller, ManageKeys, ManageTenants, Publish, Read, Use, model_name,
};
pub(crate) use keys::{Keys, Thing, permit};
pub(crate) use known::Known;
