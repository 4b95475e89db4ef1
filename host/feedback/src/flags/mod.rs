//! Which variant of a flag somebody gets, by the files of flagd (<https://flagd.dev/reference/flag-definitions/>).
//!
//! Evaluated as flagd does, in the form of its current test bed: shares are cut by the 32-bit MurmurHash3 of the flag's
//! key and the targeting key, in whole numbers. Of JSON Logic there is what flags use; an operation that is not there is
//! refused by its name when the file is read, never while somebody waits for a variant.

mod murmur;
mod rule;
mod version;

pub use rule::Rule;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::FeedbackError;
use crate::error::shown;

/// The largest file of flags, in bytes.
pub const MAX_FLAGS_BYTES: usize = 4 * 1024 * 1024;
/// The largest context, in bytes.
pub const MAX_CONTEXT_BYTES: usize = 64 * 1024;

/// Why somebody gets a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The targeting says so.
    TargetingMatch,
    /// The flag has no targeting.
    Static,
    /// The targeting says nothing.
    Default,
    /// The flag is off.
    Disabled,
}

impl Reason {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TargetingMatch => "targeting-match",
            Self::Static => "static",
            Self::Default => "default",
            Self::Disabled => "disabled",
        }
    }
}

/// What somebody gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// None where the flag is off, or says nothing and has no default.
    pub variant: Option<String>,
    /// Its value; null without a variant.
    pub value: Value,
    /// Why.
    pub reason: Reason,
}

/// A flag.
#[derive(Debug, Clone)]
pub struct Flag {
    key: String,
    enabled: bool,
    variants: Map<String, Value>,
    default: Option<String>,
    targeting: Option<Rule>,
}

/// A file of flags.
#[derive(Debug, Clone)]
pub struct Flags(BTreeMap<String, Flag>);

impl Flags {
    /// Reads a file.
    ///
    /// # Errors
    /// What is no JSON, no flag, or uses an operation that is not there: the text names the flag and the operation.
    pub fn read(text: &str) -> Result<Self, FeedbackError> {
        if text.len() > MAX_FLAGS_BYTES {
            return Err(FeedbackError::invalid(format!(
                "the file of flags has {} bytes; at most {MAX_FLAGS_BYTES} are read",
                text.len()
            )));
        }
        let file: Value = serde_json::from_str(text)
            .map_err(|e| FeedbackError::invalid(format!("the file of flags is no JSON: {e}")))?;
        let empty = Map::new();
        let shared = file
            .get("$evaluators")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let flags = file
            .get("flags")
            .and_then(Value::as_object)
            .ok_or_else(|| {
                FeedbackError::invalid(
                    "the file of flags has no object `flags`; see flagd's flag definitions",
                )
            })?;
        let mut left = rule::MAX_RULES;
        let read = |(key, about): (&String, &Value)| {
            Flag::read(key, about, shared, &mut left)
                .map(|flag| (key.clone(), flag))
                .map_err(|why| FeedbackError::Invalid(format!("the flag `{}`: {why}", shown(key))))
        };
        flags.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// A flag by its key.
    ///
    /// # Errors
    /// Where there is none.
    pub fn flag(&self, key: &str) -> Result<&Flag, FeedbackError> {
        self.0.get(key).ok_or_else(|| {
            let keys: Vec<String> = self.0.keys().take(20).map(|key| shown(key)).collect();
            FeedbackError::Invalid(format!(
                "there is no flag `{}`; there are {}",
                shown(key),
                keys.join(", ")
            ))
        })
    }
}

impl Flag {
    fn read(
        key: &str,
        about: &Value,
        shared: &Map<String, Value>,
        left: &mut usize,
    ) -> Result<Self, String> {
        let variants = about
            .get("variants")
            .and_then(Value::as_object)
            .filter(|variants| !variants.is_empty())
            .ok_or("it has no `variants`")?;
        let enabled = match about.get("state").and_then(Value::as_str) {
            Some("ENABLED") => true,
            Some("DISABLED") => false,
            _ => return Err("its `state` is ENABLED or DISABLED".into()),
        };
        let default = match about.get("defaultVariant") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if name.is_empty() => None,
            Some(Value::String(name)) if variants.contains_key(name) => Some(name.clone()),
            Some(other) => {
                let named = shown(&other.to_string());
                return Err(format!(
                    "its `defaultVariant` {named} is none of its variants"
                ));
            }
        };
        let targeting = match about.get("targeting") {
            None | Some(Value::Null) => None,
            Some(Value::Object(rule)) if rule.is_empty() => None,
            Some(rule) => Some(Rule::within(rule, shared, left)?),
        };
        Ok(Self {
            key: key.to_owned(),
            enabled,
            variants: variants.clone(),
            default,
            targeting,
        })
    }

    /// What somebody gets of whom this is known. The context is an object with `targetingKey`.
    ///
    /// # Errors
    /// A variant that the targeting names and the flag does not have.
    pub fn assign(&self, context: &Map<String, Value>) -> Result<Assignment, FeedbackError> {
        if !self.enabled {
            return Ok(self.some(None, Reason::Disabled));
        }
        let Some(targeting) = &self.targeting else {
            return Ok(self.some(self.default.clone(), Reason::Static));
        };
        match targeting.evaluate(context, &self.key) {
            Value::Null => Ok(self.some(self.default.clone(), Reason::Default)),
            // Flags of truth values are cut into `true` and `false`.
            found => {
                let name = match found {
                    Value::String(name) => name,
                    other => other.to_string(),
                };
                if self.variants.contains_key(&name) {
                    Ok(self.some(Some(name), Reason::TargetingMatch))
                } else if name.is_empty() {
                    Ok(self.some(self.default.clone(), Reason::Default))
                } else {
                    Err(FeedbackError::Invalid(format!(
                        "the targeting of the flag `{}` names the variant `{}`, which it does not have",
                        shown(&self.key),
                        shown(&name)
                    )))
                }
            }
        }
    }

    fn some(&self, variant: Option<String>, reason: Reason) -> Assignment {
        let value = variant.as_ref().and_then(|name| self.variants.get(name));
        Assignment {
            value: value.cloned().unwrap_or(Value::Null),
            variant,
            reason,
        }
    }
}

/// Reads what is known of somebody.
///
/// # Errors
/// What is no JSON object, or over 64 KiB.
pub fn context(text: &str) -> Result<Map<String, Value>, FeedbackError> {
    if text.len() > MAX_CONTEXT_BYTES {
        return Err(FeedbackError::invalid(format!(
            "a context has {} bytes; at most {MAX_CONTEXT_BYTES} are read",
            text.len()
        )));
    }
    serde_json::from_str(text)
        .map_err(|e| FeedbackError::Invalid(format!("a context is no JSON object: {e}")))
}

/// The share of 2^32 in which a text falls: 0 up to, not including, 1.
pub(crate) fn place(text: &str) -> f64 {
    f64::from(murmur::murmur3(text.as_bytes())) / 4_294_967_296.0
}

#[cfg(test)]
mod tests;
