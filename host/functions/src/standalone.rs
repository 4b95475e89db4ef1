//! A component that an operator runs themselves, without publishing or deploying it. Same engine, same
//! limits and the same ways of calling as a deployed function; what it may import is everything that this
//! host has, since whoever runs it decides what it gets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use steward_capabilities::policy::{self, Names};
use steward_capabilities::{Ambient, Authorized, Capabilities, GuestState, InvocationId, LogBook};
use steward_engine::{CallLimits, Shape, inspect};
use steward_invocations::Ledger;
use steward_registry::manifest::{ConfigKey, PluginSection};
use steward_registry::{
    Debugging, Digest, FunctionRevision, FunctionSpec, Limits, Manifest, Name, Permissions,
    PluginVersion, Rollout, TenantId, World,
};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::I32Exit;

use crate::call::until_deadline;
use crate::ready::{Deployment, Host, call_limits, unusable};
use crate::service::{CONCURRENCY, QUEUE};
use crate::{Function, Functions, FunctionsError};

/// As long as nobody says how long a command may take.
const UNLIMITED: Duration = Duration::from_secs(365 * 24 * 3600);

/// What an operator gives to a component.
#[derive(Debug, Clone)]
pub struct Standalone {
    /// Whose buckets and models it gets.
    pub tenant: TenantId,
    /// What it is called in messages.
    pub name: Name,
    /// Buckets, containers, models and origins.
    pub grants: Permissions,
    /// Its configuration.
    pub config: BTreeMap<String, String>,
    /// Memory, and for what is served the time of a request and how many run at once.
    pub limits: Limits,
    /// Time of a command as a whole; none means no limit.
    pub timeout: Option<Duration>,
    /// Environment, arguments and folders.
    pub ambient: Ambient,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandEnd {
    /// By itself, with this exit code.
    Exit(i32),
    /// By a trap or a limit; the text says which and where.
    Stopped(String),
}

impl Standalone {
    fn manifest(&self) -> Manifest {
        let keys = self.config.keys();
        Manifest {
            plugin: PluginSection {
                name: self.name.clone(),
                version: semver::Version::new(0, 0, 0),
                world: World::Function,
                description: String::new(),
                license: String::new(),
            },
            requests: self.grants.clone(),
            config: keys
                .map(|key| (key.clone(), ConfigKey::default()))
                .collect(),
            limits: Limits::default(),
            function: Default::default(),
        }
    }

    fn authorize(&self) -> Result<Arc<Authorized>, FunctionsError> {
        self.ambient
            .check()
            .map_err(|why| FunctionsError::InvalidSpec(format!("the folder {why}")))?;
        let manifest = self.manifest();
        let authorized =
            Capabilities::authorize(&self.name, &manifest, &self.grants, &self.config)?;
        Ok(Arc::new(authorized.with_ambient(self.ambient.clone())))
    }
}

/// A component with everything linked that this host has.
struct Linked {
    shape: Shape,
    component: Component,
    linker: Linker<GuestState>,
    pre: InstancePre<GuestState>,
}

impl Host {
    async fn link_all(self: &Arc<Self>, bytes: Bytes) -> Result<Linked, FunctionsError> {
        let shape = inspect(&bytes).map_err(FunctionsError::NotAComponent)?;
        let component = self.compiled(bytes).await?;
        let mut linker = Linker::new(self.engine.lane(shape.lane()));
        Capabilities::link_all(&mut linker, shape.lane()).map_err(unusable)?;
        let pre = linker.instantiate_pre(&component).map_err(unusable)?;
        Ok(Linked {
            shape,
            component,
            linker,
            pre,
        })
    }
}

/// Says what was looked for, before anything is compiled.
fn exports_neither(shape: &Shape, wanted: &str, otherwise: &str) -> FunctionsError {
    let found = Names(shape.exports.clone());
    FunctionsError::Unusable(format!("it exports {found}, and not {wanted}{otherwise}"))
}

/// The version of `wasi:cli/run` that a component exports: 2 or 3.
fn command_of(shape: &Shape) -> Option<u64> {
    let minor = |export: &String| {
        let version = export.strip_prefix("wasi:cli/run@0.")?;
        version.split('.').next()?.parse().ok()
    };
    let mut versions = shape.exports.iter().filter_map(minor);
    versions.find(|version| matches!(version, 2 | 3))
}

impl Functions {
    /// Makes a `wasi:http` component ready to be called. What it logs goes into the book.
    ///
    /// # Errors
    /// [`FunctionsError::NotAComponent`], [`FunctionsError::Unusable`], [`FunctionsError::InvalidSpec`] for a
    /// folder that cannot be opened.
    pub async fn standalone(
        &self,
        component: Bytes,
        given: Standalone,
    ) -> Result<(Arc<Function>, Arc<LogBook>), FunctionsError> {
        let host = self.host();
        let shape = inspect(&component).map_err(FunctionsError::NotAComponent)?;
        let Some(face) = policy::http_face(&shape) else {
            let otherwise = match command_of(&shape) {
                Some(_) => "; a command runs with `steward component run`",
                None => "",
            };
            let wanted = policy::demanded_export(World::Function);
            return Err(exports_neither(&shape, wanted, otherwise));
        };
        let authorized = given.authorize()?;
        let (digest, size) = (Digest::of(&component), component.len() as u64);
        let Linked { pre, .. } = host.link_all(component).await?;
        let book = Arc::new(LogBook::default());
        let manifest = given.manifest();
        let plugin = PluginVersion {
            tenant: given.tenant.clone(),
            name: given.name.clone(),
            version: manifest.plugin.version.clone(),
            digest,
            size,
            manifest,
            created_at: Default::default(),
            created_by: String::new(),
            origin: None,
            step: None,
        };
        let deployment = Deployment {
            function: &given.name,
            grants: &given.grants,
            config: &given.config,
            limits: &given.limits,
            book: &book,
            ledger: &Arc::new(Ledger::default()),
            revision: 0,
            debug: Debugging::default(),
        };
        let ready = host.assemble(plugin, face, (pre, None), authorized, &deployment)?;
        let function = Function {
            world: World::Function,
            targets: vec![(100, Arc::new(ready))],
            turns: host
                .turns
                .function(given.tenant.as_str(), given.name.as_str()),
            concurrency: given.limits.concurrency.unwrap_or(CONCURRENCY),
            queue: given.limits.queue.unwrap_or(QUEUE),
            log_lines_per_second: given.limits.log_lines_per_second,
            trial: None,
            revision: FunctionRevision {
                tenant: given.tenant,
                revision: 0,
                spec: FunctionSpec {
                    name: given.name.clone(),
                    plugin: given.name,
                    targets: Vec::new(),
                    config: given.config,
                    grants: given.grants,
                    limits: given.limits,
                    debug: Debugging::default(),
                    rollout: Rollout::default(),
                },
                reason: String::new(),
                created_at: Default::default(),
                created_by: String::new(),
            },
        };
        function.takes_over();
        Ok((Arc::new(function), book))
    }

    /// Runs a `wasi:cli` command to its end. What it logs, beside its output, goes into the book.
    ///
    /// # Errors
    /// As [`Functions::standalone`]. A command that fails is none.
    pub async fn run_command(
        &self,
        component: Bytes,
        given: Standalone,
        book: &Arc<LogBook>,
    ) -> Result<CommandEnd, FunctionsError> {
        let host = self.host();
        let shape = inspect(&component).map_err(FunctionsError::NotAComponent)?;
        let Some(version) = command_of(&shape) else {
            let otherwise = match policy::http_face(&shape) {
                Some(_) => "; an HTTP component is served with `steward component serve`",
                None => "",
            };
            let wanted = "`wasi:cli/run@0.2` or `wasi:cli/run@0.3`";
            return Err(exports_neither(&shape, wanted, otherwise));
        };
        let authorized = given.authorize()?;
        let linked = host.link_all(component).await?;
        let limits = CallLimits {
            timeout: given.timeout.unwrap_or(UNLIMITED),
            cpu: UNLIMITED,
            host_calls: u64::MAX,
            ..call_limits(&Limits::default(), &given.limits)
        };
        let invocation = InvocationId::new();
        let state = host.state(
            &given.tenant,
            &authorized,
            book,
            invocation,
            limits,
            host.shares(&given.tenant, 0),
        );
        let mut store = host.engine.store(linked.shape.lane(), state);
        let ended = until_deadline(&mut store, None, async |store| {
            if version == 2 {
                let pre = wasmtime_wasi::p2::bindings::CommandPre::new(linked.pre)?;
                let command = pre.instantiate_async(&mut *store).await?;
                return command.wasi_cli_run().call_run(&mut *store).await;
            }
            let command = wasmtime_wasi::p3::bindings::Command::instantiate_async(
                &mut *store,
                &linked.component,
                &linked.linker,
            )
            .await?;
            store
                .run_concurrent(async move |store| command.wasi_cli_run().call_run(store).await)
                .await?
        });
        Ok(match ended.await {
            Ok(Ok(())) => CommandEnd::Exit(0),
            Ok(Err(())) => CommandEnd::Exit(1),
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(code)) => CommandEnd::Exit(*code),
                None => CommandEnd::Stopped(format!("{error:?}")),
            },
        })
    }
}
