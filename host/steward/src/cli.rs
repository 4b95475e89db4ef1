//! The command line: what can be asked, and how an answer ends the process.

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    audit, component, data, dataset, event, feedback, function, key, label, login, model, openapi,
    plugin, privacy, run as runs, secret, serve, team, tenant, trigger, trust, usage, workflow,
};
use crate::connection::Connection;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const AFTER_HELP: &str = "\
Start here:
  steward serve                                  a server on 127.0.0.1:7300, data in ./steward-data
  steward key create --data-dir steward-data     the first key, without asking the server
  steward login                                  remember server and key
  steward plugin new my-cleaner --world cleaner  a plugin to start from

Exit codes:
  0  done
  1  failure
  2  wrong usage: an option or argument
  3  not found: no such function, plugin, model, key or file
  4  denied: no key, a wrong key, or one whose role does not allow it
  5  conflict: it exists already
  6  invalid input: a manifest, a configuration or data that breaks a rule
  7  the server cannot be reached or is not available now

With --json, the answer is one JSON value on standard output and nothing else; a failure leaves \
standard output empty and writes {\"error\": …} to standard error.";

/// A platform for sandboxed WebAssembly plugins and native model inference.
#[derive(Debug, Parser)]
#[command(name = "steward", version, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// Answer with JSON instead of text for people
    #[arg(long, global = true)]
    pub json: bool,

    #[command(flatten)]
    pub connection: Connection,

    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(serve::Serve),
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    #[command(subcommand)]
    Function(function::Function),
    #[command(subcommand)]
    Trigger(trigger::Trigger),
    #[command(subcommand)]
    Event(event::Event),
    #[command(subcommand)]
    Workflow(workflow::Workflow),
    #[command(subcommand)]
    Run(runs::Run),
    #[command(subcommand)]
    Component(component::Component),
    #[command(subcommand)]
    Model(model::Model),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    Usage(usage::Usage),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Trust(trust::Trust),
    #[command(subcommand)]
    Data(data::Data),
    #[command(subcommand)]
    Dataset(dataset::Dataset),
    #[command(subcommand)]
    Privacy(privacy::Privacy),
    #[command(subcommand)]
    Secret(secret::Secret),
    #[command(subcommand)]
    Label(label::Label),
    #[command(subcommand)]
    Team(team::Team),
    #[command(subcommand)]
    Feedback(feedback::Feedback),
    Login(login::Login),
    Openapi(openapi::Openapi),
}

/// What every command gets: how to answer, and how to reach a server.
#[derive(Debug)]
pub struct Context {
    pub output: Output,
    pub connection: Connection,
}

impl Cli {
    /// The command line as clap knows it. Used for parsing and by the tests of the help texts.
    pub fn command() -> clap::Command {
        <Self as CommandFactory>::command()
    }
}

/// Runs the process.
pub fn main() -> ExitCode {
    let cli = match Cli::command()
        .try_get_matches()
        .and_then(|m| Cli::from_arg_matches(&m))
    {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            let _ = error.print();
            return exit.into();
        }
    };
    let output = Output::new(cli.json);
    match start(cli, output) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let failure = Failure::explain(&error);
            output.fail(&failure);
            failure.exit.into()
        }
    }
}

fn start(cli: Cli, output: Output) -> anyhow::Result<Exit> {
    // One TLS implementation for everything in the process. It fails only when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let context = Context {
        output,
        connection: cli.connection,
    };
    let result = runtime.block_on(run(cli.command, context));
    // A thread that waits for standard input or a name server does not hold the process back.
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(command) => command.run(context).await,
        Command::Plugin(command) => command.run(context).await,
        Command::Function(command) => command.run(context).await,
        Command::Trigger(command) => command.run(context).await,
        Command::Event(command) => command.run(context).await,
        Command::Workflow(command) => command.run(context).await,
        Command::Run(command) => command.run(context).await,
        Command::Component(command) => command.run(context).await,
        Command::Model(command) => command.run(context).await,
        Command::Key(command) => command.run(context).await,
        Command::Tenant(command) => command.run(context).await,
        Command::Usage(command) => command.run(context).await,
        Command::Audit(command) => command.run(context).await,
        Command::Trust(command) => command.run(context).await,
        Command::Data(command) => command.run(context).await,
        Command::Dataset(command) => command.run(context).await,
        Command::Privacy(command) => command.run(context).await,
        Command::Secret(command) => command.run(context).await,
        Command::Label(command) => command.run(context).await,
        Command::Team(command) => command.run(context).await,
        Command::Feedback(command) => command.run(context).await,
        Command::Login(command) => command.run(context).await,
        Command::Openapi(command) => command.run(context).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(command: &clap::Command, path: &str, each: &mut impl FnMut(&str, &clap::Command)) {
        each(path, command);
        for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
            commands(sub, &format!("{path} {}", sub.get_name()), each);
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches() {
        let mut root = Cli::command();
        root.build();
        let mut leaves = 0;
        commands(&root, "steward", &mut |path, command| {
            assert!(
                command.get_about().is_some(),
                "{path} says nothing of itself"
            );
            for arg in command.get_arguments() {
                assert!(
                    arg.get_help().is_some(),
                    "{path}: {} has no help",
                    arg.get_id()
                );
            }
            let help = command.clone().render_long_help().to_string();
            if command.get_subcommands().next().is_none() {
                leaves += 1;
                assert!(help.contains("Example"), "{path} has no example");
                assert!(help.contains(path), "the example of {path} does not use it");
            }
        });
        assert!(leaves >= 25, "{leaves}");
    }

    #[test]
    fn every_example_of_the_help_parses() {
        let mut root = Cli::command();
        root.build();
        let mut examples = Vec::new();
        commands(&root, "steward", &mut |_, command| {
            if let Some(after) = command.get_after_help() {
                let text = after.to_string();
                examples.extend(
                    text.lines()
                        .filter(|l| l.starts_with("  steward "))
                        .map(str::to_owned),
                );
            }
        });
        assert!(examples.len() > 30);
        for example in examples {
            // Two spaces or more part a command from what is said about it.
            let command = example.trim().split("  ").next().unwrap_or_default();
            let words = split(command);
            assert!(
                Cli::try_parse_from(&words).is_ok(),
                "{command}: {:?}",
                Cli::try_parse_from(&words).err()
            );
        }
    }

    /// Words of a shell command; knows single and double quotes, and stops at a pipe.
    fn split(command: &str) -> Vec<String> {
        let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
        for c in command.chars() {
            match quote {
                Some(q) if c == q => quote = None,
                Some(_) => word.push(c),
                None if c == '\'' || c == '"' => (quote, open) = (Some(c), true),
                None if c == '|' || c == '<' || c == '>' => break,
                None if c == ' ' => {
                    if open || !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                    open = false;
                }
                None => word.push(c),
            }
        }
        if open || !word.is_empty() {
            words.push(word);
        }
        words
    }

    #[test]
    fn wrong_usage_is_refused() {
        for wrong in [
            &["steward"][..],
            &["steward", "plugin"],
            &["steward", "nothing"],
            &["steward", "plugin", "show", "../x"],
            &["steward", "plugin", "alias", "p", "stable", "one"],
            &["steward", "function", "deploy", "f"],
            &[
                "steward", "function", "deploy", "f", "--plugin", "p", "--split", "1.0.0=50",
            ],
            &[
                "steward", "function", "deploy", "f", "--plugin", "p", "--config", "novalue",
            ],
            &[
                "steward",
                "function",
                "deploy",
                "f",
                "--plugin",
                "p",
                "--grant",
                "network=all",
            ],
            &[
                "steward",
                "function",
                "deploy",
                "f",
                "--plugin",
                "p",
                "--memory-mib",
                "0",
            ],
            &[
                "steward", "function", "invoke", "f", "--data", "{}", "--text", "x",
            ],
            &["steward", "key", "create", "k", "--role", "god"],
            &["steward", "data", "run", "--input", "x", "--output", "y"],
            &[
                "steward", "data", "run", "--input", "x", "--output", "y", "--step", "s",
                "--batch", "0",
            ],
            &["steward", "model", "train", "m", "--base", "b"],
            &[
                "steward",
                "model",
                "train",
                "m",
                "--base",
                "b",
                "--project",
                "p",
                "--dataset",
                "d",
            ],
            &[
                "steward",
                "model",
                "train",
                "m",
                "--base",
                "b",
                "--dataset",
                "d",
                "--patience",
                "3",
            ],
            &[
                "steward",
                "model",
                "train",
                "m",
                "--base",
                "b",
                "--dataset",
                "d",
                "--class-weights",
                "fair",
            ],
            &["steward", "label", "create", "p", "--labels", "a,b"],
            &["steward", "label", "add", "p"],
            &["steward", "label", "annotate", "p", "t"],
            &["steward", "label", "annotate", "p", "t", "--span", "5-2=x"],
            &["steward", "label", "annotate", "p", "t", "a", "--no-span"],
            &["steward", "label", "results", "p", "--method", "guess"],
            &["steward", "label", "export", "p"],
            &["steward", "trigger", "create", "t", "--function", "f"],
            &[
                "steward",
                "trigger",
                "create",
                "t",
                "--function",
                "f",
                "--events",
                "a",
                "--cron",
                "* * * * *",
            ],
            &[
                "steward",
                "trigger",
                "create",
                "t",
                "--function",
                "f",
                "--webhook",
                "github",
            ],
            &["steward", "event", "send", "--type", "a"],
            &[
                "steward", "feedback", "survey", "set", "nps", "--metric", "nps",
            ],
            &["steward", "feedback", "survey", "ask", "nps"],
            &["steward", "workflow", "apply"],
            &["steward", "workflow", "extend", "w", "p"],
            &["steward", "run", "list", "--status", "well"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
