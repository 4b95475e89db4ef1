//! The servers that Steward is compared with: no authentication, no routing, no limits per call.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use steward_engine::{CallLimits, Engine, Guarded, Guardian, Lane};
use tokio::net::TcpListener;
use wasmtime::component::{GuestTaskId, Linker, ResourceTable};
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ProxyPre, ShouldAccept, WorkerExpiration,
    WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{
    RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Serves one closure on a free loopback port until the runtime ends.
async fn serve<F, R>(handle: F) -> anyhow::Result<SocketAddr>
where
    F: Fn(http::Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = anyhow::Result<http::Response<Body>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let handle = handle.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = handle(request);
                    async move {
                        Ok::<_, Infallible>(answer.await.unwrap_or_else(|error| {
                            let body = Full::new(Bytes::from(format!("{error:#}")))
                                .map_err(|e| match e {})
                                .boxed_unsync();
                            let mut response = http::Response::new(body);
                            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                            response
                        }))
                    }
                });
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(addr)
}

/// A plain hyper hello world: the ceiling.
///
/// # Errors
/// When no port can be taken.
pub async fn hyper_hello() -> anyhow::Result<SocketAddr> {
    serve(|_| async {
        Ok(http::Response::new(
            Full::new(Bytes::from_static(b"Hello, world!\n"))
                .map_err(|e| match e {})
                .boxed_unsync(),
        ))
    })
    .await
}

/// wasmtime's own dispatcher, one fresh instance a request, under the engine settings of Steward.
///
/// # Errors
/// When the component does not compile or no port can be taken.
pub async fn proxy_handler(engine: &Engine, component: &[u8]) -> anyhow::Result<SocketAddr> {
    // The dispatcher needs the concurrent lane for 0.2 as well.
    let wasmtime = engine.lane(Lane::Concurrent).clone();
    let shape = steward_engine::inspect(component)?;
    let component = wasmtime::component::Component::new(&wasmtime, component)?;
    let mut linker = Linker::<State>::new(&wasmtime);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    let pre = linker.instantiate_pre(&component)?;
    let pre = match shape.lane() {
        Lane::Plain => ProxyPre::P2(wasmtime_wasi_http::p2::bindings::ProxyPre::new(pre)?),
        Lane::Concurrent => ProxyPre::P3(wasmtime_wasi_http::p3::bindings::ServicePre::new(pre)?),
    };
    let handler = ProxyHandler::new(Bare {
        engine: engine.clone(),
        pre,
    });
    serve(move |request| {
        let handler = handler.clone();
        async move {
            let request =
                request.map(|body| body.map_err(wasmtime_wasi_http::Error::from).boxed_unsync());
            let response = handler.handle((), request).await?;
            Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        }
    })
    .await
}

/// `wasi:http` 0.2 driven directly on the plain lane, as wasmtime's documentation shows it.
///
/// # Errors
/// When the component does not compile or no port can be taken.
pub async fn direct02(engine: &Engine, component: &[u8]) -> anyhow::Result<SocketAddr> {
    let component = engine.compile(component)?;
    let mut linker = Linker::<State>::new(engine.lane(Lane::Plain));
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    let pre = wasmtime_wasi_http::p2::bindings::ProxyPre::new(linker.instantiate_pre(&component)?)?;
    let engine = engine.clone();
    serve(move |request| {
        let (engine, pre) = (engine.clone(), pre.clone());
        async move {
            let mut store = engine.store(Lane::Plain, State::new());
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let request = store
                .data_mut()
                .http()
                .new_incoming_request(Scheme::Http, request)?;
            let out = store.data_mut().http().new_response_outparam(sender)?;
            let call = tokio::spawn(async move {
                let proxy = pre.instantiate_async(&mut store).await?;
                proxy
                    .wasi_http_incoming_handler()
                    .call_handle(store, request, out)
                    .await
            });
            match receiver.await {
                Ok(answer) => Ok(answer?.map(|body| body.map_err(Into::into).boxed_unsync())),
                Err(_) => Err(call
                    .await?
                    .err()
                    .map_or_else(|| anyhow::anyhow!("no answer"), Into::into)),
            }
        }
    })
    .await
}

/// The state of an instance of the bare servers.
pub struct State {
    guardian: Guardian,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoing,
}

impl State {
    /// With the default limits, so that the same store is paid for.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            guardian: Guardian::new(CallLimits::default()),
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            hooks: NoOutgoing,
        }
    }
}

impl Guarded for State {
    fn guardian(&mut self) -> &mut Guardian {
        &mut self.guardian
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

struct NoOutgoing;

impl WasiHttpHooks for NoOutgoing {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>,
    ) -> Box<
        dyn Future<
                Output = Result<
                    (
                        http::Response<WasiBody>,
                        Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>,
                    ),
                    wasmtime_wasi_http::Error,
                >,
            > + Send,
    > {
        Box::new(async { Err(wasmtime_wasi_http::Error::HttpRequestDenied) })
    }
}

struct Bare {
    engine: Engine,
    pre: ProxyPre<State>,
}

impl HandlerState for Bare {
    type StoreData = State;
    type WorkerExpiration = WhenIdle;
    type WorkerState = OneRequest;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, WhenIdle, OneRequest>> {
        let mut store = self.engine.store(Lane::Concurrent, State::new());
        let proxy: Proxy = self.pre.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy,
            view: State::http,
            expiration: WhenIdle,
            state: OneRequest,
        })
    }
}

struct WhenIdle;

impl WorkerExpiration for WhenIdle {
    fn poll(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        state: WorkerStatus,
        _: Instant,
    ) -> Poll<()> {
        if state == WorkerStatus::Idle {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

struct OneRequest;

impl WorkerState for OneRequest {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, _: usize, total: usize) -> ShouldAccept {
        if total == 0 {
            ShouldAccept::Yes
        } else {
            ShouldAccept::Never
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _: Store<State>, _: Result<(), wasmtime::Error>) {}
}
