//! What a guest has ready of its answer, without a wait, when its head is there.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};

use crate::FunctionsError;
use crate::background::Calling;
use crate::function::{BoxError, ResponseBody};

/// Bytes of a body that are gathered before its head goes out.
const MAX_GATHERED: usize = 64 << 10;
/// Frames of it: a frame may be empty.
const MAX_FRAMES: usize = 1000;

/// A body, and the call that writes it.
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

#[cfg(test)]
mod tests {
    use futures::{SinkExt as _, StreamExt as _};

    use super::*;
    use crate::background::Background;

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
        (
            body.boxed_unsync(),
            Some(Background::start().call(&std::sync::Arc::default(), call)),
        )
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
}
