//! `steward serve`

use std::io::IsTerminal;
use std::time::Instant;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use steward_gateway::Parts;
use steward_telemetry::Telemetry;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::Context;
use crate::config::{LogFormat, ModelArgs, ServeArgs, Settings, StoreArgs};
use crate::failure::{Exit, Failure};
use crate::host::Host;

/// Run a host: HTTP API, functions and models
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward serve
  steward serve --listen 0.0.0.0:7300 --data-dir /var/lib/steward
  steward serve --database-url postgres://steward@db/steward --artifacts s3://artifacts/steward
  steward serve --config /etc/steward.toml --log debug

An option wins over a STEWARD_* variable, that over the configuration file. The host prints one line \
once it answers. On SIGTERM or SIGINT it takes no new requests, finishes those that run, and ends; \
a second signal ends it at once. The first key: `steward key create --data-dir DIR`.")]
pub struct Serve {
    #[command(flatten)]
    pub serve: ServeArgs,
    #[command(flatten)]
    pub store: StoreArgs,
    #[command(flatten)]
    pub models: ModelArgs,
}

impl Serve {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let started = Instant::now();
        let settings = Settings::resolve(&self.store, &self.models, &self.serve)?;
        let telemetry = start_telemetry()?;
        start_log(&settings, telemetry.as_ref())?;
        allow_open_files();
        // Listening for signals begins before anything else, so that none is missed.
        let mut signals = Signals::new()?;

        let host = Host::start(&settings, telemetry).await?;
        if let Some(folder) = settings.tensorboard.clone() {
            let models = host.models.clone();
            tokio::spawn(async move { models.record(folder).await });
        }
        let parts = Parts {
            registry: host.registry,
            functions: host.functions,
            models: host.models,
            datasets: host.datasets,
            questions: host.questions,
            secrets: host.secrets,
            triggers: host.triggers,
            egress: Some(host.egress),
            runs: host.runs,
            telemetry: host.telemetry,
        };
        let bound = steward_gateway::bind(settings.gateway.clone(), parts).await;
        let server = bound.map_err(|error| Failure::of_gateway(error, "--listen"))?;
        let url = format!("http://{}", server.local_addr());
        let ready = started.elapsed();
        let data = settings.data_dir.display().to_string();
        context.output.show(
            &json!({ "ready": true, "url": url, "data_dir": data, "ms": ready.as_millis() as u64 }),
            || {
                format!(
                    "steward is ready at {url} (data in {data}, started in {} ms)",
                    ready.as_millis()
                )
            },
        )?;

        server
            .run(async move {
                let name = signals.next().await;
                tracing::info!(signal = name, "draining");
                // Whoever asks twice does not want to wait.
                tokio::spawn(async move {
                    let name = signals.next().await;
                    tracing::warn!(signal = name, "ending at once");
                    std::process::exit(Exit::Failed as i32);
                });
            })
            .await?;
        tracing::info!("ended");
        Ok(Exit::Done)
    }
}

/// SIGTERM and SIGINT.
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) -> &'static str {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = tokio::signal::ctrl_c() => "SIGINT",
        }
        #[cfg(not(unix))]
        {
            let _ = tokio::signal::ctrl_c().await;
            "SIGINT"
        }
    }
}

/// Tells a collector, where the variables of OpenTelemetry name one.
fn start_telemetry() -> Result<Option<Telemetry>, Failure> {
    let config = steward_telemetry::Config::from_env().map_err(|error| {
        Failure::new(Exit::Usage, error.to_string())
            .next("docs/operator.md lists the variables; without them nothing is sent")
    })?;
    let started = config.map(Telemetry::start).transpose();
    started.map_err(|error| {
        Failure::new(Exit::Failed, "the client of the collector does not start")
            .cause(error.without_url().to_string())
    })
}

/// The log goes to standard error, and to a collector where there is one; standard output has the ready line alone.
fn start_log(settings: &Settings, telemetry: Option<&Telemetry>) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(&settings.log).map_err(|e| {
        Failure::new(
            Exit::Usage,
            format!("`{}` is not a log filter", settings.log),
        )
        .cause(e.to_string())
    })?;
    let pretty = match settings.log_format {
        Some(form) => form == LogFormat::Pretty,
        None => std::io::stderr().is_terminal(),
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let told = telemetry.and_then(Telemetry::log_layer);
    let registry = tracing_subscriber::registry().with(filter).with(told);
    let result = match pretty {
        true => registry
            .with(layer.with_ansi(std::io::stderr().is_terminal()))
            .try_init(),
        false => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    result.map_err(|e| Failure::new(Exit::Failed, "the log cannot be started").cause(e.to_string()))
}

/// Takes as many open files as the system allows. A connection is one, and a loaded component two; what many systems begin
/// with, 1,024, is a limit of programs that wait with `select`, which nothing here does.
fn allow_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, files = current, "no more open files than at the start");
    }
}
