//! The body of an answer, as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use crate::EgressError;
use crate::connect::Uses;
use crate::counters::Counters;

/// The body of an answer. It holds the turn of its request until it has come to its end or is dropped.
pub struct ResponseBody {
    incoming: Incoming,
    turn: Option<OwnedSemaphorePermit>,
    /// Of a connection that it shares with others.
    uses: Option<Uses>,
    counters: Arc<Counters>,
    between_bytes: Duration,
    deadline: Instant,
    /// Runs while the peer is waited for, and not while the guest does something else.
    timer: Pin<Box<Sleep>>,
    waiting: bool,
    ended: bool,
}

impl ResponseBody {
    pub(crate) fn new(
        incoming: Incoming,
        turn: OwnedSemaphorePermit,
        uses: Option<Uses>,
        counters: Arc<Counters>,
        between_bytes: Duration,
        deadline: Instant,
    ) -> Self {
        Self {
            incoming,
            turn: Some(turn),
            uses,
            counters,
            between_bytes,
            deadline,
            timer: Box::pin(tokio::time::sleep_until(deadline.into())),
            waiting: false,
            ended: false,
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.turn = None;
        self.uses = None;
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.waiting = false;
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.counters.received(bytes);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.end();
                this.counters.broken_off();
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                this.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                if !this.waiting {
                    this.waiting = true;
                    let until = (Instant::now() + this.between_bytes).min(this.deadline);
                    this.timer.as_mut().reset(until.into());
                }
                if this.timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.end();
                this.counters.broken_off();
                Poll::Ready(Some(Err(match Instant::now() >= this.deadline {
                    true => EgressError::Deadline,
                    false => EgressError::BetweenBytesTimeout,
                })))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
