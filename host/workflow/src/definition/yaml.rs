//! YAML and JSON as values, within bounds: a text of a megabyte makes no more than a few megabytes.

use serde_json::Value;
use serde_saphyr::{Budget, Options};

use crate::problem::shown;

/// Reads a text of YAML 1.2, or JSON, which is YAML.
///
/// # Errors
/// Why it is none, or what is too much about it.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    let mut budget = Budget::default();
    budget.max_depth = 128;
    budget.max_nodes = 100_000;
    budget.max_events = 400_000;
    budget.max_aliases = 1_000;
    budget.max_anchors = 1_000;
    budget.max_documents = 1;
    budget.max_total_scalar_bytes = 2 << 20;
    budget.max_merge_keys = 1_000;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.alias_limits.max_total_replayed_events = 100_000;
    options.alias_limits.max_replay_stack_depth = 32;
    serde_saphyr::from_str_with_options(text, options).map_err(|e| {
        // The library adds lines of the text below its message.
        let message = e.to_string();
        format!("it is no YAML: {}", shown(message.lines().next().unwrap_or_default()))
    })
}
