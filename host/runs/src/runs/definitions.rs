//! Workflows: applied with everything that they name, and extended.

use std::collections::BTreeMap;

use jiff::Timestamp;
use steward_registry::workflows::{
    Extension, NewWorkflow, Workflow, WorkflowSettings, WorkflowVersion,
};
use steward_registry::{Name, PermissionKind, RegistryError, TenantId};
use steward_workflow::{Error, ErrorKind, References, Workflow as Definition};

use super::Runs;
use crate::effects::Pins;
use crate::error::NOT_NOW;
use crate::{RunsError, schedule};

/// Definitions that are kept read.
const MAX_DEFINITIONS: usize = 1000;

impl Runs {
    /// Applies a workflow: reads its definition, looks for everything that it calls, and writes it. New runs follow it from
    /// now on.
    ///
    /// # Errors
    /// [`RunsError::Definition`] for a definition that cannot run here, with all that is wrong;
    /// [`RunsError::Invalid`] for a grant that no workflow can have; [`RunsError::Registry`] with
    /// [`Conflict`](RegistryError::Conflict) for another definition of a version that exists.
    pub async fn apply(
        &self,
        tenant: &TenantId,
        definition: &str,
        mut settings: WorkflowSettings,
        by: &str,
    ) -> Result<(Workflow, WorkflowVersion), RunsError> {
        let wrong = |why: String| RunsError::Definition(why);
        let read = Definition::parse(definition).map_err(|e| wrong(e.to_string()))?;
        let name: Name = read
            .document()
            .name
            .parse()
            .map_err(|e: steward_registry::InvalidId| wrong(format!("`document.name`: {e}")))?;
        let version: semver::Version = read
            .document()
            .version
            .parse()
            .map_err(|e: semver::Error| wrong(format!("`document.version`: {e}")))?;
        let unfit = settings
            .grants
            .iter()
            .find(|grant| !matches!(grant.kind(), PermissionKind::Http | PermissionKind::Secrets));
        if let Some(grant) = unfit {
            return Err(RunsError::Invalid(format!(
                "`{grant}` is nothing that a workflow is granted: it has `http` and `secrets`; functions have their own grants"
            )));
        }
        if settings.concurrency == Some(0) {
            return Err(RunsError::Invalid("`concurrency` is at least 1".into()));
        }
        self.check_references(tenant, &name, &read, &settings)
            .await?;
        let planned = read.schedule();
        settings.starts_on = match planned.and_then(|planned| planned.on.as_ref()) {
            None => Vec::new(),
            Some(on) => match on.types() {
                // Any type may be asked for.
                types if types.is_empty() => vec![String::new()],
                types => types,
            },
        };
        let next_at = match planned {
            Some(planned) => schedule::first(planned, Timestamp::now()).map_err(wrong)?,
            None => None,
        };
        let new = NewWorkflow {
            name,
            version,
            definition: read.source().clone(),
            settings,
            next_at,
        };
        Ok(self.0.registry.put_workflow(tenant, &new, by).await?)
    }

    /// Whether what a definition names is there.
    async fn check_references(
        &self,
        tenant: &TenantId,
        name: &Name,
        definition: &Definition,
        settings: &WorkflowSettings,
    ) -> Result<(), RunsError> {
        let references = definition.references();
        let extensions = self.extensions(tenant, name).await?;
        let refused = |error: Error| RunsError::of(&error, RunsError::Definition);
        let pinned = self.effects().pin(tenant, references, &extensions).await;
        let pins = pinned.map_err(refused)?;
        let checked = self.effects().check_given(tenant, references, &pins).await;
        checked.map_err(refused)?;
        for secret in &references.secrets {
            let granted = settings.grants.secrets.iter().any(|g| g.as_str() == secret);
            if !granted {
                return Err(RunsError::Definition(format!(
                    "it uses the secret `{secret}`, which is not granted; apply it with `--grant secrets={secret}`"
                )));
            }
        }
        for (workflow, pointer) in &references.workflows {
            // A workflow may be a part of itself: its own name is not there yet when it is applied first.
            if workflow.name == name.as_str() {
                continue;
            }
            let missing = |why: String| RunsError::Definition(format!("{pointer}: {why}"));
            let part: Name = workflow
                .name
                .parse()
                .map_err(|e: steward_registry::InvalidId| missing(e.to_string()))?;
            let found = self.0.registry.workflow(tenant, &part).await;
            found.map_err(|e| match e {
                RegistryError::NotFound { .. } => missing(e.to_string()),
                e => e.into(),
            })?;
        }
        Ok(())
    }

    /// Says which deployed functions are the steps at a point of a workflow, in place of those that were.
    ///
    /// # Errors
    /// [`RunsError::Invalid`] where the workflow has no such point, a function is no step, or a step cannot take what it
    /// would get there; [`RunsError::Registry`].
    pub async fn extend(
        &self,
        tenant: &TenantId,
        name: &Name,
        point: &str,
        steps: &[Name],
        by: &str,
    ) -> Result<Vec<Extension>, RunsError> {
        let workflow = self.0.registry.workflow(tenant, name).await?;
        let definition = self.definition(tenant, name, &workflow.version).await;
        let definition = definition.map_err(|e| RunsError::of(&e, RunsError::Definition))?;
        let points = &definition.references().extensions;
        if !steps.is_empty() && !points.contains_key(point) {
            let known: Vec<&str> = points.keys().map(String::as_str).collect();
            return Err(RunsError::Invalid(match known.is_empty() {
                true => format!("the workflow `{name}` has no extension points"),
                false => format!(
                    "the workflow `{name}` has no extension point of this name; it has {}",
                    known.join(", ")
                ),
            }));
        }
        for step in steps {
            let checked = self.effects().check_step(tenant, step).await;
            checked.map_err(|error| RunsError::of(&error, RunsError::Invalid))?;
        }
        if let Some(pointer) = points.get(point) {
            let refused = |error: Error| RunsError::of(&error, RunsError::Invalid);
            // This point alone: what else the workflow calls does not keep anybody from extending it.
            let only = References {
                extensions: BTreeMap::from([(point.to_owned(), pointer.clone())]),
                payloads: definition.references().payloads.clone(),
                ..References::default()
            };
            let steps = BTreeMap::from([(point.to_owned(), steps.to_vec())]);
            let pins = self.effects().pin(tenant, &only, &steps).await;
            let pins = pins.map_err(refused)?;
            let checked = self.effects().check_given(tenant, &only, &pins).await;
            checked.map_err(refused)?;
        }
        let registry = &self.0.registry;
        Ok(registry
            .put_extensions(tenant, name, point, steps, by)
            .await?)
    }

    /// The extension points that the version calls which new runs of a workflow follow; none where this host can read no
    /// definition in it.
    ///
    /// # Errors
    /// [`RunsError::Unavailable`]
    pub async fn points(&self, workflow: &Workflow) -> Result<Vec<String>, RunsError> {
        let (tenant, name) = (&workflow.tenant, &workflow.name);
        let read = self.definition(tenant, name, &workflow.version).await;
        match read.map_err(|error| RunsError::of(&error, RunsError::Definition)) {
            Ok(read) => Ok(read.references().extensions.keys().cloned().collect()),
            Err(RunsError::Definition(error)) => {
                tracing::warn!(%tenant, workflow = %name, error, "a workflow cannot be read");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// The steps of each extension point of a workflow.
    async fn extensions(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<BTreeMap<String, Vec<Name>>, RegistryError> {
        let mut all: BTreeMap<String, Vec<Name>> = BTreeMap::new();
        for extension in self.0.registry.extensions(tenant, name).await? {
            all.entry(extension.point)
                .or_default()
                .push(extension.function);
        }
        Ok(all)
    }

    /// A definition, read once.
    pub(crate) async fn definition(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &semver::Version,
    ) -> Result<Definition, Error> {
        let broken = |why: String| Error::new(ErrorKind::Configuration, why);
        let unread = |e: RegistryError| match e {
            RegistryError::NotFound { .. } => broken(e.to_string()),
            e => not_now(&e),
        };
        let registry = &self.0.registry;
        let digest = registry.workflow_digest(tenant, name, version).await;
        if let Some(known) = self.0.definitions.lock().get(&digest.map_err(unread)?) {
            return Ok(known.clone());
        }
        let kept = registry.workflow_version(tenant, name, version).await;
        let kept = kept.map_err(unread)?;
        let read = Definition::parse(&kept.definition.to_string());
        let read = read.map_err(|e| broken(e.to_string()))?;
        let mut definitions = self.0.definitions.lock();
        if definitions.len() >= MAX_DEFINITIONS {
            definitions.clear();
        }
        definitions.insert(kept.digest, read.clone());
        Ok(read)
    }

    /// What a run that begins now calls, each in a version.
    pub(crate) async fn pins(
        &self,
        tenant: &TenantId,
        name: &Name,
        definition: &Definition,
    ) -> Result<Pins, Error> {
        let extensions = self.extensions(tenant, name).await;
        let extensions = extensions.map_err(|e| not_now(&e))?;
        let references = definition.references();
        self.effects().pin(tenant, references, &extensions).await
    }
}

/// The registry does not answer.
fn not_now(error: &RegistryError) -> Error {
    Error::new(ErrorKind::Runtime, error.to_string()).with_status(NOT_NOW)
}
