//! HTTP: authentication, limits, the management API, and the invocation of functions.
//!
//! Two ways lead through this crate. A path that begins with `/f/` goes straight from hyper to the
//! function (`invoke`): no routing tree, no layers, one look-up in memory for the key and one
//! for the function. Everything else goes through an axum router, whose routes describe themselves:
//! [`openapi`] is generated from the very handlers that answer. The protocols of other model servers are merged into
//! that router and have a list of their own, [`steward_protocols::routes`](steward_protocols::routes()).
//!
//! Whatever goes wrong is answered as `application/problem+json` (RFC 9457) with a stable `type`;
//! [`problem::codes`] is the table of all of them.
#![deny(missing_docs)]

mod api;
mod audit;
mod auth;
mod body;
mod config;
mod console;
mod dispatch;
mod effects;
mod error;
mod extract;
mod gateway;
mod invoke;
mod metrics;
mod openapi;
pub mod problem;
mod protocols;
mod request_id;
mod secrets;
mod server;
mod single;
mod spans;
mod sticky;
mod triggering;
mod upload;

pub use steward_identity::IssuerConfig;

pub use config::{GatewayConfig, Limits};
pub use effects::OfRuns;
pub use error::GatewayError;
pub use gateway::Parts;
pub use openapi::openapi;
pub use server::{Server, bind};
pub use single::{SingleServer, bind_single};
pub use triggering::{TenantSecrets, ToFunctions};
