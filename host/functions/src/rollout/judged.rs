//! The body of an answer whose end says how its call went.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use steward_monitoring::guard::Side;

use crate::function::{BoxError, ResponseBody};

use super::Trial;

/// Counts a call once its body is at its end: as failed where it broke off, else with the time until
/// its head. A client that goes away says nothing against the version.
struct Judged {
    body: ResponseBody,
    outcome: Option<(Arc<Trial>, Side, Duration)>,
}

pub(super) fn judged(
    body: ResponseBody,
    trial: Arc<Trial>,
    side: Side,
    after: Duration,
) -> ResponseBody {
    let outcome = Some((trial, side, after));
    Judged { body, outcome }.boxed_unsync()
}

impl Judged {
    fn end(&mut self, failed: bool) {
        if let Some((trial, side, after)) = self.outcome.take() {
            match failed {
                true => trial.failed(side, after),
                false => trial.answered(side, after),
            }
        }
    }
}

impl Body for Judged {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            None => self.end(false),
            Some(Err(_)) => self.end(true),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Judged {
    fn drop(&mut self) {
        self.end(false);
    }
}
