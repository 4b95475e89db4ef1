//! The bodies of a call: counted both ways, gathered where they are ready, and what became of the call that writes the
//! answer.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::WasiBody;

use crate::FunctionsError;
use crate::background::Calling;
use crate::function::{BoxError, ResponseBody};
use crate::running::Running;

/// To wasmtime the body of a guest that is gone has simply ended. A client must not take half an
/// answer for a whole one: where the call failed, this body ends with an error, so that the
/// connection breaks off.
struct Whole<B> {
    body: B,
    running: Running,
}

/// Streams the body of a guest, whose end counts only if its call did not fail.
pub(crate) fn whole<B>(body: B, running: Running) -> ResponseBody
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    Whole { body, running }.boxed_unsync()
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
            None if self.running.is_broken() => Some(Err(
                "the function stopped in the middle of its answer".into(),
            )),
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                Some(match self.running.sent(bytes) {
                    true => Ok(frame),
                    false => Err("the answer of the function is larger than it may be".into()),
                })
            }
            frame => frame.map(|frame| frame.map_err(Into::into)),
        })
    }

    // `is_end_stream` stays false: the end is only known when it has been reached.

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of a body that are gathered before its head goes out.
const MAX_GATHERED: usize = 64 << 10;
/// Frames of it: a frame may be empty.
const MAX_FRAMES: usize = 1000;

/// What a guest has ready of its answer, without a wait, when its head is there.
///
/// The call is driven here until it waits for something or has written enough. So a small answer goes out in one piece,
/// with its length, and its call ends on the thread that began it; and a call that fails this early can still be
/// answered with the reason.
pub(crate) struct Gathered {
    body: ResponseBody,
    call: Option<Calling<()>>,
    frames: VecDeque<Frame<Bytes>>,
    bytes: usize,
    end: Option<Result<(), BoxError>>,
}

impl Gathered {
    /// Gathers, and leaves what is unfinished to a task of its own.
    ///
    /// # Errors
    /// What the call failed with.
    pub(crate) async fn of(
        body: ResponseBody,
        call: Option<Calling<()>>,
    ) -> Result<ResponseBody, FunctionsError> {
        let mut gathered = Self {
            body,
            call,
            frames: VecDeque::new(),
            bytes: 0,
            end: None,
        };
        poll_fn(|context| gathered.poll(context)).await?;
        if let Some(call) = gathered.call.take() {
            tokio::spawn(call);
        }
        Ok(gathered.into_body())
    }

    /// Ready as soon as nothing more comes without a wait.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), FunctionsError>> {
        loop {
            let written = self.read(context);
            if self.end.is_some() || self.is_full() {
                return Poll::Ready(Ok(()));
            }
            let Some(call) = &mut self.call else {
                return Poll::Ready(Ok(()));
            };
            match Pin::new(call).poll(context) {
                Poll::Ready(result) => {
                    self.call = None;
                    result?;
                }
                // As long as one of the two goes on, the other may too.
                Poll::Pending => {
                    if !self.read(context) && !written {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        self.bytes >= MAX_GATHERED || self.frames.len() >= MAX_FRAMES
    }

    /// Takes the frames that are there, and says whether there were any.
    fn read(&mut self, context: &mut Context<'_>) -> bool {
        let before = self.frames.len();
        while self.end.is_none() && !self.is_full() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.bytes += frame.data_ref().map_or(0, Bytes::len);
                    self.frames.push_back(frame);
                }
                Poll::Ready(Some(Err(error))) => self.end = Some(Err(error)),
                Poll::Ready(None) => self.end = Some(Ok(())),
                Poll::Pending => break,
            }
        }
        self.frames.len() > before
    }

    fn into_body(self) -> ResponseBody {
        let data = self.frames.iter().filter_map(Frame::data_ref);
        // Trailers need a body that has frames.
        if matches!(self.end, Some(Ok(()))) && data.count() == self.frames.len() {
            let mut data = self.frames.into_iter().filter_map(|f| f.into_data().ok());
            let first = data.next().unwrap_or_default();
            let all = match data.next() {
                None => first,
                Some(second) => {
                    let mut all = BytesMut::with_capacity(self.bytes);
                    for bytes in [first, second].into_iter().chain(data) {
                        all.extend_from_slice(&bytes);
                    }
                    all.freeze()
                }
            };
            return Full::new(all)
                .map_err(|never| match never {})
                .boxed_unsync();
        }
        if self.frames.is_empty() && self.end.is_none() {
            return self.body;
        }
        Begun {
            frames: self.frames,
            end: self.end,
            rest: self.body,
        }
        .boxed_unsync()
    }
}

/// A body whose beginning has been read.
struct Begun {
    frames: VecDeque<Frame<Bytes>>,
    end: Option<Result<(), BoxError>>,
    rest: ResponseBody,
}

impl Body for Begun {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.end {
            None => Pin::new(&mut self.rest).poll_frame(context),
            Some(end) => {
                let end = std::mem::replace(end, Ok(()));
                Poll::Ready(end.err().map(Err))
            }
        }
    }

    // The size of the whole is only known to a body with a declared length, which has its header for it.
}

/// The body of a request on its way to the guest.
struct Counted<B> {
    body: B,
    running: Running,
}

/// Counts what the guest is given.
pub(crate) fn counted<B>(body: B, running: Running) -> WasiBody
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    Counted { body, running }.boxed_unsync()
}

impl<B> Body for Counted<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.running.received(data);
        }
        let failed =
            |e: B::Error| wasmtime_wasi_http::Error::InternalError(Some(e.into().to_string()));
        Poll::Ready(frame.map(|frame| frame.map_err(failed)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
    use http_body_util::Full;
    use steward_capabilities::InvocationId;
    use steward_invocations::Ledger;

    use super::*;
    use crate::background::Background;
    use crate::running::Meter;

    fn running(output_bytes: u64) -> (Running, Arc<Ledger>) {
        let ledger = Arc::new(Ledger::default());
        let meter = Meter {
            ledger: ledger.clone(),
            telemetry: None,
            tenant: "acme".into(),
            function: "f".into(),
            version: "1.0.0".into(),
            revision: Default::default(),
            keep_inputs: false,
            output_bytes,
        };
        let running = Running::begin(&Arc::new(meter), InvocationId::new(), Duration::ZERO);
        (running, ledger)
    }

    fn collect(running: &Running) -> Option<Bytes> {
        let body = whole(Full::new(Bytes::from_static(b"begun")), running.clone());
        let collected = body.collect().now_or_never()?;
        Some(collected.ok()?.to_bytes())
    }

    #[test]
    fn the_end_counts_only_where_the_call_did_not_fail() {
        let (running, _) = running(100);
        assert_eq!(collect(&running).unwrap(), "begun");
        running.break_off();
        assert_eq!(collect(&running), None);
    }

    /// A body whose frames come through a channel, as those of guests do, and the call that writes them.
    fn writing(
        frames: usize,
        waits: bool,
        result: Result<(), FunctionsError>,
    ) -> (ResponseBody, Option<Calling<()>>) {
        let (mut sender, frames_of) = futures::channel::mpsc::channel::<Bytes>(0);
        let body = http_body_util::StreamBody::new(
            frames_of.map(|bytes| Ok::<_, BoxError>(Frame::data(bytes))),
        );
        let call = async move {
            for n in 0..frames {
                sender.send(vec![n as u8; 10].into()).await.unwrap();
                if waits {
                    tokio::task::yield_now().await;
                }
            }
            result
        };
        (body.boxed_unsync(), Some(Background::start().call(call)))
    }

    #[tokio::test]
    async fn what_is_ready_goes_out_in_one_piece_with_its_length() {
        for frames in [0, 1, 5] {
            let (body, call) = writing(frames, false, Ok(()));
            let body = Gathered::of(body, call).await.unwrap();
            assert_eq!(body.size_hint().exact(), Some(10 * frames as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes().len(), 10 * frames);
        }
    }

    #[tokio::test]
    async fn what_waits_or_is_large_is_streamed_and_lacks_nothing() {
        for (frames, waits) in [(5, true), (20_000, false)] {
            let (body, call) = writing(frames, waits, Ok(()));
            let body = Gathered::of(body, call).await.unwrap();
            assert_eq!(body.size_hint().exact(), None);
            let bytes = body.collect().await.unwrap().to_bytes();
            let expected = (0..frames).flat_map(|n| vec![n as u8; 10]);
            assert!(bytes.iter().copied().eq(expected));
        }
    }

    #[tokio::test]
    async fn a_call_that_fails_early_is_answered_with_the_reason() {
        let failure = FunctionsError::NoAnswer("a trap".into());
        let (body, call) = writing(2, false, Err(failure));
        let error = Gathered::of(body, call).await.err().unwrap();
        assert!(matches!(error, FunctionsError::NoAnswer(_)));
    }

    #[tokio::test]
    async fn trailers_follow_what_was_gathered() {
        let trailers = http::HeaderMap::from_iter([(http::header::ETAG, "1".parse().unwrap())]);
        let body = Full::new(Bytes::from_static(b"body"))
            .with_trailers(async move { Some(Ok(trailers)) })
            .map_err(|never| match never {});
        let body = Gathered::of(body.boxed_unsync(), None).await.unwrap();
        let collected = body.collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()[http::header::ETAG], "1");
        assert_eq!(collected.to_bytes(), "body");
    }

    #[test]
    fn an_answer_stops_at_its_limit_and_stops_its_call() {
        let (running, ledger) = running(7);
        assert!(collect(&running).is_some());
        assert!(running.stopped().now_or_never().is_none());
        assert!(collect(&running).is_none(), "ten bytes of seven");
        assert!(running.stopped().now_or_never().is_some());
        drop(running);
        assert_eq!(ledger.latest(9, |_| true)[0].cost.bytes_out, 10);
    }
}
