//! Functions in one version, whatever is deployed meanwhile: what a run of a workflow calls from its beginning to its end.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use steward_registry::id::Selector;
use steward_registry::{Digest, Name, PluginVersion, RegistryError, Rollout, Target, TenantId};

use crate::{Function, Functions, FunctionsError};

/// Functions that are kept ready in versions that are not deployed.
const MAX_KEPT: usize = 256;

/// A function, a revision of it, and the version of its plugin.
type Key = (TenantId, Name, u32, semver::Version);

/// Functions in versions that are not what is deployed.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<Key, Arc<Function>>>);

impl Functions {
    /// The version of a function that would answer now: the one that an alias of its plugin or a digest names, else the one
    /// with the largest share of the calls.
    ///
    /// # Errors
    /// [`FunctionsError::UnknownFunction`], [`FunctionsError::NotReady`], [`RegistryError::NotFound`].
    pub async fn pin(
        &self,
        tenant: &TenantId,
        function: &str,
        at: Option<&str>,
    ) -> Result<PluginVersion, FunctionsError> {
        let registry = self.registry();
        // From the registry first: another host may have deployed it a moment ago.
        let name: Name = function
            .parse()
            .map_err(|e: steward_registry::InvalidId| FunctionsError::InvalidSpec(e.to_string()))?;
        let spec = match registry.function(tenant, &name).await {
            Ok(revision) => revision.spec,
            Err(RegistryError::NotFound { .. }) => {
                return Err(FunctionsError::UnknownFunction {
                    tenant: tenant.to_string(),
                    function: name.to_string(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let Some(at) = at else {
            let (_, largest) = spec.largest_target().ok_or_else(|| {
                FunctionsError::InvalidSpec(format!("the function `{name}` has no version"))
            })?;
            let selector = Selector::Version(largest.version.clone());
            return Ok(registry
                .plugin_version(tenant, &spec.plugin, &selector)
                .await?);
        };
        if at.starts_with("sha256:") {
            let versions = registry.plugin_versions(tenant, &spec.plugin).await?;
            let found = versions
                .into_iter()
                .find(|version| version.digest.to_string() == at);
            return found.ok_or_else(|| {
                RegistryError::NotFound {
                    kind: "plugin version",
                    name: format!("{}@{at}", spec.plugin),
                }
                .into()
            });
        }
        let selector: Selector = at
            .parse()
            .map_err(|e: steward_registry::InvalidId| FunctionsError::InvalidSpec(e.to_string()))?;
        Ok(registry
            .plugin_version(tenant, &spec.plugin, &selector)
            .await?)
    }

    /// A function in this version of its plugin, under the grants, the configuration and the limits that are deployed now.
    ///
    /// # Errors
    /// [`FunctionsError::UnknownFunction`], [`FunctionsError::NotReady`]; [`RegistryError::NotFound`] where the version is
    /// gone; [`FunctionsError::Grant`] where it asks for what is not granted any more; whatever else keeps it from being
    /// made ready.
    pub async fn pinned(
        &self,
        tenant: &TenantId,
        function: &Name,
        version: &semver::Version,
        digest: &Digest,
    ) -> Result<Arc<Function>, FunctionsError> {
        let deployed = self.find(tenant.as_str(), function.as_str())?;
        if let [(_, only)] = deployed.targets.as_slice()
            && only.plugin.digest == *digest
        {
            return Ok(deployed);
        }
        let revision = deployed.revision();
        let key = (
            tenant.clone(),
            function.clone(),
            revision.revision,
            version.clone(),
        );
        if let Some(known) = self.kept().0.lock().get(&key) {
            return Ok(known.clone());
        }
        let mut revision = revision.clone();
        revision.spec.targets = vec![Target {
            version: version.clone(),
            percent: 100,
        }];
        revision.spec.rollout = Rollout::default();
        let made = Arc::new(self.make(revision).await?);
        if made
            .targets
            .iter()
            .any(|(_, ready)| ready.plugin.digest != *digest)
        {
            return Err(RegistryError::NotFound {
                kind: "plugin version",
                name: format!("{function}@{digest}"),
            }
            .into());
        }
        let mut kept = self.kept().0.lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, made.clone());
        Ok(made)
    }
}
