//! `wasi:keyvalue`: buckets that the tenant granted, in the registry's database.

use steward_registry::keyvalue::{KeyvalueEntry, KeyvaluePage};
use steward_registry::{Name, Permission, Registry, RegistryError, TenantId};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::bindings::keyvalue_draft::wasi::keyvalue as draft;
use super::bindings::keyvalue_draft2::wasi::keyvalue as draft2;
use crate::GuestState;

/// The bucket that an empty name opens. The drafts leave it to the host which names there are; hosts that have one bucket
/// for a component take the empty name for it, and components are written so.
const DEFAULT: &str = "default";

/// A bucket that the guest has opened.
pub struct Bucket(Name);

/// A key as a guest saw it, for a compare-and-swap.
pub struct Cas {
    bucket: Name,
    key: String,
    /// Of the write that was the last one; none where there was no such key.
    revision: Option<i64>,
}

pub(super) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    draft::store::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    draft::atomics::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    draft::batch::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    draft2::store::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    draft2::atomics::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    draft2::batch::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

/// Why a bucket is not opened.
enum Closed {
    NoSuch,
    Denied,
}

/// What a guest is told of an error of the registry. What its database says is not for guests.
fn told(error: RegistryError) -> String {
    match error {
        RegistryError::Invalid(why) => why,
        error => {
            tracing::warn!(%error, "a bucket is not available");
            "the bucket is not available now".to_owned()
        }
    }
}

impl GuestState {
    fn open_bucket(&mut self, name: &str) -> Result<Bucket, Closed> {
        let name = if name.is_empty() { DEFAULT } else { name };
        let name: Name = name.parse().map_err(|_| Closed::NoSuch)?;
        let wanted = Permission::Keyvalue(name.clone());
        match self.authorized.permitted.check(&wanted) {
            Ok(()) => Ok(Bucket(name)),
            Err(denial) => {
                // The interface has no text for it.
                self.log
                    .write("warn", denial.to_string(), Default::default());
                Err(Closed::Denied)
            }
        }
    }

    /// Counts the call and returns what it works on.
    fn bucket(&mut self, handle: &Resource<Bucket>) -> wasmtime::Result<Kept> {
        self.count_host_call()?;
        let bucket = self.table.get(handle)?.0.clone();
        Ok(self.kept(bucket))
    }

    fn kept(&self, bucket: Name) -> Kept {
        Kept {
            registry: self.drafts.registry().cloned(),
            tenant: self.source.tenant.clone(),
            bucket,
        }
    }
}

/// A bucket of the registry, where this host has one.
struct Kept {
    registry: Result<Registry, String>,
    tenant: TenantId,
    bucket: Name,
}

impl Kept {
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Registry, &TenantId, &Name) -> Result<T, RegistryError>,
    ) -> Result<T, String> {
        let registry = self.registry.as_ref().map_err(Clone::clone)?;
        let answer = question(registry, &self.tenant, &self.bucket).await;
        answer.map_err(told)
    }

    async fn get(&self, key: &str) -> Result<Option<KeyvalueEntry>, String> {
        self.ask(async |registry, tenant, bucket| registry.keyvalue_get(tenant, bucket, key).await)
            .await
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
        self.ask(async |registry, tenant, bucket| {
            registry.keyvalue_get_many(tenant, bucket, keys).await
        })
        .await
    }

    async fn exists(&self, key: &str) -> Result<bool, String> {
        self.ask(async |registry, tenant, bucket| {
            registry.keyvalue_exists(tenant, bucket, key).await
        })
        .await
    }

    async fn keys(&self, from: u64) -> Result<KeyvaluePage, String> {
        self.ask(async |registry, tenant, bucket| {
            registry.keyvalue_keys(tenant, bucket, from).await
        })
        .await
    }

    async fn set(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), String> {
        self.ask(async |registry, tenant, bucket| {
            registry.keyvalue_set(tenant, bucket, pairs).await
        })
        .await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), String> {
        self.ask(async |registry, tenant, bucket| {
            registry.keyvalue_delete(tenant, bucket, keys).await
        })
        .await
    }

    async fn increment(
        &self,
        key: &str,
        delta: i128,
        range: std::ops::RangeInclusive<i128>,
    ) -> Result<i128, String> {
        self.ask(async |registry, tenant, bucket| {
            registry
                .keyvalue_increment(tenant, bucket, key, delta, range)
                .await
        })
        .await
    }

    /// Whether the last write was still the one that was seen.
    async fn swap(&self, seen: &Cas, value: &[u8]) -> Result<bool, String> {
        self.ask(async |registry, tenant, bucket| {
            registry
                .keyvalue_swap(tenant, bucket, &seen.key, seen.revision, value)
                .await
        })
        .await
    }

    /// A key as it is now, and its value.
    async fn look(&self, key: String) -> Result<(Cas, Option<Vec<u8>>), String> {
        let found = self.get(&key).await?;
        let cas = Cas {
            bucket: self.bucket.clone(),
            key,
            revision: found.as_ref().map(|entry| entry.revision),
        };
        Ok((cas, found.map(|entry| entry.value)))
    }
}

/// The interfaces `store` and `batch`, which differ between the versions in the types of the cursor and of what
/// `get-many` finds.
macro_rules! host {
    ($version:ident, $cursor:ty, $found:ty, $pair:expr) => {
        impl $version::store::Host for GuestState {
            async fn open(
                &mut self,
                name: String,
            ) -> wasmtime::Result<Result<Resource<Bucket>, $version::store::Error>> {
                self.count_host_call()?;
                Ok(match self.open_bucket(&name) {
                    Ok(bucket) => Ok(self.table.push(bucket)?),
                    Err(Closed::NoSuch) => Err($version::store::Error::NoSuchStore),
                    Err(Closed::Denied) => Err($version::store::Error::AccessDenied),
                })
            }
        }

        impl $version::store::HostBucket for GuestState {
            async fn get(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> wasmtime::Result<Result<Option<Vec<u8>>, $version::store::Error>> {
                let found = self.bucket(&bucket)?.get(&key).await;
                Ok(found
                    .map(|found| found.map(|entry| entry.value))
                    .map_err($version::store::Error::Other))
            }

            async fn set(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
                value: Vec<u8>,
            ) -> wasmtime::Result<Result<(), $version::store::Error>> {
                let set = self.bucket(&bucket)?.set(&[(key, value)]).await;
                Ok(set.map_err($version::store::Error::Other))
            }

            async fn delete(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> wasmtime::Result<Result<(), $version::store::Error>> {
                let deleted = self.bucket(&bucket)?.delete(&[key]).await;
                Ok(deleted.map_err($version::store::Error::Other))
            }

            async fn exists(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> wasmtime::Result<Result<bool, $version::store::Error>> {
                let exists = self.bucket(&bucket)?.exists(&key).await;
                Ok(exists.map_err($version::store::Error::Other))
            }

            async fn list_keys(
                &mut self,
                bucket: Resource<Bucket>,
                cursor: Option<$cursor>,
            ) -> wasmtime::Result<Result<$version::store::KeyResponse, $version::store::Error>>
            {
                let kept = self.bucket(&bucket)?;
                let Ok(from) = cursor.map_or(Ok(0), |cursor| cursor.to_string().parse::<u64>())
                else {
                    let why = "the cursor is none that `list-keys` gave".to_owned();
                    return Ok(Err($version::store::Error::Other(why)));
                };
                let page = kept.keys(from).await;
                Ok(page
                    .map(|page| $version::store::KeyResponse {
                        keys: page.keys,
                        cursor: page.next.map(<$cursor>::from_number),
                    })
                    .map_err($version::store::Error::Other))
            }

            async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
                self.table.delete(bucket)?;
                Ok(())
            }
        }

        impl $version::batch::Host for GuestState {
            async fn get_many(
                &mut self,
                bucket: Resource<Bucket>,
                keys: Vec<String>,
            ) -> wasmtime::Result<Result<Vec<$found>, $version::store::Error>> {
                let found = self.bucket(&bucket)?.get_many(&keys).await;
                Ok(found
                    .map(|values| {
                        let pairs = keys.into_iter().zip(values);
                        pairs.map($pair).collect()
                    })
                    .map_err($version::store::Error::Other))
            }

            async fn set_many(
                &mut self,
                bucket: Resource<Bucket>,
                pairs: Vec<(String, Vec<u8>)>,
            ) -> wasmtime::Result<Result<(), $version::store::Error>> {
                let set = self.bucket(&bucket)?.set(&pairs).await;
                Ok(set.map_err($version::store::Error::Other))
            }

            async fn delete_many(
                &mut self,
                bucket: Resource<Bucket>,
                keys: Vec<String>,
            ) -> wasmtime::Result<Result<(), $version::store::Error>> {
                let deleted = self.bucket(&bucket)?.delete(&keys).await;
                Ok(deleted.map_err($version::store::Error::Other))
            }
        }
    };
}

/// A cursor of either version.
trait Cursor {
    fn from_number(number: u64) -> Self;
}

impl Cursor for u64 {
    fn from_number(number: u64) -> Self {
        number
    }
}

impl Cursor for String {
    fn from_number(number: u64) -> Self {
        number.to_string()
    }
}

type Value = Option<Vec<u8>>;

host!(draft, u64, Option<(String, Vec<u8>)>, |(key, value): (
    String,
    Value,
)| Some((
    key, value?
)));
host!(draft2, String, (String, Value), |pair| pair);

impl draft::atomics::Host for GuestState {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> wasmtime::Result<Result<u64, draft::store::Error>> {
        let range = 0..=i128::from(u64::MAX);
        let kept = self.bucket(&bucket)?;
        let sum = kept.increment(&key, delta.into(), range).await;
        // Within the range, so that it fits.
        Ok(sum
            .map(|sum| sum as u64)
            .map_err(draft::store::Error::Other))
    }
}

impl draft2::atomics::Host for GuestState {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> wasmtime::Result<Result<i64, draft2::store::Error>> {
        let range = i128::from(i64::MIN)..=i128::from(i64::MAX);
        let kept = self.bucket(&bucket)?;
        let sum = kept.increment(&key, delta.into(), range).await;
        // Within the range, so that it fits.
        Ok(sum
            .map(|sum| sum as i64)
            .map_err(draft2::store::Error::Other))
    }

    async fn swap(
        &mut self,
        cas: Resource<Cas>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), draft2::atomics::CasError>> {
        self.count_host_call()?;
        let cas = self.table.delete(cas)?;
        let failed = |why| draft2::atomics::CasError::StoreError(draft2::store::Error::Other(why));
        let kept = self.kept(cas.bucket.clone());
        Ok(match kept.swap(&cas, &value).await {
            Err(why) => Err(failed(why)),
            Ok(true) => Ok(()),
            Ok(false) => match kept.look(cas.key).await {
                Err(why) => Err(failed(why)),
                // For another try, from what is there now.
                Ok((cas, _)) => Err(draft2::atomics::CasError::CasFailed(self.table.push(cas)?)),
            },
        })
    }
}

impl draft2::atomics::HostCas for GuestState {
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Resource<Cas>, draft2::store::Error>> {
        let kept = self.bucket(&bucket)?;
        Ok(match kept.look(key).await {
            Ok((cas, _)) => Ok(self.table.push(cas)?),
            Err(why) => Err(draft2::store::Error::Other(why)),
        })
    }

    async fn current(
        &mut self,
        cas: Resource<Cas>,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, draft2::store::Error>> {
        self.count_host_call()?;
        let seen = self.table.get(&cas)?;
        let (kept, key) = (self.kept(seen.bucket.clone()), seen.key.clone());
        // Values are not kept in handles, of which a guest may have thousands. From here on the handle
        // means what is returned now.
        Ok(match kept.look(key).await {
            Ok((now, value)) => {
                *self.table.get_mut(&cas)? = now;
                Ok(value)
            }
            Err(why) => Err(draft2::store::Error::Other(why)),
        })
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}
