//! What a plugin author does on their own machine: start a plugin, build it, run its cases.

pub mod cases;
mod exchange;
pub mod language;
pub mod parts;
pub mod permissions;
pub mod project;
pub mod registry;
mod sdk;
pub mod server;
mod services;
pub mod supply;
pub mod template;
pub mod toolchain;
pub mod watch;
