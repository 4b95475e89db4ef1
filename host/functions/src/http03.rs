//! `wasi:http/handler` 0.3.
//!
//! wasmtime's own dispatcher gives several requests to one instance at a time, and the next one while
//! the last still works: a trap of one would fail the others. Here an instance has one request, from
//! its first byte to the last task that it left behind, and then perhaps the next. What runs a request
//! within the instance is wasmtime's.

use std::future::{pending, poll_fn};
use std::sync::Arc;

use futures::FutureExt;
use steward_capabilities::GuestState;
use steward_engine::Guarded;
use tokio::sync::oneshot;
use wasmtime::{AsContextMut, Error};
use wasmtime_wasi_http::handler::{Prepared, Proxy};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::FunctionsError;
use crate::call::{Head, failed, kind, until_deadline, until_head};
use crate::function::{ResponseBody, Turn};
use crate::pool::Pool;
use crate::ready::{Ready, Runner};
use crate::running::Running;

/// How requests of 0.3 reach the guest.
pub(crate) struct Http03 {
    pub(crate) pre: ServicePre<GuestState>,
    pub(crate) pool: Pool<Proxy>,
}

impl Ready {
    pub(crate) async fn handle03(
        self: Arc<Self>,
        request: http::Request<WasiBody>,
        running: Running,
        turn: Turn,
    ) -> Result<http::Response<ResponseBody>, FunctionsError> {
        let (sender, head) = oneshot::channel::<Head<WasiBody>>();
        let (background, habit) = (self.host.background.clone(), self.habit.clone());
        let call = background.call(&habit, self.call03(request, sender, running.clone(), turn));
        until_head(call, head, running).await
    }

    async fn call03(
        self: Arc<Self>,
        request: http::Request<WasiBody>,
        sender: oneshot::Sender<Head<WasiBody>>,
        running: Running,
        turn: Turn,
    ) -> Result<(), FunctionsError> {
        let Runner::Http03(http) = &self.runner else {
            return Err(FunctionsError::WrongFace("it does not speak wasi:http 0.3"));
        };
        let mut instance = http.pool.instance(&running, || self.store(running.id()));
        let (store, proxy) = instance.parts();
        let result = until_deadline(store, Some(&running), async |store| {
            if proxy.is_none() {
                let service = http.pre.instantiate_async(&mut *store).await?;
                *proxy = Some(Proxy::P3(service));
            }
            let Some(proxy) = &*proxy else {
                return Err(Error::msg("an instance is there and is not"));
            };
            let (head, mut given) = futures::channel::oneshot::channel();
            let run = async |accessor: &wasmtime::component::Accessor<GuestState>| {
                let prepared = accessor.with(|mut store| {
                    Prepared::new(
                        store.as_context_mut(),
                        proxy,
                        request,
                        GuestState::http,
                        head,
                    )
                })?;
                // Its deadline is that of the whole call.
                prepared.run(accessor, pending()).await?;
                let head = match (&mut given).now_or_never() {
                    Some(Ok(Ok(response))) => Ok(response),
                    Some(Ok(Err(error))) => match error.downcast_ref::<ErrorCode>() {
                        Some(code) => Err(code.to_string()),
                        None => return Err(error),
                    },
                    _ => Err("it ended without an answer".into()),
                };
                let _ = sender.send(head);
                // The body, and whatever else the guest has left to do.
                poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
                Ok(())
            };
            store.run_concurrent(run).await?
        })
        .await;
        let result = result.map_err(|error| {
            let kind = kind(&error, Some(instance.store().data_mut().guardian()));
            let failure = failed(&error, kind, &self.book, running.id());
            running.fail(&failure);
            // While the store is there, and with it the body that is not at its end.
            running.break_off();
            failure
        });
        if result.is_ok() && !running.is_broken() {
            http.pool.give_back(instance);
        } else {
            drop(instance);
        }
        drop(turn);
        result
    }
}
