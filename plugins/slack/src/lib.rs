//! What the plugins for Slack do, without the sandbox around it: `webhook/` and `message/` are the guests.
//!
//! [`webhook`] takes the requests that Slack sends (slash commands, interactions, the Events API) and says which event of
//! the log each becomes; [`signature`] is the check before it. [`message`] is the step that posts a message.
#![deny(missing_docs)]

pub mod message;
pub mod signature;
pub mod webhook;
