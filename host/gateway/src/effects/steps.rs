//! What workflows give to steps, held against the schemas of the steps before there is a run.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use steward_functions::step::{Budget, RUN_EXPORT, StepContract};
use steward_registry::{Digest, TenantId};
use steward_runs::{FunctionPin, Pins};
use steward_workflow::{Error, ErrorKind, Given, References, is_expression};

use super::functions::raised;
use super::{OfRuns, unfit};

/// What all checks of one definition may compute together, as so many checks of a value. What would take more is told by the
/// calls.
const MAX_CHECKS: u32 = 4;

/// A step in the version that is pinned.
#[derive(Clone)]
struct Step {
    pin: FunctionPin,
    contract: Arc<StepContract>,
}

/// What is held against a schema.
enum Held {
    /// What the workflow gives to a step, and where it does.
    Given(Value, String, Step),
    /// At a point, which is called there: what one step answers and the next one takes.
    Answered(String, String, Step, Step),
}

/// What versions of steps say of themselves, each read once.
type Contracts = HashMap<Digest, Option<Arc<StepContract>>>;

impl OfRuns {
    /// The inputs of steps that are called as functions, the payloads of extension points, and what their steps answer each
    /// other.
    pub(super) async fn check_given_to_steps(
        &self,
        tenant: &TenantId,
        references: &References,
        pins: &Pins,
    ) -> Result<(), Error> {
        let mut contracts = Contracts::new();
        let mut held = Vec::new();
        for given in &references.inputs {
            let export = given.to.export.as_deref();
            if export.is_some_and(|export| export != RUN_EXPORT) {
                continue;
            }
            let Some(pin) = pins.functions.get(&given.to.to_string()) else {
                continue;
            };
            if let Some(step) = self.step(tenant, pin, &mut contracts).await? {
                held.push(of_given(given, step));
            }
        }
        for (point, steps) in &pins.extensions {
            let called = references.extensions.get(point);
            let mut before: Option<Step> = None;
            for pin in steps {
                let Some(step) = self.step(tenant, pin, &mut contracts).await? else {
                    break;
                };
                match before {
                    None => {
                        let payloads = references.payloads.iter();
                        for given in payloads.filter(|given| given.to == *point) {
                            held.push(of_given(given, step.clone()));
                        }
                    }
                    Some(earlier) => {
                        let at = called.cloned().unwrap_or_default();
                        held.push(Held::Answered(point.clone(), at, earlier, step.clone()));
                    }
                }
                before = Some(step);
            }
        }
        if held.is_empty() {
            return Ok(());
        }
        // It computes for a while: others have their turns meanwhile.
        let checked = tokio::task::spawn_blocking(move || {
            let mut budget = Budget::of_checks(MAX_CHECKS);
            held.iter().try_for_each(|one| one.check(&mut budget))
        });
        checked.await.map_err(|error| {
            Error::new(ErrorKind::Runtime, format!("the check failed: {error}")).with_status(503)
        })?
    }

    /// A step, with what the version that is pinned says of itself; none for a function of another world.
    async fn step(
        &self,
        tenant: &TenantId,
        pin: &FunctionPin,
        known: &mut Contracts,
    ) -> Result<Option<Step>, Error> {
        let contract = match known.get(&pin.digest) {
            Some(contract) => contract.clone(),
            None => {
                let digest = pin.digest.to_string();
                let version = self
                    .functions
                    .pin(tenant, pin.function.as_str(), Some(&digest))
                    .await
                    .map_err(|error| raised(&error))?;
                let contract = StepContract::of(&version).map_err(unfit)?.map(Arc::new);
                known.insert(pin.digest, contract.clone());
                contract
            }
        };
        Ok(contract.map(|contract| Step {
            pin: pin.clone(),
            contract,
        }))
    }
}

fn of_given<T>(given: &Given<T>, to: Step) -> Held {
    Held::Given(given.value.clone(), given.pointer.clone(), to)
}

impl Held {
    fn check(&self, budget: &mut Budget) -> Result<(), Error> {
        match self {
            Self::Given(value, pointer, Step { pin, contract }) => {
                let checked = contract.check_known(value, is_expression, budget);
                checked.map_err(|(place, reason)| {
                    let why = format!(
                        "{reason}, says the schema of the step `{}` ({} {})",
                        pin.function,
                        contract.description().name,
                        pin.version
                    );
                    Error::new(ErrorKind::Validation, why).at(&format!("{pointer}{place}"))
                })
            }
            Self::Answered(point, pointer, earlier, step) => {
                match step.contract.apart_from(&earlier.contract, budget) {
                    None => Ok(()),
                    Some(why) => Err(Error::new(
                        ErrorKind::Validation,
                        format!(
                            "at the extension point `{point}` the step `{}` can take nothing that `{}` answers before it: {why}",
                            step.pin.function, earlier.pin.function
                        ),
                    )
                    .at(pointer)),
                }
            }
        }
    }
}
