//! From what the registry says to functions that are ready to be called.

use std::sync::Arc;

use steward_capabilities::Denial;
use steward_registry::id::Selector;
use steward_registry::{FunctionRevision, FunctionSpec, PluginVersion};

use super::Functions;
use crate::ready::{Deployment, Ready};
use crate::rollout::Trial;
use crate::snapshot::{Entry, Snapshot};
use crate::{Function, FunctionsError};

/// Calls of one function that run at the same time, where nothing else is said.
pub(crate) const CONCURRENCY: u32 = 200;
/// Calls of one function that wait for their turn, where nothing else is said.
pub(crate) const QUEUE: u32 = 1000;

impl Functions {
    /// Takes over what has been changed in the registry since the last look.
    ///
    /// # Errors
    /// [`FunctionsError::Registry`]; what is known goes on being served.
    pub async fn refresh(&self) -> Result<(), FunctionsError> {
        let mut seen = self.0.rebuilding.lock().await;
        let revision = self.0.host.registry.revision().await?;
        if revision == *seen {
            return Ok(());
        }
        // At once: asking takes longer than what is found.
        let models = self.0.host.capabilities.models();
        let functions = self.0.host.registry.all_functions();
        let ((), deployed) = tokio::try_join!(models.refresh(), functions)?;
        let old = self.0.snapshot.load_full();
        let mut new = Snapshot::default();
        for function in deployed {
            let (tenant, name) = (function.tenant.clone(), function.spec.name.clone());
            let entry = match old.get(&tenant, &name) {
                Some(entry) if entry.revision() == function.revision => entry.clone(),
                _ => self.make_entry(function).await,
            };
            if let Entry::Ready(function) = &entry {
                function.takes_over();
            }
            new.insert(tenant, name, entry);
        }
        let used = new.components();
        self.0.host.keep_only(|digest| used.contains(digest));
        self.0.snapshot.store(Arc::new(new));
        *seen = revision;
        Ok(())
    }

    async fn make_entry(&self, deployed: FunctionRevision) -> Entry {
        let (revision, name) = (deployed.revision, deployed.spec.name.clone());
        match self.make(deployed).await {
            Ok(function) => Entry::Ready(Arc::new(function)),
            Err(error) => {
                tracing::error!(function = %name, revision, %error, "function not ready");
                Entry::Broken {
                    revision,
                    name,
                    reason: error.to_string(),
                }
            }
        }
    }

    /// Makes a revision ready to be called.
    pub(crate) async fn make(
        &self,
        revision: FunctionRevision,
    ) -> Result<Function, FunctionsError> {
        let (tenant, spec) = (&revision.tenant, &revision.spec);
        let book = self.book(tenant, &spec.name);
        let mut targets: Vec<(u32, Arc<Ready>)> = Vec::new();
        let mut end = 0;
        let ledger = self.0.metering.ledger(tenant, &spec.name);
        let turns = self
            .0
            .host
            .turns
            .function(tenant.as_str(), spec.name.as_str());
        let mut limits = spec.limits;
        let mut plugins = Vec::new();
        for target in &spec.targets {
            let selector = Selector::Version(target.version.clone());
            let registry = &self.0.host.registry;
            plugins.push(
                registry
                    .plugin_version(tenant, &spec.plugin, &selector)
                    .await?,
            );
        }
        check_consent(spec, &plugins)?;
        for (target, plugin) in spec.targets.iter().zip(plugins) {
            let asked = &plugin.manifest.limits;
            limits.concurrency = spec.limits.concurrency.or(asked.concurrency);
            limits.queue = spec.limits.queue.or(asked.queue);
            limits.log_lines_per_second =
                (spec.limits.log_lines_per_second).or(asked.log_lines_per_second);
            let deployment = Deployment {
                function: &spec.name,
                grants: &spec.grants,
                config: &spec.config,
                limits: &spec.limits,
                book: &book,
                ledger: &ledger,
                revision: revision.revision,
                debug: spec.debug,
            };
            end += u32::from(target.percent);
            targets.push((end, Arc::new(self.0.host.ready(plugin, &deployment).await?)));
        }
        let Some((_, first)) = targets.first() else {
            return Err(FunctionsError::InvalidSpec(
                "a function needs at least one version".into(),
            ));
        };
        let world = first.plugin.manifest.plugin.world;
        let trial = Trial::of(spec)?;
        Ok(Function {
            world,
            targets,
            turns,
            trial,
            concurrency: limits.concurrency.unwrap_or(CONCURRENCY),
            queue: limits.queue.unwrap_or(QUEUE),
            log_lines_per_second: limits.log_lines_per_second,
            revision,
        })
    }
}

/// What the versions ask for together is granted: all that is missing is told at once.
fn check_consent(spec: &FunctionSpec, plugins: &[PluginVersion]) -> Result<(), FunctionsError> {
    let mut missing = Vec::new();
    for plugin in plugins {
        for wanted in plugin.manifest.requests.ungranted(&spec.grants) {
            if !missing.contains(&wanted) {
                missing.push(wanted);
            }
        }
    }
    match Denial::of_missing(missing) {
        Some(denial) => Err(denial.into()),
        None => Ok(()),
    }
}
