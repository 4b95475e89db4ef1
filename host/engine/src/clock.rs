//! How long a guest computes.
//!
//! The time of a guest is the time that its future is polled: there it computes, and the host works
//! for it on the same thread. While it waits for the host, or has given way to its neighbours, nobody
//! polls it and its clock stands. wasmtime's own hook at each crossing between guest and host would
//! run on while a guest has given way, and would cost two looks at a clock for each host call instead
//! of two for each poll.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// A poll that takes longer than this is followed by one that is measured by the clock of the thread.
/// That clock is exact where other threads have taken the processor meanwhile, and costs a system
/// call: too much for a call that takes ten microseconds, nothing for one that computes on and on.
const LONG: Duration = Duration::from_micros(500);

/// The time that one call has computed.
#[derive(Debug)]
pub struct Clock {
    base: Instant,
    spent: AtomicU64,
    sure: AtomicU64,
    /// Begin of the present poll in nanoseconds after `base`, and one; 0 while it stands.
    since: AtomicU64,
    /// The same by the clock of the thread, where that is asked; 0 where not.
    since_of_thread: AtomicU64,
    long: AtomicBool,
    /// Each poll is measured by the clock of the thread.
    exact: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            base: Instant::now(),
            spent: AtomicU64::new(0),
            sure: AtomicU64::new(0),
            since: AtomicU64::new(0),
            since_of_thread: AtomicU64::new(0),
            long: AtomicBool::new(false),
            exact: false,
        }
    }
}

impl Clock {
    /// One that asks the clock of the thread from the first poll on, for where the clock on the wall would do harm: what
    /// others took of the processor is never counted.
    pub fn exact() -> Self {
        Self {
            exact: true,
            ..Self::default()
        }
    }

    /// Runs a future and counts the time that it is polled.
    pub async fn measure<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.enter();
            let answer = future.as_mut().poll(context);
            self.leave();
            answer
        })
        .await
    }

    /// What has been computed so far. Inside of the poll that it measures, that is included.
    pub fn spent(&self) -> Duration {
        Duration::from_nanos(
            self.spent
                .load(Ordering::Relaxed)
                .saturating_add(self.slice()),
        )
    }

    /// What has surely been computed in the polls that have ended. A poll that only the clock on the wall has seen may have
    /// waited for others in its midst: it counts as one that is not long.
    pub fn surely_spent(&self) -> Duration {
        Duration::from_nanos(self.sure.load(Ordering::Relaxed))
    }

    /// Begins at zero, for the next call in the same instance.
    pub(crate) fn reset(&self) {
        self.spent.store(0, Ordering::Relaxed);
        self.sure.store(0, Ordering::Relaxed);
        self.long.store(false, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn enter(&self) {
        let of_thread = match self.exact || self.long.load(Ordering::Relaxed) {
            true => thread_nanos().unwrap_or(0),
            false => 0,
        };
        self.since_of_thread.store(of_thread, Ordering::Relaxed);
        self.since.store(self.now() + 1, Ordering::Relaxed);
    }

    fn leave(&self) {
        let slice = self.slice();
        self.spent.fetch_add(slice, Ordering::Relaxed);
        let sure = match self.since_of_thread.load(Ordering::Relaxed) {
            0 => slice.min(LONG.as_nanos() as u64),
            _ => slice,
        };
        self.sure.fetch_add(sure, Ordering::Relaxed);
        let whole = self
            .now()
            .saturating_sub(self.since.load(Ordering::Relaxed));
        self.long
            .store(u128::from(whole) > LONG.as_nanos(), Ordering::Relaxed);
        self.since.store(0, Ordering::Relaxed);
    }

    /// The present poll so far, in nanoseconds.
    fn slice(&self) -> u64 {
        let since = self.since.load(Ordering::Relaxed);
        if since == 0 {
            return 0;
        }
        match self.since_of_thread.load(Ordering::Relaxed) {
            0 => self.now().saturating_sub(since - 1),
            since => thread_nanos().unwrap_or(since).saturating_sub(since),
        }
    }
}

/// The time that this thread has run.
fn thread_nanos() -> Option<u64> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok()?;
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    let nanos = u64::try_from(time.tv_nsec()).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By both clocks: where others have the processor meanwhile, that of the thread stands.
    fn compute(time: Duration) {
        let of_thread = || Duration::from_nanos(thread_nanos().unwrap());
        let (start, start_of_thread) = (Instant::now(), of_thread());
        while start.elapsed() < time || of_thread() - start_of_thread < time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn a_poll_that_is_held_up_is_not_surely_long() {
        let clock = Clock::default();
        let held_up = async {
            for _ in 0..5 {
                std::thread::sleep(Duration::from_millis(5));
                tokio::task::yield_now().await;
            }
        };
        clock.measure(held_up).await;
        assert!(clock.spent() >= Duration::from_millis(5));
        // The first by the wall, and what the others took of the processor.
        assert!(clock.surely_spent() < Duration::from_millis(3), "{clock:?}");
    }

    #[tokio::test]
    async fn an_exact_clock_stands_where_even_the_first_poll_is_held_up() {
        let clock = Clock::exact();
        for _ in 0..2 {
            clock
                .measure(async { std::thread::sleep(Duration::from_millis(50)) })
                .await;
            assert!(clock.spent() < Duration::from_millis(25), "{clock:?}");
            assert_eq!(clock.surely_spent(), clock.spent());
            clock.reset();
        }
        let work = async { compute(Duration::from_millis(5)) };
        clock.measure(work).await;
        assert!(
            clock.surely_spent() >= Duration::from_millis(5),
            "{clock:?}"
        );
    }

    #[tokio::test]
    async fn waits_are_not_counted_and_computing_is() {
        let (clock, start) = (Clock::default(), Instant::now());
        let (tell, told) = tokio::sync::oneshot::channel();
        let guest = clock.measure(async {
            told.await.unwrap();
            compute(Duration::from_millis(5));
            assert!(clock.spent() >= Duration::from_millis(5), "from within");
            tokio::task::yield_now().await;
        });
        // It has the thread to itself while the guest waits, and while that has given way.
        let neighbour = async {
            std::thread::sleep(Duration::from_millis(60));
            tell.send(()).unwrap();
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_millis(60));
        };
        tokio::join!(guest, neighbour);
        let (spent, whole) = (clock.spent(), start.elapsed());
        assert!(spent >= Duration::from_millis(5), "{spent:?}");
        assert!(
            whole >= spent + Duration::from_millis(120),
            "{spent:?} of {whole:?}"
        );
        assert!(clock.surely_spent() >= LONG, "{clock:?}");
        assert!(clock.surely_spent() <= spent, "{clock:?}");
        clock.reset();
        assert_eq!([clock.spent(), clock.surely_spent()], [Duration::ZERO; 2]);
    }

    #[tokio::test]
    async fn a_thread_that_is_put_aside_is_not_computing() {
        let clock = Clock::default();
        clock
            .measure(async {
                compute(Duration::from_millis(1));
                tokio::task::yield_now().await;
                let before = clock.spent();
                // The thread sleeps within a poll, as it does where others have the processor.
                std::thread::sleep(Duration::from_millis(50));
                let asleep = clock.spent() - before;
                assert!(asleep < Duration::from_millis(25), "{asleep:?}");
            })
            .await;
    }
}
