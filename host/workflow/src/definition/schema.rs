//! JSON Schemas of inputs, outputs and the context.

use std::sync::Arc;

use serde_json::Value;

/// A schema that was read. Checking a value against it has an end, whatever either of them is; nothing is fetched.
#[derive(Debug, Clone)]
pub(crate) struct Schema(Arc<steward_schema::Schema>);

impl Schema {
    /// Reads a schema of draft 2020-12, of the keywords that `steward-schema` lists.
    ///
    /// # Errors
    /// Why it is none, as a text.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        steward_schema::Schema::of(schema)
            .map(|schema| Self(Arc::new(schema)))
            .map_err(|e| format!("it is no JSON Schema that can be used here: {e}"))
    }

    /// # Errors
    /// What breaks the schema first, with a pointer into the value.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.0.check(value).map_err(|breach| breach.to_string())
    }
}
