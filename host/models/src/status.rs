//! What a person wants to see of a deployed model.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use steward_monitoring::guard::GuardStatus;
use steward_registry::{ModelDeployment, ModelTarget, Name, TenantId};

use crate::judge::Comparison;
use crate::line::Trial;
use crate::supervise::HOST;
use crate::target::Target;
use crate::watch::{REFERENCE_TEXTS, TargetDrift};
use crate::{ModelError, Models};

/// A deployed model on this host, since the host was started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentStatus {
    /// The current revision, as it is written.
    pub deployment: ModelDeployment,
    /// The revision that this host serves: an earlier one while the stable version of the current is
    /// loaded.
    pub serving: u32,
    /// What answers.
    pub stable: TargetStatus,
    /// What answers a share of the calls, on trial.
    pub candidate: Option<TrialStatus>,
    /// What computes a share of the calls again.
    pub shadow: Option<TrialStatus>,
    /// How often this host rolled back by itself.
    pub rollbacks: u64,
    /// The last revision by which a host rolled back by itself, whose reason says why.
    pub last_rollback: Option<ModelDeployment>,
}

/// Deployed weights on this host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetStatus {
    /// Which.
    #[serde(flatten)]
    pub target: ModelTarget,
    /// Whether they are in memory and warm.
    pub loaded: bool,
    /// Why they are not, where a load failed.
    pub load_error: Option<String>,
    /// Calls that they answered or failed.
    pub calls: u64,
    /// Calls that they failed.
    pub errors: u64,
    /// Calls that were turned away because too many were waiting.
    pub refused: u64,
    /// Mean time of a call, in milliseconds.
    pub mean_ms: Option<f64>,
    /// Half of the calls took at most this, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99 of 100 calls took at most this, in milliseconds.
    pub p99_ms: Option<f64>,
    /// How many texts are still needed until it is known what is normal for them; 0 where that is known.
    pub reference_needs: u64,
    /// How the latest answers and texts differ from what is normal for them.
    pub drift: TargetDrift,
}

/// Weights on trial on this host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialStatus {
    /// Their share of the calls, in percent.
    pub percent: u8,
    /// How they do.
    #[serde(flatten)]
    pub target: TargetStatus,
    /// How their answers compare with those of the stable version, where they were compared.
    pub comparison: Comparison,
    /// Whether they may stay.
    pub guard: GuardStatus,
}

impl Models {
    /// How a deployed model does on this host.
    ///
    /// # Errors
    /// [`ModelError::Registry`], a [`NotFound`](steward_registry::RegistryError::NotFound) in it where
    /// it never was deployed.
    pub async fn status(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<DeploymentStatus, ModelError> {
        let history = self.deployments(tenant, name).await?;
        let line = self.line(tenant, name);
        if line.current().is_none() {
            self.refresh().await?;
        }
        let (Some(serving), Some(deployment)) = (line.current(), history.first()) else {
            return Err(ModelError::Deployment(format!(
                "the deployment of `{name}` cannot be served by this host; its log says why"
            )));
        };
        let last_rollback = history.iter().find(|revision| revision.created_by == HOST);
        Ok(DeploymentStatus {
            deployment: deployment.clone(),
            serving: serving.record.revision,
            stable: TargetStatus::of(&serving.stable),
            candidate: serving.candidate.as_ref().map(TrialStatus::of),
            shadow: serving.shadow.as_ref().map(TrialStatus::of),
            rollbacks: line.rollbacks.load(Ordering::Relaxed),
            last_rollback: last_rollback.cloned(),
        })
    }
}

impl TargetStatus {
    fn of(target: &Target) -> Self {
        let [calls, errors, refused] = target.watch.counts();
        let durations = target.watch.durations();
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        Self {
            target: target.target.clone(),
            loaded: target.model().is_some(),
            load_error: target.load_failure(),
            calls,
            errors,
            refused,
            mean_ms: durations.mean().map(ms),
            p50_ms: durations.quantile(0.5).map(ms),
            p99_ms: durations.quantile(0.99).map(ms),
            reference_needs: match target.watch.has_reference() {
                true => 0,
                // Where all have come and nobody has looked yet, it is not known yet.
                false => REFERENCE_TEXTS.saturating_sub(target.watch.texts()).max(1),
            },
            drift: target.watch.drift(),
        }
    }
}

impl TrialStatus {
    fn of(trial: &Trial) -> Self {
        Self {
            percent: trial.percent,
            target: TargetStatus::of(&trial.target),
            comparison: trial.judge.comparison(),
            guard: trial.judge.status(),
        }
    }
}
