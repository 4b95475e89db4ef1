//! What waits for a model, and who waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::meter::Meter;
use crate::batch::MAX_ROWS;
use crate::error::InferenceError;
use crate::tokenize::Row;

/// What waits for a model.
pub(crate) trait Work: Send + 'static {
    /// What the model makes of it.
    type Output: Send + 'static;

    /// The most that waits at a time. Bulk work is turned away from half of it on, so that there is always room for
    /// somebody in a hurry.
    const MAX_WAITING: usize;
    /// The most that waits, by [`Work::size`]; the same holds for bulk work. One tenant has at most three quarters of
    /// either, so that there is always room for another.
    const MAX_SIZE: u64;
    /// The most that is computed together.
    const TOGETHER: usize;

    /// What it costs to compute and how much it holds, in units of its kind.
    fn size(&self) -> usize;
}

/// Rows of tokens; their size is how many.
impl Work for Row {
    type Output = Vec<f32>;

    const MAX_WAITING: usize = 16 << 10;
    /// 8 Mi tokens, each once as its number and once as its type, take 64 MiB.
    const MAX_SIZE: u64 = 8 << 20;
    const TOGETHER: usize = MAX_ROWS;

    fn size(&self) -> usize {
        self.ids.len()
    }
}

/// Who asks, and how urgently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Calls of one tenant share what is the tenant's.
    pub tenant: Arc<str>,
    /// Whether nobody waits for this call by itself: a job over a dataset. It makes way for others.
    pub bulk: bool,
    /// Rows that have not been started by then are given up.
    pub deadline: Option<Instant>,
    /// Where the tokens are counted that are computed for this caller.
    pub meters: Vec<Meter>,
}

impl Caller {
    /// Somebody who waits for the answer.
    pub fn interactive(tenant: impl Into<Arc<str>>) -> Self {
        Self {
            tenant: tenant.into(),
            bulk: false,
            deadline: None,
            meters: Vec::new(),
        }
    }

    /// A job.
    pub fn bulk(tenant: impl Into<Arc<str>>) -> Self {
        Self {
            bulk: true,
            ..Self::interactive(tenant)
        }
    }

    /// The same, counted here too.
    pub fn metered(mut self, meter: Meter) -> Self {
        self.meters.push(meter);
        self
    }

    /// The same with a deadline.
    pub fn until(self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }
}

/// The answer of one row.
pub(crate) type Answer<W> = Result<<W as Work>::Output, InferenceError>;

/// A row that is done.
pub(super) struct Done<W: Work> {
    pub(super) position: usize,
    pub(super) answer: Answer<W>,
    /// How long it waited.
    pub(super) queued: Duration,
    /// How long after that it was answered.
    pub(super) computed: Duration,
}

/// A row that waits, and where its answer goes.
pub(crate) struct Waiting<W: Work = Row> {
    pub(crate) work: W,
    pub(super) place: Place<W>,
}

/// All that is known of a row but what it is.
pub(super) struct Place<W: Work> {
    pub(super) tenant: Arc<str>,
    pub(super) position: usize,
    pub(super) answers: mpsc::UnboundedSender<Done<W>>,
    pub(super) since: Instant,
    /// When it was its turn.
    pub(super) taken: Option<Instant>,
    pub(super) deadline: Option<Instant>,
}

impl<W: Work> Place<W> {
    fn answer(self, answer: Answer<W>) {
        let now = Instant::now();
        let taken = self.taken.unwrap_or(now);
        let _ = self.answers.send(Done {
            position: self.position,
            answer,
            queued: taken - self.since,
            computed: now - taken,
        });
    }
}

impl<W: Work> Waiting<W> {
    /// Hands over the answer. Nobody may want it any more.
    pub(crate) fn answer(self, answer: Answer<W>) {
        self.place.answer(answer);
    }

    /// Computes the row and hands over the answer.
    pub(crate) fn answer_with(self, compute: impl FnOnce(W) -> Answer<W>) {
        let answer = compute(self.work);
        self.place.answer(answer);
    }
}
