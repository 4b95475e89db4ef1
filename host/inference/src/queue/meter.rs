//! How much is computed for somebody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what models compute for somebody. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    tokens: AtomicU64,
}

impl Meter {
    /// Calls that were answered.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Tokens that were computed for calls that were answered: after texts were cut to what the model reads, the special
    /// ones included; what two windows of a long text share counts twice, as it is computed twice.
    pub fn tokens(&self) -> u64 {
        self.0.tokens.load(Ordering::Relaxed)
    }

    /// Counts a call that was answered.
    pub fn answered(&self) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn computed(&self, tokens: u64) {
        self.0.tokens.fetch_add(tokens, Ordering::Relaxed);
    }
}

/// Two are the same where they count together.
impl PartialEq for Meter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Meter {}
