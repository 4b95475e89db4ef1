//! Who asks the same thing at the same time takes turns.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use steward_registry::{Digest, PrivacyAccount};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// One turn at a time for each question.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<Key, Weak<Turn<()>>>>);

/// Who asks what.
type Key = (PrivacyAccount, Digest);

impl Turns {
    /// Waits for the turn of this question; it ends when the guard is dropped.
    pub(crate) async fn take(
        &self,
        account: &PrivacyAccount,
        question: Digest,
    ) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock();
            // Those that nobody holds or waits for.
            turns.retain(|_, turn| turn.strong_count() > 0);
            let key = (account.clone(), question);
            let there = turns.get(&key).and_then(Weak::upgrade);
            there.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(key, Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}
