//! Real services for tests: started on a free loopback port, stopped when dropped.
// They fail the test that wants them, and say with what.
#![allow(clippy::unwrap_used)]

mod issuer;
mod moto;
mod oci;
mod postgres;
mod process;
mod standin;

pub use issuer::Issuer;
pub use moto::Moto;
pub use oci::OciRegistry;
pub use postgres::{Postgres, sessions_have_ended};
pub use standin::{HttpStandIn, Mail, Received, Reply, SmtpStandIn};
