//! The state of one instance, and the list of all capabilities.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use steward_egress::{Egress, Turns};
use steward_engine::{CallLimits, Guarded, Guardian, Lane, Shares};
use steward_inference::Meter;
use steward_models::{Models, OpenModel};
use steward_registry::{
    Manifest, ModelTarget, Name, PermissionKind, Permissions, Registry, TenantId, World,
};
use steward_secrets::Vault;
use steward_telemetry::Telemetry;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::events::EventLog;
use crate::http::Outgoing;
use crate::permitted::Permitted;
use crate::policy::Face;
use crate::privacy::Questions;
use crate::wasi::Ambient;
use crate::{Denial, LogBook, config, drafts, events, inference, log, privacy, secrets, wasi};

/// Streams that a guest may hold between two calls: input, output and errors, and a second of each.
const MAX_STREAMS: usize = 6;

/// How many models the record of a call names.
const MAX_MODELS: usize = 16;

/// Names one call in logs and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvocationId(ulid::Ulid);

impl InvocationId {
    /// A new id; later ones sort after earlier ones.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(ulid::Ulid::generate())
    }

    /// The id as a number.
    pub fn ulid(self) -> ulid::Ulid {
        self.0
    }
}

impl std::str::FromStr for InvocationId {
    type Err = ulid::DecodeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
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
    /// Requests of this version that are on their way.
    pub(crate) turns: Turns,
    pub(crate) events: events::Authorized,
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
    egress: Option<Egress>,
    secrets: Option<Vault>,
    events: Option<Arc<dyn EventLog>>,
    stores: Option<drafts::Stores>,
    telemetry: Option<Telemetry>,
}

/// Those of a host with models and nothing else; the others are added to them.
impl From<Models> for Capabilities {
    fn from(models: Models) -> Self {
        Self {
            models,
            questions: None,
            egress: None,
            secrets: None,
            events: None,
            stores: None,
            telemetry: None,
        }
    }
}

impl Capabilities {
    /// Answers questions about datasets too.
    pub fn with_questions(mut self, questions: Arc<dyn Questions>) -> Self {
        self.questions = Some(questions);
        self
    }

    /// Sends requests of functions to the network too.
    pub fn with_egress(mut self, egress: Egress) -> Self {
        self.egress = Some(egress);
        self
    }

    /// Hands out secrets too.
    pub fn with_secrets(mut self, secrets: Vault) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// Appends events and answers queries of the log too.
    pub fn with_events(mut self, events: Arc<dyn EventLog>) -> Self {
        self.events = Some(events);
        self
    }

    /// Keeps buckets of keys and values and containers of objects too, in this registry.
    pub fn with_stores(mut self, registry: Registry) -> Self {
        self.stores = Some(registry.into());
        self
    }

    /// Tells a collector of calls and of what they log too.
    pub fn with_telemetry(mut self, telemetry: Option<Telemetry>) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Where calls are told, if they are.
    pub fn telemetry(&self) -> Option<&Telemetry> {
        self.telemetry.as_ref()
    }

    /// An empty log of a function.
    pub fn log_book(&self, tenant: &TenantId, function: &Name) -> LogBook {
        match &self.telemetry {
            Some(telemetry) => LogBook::told(telemetry, tenant, function),
            None => LogBook::default(),
        }
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
        if world.may_have(PermissionKind::Secrets) {
            secrets::link(linker)?;
        }
        if world.may_have(PermissionKind::AppendEvents)
            || world.may_have(PermissionKind::ReadEvents)
        {
            events::link(linker)?;
        }
        if world.may_reach_out() {
            drafts::link(linker)?;
        }
        wasi::link_ambient(linker)?;
        match face {
            // Outgoing requests go through the grants of the function.
            Face::Typed if world.may_reach_out() => wasi::link_http02(linker),
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
        secrets::link(linker)?;
        events::link(linker)?;
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
            turns: Turns::default(),
            events: events::authorize(function),
            ambient: None,
        })
    }

    /// The state of a new instance; `shares` is what it has in common with others.
    pub fn prepare(
        &self,
        tenant: &TenantId,
        authorized: &Arc<Authorized>,
        book: &Arc<LogBook>,
        invocation: InvocationId,
        limits: CallLimits,
        shares: Option<Shares>,
    ) -> GuestState {
        let guardian = Guardian::sharing(limits, shares);
        let log = log::prepare(book, invocation, limits.log_bytes);
        let outgoing = Outgoing::new(
            self.egress.clone(),
            tenant,
            authorized,
            log.clone(),
            guardian.deadline(),
        );
        GuestState {
            guardian,
            authorized: authorized.clone(),
            log,
            inference_texts: 0,
            inference_meter: None,
            whom: None,
            models: Vec::new(),
            source: inference::Source {
                tenant: tenant.clone(),
                models: self.models.clone(),
            },
            questions: self.questions.clone(),
            secrets: self.secrets.clone(),
            events: self.events.clone(),
            drafts: drafts::State::new(&self.stores),
            table: ResourceTable::new(),
            wasi: None,
            http: WasiHttpCtx::new(),
            outgoing,
        }
    }
}

/// The state of one instance, dropped with it. It survives a call only where the plugin asks that its
/// instances are used again.
pub struct GuestState {
    pub(crate) guardian: Guardian,
    /// Texts that the call has given to models.
    pub(crate) inference_texts: u64,
    /// Counts the tokens that models compute for the call; none before it opens one.
    pub(crate) inference_meter: Option<Meter>,
    /// Whom the call is for, where somebody said so.
    pub(crate) whom: Option<Arc<str>>,
    /// The models that have answered the call, each once.
    pub(crate) models: Vec<String>,
    pub(crate) authorized: Arc<Authorized>,
    pub(crate) log: log::Writer,
    pub(crate) source: inference::Source,
    pub(crate) questions: Option<Arc<dyn Questions>>,
    pub(crate) secrets: Option<Vault>,
    pub(crate) events: Option<Arc<dyn EventLog>>,
    pub(crate) drafts: drafts::State,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Option<Box<WasiCtx>>,
    pub(crate) http: WasiHttpCtx,
    pub(crate) outgoing: Outgoing,
}

impl GuestState {
    /// Begins a call in an instance that was made before its request came: the call has its own name,
    /// and its own time, host calls and log.
    pub fn begin(&mut self, invocation: InvocationId) {
        self.log.set_invocation(invocation);
        self.guardian.begin();
        self.outgoing.begin(invocation, self.guardian.deadline());
        self.inference_texts = 0;
        self.inference_meter = None;
        self.whom = None;
        self.models.clear();
    }

    /// Says whom the call is for: models with a sticky deployment choose their version by it.
    pub fn for_whom(&mut self, key: Option<Arc<str>>) {
        self.whom = key;
    }

    /// The models that have answered the call, as `name@version`.
    pub fn take_models(&mut self) -> Vec<String> {
        std::mem::take(&mut self.models)
    }

    /// Takes note of the model that answered. A call may ask any number of models: a record has room for the first.
    pub(crate) fn answered_by(&mut self, model: &OpenModel, by: &ModelTarget) {
        let model = format!("{}@{by}", model.version().name);
        if self.models.len() < MAX_MODELS && !self.models.contains(&model) {
            self.models.push(model);
        }
    }

    /// Whether the guest holds nothing of the host between two calls: no request, answer, body, file,
    /// model or wait. Its standard streams it may keep, as standard libraries do.
    pub fn is_clean(&mut self) -> bool {
        let mut held = 0;
        self.table.iter_mut().all(|resource| {
            held += 1;
            held <= MAX_STREAMS && wasi::is_stream(resource)
        })
    }

    /// What the call has logged, in bytes.
    pub fn log_bytes(&self) -> u64 {
        self.log.spent() as u64
    }

    /// Texts that the call has given to models.
    pub fn inference_texts(&self) -> u64 {
        self.inference_texts
    }

    /// Tokens that models have computed for the call.
    pub fn inference_tokens(&self) -> u64 {
        self.inference_meter.as_ref().map_or(0, Meter::tokens)
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
