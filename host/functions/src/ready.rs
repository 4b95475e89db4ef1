//! A version of a plugin made ready to answer: linked, authorized, pre-instantiated.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use steward_capabilities::policy::{self, Face};
use steward_capabilities::{Authorized, Capabilities, GuestState, InvocationId, LogBook};
use steward_engine::{CallLimits, Engine, Lane, POOL_SIZE, Shape, inspect};
use steward_registry::{
    Digest, Limits, Manifest, Name, Permissions, PluginVersion, Registry, TenantId, World,
};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::FunctionsError;
use crate::http03::Http03;
use crate::metering::Counters;
use crate::typed::Exports;

/// What every version needs of the host.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) registry: Registry,
    pub(crate) capabilities: Capabilities,
    /// As many calls as the pool has instances for.
    pub(crate) turns: Arc<Semaphore>,
    linkers: Mutex<HashMap<(World, Face), Linker<GuestState>>>,
    components: Mutex<HashMap<Digest, (Component, Face)>>,
    /// Compiling takes both cores and hundreds of megabytes: one at a time.
    compiling: Semaphore,
}

/// A version of a plugin under one deployment.
pub(crate) struct Ready {
    pub(crate) host: Arc<Host>,
    pub(crate) plugin: PluginVersion,
    pub(crate) face: Face,
    pub(crate) lane: Lane,
    pub(crate) runner: Runner,
    pub(crate) limits: CallLimits,
    pub(crate) authorized: Arc<Authorized>,
    pub(crate) book: Arc<LogBook>,
    pub(crate) counters: Arc<Counters>,
}

/// How a call reaches the guest.
pub(crate) enum Runner {
    Typed {
        pre: InstancePre<GuestState>,
        exports: Exports,
    },
    Http02(wasmtime_wasi_http::p2::bindings::ProxyPre<GuestState>),
    Http03(Http03),
}

/// What a deployment gives to a version.
pub(crate) struct Deployment<'a> {
    /// The function that asks, where it asks questions.
    pub(crate) function: &'a Name,
    pub(crate) grants: &'a Permissions,
    pub(crate) config: &'a BTreeMap<String, String>,
    pub(crate) limits: &'a Limits,
    pub(crate) book: &'a Arc<LogBook>,
}

/// Limits of a call: the deployment's, else the manifest's, else the host's.
pub(crate) fn call_limits(manifest: &Limits, deployment: &Limits) -> CallLimits {
    let mut limits = CallLimits::default();
    if let Some(mib) = deployment.memory_mib.or(manifest.memory_mib) {
        limits.memory_bytes = (mib as usize) << 20;
    }
    if let Some(ms) = deployment.timeout_ms.or(manifest.timeout_ms) {
        limits.timeout = Duration::from_millis(u64::from(ms));
    }
    limits
}

impl Host {
    pub(crate) fn new(engine: Engine, registry: Registry, capabilities: Capabilities) -> Self {
        Self {
            engine,
            registry,
            capabilities,
            turns: Arc::new(Semaphore::new(POOL_SIZE as usize)),
            linkers: Mutex::default(),
            components: Mutex::default(),
            compiling: Semaphore::new(1),
        }
    }

    pub(crate) fn lane(face: Face) -> Lane {
        match face {
            Face::Typed | Face::Http02 => Lane::Plain,
            Face::Http03 => Lane::Concurrent,
        }
    }

    fn linker(&self, world: World, face: Face) -> Result<Linker<GuestState>, FunctionsError> {
        let mut linkers = self.linkers.lock();
        if let Some(linker) = linkers.get(&(world, face)) {
            return Ok(linker.clone());
        }
        let mut linker = Linker::new(self.engine.lane(Self::lane(face)));
        Capabilities::link(&mut linker, world, face).map_err(unusable)?;
        linkers.insert((world, face), linker.clone());
        Ok(linker)
    }

    /// Checks a component against a world and compiles it, off the asynchronous threads.
    pub(crate) async fn compile(
        self: &Arc<Self>,
        world: World,
        bytes: bytes::Bytes,
    ) -> Result<(Component, Face), FunctionsError> {
        let shape = inspect(&bytes).map_err(FunctionsError::NotAComponent)?;
        let face = policy::check(world, &shape)?;
        Ok((self.compiled(bytes).await?, face))
    }

    /// Compiles a component whatever it imports, off the asynchronous threads.
    pub(crate) async fn compiled(
        self: &Arc<Self>,
        bytes: bytes::Bytes,
    ) -> Result<Component, FunctionsError> {
        let _alone = self.compiling.acquire().await;
        let host = self.clone();
        let compiled = tokio::task::spawn_blocking(move || host.engine.compile(&bytes)).await;
        Ok(compiled
            .map_err(|e| FunctionsError::Unusable(format!("the compiler failed: {e}")))??)
    }

    /// Links a compiled component and looks its exports up.
    pub(crate) fn prepare(
        &self,
        world: World,
        face: Face,
        component: &Component,
    ) -> Result<(InstancePre<GuestState>, Option<Exports>), FunctionsError> {
        let linker = self.linker(world, face)?;
        let pre = linker.instantiate_pre(component).map_err(unusable)?;
        let exports = match face {
            Face::Typed => Some(Exports::of(component, world)?),
            Face::Http02 | Face::Http03 => None,
        };
        Ok((pre, exports))
    }

    /// The component of a published version: from memory, from the cache of compiled code, or
    /// compiled from its artifact.
    async fn component(
        self: &Arc<Self>,
        plugin: &PluginVersion,
    ) -> Result<(Component, Face), FunctionsError> {
        if let Some(found) = self.components.lock().get(&plugin.digest) {
            return Ok(found.clone());
        }
        let world = plugin.manifest.plugin.world;
        let (host, digest) = (self.clone(), *plugin.digest.as_bytes());
        let cached = tokio::task::spawn_blocking(move || {
            [Lane::Plain, Lane::Concurrent]
                .into_iter()
                .find_map(|lane| host.engine.load(lane, digest))
        });
        let found = match cached.await.ok().flatten() {
            Some(component) => {
                let face = policy::check(world, &shape_of(&component))?;
                (component, face)
            }
            None => {
                self.compile(world, self.registry.artifacts().get(&plugin.digest).await?)
                    .await?
            }
        };
        self.components.lock().insert(plugin.digest, found.clone());
        Ok(found)
    }

    /// Forgets components that no deployed function uses.
    pub(crate) fn keep_only(&self, used: impl Fn(&Digest) -> bool) {
        self.components.lock().retain(|digest, _| used(digest));
    }

    /// Makes a version ready under a deployment.
    pub(crate) async fn ready(
        self: &Arc<Self>,
        plugin: PluginVersion,
        deployment: &Deployment<'_>,
        counters: Arc<Counters>,
    ) -> Result<Ready, FunctionsError> {
        let Manifest {
            plugin: section,
            limits,
            ..
        } = &plugin.manifest;
        let world = section.world;
        let authorized = Arc::new(Capabilities::authorize(
            deployment.function,
            &plugin.manifest,
            deployment.grants,
            deployment.config,
        )?);
        let limits = call_limits(limits, deployment.limits);
        let (component, face) = self.component(&plugin).await?;
        let (pre, exports) = self.prepare(world, face, &component)?;
        let runner = match (face, exports) {
            (Face::Typed, Some(exports)) => Runner::Typed { pre, exports },
            (Face::Http02, _) => Runner::Http02(
                wasmtime_wasi_http::p2::bindings::ProxyPre::new(pre).map_err(unusable)?,
            ),
            (Face::Http03, _) => {
                let pre =
                    wasmtime_wasi_http::p3::bindings::ServicePre::new(pre).map_err(unusable)?;
                Runner::Http03(Http03::new(
                    self.clone(),
                    pre,
                    plugin.tenant.clone(),
                    authorized.clone(),
                    deployment.book.clone(),
                    limits,
                    counters.clone(),
                ))
            }
            (Face::Typed, None) => {
                return Err(FunctionsError::Unusable("it has no typed exports".into()));
            }
        };
        Ok(Ready {
            host: self.clone(),
            plugin,
            face,
            lane: Self::lane(face),
            runner,
            limits,
            authorized,
            book: deployment.book.clone(),
            counters,
        })
    }

    pub(crate) fn state(
        &self,
        tenant: &TenantId,
        authorized: &Arc<Authorized>,
        book: &Arc<LogBook>,
        invocation: InvocationId,
        limits: CallLimits,
    ) -> GuestState {
        self.capabilities
            .prepare(tenant, authorized, book, invocation, limits)
    }
}

impl Ready {
    /// A store for one call.
    pub(crate) fn store(&self, invocation: InvocationId) -> wasmtime::Store<GuestState> {
        let state = self.host.state(
            &self.plugin.tenant,
            &self.authorized,
            &self.book,
            invocation,
            self.limits,
        );
        self.host.engine.store(self.lane, state)
    }
}

/// The shape of a component that is compiled already.
fn shape_of(component: &Component) -> Shape {
    let ty = component.component_type();
    let engine = component.engine();
    Shape {
        imports: ty
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect(),
        exports: ty
            .exports(engine)
            .map(|(name, _)| name.to_owned())
            .collect(),
    }
}

pub(crate) fn unusable(error: wasmtime::Error) -> FunctionsError {
    FunctionsError::Unusable(format!("{error:#}"))
}
