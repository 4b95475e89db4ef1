//! What the plugins for Jira Cloud do, without the sandbox around it: `webhook/` and `issue/` are the guests.
//!
//! [`webhook`] takes the webhooks that Jira sends, signed or, where that is wanted, unsigned. [`issue`] is the step that
//! creates, moves, comments and finds issues; [`client`] is how it asks, and [`text`] Jira's document format.
#![deny(missing_docs)]

pub mod client;
pub mod issue;
pub mod text;
pub mod webhook;
