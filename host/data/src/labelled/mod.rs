//! What is learned from: rows with a text and a label, and the vectors of the texts.

mod rows;
mod vectors;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::DataError;
pub(crate) use rows::{Corpus, Row, Rows};
pub(crate) use vectors::{Vectors, check_size};

/// A text without what differs between copies of it: case and white space.
pub(crate) fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// Work that may take minutes, away from the threads that answer.
pub(crate) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DataError> + Send + 'static,
) -> Result<T, DataError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| DataError::Broken(e.to_string()))?
}

/// Somebody who waits. Once they do not, the training is told.
#[derive(Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// What turns true when nobody waits any more.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
