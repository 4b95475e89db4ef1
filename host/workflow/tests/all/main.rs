//! The language and the machine of workflows, from outside.

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
