//! `steward component serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use steward_gateway::GatewayConfig;
use steward_registry::Limits;

use super::given::{Bench, Given, Shown, read};
use crate::cli::Context;
use crate::commands::serve::Signals;
use crate::failure::{Exit, Failure};

/// Serve a wasi:http component from a file, on every path and without a key
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward component serve hello.wasm
  steward component serve hello.wasm --addr 127.0.0.1:0 --env GREETING=hello
  steward component serve counter.wasm --grant keyvalue=default --config form=nfkc

The component exports `wasi:http/incoming-handler` 0.2 or `wasi:http/handler` 0.3. It runs as a deployed function \
does, in a fresh instance for each request and under the same limits; what it prints and logs is shown. The \
first line on standard error names the address. On SIGINT or SIGTERM requests that run are finished; a second \
signal ends it at once.")]
pub struct Serve {
    /// The component
    pub file: PathBuf,
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub addr: SocketAddr,
    #[command(flatten)]
    pub given: Given,
    /// Time of one request [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=300_000))]
    pub timeout_ms: Option<u32>,
    /// Requests at the same time [default: 200]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub concurrency: Option<u32>,
}

impl Serve {
    pub async fn run(self, _: Context) -> anyhow::Result<Exit> {
        let component = read(&self.file)?;
        let mut signals = Signals::new()?;
        let bench = Bench::start().await?;
        let limits = Limits {
            memory_mib: None,
            timeout_ms: self.timeout_ms,
            concurrency: self.concurrency,
            ..Limits::default()
        };
        let given = self.given.standalone(&self.file, Vec::new(), limits);
        let (function, book) = bench.functions.standalone(component, given).await?;
        let config = GatewayConfig {
            addr: self.addr,
            ..GatewayConfig::default()
        };
        let bound = steward_gateway::bind_single(config, function).await;
        let server = bound.map_err(|error| Failure::of_gateway(error, "--addr"))?;
        eprintln!("Serving HTTP on http://{}/", server.local_addr());
        let _shown = Shown::follow(&book);
        server
            .run(async move {
                signals.next().await;
                tokio::spawn(async move {
                    signals.next().await;
                    std::process::exit(Exit::Failed as i32);
                });
            })
            .await;
        Ok(Exit::Done)
    }
}
