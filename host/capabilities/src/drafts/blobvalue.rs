//! What `wasi:blobstore` reads from objects and writes into them.

use std::io;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use steward_registry::Name;
use steward_registry::blobs::Blob;
use tokio_util::io::StreamReader;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::pipe::AsyncReadStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::bindings::blobstore::wasi::blobstore::types;
use super::blobstore::{broken, told};
use super::blobstream::{self, Body};
use crate::GuestState;

/// The largest object that is handed to a guest in one piece, in bytes.
const MAX_SYNC_BYTES: u64 = 16 << 20;

/// A part of an object that can be read.
pub struct IncomingValue {
    pub(super) blob: Blob,
    pub(super) from: u64,
    pub(super) until: u64,
}

/// An object that is being written.
#[derive(Default)]
pub struct OutgoingValue {
    body: Option<Body>,
    pub(super) place: Option<(Name, String)>,
}

type Bytewise = BoxStream<'static, io::Result<Bytes>>;

impl GuestState {
    /// The bytes of a value, which is used up, as long as the call may have another stream.
    async fn bytes_of(&mut self, value: &IncomingValue) -> Result<Bytewise, String> {
        let permit = self.drafts.stream()?;
        let registry = self.registry()?;
        let artifacts = registry.artifacts();
        let range = value.from..value.until;
        let bytes = artifacts.read_blob(&value.blob.stored_as, range).await;
        Ok(bytes
            .map_err(told)?
            .inspect(move |_| {
                let _held = &permit;
            })
            .boxed())
    }
}

impl types::HostIncomingValue for GuestState {
    async fn incoming_value_consume_sync(
        &mut self,
        handle: Resource<IncomingValue>,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        self.count_host_call()?;
        let value = self.table.delete(handle)?;
        let size = value.until - value.from;
        if size > MAX_SYNC_BYTES {
            return Ok(Err(format!(
                "{size} bytes; at most {MAX_SYNC_BYTES} are handed over in one piece: read a part, or \
                 `incoming-value-consume-async`"
            )));
        }
        let mut bytes = match self.bytes_of(&value).await {
            Ok(bytes) => bytes,
            Err(why) => return Ok(Err(why)),
        };
        let mut whole = Vec::with_capacity(size as usize);
        while let Some(piece) = bytes.next().await {
            match piece {
                Ok(piece) => whole.extend_from_slice(&piece),
                Err(error) => return Ok(Err(broken(error))),
            }
        }
        Ok(Ok(whole))
    }

    async fn incoming_value_consume_async(
        &mut self,
        handle: Resource<IncomingValue>,
    ) -> wasmtime::Result<Result<Resource<DynInputStream>, String>> {
        self.count_host_call()?;
        let value = self.table.delete(handle)?;
        Ok(match self.bytes_of(&value).await {
            Ok(bytes) => {
                let stream: DynInputStream =
                    Box::new(AsyncReadStream::new(StreamReader::new(bytes)));
                Ok(self.table.push(stream)?)
            }
            Err(why) => Err(why),
        })
    }

    async fn size(&mut self, handle: Resource<IncomingValue>) -> wasmtime::Result<u64> {
        self.count_host_call()?;
        let value = self.table.get(&handle)?;
        Ok(value.until - value.from)
    }

    async fn drop(&mut self, handle: Resource<IncomingValue>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl types::HostOutgoingValue for GuestState {
    async fn new_outgoing_value(&mut self) -> wasmtime::Result<Resource<OutgoingValue>> {
        self.count_host_call()?;
        Ok(self.table.push(OutgoingValue::default())?)
    }

    async fn outgoing_value_write_body(
        &mut self,
        handle: Resource<OutgoingValue>,
    ) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
        self.count_host_call()?;
        if self.table.get(&handle)?.body.is_some() {
            return Ok(Err(()));
        }
        let begun = self.drafts.stream().and_then(|permit| {
            let registry = self.registry()?;
            let upload = registry.artifacts().begin_blob(&self.source.tenant);
            let turns = self.drafts.uploads(&self.source.tenant)?;
            Ok(blobstream::begin(registry, upload, turns, permit))
        });
        let (stream, body) = match begun {
            Ok(begun) => begun,
            Err(why) => {
                // The interface has no text for it.
                self.log.write("warn", why, Default::default());
                return Ok(Err(()));
            }
        };
        self.table.get_mut(&handle)?.body = Some(body);
        let stream: DynOutputStream = Box::new(stream);
        Ok(Ok(self.table.push(stream)?))
    }

    async fn finish(
        &mut self,
        handle: Resource<OutgoingValue>,
    ) -> wasmtime::Result<Result<(), String>> {
        self.count_host_call()?;
        let value = self.table.delete(handle)?;
        let Some((container, name)) = value.place else {
            return Ok(Ok(()));
        };
        let (tenant, registry) = (&self.source.tenant, self.registry());
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        let stored = match value.body {
            Some(body) => body.stored().await,
            // Without a body it is empty.
            None => {
                let empty = registry.artifacts().begin_blob(tenant);
                empty.finish().await.map_err(told)
            }
        };
        let stored = match stored {
            Ok(stored) => stored,
            Err(why) => return Ok(Err(why)),
        };
        let placed = registry.put_blob(tenant, &container, &name, &stored);
        Ok(placed.await.map_err(told))
    }

    async fn drop(&mut self, handle: Resource<OutgoingValue>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
