//! Where calls go on that compute for long.
//!
//! A guest gives way once a millisecond, but the next in the queue of its thread may be another that computes: beside
//! eight of them a small call would wait for several milliseconds. So a call that has computed for longer than most calls
//! ever do goes on, on threads of their own with a lower priority, which the system interrupts for whoever has a small
//! thing to do. The calls after it begin there, until some of them have been short again: otherwise each would first take
//! its milliseconds from the others.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::{getpriority_process, setpriority_process};
use steward_engine::Clock;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::FunctionsError;

/// A call that has computed for longer than this goes on in the background.
const LONG: Duration = Duration::from_millis(3);
/// How much lower the priority of the background is than that of the host, as `nice` counts it.
const NICE: i32 = 10;
/// So many short calls in a row, and those of a version that computed for long begin among all others again.
const SHORT_AGAIN: u8 = 8;
/// The lowest priority that there is.
const LOWEST: i32 = 19;

/// The threads of the background. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Background(Option<Arc<Threads>>);

struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that waits for its threads must not do so on a thread of another.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Background {
    /// As many threads as there are processors. Where the system gives none, calls stay where they are.
    pub(crate) fn start() -> Self {
        // Of the host and not of the thread that begins another: that one may be of the background itself.
        let own = getpriority_process(None).unwrap_or(0);
        let runtime = Builder::new_multi_thread()
            .thread_name("steward-long")
            .enable_all()
            .on_thread_start(move || step_back((own + NICE).min(LOWEST)))
            .build();
        match runtime {
            Ok(runtime) => Self(Some(Arc::new(Threads(Some(runtime))))),
            Err(error) => {
                tracing::warn!(%error, "calls that compute for long stay among all others");
                Self(None)
            }
        }
    }

    fn handle(&self) -> Option<&Handle> {
        let threads = self.0.as_ref()?;
        threads.0.as_ref().map(Runtime::handle)
    }

    /// A call that begins where it is polled, or in the background, as the habit of its version has it.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        habit: &Arc<Habit>,
        call: impl Future<Output = Result<T, FunctionsError>> + Send + 'static,
    ) -> Calling<T> {
        let clock = Arc::new(match habit.is_suspect() {
            true => Clock::exact(),
            false => Clock::default(),
        });
        let mut calling = Calling {
            place: Place::Here(Watched {
                clock: clock.clone(),
                call: Box::pin(async move { clock.measure(call).await }),
                habit: habit.clone(),
            }),
            background: self.clone(),
        };
        if habit.is_long() {
            calling.move_away();
        }
        calling
    }
}

/// How long the calls of a version compute, as the last ones did.
#[derive(Debug, Default)]
pub(crate) struct Habit {
    /// So many short calls are missing until the next one begins among all others.
    long: AtomicU8,
    /// The last call may have been a long one in a single poll, or a short one that was held up in it: the next is measured
    /// exactly, and tells which.
    suspect: AtomicBool,
}

impl Habit {
    fn is_long(&self) -> bool {
        self.long.load(Ordering::Relaxed) > 0
    }

    fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Takes note of a call. Of two that end at once one may be lost, which costs nothing but a guess.
    fn note(&self, clock: &Clock) {
        let computed = clock.surely_spent();
        let before = self.long.load(Ordering::Relaxed);
        let after = match computed > LONG {
            true => SHORT_AGAIN,
            false => before.saturating_sub(1),
        };
        if after != before {
            self.long.store(after, Ordering::Relaxed);
        }
        let suspect = clock.spent() > computed + LONG;
        if suspect != self.is_suspect() {
            self.suspect.store(suspect, Ordering::Relaxed);
        }
    }
}

/// Gives this thread a priority. Linux has one for each thread; elsewhere it would be that of the whole host.
fn step_back(priority: i32) {
    if !cfg!(target_os = "linux") {
        return;
    }
    if let Err(error) = setpriority_process(None, priority) {
        tracing::warn!(%error, "calls that compute for long have the priority of all others");
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, FunctionsError>> + Send>>;

/// A call and how long it has computed. What it was is noted when it is dropped, however it ended.
struct Watched<T> {
    call: Boxed<T>,
    /// Of the call with all that the host does for it, where that of the guest stands.
    clock: Arc<Clock>,
    habit: Arc<Habit>,
}

impl<T> Watched<T> {
    /// A small call that was held up on a busy machine must not be taken for a long one.
    fn computed(&self) -> Duration {
        self.clock.surely_spent()
    }
}

impl<T> Future for Watched<T> {
    type Output = Result<T, FunctionsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.call.as_mut().poll(context)
    }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        self.habit.note(&self.clock);
    }
}

/// A call in progress; it ends with whoever holds this.
pub(crate) struct Calling<T> {
    place: Place<T>,
    background: Background,
}

enum Place<T> {
    Here(Watched<T>),
    There(JoinHandle<Result<T, FunctionsError>>),
    /// Between two places.
    Nowhere,
}

impl<T: Send + 'static> Calling<T> {
    fn move_away(&mut self) {
        let background = self.background.clone();
        if let Some(background) = background.handle()
            && let Place::Here(call) = std::mem::replace(&mut self.place, Place::Nowhere)
        {
            self.place = Place::There(background.spawn(call));
        }
    }
}

impl<T: Send + 'static> Future for Calling<T> {
    type Output = Result<T, FunctionsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.place {
            Place::Here(call) => {
                let answer = Pin::new(&mut *call).poll(context);
                if answer.is_pending() && call.computed() > LONG {
                    self.move_away();
                    // What it waits for now is the other place.
                    context.waker().wake_by_ref();
                }
                answer
            }
            Place::There(call) => Pin::new(call).poll(context).map(|joined| match joined {
                Ok(result) => result,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Err(stopped()),
                },
            }),
            Place::Nowhere => Poll::Ready(Err(stopped())),
        }
    }
}

impl<T> Drop for Calling<T> {
    fn drop(&mut self) {
        if let Place::There(call) = &self.place {
            call.abort();
        }
    }
}

fn stopped() -> FunctionsError {
    FunctionsError::Unusable("the host is stopping".into())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use rustix::time::{ClockId, clock_gettime};

    use super::*;

    /// How long this thread has computed since it began.
    fn thread_time() -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// Computes in slices of a millisecond, and tells the thread of each.
    async fn compute(slices: usize) -> Result<Vec<String>, FunctionsError> {
        compute_in(Duration::from_millis(1), slices).await
    }

    async fn compute_in(slice: Duration, slices: usize) -> Result<Vec<String>, FunctionsError> {
        let mut threads = Vec::new();
        for _ in 0..slices {
            let begin = thread_time();
            while thread_time() < begin + slice {
                std::hint::spin_loop();
            }
            let thread = std::thread::current();
            threads.push(thread.name().unwrap_or_default().to_owned());
            tokio::task::yield_now().await;
        }
        Ok(threads)
    }

    #[tokio::test]
    async fn a_call_that_computes_for_long_goes_on_in_the_background() {
        let background = Background::start();
        let threads = background.call(&Arc::default(), compute(20)).await.unwrap();
        assert_ne!(threads[0], "steward-long");
        assert_eq!(threads[19], "steward-long");
        let here = Background(None)
            .call(&Arc::default(), compute(20))
            .await
            .unwrap();
        assert!(here.iter().all(|thread| thread != "steward-long"));
    }

    #[tokio::test]
    async fn the_calls_after_a_long_one_begin_in_the_background_until_some_were_short() {
        let (background, habit) = (Background::start(), Arc::default());
        let here = background.call(&habit, compute(1)).await.unwrap();
        assert_ne!(here[0], "steward-long");
        background.call(&habit, compute(20)).await.unwrap();
        for _ in 0..SHORT_AGAIN {
            let there = background.call(&habit, compute(1)).await.unwrap();
            assert_eq!(there[0], "steward-long");
        }
        let here = background.call(&habit, compute(1)).await.unwrap();
        assert_ne!(here[0], "steward-long");
        // Another version has another habit.
        background.call(&habit, compute(20)).await.unwrap();
        let other = background.call(&Arc::default(), compute(1)).await.unwrap();
        assert_ne!(other[0], "steward-long");
    }

    #[tokio::test]
    async fn small_slices_add_up() {
        let call = compute_in(Duration::from_micros(50), 200);
        let threads = Background::start()
            .call(&Arc::default(), call)
            .await
            .unwrap();
        assert_ne!(threads[0], "steward-long");
        assert_eq!(threads[199], "steward-long");
    }

    #[tokio::test]
    async fn calls_that_compute_for_long_in_a_single_poll_are_found_out() {
        let (background, habit) = (Background::start(), Arc::default());
        let single = || compute_in(LONG * 2, 1);
        // The first makes the version suspect, the second is measured exactly.
        for _ in 0..2 {
            let here = background.call(&habit, single()).await.unwrap();
            assert_ne!(here[0], "steward-long");
        }
        for _ in 0..3 {
            let there = background.call(&habit, single()).await.unwrap();
            assert_eq!(there[0], "steward-long");
        }
    }

    #[tokio::test]
    async fn a_call_that_is_held_up_is_not_a_long_one() {
        let (background, habit) = (Background::start(), Arc::<Habit>::default());
        for _ in 0..3 {
            let held_up = async {
                for _ in 0..5 {
                    std::thread::sleep(LONG * 2);
                    tokio::task::yield_now().await;
                }
                compute(1).await
            };
            let threads = background.call(&habit, held_up).await.unwrap();
            assert_ne!(threads[0], "steward-long");
        }
        assert!(!habit.is_long());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_background_is_below_the_host_whatever_the_priority_of_that_is() {
        let own = getpriority_process(None).unwrap();
        let call = async {
            compute(20).await?;
            Ok::<_, FunctionsError>(getpriority_process(None).unwrap())
        };
        let there = Background::start()
            .call(&Arc::default(), call)
            .await
            .unwrap();
        assert_eq!(there, (own + NICE).min(LOWEST));
    }

    #[tokio::test]
    async fn who_lets_go_of_a_call_ends_it_there_too() {
        struct Told(Option<tokio::sync::oneshot::Sender<()>>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.take().map(|sender| sender.send(()));
            }
        }
        let (sender, dropped) = tokio::sync::oneshot::channel();
        let told = Told(Some(sender));
        let background = Background::start();
        let mut call = background.call(&Arc::default(), async move {
            let _told = told;
            compute(usize::MAX).await
        });
        poll_fn(|context| match Pin::new(&mut call).poll(context) {
            Poll::Pending if matches!(call.place, Place::There(_)) => Poll::Ready(()),
            other => other.map(drop),
        })
        .await;
        drop(call);
        dropped.await.unwrap();
    }
}
