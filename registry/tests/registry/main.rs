//! The registry against real databases and real object stores.
//!
//! One contract runs on SQLite and PostgreSQL, on a local folder and on S3. The servers are started
//! here, on free loopback ports, and stopped with the test that started them.
// A failed assumption should stop the test.
#![allow(clippy::unwrap_used)]

mod contract;
mod crash;
mod properties;
mod support;
