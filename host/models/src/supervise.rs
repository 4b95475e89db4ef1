//! What goes on beside the calls: loading, judging, rolling back, taking references.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use steward_registry::{ModelDeployment, ModelDeploymentSpec, RegistryError};

use crate::Models;
use crate::line::{Deployed, Line, Trial, Undone, without};
use crate::target::Target;

/// How often everything is looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// How often what models were used is written.
const FLUSH: Duration = Duration::from_secs(5);
/// Who is written down where the host rolls back by itself.
pub(crate) const HOST: &str = "steward";

impl Models {
    /// Keeps what is deployed in memory, judges what is on trial, and writes what models were used, for ever.
    ///
    /// Without it, models are loaded by the first call that needs them, and a trial is judged only when
    /// it is called.
    pub async fn supervise(&self) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut flushed = Instant::now();
        loop {
            period.tick().await;
            for line in self.lines() {
                self.look_after(&line).await;
            }
            if flushed.elapsed() >= FLUSH {
                flushed = Instant::now();
                self.flush().await;
            }
        }
    }

    async fn look_after(&self, line: &Arc<Line>) {
        if let Some(next) = line.next() {
            match next.stable.model() {
                Some(_) => line.switch(&next),
                None => self.load_soon(&next.stable),
            }
        }
        self.write_undone(line).await;
        let Some(current) = line.current() else {
            return;
        };
        for target in current.targets() {
            target.watch.look();
            self.load_soon(target);
            self.take_reference(line, target).await;
        }
        for trial in current.trials() {
            self.look_at(line, &current, trial, false);
        }
    }

    /// Takes over the deployments that others wrote. The caller holds the turn to deploy.
    pub(crate) async fn take_over(
        &self,
        deployed: Vec<ModelDeployment>,
    ) -> Result<(), RegistryError> {
        for record in deployed {
            let line = self.line(&record.tenant, &record.name);
            if record.revision <= line.revision() {
                continue;
            }
            let before = line.current();
            let parts = match self.parts(&line, &record.spec).await {
                Ok(parts) => parts,
                Err(error) => {
                    tracing::error!(model = %record.name, revision = record.revision, %error, "a deployment cannot be served");
                    continue;
                }
            };
            // Weights that were on trial here: whoever promoted them has forgotten what was normal then.
            let known = before.filter(|before| before.stable.target != parts.stable.target);
            if known.is_some() {
                let spread = self.reference(&line, &parts.stable.target).await?;
                match spread {
                    None => parts.stable.watch.forget_reference(),
                    spread => parts.stable.watch.set_reference(spread),
                }
            }
            let deployed = Arc::new(parts.deployed(record));
            if line.install(Arc::clone(&deployed)) {
                let models = self.clone();
                tokio::spawn(async move {
                    match deployed.stable.ready(models.loader()).await {
                        Ok(_) => line.switch(&deployed),
                        Err(error) => {
                            let revision = deployed.record.revision;
                            tracing::error!(model = %line.name, revision, %error, "a deployed model does not load; the one before goes on answering");
                        }
                    }
                });
            }
        }
        Ok(())
    }

    /// Loads weights in the background, unless that is going on or has just failed.
    pub(crate) fn load_soon(&self, target: &Arc<Target>) {
        if !target.wants_loading() {
            return;
        }
        let (models, target) = (self.clone(), Arc::clone(target));
        tokio::spawn(async move {
            if let Err(error) = target.ready(models.loader()).await {
                tracing::warn!(model = %target.version.name, target = %target.target, %error, "a deployed model does not load");
            }
        });
    }

    /// Rolls a trial back where its judge says so.
    pub(crate) fn look_at(
        &self,
        line: &Arc<Line>,
        deployed: &Arc<Deployed>,
        trial: &Trial,
        failed: bool,
    ) {
        let Some(reason) = trial.judge.over(failed) else {
            return;
        };
        if !line.end_trial(deployed, &trial.target.target) {
            return;
        }
        line.rollbacks.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            tenant = %line.tenant, model = %line.name, target = %trial.target.target,
            revision = deployed.record.revision, reason, "rolled back a model"
        );
        line.undo(&deployed.record, &trial.target.target, reason);
        let (models, line) = (self.clone(), Arc::clone(line));
        tokio::spawn(async move { models.write_undone(&line).await });
    }

    /// Writes down what was rolled back here. What cannot be written now is tried again.
    async fn write_undone(&self, line: &Line) {
        let Some(undone) = line.undone.lock().clone() else {
            return;
        };
        let Undone {
            record,
            targets,
            reason,
        } = &undone;
        let mut spec = record.spec.clone();
        for target in targets {
            spec = ModelDeploymentSpec {
                candidate: without(&spec.candidate, target),
                shadow: without(&spec.shadow, target),
                ..spec
            };
        }
        let written = self
            .loader()
            .registry
            .put_model_deployment(
                &line.tenant,
                &line.name,
                &spec,
                reason,
                Some(record.revision),
                HOST,
            )
            .await;
        match written {
            Ok(_) => {}
            Err(RegistryError::Conflict { .. }) => {
                tracing::info!(model = %line.name, "somebody else has deployed since; that stands");
            }
            Err(error) => {
                tracing::warn!(model = %line.name, %error, "a roll back is not written yet; it holds on this host");
                return;
            }
        }
        {
            let mut pending = line.undone.lock();
            if pending.as_ref() == Some(&undone) {
                *pending = None;
            }
        }
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "the models could not be read again at once");
        }
    }

    async fn take_reference(&self, line: &Line, target: &Target) {
        let Some(spread) = target.watch.take_reference() else {
            return;
        };
        let kept = async {
            let json = serde_json::to_value(&spread).map_err(|e| e.to_string())?;
            let registry = &self.loader().registry;
            registry
                .add_model_reference(&line.tenant, &line.name, &target.target, &json)
                .await
                .map_err(|e| e.to_string())?;
            // Another host may have been first.
            let kept = self.reference(line, &target.target).await;
            kept.map_err(|e| e.to_string())
        };
        match kept.await {
            Ok(kept) => target.watch.set_reference(kept.or(Some(spread))),
            Err(error) => {
                tracing::warn!(model = %line.name, target = %target.target, error, "the reference of a model is not kept yet");
            }
        }
    }
}
