//! What is registered, as it was when it was read last.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use semver::Version;
use steward_registry::id::Selector;
use steward_registry::{Digest, ModelRef, ModelVersion, Name, Registry, RegistryError, TenantId};

use crate::files::MODEL_FILE;
use crate::{ModelError, Named, Resolved};

/// Every version of every model.
#[derive(Default)]
pub(crate) struct Snapshot {
    /// By tenant and name.
    models: HashMap<(TenantId, Name), Entry>,
    /// Every graph, by tenant and bytes: most of what is none of them is told by its size alone.
    graphs: HashMap<(TenantId, u64), Vec<(Digest, Named)>>,
}

#[derive(Default)]
struct Entry {
    versions: BTreeMap<Version, Arc<ModelVersion>>,
    aliases: HashMap<Name, Version>,
}

impl Snapshot {
    pub(crate) async fn read(registry: &Registry) -> Result<Self, RegistryError> {
        let mut entries = HashMap::<_, Entry>::new();
        let (versions, aliases) =
            tokio::try_join!(registry.all_models(), registry.all_model_aliases())?;
        for version in versions {
            let key = (version.tenant.clone(), version.name.clone());
            let entry = entries.entry(key).or_default();
            entry
                .versions
                .insert(version.version.clone(), Arc::new(version));
        }
        for (tenant, model, alias, version) in aliases {
            if let Some(entry) = entries.get_mut(&(tenant, model)) {
                entry.aliases.insert(alias, version);
            }
        }
        Ok(Self::of(entries))
    }

    fn of(models: HashMap<(TenantId, Name), Entry>) -> Self {
        let mut graphs = HashMap::<_, Vec<_>>::new();
        for ((tenant, _), entry) in &models {
            for (size, digest, named) in entry.graphs() {
                let of_size = graphs.entry((tenant.clone(), size)).or_default();
                of_size.push((digest, named));
            }
        }
        for of_size in graphs.values_mut() {
            of_size.sort_by(|(_, a), (_, b)| a.place().cmp(&b.place()));
        }
        Self { models, graphs }
    }

    /// The graphs of the tenant that have so many bytes, with their digests: by name, the highest version
    /// first.
    pub(crate) fn graphs(&self, tenant: &TenantId, size: u64) -> &[(Digest, Named)] {
        let of_size = self.graphs.get(&(tenant.clone(), size));
        of_size.map_or(&[], Vec::as_slice)
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
        self.models
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
    /// The graphs of every version and variant: size, digest and what they are called.
    fn graphs(&self) -> impl Iterator<Item = (u64, Digest, Named)> + '_ {
        self.versions.values().flat_map(move |version| {
            let own = version.files.get(MODEL_FILE).map(|file| (None, file));
            let variants = version.variants.iter();
            let variants = variants.map(|(name, variant)| (Some(name), &variant.file));
            own.into_iter().chain(variants).map(move |(variant, file)| {
                let resolved = Resolved {
                    version: Arc::clone(version),
                    variant: variant.cloned(),
                };
                (file.size, file.digest, self.named(resolved))
            })
        })
    }

    /// Weights of this model, with every reference that means them.
    fn named(&self, resolved: Resolved) -> Named {
        let version = &resolved.version.version;
        let aliases = self.aliases.iter().filter(|(_, names)| *names == version);
        let of_alias = |(alias, _): (&Name, _)| ModelRef {
            selector: Some(Selector::Alias(alias.clone())),
            ..resolved.reference()
        };
        let mut references = vec![resolved.reference()];
        references.extend(aliases.map(of_alias));
        Named {
            resolved,
            references,
        }
    }

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
