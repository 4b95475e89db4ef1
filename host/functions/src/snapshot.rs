//! What is deployed, in memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use steward_registry::{Digest, Name, TenantId};

use crate::{Function, FunctionsError};

/// A function that is deployed: ready, or why it is not.
#[derive(Clone)]
pub(crate) enum Entry {
    Ready(Arc<Function>),
    /// It could not be made ready on this host; tried again when its revision changes.
    Broken {
        revision: u32,
        name: Name,
        reason: String,
    },
}

impl Entry {
    pub(crate) fn revision(&self) -> u32 {
        match self {
            Self::Ready(function) => function.revision.revision,
            Self::Broken { revision, .. } => *revision,
        }
    }
}

/// All functions of all tenants at one moment. Replaced as a whole, never changed.
#[derive(Clone, Default)]
pub(crate) struct Snapshot(HashMap<TenantId, HashMap<Name, Entry>>);

impl Snapshot {
    pub(crate) fn find(
        &self,
        tenant: &str,
        function: &str,
    ) -> Result<Arc<Function>, FunctionsError> {
        let shorten = |text: &str| text.chars().take(63).collect::<String>();
        let Some(functions) = self.0.get(tenant) else {
            return Err(FunctionsError::UnknownTenant {
                tenant: shorten(tenant),
                function: shorten(function),
            });
        };
        match functions.get(function) {
            Some(Entry::Ready(function)) => Ok(function.clone()),
            Some(Entry::Broken { name, reason, .. }) => Err(FunctionsError::NotReady {
                function: name.clone(),
                reason: reason.clone(),
            }),
            None => Err(FunctionsError::UnknownFunction {
                tenant: shorten(tenant),
                function: shorten(function),
            }),
        }
    }

    pub(crate) fn get(&self, tenant: &TenantId, function: &Name) -> Option<&Entry> {
        self.0.get(tenant)?.get(function)
    }

    pub(crate) fn insert(&mut self, tenant: TenantId, function: Name, entry: Entry) {
        self.0.entry(tenant).or_default().insert(function, entry);
    }

    pub(crate) fn remove(&mut self, tenant: &TenantId, function: &Name) {
        if let Some(functions) = self.0.get_mut(tenant) {
            functions.remove(function);
            if functions.is_empty() {
                self.0.remove(tenant);
            }
        }
    }

    /// The functions with a version on trial.
    pub(crate) fn on_trial(&self) -> Vec<Arc<Function>> {
        let entries = self.0.values().flat_map(HashMap::values);
        let ready = entries.filter_map(|entry| match entry {
            Entry::Ready(function) => Some(function),
            Entry::Broken { .. } => None,
        });
        ready.filter(|f| f.trial.is_some()).cloned().collect()
    }

    /// Drops instances that have waited for too long.
    pub(crate) fn sweep(&self) {
        for entry in self.0.values().flat_map(HashMap::values) {
            if let Entry::Ready(function) = entry {
                function.sweep();
            }
        }
    }

    /// The components that functions are ready to run.
    pub(crate) fn components(&self) -> HashSet<Digest> {
        let mut used = HashSet::new();
        for entry in self.0.values().flat_map(HashMap::values) {
            if let Entry::Ready(function) = entry {
                let targets = function.targets.iter();
                used.extend(targets.map(|(_, ready)| ready.plugin.digest));
            }
        }
        used
    }
}
