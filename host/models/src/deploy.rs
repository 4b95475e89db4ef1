//! Deploying, promoting and rolling back.

use std::sync::Arc;

use steward_registry::{
    ModelDeployment, ModelDeploymentSpec, ModelTarget, Name, RegistryError, TenantId,
};

use crate::line::{Deployed, without};
use crate::{ModelError, Models};

impl Models {
    /// Deploys: from now on calls that name no version go where `spec` says.
    ///
    /// Everything is done before anything changes: targets must exist, those that will answer and do
    /// not answer now must pass the gates, and all are loaded and warm. So no call waits or fails
    /// because of it. `after` is the revision that the caller has seen, 0 for none.
    ///
    /// # Errors
    /// [`ModelError::NoSuch`], [`ModelError::GateNotMet`], [`ModelError::Deployment`] for what breaks a
    /// rule, every error of a load; [`ModelError::Registry`] with a [`RegistryError::Conflict`] where
    /// `after` is not the current revision.
    pub async fn deploy(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &ModelDeploymentSpec,
        reason: &str,
        after: Option<u32>,
        by: &str,
    ) -> Result<ModelDeployment, ModelError> {
        let change = Change {
            reason,
            after,
            by,
            gated: true,
        };
        self.change(tenant, name, spec, change).await
    }

    /// Makes the candidate the stable version, where it passes the gates.
    ///
    /// # Errors
    /// As [`Models::deploy`]; [`ModelError::Deployment`] where there is no candidate.
    pub async fn promote(
        &self,
        tenant: &TenantId,
        name: &Name,
        reason: &str,
        after: Option<u32>,
        by: &str,
    ) -> Result<ModelDeployment, ModelError> {
        let current = self.seen(tenant, name, after).await?;
        let Some(candidate) = &current.spec.candidate else {
            return Err(ModelError::Deployment(format!(
                "the deployment of `{name}` has no candidate; deploy one first"
            )));
        };
        let stable = candidate.target();
        let spec = ModelDeploymentSpec {
            candidate: None,
            shadow: without(&current.spec.shadow, &stable),
            stable,
            ..current.spec
        };
        let change = Change {
            reason,
            after: Some(current.revision),
            by,
            gated: true,
        };
        self.change(tenant, name, &spec, change).await
    }

    /// Goes back: takes the candidate out, or, where there is none, deploys the stable version of before.
    /// Gates do not stand in the way of what is known to have worked.
    ///
    /// # Errors
    /// As [`Models::deploy`]; [`ModelError::Deployment`] where there is nothing to go back to.
    pub async fn roll_back(
        &self,
        tenant: &TenantId,
        name: &Name,
        reason: &str,
        after: Option<u32>,
        by: &str,
    ) -> Result<ModelDeployment, ModelError> {
        let current = self.seen(tenant, name, after).await?;
        let (revision, spec) = (current.revision, current.spec);
        let spec = match &spec.candidate {
            Some(candidate) => ModelDeploymentSpec {
                shadow: without(&spec.shadow, &candidate.target()),
                candidate: None,
                ..spec
            },
            None => {
                let stable = self.stable_before(tenant, name, &spec.stable).await?;
                ModelDeploymentSpec {
                    shadow: without(&spec.shadow, &stable),
                    stable,
                    ..spec
                }
            }
        };
        let change = Change {
            reason,
            after: Some(revision),
            by,
            gated: false,
        };
        self.change(tenant, name, &spec, change).await
    }

    /// The current revision of the deployment of a model.
    ///
    /// # Errors
    /// [`ModelError::Registry`], a [`RegistryError::NotFound`] in it where it never was deployed.
    pub async fn deployment(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<ModelDeployment, ModelError> {
        let registry = &self.loader().registry;
        Ok(registry.model_deployment(tenant, name).await?)
    }

    /// Every revision of the deployment of a model, newest first.
    ///
    /// # Errors
    /// As [`Models::deployment`].
    pub async fn deployments(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Vec<ModelDeployment>, ModelError> {
        let registry = &self.loader().registry;
        Ok(registry.model_deployment_history(tenant, name).await?)
    }

    /// The current revision, where it is the one that the caller has seen.
    async fn seen(
        &self,
        tenant: &TenantId,
        name: &Name,
        after: Option<u32>,
    ) -> Result<ModelDeployment, ModelError> {
        let current = self.deployment(tenant, name).await?;
        if after.is_some_and(|after| after != current.revision) {
            return Err(ModelError::Registry(RegistryError::Conflict {
                kind: "deployment",
                name: format!("{name}, revision {}", current.revision),
                detail: "; look at it and decide again".into(),
            }));
        }
        Ok(current)
    }

    /// The stable version that answered before this one.
    async fn stable_before(
        &self,
        tenant: &TenantId,
        name: &Name,
        stable: &ModelTarget,
    ) -> Result<ModelTarget, ModelError> {
        let history = self.deployments(tenant, name).await?;
        let mut before = history.into_iter().map(|revision| revision.spec.stable);
        before.find(|before| before != stable).ok_or_else(|| {
            ModelError::Deployment(format!(
                "no other version of `{name}` was stable before {stable}; there is nothing to go back to"
            ))
        })
    }

    async fn change(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &ModelDeploymentSpec,
        change: Change<'_>,
    ) -> Result<ModelDeployment, ModelError> {
        let _turn = self.turn_to_deploy().await;
        self.reread().await?;
        let line = self.line(tenant, name);
        let before = line.current();
        let parts = self.parts(&line, spec).await?;
        if change.gated {
            // Who answers already need not ask for admission again.
            let old = before.as_deref();
            for (new, old) in [
                (Some(&parts.stable), old.map(|old| &old.stable)),
                (parts.candidate(), old.and_then(Deployed::candidate)),
            ] {
                if let Some(new) = new
                    && old.is_none_or(|old| old.target != new.target)
                {
                    self.check_gates(&new.version, &new.target, &parts.gates)
                        .await?;
                }
            }
        }
        self.load_all(&parts).await?;
        let registry = &self.loader().registry;
        let record = registry
            .put_model_deployment(tenant, name, spec, change.reason, change.after, change.by)
            .await?;
        let stable_is_new = before
            .as_ref()
            .is_some_and(|before| before.stable.target != parts.stable.target);
        if stable_is_new && change.gated {
            // What was normal for it on trial, or years ago, is not what is normal from now on.
            registry
                .remove_model_reference(tenant, name, &parts.stable.target)
                .await?;
            parts.stable.watch.forget_reference();
        }
        tracing::info!(%tenant, model = %name, revision = record.revision, stable = %spec.stable, reason = change.reason, "deployed a model");
        line.install(Arc::new(parts.deployed(record.clone())));
        // The aliases have followed. What is written stands, whether it can be read again now or later.
        if let Err(error) = self.reread().await {
            tracing::warn!(%error, "the models could not be read again at once");
        }
        Ok(record)
    }
}

/// Who changes a deployment, and why.
struct Change<'a> {
    reason: &'a str,
    after: Option<u32>,
    by: &'a str,
    /// Whether what is new must pass the gates.
    gated: bool,
}
