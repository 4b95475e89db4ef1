//! A version of a plugin made ready to answer: linked, authorized, pre-instantiated.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use steward_capabilities::policy::{self, Face};
use steward_capabilities::{Authorized, Capabilities, GuestState, InvocationId, LogBook};
use steward_engine::{
    CallLimits, Engine, Guarded as _, Lane, POOL_SIZE, Shape, Shares, TenantShare, inspect,
};
use steward_invocations::{FunctionTurns, Ledger, Rate, Turns};
use steward_registry::{
    Debugging, Digest, Limits, Manifest, Name, Permissions, PluginVersion, Registry, TenantId,
    World,
};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::FunctionsError;
use crate::background::{Background, Habit};
use crate::call::{failed, kind, until_deadline};
use crate::http02::Http02;
use crate::http03::Http03;
use crate::pool::{IdleSlots, Pool};
use crate::rates::Rates;
use crate::running::Meter;
use crate::step::StepContract;
use crate::tenants::{TenantLimits, TenantPolicy};
use crate::typed::{Exports, Typed};

/// What components are linked with, by what they export.
type Linkers = HashMap<(World, Face), Arc<Linker<GuestState>>>;

/// What every version needs of the host.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) registry: Registry,
    pub(crate) capabilities: Capabilities,
    /// As many calls as the pool has instances for.
    pub(crate) turns: Turns,
    tenants: TenantPolicy,
    shares: Mutex<HashMap<TenantId, Arc<TenantShare>>>,
    rates: Rates,
    idle: HashMap<Lane, IdleSlots>,
    linkers: Mutex<Linkers>,
    components: Mutex<HashMap<Digest, (Component, Face)>>,
    /// Where calls go on that compute for long.
    pub(crate) background: Background,
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
    pub(crate) turns: FunctionTurns,
    pub(crate) meter: Arc<Meter>,
    pub(crate) habit: Arc<Habit>,
    shares: Shares,
}

/// How a call reaches the guest.
pub(crate) enum Runner {
    /// A call keeps it for as long as it goes on.
    Typed(Arc<Typed>),
    Http02(Http02),
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
    pub(crate) ledger: &'a Arc<Ledger>,
    pub(crate) revision: u32,
    pub(crate) debug: Debugging,
}

/// Limits of a call: the deployment's, else the manifest's, else the host's.
pub(crate) fn call_limits(manifest: &Limits, deployment: &Limits) -> CallLimits {
    let chosen = |limit: fn(&Limits) -> Option<u32>| limit(deployment).or_else(|| limit(manifest));
    let millis = |ms: u32| Duration::from_millis(u64::from(ms));
    let mut limits = CallLimits::default();
    if let Some(mib) = chosen(|l| l.memory_mib) {
        limits.memory_bytes = (mib as usize) << 20;
    }
    if let Some(elements) = chosen(|l| l.table_elements) {
        limits.table_elements = elements as usize;
    }
    if let Some(instances) = chosen(|l| l.instances) {
        limits.instances = instances as usize;
    }
    if let Some(handles) = chosen(|l| l.handles) {
        limits.handles = handles as usize;
    }
    if let Some(ms) = chosen(|l| l.cpu_ms) {
        limits.cpu = millis(ms);
    }
    if let Some(ms) = chosen(|l| l.timeout_ms) {
        limits.timeout = millis(ms);
    }
    if let Some(calls) = chosen(|l| l.host_calls) {
        limits.host_calls = u64::from(calls);
    }
    if let Some(kib) = chosen(|l| l.log_kib) {
        limits.log_bytes = (kib as usize) << 10;
    }
    if let Some(kib) = chosen(|l| l.output_kib) {
        limits.transfer_bytes = (kib as usize) << 10;
    }
    limits
}

impl Host {
    pub(crate) fn new(
        engine: Engine,
        registry: Registry,
        capabilities: Capabilities,
        tenants: TenantPolicy,
    ) -> Self {
        let policy = tenants.clone();
        Self {
            engine,
            registry,
            capabilities,
            turns: Turns::new(POOL_SIZE, move |tenant| policy.of(tenant).concurrency),
            tenants,
            shares: Mutex::default(),
            rates: Rates::default(),
            idle: [Lane::Plain, Lane::Concurrent]
                .map(|lane| (lane, IdleSlots::default()))
                .into(),
            linkers: Mutex::default(),
            components: Mutex::default(),
            background: Background::start(),
            compiling: Semaphore::new(1),
        }
    }

    pub(crate) fn lane(face: Face) -> Lane {
        match face {
            Face::Typed | Face::Http02 => Lane::Plain,
            Face::Http03 => Lane::Concurrent,
        }
    }

    fn linker(&self, world: World, face: Face) -> Result<Arc<Linker<GuestState>>, FunctionsError> {
        let mut linkers = self.linkers.lock();
        if let Some(linker) = linkers.get(&(world, face)) {
            return Ok(linker.clone());
        }
        let mut linker = Linker::new(self.engine.lane(Self::lane(face)));
        Capabilities::link(&mut linker, world, face).map_err(unusable)?;
        let linker = Arc::new(linker);
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
        let digest = *plugin.digest.as_bytes();
        let at_hand = Lane::ALL
            .into_iter()
            .find_map(|lane| self.engine.load_at_hand(lane, digest));
        let cached = match at_hand {
            Some(component) => Some(component),
            None => {
                let host = self.clone();
                let cached = tokio::task::spawn_blocking(move || {
                    Lane::ALL
                        .into_iter()
                        .find_map(|lane| host.engine.load(lane, digest))
                });
                cached.await.ok().flatten()
            }
        };
        let found = match cached {
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
    ) -> Result<Ready, FunctionsError> {
        let world = plugin.manifest.plugin.world;
        let authorized = Arc::new(Capabilities::authorize(
            deployment.function,
            &plugin.manifest,
            deployment.grants,
            deployment.config,
        )?);
        let (component, face) = self.component(&plugin).await?;
        let linked = self.prepare(world, face, &component)?;
        self.assemble(plugin, face, linked, authorized, deployment)
    }

    /// Puts together what answers calls: a linked component, what it may do, and its limits.
    pub(crate) fn assemble(
        self: &Arc<Self>,
        plugin: PluginVersion,
        face: Face,
        (pre, exports): (InstancePre<GuestState>, Option<Exports>),
        authorized: Arc<Authorized>,
        deployment: &Deployment<'_>,
    ) -> Result<Ready, FunctionsError> {
        let Manifest {
            limits: asked,
            function,
            ..
        } = &plugin.manifest;
        let limits = call_limits(asked, deployment.limits);
        let rate = deployment.limits.host_calls_per_second;
        let rate = rate.or(asked.host_calls_per_second).unwrap_or(0);
        let (reuse, lane) = (function.reuse, Self::lane(face));
        let slots = self.idle.get(&lane).cloned().unwrap_or_default();
        // It was read when the version was published, and is read again rather than believed.
        let step = plugin.step.clone().map(StepContract::read).transpose()?;
        let step = step.map(Arc::new);
        if step.is_none() && plugin.manifest.plugin.world == World::Step {
            let why = "it was published without one; publish it again";
            return Err(FunctionsError::InvalidStep(why.into()));
        }
        let runner = match (face, exports) {
            (Face::Typed, Some(exports)) => Runner::Typed(Arc::new(Typed {
                pre,
                exports,
                pool: Pool::new(reuse, slots),
                step,
            })),
            (Face::Http02, _) => Runner::Http02(Http02 {
                pre: wasmtime_wasi_http::p2::bindings::ProxyPre::new(pre).map_err(unusable)?,
                pool: Pool::new(reuse, slots),
            }),
            (Face::Http03, _) => Runner::Http03(Http03 {
                pre: wasmtime_wasi_http::p3::bindings::ServicePre::new(pre).map_err(unusable)?,
                pool: Pool::new(reuse, slots),
            }),
            (Face::Typed, None) => {
                return Err(FunctionsError::Unusable("it has no typed exports".into()));
            }
        };
        let rate = u64::from(rate);
        let shares = Shares {
            function_host_calls: self.rates.of(&plugin.tenant, deployment.function, rate),
            ..self.shares(&plugin.tenant, rate)
        };
        let meter = Meter {
            ledger: deployment.ledger.clone(),
            telemetry: self.capabilities.telemetry().cloned(),
            tenant: plugin.tenant.as_str().into(),
            function: deployment.function.as_str().into(),
            version: plugin.version.to_string().into(),
            revision: deployment.revision.into(),
            keep_inputs: deployment.debug.keep_failed_inputs,
            output_bytes: limits.transfer_bytes as u64,
            share: shares.tenant.clone(),
        };
        let turns = self
            .turns
            .function(plugin.tenant.as_str(), deployment.function.as_str());
        Ok(Ready {
            host: self.clone(),
            plugin,
            face,
            lane,
            runner,
            limits,
            authorized,
            book: deployment.book.clone(),
            turns,
            meter: Arc::new(meter),
            habit: Arc::default(),
            shares,
        })
    }

    /// What an instance shares with those of its tenant, and with those of its function: so many host
    /// calls a second, 0 for no limit.
    pub(crate) fn shares(&self, tenant: &TenantId, host_calls_per_second: u64) -> Shares {
        Shares {
            tenant: self.share(tenant),
            function_host_calls: Arc::new(Rate::new(host_calls_per_second)),
        }
    }

    /// What the instances of a tenant have together.
    pub(crate) fn share(&self, tenant: &TenantId) -> Arc<TenantShare> {
        let mut shares = self.shares.lock();
        let share = shares.entry(tenant.clone()).or_insert_with(|| {
            let limits = self.limits_of(tenant).shared();
            Arc::new(TenantShare::new(limits))
        });
        share.clone()
    }

    /// What the calls of a tenant may have together.
    pub(crate) fn limits_of(&self, tenant: &TenantId) -> TenantLimits {
        self.tenants.of(tenant.as_str())
    }

    pub(crate) fn state(
        &self,
        tenant: &TenantId,
        authorized: &Arc<Authorized>,
        book: &Arc<LogBook>,
        invocation: InvocationId,
        limits: CallLimits,
        shares: Shares,
    ) -> GuestState {
        self.capabilities
            .prepare(tenant, authorized, book, invocation, limits, Some(shares))
    }
}

impl Ready {
    /// Instantiates once under what is granted: what does not start under these grants is found out before it answers,
    /// and the pages of its code and of its first memory are there for the first call.
    ///
    /// # Errors
    /// [`FunctionsError::Trap`], with the cause in the log of the function.
    pub(crate) async fn warm(&self) -> Result<(), FunctionsError> {
        let _turn = self
            .turns
            .take()
            .await
            .map_err(|busy| FunctionsError::Busy {
                retry_after: busy.retry_after,
            })?;
        let invocation = InvocationId::new();
        let mut store = self.store(invocation);
        let started = until_deadline(&mut store, None, async |store| match &self.runner {
            Runner::Typed(typed) => typed.pre.instantiate_async(store).await.map(drop),
            Runner::Http02(http) => http.pre.instantiate_async(store).await.map(drop),
            Runner::Http03(http) => http.pre.instantiate_async(store).await.map(drop),
        })
        .await;
        started.map_err(|error| {
            let kind = kind(&error, Some(store.data_mut().guardian()));
            failed(&error, kind, &self.book, invocation)
        })
    }

    /// A store for one call.
    pub(crate) fn store(&self, invocation: InvocationId) -> wasmtime::Store<GuestState> {
        let state = self.host.state(
            &self.plugin.tenant,
            &self.authorized,
            &self.book,
            invocation,
            self.limits,
            self.shares.clone(),
        );
        self.host.engine.store(self.lane, state)
    }

    /// Drops instances that have waited for too long.
    pub(crate) fn sweep(&self) {
        match &self.runner {
            Runner::Typed(typed) => typed.pool.sweep(),
            Runner::Http02(http) => http.pool.sweep(),
            Runner::Http03(http) => http.pool.sweep(),
        }
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
