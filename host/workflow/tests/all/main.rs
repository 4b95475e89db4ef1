//! The language and the machine of workflows, from outside.
// A failed assumption should stop the test.
#![allow(clippy::unwrap_used)]

mod bounds;
mod common;
mod definition;
mod events;
mod examples;
mod expressions;
mod features;
mod gherkin;
mod replay;
mod retries;
mod tasks;
