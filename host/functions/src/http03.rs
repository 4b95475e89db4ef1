//! `wasi:http/handler` 0.3, through wasmtime's own dispatcher, one fresh instance a request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use steward_capabilities::{Authorized, GuestState, InvocationId, LogBook};
use steward_engine::{CallLimits, Guarded, Lane};
use steward_registry::TenantId;
use tokio::sync::oneshot;
use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, InstantiationError, Proxy, ProxyHandler, ShouldAccept,
    TrapOrPanicError, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::answer::{Failed, whole};
use crate::call::{Known, failed, kind};
use crate::function::{ResponseBody, Turn};
use crate::metering::Counters;
use crate::ready::Host;
use crate::{FunctionsError, TrapKind};

/// How long an instance may go on after its answer, for work that the guest has left to do.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// The dispatcher of one version.
pub(crate) struct Http03 {
    handler: ProxyHandler<Deployed>,
    pre: ServicePre<GuestState>,
    book: Arc<LogBook>,
}

struct Deployed {
    host: Arc<Host>,
    pre: ServicePre<GuestState>,
    tenant: TenantId,
    authorized: Arc<Authorized>,
    book: Arc<LogBook>,
    limits: CallLimits,
    counters: Arc<Counters>,
}

/// What comes with a request to its instance.
struct Passenger {
    invocation: InvocationId,
    turn: Turn,
    /// Set when the call fails.
    failed: Failed,
    /// Takes the failure, in case that there is no answer yet.
    why: oneshot::Sender<FunctionsError>,
}

impl Http03 {
    pub(crate) fn new(
        host: Arc<Host>,
        pre: ServicePre<GuestState>,
        tenant: TenantId,
        authorized: Arc<Authorized>,
        book: Arc<LogBook>,
        limits: CallLimits,
        counters: Arc<Counters>,
    ) -> Self {
        let deployed = Deployed {
            host,
            pre: pre.clone(),
            tenant,
            authorized,
            book: book.clone(),
            limits,
            counters,
        };
        Self {
            handler: ProxyHandler::new(deployed),
            pre,
            book,
        }
    }

    pub(crate) fn pre(&self) -> &ServicePre<GuestState> {
        &self.pre
    }

    pub(crate) async fn handle(
        &self,
        request: http::Request<WasiBody>,
        turn: Turn,
    ) -> Result<http::Response<ResponseBody>, FunctionsError> {
        let invocation = InvocationId::new();
        let broken = Failed::default();
        let (why, failure) = oneshot::channel();
        let passenger = Passenger {
            invocation,
            turn,
            failed: broken.clone(),
            why,
        };
        match self.handler.handle(passenger, request).await {
            Ok(response) => Ok(response.map(|body| whole(body, broken))),
            Err(error) => {
                if let Some(code) = error.downcast_ref::<ErrorCode>() {
                    return Err(FunctionsError::NoAnswer(code.to_string()));
                }
                if error.is::<TrapOrPanicError>()
                    && let Ok(failure) = failure.await
                {
                    return Err(failure);
                }
                let error = match error.downcast_ref::<InstantiationError<Passenger>>() {
                    Some(instantiation) => &instantiation.error,
                    None => &error,
                };
                Err(failed(error, kind(error, None), &self.book, invocation))
            }
        }
    }
}

impl HandlerState for Deployed {
    type StoreData = GuestState;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<GuestState, Expiration, Worker>> {
        let state = self.host.state(
            &self.tenant,
            &self.authorized,
            &self.book,
            InvocationId::new(),
            self.limits,
        );
        let mut store = self.host.engine.store(Lane::Concurrent, state);
        let instantiated =
            tokio::time::timeout(self.limits.timeout, self.pre.instantiate_async(&mut store)).await;
        let proxy = Proxy::P3(instantiated.map_err(|_| Known(TrapKind::Timeout))??);
        let expired = Arc::new(AtomicBool::new(false));
        Ok(Instance {
            store,
            proxy,
            view: GuestState::http,
            expiration: Expiration {
                timeout: self.limits.timeout,
                sleep: None,
                expired: expired.clone(),
            },
            state: Worker {
                book: self.book.clone(),
                counters: self.counters.clone(),
                expired,
                running: Mutex::new(None),
            },
        })
    }
}

/// One instance. It takes one request and no second one: nothing of a call outlives it.
struct Worker {
    book: Arc<LogBook>,
    counters: Arc<Counters>,
    expired: Arc<AtomicBool>,
    running: Mutex<Option<(Instant, Passenger)>>,
}

impl WorkerState for Worker {
    type StoreData = GuestState;
    type RequestData = Passenger;

    fn should_accept_request(&self, _concurrent: usize, total: usize) -> ShouldAccept {
        if total == 0 {
            ShouldAccept::Yes
        } else {
            ShouldAccept::Never
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, GuestState>,
        passenger: Passenger,
        _task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        store.data_mut().set_invocation(passenger.invocation);
        *self.running.lock() = Some((Instant::now(), passenger));
        // No deadline of the request beside that of the instance: they are one and the same here, and
        // the instance's is polled whatever the guest does.
        Box::pin(std::future::pending())
    }

    fn drop(&self, mut store: Store<GuestState>, result: Result<(), wasmtime::Error>) {
        let Some((start, passenger)) = self.running.lock().take() else {
            return;
        };
        self.counters.record(start.elapsed(), result.is_err());
        if let Err(error) = result {
            // While the store is there, and with it the body that is not at its end.
            passenger.failed.set();
            let kind = match self.expired.load(Ordering::Relaxed) {
                true => TrapKind::Timeout,
                false => kind(&error, Some(store.data_mut().guardian())),
            };
            let failure = failed(&error, kind, &self.book, passenger.invocation);
            // Nobody waits for it once there is an answer.
            let _ = passenger.why.send(failure);
        }
        drop(passenger.turn);
    }
}

/// The deadline of an instance that waits; one that computes is stopped by the epoch. Timers inside
/// the guest's event loop may not be polled while the guest keeps it busy, this one is polled from
/// outside.
struct Expiration {
    timeout: Duration,
    sleep: Option<(WorkerStatus, Instant, Pin<Box<Sleep>>)>,
    expired: Arc<AtomicBool>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        state: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        let allowed = match state {
            WorkerStatus::Idle => return Poll::Ready(()),
            WorkerStatus::Requests => self.timeout,
            WorkerStatus::PostReturn => AFTERWARDS.min(self.timeout),
        };
        let current = matches!(&self.sleep, Some((s, at, _)) if *s == state && *at == start);
        if !current {
            let until = tokio::time::Instant::from_std(start + allowed);
            self.sleep = Some((state, start, Box::pin(tokio::time::sleep_until(until))));
        }
        match &mut self.sleep {
            Some((_, _, sleep)) => {
                std::task::ready!(sleep.as_mut().poll(context));
                self.expired.store(true, Ordering::Relaxed);
                Poll::Ready(())
            }
            None => Poll::Pending,
        }
    }
}
