//! Steps of jobs: a deployed function by its name, else a plugin.

use std::collections::BTreeMap;
use std::sync::Arc;

use steward_registry::{Debugging, Limits, Name, Permissions, RegistryError, TenantId, World};

use super::Functions;
use crate::ready::{Deployment, Ready};
use crate::{Anonymizer, Cleaner, FunctionsError, Labeller};

impl Functions {
    /// The kind of the plugin behind a step of a job.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]
    pub async fn step_world(&self, tenant: &TenantId, step: &str) -> Result<World, FunctionsError> {
        Ok(self.step(tenant, step).await?.plugin.manifest.plugin.world)
    }

    /// A cleaner by the name of a deployed function, else of a plugin (`name` or `name@version`).
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`FunctionsError::InvalidSpec`] for a step of another kind.
    pub async fn cleaner(&self, tenant: &TenantId, step: &str) -> Result<Cleaner, FunctionsError> {
        Cleaner::new(self.step_of(tenant, step, World::Cleaner).await?)
    }

    /// An anonymizer by the name of a deployed function, else of a plugin (`name` or `name@version`).
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`FunctionsError::InvalidSpec`] for a step of another kind.
    pub async fn anonymizer(
        &self,
        tenant: &TenantId,
        step: &str,
    ) -> Result<Anonymizer, FunctionsError> {
        Anonymizer::new(self.step_of(tenant, step, World::Anonymizer).await?)
    }

    /// A labeller by the name of a deployed function, else of a plugin (`name` or `name@version`).
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`FunctionsError::InvalidSpec`] for a function of another kind.
    pub async fn labeller(
        &self,
        tenant: &TenantId,
        step: &str,
    ) -> Result<Labeller, FunctionsError> {
        Labeller::new(self.step_of(tenant, step, World::Labeller).await?)
    }

    async fn step_of(
        &self,
        tenant: &TenantId,
        step: &str,
        wanted: World,
    ) -> Result<Arc<Ready>, FunctionsError> {
        let ready = self.step(tenant, step).await?;
        let world = ready.plugin.manifest.plugin.world;
        if world != wanted {
            return Err(FunctionsError::InvalidSpec(format!(
                "`{step}` is of the kind `{world}`, not `{wanted}`"
            )));
        }
        Ok(ready)
    }

    async fn step(&self, tenant: &TenantId, step: &str) -> Result<Arc<Ready>, FunctionsError> {
        if let Ok(function) = self.find(tenant.as_str(), step) {
            // A job runs under one version, the one with the largest share, whatever the split.
            let largest = function.revision.spec.largest_target();
            let at = largest.map_or(0, |(at, _)| at);
            return Ok(function.targets[at].1.clone());
        }
        let wrong = |e: steward_registry::id::InvalidId| FunctionsError::InvalidSpec(e.to_string());
        let registry = &self.0.host.registry;
        let plugin = match step.split_once('@') {
            Some((name, selector)) => {
                let (name, selector) = (
                    name.parse().map_err(wrong)?,
                    selector.parse().map_err(wrong)?,
                );
                registry.plugin_version(tenant, &name, &selector).await?
            }
            None => {
                let name: Name = step.parse().map_err(wrong)?;
                registry
                    .latest_plugin_version(tenant, &name)
                    .await
                    .map_err(|error| match error {
                        RegistryError::NotFound { .. } => RegistryError::NotFound {
                            kind: "function or plugin",
                            name: step.to_owned(),
                        },
                        other => other,
                    })?
            }
        };
        // No revision of a function was written for it, which would have asked.
        registry
            .check_trusted(tenant, &plugin.name, &plugin.version)
            .await?;
        let book = self.book(tenant, &plugin.name);
        let deployment = Deployment {
            function: &plugin.name.clone(),
            grants: &Permissions::default(),
            config: &BTreeMap::new(),
            limits: &Limits::default(),
            book: &book,
            ledger: &self.0.metering.ledger(tenant, &plugin.name),
            revision: 0,
            debug: Debugging::default(),
        };
        Ok(Arc::new(self.0.host.ready(plugin, &deployment).await?))
    }
}
