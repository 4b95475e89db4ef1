//! What is registered, as it was when it was read last.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use semver::Version;
use steward_registry::id::Selector;
use steward_registry::{ModelRef, ModelVersion, Name, Registry, RegistryError, TenantId};

use crate::ModelError;

/// Every version of every model, by tenant and name.
#[derive(Default)]
pub(crate) struct Snapshot(HashMap<(TenantId, Name), Entry>);

#[derive(Default)]
struct Entry {
    versions: BTreeMap<Version, Arc<ModelVersion>>,
    aliases: HashMap<Name, Version>,
}

impl Snapshot {
    pub(crate) async fn read(registry: &Registry) -> Result<Self, RegistryError> {
        let mut entries = HashMap::<_, Entry>::new();
        for version in registry.all_models().await? {
            let key = (version.tenant.clone(), version.name.clone());
            let entry = entries.entry(key).or_default();
            entry
                .versions
                .insert(version.version.clone(), Arc::new(version));
        }
        for (tenant, model, alias, version) in registry.all_model_aliases().await? {
            if let Some(entry) = entries.get_mut(&(tenant, model)) {
                entry.aliases.insert(alias, version);
            }
        }
        Ok(Self(entries))
    }

    /// The version that a reference names, deployments left aside.
    ///
    /// # Errors
    /// [`ModelError::NoSuch`]
    pub(crate) fn find(
        &self,
        tenant: &TenantId,
        model: &ModelRef,
    ) -> Result<Arc<ModelVersion>, ModelError> {
        self.0
            .get(&(tenant.clone(), model.name.clone()))
            .and_then(|entry| entry.select(model.selector.as_ref()))
            .filter(|version| {
                let variant = model.variant.as_ref();
                variant.is_none_or(|variant| version.variants.contains_key(variant))
            })
            .cloned()
            .ok_or_else(|| ModelError::NoSuch {
                model: model.clone(),
            })
    }
}

impl Entry {
    /// The same rule as the registry's: alias `stable`, else the highest release, else the highest.
    fn select(&self, selector: Option<&Selector>) -> Option<&Arc<ModelVersion>> {
        match selector {
            Some(Selector::Version(version)) => self.versions.get(version),
            Some(Selector::Alias(alias)) => self.versions.get(self.aliases.get(alias)?),
            None => self
                .aliases
                .get("stable")
                .and_then(|version| self.versions.get(version))
                .or_else(|| {
                    self.versions
                        .values()
                        .rev()
                        .find(|v| v.version.pre.is_empty())
                })
                .or_else(|| self.versions.values().next_back()),
        }
    }
}
