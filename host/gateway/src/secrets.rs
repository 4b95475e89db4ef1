//! Values of secret configuration keys: never shown, and kept where they come back as they were shown.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use steward_registry::{
    FunctionRevision, FunctionSpec, Manifest, Name, Registry, RegistryError, Selector, TenantId,
};

use crate::api::functions::FunctionRevision as Shown;
use crate::problem::{Problem, codes};

/// What is shown in place of a secret.
const HIDDEN: &str = "***";

/// Manifests that were asked for once; revisions of one function share most of them.
type Manifests = BTreeMap<(Name, semver::Version), Option<Manifest>>;

/// The revisions without the values of their secrets.
pub(crate) async fn hidden(
    registry: &Registry,
    revisions: Vec<FunctionRevision>,
) -> Result<Vec<Shown>, Problem> {
    let mut manifests = Manifests::new();
    let mut shown = Vec::with_capacity(revisions.len());
    for mut revision in revisions {
        if !revision.spec.config.is_empty() {
            ask(registry, &revision.tenant, &revision.spec, &mut manifests).await?;
            let spec = &revision.spec;
            let secret: Vec<String> = spec
                .config
                .keys()
                .filter(|key| is_secret(spec, key, &manifests))
                .cloned()
                .collect();
            for key in secret {
                revision.spec.config.insert(key, HIDDEN.to_owned());
            }
        }
        shown.push(revision.into());
    }
    Ok(shown)
}

/// The same for one revision.
pub(crate) async fn hidden_one(
    registry: &Registry,
    revision: FunctionRevision,
) -> Result<Shown, Problem> {
    let mut one = hidden(registry, vec![revision]).await?;
    one.pop()
        .ok_or_else(|| Problem::new(&codes::INTERNAL, "a revision was lost"))
}

/// A client reads a function, changes a share of its traffic and sends it back: secrets that come
/// back as `***` stay what they are now.
pub(crate) async fn kept(
    registry: &Registry,
    tenant: &TenantId,
    mut spec: FunctionSpec,
) -> Result<FunctionSpec, Problem> {
    if spec.config.values().all(|value| value != HIDDEN) {
        return Ok(spec);
    }
    let mut manifests = Manifests::new();
    ask(registry, tenant, &spec, &mut manifests).await?;
    let current = match registry.function(tenant, &spec.name).await {
        // Of the same plugin only: a secret is not handed to other code because a name is reused.
        Ok(revision) if revision.spec.plugin == spec.plugin => revision.spec.config,
        Ok(_) => BTreeMap::new(),
        Err(RegistryError::NotFound { .. }) => BTreeMap::new(),
        Err(error) => return Err(error.into()),
    };
    let secret: Vec<String> = spec
        .config
        .iter()
        .filter(|(key, value)| *value == HIDDEN && is_secret(&spec, key, &manifests))
        .map(|(key, _)| key.clone())
        .collect();
    for key in secret {
        let value = current.get(&key).ok_or_else(|| {
            Problem::new(
                &codes::INVALID_INPUT,
                format!(
                    "`config.{key}`: `{HIDDEN}` stands for the present value, and there is none"
                ),
            )
            .with("path", format!("config.{key}"))
        })?;
        spec.config.insert(key, value.clone());
    }
    Ok(spec)
}

/// Fetches the manifests of the spec's versions that are not there yet.
async fn ask(
    registry: &Registry,
    tenant: &TenantId,
    spec: &FunctionSpec,
    manifests: &mut Manifests,
) -> Result<(), Problem> {
    for target in &spec.targets {
        if let Entry::Vacant(place) = manifests.entry((spec.plugin.clone(), target.version.clone()))
        {
            let selector = Selector::Version(target.version.clone());
            place.insert(
                match registry
                    .plugin_version(tenant, &spec.plugin, &selector)
                    .await
                {
                    Ok(version) => Some(version.manifest),
                    Err(RegistryError::NotFound { .. }) => None,
                    Err(error) => return Err(error.into()),
                },
            );
        }
    }
    Ok(())
}

/// Whether any of the versions calls the key a secret. A key that none of them declares, or one of a
/// version that is not there, is taken for one: nothing says that it may be shown.
fn is_secret(spec: &FunctionSpec, key: &str, manifests: &Manifests) -> bool {
    let mut declared = false;
    for target in &spec.targets {
        match manifests.get(&(spec.plugin.clone(), target.version.clone())) {
            Some(Some(manifest)) => match manifest.config.get(key) {
                Some(entry) if entry.secret => return true,
                Some(_) => declared = true,
                None => {}
            },
            _ => return true,
        }
    }
    !declared
}
