//! What runs do outside of themselves: the one seam between them and the parts that do it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_registry::{Digest, Name, Permissions, TenantId};
use steward_telemetry::TraceContext;
use steward_workflow::{Call, Error, References};
use ulid::Ulid;

/// A function in the version in which a run calls it, whatever is deployed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionPin {
    /// The function.
    pub function: Name,
    /// The version of its plugin.
    pub version: semver::Version,
    /// The digest of the component.
    pub digest: Digest,
}

/// What a run calls, each in a version: settled when it begins, and kept to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// Functions, by what the definition calls them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, FunctionPin>,
    /// Models as `name@version` or `name@version~variant`, by what the definition calls them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, String>,
    /// The steps of each extension point, in their order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Vec<FunctionPin>>,
}

/// Whose call it is.
#[derive(Debug)]
pub struct Caller<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The workflow.
    pub workflow: &'a Name,
    /// The run.
    pub run: Ulid,
    /// The step within the run.
    pub step: &'a str,
    /// What the tenant lets the workflow do, now.
    pub grants: &'a Permissions,
    /// What the run calls, each in a version.
    pub pins: &'a Pins,
    /// What marks the places of secrets in its requests.
    pub mark: &'a str,
    /// The same for every try of this step of this run, and for no other: for whoever does a thing only once.
    pub idempotency_key: &'a str,
    /// Which attempt at this step this is: 1, 2, 3 …
    pub attempt: u32,
    /// The span of this attempt, in the trace of the run.
    pub span: TraceContext,
}

/// Does what runs do outside of themselves.
#[async_trait]
pub trait Effects: Send + Sync {
    /// Settles in which version each function, model and step is called. `extensions` are the steps of the extension
    /// points. What is not there is named.
    ///
    /// # Errors
    /// An error of the kind `configuration` for what is not there, one with the status 503 where that cannot be told now.
    async fn pin(
        &self,
        tenant: &TenantId,
        references: &References,
        extensions: &BTreeMap<String, Vec<Name>>,
    ) -> Result<Pins, Error>;

    /// Whether a deployed function can be a step of an extension point.
    ///
    /// # Errors
    /// Why not; with the status 503 where that cannot be told now.
    async fn check_step(&self, tenant: &TenantId, function: &Name) -> Result<(), Error>;

    /// Whether what a definition gives to the steps that are pinned can fit their schemas, and what one step of an extension
    /// point answers the next one, as far as that can be told before there is a run.
    ///
    /// # Errors
    /// What cannot fit, of the kind `validation`; one with the status 503 where that cannot be told now.
    async fn check_given(
        &self,
        _tenant: &TenantId,
        _references: &References,
        _pins: &Pins,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Makes a call and waits for its answer. It may be made again with the same idempotency key, where the host ended
    /// before the answer was written down. A future that is dropped takes its call with it.
    ///
    /// # Errors
    /// The error that the step raises.
    async fn call(&self, caller: &Caller<'_>, call: &Call) -> Result<Value, Error>;
}
