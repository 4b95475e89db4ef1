//! `steward:config`: the configuration of the deployed function.

use std::collections::BTreeMap;
use std::sync::Arc;

use steward_registry::Manifest;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::steward::config::config as wit;
use crate::{Denial, GuestState};

/// Longest value of a configuration key, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The values that a guest sees, by key; `None` where neither deployment nor manifest sets one.
#[derive(Debug, Clone, Default)]
pub struct Authorized(Arc<BTreeMap<String, Option<String>>>);

impl Authorized {
    /// The value of a key; none where it has none or is not declared.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned().flatten()
    }

    /// Every key that has a value.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        let pairs = self.0.iter();
        pairs
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .collect()
    }
}

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

/// Merges the values of the deployment over the defaults of the manifest.
///
/// # Errors
/// [`Denial::UndeclaredConfig`] for a key that the manifest does not declare.
pub fn authorize(
    manifest: &Manifest,
    values: &BTreeMap<String, String>,
) -> Result<Authorized, Denial> {
    if let Some(key) = values
        .keys()
        .find(|key| !manifest.config.contains_key(*key))
    {
        let declared: Vec<_> = manifest.config.keys().map(String::as_str).collect();
        return Err(Denial::UndeclaredConfig {
            plugin: manifest.plugin.name.clone(),
            key: key.clone(),
            declared: if declared.is_empty() {
                "none".into()
            } else {
                declared.join(", ")
            },
        });
    }
    let merged = manifest.config.iter().map(|(key, declared)| {
        let value = values.get(key).or(declared.default.as_ref());
        (key.clone(), value.cloned())
    });
    Ok(Authorized(Arc::new(merged.collect())))
}

impl wit::Host for GuestState {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, wit::Error>> {
        self.count_host_call()?;
        Ok(match self.authorized.config.0.get(&key) {
            Some(value) => Ok(value.clone()),
            // The key alone: those who wrote the SDKs make a sentence of it.
            None => Err(wit::Error::Undeclared(key.chars().take(63).collect())),
        })
    }
}
