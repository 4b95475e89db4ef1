//! What is counted of deployed models, for a collector of metrics.

use std::sync::atomic::Ordering;

use steward_monitoring::latency::Durations;
use steward_registry::{ModelTarget, Name, TenantId};

use crate::Models;
use crate::judge::Comparison;
use crate::line::Trial;
use crate::target::Target;
use crate::watch::TargetDrift;

/// What a host has counted of a deployed model since it was started.
#[derive(Debug, Clone)]
pub struct ModelFigures {
    /// Whose it is.
    pub tenant: TenantId,
    /// The model.
    pub model: Name,
    /// How often this host rolled back by itself.
    pub rollbacks: u64,
    /// What is deployed: at most three, one for each role.
    pub targets: Vec<TargetFigures>,
}

/// What a host has counted of deployed weights since they were deployed there.
#[derive(Debug, Clone)]
pub struct TargetFigures {
    /// `stable`, `candidate` or `shadow`.
    pub role: &'static str,
    /// The weights.
    pub target: ModelTarget,
    /// Their share of the calls, in percent.
    pub percent: u8,
    /// Calls that they answered or failed.
    pub calls: u64,
    /// Calls that they failed.
    pub errors: u64,
    /// Calls that were turned away because too many were waiting.
    pub refused: u64,
    /// How long calls took.
    pub durations: Durations,
    /// How the latest answers and texts differ from what is normal for them.
    pub drift: TargetDrift,
    /// How their answers compare with those of the stable version, of weights on trial.
    pub comparison: Option<Comparison>,
}

impl Models {
    /// What this host has counted of every deployed model, by tenant and name.
    pub fn figures(&self) -> Vec<ModelFigures> {
        let mut figures = Vec::new();
        for line in self.lines() {
            let Some(deployed) = line.current() else {
                continue;
            };
            let candidate = deployed.candidate.as_ref().map(|t| t.percent);
            let rest = 100 - candidate.unwrap_or(0);
            let stable = TargetFigures::of("stable", &deployed.stable, rest);
            let trial = |(role, trial): (&'static str, &Trial)| TargetFigures {
                comparison: Some(trial.judge.comparison()),
                ..TargetFigures::of(role, &trial.target, trial.percent)
            };
            let candidate = deployed.candidate.iter().map(|t| ("candidate", t));
            let shadow = deployed.shadow.iter().map(|t| ("shadow", t));
            let trials = candidate.chain(shadow).map(trial);
            figures.push(ModelFigures {
                tenant: line.tenant.clone(),
                model: line.name.clone(),
                rollbacks: line.rollbacks.load(Ordering::Relaxed),
                targets: std::iter::once(stable).chain(trials).collect(),
            });
        }
        figures.sort_by(|a, b| (&a.tenant, &a.model).cmp(&(&b.tenant, &b.model)));
        figures
    }
}

impl TargetFigures {
    fn of(role: &'static str, target: &Target, percent: u8) -> Self {
        let [calls, errors, refused] = target.watch.counts();
        Self {
            role,
            target: target.target.clone(),
            percent,
            calls,
            errors,
            refused,
            durations: target.watch.durations(),
            drift: target.watch.drift(),
            comparison: None,
        }
    }
}
