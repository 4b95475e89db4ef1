//! A listener with one function behind it and nothing else: no keys, no management, every path goes to the
//! function. For an operator who tries a component on their own machine.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use steward_functions::{Call, Function};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::body::{BoundedBody, BoxError, Reply};
use crate::config::GatewayConfig;
use crate::error::GatewayError;
use crate::problem::Problem;
use crate::server::{pause_after, protocol};

/// One function that listens. Connections wait in the backlog until [`SingleServer::run`].
pub struct SingleServer {
    listener: TcpListener,
    addr: SocketAddr,
    config: GatewayConfig,
    function: Arc<Function>,
}

/// Takes the address.
///
/// # Errors
/// [`GatewayError::Listen`]
pub async fn bind_single(
    config: GatewayConfig,
    function: Arc<Function>,
) -> Result<SingleServer, GatewayError> {
    let failed = |source| GatewayError::Listen {
        addr: config.addr,
        source,
    };
    let listener = TcpListener::bind(config.addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok(SingleServer {
        listener,
        addr,
        config,
        function,
    })
}

impl SingleServer {
    /// The address it listens on, with the port that the system chose where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `shutdown` is ready; then takes no more connections and lets what runs finish within
    /// [`GatewayConfig::drain_timeout`].
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            config,
            function,
            ..
        } = self;
        let connections = GracefulShutdown::new();
        tokio::select! {
            () = accept(&listener, &config, &function, &connections) => {}
            () = shutdown => {}
        }
        drop(listener);
        let ended = tokio::time::timeout(config.drain_timeout, connections.shutdown());
        if ended.await.is_err() {
            tracing::warn!("requests that still run are cut off: the time to drain is over");
        }
    }
}

async fn accept(
    listener: &TcpListener,
    config: &GatewayConfig,
    function: &Arc<Function>,
    connections: &GracefulShutdown,
) {
    let builder = Arc::new(protocol(&config.limits));
    let permits = Arc::new(Semaphore::new(config.limits.max_connections));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (builder, function, config) = (builder.clone(), function.clone(), config.clone());
        let watcher = connections.watcher();
        tokio::spawn(async move {
            let _permit = permit;
            let service = service_fn(move |request| {
                let (function, config) = (function.clone(), config.clone());
                async move { Ok::<_, Infallible>(answer(&function, &config, request).await) }
            });
            let connection = builder
                .serve_connection(TokioIo::new(stream), service)
                .into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

async fn answer(
    function: &Function,
    config: &GatewayConfig,
    request: Request<Incoming>,
) -> Response<Reply> {
    let (head, body) = request.into_parts();
    let limits = &config.limits;
    let body = match BoundedBody::new(body, limits.max_body_bytes, limits.body_timeout) {
        Ok(body) => body.map_err(BoxError::from).boxed_unsync(),
        Err(problem) => return problem.into_reply(),
    };
    match function
        .handle(Call::new(), Request::from_parts(head, body))
        .await
    {
        Ok(response) => response,
        Err(error) => Problem::from(error).into_reply(),
    }
}
