//! The bodies of a call: counted both ways, and what became of the call that writes the answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasmtime_wasi_http::WasiBody;

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
                    Ok(()) => Ok(frame),
                    Err(over) => Err(format!("the function {over}").into()),
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

    use futures::FutureExt as _;
    use http_body_util::Full;
    use steward_engine::{ShareLimits, TenantShare};
    use steward_invocations::Ledger;

    use super::*;
    use crate::TrapKind;
    use crate::rollout::Call;
    use crate::running::Meter;

    fn running(output_bytes: u64, share: &Arc<TenantShare>) -> (Running, Arc<Ledger>) {
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
            share: share.clone(),
        };
        let running = Running::begin(&Arc::new(meter), &Call::new(), Duration::ZERO);
        (running, ledger)
    }

    /// What a tenant has that may answer so many bytes in a second.
    fn share(output_bytes_per_second: u64) -> Arc<TenantShare> {
        Arc::new(TenantShare::new(ShareLimits {
            output_bytes_per_second,
            ..ShareLimits::default()
        }))
    }

    fn collect(running: &Running) -> Option<Bytes> {
        let body = whole(Full::new(Bytes::from_static(b"begun")), running.clone());
        let collected = body.collect().now_or_never()?;
        Some(collected.ok()?.to_bytes())
    }

    #[test]
    fn the_end_counts_only_where_the_call_did_not_fail() {
        let (running, _) = running(100, &share(0));
        assert_eq!(collect(&running).unwrap(), "begun");
        running.break_off();
        assert_eq!(collect(&running), None);
    }

    #[test]
    fn an_answer_stops_at_its_limit_and_stops_its_call() {
        let (running, ledger) = running(7, &share(0));
        assert!(collect(&running).is_some());
        assert!(running.stopped().now_or_never().is_none());
        assert!(collect(&running).is_none(), "ten bytes of seven");
        assert!(running.stopped().now_or_never().is_some());
        drop(running);
        assert_eq!(ledger.latest(9, |_| true)[0].cost.bytes_out, 10);
    }

    #[test]
    fn the_answers_of_a_tenant_stop_at_what_a_second_has() {
        let (acme, other) = (share(4), share(4));
        let (first, ledger) = running(100, &acme);
        assert_eq!(first.sent(5), Err(TrapKind::OutputRate));
        assert_eq!(first.stopped().now_or_never(), Some(TrapKind::OutputRate));
        let (beside, _) = running(100, &other);
        assert_eq!(beside.sent(4), Ok(()));
        assert!(beside.stopped().now_or_never().is_none());
        drop(first);
        let record = &ledger.latest(9, |_| true)[0];
        assert_eq!(record.problem, Some("output-rate-exceeded"));
        assert!(record.failed);
    }
}
