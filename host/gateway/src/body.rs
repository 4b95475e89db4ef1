//! Bodies: what comes in is counted and timed, what goes out is one type.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::problem::{Problem, codes};

/// The error of a streamed body, as the functions crate has it.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// The body of every answer.
pub(crate) type Reply = UnsyncBoxBody<Bytes, BoxError>;

/// A reply that is there as a whole.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Reply {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// How much of a refused body is still read, and for how long. A connection that is closed while
/// the client sends is reset, and a reset can destroy the answer before the client has read it.
const LINGER_BYTES: usize = 256 << 20;
const LINGER: Duration = Duration::from_secs(5);

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body has more than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("nothing of the body came for {} seconds", .0.as_secs_f32())]
    Slow(Duration),
    #[error("the body ended early: {0}")]
    Broken(#[source] hyper::Error),
}

impl BodyError {
    /// Finds one below the errors that libraries have wrapped around it.
    pub fn problem_in(error: &(dyn StdError + 'static)) -> Option<Problem> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found.problem());
            }
            next = error.source();
        }
        None
    }

    pub fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::TooLarge { limit } => {
                Problem::new(&codes::BODY_TOO_LARGE, detail).with("limit", *limit)
            }
            Self::Slow(_) => Problem::new(&codes::BODY_TIMEOUT, detail),
            Self::Broken(_) => Problem::new(&codes::INCOMPLETE_BODY, detail),
        }
    }
}

/// A request's body that ends with an error where it is too large or too slow.
pub(crate) struct BoundedBody {
    incoming: Option<Incoming>,
    limit: usize,
    left: usize,
    idle: Duration,
    // Only set up when the client is slower than this host: most bodies come with their head.
    timer: Option<Pin<Box<Sleep>>>,
    exceeded: Option<Arc<AtomicBool>>,
}

impl BoundedBody {
    /// Refuses at once what declares itself to be too large; counts what does not declare itself.
    pub fn new(incoming: Incoming, limit: usize, idle: Duration) -> Result<Self, Problem> {
        if incoming.size_hint().lower() > limit as u64 {
            linger(incoming);
            return Err(BodyError::TooLarge { limit }.problem());
        }
        Ok(Self {
            incoming: Some(incoming),
            limit,
            left: limit,
            idle,
            timer: None,
            exceeded: None,
        })
    }

    /// How many bytes are accepted.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A mark that is set when the limit is exceeded, for a reader that hides errors from us (a
    /// guest may take a broken body for a short one). None where the length is declared: then it
    /// cannot be exceeded any more.
    pub fn mark(&mut self) -> Option<Arc<AtomicBool>> {
        if self.size_hint().exact().is_some() {
            return None;
        }
        Some(self.exceeded.get_or_insert_default().clone())
    }

    /// Reads the body into memory, within what all requests together may hold there.
    pub async fn collect(self, buffers: &Arc<Semaphore>) -> Result<Buffered, Problem> {
        let expected = self.size_hint().upper().map_or(self.limit, |n| n as usize);
        let share = reserve(buffers, expected)?;
        let bytes = http_body_util::BodyExt::collect(self)
            .await
            .map_err(|e| e.problem())?
            .to_bytes();
        Ok(Buffered { bytes, share })
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(incoming) = self.incoming.take() {
            linger(incoming);
        }
        Poll::Ready(Some(Err(error)))
    }
}

/// A body in memory, and its share of what may be held there.
pub(crate) struct Buffered {
    pub bytes: Bytes,
    pub share: OwnedSemaphorePermit,
}

/// Takes a share of the memory for bodies, or says that there is none now.
pub(crate) fn reserve(
    buffers: &Arc<Semaphore>,
    bytes: usize,
) -> Result<OwnedSemaphorePermit, Problem> {
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    buffers.clone().try_acquire_many_owned(kib).map_err(|_| {
        Problem::busy(
            "the bodies of other requests fill the memory for bodies",
            Duration::from_secs(1),
        )
    })
}

impl Body for BoundedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) else {
            let idle = this.idle;
            let timer = this
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
            ready!(timer.as_mut().poll(cx));
            return this.fail(BodyError::Slow(idle));
        };
        if let Some(timer) = &mut this.timer {
            timer.as_mut().reset(Instant::now() + this.idle);
        }
        match frame {
            None => {
                this.incoming = None;
                Poll::Ready(None)
            }
            Some(Err(error)) => {
                this.incoming = None;
                Poll::Ready(Some(Err(BodyError::Broken(error))))
            }
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, Bytes::len);
                match this.left.checked_sub(size) {
                    Some(left) => {
                        this.left = left;
                        Poll::Ready(Some(Ok(frame)))
                    }
                    None => {
                        if let Some(mark) = &this.exceeded {
                            mark.store(true, Ordering::Relaxed);
                        }
                        this.fail(BodyError::TooLarge { limit: this.limit })
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let Some(incoming) = &self.incoming else {
            return SizeHint::with_exact(0);
        };
        let mut hint = incoming.size_hint();
        if hint.upper().is_none() && hint.lower() < self.left as u64 {
            hint.set_upper(self.left as u64);
        }
        hint
    }
}

impl Drop for BoundedBody {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            linger(incoming);
        }
    }
}

/// Reads on for a moment what nobody wants, so that the client gets to read the answer.
pub(crate) fn linger(mut incoming: Incoming) {
    if incoming.is_end_stream() {
        return;
    }
    // Without a runtime nothing is served any more, and nobody waits for an answer.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    runtime.spawn(tokio::time::timeout(LINGER, async move {
        let mut read = 0;
        while let Some(Ok(frame)) = incoming.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > LINGER_BYTES {
                break;
            }
        }
    }));
}
