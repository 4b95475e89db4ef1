//! A call in progress, and the record that it leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;
use steward_capabilities::{GuestState, InvocationId};
use steward_engine::{Guarded, TenantShare};
use steward_invocations::{Cost, Input, Invocation, Ledger, MAX_INPUT_BYTES};
use steward_telemetry::{Telemetry, TraceContext};
use tokio::sync::Notify;

use crate::rollout::Call;
use crate::{FunctionsError, TrapKind, span};

/// What the records of a deployed version have in common.
pub(crate) struct Meter {
    pub(crate) ledger: Arc<Ledger>,
    /// Where calls are told, if they are.
    pub(crate) telemetry: Option<Telemetry>,
    pub(crate) tenant: Arc<str>,
    pub(crate) function: Arc<str>,
    pub(crate) version: Arc<str>,
    /// Set once the revision is written, which is after it was made ready.
    pub(crate) revision: AtomicU32,
    /// Whether the input of a call that fails may be kept.
    pub(crate) keep_inputs: bool,
    /// The largest answer, in bytes.
    pub(crate) output_bytes: u64,
    /// What the calls of its tenant have together.
    pub(crate) share: Arc<TenantShare>,
}

impl Meter {
    pub(crate) fn set_revision(&self, revision: u32) {
        self.revision.store(revision, Ordering::Relaxed);
    }
}

/// The input of a typed call as it came: how large it was, and what may be kept of it.
#[derive(Debug, Default)]
pub struct InputBody {
    pub(crate) bytes: usize,
    pub(crate) kept: Vec<u8>,
}

/// A call in progress. The last clone to go writes the record: that of the guest, or that of the body
/// that its caller still reads.
#[derive(Clone)]
pub(crate) struct Running(Arc<Inner>);

struct Inner {
    meter: Arc<Meter>,
    id: InvocationId,
    /// Its span, and the one above it, where calls are told.
    span: Option<(TraceContext, Option<TraceContext>)>,
    /// The trace that its caller named.
    given: Option<TraceContext>,
    /// Whom it is for, where somebody said so: models that it asks choose their version by it, too.
    key: Option<Arc<str>>,
    queued: Duration,
    started: Instant,
    started_at: Timestamp,
    /// Set before the instance goes, so that who finds the end of its body looks here whether it is one.
    broken: AtomicBool,
    /// Told when the answer is larger than it may be.
    stop: Notify,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Status of the answer; 0 for none.
    status: AtomicU16,
    ending: Mutex<Ending>,
}

#[derive(Default)]
struct Ending {
    /// What the guest used, once it is done.
    cost: Option<Cost>,
    /// The models that answered it.
    models: Vec<String>,
    problem: Option<&'static str>,
    failed: bool,
    /// Why it is to be stopped.
    stopped_by: Option<TrapKind>,
    reused: bool,
    /// A typed call has its answer.
    complete: bool,
    input: Vec<u8>,
    input_is_cut: bool,
}

impl Running {
    /// Begins a call that has its turn.
    pub(crate) fn begin(meter: &Arc<Meter>, call: &Call<'_>, queued: Duration) -> Self {
        Self(Arc::new(Inner {
            meter: meter.clone(),
            id: call.id,
            span: meter.telemetry.as_ref().map(Telemetry::begin_below),
            given: call.trace,
            key: call.whom.key.map(Arc::from),
            queued,
            started: Instant::now(),
            started_at: Timestamp::now(),
            broken: AtomicBool::new(false),
            stop: Notify::new(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            status: AtomicU16::new(0),
            ending: Mutex::default(),
        }))
    }

    pub(crate) fn id(&self) -> InvocationId {
        self.0.id
    }

    /// Whom it is for.
    pub(crate) fn key(&self) -> Option<Arc<str>> {
        self.0.key.clone()
    }

    /// The span that the guest works for.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.0.span.map(|(context, _)| context)
    }

    /// Its instance has answered before.
    pub(crate) fn reuses(&self) {
        self.0.ending.lock().reused = true;
    }

    /// Counts a piece of the request's body.
    pub(crate) fn received(&self, bytes: &[u8]) {
        self.0
            .bytes_in
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if self.0.meter.keep_inputs {
            let mut ending = self.0.ending.lock();
            let room = MAX_INPUT_BYTES.saturating_sub(ending.input.len());
            let kept = bytes.get(..room).unwrap_or(bytes);
            ending.input.extend_from_slice(kept);
            ending.input_is_cut |= kept.len() < bytes.len();
        }
    }

    /// Counts a body that came as a whole.
    pub(crate) fn received_whole(&self, body: &InputBody) {
        self.received(&body.kept);
        let rest = body.bytes.saturating_sub(body.kept.len());
        self.0.bytes_in.fetch_add(rest as u64, Ordering::Relaxed);
        if self.0.meter.keep_inputs && rest > 0 {
            self.0.ending.lock().input_is_cut = true;
        }
    }

    /// Counts a piece of the answer's body.
    ///
    /// # Errors
    /// Once it is more than it may be, or more than all answers of its tenant may be in a second; and then the call is
    /// stopped.
    pub(crate) fn sent(&self, bytes: usize) -> Result<(), TrapKind> {
        let (bytes, meter) = (bytes as u64, &self.0.meter);
        let before = self.0.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        let over = if before.saturating_add(bytes) > meter.output_bytes {
            TrapKind::OutputTooLarge
        } else if !meter.share.answer(bytes) {
            TrapKind::OutputRate
        } else {
            return Ok(());
        };
        // Where the guest ends at the sight of its closed stream, nothing else says so.
        let mut ending = self.0.ending.lock();
        ending.failed = true;
        ending.problem.get_or_insert(over.code());
        ending.stopped_by.get_or_insert(over);
        drop(ending);
        self.break_off();
        self.0.stop.notify_one();
        Err(over)
    }

    /// The largest answer, in bytes.
    pub(crate) fn output_bytes(&self) -> u64 {
        self.0.meter.output_bytes
    }

    /// Waits until the call is to be stopped; why it is.
    pub(crate) async fn stopped(&self) -> TrapKind {
        self.0.stop.notified().await;
        self.stopped_by().unwrap_or(TrapKind::OutputTooLarge)
    }

    /// Why the call is to be stopped, if it is.
    pub(crate) fn stopped_by(&self) -> Option<TrapKind> {
        self.0.ending.lock().stopped_by
    }

    /// What its reader has is not the whole answer.
    pub(crate) fn break_off(&self) {
        self.0.broken.store(true, Ordering::Release);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.0.broken.load(Ordering::Acquire)
    }

    pub(crate) fn answered(&self, status: http::StatusCode) {
        self.0.status.store(status.as_u16(), Ordering::Relaxed);
    }

    /// A typed call has its answer.
    pub(crate) fn complete(&self) {
        self.0.ending.lock().complete = true;
    }

    /// Takes note of what the caller is told instead of an answer. The first reason stays.
    pub(crate) fn fail(&self, error: &FunctionsError) {
        let mut ending = self.0.ending.lock();
        if ending.problem.is_none() {
            ending.problem = Some(error.code());
            ending.failed = !matches!(
                error,
                FunctionsError::Guest { .. } | FunctionsError::Retryable { .. }
            );
        }
    }

    /// Takes note of what the guest has used. It is done with the call, or about to be dropped.
    pub(crate) fn guest_ended(&self, state: &mut GuestState) {
        let (log_bytes, inference_texts) = (state.log_bytes(), state.inference_texts());
        let inference_tokens = state.inference_tokens();
        let guardian = state.guardian();
        let cost = Cost {
            wall: self.0.started.elapsed(),
            cpu: guardian.clock().spent(),
            queued: self.0.queued,
            memory_bytes: guardian.memory_bytes() as u64,
            host_calls: guardian.host_calls(),
            inference_texts,
            inference_tokens,
            bytes_in: 0,
            bytes_out: 0,
            log_bytes,
        };
        let mut ending = self.0.ending.lock();
        ending.models = state.take_models();
        ending.cost = Some(cost);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let ending = std::mem::take(self.ending.get_mut());
        let cost = Cost {
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            ..ending.cost.unwrap_or_else(|| Cost {
                wall: self.started.elapsed(),
                queued: self.queued,
                ..Cost::default()
            })
        };
        let status = self.status.load(Ordering::Relaxed);
        let status = (status != 0).then_some(status);
        // Neither an answer nor a reason: nobody has waited for it.
        let gone = status.is_none() && !ending.complete;
        let problem = ending.problem.or(gone.then_some("client-gone"));
        let input = ending.failed.then_some(ending.input).map(|bytes| {
            let mut input = Input::of(&bytes);
            input.cut |= ending.input_is_cut;
            input
        });
        let invocation = Invocation {
            id: self.id.ulid(),
            function: self.meter.function.clone(),
            version: self.meter.version.clone(),
            revision: self.meter.revision.load(Ordering::Relaxed),
            started_at: self.started_at,
            problem,
            failed: ending.failed,
            status,
            reused: ending.reused,
            // Where calls are told, the trace of the span: without one of the caller's it has begun here.
            trace: self
                .span
                .map(|(context, _)| context)
                .or(self.given)
                .map(|context| context.trace_id()),
            models: ending.models,
            cost,
            input: input.filter(|_| self.meter.keep_inputs),
        };
        if let (Some(telemetry), Some((context, parent))) = (&self.meter.telemetry, self.span)
            && context.is_sampled()
        {
            let tenant = &self.meter.tenant;
            telemetry.span(span::of(&invocation, tenant, context, parent));
        }
        self.meter.ledger.record(invocation);
    }
}

/// The answer of a typed function.
pub struct Answered {
    /// The answer.
    pub value: serde_json::Value,
    pub(crate) running: Running,
}

impl Answered {
    /// Says how large the answer is as it goes out, for the record of the call.
    ///
    /// # Errors
    /// [`FunctionsError::Trap`] where it is more than it may be, and not to go out.
    pub fn sent(self, bytes: usize) -> Result<(), FunctionsError> {
        self.running
            .sent(bytes)
            .map_err(|kind| FunctionsError::Trap {
                kind,
                invocation: self.running.id(),
            })
    }
}
