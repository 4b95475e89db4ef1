//! The queue before a model: calls of everybody meet here, and a runner takes what is best computed together.
//!
//! What waits is [`Work`]: a row of tokens, or the tensors of a call. The queue speaks of rows; the same is done with
//! either.
//!
//! *Who is next* is start-time fair queueing (Goyal, Vin, Cheng, "Start-time Fair Queuing", SIGCOMM 1996): a row is
//! tagged with the virtual time at which its flow would be served if all flows shared the model evenly, by size.
//! A flow is a tenant, and whether it works in bulk; bulk pays [`BULK_COST`] times as much. So a job over a whole
//! dataset cannot make a short call wait for more than its share, and nobody starves: virtual time only grows, and
//! the row with the least tag is part of the next batch.
//!
//! *What goes with it* are rows of about its length, out of the next [`WINDOW`] rows: padding is work for nothing.
//! No timer waits for company unless a model asks for it: a batch is what came while the runners were busy.

mod call;
mod meter;
#[cfg(test)]
mod tests;
mod together;
mod work;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc;
use tracing::field::Empty;

use crate::error::InferenceError;
use crate::stats::Stats;
use crate::tokenize::Row;

pub(crate) use call::Call;
use call::Outcome;
pub use meter::Meter;
pub(crate) use together::Batching;
use together::together;
pub use work::Caller;
use work::Place;
pub(crate) use work::{Waiting, Work};

/// How many times its size a row of bulk work counts.
const BULK_COST: u64 = 4;
/// How many of the next rows are looked at for those that go well with the first.
const WINDOW: usize = 256;

/// Place in the order: the tag, then the order of arrival.
type Turn = (u64, u64);

/// The queue of one model. Clones share it.
pub(crate) struct Queue<W: Work = Row>(Arc<Inner<W>>);

impl<W: Work> Clone for Queue<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<W: Work> {
    state: Mutex<State<W>>,
    changed: Condvar,
    batching: Batching,
    stats: Arc<Stats>,
}

struct State<W: Work> {
    waiting: BTreeMap<Turn, Waiting<W>>,
    /// Where each flow's next row begins, in virtual time. Flows that are not ahead of the time are forgotten.
    flows: HashMap<(Arc<str>, bool), u64>,
    /// How many rows of each tenant wait, and their size.
    tenants: HashMap<Arc<str>, (usize, u64)>,
    /// Virtual time: the tag of the row that was last served first.
    now: u64,
    arrivals: u64,
    /// Runners that wait for work.
    idle: usize,
    /// Runners that compute.
    busy: usize,
    /// Size of the rows that wait.
    size: u64,
    /// The size that one runner computes in a second, of late; 0 before the first batch.
    speed: f64,
    closed: bool,
}

impl<W: Work> Default for State<W> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            flows: HashMap::new(),
            tenants: HashMap::new(),
            now: 0,
            arrivals: 0,
            idle: 0,
            busy: 0,
            size: 0,
            speed: 0.0,
            closed: false,
        }
    }
}

impl<W: Work> Queue<W> {
    pub(crate) fn new(batching: Batching, stats: Arc<Stats>) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::default(),
            changed: Condvar::new(),
            batching,
            stats,
        }))
    }

    /// Lets the rows wait for their turn.
    ///
    /// # Errors
    /// [`InferenceError::Overloaded`] where there is no room for all of them.
    pub(crate) fn submit(
        &self,
        caller: &Caller,
        rows: impl ExactSizeIterator<Item = (usize, W)>,
    ) -> Result<Call<W>, InferenceError> {
        let (sender, answers) = mpsc::unbounded_channel();
        let since = Instant::now();
        let left = rows.len();
        let mut state = self.0.state.lock();
        if !state.has_room(caller, left) {
            self.0.stats.refused.add(1);
            return Err(InferenceError::Overloaded {
                retry_after: state.backlog(),
            });
        }
        let tenant = &caller.tenant;
        let flow = (Arc::clone(tenant), caller.bulk);
        let mut turns = Vec::with_capacity(left);
        let mut tag = state.flows.get(&flow).copied().unwrap_or(0).max(state.now);
        let before = state.size;
        for (position, work) in rows {
            let size = work.size() as u64;
            let cost = size * if caller.bulk { BULK_COST } else { 1 };
            let place = Place {
                tenant: Arc::clone(tenant),
                position,
                answers: sender.clone(),
                since,
                taken: None,
                deadline: caller.deadline,
            };
            state.arrivals += 1;
            let turn = (tag, state.arrivals);
            state.size += size;
            state.waiting.insert(turn, Waiting { work, place });
            turns.push(turn);
            tag += cost;
        }
        let size = state.size - before;
        state.flows.insert(flow, tag);
        let held = state.tenants.entry(Arc::clone(tenant)).or_default();
        *held = (held.0 + left, held.1 + size);
        drop(state);
        self.0.changed.notify_all();
        let span = tracing::debug_span!(
            "inference",
            model = self.0.stats.key,
            rows = left,
            size,
            queue_us = Empty,
            compute_us = Empty,
        );
        Ok(Call {
            queue: self.clone(),
            turns,
            answers,
            left,
            deadline: caller.deadline,
            since,
            outcome: Outcome::Open,
            span,
            slowest: (Duration::ZERO, Duration::ZERO),
        })
    }

    /// How many rows wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.state.lock().waiting.len()
    }

    /// Rows to compute together; waits for some. None when the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Waiting<W>>> {
        let mut state = self.0.state.lock();
        loop {
            let company = state.company(self.0.batching.delay);
            if company.is_zero() {
                let batch = state.choose(&self.0.batching);
                if !batch.is_empty() {
                    state.busy += 1;
                    drop(state);
                    return Some(self.taken(batch));
                }
                if state.closed {
                    return None;
                }
            }
            state.idle += 1;
            if company.is_zero() {
                self.0.changed.wait(&mut state);
            } else {
                self.0.changed.wait_for(&mut state, company);
            }
            state.idle -= 1;
        }
    }

    fn taken(&self, mut batch: Vec<Waiting<W>>) -> Vec<Waiting<W>> {
        let now = Instant::now();
        for waiting in &mut batch {
            waiting.place.taken = Some(now);
            self.0.stats.queue.observe(now - waiting.place.since);
        }
        batch
    }

    /// Says that a batch from [`Queue::take`] is done, and how long it took.
    pub(crate) fn computed(&self, size: usize, time: Duration) {
        let mut state = self.0.state.lock();
        state.busy -= 1;
        let speed = size as f64 / time.as_secs_f64().max(1e-6);
        // A tenth of the newest: a few batches tell, and one odd batch does not.
        state.speed = match state.speed {
            0.0 => speed,
            before => before + (speed - before) / 10.0,
        };
    }

    /// No more rows come; those that wait are still computed.
    pub(crate) fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl<W: Work> State<W> {
    fn remove(&mut self, turn: &Turn) -> Option<Waiting<W>> {
        let waiting = self.waiting.remove(turn)?;
        let size = waiting.work.size() as u64;
        self.size -= size;
        if let Some(held) = self.tenants.get_mut(&waiting.place.tenant) {
            held.0 -= 1;
            held.1 -= size;
            if held.0 == 0 {
                self.tenants.remove(&waiting.place.tenant);
            }
        }
        Some(waiting)
    }

    /// Whether a call's rows may wait too.
    fn has_room(&self, caller: &Caller, rows: usize) -> bool {
        let share = if caller.bulk { 2 } else { 1 };
        let tenant = self.tenants.get(&caller.tenant);
        let (held, size) = tenant.copied().unwrap_or_default();
        // A call that is larger than the room may come alone: its rows are in memory already.
        self.waiting.is_empty()
            || (self.waiting.len() + rows <= W::MAX_WAITING / share
                && held + rows <= W::MAX_WAITING / 4 * 3
                && self.size < W::MAX_SIZE / share as u64
                && size < W::MAX_SIZE / 4 * 3)
    }

    /// How long it takes to compute what waits, in whole seconds, 1 to 60.
    fn backlog(&self) -> Duration {
        let runners = (self.idle + self.busy).max(1);
        let seconds = self.size as f64 / (self.speed * runners as f64).max(1.0);
        Duration::from_secs((seconds.ceil() as u64).clamp(1, 60))
    }

    /// How long the row whose turn it is may still wait for others to come.
    fn company(&self, delay: Duration) -> Duration {
        if delay.is_zero() || self.closed || self.waiting.len() >= W::TOGETHER {
            return Duration::ZERO;
        }
        let oldest = self.waiting.values().map(|w| w.place.since).min();
        oldest.map_or(Duration::ZERO, |since| {
            delay.saturating_sub(since.elapsed())
        })
    }

    /// Takes the row whose turn it is and those of the window that go well with it.
    fn choose(&mut self, batching: &Batching) -> Vec<Waiting<W>> {
        let window = self.window();
        let Some(&(_, (tag, _))) = window.first() else {
            return Vec::new();
        };
        self.now = self.now.max(tag);
        let now = self.now;
        self.flows.retain(|_, next| *next > now);
        // What waits is for all runners that could begin now.
        let most = self.waiting.len().div_ceil(self.idle + 1).min(W::TOGETHER);
        let chosen = together(window, most, batching);
        chosen
            .into_iter()
            .filter_map(|turn| self.remove(&turn))
            .collect()
    }

    /// The length and the turn of each of the next rows. Those that are late are told so and leave.
    fn window(&mut self) -> Vec<(usize, Turn)> {
        let clock = Instant::now();
        loop {
            let is_late =
                |w: &Waiting<W>| w.place.deadline.is_some_and(|deadline| deadline <= clock);
            let next = || self.waiting.iter().take(WINDOW);
            let late: Vec<Turn> = next()
                .filter(|(_, waiting)| is_late(waiting))
                .map(|(turn, _)| *turn)
                .collect();
            if late.is_empty() {
                return next()
                    .map(|(turn, waiting)| (waiting.work.size(), *turn))
                    .collect();
            }
            for turn in &late {
                if let Some(waiting) = self.remove(turn) {
                    waiting.answer(Err(InferenceError::Late));
                }
            }
        }
    }
}
