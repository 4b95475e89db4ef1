//! Peers and name servers that do what a test says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use steward_egress::{
    AddressPolicy, Destination, Egress, EgressConfig, EgressError, Request, Resolve, ResponseBody,
    Timeouts, Turns,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A peer on a loopback address; it counts its connections.
pub struct Peer {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
}

impl Peer {
    /// Every connection is handed to `serve`.
    pub async fn at<F>(ip: IpAddr, serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// On 127.0.0.1.
    pub async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::at(Ipv4Addr::LOCALHOST.into(), serve).await
    }

    /// Answers every request with these bytes, on connections that stay open.
    pub async fn answering(answer: impl Into<String>) -> Self {
        let answer: Arc<str> = answer.into().into();
        Self::start(move |stream| answer_all(stream, answer.clone())).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub async fn answer_all(mut stream: TcpStream, answer: Arc<str>) {
    while head(&mut stream).await.is_some() {
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads the head of a request without a body.
pub async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8(head).unwrap())
}

pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A name server that gives its answers one after the other, the last for ever.
pub struct Answers {
    answers: Vec<Vec<IpAddr>>,
    pub asked: Arc<AtomicUsize>,
}

impl Answers {
    pub fn new(answers: &[&[&str]]) -> Self {
        let of = |addresses: &&[&str]| addresses.iter().map(|a| a.parse().unwrap()).collect();
        Self {
            answers: answers.iter().map(of).collect(),
            asked: Arc::default(),
        }
    }
}

#[async_trait::async_trait]
impl Resolve for Answers {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(n).or(self.answers.last());
        answer
            .cloned()
            .ok_or_else(|| io::Error::other("no such name"))
    }
}

/// Loopback opened, the rest as it is.
pub fn config() -> EgressConfig {
    EgressConfig {
        addresses: AddressPolicy::opening(["127.0.0.1".parse().unwrap()]),
        ..EgressConfig::default()
    }
}

pub fn egress() -> Egress {
    Egress::new(config()).unwrap()
}

pub fn soon() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_millis(300),
        between_bytes: Duration::from_millis(300),
    }
}

/// Sends a GET for a tenant.
pub async fn get_for(
    egress: &Egress,
    tenant: &str,
    url: &str,
    timeouts: Timeouts,
) -> Result<http::Response<ResponseBody>, EgressError> {
    let request = http::Request::get(url).body(Empty::<Bytes>::new()).unwrap();
    send(egress, tenant, request, timeouts).await
}

pub async fn get(egress: &Egress, url: &str) -> Result<http::Response<ResponseBody>, EgressError> {
    get_for(egress, "acme", url, egress.timeouts()).await
}

pub async fn send<B>(
    egress: &Egress,
    tenant: &str,
    request: http::Request<B>,
    timeouts: Timeouts,
) -> Result<http::Response<ResponseBody>, EgressError>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<steward_egress::BoxError>,
{
    let destination = Destination::of(request.uri())?;
    let request = Request {
        tenant,
        destination,
        request,
        turns: &Turns::default(),
        timeouts,
        deadline: Instant::now() + Duration::from_secs(20),
    };
    egress.send(request).await
}

pub async fn text(response: http::Response<ResponseBody>) -> Result<String, EgressError> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}
