//! What runs of workflows do outside of themselves, done by the parts of the host: functions, models, requests.

mod functions;
mod http;
mod models;
mod steps;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;
use steward_egress::Egress;
use steward_functions::Functions;
use steward_models::Models;
use steward_registry::{Name, TenantId};
use steward_runs::{Caller, Effects, FunctionPin, Pins};
use steward_secrets::Vault;
use steward_workflow::{Call, Error, ErrorKind, References};

/// Calls what is deployed, asks models, and sends requests as far as the workflow is granted.
#[derive(Clone)]
pub struct OfRuns {
    functions: Functions,
    models: Models,
    secrets: Vault,
    egress: Egress,
    turns: steward_egress::Turns,
}

impl OfRuns {
    /// With these parts.
    pub fn new(functions: Functions, models: Models, secrets: Vault, egress: Egress) -> Self {
        Self {
            functions,
            models,
            secrets,
            egress,
            turns: steward_egress::Turns::new(1024),
        }
    }
}

/// What is not there or does not fit.
fn unfit(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Configuration, why.to_string())
}

/// What is wrong with a step of an extension point, with what to do about it: the definition does not name it.
fn extended(mut error: Error, point: &str, step: &Name) -> Error {
    let why = error.detail.take().unwrap_or_default();
    error.detail = Some(format!(
        "the step `{step}` at the extension point `{point}`: {why}. Deploy it again, or extend the point without it (`steward workflow extend`)"
    ));
    error
}

#[async_trait]
impl Effects for OfRuns {
    async fn pin(
        &self,
        tenant: &TenantId,
        references: &References,
        extensions: &BTreeMap<String, Vec<Name>>,
    ) -> Result<Pins, Error> {
        let mut pins = Pins::default();
        for (function, pointer) in &references.functions {
            let pin = self.pin_function(tenant, &function.name, function.at.as_deref());
            let pin = pin.await.map_err(|error| error.at(pointer))?;
            if let Some(export) = &function.export {
                let checked = self.check_export(tenant, &pin, export).await;
                checked.map_err(|error| error.at(pointer))?;
            }
            pins.functions.insert(function.to_string(), pin);
        }
        for (model, pointer) in &references.models {
            let pin = self.pin_model(tenant, model);
            let pin = pin.await.map_err(|error| error.at(pointer))?;
            pins.models.insert(model.to_string(), pin);
        }
        for (point, pointer) in &references.extensions {
            let mut steps: Vec<FunctionPin> = Vec::new();
            for step in extensions.get(point).into_iter().flatten() {
                let pin = self.pin_function(tenant, step.as_str(), None).await;
                steps.push(pin.map_err(|error| extended(error, point, step).at(pointer))?);
            }
            pins.extensions.insert(point.clone(), steps);
        }
        Ok(pins)
    }

    async fn check_step(&self, tenant: &TenantId, function: &Name) -> Result<(), Error> {
        let pin = self.pin_function(tenant, function.as_str(), None).await?;
        let found = self
            .functions
            .pinned(tenant, function, &pin.version, &pin.digest)
            .await
            .map_err(|error| functions::raised(&error))?;
        match found.step() {
            Some(_) => Ok(()),
            None => Err(unfit(format!(
                "`{function}` is a function of the world `{}`; an extension point takes steps",
                found.world()
            ))),
        }
    }

    async fn check_given(
        &self,
        tenant: &TenantId,
        references: &References,
        pins: &Pins,
    ) -> Result<(), Error> {
        self.check_given_to_steps(tenant, references, pins).await
    }

    async fn call(&self, caller: &Caller<'_>, call: &Call) -> Result<Value, Error> {
        match call {
            Call::Http(request) => self.request(caller, request).await,
            Call::OpenApi(operation) => self.operation(caller, operation).await,
            Call::Function { function, input } => {
                let pin = caller.pins.functions.get(&function.to_string());
                let pin = pin.ok_or_else(|| unfit(format!("`{function}` is not pinned")))?;
                self.function(caller, pin, function.export.as_deref(), input)
                    .await
            }
            Call::Model { model, input } => {
                let pin = caller.pins.models.get(&model.to_string());
                let pin = pin.ok_or_else(|| unfit(format!("`{model}` is not pinned")))?;
                self.model(caller, pin, input).await
            }
            Call::Step {
                point,
                step,
                payload,
            } => {
                let mut steps = caller.pins.extensions.get(point).into_iter().flatten();
                let pin = steps.find(|pin| pin.function.as_str() == step);
                let pin = pin.ok_or_else(|| unfit(format!("the step `{step}` is not pinned")))?;
                self.function(caller, pin, None, payload).await
            }
        }
    }
}
