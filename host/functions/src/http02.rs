//! `wasi:http/incoming-handler` 0.2, one fresh instance a request.
//!
//! wasmtime's own dispatcher for `wasi:http` needs component-model concurrency even for 0.2. On the
//! plain lane a request costs about half, so 0.2 is driven directly.

use std::pin::pin;
use std::time::Instant;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::BodyExt;
use steward_capabilities::InvocationId;
use steward_engine::Guarded;
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use std::sync::Arc;

use crate::answer::{Failed, whole};
use crate::call::{failed, kind, until_deadline};
use crate::function::{BoxError, ResponseBody, Turn};
use crate::ready::{Ready, Runner};
use crate::{Function, FunctionsError};

impl Function {
    /// Hands a request to one version.
    pub(crate) async fn hand_over<B>(
        &self,
        ready: &Arc<Ready>,
        request: http::Request<B>,
    ) -> Result<http::Response<ResponseBody>, FunctionsError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let Runner::Typed { .. } = ready.runner {
            return Err(FunctionsError::WrongFace(
                "this function is typed: call it with POST and JSON",
            ));
        }
        let turn = self.turn().await?;
        let request = request.map(|body| {
            let failed =
                |e: B::Error| wasmtime_wasi_http::Error::InternalError(Some(e.into().to_string()));
            body.map_err(failed).boxed_unsync()
        });
        match &ready.runner {
            Runner::Http02(pre) => ready.clone().handle02(pre.clone(), request, turn).await,
            Runner::Http03(handler) => handler.handle(request, turn).await,
            Runner::Typed { .. } => Err(FunctionsError::WrongFace("this function is typed")),
        }
    }
}

/// What the guest gave as its answer, as far as it came.
type Head = Result<http::Response<HyperOutgoingBody>, ErrorCode>;

impl Ready {
    async fn handle02(
        self: Arc<Self>,
        pre: ProxyPre<steward_capabilities::GuestState>,
        request: http::Request<WasiBody>,
        turn: Turn,
    ) -> Result<http::Response<ResponseBody>, FunctionsError> {
        let invocation = InvocationId::new();
        let (sender, receiver) = oneshot::channel::<Head>();
        let broken = Failed::default();
        // The call owns everything it needs, so that it can go on in a task of its own when the
        // guest still streams its body after the head has been sent.
        let mark = broken.clone();
        let mut call = Box::pin(async move {
            let start = Instant::now();
            let mut store = self.store(invocation);
            let result = until_deadline(&mut store, async |store| {
                let mut view = store.data_mut().http();
                let request = view.new_incoming_request(Scheme::Http, request)?;
                let answer = view.new_response_outparam(sender)?;
                let proxy = pre.instantiate_async(&mut *store).await?;
                proxy
                    .wasi_http_incoming_handler()
                    .call_handle(store, request, answer)
                    .await
            })
            .await;
            let result = result.map_err(|error| {
                failed(
                    &error,
                    kind(&error, Some(store.data_mut().guardian())),
                    &self.book,
                    invocation,
                )
            });
            if result.is_err() {
                // While the store is there, and with it the body that is not at its end.
                mark.set();
            }
            self.counters.record(start.elapsed(), result.is_err());
            drop(turn);
            result
        });
        let head = match select(call.as_mut(), pin!(receiver)).await {
            // The usual end: the guest is done, and its answer is in the channel.
            Either::Left((result, receiver)) => {
                result?;
                receiver.await
            }
            Either::Right((head, _)) => {
                match head {
                    // The guest dropped the answer's handle without setting it: the call knows why.
                    Err(_) => call.await?,
                    Ok(_) => drop(tokio::spawn(call)),
                }
                head
            }
        };
        match head {
            Ok(Ok(response)) => Ok(response.map(|body| whole(body, broken))),
            Ok(Err(code)) => Err(FunctionsError::NoAnswer(code.to_string())),
            Err(_) => Err(FunctionsError::NoAnswer(
                "it ended without calling `response-outparam.set`".into(),
            )),
        }
    }
}
