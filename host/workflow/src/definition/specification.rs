//! The JSON Schema of the specification, which a definition keeps beside our own rules.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// `workflow.yaml` of version 1.0.3, Apache-2.0, from the CNCF Serverless Workflow specification, unchanged; `NOTICE` is beside
/// it. It is ours to choose and uses more of JSON Schema than strangers may, so a whole validator reads it.
const SCHEMA: &str = include_str!("../../schema/workflow.yaml");

// With formats: without them a text that is an expression is also each of its alternatives, of which only one may hold.
static VALIDATOR: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let schema: Value = super::yaml::parse(SCHEMA).ok()?;
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&schema)
        .ok()
});

/// What breaks the schema of the specification, as pointers and reasons. Read after our own rules, which say the same more
/// clearly where they see it: the schema tells alternatives apart by trying them all.
pub(super) fn breaches(definition: &Value) -> Vec<(String, String)> {
    let Some(validator) = &*VALIDATOR else {
        return vec![(
            String::new(),
            "the schema of the specification cannot be read".to_owned(),
        )];
    };
    validator
        .iter_errors(definition)
        .take(crate::problem::MAX_PROBLEMS)
        .map(|error| {
            let reason = crate::problem::shown(&error.to_string());
            (
                error.instance_path().to_string(),
                format!("it is not as the specification has it: {reason}"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_the_specification_is_read() {
        assert!(VALIDATOR.is_some());
        assert!(!breaches(&Value::Null).is_empty());
    }
}
