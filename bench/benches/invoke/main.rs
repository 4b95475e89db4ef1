//! The path of a call, beside what it is compared with. Prints ratios; asserts nothing.
//!
//!     cargo bench --workspace --bench invoke                  all of it
//!     cargo bench --workspace --bench invoke -- cold          a part: in-process, cold or http

mod cold;
mod in_process;

use anyhow::Context;
use steward_bench::load::{Contender, Load, compare};
use steward_bench::steward::Host;
use steward_bench::{bare, others};
use steward_registry::World;
use steward_tests::{batch, built};

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

    let wanted = steward_bench::wanted(&["in-process", "cold", "http"])?;
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    if wants("in-process") {
        in_process::run(&host).await?;
    }
    if wants("cold") {
        cold::run(&host).await?;
    }
    match wants("http") {
        true => over_http(&host, &p2, &p3).await,
        false => Ok(()),
    }
}

async fn over_http(host: &Host, p2: &[u8], p3: &[u8]) -> anyhow::Result<()> {
    let hyper = bare::hyper_hello().await?;
    let full = |path: &str| Load::get(host.addr, path).key(&host.key);

    let handler = bare::proxy_handler(&host.engine, p2).await?;
    let direct = bare::direct02(&host.engine, p2).await?;
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

    let serve = others::wasmtime_serve(&built("target/test-guests/wstd-http-server.wasm"), 1, 1)?;
    in_turn(
        "wasi:http 0.2, fresh instance, beside `wasmtime serve` with the same component",
        vec![
            Contender::new("wasmtime serve", Load::get(serve.addr, "/")),
            Contender::new("Steward, full path", full("/f/default/p2/")),
        ],
    )
    .await?;
    drop(serve);

    // A trap fails what its instance is at: 16 requests by default there, 1 here.
    let p3_file = built("target/test-guests/wasip3-http-proxy.wasm");
    let shared = others::wasmtime_serve(&p3_file, 1000, 16)?;
    let alone = others::wasmtime_serve(&p3_file, 1000, 1)?;
    in_turn(
        "wasi:http 0.3, 1000 requests an instance, beside `wasmtime serve` with the same component",
        vec![
            Contender::new(
                "wasmtime serve, 16 requests at a time in an instance",
                Load::get(shared.addr, "/"),
            ),
            Contender::new(
                "wasmtime serve, 1 request at a time in an instance",
                Load::get(alone.addr, "/"),
            ),
            Contender::new("Steward, full path", full("/f/default/p3-reused/")),
        ],
    )
    .await?;
    drop((shared, alone));

    let workerd = others::workerd_hello()?;
    in_turn(
        "hello world, beside workerd",
        vec![
            Contender::new("workerd, one thread", Load::get(workerd.addr, "/")),
            Contender::new("Steward, fresh instance of 0.2", full("/f/default/p2/")),
            Contender::new("Steward, fresh instance of 0.3", full("/f/default/p3/")),
            Contender::new(
                "Steward, reused instance of 0.3",
                full("/f/default/p3-reused/"),
            ),
        ],
    )
    .await?;
    drop(workerd);

    let handler = bare::proxy_handler(&host.engine, p3).await?;
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
