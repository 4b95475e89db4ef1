//! The body of an answer, and what became of the call that writes it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::function::{BoxError, ResponseBody};

/// Whether a call failed. Set before its instance goes, so that who finds the end of its body looks
/// here whether it is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failed(Arc<AtomicBool>);

impl Failed {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// To wasmtime the body of a guest that is gone has simply ended. A client must not take half an
/// answer for a whole one: where the call failed, this body ends with an error, so that the
/// connection breaks off.
struct Whole<B> {
    body: B,
    failed: Failed,
}

/// Streams the body of a guest, whose end counts only if its call did not fail.
pub(crate) fn whole<B>(body: B, failed: Failed) -> ResponseBody
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    Whole { body, failed }.boxed_unsync()
}

impl<B> Body for Whole<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame {
            None if self.failed.is_set() => Some(Err(
                "the function stopped in the middle of its answer".into(),
            )),
            frame => frame.map(|frame| frame.map_err(Into::into)),
        })
    }

    // `is_end_stream` stays false: the end is only known when it has been reached.

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use http_body_util::Full;

    #[test]
    fn the_end_counts_only_where_the_call_did_not_fail() {
        let collect = |failed: &Failed| {
            let body = whole(Full::new(Bytes::from_static(b"begun")), failed.clone());
            body.collect().now_or_never().unwrap()
        };
        let failed = Failed::default();
        assert_eq!(collect(&failed).unwrap().to_bytes(), "begun");
        failed.set();
        assert!(collect(&failed).is_err());
    }
}
