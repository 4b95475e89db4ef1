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

use crate::batch::{BEST_CELLS, MAX_ROWS};
use crate::error::InferenceError;
use crate::tokenize::Row;

/// What waits for a model.
pub(crate) trait Work: Send + 'static {
    /// What the model makes of it.
    type Output: Send + 'static;

    /// The most that waits at a time. Bulk work is turned away from half of it on, so that there is always room for
    /// somebody in a hurry.
    const MAX_WAITING: usize;
    /// The most that waits, by [`Work::size`]; the same holds for bulk work.
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

/// A row that waits, and where its answer goes.
pub(crate) struct Waiting<W: Work = Row> {
    pub(crate) work: W,
    position: usize,
    answers: mpsc::UnboundedSender<(usize, Answer<W>)>,
    since: Instant,
    deadline: Option<Instant>,
}

impl<W: Work> Waiting<W> {
    /// Hands over the answer. Nobody may want it any more.
    pub(crate) fn answer(self, answer: Answer<W>) {
        let _ = self.answers.send((self.position, answer));
    }

    /// Computes the row and hands over the answer.
    pub(crate) fn answer_with(self, compute: impl FnOnce(W) -> Answer<W>) {
        let answer = compute(self.work);
        let _ = self.answers.send((self.position, answer));
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
}

struct State<W: Work> {
    waiting: BTreeMap<Turn, Waiting<W>>,
    /// Where each flow's next row begins, in virtual time. Flows that are not ahead of the time are forgotten.
    flows: HashMap<(Arc<str>, bool), u64>,
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
    answers: mpsc::UnboundedReceiver<(usize, Answer<W>)>,
    left: usize,
}

impl<W: Work> Call<W> {
    /// The next row that is done, as its position and answer; none after the last.
    pub(crate) async fn next(&mut self) -> Option<(usize, Answer<W>)> {
        if self.left == 0 {
            return None;
        }
        let answer = self.answers.recv().await;
        match answer {
            Some(_) => self.left -= 1,
            None => self.left = 0,
        }
        answer
    }
}

impl<W: Work> Drop for Call<W> {
    fn drop(&mut self) {
        if self.left > 0 {
            let mut state = self.queue.0.state.lock();
            for turn in &self.turns {
                state.remove(turn);
            }
        }
    }
}

impl<W: Work> Queue<W> {
    pub(crate) fn new(masked: bool, delay: Duration) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::default(),
            changed: Condvar::new(),
            masked,
            delay,
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
        let share = if caller.bulk { 2 } else { 1 };
        // A call that is larger than the room may come alone: its rows are in memory already.
        if !state.waiting.is_empty()
            && (state.waiting.len() + left > W::MAX_WAITING / share
                || state.size >= W::MAX_SIZE / share as u64)
        {
            return Err(InferenceError::Overloaded {
                retry_after: state.backlog(),
            });
        }
        let flow = (Arc::clone(&caller.tenant), caller.bulk);
        let mut turns = Vec::with_capacity(left);
        let mut tag = state.flows.get(&flow).copied().unwrap_or(0).max(state.now);
        for (position, work) in rows {
            let size = work.size() as u64;
            let cost = size * if caller.bulk { BULK_COST } else { 1 };
            let waiting = Waiting {
                work,
                position,
                answers: sender.clone(),
                since,
                deadline: caller.deadline,
            };
            state.arrivals += 1;
            let turn = (tag, state.arrivals);
            state.size += size;
            state.waiting.insert(turn, waiting);
            turns.push(turn);
            tag += cost;
        }
        state.flows.insert(flow, tag);
        drop(state);
        self.0.changed.notify_all();
        Ok(Call {
            queue: self.clone(),
            turns,
            answers,
            left,
        })
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
                    return Some(batch);
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
        self.size -= waiting.work.size() as u64;
        Some(waiting)
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
        let oldest = self.waiting.values().map(|waiting| waiting.since).min();
        oldest.map_or(Duration::ZERO, |since| {
            delay.saturating_sub(since.elapsed())
        })
    }

    /// Takes the row whose turn it is and those of the window that go well with it.
    fn choose(&mut self, masked: bool) -> Vec<Waiting<W>> {
        let clock = Instant::now();
        while let Some((&turn, first)) = self.waiting.first_key_value()
            && first.deadline.is_some_and(|deadline| deadline <= clock)
            && let Some(late) = self.remove(&turn)
        {
            late.answer(Err(InferenceError::Late));
        }
        let Some((&(tag, _), _)) = self.waiting.first_key_value() else {
            return Vec::new();
        };
        self.now = self.now.max(tag);
        let now = self.now;
        self.flows.retain(|_, next| *next > now);
        // What waits is for all runners that could begin now.
        let most = self.waiting.len().div_ceil(self.idle + 1).min(W::TOGETHER);
        let window = self.waiting.iter().take(WINDOW);
        let window: Vec<(usize, Turn)> = window.map(|(turn, w)| (w.work.size(), *turn)).collect();
        let chosen = together(window, most, masked);
        chosen
            .into_iter()
            .filter_map(|turn| self.remove(&turn))
            .collect()
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

    fn lengths(batch: &[Waiting]) -> Vec<usize> {
        batch.iter().map(|waiting| waiting.work.size()).collect()
    }

    #[test]
    fn rows_of_a_length_go_together() {
        let queue = Queue::new(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let _call = queue.submit(&anna, rows(&[50, 5, 48, 6, 52, 5])).unwrap();
        assert_eq!(lengths(&queue.take().unwrap()), [48, 50, 52]);
        assert_eq!(lengths(&queue.take().unwrap()), [5, 5, 6]);
    }

    #[test]
    fn without_a_mask_only_equals_go_together() {
        let queue = Queue::new(false, Duration::ZERO);
        let _call = queue
            .submit(&Caller::interactive("a"), rows(&[5, 6, 5]))
            .unwrap();
        assert_eq!(lengths(&queue.take().unwrap()), [5, 5]);
        assert_eq!(lengths(&queue.take().unwrap()), [6]);
    }

    #[test]
    fn a_job_does_not_keep_others_waiting() {
        let queue = Queue::new(true, Duration::ZERO);
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
        let queue = Queue::new(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let given_up = queue.submit(&anna, rows(&[5; 10])).unwrap();
        let _other = queue.submit(&anna, rows(&[7])).unwrap();
        drop(given_up);
        assert_eq!(lengths(&queue.take().unwrap()), [7]);
        queue.close();
        assert!(queue.take().is_none());
    }

    #[test]
    fn who_is_late_is_told_and_not_computed() {
        let queue = Queue::new(true, Duration::ZERO);
        let late = Caller::interactive("a").until(Instant::now());
        let mut call = queue.submit(&late, rows(&[5])).unwrap();
        let _other = queue.submit(&Caller::interactive("b"), rows(&[7])).unwrap();
        assert_eq!(lengths(&queue.take().unwrap()), [7]);
        let (_, answer) = futures::executor::block_on(call.next()).unwrap();
        assert!(matches!(answer, Err(InferenceError::Late)));
    }

    #[test]
    fn there_is_room_for_so_many_and_some_of_it_not_for_bulk() {
        let queue = Queue::new(true, Duration::ZERO);
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
    }

    #[test]
    fn there_is_room_for_so_much_by_size() {
        let queue = Queue::new(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let long = Row::MAX_SIZE as usize / 1024;
        let _first = queue.submit(&anna, rows(&vec![long; 1024])).unwrap();
        assert!(matches!(
            queue.submit(&anna, rows(&[5])),
            Err(InferenceError::Overloaded { .. })
        ));
        queue.take().unwrap();
        let _call = queue.submit(&anna, rows(&[5])).unwrap();
    }

    #[test]
    fn who_is_turned_away_learns_when_to_come_again() {
        let queue = Queue::new(true, Duration::ZERO);
        let anna = Caller::interactive("a");
        let _first = queue.submit(&anna, rows(&[10; MAX_WAITING])).unwrap();
        let batch = queue.take().unwrap();
        // 16,384 rows of 10 tokens at 5,000 tokens a second, and one runner.
        queue.computed(5000, Duration::from_secs(1));
        queue.0.state.lock().busy = 1;
        let _held = queue.submit(&anna, rows(&vec![10; batch.len()])).unwrap();
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
        let queue = Queue::new(true, delay);
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
            let queue = Queue::new(masked, Duration::ZERO);
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
