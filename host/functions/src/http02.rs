//! `wasi:http/incoming-handler` 0.2.
//!
//! wasmtime's own dispatcher for `wasi:http` needs component-model concurrency even for 0.2. On the
//! plain lane a request costs about half, so 0.2 is driven directly.

use std::sync::Arc;

use steward_capabilities::GuestState;
use steward_engine::Guarded;
use tokio::sync::oneshot;
use wasmtime::Error;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::FunctionsError;
use crate::call::{Head, failed, kind, until_deadline, until_head};
use crate::function::{ResponseBody, Turn};
use crate::pool::Pool;
use crate::ready::{Ready, Runner};
use crate::running::Running;

/// How requests of 0.2 reach the guest.
pub(crate) struct Http02 {
    pub(crate) pre: ProxyPre<GuestState>,
    pub(crate) pool: Pool<Proxy>,
}

impl Ready {
    pub(crate) async fn handle02(
        self: Arc<Self>,
        request: http::Request<WasiBody>,
        running: Running,
        turn: Turn,
    ) -> Result<http::Response<ResponseBody>, FunctionsError> {
        let (sender, head) = oneshot::channel::<Head<HyperOutgoingBody>>();
        // The call owns everything it needs, so that it can go on in a task of its own when the
        // guest still streams its body after the head has been sent.
        let (background, habit) = (self.host.background.clone(), self.habit.clone());
        let call = background.call(&habit, self.call02(request, sender, running.clone(), turn));
        until_head(call, head, running).await
    }

    async fn call02(
        self: Arc<Self>,
        request: http::Request<WasiBody>,
        sender: oneshot::Sender<Head<HyperOutgoingBody>>,
        running: Running,
        turn: Turn,
    ) -> Result<(), FunctionsError> {
        let Runner::Http02(http) = &self.runner else {
            return Err(FunctionsError::WrongFace("it does not speak wasi:http 0.2"));
        };
        let mut instance = http.pool.instance(&running, || self.store(running.id()));
        let (store, proxy) = instance.parts();
        let result = until_deadline(store, Some(&running), async |store| {
            let mut view = store.data_mut().http();
            let request = view.new_incoming_request(Scheme::Http, request)?;
            let answer = view.new_response_outparam_from_callback(
                move |head: Result<http::Response<HyperOutgoingBody>, ErrorCode>| {
                    let _ = sender.send(head.map_err(|code| code.to_string()));
                },
            )?;
            if proxy.is_none() {
                *proxy = Some(http.pre.instantiate_async(&mut *store).await?);
            }
            let Some(proxy) = proxy else {
                return Err(Error::msg("an instance is there and is not"));
            };
            proxy
                .wasi_http_incoming_handler()
                .call_handle(store, request, answer)
                .await
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
