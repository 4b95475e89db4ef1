//! A call that waits for its rows.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tracing::Span;

use super::work::{Answer, Done, Waiting, Work};
use super::{Queue, Turn};
use crate::error::InferenceError;
use crate::tokenize::Row;

/// The rows of one call. Dropped, it takes those that wait out of the queue.
pub(crate) struct Call<W: Work = Row> {
    pub(super) queue: Queue<W>,
    pub(super) turns: Vec<Turn>,
    pub(super) answers: mpsc::UnboundedReceiver<Done<W>>,
    pub(super) left: usize,
    pub(super) deadline: Option<Instant>,
    pub(super) since: Instant,
    pub(super) outcome: Outcome,
    pub(super) span: Span,
    /// Of the row that waited the longest, and of the one that was computed the longest.
    pub(super) slowest: (Duration, Duration),
}

/// What became of a call, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Open,
    Late,
    Failed,
}

impl<W: Work> Call<W> {
    /// The next row that is done, as its position and answer; none after the last.
    pub(crate) async fn next(&mut self) -> Option<(usize, Answer<W>)> {
        if self.left == 0 {
            return None;
        }
        if let Some(deadline) = self.deadline {
            match timeout_at(deadline.into(), self.answers.recv()).await {
                Ok(done) => return self.note(done),
                Err(_) => {
                    // What is being computed is waited for; the rest is answered in a moment.
                    self.deadline = None;
                    for waiting in self.leave() {
                        waiting.answer(Err(InferenceError::Late));
                    }
                }
            }
        }
        let done = self.answers.recv().await;
        self.note(done)
    }

    fn note(&mut self, done: Option<Done<W>>) -> Option<(usize, Answer<W>)> {
        let Some(done) = done else {
            self.left = 0;
            self.outcome = Outcome::Failed;
            return None;
        };
        self.left -= 1;
        self.slowest.0 = self.slowest.0.max(done.queued);
        self.slowest.1 = self.slowest.1.max(done.computed);
        match &done.answer {
            Ok(_) => {}
            Err(InferenceError::Late) => self.outcome = Outcome::Late,
            Err(_) => self.outcome = Outcome::Failed,
        }
        Some((done.position, done.answer))
    }

    /// Takes what waits out of the queue.
    fn leave(&self) -> Vec<Waiting<W>> {
        let mut state = self.queue.0.state.lock();
        let turns = self.turns.iter();
        turns.filter_map(|turn| state.remove(turn)).collect()
    }
}

impl<W: Work> Drop for Call<W> {
    fn drop(&mut self) {
        if self.left > 0 {
            self.leave();
        }
        let stats = &self.queue.0.stats;
        match self.outcome {
            Outcome::Late => stats.late.add(1),
            Outcome::Failed => stats.failed.add(1),
            Outcome::Open if self.left > 0 => stats.cancelled.add(1),
            Outcome::Open => stats.call.observe(self.since.elapsed()),
        }
        if !self.span.is_disabled() {
            let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            self.span.record("queue_us", microseconds(self.slowest.0));
            self.span.record("compute_us", microseconds(self.slowest.1));
        }
    }
}
