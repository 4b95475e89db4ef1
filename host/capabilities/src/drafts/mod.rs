//! Interfaces of WASI that are still drafts, each in the exact versions that components are built with.
//!
//! Only the worlds `function` and `step` may import them, see [`crate::policy`]. What they give is what the interfaces of
//! `steward:` give, or needs a grant of its own: a bucket, a container, a model.

mod bindings;
mod blobstore;
mod blobstream;
mod blobvalue;
mod config;
mod keyvalue;
mod logging;
mod nn;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use steward_registry::{Registry, TenantId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Linker;

use crate::GuestState;

/// Objects that are written at the same time on this host. Each holds up to three pieces of 5 MiB.
const UPLOADS: usize = 32;
/// Of one tenant, so that no tenant keeps the others waiting.
const UPLOADS_OF_TENANT: usize = 8;
/// Streams of objects, read and written, that one call has open at the same time.
const STREAMS_OF_CALL: usize = 4;

/// The interfaces, by their exact names.
pub(crate) const NAMES: &[&str] = &[
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:keyvalue/batch@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
    "wasi:blobstore/types@0.2.0-draft",
    "wasi:blobstore/container@0.2.0-draft",
    "wasi:blobstore/blobstore@0.2.0-draft",
    "wasi:config/runtime@0.2.0-draft",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:logging/logging@0.1.0-draft",
    "wasi:nn/tensor@0.2.0-rc-2024-10-28",
    "wasi:nn/graph@0.2.0-rc-2024-10-28",
    "wasi:nn/inference@0.2.0-rc-2024-10-28",
    "wasi:nn/errors@0.2.0-rc-2024-10-28",
];

/// Where buckets and containers are kept.
#[derive(Clone)]
pub(crate) struct Stores {
    registry: Registry,
    uploads: Arc<Uploads>,
}

/// Who may upload on this host.
struct Uploads {
    host: Arc<Semaphore>,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

/// The right of a tenant to upload once there is a turn.
struct Turns {
    tenant: Arc<Semaphore>,
    host: Arc<Semaphore>,
}

impl Turns {
    /// Waits for a turn: first among the tenant's own, then among all.
    async fn take(self) -> Result<[OwnedSemaphorePermit; 2], String> {
        let ending = |_| "the host is ending".to_owned();
        let tenant = self.tenant.acquire_owned().await.map_err(ending)?;
        let host = self.host.acquire_owned().await.map_err(ending)?;
        Ok([tenant, host])
    }
}

impl From<Registry> for Stores {
    fn from(registry: Registry) -> Self {
        Self {
            registry,
            uploads: Arc::new(Uploads {
                host: Arc::new(Semaphore::new(UPLOADS)),
                tenants: Mutex::default(),
            }),
        }
    }
}

/// What one call holds of these interfaces.
pub(crate) struct State {
    stores: Option<Stores>,
    /// One permit for each stream of an object.
    streams: Arc<Semaphore>,
    /// Bytes of the tensors that are alive.
    tensor_bytes: usize,
}

impl State {
    pub(crate) fn new(stores: &Option<Stores>) -> Self {
        Self {
            stores: stores.clone(),
            streams: Arc::new(Semaphore::new(STREAMS_OF_CALL)),
            tensor_bytes: 0,
        }
    }

    /// Who may upload on this host.
    fn uploads(&self, tenant: &TenantId) -> Result<Turns, String> {
        let uploads = &self.stores()?.uploads;
        let mut tenants = uploads.tenants.lock();
        let tenant = tenants
            .entry(tenant.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(UPLOADS_OF_TENANT)));
        Ok(Turns {
            tenant: tenant.clone(),
            host: uploads.host.clone(),
        })
    }

    /// The right to another stream.
    fn stream(&self) -> Result<OwnedSemaphorePermit, String> {
        let permit = self.streams.clone().try_acquire_owned();
        permit.map_err(|_| {
            format!("a call has at most {STREAMS_OF_CALL} streams of objects open at the same time")
        })
    }

    fn registry(&self) -> Result<&Registry, String> {
        Ok(&self.stores()?.registry)
    }

    fn stores(&self) -> Result<&Stores, String> {
        let stores = self.stores.as_ref();
        stores.ok_or_else(|| "this host keeps no buckets and no containers".to_owned())
    }
}

/// Adds all of them.
pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    keyvalue::link(linker)?;
    blobstore::link(linker)?;
    config::link(linker)?;
    logging::link(linker)?;
    nn::link(linker)
}
