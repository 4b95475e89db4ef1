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
    cli::main()
}
