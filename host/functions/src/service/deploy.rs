//! Deployments: checked and made ready before they are written, served once they are.

use std::collections::HashSet;
use std::sync::Arc;

use steward_capabilities::Denial;
use steward_registry::{
    FunctionRevision, FunctionSpec, Name, Permissions, Target, TenantId, World,
};

use super::Functions;
use crate::snapshot::Entry;
use crate::{Function, FunctionsError};

/// Versions that can share the calls of one function.
const MAX_TARGETS: usize = 8;

impl Functions {
    /// Deploys a function: from the moment this returns, this node answers with it.
    ///
    /// # Errors
    /// [`FunctionsError::InvalidSpec`], [`FunctionsError::Grant`], [`RegistryError::NotFound`](steward_registry::RegistryError::NotFound) for
    /// a version that is not published.
    pub async fn deploy(
        &self,
        tenant: &TenantId,
        spec: FunctionSpec,
        by: &str,
    ) -> Result<FunctionRevision, FunctionsError> {
        self.deploy_after(tenant, spec, "", None, by).await
    }

    /// The same with a reason, and only where the current revision is the one that the caller has seen.
    ///
    /// # Errors
    /// As [`Functions::deploy`]; [`RegistryError::Conflict`](steward_registry::RegistryError::Conflict) where `after` is not the current revision.
    pub async fn deploy_after(
        &self,
        tenant: &TenantId,
        spec: FunctionSpec,
        reason: &str,
        after: Option<u32>,
        by: &str,
    ) -> Result<FunctionRevision, FunctionsError> {
        check_spec(&spec)?;
        // Made ready before it is written: what cannot run is never deployed.
        let draft = FunctionRevision {
            tenant: tenant.clone(),
            revision: 0,
            spec: spec.clone(),
            reason: String::new(),
            created_at: Default::default(),
            created_by: by.to_owned(),
        };
        let function = self.make(draft).await?;
        check_versions(&function)?;
        for (_, ready) in &function.targets {
            ready.warm().await.map_err(|error| match error {
                FunctionsError::Trap { .. } => FunctionsError::InvalidSpec(format!(
                    "{} does not start under these limits and grants: {error}",
                    ready.plugin.version
                )),
                other => other,
            })?;
        }
        let revision = self
            .registry()
            .put_function_after(tenant, &spec, reason, after, by)
            .await?;
        self.put(function, revision.clone()).await;
        Ok(revision)
    }

    /// Puts a function that is ready into the snapshot, unless a newer revision is there.
    async fn put(&self, mut function: Function, revision: FunctionRevision) {
        function.revision = revision;
        let _alone = self.0.rebuilding.lock().await;
        let (tenant, name) = (
            function.revision.tenant.clone(),
            function.revision.spec.name.clone(),
        );
        let mut snapshot = (*self.0.snapshot.load_full()).clone();
        let newer = snapshot
            .get(&tenant, &name)
            .is_some_and(|e| e.revision() > function.revision.revision);
        if !newer {
            function.takes_over();
            snapshot.insert(tenant, name, Entry::Ready(Arc::new(function)));
            self.0.snapshot.store(Arc::new(snapshot));
        }
    }

    /// Deploys the specification of an earlier revision again; none means the one before. What that granted and the
    /// current one does not must be in `consent`: a grant that was taken away does not come back by itself. A version
    /// that was on trial then is not brought back with it.
    ///
    /// # Errors
    /// [`Denial::Widens`], [`RegistryError::NotFound`](steward_registry::RegistryError::NotFound), [`RegistryError::Conflict`](steward_registry::RegistryError::Conflict) where somebody deployed it at the
    /// same time, and what [`Functions::deploy`] finds: what does not start any more is not gone back to.
    pub async fn rollback(
        &self,
        tenant: &TenantId,
        function: &Name,
        to: Option<u32>,
        consent: &Permissions,
        by: &str,
    ) -> Result<FunctionRevision, FunctionsError> {
        let registry = &self.0.host.registry;
        let (current, wanted) = registry
            .function_to_go_back_to(tenant, function, to)
            .await?;
        let mut added: Vec<_> = wanted.spec.grants.beyond(&current.spec.grants).collect();
        added.retain(|permission| !consent.cover(permission));
        if !added.is_empty() {
            let revision = wanted.revision;
            return Err(Denial::Widens { revision, added }.into());
        }
        // Written after the revision whose grants were looked at, or not at all: who takes a grant away meanwhile does not
        // see it come back.
        let spec = wanted.spec.without_candidate();
        let reason = format!("back to revision {}", wanted.revision);
        self.deploy_after(tenant, spec, &reason, Some(current.revision), by)
            .await
    }

    /// Takes a function out of service. Calls that run come to their end.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`](steward_registry::RegistryError::NotFound)
    pub async fn delete(&self, tenant: &TenantId, function: &Name) -> Result<(), FunctionsError> {
        self.0
            .host
            .registry
            .delete_function(tenant, function)
            .await?;
        let _alone = self.0.rebuilding.lock().await;
        let mut snapshot = (*self.0.snapshot.load_full()).clone();
        snapshot.remove(tenant, function);
        self.0.snapshot.store(Arc::new(snapshot));
        Ok(())
    }
}

/// The rules of a deployment that need no look at its versions.
fn check_spec(spec: &FunctionSpec) -> Result<(), FunctionsError> {
    let invalid = |why: String| Err(FunctionsError::InvalidSpec(why));
    if spec.targets.is_empty() || spec.targets.len() > MAX_TARGETS {
        return invalid(format!(
            "a function has 1 to {MAX_TARGETS} versions, not {}",
            spec.targets.len()
        ));
    }
    let distinct: HashSet<&semver::Version> =
        spec.targets.iter().map(|target| &target.version).collect();
    if distinct.len() != spec.targets.len() {
        return invalid("a version is named twice".into());
    }
    let total: u32 = spec
        .targets
        .iter()
        .map(|Target { percent, .. }| u32::from(*percent))
        .sum();
    if total != 100 {
        return invalid(format!(
            "the shares of the versions add up to {total}, not to 100"
        ));
    }
    if let Some((key, _)) = spec
        .config
        .iter()
        .find(|(_, v)| v.len() > steward_capabilities::config::MAX_VALUE_BYTES)
    {
        return invalid(format!("the value of `{key}` has more than 64 KiB"));
    }
    spec.limits
        .check("limits")
        .map_err(FunctionsError::Manifest)
}

/// The rules that compare its versions with each other.
fn check_versions(function: &Function) -> Result<(), FunctionsError> {
    let faces: HashSet<World> = function
        .targets
        .iter()
        .map(|(_, ready)| ready.plugin.manifest.plugin.world)
        .collect();
    let typed: HashSet<bool> = function
        .targets
        .iter()
        .map(|(_, ready)| ready.face == steward_capabilities::policy::Face::Typed)
        .collect();
    if faces.len() > 1 || typed.len() > 1 {
        return Err(FunctionsError::InvalidSpec(
            "the versions are of different kinds".into(),
        ));
    }
    let manifests = || {
        function
            .targets
            .iter()
            .map(|(_, ready)| &ready.plugin.manifest)
    };
    // A grant that no version asks for is a mistake; one that is wider than what is asked is not.
    let unasked = function.revision.spec.grants.iter().find(|grant| {
        !manifests().any(|m| {
            m.requests
                .iter()
                .any(|asked| grant.covers(&asked) || asked.covers(grant))
        })
    });
    let Some(unasked) = unasked else {
        return Ok(());
    };
    Err(FunctionsError::InvalidSpec(format!(
        "the grant `{unasked}` is not requested by the plugin's manifest"
    )))
}
