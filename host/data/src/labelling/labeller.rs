//! Which labeller said it.

use serde::{Deserialize, Serialize};
use steward_functions::Labeller;
use steward_registry::{Digest, Name};

/// A labeller that was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabellerUsed {
    /// The function, as it was named.
    pub function: Name,
    /// The plugin that answered, as `labeller@0.1.0`.
    pub plugin: String,
    /// The digest of its component.
    pub digest: Digest,
}

impl LabellerUsed {
    pub(super) fn of(function: &Name, labeller: &Labeller) -> Self {
        let plugin = labeller.plugin();
        Self {
            function: function.clone(),
            plugin: format!("{}@{}", plugin.name, plugin.version),
            digest: plugin.digest,
        }
    }
}
