//! What workflows give to steps, held against the schemas of the steps before there is a run.

use steward_functions::step::StepContract;
use steward_registry::TenantId;
use steward_runs::{FunctionPin, Pins};
use steward_workflow::{Error, ErrorKind, Given, References, is_expression};

use super::{OfRuns, unfit};

/// The export of a step that takes a payload; a call that names none means it.
const RUN: &str = "run";

impl OfRuns {
    /// The inputs of steps that are called as functions.
    pub(super) async fn check_inputs(
        &self,
        tenant: &TenantId,
        references: &References,
        pins: &Pins,
    ) -> Result<(), Error> {
        for given in &references.inputs {
            if given
                .to
                .export
                .as_deref()
                .is_some_and(|export| export != RUN)
            {
                continue;
            }
            let Some(pin) = pins.functions.get(&given.to.to_string()) else {
                continue;
            };
            if let Some(step) = self.contract(tenant, pin).await? {
                check(given, pin, &step)?;
            }
        }
        Ok(())
    }

    /// The payloads of extension points, and what their steps answer each other.
    pub(super) async fn check_extensions(
        &self,
        tenant: &TenantId,
        references: &References,
        pins: &Pins,
    ) -> Result<(), Error> {
        for (point, steps) in &pins.extensions {
            let mut before: Option<(&FunctionPin, StepContract)> = None;
            for pin in steps {
                let Some(step) = self.contract(tenant, pin).await? else {
                    break;
                };
                match &before {
                    None => {
                        let payloads = references.payloads.iter();
                        for given in payloads.filter(|given| given.to == *point) {
                            check(given, pin, &step)?;
                        }
                    }
                    Some((earlier, contract)) => {
                        if let Some(why) = step.apart_from(contract) {
                            return Err(Error::new(
                                ErrorKind::Validation,
                                format!(
                                    "at the extension point `{point}` the step `{}` can take nothing that `{}` answers before it: {why}",
                                    pin.function, earlier.function
                                ),
                            ));
                        }
                    }
                }
                before = Some((pin, step));
            }
        }
        Ok(())
    }

    /// What the version of a step that is pinned says of itself; none for a function of another world.
    async fn contract(
        &self,
        tenant: &TenantId,
        pin: &FunctionPin,
    ) -> Result<Option<StepContract>, Error> {
        let version = self
            .functions
            .pin(tenant, pin.function.as_str(), Some(&pin.digest.to_string()))
            .await
            .map_err(unfit)?;
        StepContract::of(&version).map_err(unfit)
    }
}

/// Holds what is given against the schema of the payload.
fn check<T>(given: &Given<T>, pin: &FunctionPin, step: &StepContract) -> Result<(), Error> {
    let checked = step.check_known(&given.value, is_expression);
    checked.map_err(|(place, reason)| {
        let why = format!(
            "{reason}, says the schema of the step `{}` ({} {})",
            pin.function,
            step.description().name,
            pin.version
        );
        Error::new(ErrorKind::Validation, why).at(&format!("{}{place}", given.pointer))
    })
}
