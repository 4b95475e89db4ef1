//! The path of a call, beside what it is compared with. Prints ratios; asserts nothing.
//!
//!     cargo bench --workspace --bench invoke

use std::time::Instant;

use anyhow::Context;
use serde_json::json;
use steward_bench::bare::{self, State};
use steward_bench::load::{Contender, Load, compare};
use steward_bench::steward::Host;
use steward_bench::{median, others};
use steward_engine::Lane;
use steward_functions::contract::cleaner::CleanerPre;
use steward_functions::contract::{Document, Outcome};
use steward_registry::World;
use steward_tests::{batch, built};
use wasmtime::component::Linker;

// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const SECONDS: u32 = 3;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

fn guest(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = steward_tests::root().join(format!("target/test-guests/{name}.wasm"));
    std::fs::read(&path)
        .with_context(|| format!("{} is not there: run `make build`", path.display()))
}

async fn run() -> anyhow::Result<()> {
    let p2 = guest("wstd-http-server")?;
    let p3 = guest("wasip3-http-proxy")?;
    let trim = guest("trim")?;

    let host = Host::start().await?;
    host.deploy("p2", World::Function, &p2).await?;
    host.deploy("p3", World::Function, &p3).await?;
    host.deploy("trim", World::Cleaner, &trim).await?;
    let reused = "[plugin]\nname = \"p3-reused\"\nversion = \"1.0.0\"\nworld = \"function\"\n\
                  [function]\nreuse = { requests = 1000, idle_ms = 30000 }\n";
    host.deploy_with("p3-reused", reused, &p3).await?;

    in_process(&host, &trim).await?;

    let hyper = bare::hyper_hello().await?;
    let full = |path: &str| Load::get(host.addr, path).key(&host.key);

    let handler = bare::proxy_handler(&host.engine, &p2).await?;
    let direct = bare::direct02(&host.engine, &p2).await?;
    in_turn(
        "wasi:http 0.2, fresh instance, hello world of wstd",
        vec![
            Contender::new(
                "bare ProxyHandler, same engine settings",
                Load::get(handler, "/"),
            ),
            Contender::new(
                "bare call on the plain lane, same engine settings",
                Load::get(direct, "/"),
            ),
            Contender::new("Steward, full path", full("/f/default/p2/")),
            Contender::new("plain hyper hello world", Load::get(hyper, "/")),
        ],
    )
    .await?;

    let serve = others::wasmtime_serve(&built("target/test-guests/wstd-http-server.wasm"), 1)?;
    in_turn(
        "wasi:http 0.2, fresh instance, beside `wasmtime serve` with the same component",
        vec![
            Contender::new("wasmtime serve", Load::get(serve.addr, "/")),
            Contender::new("Steward, full path", full("/f/default/p2/")),
        ],
    )
    .await?;
    drop(serve);

    let serve = others::wasmtime_serve(&built("target/test-guests/wasip3-http-proxy.wasm"), 1000)?;
    in_turn(
        "wasi:http 0.3, 1000 requests an instance, beside `wasmtime serve` with the same component",
        vec![
            Contender::new("wasmtime serve", Load::get(serve.addr, "/")),
            Contender::new("Steward, full path", full("/f/default/p3-reused/")),
        ],
    )
    .await?;
    drop(serve);

    let workerd = others::workerd_hello()?;
    in_turn(
        "hello world, beside workerd",
        vec![
            Contender::new("workerd", Load::get(workerd.addr, "/")),
            Contender::new("Steward, fresh instance", full("/f/default/p2/")),
            Contender::new("Steward, reused instance", full("/f/default/p3-reused/")),
        ],
    )
    .await?;
    drop(workerd);

    let handler = bare::proxy_handler(&host.engine, &p3).await?;
    in_turn(
        "wasi:http 0.3, fresh instance, hello world of wasip3",
        vec![
            Contender::new(
                "bare ProxyHandler, same engine settings",
                Load::get(handler, "/"),
            ),
            Contender::new("Steward, full path", full("/f/default/p3/")),
            Contender::new("plain hyper hello world", Load::get(hyper, "/")),
        ],
    )
    .await?;

    let body = batch(&["  a small text  "]).to_string();
    in_turn(
        "typed call over HTTP, fresh instance, a cleaner of one document",
        vec![
            Contender::new("plain hyper hello world", Load::get(hyper, "/")),
            Contender::new(
                "Steward, full path",
                Load::post(host.addr, "/f/default/trim", body).key(&host.key),
            ),
        ],
    )
    .await
}

/// `wrk` runs on a thread of its own, so that the servers keep theirs.
async fn in_turn(title: &'static str, mut contenders: Vec<Contender>) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || compare(title, &mut contenders, ROUNDS, SECONDS)).await?
}

/// Times `call` one by one and returns the median in microseconds.
async fn timed(mut call: impl AsyncFnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    for _ in 0..2000 {
        call().await?;
    }
    let mut times = Vec::with_capacity(20_000);
    for _ in 0..20_000 {
        let start = Instant::now();
        call().await?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(&mut times))
}

/// Instantiate + call + drop, without HTTP.
async fn in_process(host: &Host, component: &[u8]) -> anyhow::Result<()> {
    let compiled = host.engine.compile(component)?;
    let mut linker = Linker::<State>::new(host.engine.lane(Lane::Plain));
    // The guest imports log and config; nothing in this bench calls them.
    linker.define_unknown_imports_as_traps(&compiled)?;
    let pre = linker.instantiate_pre(&compiled)?;
    let pre = CleanerPre::new(pre)?;
    let documents = [Document {
        id: "1".into(),
        text: "  a small text  ".into(),
    }];

    let bare = timed(async || {
        let mut store = host.engine.store(Lane::Plain, State::new());
        let guest = pre.instantiate_async(&mut store).await?;
        let outcomes = guest
            .steward_cleaning_cleaner()
            .call_clean(&mut store, &documents)
            .await?;
        anyhow::ensure!(matches!(outcomes.as_deref(), Ok([Outcome::Changed(_)])));
        Ok(())
    })
    .await?;

    let function = host.functions.find("default", "trim")?;
    let input = batch(&["  a small text  "]);
    let json = timed(async || {
        let answer = function.call(None, input.clone()).await?;
        anyhow::ensure!(answer[0]["changed"]["text"] == json!("a small text"));
        Ok(())
    })
    .await?;

    let cleaner = host.functions.cleaner(&host.tenant, "trim").await?;
    let typed = timed(async || {
        let outcomes = cleaner.clean(&documents).await?;
        anyhow::ensure!(matches!(outcomes[..], [Outcome::Changed(_)]));
        Ok(())
    })
    .await?;

    println!("in process, one document: instantiate + call + drop, median of 20,000");
    println!("{:<58} {:>12} {:>9}", "", "µs", "ratio");
    println!(
        "{:<58} {bare:>12.1} {:>9.2}",
        "bare wasmtime call, typed, same engine settings", 1.0
    );
    println!(
        "{:<58} {typed:>12.1} {:>9.2}",
        "Steward, typed (limits, grants, metering)",
        typed / bare
    );
    println!(
        "{:<58} {json:>12.1} {:>9.2}",
        "Steward, JSON in and out",
        json / bare
    );
    Ok(())
}
