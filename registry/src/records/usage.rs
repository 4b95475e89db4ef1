//! What is counted, by the minute.

use serde::{Deserialize, Serialize};

use crate::id::{Name, TenantId};

/// Counted use of one version of one function within one minute. Added to what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the function.
    pub function: Name,
    /// Version that answered.
    pub version: semver::Version,
    /// Start of the minute, in seconds since 1970.
    pub minute: i64,
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// Time of a processor, waits not included, in microseconds.
    pub cpu_us: u64,
    /// The largest memory of one call, in bytes.
    pub memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Texts given to models.
    pub inference_texts: u64,
    /// Tokens that models computed of them.
    pub inference_tokens: u64,
    /// Bodies of requests, in bytes.
    pub bytes_in: u64,
    /// Bodies of answers, in bytes.
    pub bytes_out: u64,
}

impl Usage {
    /// Adds what was counted of the same function and version at another time. The memory is the larger of both.
    pub fn add(&mut self, more: &Self) {
        for (sum, more) in [
            (&mut self.calls, more.calls),
            (&mut self.errors, more.errors),
            (&mut self.wall_us, more.wall_us),
            (&mut self.cpu_us, more.cpu_us),
            (&mut self.host_calls, more.host_calls),
            (&mut self.inference_texts, more.inference_texts),
            (&mut self.inference_tokens, more.inference_tokens),
            (&mut self.bytes_in, more.bytes_in),
            (&mut self.bytes_out, more.bytes_out),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.memory_bytes = self.memory_bytes.max(more.memory_bytes);
    }
}

/// Counted use of one model within one minute, by functions, calls from outside and jobs of the tenant. Added to what is
/// stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUsage {
    /// Whose it is.
    pub tenant: TenantId,
    /// Name of the model.
    pub model: Name,
    /// Start of the minute, in seconds since 1970.
    pub minute: i64,
    /// Calls that were answered.
    pub calls: u64,
    /// Tokens that were computed for them, the special ones included; none of a model that takes tensors.
    pub tokens: u64,
}

impl ModelUsage {
    /// Adds what was counted of the same model at another time.
    pub fn add(&mut self, more: &Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.tokens = self.tokens.saturating_add(more.tokens);
    }
}
