//! From a destination to an open connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use crate::pool::Permit;
use crate::{BoxError, Destination, EgressConfig, EgressError, Resolve, StandIn, stand_in};

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
/// Look-ups at the same time: each may hold a thread for as long as the name server is silent.
const LOOKUPS: usize = 64;

/// The body of a request on its way.
pub(crate) type OutBody = UnsyncBoxBody<Bytes, BoxError>;

/// Held by the pool and by each request on a connection that many share, until the body of its answer has ended.
pub(crate) type Uses = Arc<()>;

/// The sending end of an open connection.
pub(crate) enum Sender {
    Http1(http1::SendRequest<OutBody>),
    /// Many requests share it.
    Http2(http2::SendRequest<OutBody>, Uses),
}

impl Sender {
    /// Another end of the same connection, where requests share it.
    pub(crate) fn shared(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender, uses) => Some(Self::Http2(sender.clone(), uses.clone())),
        }
    }

    /// What a request on a shared connection holds until its answer has ended.
    pub(crate) fn uses(&self) -> Option<Uses> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(_, uses) => Some(uses.clone()),
        }
    }

    /// Whether requests run on it while it waits in the pool for more of them.
    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Self::Http1(_) => false,
            Self::Http2(_, uses) => Arc::strong_count(uses) > 1,
        }
    }

    /// Whether it cannot take another request any more.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => !sender.is_ready() || sender.is_closed(),
            Self::Http2(sender, _) => sender.is_closed(),
        }
    }

    pub(crate) async fn send(
        &mut self,
        request: http::Request<OutBody>,
    ) -> Result<http::Response<Incoming>, TrySendError<http::Request<OutBody>>> {
        match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender, _) => sender.try_send_request(request).await,
        }
    }
}

/// Opens connections.
pub(crate) struct Connector {
    config: EgressConfig,
    resolver: Arc<dyn Resolve>,
    lookups: Arc<Semaphore>,
    tls: TlsConnector,
    stand_in: Option<Arc<dyn StandIn>>,
}

impl Connector {
    pub(crate) fn new(
        config: EgressConfig,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, EgressError> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        };
        let tls_error = |e: rustls::Error| EgressError::Tls(io::Error::other(e));
        for root in &config.extra_roots {
            roots.add(root.clone()).map_err(tls_error)?;
        }
        let mut tls =
            ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .map_err(tls_error)?
                .with_root_certificates(roots)
                .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config,
            resolver,
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            tls: TlsConnector::from(Arc::new(tls)),
            stand_in: None,
        })
    }

    /// The same with somebody who answers in the place of the network.
    pub(crate) fn answered_by(mut self, stand_in: Arc<dyn StandIn>) -> Self {
        self.stand_in = Some(stand_in);
        self
    }

    /// Opens a connection that lives as long as its sender or a running answer; `permit` is held until it is closed.
    pub(crate) async fn connect(
        &self,
        destination: &Destination,
        permit: Permit,
        by: Instant,
    ) -> Result<Sender, EgressError> {
        if let Some(stand_in) = &self.stand_in {
            return self
                .http1(stand_in::connect(stand_in, destination), permit)
                .await;
        }
        let detour = self.config.detours.iter().find_map(|d| d.of(destination));
        let (addresses, port) = match detour {
            Some(to) => (self.open(destination, vec![to.ip()])?, to.port()),
            None => (self.addresses(destination).await?, destination.port()),
        };
        let stream = tcp(&addresses, port, by).await?;
        // Small requests should not wait for more to come.
        let _ = stream.set_nodelay(true);
        if !destination.tls() {
            return self.http1(stream, permit).await;
        }
        let name = match destination.address() {
            Some(address) => ServerName::from(address),
            None => ServerName::try_from(destination.host().to_owned())
                .map_err(|_| EgressError::InvalidUri("its host is no name for a certificate"))?,
        };
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(EgressError::Tls)?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => self.http2(stream, permit).await,
            _ => self.http1(stream, permit).await,
        }
    }

    /// The addresses that may be connected to. This is the only look-up for a connection.
    pub(crate) async fn addresses(
        &self,
        destination: &Destination,
    ) -> Result<Vec<IpAddr>, EgressError> {
        let found = match destination.address() {
            Some(address) => vec![address],
            None => self.look_up(destination.host()).await?,
        };
        self.open(destination, found)
    }

    /// Those of the addresses that the policy lets through.
    fn open(
        &self,
        destination: &Destination,
        found: Vec<IpAddr>,
    ) -> Result<Vec<IpAddr>, EgressError> {
        let mut blocked = None;
        let mut open = Vec::new();
        for address in found {
            match self.config.addresses.check(address) {
                Ok(address) if !open.contains(&address) => open.push(address),
                Ok(_) => {}
                Err(why) => {
                    // For the operator alone: a tenant does not learn the addresses inside.
                    tracing::info!(host = destination.host(), %address, what = why.what, "an address is not connected to");
                    blocked = blocked.or(Some(why));
                }
            }
        }
        open.truncate(MAX_ADDRESSES);
        match blocked {
            Some(why) if open.is_empty() => Err(EgressError::Blocked {
                host: destination.host().to_owned(),
                what: why.what,
            }),
            _ if open.is_empty() => Err(EgressError::NoSuchHost),
            _ => Ok(open),
        }
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, EgressError> {
        let turn = self.lookups.clone().acquire_owned().await;
        let (resolver, host) = (self.resolver.clone(), host.to_owned());
        // In a task of its own: a look-up whose caller has gone goes on, and keeps its turn until it ends.
        let lookup = tokio::spawn(async move {
            let _turn = turn;
            resolver.resolve(&host).await
        });
        match lookup.await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a name was not found");
                Err(EgressError::NoSuchHost)
            }
            Err(_) => Err(EgressError::NoSuchHost),
        }
    }

    async fn http1<S>(&self, stream: S, permit: Permit) -> Result<Sender, EgressError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(self.config.max_head_bytes.max(8 << 10))
            .max_headers(self.config.max_headers)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an outgoing connection ended");
            }
        });
        Ok(Sender::Http1(sender))
    }

    async fn http2<S>(&self, stream: S, permit: Permit) -> Result<Sender, EgressError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(self.config.max_head_bytes).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an outgoing connection ended");
            }
        });
        Ok(Sender::Http2(sender, Uses::default()))
    }
}

/// Tries the addresses one after the other; those that are left share the time that is left.
async fn tcp(addresses: &[IpAddr], port: u16, by: Instant) -> Result<TcpStream, EgressError> {
    let mut last = EgressError::ConnectTimeout;
    for (tried, address) in addresses.iter().enumerate() {
        let left = by.saturating_duration_since(Instant::now());
        let attempts = u32::try_from(addresses.len() - tried).unwrap_or(1).max(1);
        let until = Instant::now() + left / attempts;
        match timeout_at(
            until.into(),
            TcpStream::connect(SocketAddr::new(*address, port)),
        )
        .await
        {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = EgressError::Connect(error),
            Err(_) => last = EgressError::ConnectTimeout,
        }
    }
    Err(last)
}
