//! Functions in one version, whatever is deployed meanwhile: what a run of a workflow calls from its beginning to its end.

use std::sync::Arc;
use std::time::Instant;

use steward_registry::id::Selector;
use steward_registry::{Digest, Name, PluginVersion, RegistryError, Rollout, Target, TenantId};

use crate::kept::Kept;
use crate::{Function, Functions, FunctionsError};

/// A function as it is deployed, in a version of its plugin that is not. A version that was removed and published again is
/// another component, with another digest; and one component may be several versions, each with a manifest of its own.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pin {
    tenant: TenantId,
    function: Name,
    revision: u32,
    version: semver::Version,
    digest: Digest,
}

/// Functions in versions that are not what is deployed.
pub(crate) type Pinned = Kept<Pin, Arc<Function>>;

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
            && only.plugin.version == *version
        {
            return Ok(deployed);
        }
        let mut revision = deployed.revision().clone();
        let key = Pin {
            tenant: tenant.clone(),
            function: function.clone(),
            revision: revision.revision,
            version: version.clone(),
            digest: *digest,
        };
        if let Some(known) = self.kept().get(&key, Instant::now()) {
            return Ok(known);
        }
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
        self.kept().put(key, made.clone(), Instant::now());
        Ok(made)
    }

    /// Drops instances that have waited for too long, and functions that no run will ask for again: those of a revision that
    /// is not deployed any more, and those that nobody called in a while.
    pub(crate) fn sweep_pinned(&self) {
        let deployed = self.snapshot();
        let stale = |pin: &Pin| {
            let now = deployed.get(&pin.tenant, &pin.function);
            now.is_none_or(|entry| entry.revision() != pin.revision)
        };
        for function in self.kept().sweep(Instant::now(), stale) {
            function.sweep();
        }
    }
}
