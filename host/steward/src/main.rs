//! `steward`: the server and the tool of the platform, in one binary.
//!
//! `main` only reads the command line; each command has a file under `commands/`.

mod cli;
mod client;
mod commands;
mod config;
mod connection;
mod events;
mod failure;
mod host;
mod multipart;
mod output;
mod plugin;
mod profile;
mod progress;
mod questions;
mod reference;
mod whole;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else: this may be a process that the engine started to compile a component in.
    steward_engine::compile_if_asked().unwrap_or_else(cli::main)
}
