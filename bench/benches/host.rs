//! The host as a whole: from publish to the first answer, start with many plugins, memory when idle.
//! Runs the real binary.
//!
//!     cargo bench --workspace --bench host

use std::time::Instant;

use anyhow::Context;
use serde_json::json;
use steward_bench::load::resident_mib;
use steward_bench::median;
use steward_tests::guest::manifest;
use steward_tests::{Server, root};

const PLUGINS: usize = 200;

fn main() -> anyhow::Result<()> {
    let trim = root().join("target/test-guests/trim.wasm");
    let trim = std::fs::read(&trim)
        .with_context(|| format!("{} is not there: run `make build`", trim.display()))?;
    let folder = tempfile::tempdir()?;

    let mut server = Server::start_on(folder.path(), &[]);
    let idle = resident_mib(server.pid())?;

    let mut first_answers = Vec::new();
    for i in 0..10 {
        let start = Instant::now();
        // Another component each time, so that nothing of it is in the cache.
        server
            .publish(
                &manifest(&format!("first-{i}"), "1.0.0", "cleaner", ""),
                distinct(&trim, i),
            )
            .ok();
        server
            .deploy(
                &format!("first-{i}"),
                &format!("first-{i}"),
                "1.0.0",
                json!({}),
            )
            .ok();
        server.call(&format!("first-{i}"), &["  a  "]).ok();
        first_answers.push(start.elapsed().as_secs_f64() * 1e3);
    }

    for i in 10..PLUGINS {
        let name = format!("many-{i}");
        server
            .publish(&manifest(&name, "1.0.0", "cleaner", ""), distinct(&trim, i))
            .ok();
        server.deploy(&name, &name, "1.0.0", json!({})).ok();
    }
    server.kill();
    let mut starts = Vec::new();
    let mut loaded = 0.0;
    for _ in 0..5 {
        let server = Server::start_on(folder.path(), &[]);
        starts.push(server.ready_after().as_secs_f64() * 1e3);
        server.call("many-42", &["  a  "]).ok();
        loaded = resident_mib(server.pid())?;
    }

    let published = median(&mut first_answers);
    let started = median(&mut starts);
    println!(
        "{:<66} {:>9}",
        "publish + deploy + first answer of a Rust guest, over HTTP, ms",
        format!("{published:.0}")
    );
    println!(
        "{:<66} {:>9}",
        "resident memory of an idle server on a fresh data folder, MiB",
        format!("{idle:.0}")
    );
    println!(
        "{:<66} {:>9}",
        format!("start to ready with {PLUGINS} published and deployed plugins, ms"),
        format!("{started:.0}")
    );
    println!(
        "{:<66} {:>9}",
        "resident memory after that, MiB",
        format!("{loaded:.0}")
    );
    Ok(())
}

/// The same component with another custom section, so that its digest differs.
fn distinct(component: &[u8], i: usize) -> Vec<u8> {
    let name = format!("n{i:06}");
    let mut bytes = component.to_vec();
    bytes.extend([0, 1 + name.len() as u8, name.len() as u8]);
    bytes.extend(name.as_bytes());
    bytes
}
