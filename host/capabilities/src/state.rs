//! The state of one instance, and the list of all capabilities.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use steward_engine::{CallLimits, Guarded, Guardian, Lane};
use steward_models::Models;
use steward_registry::{Manifest, Name, PermissionKind, Permissions, Registry, TenantId, World};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::permitted::Permitted;
use crate::policy::Face;
use crate::privacy::Questions;
use crate::wasi::{Ambient, NoOutgoingHttp};
use crate::{Denial, LogBook, config, drafts, inference, log, privacy, wasi};

/// Names one call in logs and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvocationId(ulid::Ulid);

impl InvocationId {
    /// A new id; later ones sort after earlier ones.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(ulid::Ulid::generate())
    }
}

impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What one deployed version was given. Immutable, shared by all of its instances.
#[derive(Clone)]
pub struct Authorized {
    pub(crate) permitted: Permitted,
    pub(crate) config: config::Authorized,
    pub(crate) privacy: privacy::Authorized,
    /// What an operator who runs the component themselves gives it beyond a function's nothing.
    pub(crate) ambient: Option<Arc<Ambient>>,
}

impl Authorized {
    /// The same with environment, arguments and folders.
    pub fn with_ambient(self, ambient: Ambient) -> Self {
        Self {
            ambient: Some(Arc::new(ambient)),
            ..self
        }
    }
}

/// All capabilities of the host.
#[derive(Clone)]
pub struct Capabilities {
    models: Models,
    questions: Option<Arc<dyn Questions>>,
    stores: Option<drafts::Stores>,
}

/// Those of a host with models and nothing else; the others are added to them.
impl From<Models> for Capabilities {
    fn from(models: Models) -> Self {
        Self {
            models,
            questions: None,
            stores: None,
        }
    }
}

impl Capabilities {
    /// Answers questions about datasets too.
    pub fn with_questions(mut self, questions: Arc<dyn Questions>) -> Self {
        self.questions = Some(questions);
        self
    }

    /// Keeps buckets of keys and values and containers of objects too, in this registry.
    pub fn with_stores(mut self, registry: Registry) -> Self {
        self.stores = Some(registry.into());
        self
    }

    /// The registered models.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// Adds what a component of this world and face may import, and nothing else.
    ///
    /// # Errors
    /// When two capabilities define the same import: a mistake in this crate.
    pub fn link(linker: &mut Linker<GuestState>, world: World, face: Face) -> wasmtime::Result<()> {
        log::link(linker)?;
        config::link(linker)?;
        if world.may_have(PermissionKind::Inference) {
            inference::link(linker)?;
        }
        if world.may_have(PermissionKind::Privacy) {
            privacy::link(linker)?;
        }
        if world == World::Function {
            drafts::link(linker)?;
        }
        wasi::link_ambient(linker)?;
        match face {
            Face::Typed => Ok(()),
            Face::Http02 => wasi::link_http02(linker),
            // Components of 0.3 may still import interfaces of 0.2 through their adapters.
            Face::Http03 => wasi::link_http02(linker).and_then(|()| wasi::link_http03(linker)),
        }
    }

    /// Adds everything that this host has, for a component that an operator runs themselves: what a function may
    /// import, and the rest of WASI, which gives nothing without the [`Ambient`] of its [`Authorized`].
    ///
    /// # Errors
    /// When two capabilities define the same import: a mistake in this crate.
    pub fn link_all(linker: &mut Linker<GuestState>, lane: Lane) -> wasmtime::Result<()> {
        log::link(linker)?;
        config::link(linker)?;
        inference::link(linker)?;
        privacy::link(linker)?;
        drafts::link(linker)?;
        wasi::link_all(linker, lane)
    }

    /// Holds a manifest against what the tenant gives to a function.
    ///
    /// # Errors
    /// The first [`Denial`].
    pub fn authorize(
        function: &Name,
        manifest: &Manifest,
        grants: &Permissions,
        values: &BTreeMap<String, String>,
    ) -> Result<Authorized, Denial> {
        Ok(Authorized {
            permitted: Permitted::new(&manifest.requests, grants)?,
            config: config::authorize(manifest, values)?,
            privacy: privacy::authorize(function),
            ambient: None,
        })
    }

    /// The state of a new instance.
    pub fn prepare(
        &self,
        tenant: &TenantId,
        authorized: &Arc<Authorized>,
        book: &Arc<LogBook>,
        invocation: InvocationId,
        limits: CallLimits,
    ) -> GuestState {
        GuestState {
            guardian: Guardian::new(limits),
            authorized: authorized.clone(),
            log: log::prepare(book, invocation),
            source: inference::Source {
                tenant: tenant.clone(),
                models: self.models.clone(),
            },
            questions: self.questions.clone(),
            drafts: drafts::State::new(&self.stores),
            table: ResourceTable::new(),
            wasi: None,
            http: WasiHttpCtx::new(),
            http_hooks: NoOutgoingHttp,
        }
    }
}

/// The state of one instance, dropped with it: nothing survives a call.
pub struct GuestState {
    pub(crate) guardian: Guardian,
    pub(crate) authorized: Arc<Authorized>,
    pub(crate) log: log::Writer,
    pub(crate) source: inference::Source,
    pub(crate) questions: Option<Arc<dyn Questions>>,
    pub(crate) drafts: drafts::State,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Option<Box<WasiCtx>>,
    pub(crate) http: WasiHttpCtx,
    pub(crate) http_hooks: NoOutgoingHttp,
}

impl GuestState {
    /// Names the call that this instance answers, where it was made before its request came.
    pub fn set_invocation(&mut self, invocation: InvocationId) {
        self.log.set_invocation(invocation);
    }

    pub(crate) fn count_host_call(&mut self) -> wasmtime::Result<()> {
        self.guardian.count_host_call()
    }
}

impl Guarded for GuestState {
    fn guardian(&mut self) -> &mut Guardian {
        &mut self.guardian
    }
}
