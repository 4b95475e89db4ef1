//! The only place that touches wasmtime's `Config`.
//!
//! An [`Engine`] compiles components ahead of time, keeps what it compiled in an authenticated
//! cache, loads it back, and makes stores with every limit in force. It knows no HTTP, no SQL and
//! no plugin kinds: what a component may import is decided above, from the [`Shape`] that
//! [`inspect`] reads from the component's own type.
//!
//! There are two lanes, because one configuration cannot be best for both:
//!
//! - [`Lane::Plain`]: component-model concurrency off. Enough for typed worlds and `wasi:http` 0.2;
//!   instantiation and calls cost about half.
//! - [`Lane::Concurrent`]: component-model concurrency on, for anything that speaks WASI 0.3.
#![deny(missing_docs)]

mod aot;
mod apart;
mod clock;
mod config;
mod engine;
mod error;
mod inspect;
mod limits;
mod proven;
mod share;
mod ticker;

pub use aot::AotStats;
pub use apart::compile_if_asked;
pub use clock::Clock;
pub use config::{EngineConfig, IDLE_INSTANCES, Lane, POOL_SIZE};
pub use engine::Engine;
pub use error::EngineError;
pub use inspect::{InspectError, MAX_COMPONENT_BYTES, Shape, inspect};
pub use limits::{CallLimits, Exceeded, Guarded, Guardian};
pub use share::{ShareLimits, Shares, TenantShare};
