//! [`Egress`]: the whole of it.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http_body::Body;
use http_body_util::BodyExt;
use rustls::pki_types::CertificateDer;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::clean::{clean, for_http1};
use crate::connect::{Connector, OutBody, Sender};
use crate::counters::{Counters, Counting, EgressStats};
use crate::pool::{Pool, Room};
use crate::{
    BoxError, Destination, EgressConfig, EgressError, Resolve, ResponseBody, StandIn,
    SystemResolver, Timeouts,
};

/// How often connections that waited for too long are looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// Sends requests for functions. Cheap to clone.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    config: EgressConfig,
    connector: Connector,
    pool: Pool,
    counters: Arc<Counters>,
}

/// The turns of one function: so many of its requests are on their way at a time.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

impl Turns {
    /// That many.
    pub fn new(requests: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            requests.min(Semaphore::MAX_PERMITS),
        )))
    }
}

/// 64, from sending to the end of the answer's body. More requests wait.
impl Default for Turns {
    fn default() -> Self {
        Self::new(64)
    }
}

/// A request and what bounds it.
pub struct Request<'a, B> {
    /// Whose connections are used.
    pub tenant: &'a str,
    /// Where it goes: of [`Destination::of`], and allowed by whoever knows the grants.
    pub destination: Destination,
    /// The request. Of its URI the path and the query are sent.
    pub request: http::Request<B>,
    /// The turns of its function.
    pub turns: &'a Turns,
    /// What the guest asks for; what the host allows is the upper bound.
    pub timeouts: Timeouts,
    /// When the call must have ended.
    pub deadline: Instant,
}

impl Egress {
    /// With the resolver of this machine.
    ///
    /// # Errors
    /// [`EgressError::Tls`] for an additional root that is no certificate.
    ///
    /// # Panics
    /// Outside of a Tokio runtime: idle connections are closed by a task.
    pub fn new(config: EgressConfig) -> Result<Self, EgressError> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    /// With another resolver.
    ///
    /// # Errors
    /// Those of [`Egress::new`].
    ///
    /// # Panics
    /// As [`Egress::new`].
    pub fn with_resolver(
        config: EgressConfig,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, EgressError> {
        let connector = Connector::new(config.clone(), resolver)?;
        Ok(Self::through(connector, config))
    }

    /// With somebody who answers in the place of the network: no name is looked up and no connection leaves this process.
    ///
    /// # Errors
    /// Those of [`Egress::new`].
    ///
    /// # Panics
    /// As [`Egress::new`].
    pub fn with_stand_in(
        config: EgressConfig,
        stand_in: Arc<dyn StandIn>,
    ) -> Result<Self, EgressError> {
        let connector = Connector::new(config.clone(), Arc::new(SystemResolver))?;
        Ok(Self::through(connector.answered_by(stand_in), config))
    }

    fn through(connector: Connector, config: EgressConfig) -> Self {
        let inner = Arc::new(Inner {
            connector,
            pool: Pool::new(&config),
            counters: Arc::default(),
            config,
        });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// The times that hold where a guest says nothing, and beyond which none can ask.
    pub fn timeouts(&self) -> Timeouts {
        self.0.config.timeouts
    }

    /// The addresses of a host that may be connected to, with its port, for a protocol that is not HTTP: the caller connects
    /// to exactly one of these.
    ///
    /// # Errors
    /// [`EgressError::Blocked`], [`EgressError::NoSuchHost`].
    pub async fn addresses(
        &self,
        destination: &Destination,
    ) -> Result<Vec<SocketAddr>, EgressError> {
        let found = self.0.connector.addresses(destination).await?;
        let port = destination.port();
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }

    /// Certificates that are trusted beside those of Mozilla's list.
    pub fn extra_roots(&self) -> &[CertificateDer<'static>] {
        &self.0.config.extra_roots
    }

    /// Connections of a tenant that wait for a next request.
    pub fn idle(&self, tenant: &str) -> usize {
        self.0.pool.tenant(tenant, &self.0.config).waiting()
    }

    /// What was counted since the start.
    pub fn stats(&self) -> EgressStats {
        let free = self.0.pool.free();
        let connections = self.0.config.connections.saturating_sub(free);
        self.0.counters.read(connections)
    }

    /// Counts a request that its function was not granted.
    pub fn denied(&self) {
        self.0.counters.denied();
    }

    /// Counts a request that failed before it came here, as one whose URI is no destination.
    pub fn not_sent(&self, error: &EgressError) {
        self.0.counters.ended(error.reason());
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A future that is dropped takes its request with it.
    ///
    /// # Errors
    /// Every [`EgressError`].
    pub async fn send<B>(
        &self,
        request: Request<'_, B>,
    ) -> Result<http::Response<ResponseBody>, EgressError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let counting = Counting::begin(&self.0.counters);
        counting.end(self.sent(request).await)
    }

    async fn sent<B>(
        &self,
        request: Request<'_, B>,
    ) -> Result<http::Response<ResponseBody>, EgressError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let config = &self.0.config;
        let Request {
            tenant,
            destination,
            request,
            turns,
            timeouts,
            deadline,
        } = request;
        let allowed = config.timeouts;
        let (mut head, body) = request.into_parts();
        clean(
            &mut head,
            &destination,
            body.size_hint().exact(),
            config.max_head_bytes,
        )?;
        let counters = self.0.counters.clone();
        let counted = body.map_frame(move |frame| {
            counters.sent(frame.data_ref().map_or(0, Bytes::len));
            frame
        });
        let mut body: OutBody = counted.map_err(Into::into).boxed_unsync();

        let connect_by = (Instant::now() + timeouts.connect.min(allowed.connect)).min(deadline);
        let turn = match timeout_at(connect_by.into(), turns.0.clone().acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            _ => return Err(EgressError::TooMany),
        };
        let tenant = self.0.pool.tenant(tenant, config);
        let (response, mut sender) = loop {
            let (mut sender, reused) = match tenant.take(&destination, config) {
                Some(sender) => (sender, true),
                None => {
                    let connected = timeout_at(connect_by.into(), async {
                        let room = self.0.pool.room(&tenant, &destination, config);
                        let permit = match room.await.ok_or(EgressError::TooMany)? {
                            Room::Kept(sender) => return Ok::<_, EgressError>((sender, true)),
                            Room::New(permit) => permit,
                        };
                        let connecting = self.0.connector.connect(&destination, permit, connect_by);
                        let sender = connecting.await?;
                        // Whoever waits shares it at once, and not only after its first answer.
                        if let Some(shared) = sender.shared() {
                            tenant.put(destination.clone(), shared, config);
                        }
                        Ok((sender, false))
                    });
                    connected.await.map_err(|_| EgressError::ConnectTimeout)??
                }
            };
            let mut head = head.clone();
            if let Sender::Http1(_) = sender {
                for_http1(&mut head, &destination)?;
            }
            let first_byte_by =
                (Instant::now() + timeouts.first_byte.min(allowed.first_byte)).min(deadline);
            let sending = sender.send(http::Request::from_parts(head, body));
            match timeout_at(first_byte_by.into(), sending).await {
                Ok(Ok(response)) => break (response, sender),
                Ok(Err(mut error)) => match error.take_message() {
                    // The peer closed it while it waited here: nothing was sent.
                    Some(unsent) if reused => body = unsent.into_body(),
                    _ => return Err(error.into_error().into()),
                },
                Err(_) if Instant::now() >= deadline => return Err(EgressError::Deadline),
                Err(_) => return Err(EgressError::FirstByteTimeout),
            }
        };
        let inner = Arc::downgrade(&self.0);
        let uses = sender.uses();
        match sender {
            Sender::Http1(ref mut waiting) if !waiting.is_closed() => {
                // It is free once the answer has been read to its end; where that never comes, it closes.
                tokio::spawn(async move {
                    let Sender::Http1(mut sender) = sender else {
                        return;
                    };
                    if sender.ready().await.is_ok()
                        && let Some(inner) = inner.upgrade()
                    {
                        tenant.put(destination, Sender::Http1(sender), &inner.config);
                    }
                });
            }
            _ => {}
        }
        let between_bytes = timeouts.between_bytes.min(allowed.between_bytes);
        let counters = self.0.counters.clone();
        let mut response = response.map(|incoming| {
            ResponseBody::new(incoming, turn, uses, counters, between_bytes, deadline)
        });
        clean_answer(&mut response);
        Ok(response)
    }
}

/// Takes away what spoke to this hop alone, so that a function which passes the answer on says nothing wrong.
fn clean_answer(response: &mut http::Response<ResponseBody>) {
    const HOP_BY_HOP: [HeaderName; 8] = [
        CONNECTION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        HeaderName::from_static("alt-svc"),
    ];
    let headers = response.headers_mut();
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    response.extensions_mut().clear();
}

async fn sweep(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.pool.sweep(&inner.config);
    }
}
