//! The states that a model hands from one call to the next.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ModelConfig, Task};
use crate::error::InferenceError;

/// The most states of a model.
pub const MAX_STATES: usize = 256;

/// The most sequences that a model may be configured to keep the states of.
pub const MAX_SEQUENCES: u32 = 1 << 20;

/// The longest time that a sequence may be configured to be kept without a call, in seconds: a day.
pub const MAX_SEQUENCE_IDLE_S: u32 = 24 * 60 * 60;

/// The most numbers in the states of all sequences of a model: 256 MiB where they are fp32.
pub const MAX_STATE_NUMBERS: u64 = 64 << 20;

/// A state that a model hands from one call to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateConfig {
    /// The input that takes it.
    pub input: String,
    /// The output that gives it as it is after the call.
    pub output: String,
    /// Its shape. A sequence starts with zeros.
    pub shape: Vec<u32>,
}

/// Finds what is wrong with the states of a configuration.
pub(super) fn check(config: &ModelConfig) -> Result<(), InferenceError> {
    let refuse = |reason: String| Err(InferenceError::Config(reason));
    if config.task != Task::Tensors && (config.allow_non_finite || !config.state.is_empty()) {
        return refuse(format!(
            "`allow_non_finite` and `state` belong to the task `tensors`, and the task is `{}`",
            config.task
        ));
    }
    if config.max_sequences == 0 || config.max_sequences > MAX_SEQUENCES {
        return refuse(format!(
            "`max_sequences` is {}; it must be between 1 and {MAX_SEQUENCES}",
            config.max_sequences
        ));
    }
    if config.sequence_idle_s == 0 || config.sequence_idle_s > MAX_SEQUENCE_IDLE_S {
        return refuse(format!(
            "`sequence_idle_s` is {}; it must be between 1 and {MAX_SEQUENCE_IDLE_S}",
            config.sequence_idle_s
        ));
    }
    if config.state.len() > MAX_STATES {
        return refuse(format!(
            "{} states are more than the limit of {MAX_STATES}",
            config.state.len()
        ));
    }
    let (mut inputs, mut outputs) = (BTreeSet::new(), BTreeSet::new());
    let mut numbers = 0_u64;
    for state in &config.state {
        if !inputs.insert(&state.input) || !outputs.insert(&state.output) {
            return refuse(format!(
                "the state of `{}` and `{}` names an input or an output that another one names too",
                state.input, state.output
            ));
        }
        let of_one = state
            .shape
            .iter()
            .try_fold(1_u64, |product, &side| product.checked_mul(side.into()));
        numbers = numbers.saturating_add(of_one.unwrap_or(u64::MAX));
    }
    let kept = numbers.saturating_mul(config.max_sequences.into());
    if kept > MAX_STATE_NUMBERS {
        return refuse(format!(
            "the states of {} sequences have {kept} numbers, more than the limit of {MAX_STATE_NUMBERS}; lower \
             `max_sequences`",
            config.max_sequences
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let config: ModelConfig = serde_json::from_str(json).unwrap();
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn states_are_named_once_and_bounded() {
        let states = |rest: &str, states: &str| {
            refused(&format!(r#"{{"task":"tensors"{rest},"state":[{states}]}}"#))
        };
        let one = r#"{"input":"h","output":"hn","shape":[2,1,128]}"#;
        let other = r#"{"input":"c","output":"hn","shape":[1]}"#;
        assert!(states("", &format!("{one},{other}")).contains("another one"));
        let large = r#"{"input":"h","output":"hn","shape":[4294967295,4294967295,4294967295]}"#;
        assert!(states("", large).contains("lower"));
        assert!(states(r#","max_sequences":0"#, one).contains("max_sequences"));
        assert!(states(r#","sequence_idle_s":90000"#, one).contains("86400"));
        let json = format!(r#"{{"task":"tensors","state":[{one}]}}"#);
        let config: ModelConfig = serde_json::from_str(&json).unwrap();
        config.validate().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert!(!json.contains("sequence"), "{json}");
    }
}
