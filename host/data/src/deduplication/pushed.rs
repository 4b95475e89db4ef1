//! What rows are pushed to, one after the other, on a thread that may wait for a disk.

use steward_duplicates::DuplicatesError;
use tokio::sync::oneshot;

use crate::DataError;
use crate::job::joined;

/// What rows are pushed to on another thread, and how it comes back from there once all are.
pub(super) struct Pushed<T> {
    pub to: Option<T>,
    end: Option<oneshot::Sender<T>>,
}

impl<T> Pushed<T> {
    pub fn new(to: T, end: oneshot::Sender<T>) -> Self {
        Self {
            to: Some(to),
            end: Some(end),
        }
    }

    pub fn push(
        &mut self,
        push: impl FnOnce(&mut T) -> Result<(), DuplicatesError>,
    ) -> Result<(), DataError> {
        match &mut self.to {
            Some(to) => Ok(push(to)?),
            None => Ok(()),
        }
    }
}

impl<T> Drop for Pushed<T> {
    fn drop(&mut self) {
        if let (Some(to), Some(end)) = (self.to.take(), self.end.take()) {
            // Nobody waits where the job was stopped.
            let _ = end.send(to);
        }
    }
}

/// Waits for what rows were pushed to, and ends it on a thread that may take its time.
pub(super) async fn finished<T: Send + 'static, U: Send + 'static>(
    ended: oneshot::Receiver<T>,
    finish: impl FnOnce(T) -> Result<U, DuplicatesError> + Send + 'static,
) -> Result<U, DataError> {
    let broken = |_| DataError::Broken("the search for duplicates ended early".into());
    let pushed = ended.await.map_err(broken)?;
    let found = tokio::task::spawn_blocking(move || finish(pushed));
    Ok(joined(found.await)??)
}
