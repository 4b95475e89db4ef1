//! What the ways of calling a guest share: the deadlines, and what a failure means.

use std::collections::BTreeMap;
use std::pin::pin;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body::Body;
use steward_capabilities::{GuestState, InvocationId, LogBook};
use steward_engine::{Exceeded, Guarded, Guardian};
use tokio::sync::oneshot;
use wasmtime::{Error, Store, Trap};

use crate::answer::whole;
use crate::background::Calling;
use crate::function::{BoxError, ResponseBody};
use crate::gathered::Gathered;
use crate::running::Running;
use crate::{FunctionsError, TrapKind};

/// Marks a failure whose cause is known where it happened.
#[derive(Debug)]
pub(crate) struct Known(pub(crate) TrapKind);

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Known {}

/// Runs a call until its deadline, or until its answer is too large; where its tenant has too many
/// instances, it does not begin. A guest that computes is stopped by the epoch, at its deadline or when
/// it has computed for as long as it may; this stops one that waits for the host, and counts what it
/// computes.
pub(crate) async fn until_deadline<T>(
    store: &mut Store<GuestState>,
    running: Option<&Running>,
    call: impl AsyncFnOnce(&mut Store<GuestState>) -> Result<T, Error>,
) -> Result<T, Error> {
    if let Some(running) = running {
        store.data_mut().for_whom(running.key());
    }
    let guardian = store.data_mut().guardian();
    guardian.check_admitted()?;
    let (deadline, clock) = (guardian.deadline(), guardian.clock());
    let stopped = async {
        match running {
            Some(running) => running.stopped().await,
            None => std::future::pending().await,
        }
    };
    let call = call(store);
    // What the guest asks of the host, and what is logged meanwhile, is part of its span. Boxed, so that calls that
    // nobody is told of are no larger for it.
    let call = match running.and_then(Running::trace) {
        Some(context) => Either::Left(Box::pin(steward_telemetry::under(context, call))),
        None => Either::Right(call),
    };
    let call = pin!(clock.measure(call));
    let call = pin!(tokio::time::timeout_at(deadline.into(), call));
    match select(call, pin!(stopped)).await {
        Either::Left((Ok(result), _)) => result,
        Either::Left((Err(_), _)) => Err(Error::from(Known(TrapKind::Timeout))),
        Either::Right((over, _)) => Err(Error::from(Known(over))),
    }
}

/// Which limit a failed call hit.
pub(crate) fn kind(error: &Error, guardian: Option<&Guardian>) -> TrapKind {
    if let Some(Known(kind)) = error.downcast_ref::<Known>() {
        return *kind;
    }
    // A guest that is refused memory usually gives up with a panic: the refusal is the cause.
    match guardian.and_then(Guardian::exceeded) {
        Some(Exceeded::Wall) => return TrapKind::Timeout,
        Some(Exceeded::Cpu) => return TrapKind::Cpu,
        Some(Exceeded::Memory) => return TrapKind::Memory,
        Some(Exceeded::TenantMemory) => return TrapKind::TenantMemory,
        Some(Exceeded::TenantInstances) => return TrapKind::TenantInstances,
        Some(Exceeded::HostCalls) => return TrapKind::HostCalls,
        Some(Exceeded::HostCallRate) => return TrapKind::HostCallRate,
        _ => {}
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => TrapKind::Timeout,
        Some(Trap::StackOverflow) => TrapKind::StackOverflow,
        Some(Trap::AllocationTooLarge) => TrapKind::Memory,
        Some(_) => TrapKind::Crash,
        None => {
            // wasmtime has no type for these; its texts are covered by tests.
            let text = format!("{error:#}");
            if text.contains("handle limit exceeded") {
                TrapKind::Handles
            } else if text.contains("instance count too high") {
                TrapKind::Instances
            } else if text.contains("too many bytes") || text.contains("fuel") {
                TrapKind::OutputTooLarge
            } else if error.downcast_ref::<wasmtime::WasmBacktrace>().is_none() {
                TrapKind::InvalidOutput
            } else {
                TrapKind::Crash
            }
        }
    }
}

/// Writes a failure into the log of the function, with the guest's backtrace, and returns what the
/// caller is told.
pub(crate) fn failed(
    error: &Error,
    kind: TrapKind,
    book: &LogBook,
    invocation: InvocationId,
) -> FunctionsError {
    let fields = BTreeMap::from([("problem".to_owned(), kind.code().to_owned())]);
    book.write("error", invocation, format!("{error:?}"), fields);
    FunctionsError::Trap { kind, invocation }
}

/// What a `wasi:http` guest gave as its answer: a head with a body, or the words of an error code.
pub(crate) type Head<B> = Result<http::Response<B>, String>;

/// Runs the call of a `wasi:http` guest until it has given the head of its answer, and as much of the body as it has
/// ready. What is left of it goes on in a task of its own.
///
/// # Errors
/// What the call failed with, as long as nothing of its answer has gone out.
pub(crate) async fn until_head<B>(
    mut call: Calling<()>,
    head: oneshot::Receiver<Head<B>>,
    running: Running,
) -> Result<http::Response<ResponseBody>, FunctionsError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let (head, unfinished) = match select(&mut call, pin!(head)).await {
        // The guest is done, and its answer is in the channel.
        Either::Left((result, head)) => {
            result?;
            (head.await, None)
        }
        // The guest dropped the answer's handle without setting it: the call knows why.
        Either::Right((head @ Err(_), _)) => {
            call.await?;
            (head, None)
        }
        Either::Right((head, _)) => (head, Some(call)),
    };
    let response = match head {
        Ok(Ok(response)) => response,
        Ok(Err(code)) => return Err(FunctionsError::NoAnswer(code)),
        Err(_) => {
            return Err(FunctionsError::NoAnswer(
                "it ended without an answer".into(),
            ));
        }
    };
    let status = response.status();
    let declared = response.headers().get(http::header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > running.output_bytes()) {
        running.answered(status);
        // The call is dropped with the answer that nobody will read.
        return Err(FunctionsError::Trap {
            kind: TrapKind::OutputTooLarge,
            invocation: running.id(),
        });
    }
    let (head, body) = response.into_parts();
    let body = Gathered::of(whole(body, running.clone()), unfinished).await?;
    // Nothing has gone out yet: who asked is told when to try again.
    if running.stopped_by() == Some(TrapKind::OutputRate) {
        return Err(FunctionsError::Trap {
            kind: TrapKind::OutputRate,
            invocation: running.id(),
        });
    }
    running.answered(status);
    Ok(http::Response::from_parts(head, body))
}
