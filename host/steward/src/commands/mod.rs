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
pub mod run;
pub mod secret;
pub mod serve;
pub mod team;
pub mod tenant;
pub mod trigger;
pub mod trust;
pub mod usage;
pub mod workflow;

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::failure::Failure;

/// The largest text that is read whole, in bytes.
const MAX_TEXT: u64 = 16 << 20;

/// The text of a file, or of standard input where its name is `-`.
fn text_of(path: &Path) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::file("read", path, &e);
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .take(MAX_TEXT + 1)
            .read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MAX_TEXT + 1).read_to_string(&mut text)
    };
    read.map_err(failed)?;
    if text.len() as u64 > MAX_TEXT {
        return Err(Failure::invalid(format!(
            "{} has more than {MAX_TEXT} bytes",
            path.display()
        )));
    }
    Ok(text)
}

/// JSON as it is given on the command line: itself, `@FILE`, or `-` for standard input.
fn json_of(given: &str) -> Result<Value, Failure> {
    let text = match (given, given.strip_prefix('@')) {
        ("-", _) => text_of(Path::new("-"))?,
        (_, Some(path)) => text_of(Path::new(path))?,
        _ => given.to_owned(),
    };
    serde_json::from_str(&text)
        .map_err(|error| Failure::invalid("what is given is not JSON").cause(error.to_string()))
}

/// The list in an answer: the answer itself, or its member of this name.
fn items(mut answer: Value, name: &str) -> Vec<Value> {
    match answer.get_mut(name).map(Value::take).unwrap_or(answer) {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}
