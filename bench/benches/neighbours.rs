//! What a small function notices of hostile neighbours, and what many functions and many waiting requests cost.
//! Runs the real binary.
//!
//!     cargo bench --workspace --bench neighbours                  all of it
//!     cargo bench --workspace --bench neighbours -- recurses      what neighbours of one kind cost

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use steward_bench::bare;
use steward_bench::load::{Load, resident_mib, sockets_to};
use steward_tests::guest::{hostile, manifest};
use steward_tests::{Server, built};

/// The functions that misbehave: how, and how many of each run all the time.
const NEIGHBOURS: [(&str, usize); 3] = [("spins", 3), ("allocates", 3), ("recurses", 2)];
const ROUNDS: usize = 5;
const SECONDS: u32 = 4;
/// Deployed at the same time.
const FUNCTIONS: usize = 2000;
/// In work at the same time.
const REQUESTS: usize = 5000;

fn main() -> anyhow::Result<()> {
    let wanted = steward_bench::wanted(&NEIGHBOURS.map(|(name, _)| name))?;
    if !wanted.is_empty() {
        let mut kinds = NEIGHBOURS.to_vec();
        kinds.retain(|(name, _)| wanted.iter().any(|word| word == name));
        return neighbours(&kinds);
    }
    neighbours(&NEIGHBOURS)?;
    outbound()?;
    many()
}

fn component(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = built(&format!("target/test-guests/{name}.wasm"));
    std::fs::read(&path).with_context(|| path.display().to_string())
}

/// The 99th percentile of a small function, alone and beside those that misbehave, in turn.
fn neighbours(kinds: &[(&str, usize)]) -> anyhow::Result<()> {
    let server = Server::start();
    let small = component("wstd-http-server")?;
    server
        .publish(&manifest("small", "1.0.0", "function", ""), small)
        .ok();
    server.deploy("small", "small", "1.0.0", json!({})).ok();
    for (name, _) in kinds {
        let limits = "[limits]\ntimeout_ms = 1000\n";
        server
            .publish(&manifest(name, "1.0.0", "cleaner", limits), hostile(name))
            .ok();
        server.deploy(name, name, "1.0.0", json!({})).ok();
    }
    let load = || Load::get(server.addr(), "/f/default/small/").key(server.key());
    load().run(1)?;
    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let quiet = load().connections(4).figures(SECONDS)?;
        let loud = with_neighbours(&server, kinds, || load().connections(4).figures(SECONDS))?;
        ratios.push(loud.p99_ms / quiet.p99_ms);
        alone.push(quiet.p99_ms);
        beside.push(loud.p99_ms);
    }
    let count: usize = kinds.iter().map(|(_, count)| count).sum();
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let median = |values: &mut Vec<f64>| steward_bench::median(values);
    println!("a small function with 4 connections, p99 in ms, median of {ROUNDS} rounds");
    println!("{:<58} {:>12.2}", "alone", median(&mut alone));
    println!(
        "{:<58} {:>12.2} {:>9.2} times",
        format!("while {count} neighbours misbehave: {}", names.join(", ")),
        median(&mut beside),
        median(&mut ratios)
    );
    Ok(())
}

fn with_neighbours<T>(server: &Server, kinds: &[(&str, usize)], measure: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (name, count) in kinds {
            for _ in 0..*count {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        server.call(name, &["x"]);
                    }
                });
            }
        }
        std::thread::sleep(Duration::from_millis(300));
        let measured = measure();
        done.store(true, Ordering::Relaxed);
        measured
    })
}

/// Requests of a function to a service: as fast as the service answers, over connections that are kept, so that no ports
/// run out.
fn outbound() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let service = runtime.block_on(bare::hyper_hello())?;
    let data = tempfile::tempdir()?;
    let server = Server::start_on(data.path(), &["--egress-allow", "127.0.0.1"]);
    let origin = format!("http://{service}");
    let requests = format!(
        "[requests]\nhttp = [\"{origin}\"]\n[function]\nreuse = {{ requests = 1000, idle_ms = 30000 }}\n"
    );
    let forwards = component("forwards")?;
    server
        .publish(
            &manifest("forwards", "1.0.0", "function", &requests),
            forwards,
        )
        .ok();
    let grants = json!({ "grants": { "http": [origin] } });
    server.deploy("forwards", "forwards", "1.0.0", grants).ok();
    let load = Load::get(server.addr(), "/f/default/forwards/")
        .key(server.key())
        .header(&format!("x-url: {origin}/"));
    load.run(1)?;
    let rate = load.run(2 * SECONDS)?;
    let sockets = sockets_to(service)?;
    let sent = rate * f64::from(2 * SECONDS);
    println!("\na function that sends its request on to a service, 32 callers");
    println!("{:<58} {rate:>12.0}", "requests/s");
    println!("{:<58} {sent:>12.0}", "requests sent");
    println!("{:<58} {sockets:>12}", "ports taken");
    Ok(())
}

/// Memory with many functions and many requests that wait in them.
fn many() -> anyhow::Result<()> {
    let server = Server::start();
    let waits = component("waits")?;
    let limits = "[limits]\ntimeout_ms = 60000\nconcurrency = 1000\n";
    server
        .publish(&manifest("waits", "1.0.0", "function", limits), waits)
        .ok();
    let idle = resident_mib(server.pid())?;
    for n in 0..FUNCTIONS {
        server
            .deploy(&format!("f{n}"), "waits", "1.0.0", json!({}))
            .ok();
    }
    let deployed = resident_mib(server.pid())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let crowded = runtime.block_on(crowd(&server))?;
    println!("\nmemory of the host, MiB resident");
    println!("{:<58} {idle:>12.0}", "idle, with one plugin published");
    println!(
        "{:<58} {deployed:>12.0}",
        format!("{FUNCTIONS} functions deployed")
    );
    println!(
        "{:<58} {crowded:>12.0}",
        format!("{REQUESTS} requests in work as well")
    );
    Ok(())
}

/// Memory while every connection waits for the end of an answer that has begun.
async fn crowd(server: &Server) -> anyhow::Result<f64> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut open = Vec::with_capacity(REQUESTS);
    for n in 0..REQUESTS {
        let mut stream = tokio::net::TcpStream::connect(server.addr()).await?;
        let request = format!(
            "GET /f/default/f{}/waits HTTP/1.1\r\nhost: steward\r\nauthorization: Bearer {}\r\n\r\n",
            n % FUNCTIONS,
            server.key()
        );
        stream.write_all(request.as_bytes()).await?;
        open.push(stream);
    }
    // Nobody has an answer; whoever had one would have been turned away.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let resident = resident_mib(server.pid())?;
    let mut refused = 0;
    for stream in &mut open {
        let mut first = [0; 12];
        let read = stream.read(&mut first);
        if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(1), read).await {
            refused += 1;
        }
    }
    anyhow::ensure!(refused == 0, "{refused} requests were answered at once");
    Ok(resident)
}
