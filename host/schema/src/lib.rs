//! JSON Schema (2020-12) of strangers, read and applied within bounds.
//!
//! A schema comes from whoever wrote a plugin, and it is applied to values of whoever calls it: neither may make the host
//! compute without end. So there is no remote reference and no dynamic one, expressions are those of the crate `regex`
//! (linear in their input), a schema has a largest size and depth, and a check has a number of steps after which it is
//! given up ([`Invalid::TooMuch`]).
//!
//! What a schema says is checked, or the schema is refused: a keyword that is not among these is an error that names it.
//!
//! | about | keywords |
//! | --- | --- |
//! | any value | `type`, `enum`, `const` |
//! | numbers | `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf` |
//! | texts | `minLength`, `maxLength` (code points), `pattern` |
//! | lists | `items`, `prefixItems`, `minItems`, `maxItems`, `uniqueItems` |
//! | objects | `properties`, `patternProperties`, `additionalProperties`, `propertyNames`, `required`, `dependentRequired`, `minProperties`, `maxProperties` |
//! | together | `allOf`, `anyOf`, `oneOf`, `not`, `if`, `then`, `else` |
//! | elsewhere | `$defs`, `$ref` to `#` or `#/$defs/NAME` |
//! | for people | `$schema`, `$id`, `$comment`, `title`, `description`, `default`, `examples`, `deprecated`, `readOnly`, `writeOnly`, `format`, `contentMediaType`, `contentEncoding` |
//!
//! `format` says something to people and nothing to the check, as the specification has it where nothing else is agreed.
#![deny(missing_docs)]

mod apart;
mod check;
mod read;

pub use check::Budget;
pub use read::{MAX_DEPTH, MAX_SCHEMA_BYTES};

use serde_json::Value;

/// Why a text is no schema that can be held to. The text names the place as a JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSchema(pub String);

/// Why a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It breaks a rule of the schema.
    #[error("{}: {reason}", if pointer.is_empty() { "the value" } else { pointer })]
    Broken {
        /// Where in the value, as a JSON Pointer; empty for the whole of it.
        pointer: String,
        /// Which rule.
        reason: String,
    },
    /// The check takes more steps than it may: value and schema together are too large.
    #[error("the check against the schema takes more than {0} steps")]
    TooMuch(u32),
}

/// A schema that was read.
#[derive(Debug)]
pub struct Schema {
    nodes: Vec<read::Node>,
}

impl Schema {
    /// Reads a schema from JSON text.
    ///
    /// # Errors
    /// [`InvalidSchema`] for what is no JSON, no schema, too large, or has a keyword that is not checked here.
    pub fn parse(text: &str) -> Result<Self, InvalidSchema> {
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(InvalidSchema(format!(
                "the schema has {} bytes; at most {MAX_SCHEMA_BYTES} are read",
                text.len()
            )));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|e| InvalidSchema(format!("no JSON: {e}")))?;
        Self::of(&value)
    }

    /// Reads a schema.
    ///
    /// # Errors
    /// Those of [`Schema::parse`].
    pub fn of(value: &Value) -> Result<Self, InvalidSchema> {
        read::read(value).map(|nodes| Self { nodes })
    }

    /// Holds a value against the schema.
    ///
    /// # Errors
    /// The first rule that it breaks, or [`Invalid::TooMuch`].
    pub fn check(&self, value: &Value) -> Result<(), Invalid> {
        check::check(&self.nodes, 0, value, None, &mut Budget::of_checks(1))
    }

    /// Holds what is known of a value against the schema, before all of it is known: the parts for which `open` holds may
    /// yet be anything. It is an error only where whatever takes their place breaks a rule, so that a value which breaks
    /// none here may still break one in the end.
    ///
    /// ```
    /// # use steward_schema::Schema;
    /// # use serde_json::json;
    /// let schema = Schema::of(&json!({"required": ["to"], "properties": {"copies": {"type": "integer"}}}))?;
    /// let open = |part: &serde_json::Value| part == "?";
    /// assert!(schema.check_known(&json!({"to": "?", "copies": "?"}), open).is_ok());
    /// assert!(schema.check_known(&json!({"to": "?", "copies": "two"}), open).is_err());
    /// assert!(schema.check_known(&json!({"copies": "?"}), open).is_err());
    /// # Ok::<(), steward_schema::InvalidSchema>(())
    /// ```
    ///
    /// # Errors
    /// As [`Schema::check`].
    pub fn check_known(&self, value: &Value, open: fn(&Value) -> bool) -> Result<(), Invalid> {
        self.check_known_within(value, open, &mut Budget::of_checks(1))
    }

    /// As [`Schema::check_known`], with what is left of a budget that it shares with other checks.
    ///
    /// # Errors
    /// As [`Schema::check`].
    pub fn check_known_within(
        &self,
        value: &Value,
        open: fn(&Value) -> bool,
        budget: &mut Budget,
    ) -> Result<(), Invalid> {
        check::check(&self.nodes, 0, value, Some(open), budget)
    }

    /// Why no value fits both this schema and another one, where that is plain from their types, their fields and their
    /// values; the text names the place as a JSON Pointer. None says nothing: whether two schemas have a value in common
    /// is not computed in general.
    pub fn apart(&self, other: &Self) -> Option<String> {
        self.apart_within(other, &mut Budget::of_checks(1))
    }

    /// As [`Schema::apart`], with what is left of a budget that it shares with other checks.
    pub fn apart_within(&self, other: &Self, budget: &mut Budget) -> Option<String> {
        apart::apart(&self.nodes, &other.nodes, budget)
    }
}
