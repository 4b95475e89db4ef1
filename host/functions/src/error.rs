//! What can go wrong between a request and its answer.

use std::fmt;
use std::time::Duration;

use steward_capabilities::policy::Misfit;
use steward_capabilities::{Denial, InvocationId};
use steward_engine::{EngineError, InspectError};
use steward_inference::InferenceError;
use steward_registry::{ManifestError, Name, RegistryError};

/// Why a guest did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapKind {
    /// It ran longer than it may, waits included.
    Timeout,
    /// It computed longer than it may.
    Cpu,
    /// It asked for more memory than it may have.
    Memory,
    /// The instances of its tenant have all the memory that they may have.
    TenantMemory,
    /// Its tenant has all the instances that it may have.
    TenantInstances,
    /// It holds more handles than it may.
    Handles,
    /// It is made of more instances than it may.
    Instances,
    /// It recursed too deeply.
    StackOverflow,
    /// It handed more bytes to the host than it may in one call or answer.
    OutputTooLarge,
    /// All calls of its tenant answered more bytes in a second than they may.
    OutputRate,
    /// What it answered is not of the type that it declares.
    InvalidOutput,
    /// It called the host more often than it may.
    HostCalls,
    /// All calls of its function, or of its tenant, called the host more often in a second than they may.
    HostCallRate,
    /// It gave up (a panic) or broke a rule of WebAssembly.
    Crash,
}

impl TrapKind {
    /// The stable code of the problem.
    pub fn code(self) -> &'static str {
        match self {
            Self::Timeout => "deadline-exceeded",
            Self::Cpu => "cpu-time-exceeded",
            Self::Memory => "memory-exceeded",
            Self::TenantMemory => "tenant-memory-exceeded",
            Self::TenantInstances => "tenant-instances-exceeded",
            Self::Handles => "handles-exceeded",
            Self::Instances => "instances-exceeded",
            Self::StackOverflow => "stack-overflow",
            Self::OutputTooLarge => "output-too-large",
            Self::OutputRate => "output-rate-exceeded",
            Self::InvalidOutput => "invalid-output",
            Self::HostCalls => "host-calls-exceeded",
            Self::HostCallRate => "host-call-rate-exceeded",
            Self::Crash => "guest-crashed",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Timeout => "did not answer within its time limit",
            Self::Cpu => "computed for longer than its limit",
            Self::Memory => "asked for more memory than its limit",
            Self::TenantMemory => "asked for more memory than its tenant has left",
            Self::TenantInstances => "found no room beside the other instances of its tenant",
            Self::Handles => "holds more handles than its limit",
            Self::Instances => "is made of more instances than its limit",
            Self::StackOverflow => "recursed beyond its stack",
            Self::OutputTooLarge => "handed over more bytes than its limit",
            Self::OutputRate => "answered more bytes in a second than its tenant has left",
            Self::InvalidOutput => "answered with data that is not of its declared type",
            Self::HostCalls => "called the host more often than its limit",
            Self::HostCallRate => "called the host more often in a second than its limit",
            Self::Crash => "crashed",
        }
    }
}

impl fmt::Display for TrapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())
    }
}

/// What can go wrong between a request and its answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionsError {
    /// The bytes are not a component that can be looked at.
    #[error(transparent)]
    NotAComponent(InspectError),
    /// The component is not of the kind that its manifest says.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The component looks right but does not compile, link or start.
    #[error("the component cannot be used: {0}")]
    Unusable(String),
    /// The manifest is wrong or asks for too much.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Manifest and grants do not agree.
    #[error(transparent)]
    Grant(#[from] Denial),
    /// The deployment breaks a rule.
    #[error("{0}")]
    InvalidSpec(String),
    /// No such tenant, or nothing is deployed in it.
    #[error(
        "there is no function `{function}`: there is no tenant `{tenant}`, or nothing is deployed in it"
    )]
    UnknownTenant {
        /// The tenant.
        tenant: String,
        /// What was asked for.
        function: String,
    },
    /// No such function.
    #[error(
        "there is no function `{function}` in the tenant `{tenant}`; `steward function list` shows what is deployed"
    )]
    UnknownFunction {
        /// The tenant.
        tenant: String,
        /// What was asked for.
        function: String,
    },
    /// The function is deployed, but this host could not make it ready.
    #[error("the function `{function}` is deployed but not ready on this host: {reason}")]
    NotReady {
        /// The function.
        function: Name,
        /// Why.
        reason: String,
    },
    /// A typed function has no such export.
    #[error("the plugin has no export `{export}`; it has: {exports}")]
    UnknownExport {
        /// What was asked for.
        export: String,
        /// What there is.
        exports: String,
    },
    /// A typed function was called as if it were `wasi:http`, or the other way round.
    #[error("{0}")]
    WrongFace(&'static str),
    /// The input is not of the type that the export takes.
    #[error("`{path}`: {reason}")]
    InvalidInput {
        /// Where in the input: `batch[3].text`.
        path: String,
        /// What is wrong there.
        reason: String,
    },
    /// The guest answered with an error of its interface.
    #[error("{message}")]
    Guest {
        /// The case of the error variant: `invalid-input`, `invalid-config`, `unavailable`, `other`.
        case: String,
        /// What the guest says.
        message: String,
    },
    /// A step asks to be run again: what it depends on does not answer now.
    #[error("{message}")]
    Retryable {
        /// What the step says.
        message: String,
        /// When to run it again, at the earliest.
        retry_after: Option<Duration>,
    },
    /// What a step says of itself breaks a rule.
    #[error("what the step says of itself breaks a rule: {0}")]
    InvalidStep(String),
    /// A `wasi:http` function came to its end without an answer, or with an error code for one.
    #[error("the function gave no answer: {0}")]
    NoAnswer(String),
    /// The guest did not come to its end.
    #[error(
        "the function {kind} (invocation {invocation}; `steward function logs NAME --invocation {invocation}` has the details)"
    )]
    Trap {
        /// Which limit it hit.
        kind: TrapKind,
        /// The call, as the log names it.
        invocation: InvocationId,
    },
    /// The guest answered in the right types with what its interface does not allow.
    #[error("`{plugin}` broke the contract of its world: {reason}; its author has to mend it")]
    Unfaithful {
        /// The plugin, as `name@version`.
        plugin: String,
        /// Which promise it broke, and how.
        reason: String,
    },
    /// Too many calls are waiting.
    #[error("too many calls are waiting for this function; try again in {} s", retry_after.as_secs())]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The inference engine.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// The WebAssembly engine.
    #[error(transparent)]
    Engine(EngineError),
}

impl FunctionsError {
    /// A stable kebab-case code for machines. Errors of the registry and of inference have codes of
    /// their own above this crate.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent(InspectError::TooLarge(_)) => "component-too-large",
            Self::NotAComponent(InspectError::CoreModule) => "core-module",
            Self::NotAComponent(InspectError::Malformed(_)) => "malformed-component",
            Self::NotAComponent(_) => "not-a-component",
            Self::Misfit(Misfit::ForbiddenImports { .. }) => "forbidden-imports",
            Self::Misfit(_) => "wrong-world",
            Self::Unusable(_) => "unusable-component",
            Self::Manifest(ManifestError::Excessive { .. }) => "manifest-excessive",
            Self::Manifest(_) => "invalid-manifest",
            Self::Grant(Denial::UndeclaredConfig { .. }) => "undeclared-config",
            Self::Grant(_) => "grant-missing",
            Self::InvalidSpec(_) => "invalid-function",
            Self::UnknownTenant { .. } => "unknown-tenant",
            Self::UnknownFunction { .. } => "unknown-function",
            Self::NotReady { .. } => "function-not-ready",
            Self::UnknownExport { .. } => "unknown-export",
            Self::WrongFace(_) => "wrong-face",
            Self::InvalidInput { .. } => "invalid-input",
            Self::Guest { case, .. } => match case.as_str() {
                "invalid-input" => "guest-invalid-input",
                "invalid-config" => "guest-invalid-config",
                "unavailable" => "guest-unavailable",
                _ => "guest-error",
            },
            Self::Retryable { .. } => "step-retryable",
            Self::InvalidStep(_) => "invalid-step",
            Self::NoAnswer(_) => "function-failed",
            Self::Trap { kind, .. } => kind.code(),
            Self::Unfaithful { .. } => TrapKind::InvalidOutput.code(),
            Self::Busy { .. } => "too-many-requests",
            Self::Inference(_) => "inference",
            Self::Registry(RegistryError::NotFound { .. }) => "not-found",
            Self::Registry(RegistryError::Conflict { .. }) => "conflict",
            Self::Registry(_) => "registry",
            Self::Engine(_) => "engine",
        }
    }
}

impl From<EngineError> for FunctionsError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Inspect(why) => Self::NotAComponent(why),
            EngineError::Compile(why) => Self::Unusable(why),
            other => Self::Engine(other),
        }
    }
}
