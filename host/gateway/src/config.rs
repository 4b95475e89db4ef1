//! What can be set from outside.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use steward_identity::IssuerConfig;

/// Where the gateway listens and what it accepts.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Address to listen on; port 0 takes a free one.
    pub addr: SocketAddr,
    /// What a client may send and how long it may take.
    pub limits: Limits,
    /// How long requests that run when the shutdown begins may go on.
    pub drain_timeout: Duration,
    /// Whose bearer tokens are taken, beside the issuers that tenants have.
    pub issuers: Vec<IssuerConfig>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            limits: Limits::default(),
            drain_timeout: Duration::from_secs(30),
            issuers: Vec::new(),
        }
    }
}

/// What a client may send and how long it may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections that are open at the same time. Further ones wait in the backlog of the system.
    pub max_connections: usize,
    /// Body of an invocation and of every API request that is not an upload, in bytes.
    pub max_body_bytes: usize,
    /// Body of an upload of a plugin, in bytes.
    pub max_upload_bytes: usize,
    /// Body of an upload of a model, in bytes. Models are far larger than components: weights of
    /// 100 million parameters have 400 MB.
    pub max_model_bytes: usize,
    /// Rows that are added to a dataset at a time, in bytes. They go to disk as they come.
    pub max_dataset_bytes: usize,
    /// Bodies that are held in memory at the same time, over all requests, in bytes. A request
    /// that would exceed it is told to come back.
    pub max_buffered_bytes: usize,
    /// Header fields of a request. Above 100 the answer is a bare 431.
    pub max_header_count: usize,
    /// Names and values of the header fields of a request, in bytes. Above [`Limits::READ_BUFFER`]
    /// the answer is a bare 431.
    pub max_header_bytes: usize,
    /// From the opening of a connection, or from the answer before, to the end of the next head.
    pub header_timeout: Duration,
    /// Between two pieces of a body.
    pub body_timeout: Duration,
    /// From the head of an API request to its answer; not for invocations, whose limit is that
    /// of the function.
    pub request_timeout: Duration,
    /// From the head of an upload to its answer, the compilation included.
    pub upload_timeout: Duration,
}

impl Limits {
    /// How much of a connection hyper reads ahead, in bytes; no head can be larger.
    pub const READ_BUFFER: usize = 128 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 8192,
            max_body_bytes: 4 << 20,
            max_upload_bytes: 64 << 20,
            max_model_bytes: 512 << 20,
            max_dataset_bytes: 4 << 30,
            max_buffered_bytes: 1 << 30,
            max_header_count: 64,
            max_header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            upload_timeout: Duration::from_secs(600),
        }
    }
}
