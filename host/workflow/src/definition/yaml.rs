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
    // Of YAML 1.1 `y`, `n`, `on` and `off` are truth values; in 1.2 they are the texts that they look like.
    options.strict_booleans = true;
    options.alias_limits.max_total_replayed_events = 100_000;
    options.alias_limits.max_replay_stack_depth = 32;
    serde_saphyr::from_str_with_options(text, options).map_err(|e| {
        // The library adds lines of the text below its message.
        let message = e.to_string();
        format!(
            "it is no YAML: {}",
            shown(message.lines().next().unwrap_or_default())
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn truth_values_are_those_of_yaml_1_2() {
        let read = parse("a: [ y, n, yes, no, on, off, true, False, ~, 1, 好 ]").unwrap();
        let wanted = json!([
            "y", "n", "yes", "no", "on", "off", true, false, null, 1, "好"
        ]);
        assert_eq!(read["a"], wanted);
        assert!(parse("a: [").is_err());
    }
}
