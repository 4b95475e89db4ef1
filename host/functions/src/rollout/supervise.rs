//! What goes on beside the calls: judging, rolling back, and what a person wants to see of it.

use std::sync::Arc;

use serde::Serialize;
use steward_capabilities::InvocationId;
use steward_monitoring::guard::GuardStatus;
use steward_registry::{FunctionRevision, Name, RegistryError, TenantId};

use crate::{Function, Functions, FunctionsError};

/// Who is written down where the host rolls back by itself.
const HOST: &str = "steward";

/// A deployed function on this host, since the host was started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionStatus {
    /// The revision that this host serves.
    pub revision: u32,
    /// Its versions.
    pub targets: Vec<TargetStatus>,
    /// The version on trial.
    pub candidate: Option<TrialStatus>,
    /// The last revision by which a host rolled back by itself, whose reason says why.
    pub last_rollback: Option<Rollback>,
}

/// A version of a deployed function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetStatus {
    /// Which.
    pub version: semver::Version,
    /// Its share of the calls, in percent.
    pub percent: u8,
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Mean wall time of a call, in milliseconds.
    pub mean_ms: Option<f64>,
}

/// A version on trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialStatus {
    /// Which.
    pub version: semver::Version,
    /// Whether it may stay.
    pub guard: GuardStatus,
}

/// A revision by which a host went back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rollback {
    /// The revision that it wrote.
    pub revision: u32,
    /// The figures and the bound.
    pub reason: String,
    /// When.
    pub at: jiff::Timestamp,
}

impl Functions {
    /// Judges what is on trial, and writes down what was rolled back on this host. What cannot be written now is
    /// tried again, and holds here all the same.
    pub(crate) async fn supervise(&self) {
        let mut written = false;
        for function in self.on_trial() {
            let Some(trial) = &function.trial else {
                continue;
            };
            trial.look(false);
            if let Some(reason) = trial.why_over() {
                written |= self.roll_back(&function, &reason).await;
            }
        }
        if written && let Err(error) = self.refresh().await {
            tracing::warn!(%error, "the functions could not be read again at once");
        }
    }

    /// Takes a candidate out. Whether the revision that is served is the current one no more.
    async fn roll_back(&self, function: &Arc<Function>, reason: &str) -> bool {
        let FunctionRevision {
            tenant,
            revision,
            spec,
            ..
        } = &function.revision;
        let without = spec.clone().without_candidate();
        let registry = self.registry();
        let outcome = registry
            .put_function_after(tenant, &without, reason, Some(*revision), HOST)
            .await;
        let function = &spec.name;
        match outcome {
            Ok(_) => {
                tracing::warn!(%tenant, %function, revision, reason, "rolled back a function");
                let line = format!("rolled back: {reason}");
                let book = self.book(tenant, function);
                book.write("warn", InvocationId::new(), line, Default::default());
                true
            }
            Err(RegistryError::Conflict { .. }) => {
                tracing::info!(%tenant, %function, "somebody else has deployed since; that stands");
                true
            }
            Err(error) => {
                tracing::warn!(%tenant, %function, %error, "a roll back is not written yet; it holds on this host");
                false
            }
        }
    }

    /// Makes the version on trial the only one.
    ///
    /// # Errors
    /// [`FunctionsError::InvalidSpec`] where none is on trial, and what [`Functions::deploy`] finds.
    pub async fn promote(
        &self,
        tenant: &TenantId,
        function: &Name,
        reason: &str,
        by: &str,
    ) -> Result<FunctionRevision, FunctionsError> {
        let current = self.registry().function(tenant, function).await?;
        let spec = current.spec.promoted().ok_or_else(|| {
            FunctionsError::InvalidSpec(format!("no version of `{function}` is on trial"))
        })?;
        self.deploy_after(tenant, spec, reason, Some(current.revision), by)
            .await
    }

    /// How a deployed function does on this host.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`FunctionsError::NotReady`].
    pub async fn status(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<FunctionStatus, FunctionsError> {
        let history = self.registry().function_history(tenant, name).await?;
        let function = self.find(tenant.as_str(), name.as_str())?;
        let stats = self.stats();
        let targets = function.revision.spec.targets.iter().map(|target| {
            let version = target.version.to_string();
            let stats = stats
                .iter()
                .find(|s| s.tenant == *tenant && s.function == *name && *s.version == *version);
            let (calls, errors, wall_us) = stats.map_or((0, 0, 0), |s| {
                (s.totals.calls, s.totals.errors, s.totals.wall_us)
            });
            TargetStatus {
                version: target.version.clone(),
                percent: target.percent,
                calls,
                errors,
                mean_ms: (calls > 0).then(|| wall_us as f64 / 1e3 / calls as f64),
            }
        });
        let last = history.into_iter().find(|r| r.created_by == HOST);
        Ok(FunctionStatus {
            revision: function.revision.revision,
            targets: targets.collect(),
            candidate: function.trial.as_ref().and_then(|trial| {
                let version = function.revision.spec.rollout.candidate.clone()?;
                Some(TrialStatus {
                    version,
                    guard: trial.status(),
                })
            }),
            last_rollback: last.map(|r| Rollback {
                revision: r.revision,
                reason: r.reason,
                at: r.created_at,
            }),
        })
    }
}
