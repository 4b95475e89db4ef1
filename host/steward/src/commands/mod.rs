//! One file for each command.

pub mod audit;
pub mod component;
pub mod data;
pub mod dataset;
pub mod event;
pub mod feedback;
pub mod function;
mod given;
pub mod key;
pub mod label;
pub mod login;
pub mod model;
pub mod openapi;
pub mod plugin;
pub mod privacy;
pub mod secret;
pub mod serve;
pub mod team;
pub mod tenant;
pub mod trigger;
pub mod trust;
pub mod usage;

use serde_json::Value;

/// The list in an answer: the answer itself, or its member of this name.
fn items(mut answer: Value, name: &str) -> Vec<Value> {
    match answer.get_mut(name).map(Value::take).unwrap_or(answer) {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}
