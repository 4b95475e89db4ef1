//! The listener, its connections, and their end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use steward_data::{Feedback, Labelling};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::audit::Refusals;
use crate::auth::Keys;
use crate::config::{GatewayConfig, Limits};
use crate::dispatch::Dispatch;
use crate::error::GatewayError;
use crate::gateway::{Gateway, Parts, Shared};
use crate::metrics::{HttpMetrics, exposition};

/// How long a collector may take for what is left when the host ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// A gateway that listens. Connections wait in the backlog until [`Server::run`].
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    gateway: Shared,
}

/// Takes the address and reads the keys.
///
/// # Errors
/// Every [`GatewayError`].
pub async fn bind(config: GatewayConfig, parts: Parts) -> Result<Server, GatewayError> {
    let failed = |source| GatewayError::Listen {
        addr: config.addr,
        source,
    };
    let listener = TcpListener::bind(config.addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let keys = Keys::load(&parts.registry, config.issuers.clone()).await?;
    let kib = (config.limits.max_buffered_bytes / 1024).min(Semaphore::MAX_PERMITS);
    let gateway = Arc::new(Gateway {
        labelling: Labelling::new(
            parts.registry.clone(),
            parts.functions.clone(),
            parts.models.clone(),
            parts.datasets.clone(),
        ),
        feedback: Feedback::new(
            parts.registry.clone(),
            parts.functions.clone(),
            parts.datasets.clone(),
        ),
        registry: parts.registry,
        functions: parts.functions,
        models: parts.models,
        datasets: parts.datasets,
        questions: parts.questions,
        secrets: parts.secrets,
        triggers: parts.triggers,
        egress: parts.egress,
        runs: parts.runs,
        telemetry: parts.telemetry,
        config,
        keys,
        refusals: Refusals::default(),
        metrics: HttpMetrics::new(),
        buffers: Arc::new(Semaphore::new(kib)),
        draining: AtomicBool::new(false),
        cut_off: CancellationToken::new(),
    });
    if let Some(telemetry) = &gateway.telemetry {
        let gateway = Arc::downgrade(&gateway);
        telemetry.report(move || exposition(&gateway.upgrade()?).ok());
    }
    Ok(Server {
        listener,
        addr,
        gateway,
    })
}

impl Server {
    /// The address it listens on, with the port that the system chose where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `shutdown` is ready; then takes no more connections, lets what runs finish
    /// within [`GatewayConfig::drain_timeout`], drains the functions, and sends what a collector is not told yet.
    ///
    /// # Errors
    /// None at present: a connection that fails ends alone, and the listener is tried again.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), GatewayError> {
        let Self {
            listener, gateway, ..
        } = self;
        let connections = GracefulShutdown::new();
        let accepting = accept(&listener, &gateway, &connections);
        tokio::select! {
            () = accepting => {}
            () = gateway.keys.follow(&gateway.registry) => {}
            () = gateway.models.supervise() => {}
            () = gateway.datasets.supervise() => {}
            () = gateway.triggers.run() => {}
            () = steward_team::retention::keep_erasing(&gateway.registry) => {}
            () = gateway.runs.run() => {}
            () = shutdown => {}
        }
        gateway.draining.store(true, Ordering::Relaxed);
        drop(listener);
        tracing::info!(connections = connections.count(), "draining");
        if tokio::time::timeout(gateway.config.drain_timeout, connections.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("requests that still run are cut off: the time to drain is over");
            gateway.cut_off.cancel();
        }
        let delivering = gateway.triggers.drain();
        if tokio::time::timeout(gateway.config.drain_timeout, delivering)
            .await
            .is_err()
        {
            tracing::warn!("deliveries that still run are cut off; they are made again");
        }
        if tokio::time::timeout(gateway.config.drain_timeout, gateway.runs.drain())
            .await
            .is_err()
        {
            tracing::warn!("steps of runs that are still at it are cut off; they are begun again");
        }
        gateway.functions.drain().await;
        gateway.models.flush().await;
        if let Err(error) = gateway.keys.exchange(&gateway.registry).await {
            tracing::warn!(%error, "when keys were used last is not written");
        }
        if let Some(telemetry) = &gateway.telemetry {
            telemetry.flush(FLUSH_TIMEOUT).await;
        }
        Ok(())
    }
}

/// Takes connections for ever.
async fn accept(listener: &TcpListener, gateway: &Shared, connections: &GracefulShutdown) {
    let dispatch = Dispatch::new(gateway.clone());
    let builder = Arc::new(protocol(&gateway.config.limits));
    let permits = Arc::new(Semaphore::new(gateway.config.limits.max_connections));
    loop {
        // The permit first: what is over the limit waits in the backlog and costs this host nothing.
        let Ok(permit) = permits.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = serve(
                    stream,
                    builder.clone(),
                    dispatch.clone(),
                    gateway.clone(),
                    permit,
                    connections.watcher(),
                );
                tokio::spawn(connection);
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// A failed connection is followed by the next; a system without free file handles needs a moment.
pub(crate) async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        return;
    }
    tracing::error!(%error, "cannot accept a connection");
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// HTTP/1.1 and HTTP/2 without TLS, told apart by the first bytes.
pub(crate) fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(Limits::READ_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(Limits::READ_BUFFER as u32)
        .max_concurrent_streams(128)
        // A client that does not answer a ping is gone.
        .keep_alive_interval(limits.header_timeout)
        .keep_alive_timeout(limits.header_timeout);
    builder
}

/// Serves one connection to its end.
async fn serve(
    stream: TcpStream,
    builder: Arc<auto::Builder<TokioExecutor>>,
    dispatch: Dispatch,
    gateway: Shared,
    permit: OwnedSemaphorePermit,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let _permit = permit;
    let _open = gateway.metrics.connection();
    // An answer is one write; waiting for more to send only adds latency. Where the system refuses,
    // the connection works all the same.
    let _ = stream.set_nodelay(true);

    // hyper's own limit for a head begins once it knows the protocol. Until the first request this
    // one holds, so that a connection that sends nothing, or half a preface, is closed too.
    let spoken = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let spoken = spoken.clone();
        move |request| {
            spoken.store(true, Ordering::Relaxed);
            dispatch.clone().answer(request)
        }
    });
    let connection = watcher.watch(
        builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned(),
    );
    let mut connection = std::pin::pin!(connection);
    let whole = async {
        match tokio::time::timeout(gateway.config.limits.header_timeout, connection.as_mut()).await
        {
            Ok(outcome) => outcome,
            Err(_) if spoken.load(Ordering::Relaxed) => connection.await,
            Err(_) => Ok(()),
        }
    };
    if let Some(Err(error)) = gateway.cut_off.run_until_cancelled(whole).await {
        // Clients go away and send garbage every day.
        tracing::debug!(%error, "a connection ended early");
    }
}
