//! `wasi:blobstore`: containers that the tenant granted, streamed to and from the artifact store.

use std::io;

use futures::StreamExt as _;
use steward_registry::{Name, Permission, Registry, RegistryError};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::bindings::blobstore::wasi::blobstore::{blobstore, container, types};
use super::blobvalue::{IncomingValue, OutgoingValue};
use crate::GuestState;

/// Names that are read or skipped in one call.
const MAX_NAMES: u64 = 1_000;
/// Names that are deleted in one call.
const MAX_DELETED: usize = 1_000;

/// A container that the guest has opened.
pub struct Container(Name);

/// What is left of a listing.
pub struct ObjectNames {
    container: Name,
    /// Read and not yet handed out, last name first.
    page: Vec<String>,
    /// Where the next page begins.
    next: Option<u64>,
}

pub(super) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    container::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    blobstore::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

/// What a guest is told of an error of the registry. What its stores say is not for guests.
pub(super) fn told(error: RegistryError) -> String {
    match error {
        RegistryError::Invalid(_)
        | RegistryError::NotFound { .. }
        | RegistryError::Conflict { .. } => error.to_string(),
        error => {
            tracing::warn!(%error, "a container is not available");
            "the container is not available now".to_owned()
        }
    }
}

/// What a guest is told where the bytes of an object stop coming.
pub(super) fn broken(error: io::Error) -> String {
    tracing::warn!(%error, "an object cannot be read");
    "the object cannot be read now".to_owned()
}

impl GuestState {
    /// The container of this name, if the guest may have it.
    fn permitted_container(&mut self, name: &str) -> Result<Name, String> {
        let name: Name = name
            .parse()
            .map_err(|e: steward_registry::InvalidId| e.to_string())?;
        let wanted = Permission::Blobstore(name.clone());
        self.authorized
            .permitted
            .check(&wanted)
            .map_err(|denial| denial.to_string())?;
        Ok(name)
    }

    pub(super) fn registry(&self) -> Result<Registry, String> {
        self.drafts.registry().cloned()
    }

    async fn made_container(&mut self, name: &str) -> Result<Container, String> {
        let name = self.permitted_container(name)?;
        let made = self
            .registry()?
            .create_container(&self.source.tenant, &name)
            .await;
        made.map_err(told)?;
        Ok(Container(name))
    }

    async fn found_container(&mut self, name: &str) -> Result<Container, String> {
        let name = self.permitted_container(name)?;
        let found = self.registry()?.container(&self.source.tenant, &name).await;
        found.map_err(told)?;
        Ok(Container(name))
    }

    /// Counts the call and returns what it works on.
    fn opened_container(
        &mut self,
        handle: &Resource<Container>,
    ) -> wasmtime::Result<(Name, Result<Registry, String>)> {
        self.count_host_call()?;
        Ok((self.table.get(handle)?.0.clone(), self.registry()))
    }

    async fn copied(
        &mut self,
        from: &types::ObjectId,
        to: &types::ObjectId,
    ) -> Result<(Name, Registry), String> {
        let source = self.permitted_container(&from.container)?;
        let target = self.permitted_container(&to.container)?;
        let (tenant, registry) = (self.source.tenant.clone(), self.registry()?);
        registry.container(&tenant, &target).await.map_err(told)?;
        let blob = registry.blob(&tenant, &source, &from.object).await;
        let blob = blob.map_err(told)?;
        let _turn = self.drafts.uploads(&tenant)?.take().await?;
        let bytes = registry
            .artifacts()
            .read_blob(&blob.stored_as, 0..blob.size);
        let mut bytes = bytes.await.map_err(told)?;
        let mut upload = registry.artifacts().begin_blob(&tenant);
        while let Some(piece) = bytes.next().await {
            let piece = piece.map_err(broken)?;
            upload.write(&piece).await.map_err(told)?;
        }
        let stored = upload.finish().await.map_err(told)?;
        let placed = registry.put_blob(&tenant, &target, &to.object, &stored);
        placed.await.map_err(told)?;
        Ok((source, registry))
    }
}

impl blobstore::Host for GuestState {
    async fn create_container(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Container>, String>> {
        self.count_host_call()?;
        Ok(match self.made_container(&name).await {
            Ok(container) => Ok(self.table.push(container)?),
            Err(why) => Err(why),
        })
    }

    async fn get_container(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Container>, String>> {
        self.count_host_call()?;
        Ok(match self.found_container(&name).await {
            Ok(container) => Ok(self.table.push(container)?),
            Err(why) => Err(why),
        })
    }

    async fn delete_container(&mut self, name: String) -> wasmtime::Result<Result<(), String>> {
        self.count_host_call()?;
        let named = self.permitted_container(&name);
        let (name, registry) = match (named, self.registry()) {
            (Ok(name), Ok(registry)) => (name, registry),
            (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
        };
        let deleted = registry.delete_container(&self.source.tenant, &name).await;
        Ok(deleted.map_err(told))
    }

    async fn container_exists(&mut self, name: String) -> wasmtime::Result<Result<bool, String>> {
        self.count_host_call()?;
        let named = self.permitted_container(&name);
        let (name, registry) = match (named, self.registry()) {
            (Ok(name), Ok(registry)) => (name, registry),
            (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
        };
        Ok(match registry.container(&self.source.tenant, &name).await {
            Ok(_) => Ok(true),
            Err(RegistryError::NotFound { .. }) => Ok(false),
            Err(error) => Err(told(error)),
        })
    }

    async fn copy_object(
        &mut self,
        from: types::ObjectId,
        to: types::ObjectId,
    ) -> wasmtime::Result<Result<(), String>> {
        self.count_host_call()?;
        Ok(self.copied(&from, &to).await.map(drop))
    }

    async fn move_object(
        &mut self,
        from: types::ObjectId,
        to: types::ObjectId,
    ) -> wasmtime::Result<Result<(), String>> {
        self.count_host_call()?;
        let (source, registry) = match self.copied(&from, &to).await {
            Ok(copied) => copied,
            Err(why) => return Ok(Err(why)),
        };
        if (&from.container, &from.object) == (&to.container, &to.object) {
            return Ok(Ok(()));
        }
        let names = [from.object];
        let deleted = registry.delete_blobs(&self.source.tenant, &source, &names);
        Ok(deleted.await.map_err(told))
    }
}

impl container::Host for GuestState {}

impl container::HostContainer for GuestState {
    async fn name(
        &mut self,
        handle: Resource<Container>,
    ) -> wasmtime::Result<Result<String, String>> {
        let (name, _) = self.opened_container(&handle)?;
        Ok(Ok(name.to_string()))
    }

    async fn info(
        &mut self,
        handle: Resource<Container>,
    ) -> wasmtime::Result<Result<container::ContainerMetadata, String>> {
        let (name, registry) = self.opened_container(&handle)?;
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        let created_at = registry.container(&self.source.tenant, &name).await;
        Ok(created_at
            .map_err(told)
            .map(|time| container::ContainerMetadata {
                name: name.to_string(),
                created_at: seconds(time),
            }))
    }

    async fn get_data(
        &mut self,
        handle: Resource<Container>,
        object: String,
        start: u64,
        end: u64,
    ) -> wasmtime::Result<Result<Resource<IncomingValue>, String>> {
        let (name, registry) = self.opened_container(&handle)?;
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        Ok(
            match registry.blob(&self.source.tenant, &name, &object).await {
                Err(error) => Err(told(error)),
                Ok(blob) => {
                    // Both ends belong to it.
                    let until = end.saturating_add(1).min(blob.size);
                    let from = start.min(until);
                    Ok(self.table.push(IncomingValue { blob, from, until })?)
                }
            },
        )
    }

    async fn write_data(
        &mut self,
        handle: Resource<Container>,
        object: String,
        value: Resource<OutgoingValue>,
    ) -> wasmtime::Result<Result<(), String>> {
        let (name, registry) = self.opened_container(&handle)?;
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        if let Err(error) = registry.container(&self.source.tenant, &name).await {
            return Ok(Err(told(error)));
        }
        // The bytes are still to come: the object is there once the value is finished.
        self.table.get_mut(&value)?.place = Some((name, object));
        Ok(Ok(()))
    }

    async fn list_objects(
        &mut self,
        handle: Resource<Container>,
    ) -> wasmtime::Result<Result<Resource<ObjectNames>, String>> {
        let (name, registry) = self.opened_container(&handle)?;
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        if let Err(error) = registry.container(&self.source.tenant, &name).await {
            return Ok(Err(told(error)));
        }
        Ok(Ok(self.table.push(ObjectNames {
            container: name,
            page: Vec::new(),
            next: Some(0),
        })?))
    }

    async fn delete_object(
        &mut self,
        handle: Resource<Container>,
        object: String,
    ) -> wasmtime::Result<Result<(), String>> {
        self.delete_objects(handle, vec![object]).await
    }

    async fn delete_objects(
        &mut self,
        handle: Resource<Container>,
        objects: Vec<String>,
    ) -> wasmtime::Result<Result<(), String>> {
        let (name, registry) = self.opened_container(&handle)?;
        if objects.len() > MAX_DELETED {
            return Ok(Err(format!(
                "{} objects in one call; at most {MAX_DELETED} are deleted at a time",
                objects.len()
            )));
        }
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        let deleted = registry.delete_blobs(&self.source.tenant, &name, &objects);
        Ok(deleted.await.map_err(told))
    }

    async fn has_object(
        &mut self,
        handle: Resource<Container>,
        object: String,
    ) -> wasmtime::Result<Result<bool, String>> {
        let (name, registry) = self.opened_container(&handle)?;
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        Ok(
            match registry.blob(&self.source.tenant, &name, &object).await {
                Ok(_) => Ok(true),
                Err(RegistryError::NotFound { .. }) => Ok(false),
                Err(error) => Err(told(error)),
            },
        )
    }

    async fn object_info(
        &mut self,
        handle: Resource<Container>,
        object: String,
    ) -> wasmtime::Result<Result<container::ObjectMetadata, String>> {
        let (name, registry) = self.opened_container(&handle)?;
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        let blob = registry.blob(&self.source.tenant, &name, &object).await;
        Ok(blob.map_err(told).map(|blob| container::ObjectMetadata {
            name: blob.name,
            container: name.to_string(),
            created_at: seconds(blob.created_at),
            size: blob.size,
        }))
    }

    async fn clear(&mut self, handle: Resource<Container>) -> wasmtime::Result<Result<(), String>> {
        let (name, registry) = self.opened_container(&handle)?;
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        let cleared = registry.clear_container(&self.source.tenant, &name).await;
        Ok(cleared.map_err(told))
    }

    async fn drop(&mut self, handle: Resource<Container>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

/// Since 1970, as the interface has it.
fn seconds(time: jiff::Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or(0)
}

impl GuestState {
    /// Up to so many names, and whether there are none behind them.
    async fn names(
        &mut self,
        handle: &Resource<ObjectNames>,
        count: u64,
    ) -> wasmtime::Result<Result<(Vec<String>, bool), String>> {
        self.count_host_call()?;
        let wanted = count.min(MAX_NAMES) as usize;
        let (tenant, registry) = (self.source.tenant.clone(), self.registry());
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => return Ok(Err(why)),
        };
        let listing = self.table.get_mut(handle)?;
        let mut names = Vec::new();
        loop {
            while names.len() < wanted
                && let Some(name) = listing.page.pop()
            {
                names.push(name);
            }
            if !listing.page.is_empty() {
                return Ok(Ok((names, false)));
            }
            let Some(from) = listing.next else {
                return Ok(Ok((names, true)));
            };
            match registry.blobs(&tenant, &listing.container, from).await {
                Ok(mut page) => {
                    page.names.reverse();
                    listing.page = page.names;
                    listing.next = page.next;
                }
                Err(error) => return Ok(Err(told(error))),
            }
        }
    }
}

impl container::HostStreamObjectNames for GuestState {
    async fn read_stream_object_names(
        &mut self,
        handle: Resource<ObjectNames>,
        count: u64,
    ) -> wasmtime::Result<Result<(Vec<String>, bool), String>> {
        self.names(&handle, count).await
    }

    async fn skip_stream_object_names(
        &mut self,
        handle: Resource<ObjectNames>,
        count: u64,
    ) -> wasmtime::Result<Result<(u64, bool), String>> {
        let skipped = self.names(&handle, count).await?;
        Ok(skipped.map(|(names, end)| (names.len() as u64, end)))
    }

    async fn drop(&mut self, handle: Resource<ObjectNames>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl types::Host for GuestState {}
