//! What a plugin author does on their own machine: start a plugin, build it, run its cases.

pub mod cases;
pub mod language;
pub mod permissions;
pub mod project;
mod sdk;
pub mod template;
pub mod toolchain;
