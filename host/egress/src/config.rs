//! What bounds outgoing requests.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::{AddressPolicy, Detour};

/// How requests go out.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Which addresses may be connected to.
    pub addresses: AddressPolicy,
    /// Certificates that are trusted beside those of Mozilla's list.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Connections that go somewhere else than their name says; the first that fits counts.
    pub detours: Vec<Detour>,
    /// Times, where the guest does not say less.
    pub timeouts: Timeouts,
    /// The head of a request or of an answer, in bytes.
    pub max_head_bytes: usize,
    /// Headers of an answer.
    pub max_headers: usize,
    /// Open connections of all tenants.
    pub connections: usize,
    /// Open connections of one tenant, those that wait for a next request included.
    pub connections_per_tenant: usize,
    /// Connections of a tenant to one destination that wait for a next request.
    pub idle_per_destination: usize,
    /// How long a connection waits for a next request.
    pub idle_timeout: Duration,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::default(),
            extra_roots: Vec::new(),
            detours: Vec::new(),
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                first_byte: Duration::from_secs(60),
                between_bytes: Duration::from_secs(60),
            },
            max_head_bytes: 64 << 10,
            max_headers: 100,
            connections: 4096,
            connections_per_tenant: 256,
            idle_per_destination: 32,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// Times of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is there: a free turn, the name, TCP and TLS together.
    pub connect: Duration,
    /// From then until the head of the answer.
    pub first_byte: Duration,
    /// Between two parts of the body of the answer.
    pub between_bytes: Duration,
}
