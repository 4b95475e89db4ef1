//! How a model does: whether its numbers drift, how long its calls take, whether a candidate must go back, and the
//! event files that TensorBoard shows.
//!
//! Everything here is arithmetic and bookkeeping in bounded memory. Nothing knows where the numbers come from, and no
//! clock is read for them: whoever records passes the time in.
#![deny(missing_docs)]

pub mod drift;
pub mod guard;
pub mod latency;
pub mod tensorboard;
