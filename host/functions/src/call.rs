//! What the ways of calling a guest share: the deadline, and what a failure means.

use std::collections::BTreeMap;

use steward_capabilities::{GuestState, InvocationId, LogBook};
use steward_engine::{Guarded, Guardian};
use wasmtime::{Error, Store, Trap};

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

/// Runs a call until its deadline. A guest that computes is stopped by the epoch; this stops one
/// that waits for the host.
pub(crate) async fn until_deadline<T>(
    store: &mut Store<GuestState>,
    call: impl AsyncFnOnce(&mut Store<GuestState>) -> Result<T, Error>,
) -> Result<T, Error> {
    let deadline = store.data_mut().guardian().deadline();
    match tokio::time::timeout_at(deadline.into(), call(store)).await {
        Ok(result) => result,
        Err(_) => Err(Error::from(Known(TrapKind::Timeout))),
    }
}

/// Which limit a failed call hit.
pub(crate) fn kind(error: &Error, guardian: Option<&Guardian>) -> TrapKind {
    if let Some(Known(kind)) = error.downcast_ref::<Known>() {
        return *kind;
    }
    if guardian.is_some_and(Guardian::timed_out) {
        return TrapKind::Timeout;
    }
    if guardian.is_some_and(Guardian::memory_denied) {
        // A guest that is refused memory usually gives up with a panic: the refusal is the cause.
        return TrapKind::Memory;
    }
    if guardian.is_some_and(Guardian::host_calls_exceeded) {
        return TrapKind::HostCalls;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => TrapKind::Timeout,
        Some(Trap::StackOverflow) => TrapKind::StackOverflow,
        Some(Trap::AllocationTooLarge) => TrapKind::Memory,
        Some(_) => TrapKind::Crash,
        None => {
            // wasmtime has no type for these two; its texts are covered by tests.
            let text = format!("{error:#}");
            if text.contains("too many bytes") || text.contains("fuel") {
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
