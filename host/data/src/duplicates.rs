//! Which texts were seen before, over the whole run and in input order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tokio::sync::{Mutex, MutexGuard, watch};

/// What identifies a text among others: 128 bits that a plugin computes.
pub(crate) type Fingerprint = u128;

/// The first row of each fingerprint. Some tens of bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<Fingerprint, Box<str>>);

impl Seen {
    /// The id of the first row with this fingerprint.
    pub fn first(&self, fingerprint: Fingerprint) -> Option<&str> {
        self.0.get(&fingerprint).map(|id| &**id)
    }

    /// Remembers a row, unless an earlier one is there.
    pub fn insert(&mut self, fingerprint: Fingerprint, id: &str) {
        if let Entry::Vacant(place) = self.0.entry(fingerprint) {
            place.insert(id.into());
        }
    }
}

/// Lets batches pass one by one, in input order, so that "seen before" means before in the input.
///
/// Batches start in order and each waits only for those before it, so waiting always ends.
#[derive(Debug)]
pub(crate) struct Turnstile {
    next: watch::Sender<u64>,
    seen: Mutex<Seen>,
}

impl Turnstile {
    pub fn new() -> Self {
        Self {
            next: watch::Sender::new(0),
            seen: Mutex::default(),
        }
    }

    /// Waits until all batches before this one have passed.
    pub async fn enter(&self, batch: u64) -> MutexGuard<'_, Seen> {
        // The sender lives in `self`, so it cannot be gone.
        let _ = self.next.subscribe().wait_for(|next| *next == batch).await;
        self.seen.lock().await
    }

    /// Lets the next batch pass.
    pub fn leave(&self, batch: u64) {
        self.next.send_replace(batch + 1);
    }
}
