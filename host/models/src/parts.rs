//! From the specification of a deployment to weights that this host serves.

use std::sync::Arc;

use steward_inference::Model;
use steward_registry::id::Selector;
use steward_registry::{
    ModelDeployment, ModelDeploymentSpec, ModelGate, ModelRef, ModelShare, ModelTarget,
    RegistryError,
};

use crate::judge::Judge;
use crate::line::{Deployed, Line, Trial};
use crate::target::Target;
use crate::watch::{Spread, Watch};
use crate::{ModelError, Models};

/// The weights of a deployment.
pub(crate) struct Parts {
    pub(crate) stable: Arc<Target>,
    pub(crate) candidate: Option<Trial>,
    pub(crate) shadow: Option<Trial>,
    pub(crate) gates: Vec<ModelGate>,
}

impl Parts {
    pub(crate) fn deployed(self, record: ModelDeployment) -> Deployed {
        Deployed {
            record,
            stable: self.stable,
            candidate: self.candidate,
            shadow: self.shadow,
        }
    }

    /// What will answer a share of the calls.
    pub(crate) fn candidate(&self) -> Option<&Arc<Target>> {
        self.candidate.as_ref().map(|trial| &trial.target)
    }

    fn trials(&self) -> impl Iterator<Item = &Trial> {
        self.candidate.iter().chain(&self.shadow)
    }
}

impl Models {
    /// Finds the weights of a deployment. Those that are deployed already are taken over with what is
    /// known of them; so is what was found out on a trial that goes on under the same bounds.
    pub(crate) async fn parts(
        &self,
        line: &Line,
        spec: &ModelDeploymentSpec,
    ) -> Result<Parts, ModelError> {
        let before = line.current();
        let stable = self.target(line, before.as_deref(), &spec.stable).await?;
        let bounds = Judge::bounds(spec)?;
        let mut trials: [Option<Trial>; 2] = [None, None];
        for (place, share) in [&spec.candidate, &spec.shadow].into_iter().enumerate() {
            let Some(share) = share else { continue };
            let target = match trials.iter().flatten().find(|t| is_of(t, share)) {
                Some(trial) => Arc::clone(&trial.target),
                None => {
                    let target = share.target();
                    self.target(line, before.as_deref(), &target).await?
                }
            };
            let known = {
                let goes_on = before.iter().filter(|b| b.stable.target == stable.target);
                let known = goes_on.flat_map(|before| before.trials());
                let mut known = trials.iter().flatten().chain(known);
                known
                    .find(|t| is_of(t, share) && t.judge.bounds == bounds)
                    .map(|trial| Arc::clone(&trial.judge))
            };
            let judge = match known {
                Some(judge) => judge,
                None => Arc::new(Judge::new(bounds.clone())?),
            };
            trials[place] = Some(Trial {
                percent: share.percent,
                target,
                judge,
            });
        }
        let [candidate, shadow] = trials;
        Ok(Parts {
            stable,
            candidate,
            shadow,
            gates: spec.gates.clone(),
        })
    }

    async fn target(
        &self,
        line: &Line,
        before: Option<&Deployed>,
        wanted: &ModelTarget,
    ) -> Result<Arc<Target>, ModelError> {
        if let Some(known) = before.and_then(|before| before.target(wanted)) {
            return Ok(Arc::clone(known));
        }
        let reference = ModelRef {
            name: line.name.clone(),
            selector: Some(Selector::Version(wanted.version.clone())),
            variant: wanted.variant.clone(),
        };
        let version = self.find(&line.tenant, &reference)?;
        let spread = self.reference(line, wanted).await?;
        let watch = Watch::new(spread);
        Ok(Arc::new(Target::new(wanted.clone(), version, watch)))
    }

    /// What is normal for weights, where that is known.
    pub(crate) async fn reference(
        &self,
        line: &Line,
        target: &ModelTarget,
    ) -> Result<Option<Spread>, RegistryError> {
        let registry = &self.loader().registry;
        let stored = registry
            .model_reference(&line.tenant, &line.name, target)
            .await?;
        Ok(stored.and_then(|stored| {
            let spread = serde_json::from_value(stored.spread);
            let damaged = |error: &serde_json::Error| {
                tracing::warn!(model = %line.name, %target, %error, "the reference of a model cannot be read; drift is not measured");
            };
            spread.inspect_err(damaged).ok()
        }))
    }

    /// Loads every target, and finds those that cannot answer in each other's place.
    pub(crate) async fn load_all(&self, parts: &Parts) -> Result<(), ModelError> {
        let stable = parts.stable.ready(self.loader()).await?;
        for trial in parts.trials() {
            let other = trial.target.ready(self.loader()).await?;
            if let Some(difference) = difference(stable, other) {
                return Err(ModelError::Deployment(format!(
                    "{} cannot stand in for {}: {difference}; deploy it as the stable version instead",
                    trial.target.target, parts.stable.target
                )));
            }
        }
        Ok(())
    }
}

fn is_of(trial: &Trial, share: &ModelShare) -> bool {
    trial.target.target == share.target()
}

/// What makes the answers of two models of different kinds.
fn difference(stable: &Model, other: &Model) -> Option<String> {
    let (a, b) = (stable.config(), other.config());
    if a.task != b.task {
        return Some(format!("its task is `{}`, not `{}`", b.task, a.task));
    }
    if let (Some(a), Some(b)) = (stable.dimensions(), other.dimensions())
        && a != b
    {
        return Some(format!("its vectors have {b} numbers, not {a}"));
    }
    if a.labels != b.labels {
        return Some("its labels, or their order, are others".into());
    }
    None
}
