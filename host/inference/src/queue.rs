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

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tracing::Span;
use tracing::field::Empty;

use crate::batch::{BEST_CELLS, MAX_ROWS};
use crate::error::InferenceError;
use crate::stats::Stats;
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

/// How many times its size a row of bulk work counts.
const BULK_COST: u64 = 4;
/// How many of the next rows are looked at for those that go well with the first.
const WINDOW: usize = 256;
/// What a run costs beside its cells, in cells: a batch may be padded by so much rather than be two.
const RUN_CELLS: usize = 16;

/// Who asks, and how urgently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Calls of one tenant share what is the tenant's.
    pub tenant: Arc<str>,
    /// Whether nobody waits for this call by itself: a job over a dataset. It makes way for others.
    pub bulk: bool,
    /// Rows that have not been started by then are given up.
    pub deadline: Option<Instant>,
}

impl Caller {
    /// Somebody who waits for the answer.
    pub fn interactive(tenant: impl Into<Arc<str>>) -> Self {
        Self {
            tenant: tenant.into(),
            bulk: false,
            deadline: None,
        }
    }

    /// A job.
    pub fn bulk(tenant: impl Into<Arc<str>>) -> Self {
        Self {
            bulk: true,
            ..Self::interactive(tenant)
        }
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
struct Done<W: Work> {
    position: usize,
    answer: Answer<W>,
    /// How long it waited.
    queued: Duration,
    /// How long after that it was answered.
    computed: Duration,
}

/// A row that waits, and where its answer goes.
pub(crate) struct Waiting<W: Work = Row> {
    pub(crate) work: W,
    place: Place<W>,
}

/// All that is known of a row but what it is.
struct Place<W: Work> {
    tenant: Arc<str>,
    position: usize,
    answers: mpsc::UnboundedSender<Done<W>>,
    since: Instant,
    /// When it was its turn.
    taken: Option<Instant>,
    deadline: Option<Instant>,
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
    /// Whether rows of different length may be computed together: the model takes a mask.
    masked: bool,
    /// How long a row may wait for company while a runner has nothing to do.
    delay: Duration,
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

/// The rows of one call. Dropped, it takes those that wait out of the queue.
pub(crate) struct Call<W: Work = Row> {
    queue: Queue<W>,
    turns: Vec<Turn>,
    answers: mpsc::UnboundedReceiver<Done<W>>,
    left: usize,
    deadline: Option<Instant>,
    since: Instant,
    outcome: Outcome,
    span: Span,
    /// Of the row that waited the longest, and of the one that was computed the longest.
    slowest: (Duration, Duration),
}

/// What became of a call, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
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

impl<W: Work> Queue<W> {
    pub(crate) fn new(masked: bool, delay: Duration, stats: Arc<Stats>) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::default(),
            changed: Condvar::new(),
            masked,
            delay,
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
            let company = state.company(self.0.delay);
            if company.is_zero() {
                let batch = state.choose(self.0.masked);
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
    fn choose(&mut self, masked: bool) -> Vec<Waiting<W>> {
        let window = self.window();
        let Some(&(_, (tag, _))) = window.first() else {
            return Vec::new();
        };
        self.now = self.now.max(tag);
        let now = self.now;
        self.flows.retain(|_, next| *next > now);
        // What waits is for all runners that could begin now.
        let most = self.waiting.len().div_ceil(self.idle + 1).min(W::TOGETHER);
        let chosen = together(window, most, masked);
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

/// Of rows in order of their turns, given by length, those to compute together with the first: its neighbours by
/// length, the nearest first, as long as that costs less than to compute them apart.
fn together(mut window: Vec<(usize, Turn)>, most: usize, masked: bool) -> Vec<Turn> {
    let Some(&(first, turn)) = window.first() else {
        return Vec::new();
    };
    window.sort_unstable();
    let at = window.partition_point(|row| *row < (first, turn));
    let (mut from, mut to) = (at, at + 1);
    let (mut width, mut padding) = (first, 0);
    while to - from < most {
        let rows = to - from;
        // What the batch would be padded by, beside what it is already.
        let shorter = from.checked_sub(1).map(|i| width - window[i].0);
        let longer = window.get(to).map(|row| (row.0 - width) * rows);
        let (more, wider) = match (shorter, longer) {
            (None, None) => break,
            (Some(s), Some(l)) if l < s => (l, true),
            (Some(s), _) => (s, false),
            (None, Some(l)) => (l, true),
        };
        let wide = if wider { window[to].0 } else { width };
        // Each row may bring so much padding as a run of its own would cost.
        let worth = padding + more <= (rows * RUN_CELLS).max(RUN_CELLS) && (masked || more == 0);
        if !worth || (rows + 1) * wide > BEST_CELLS {
            break;
        }
        padding += more;
        width = wide;
        if wider { to += 1 } else { from -= 1 }
    }
    window[from..to].iter().map(|row| row.1).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_WAITING: usize = Row::MAX_WAITING;

    fn rows(lengths: &[usize]) -> std::vec::IntoIter<(usize, Row)> {
        let row = |(position, &length): (usize, &usize)| {
            let row = Row {
                ids: vec![1; length],
                types: vec![0; length],
            };
            (position, row)
        };
        lengths
            .iter()
            .enumerate()
            .map(row)
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn queue(masked: bool, delay: Duration) -> Queue {
        Queue::new(masked, delay, Arc::new(Stats::new("m".into())))
    }

    fn lengths(batch: &[Waiting]) -> Vec<usize> {
        batch.iter().map(|waiting| waiting.work.size()).collect()
    }

    #[test]
    fn rows_of_a_length_go_together() {
        let queue = queue(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let _call = queue.submit(&anna, rows(&[50, 5, 48, 6, 52, 5])).unwrap();
        assert_eq!(lengths(&queue.take().unwrap()), [48, 50, 52]);
        assert_eq!(lengths(&queue.take().unwrap()), [5, 5, 6]);
    }

    #[test]
    fn without_a_mask_only_equals_go_together() {
        let queue = queue(false, Duration::ZERO);
        let _call = queue
            .submit(&Caller::interactive("a"), rows(&[5, 6, 5]))
            .unwrap();
        assert_eq!(lengths(&queue.take().unwrap()), [5, 5]);
        assert_eq!(lengths(&queue.take().unwrap()), [6]);
    }

    #[test]
    fn a_job_does_not_keep_others_waiting() {
        let queue = queue(true, Duration::ZERO);
        let _job = queue.submit(&Caller::bulk("b"), rows(&[40; 1000])).unwrap();
        // The job is being served when somebody comes.
        queue.take().unwrap();
        let _call = queue
            .submit(&Caller::interactive("a"), rows(&[300]))
            .unwrap();
        let batches = (0..).take_while(|_| !lengths(&queue.take().unwrap()).contains(&300));
        assert!(batches.count() <= 1);
    }

    #[test]
    fn a_call_that_is_given_up_leaves() {
        let queue = queue(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let given_up = queue.submit(&anna, rows(&[5; 10])).unwrap();
        let _other = queue.submit(&anna, rows(&[7])).unwrap();
        drop(given_up);
        assert_eq!(lengths(&queue.take().unwrap()), [7]);
        queue.close();
        assert!(queue.take().is_none());
    }

    #[tokio::test]
    async fn who_is_late_is_told_and_not_computed() {
        let queue = queue(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let _first = queue.submit(&anna, rows(&[5])).unwrap();
        let late = anna.clone().until(Instant::now());
        let mut call = queue.submit(&late, rows(&[5, 6])).unwrap();
        let _other = queue.submit(&Caller::interactive("b"), rows(&[7])).unwrap();
        // Neither as the next nor as the company of another.
        assert_eq!(lengths(&queue.take().unwrap()), [5, 7]);
        let (_, answer) = call.next().await.unwrap();
        assert!(matches!(answer, Err(InferenceError::Late)));
        drop(call);
        assert_eq!(queue.0.stats.read().late, 1);
    }

    #[tokio::test]
    async fn a_deadline_passes_while_nobody_takes_anything() {
        let queue = queue(true, Duration::ZERO);
        let deadline = Instant::now() + Duration::from_secs(1);
        let anna = Caller::interactive("a").until(deadline);
        let mut call = queue.submit(&anna, rows(&[5, 50])).unwrap();
        let begun = queue.take().unwrap();
        assert_eq!(lengths(&begun), [5]);
        let (position, answer) = call.next().await.unwrap();
        assert!(position == 1 && matches!(answer, Err(InferenceError::Late)));
        assert_eq!(queue.waiting(), 0);
        // What was begun in time is answered.
        for waiting in begun {
            waiting.answer(Ok(vec![1.0]));
        }
        assert!(matches!(call.next().await, Some((0, Ok(_)))));
        assert!(call.next().await.is_none());
    }

    #[test]
    fn there_is_room_for_so_many_and_some_of_it_not_for_bulk() {
        let queue = queue(true, Duration::ZERO);
        let (job, anna) = (Caller::bulk("b"), Caller::interactive("a"));
        let _first = queue.submit(&job, rows(&[5; MAX_WAITING / 2])).unwrap();
        assert!(matches!(
            queue.submit(&job, rows(&[5])),
            Err(InferenceError::Overloaded { .. })
        ));
        let call = queue.submit(&anna, rows(&[5; MAX_WAITING / 2])).unwrap();
        assert!(matches!(
            queue.submit(&anna, rows(&[5])),
            Err(InferenceError::Overloaded { .. })
        ));
        drop(call);
        let _call = queue.submit(&anna, rows(&[5])).unwrap();
        let stats = queue.0.stats.read();
        assert_eq!((stats.refused, stats.cancelled), (2, 1));
    }

    #[test]
    fn one_tenant_leaves_room_for_another() {
        let queue = queue(true, Duration::ZERO);
        let (anna, ben) = (Caller::interactive("a"), Caller::interactive("乙"));
        let most = queue
            .submit(&anna, rows(&[5; MAX_WAITING / 4 * 3]))
            .unwrap();
        assert!(matches!(
            queue.submit(&anna, rows(&[5])),
            Err(InferenceError::Overloaded { .. })
        ));
        let _call = queue.submit(&ben, rows(&[5; 100])).unwrap();
        drop(most);
        let _call = queue.submit(&anna, rows(&[5])).unwrap();
        assert_eq!(queue.0.state.lock().tenants.len(), 2);
    }

    #[test]
    fn there_is_room_for_so_much_by_size() {
        let queue = queue(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let long = Row::MAX_SIZE as usize / 1024;
        let _first = queue.submit(&anna, rows(&vec![long; 1024])).unwrap();
        assert!(matches!(
            queue.submit(&anna, rows(&[5])),
            Err(InferenceError::Overloaded { .. })
        ));
        queue.take().unwrap();
        // There is room again, of which the tenant that has most of it gets none.
        let _call = queue
            .submit(&Caller::interactive("乙"), rows(&[5]))
            .unwrap();
    }

    #[test]
    fn who_is_turned_away_learns_when_to_come_again() {
        let queue = queue(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let _first = queue.submit(&anna, rows(&[10; MAX_WAITING])).unwrap();
        let batch = queue.take().unwrap();
        // 16,384 rows of 10 tokens at 5,000 tokens a second, and one runner.
        queue.computed(5000, Duration::from_secs(1));
        queue.0.state.lock().busy = 1;
        let ben = Caller::interactive("b");
        let _held = queue.submit(&ben, rows(&vec![10; batch.len()])).unwrap();
        let refused = queue.submit(&anna, rows(&[10])).err().unwrap();
        let InferenceError::Overloaded { retry_after } = refused else {
            panic!("{refused}");
        };
        assert!(
            (32..=34).contains(&retry_after.as_secs()),
            "{retry_after:?}"
        );
        drop(batch);
    }

    #[test]
    fn a_row_waits_for_company_only_as_long_as_it_may() {
        let delay = Duration::from_millis(20);
        let queue = queue(true, delay);
        let anna = Caller::interactive("a");
        let start = Instant::now();
        let _call = queue.submit(&anna, rows(&[5])).unwrap();
        assert_eq!(queue.take().unwrap().len(), 1);
        assert!(start.elapsed() >= delay);
        // A full batch waits for nobody.
        let _calls = queue.submit(&anna, rows(&[5; MAX_ROWS])).unwrap();
        assert_eq!(queue.0.state.lock().company(delay), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn every_row_is_served_once_and_no_batch_is_too_large(
            calls in prop::collection::vec((0..3u8, any::<bool>(), prop::collection::vec(1usize..600, 1..40)), 1..12),
            masked in any::<bool>(),
        ) {
            let queue = queue(masked, Duration::ZERO);
            let mut expected = Vec::new();
            let calls: Vec<_> = calls.iter().map(|(tenant, bulk, lengths)| {
                expected.extend_from_slice(lengths);
                let caller = Caller { bulk: *bulk, ..Caller::interactive(tenant.to_string()) };
                queue.submit(&caller, rows(lengths)).unwrap()
            }).collect();
            queue.close();
            let mut served = Vec::new();
            while let Some(batch) = queue.take() {
                let lengths = lengths(&batch);
                let width = lengths.iter().copied().max().unwrap();
                prop_assert!(lengths.len() <= MAX_ROWS && (lengths.len() == 1 || lengths.len() * width <= BEST_CELLS));
                prop_assert!(masked || lengths.iter().all(|&length| length == width));
                let padding = lengths.len() * width - lengths.iter().sum::<usize>();
                prop_assert!(padding <= lengths.len() * RUN_CELLS);
                served.extend(lengths);
            }
            served.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(served, expected);
            drop(calls);
        }
    }
}
