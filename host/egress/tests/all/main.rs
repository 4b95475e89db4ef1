//! Requests against peers that are not what they should be, over real sockets.
#![allow(clippy::unwrap_used)]

mod addresses;
mod hostile;
mod pool;
mod standin;
mod streams;
mod tls;
