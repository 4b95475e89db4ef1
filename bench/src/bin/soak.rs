//! Millions of requests with faults injected, in several lives of one server: memory must stay flat, and nothing that was
//! acknowledged may be missing after `kill -9`.
//!
//!     make soak REQUESTS=10000000
//!
//! While small functions are loaded, one with a fresh instance for each call and one whose instances are used again, guests
//! trap, spin, recurse and allocate, clients go away in the middle of a request, and events are appended. At the end of a
//! life the server is killed in the middle of all that. The last life is the long one, which shows the memory. Ends with 1
//! where something was lost or memory grew. A run that is too short to tell of the memory says so, and ends with 0 where
//! nothing was lost.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use steward_bench::load::{Load, resident_mib};
use steward_bench::median;
use steward_tests::guest::{hostile, manifest};
use steward_tests::{Server, built};

/// How many lives end early, and the share of the requests that each of them has.
const SHORT_LIVES: u64 = 3;
const SHORT_SHARE: u64 = 10;
/// Seconds of load between two looks at the memory.
const BURST: u32 = 10;
const HOSTILE: [&str; 4] = ["traps", "spins", "recurses", "allocates"];
/// How often a look reads the memory, and how long it waits in between. The smallest counts: the others caught a guest with
/// the memory that it may take.
const READINGS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(60);
/// The seconds in which pools, caches and the allocator fill: the memory of that time is shown, and not compared.
const WARM_UP: u32 = 100;
/// How many looks after that tell something: the first quarter of them is compared with the last.
const LEAST_LOOKS: usize = 12;
/// How much memory may grow from the one to the other, in percent and in MiB: what is larger counts.
const GROWTH_PERCENT: f64 = 10.0;
const GROWTH_MIB: f64 = 24.0;

fn main() -> anyhow::Result<()> {
    let requests: u64 = match std::env::args().nth(1) {
        Some(count) => count.parse().context("how many requests")?,
        None => 10_000_000,
    };
    let folder = tempfile::tempdir()?;
    let (mut done, mut acknowledged, mut faults) = (0, Vec::new(), 0);
    let begin = Instant::now();
    let mut compared = None;
    for life in 1..=SHORT_LIVES + 1 {
        let server = Server::start_on(folder.path(), &[]);
        if life == 1 {
            furnish(&server)?;
        }
        missing(&server, &acknowledged).context("after kill -9")?;
        let share = match life {
            short if short <= SHORT_LIVES => requests / SHORT_SHARE,
            _ => requests.saturating_sub(done),
        };
        let lived = live(&server, life, share)?;
        println!(
            "life {life}: {} requests, {} faults, {} events acknowledged",
            lived.requests,
            lived.faults,
            lived.acknowledged.len(),
        );
        let looks: Vec<_> = lived.looks.iter().map(|mib| format!("{mib:.0}")).collect();
        println!("  every {BURST} s: {} MiB", looks.join(" "));
        done += lived.requests;
        faults += lived.faults;
        acknowledged.extend(lived.acknowledged);
        // Those of the last life stay.
        compared = quarters(&lived.looks);
    }
    let server = Server::start_on(folder.path(), &[]);
    missing(&server, &acknowledged).context("after the last kill -9")?;
    println!(
        "{done} requests and {faults} faults in {:.0} s over {} lives; {} acknowledged events, none lost",
        begin.elapsed().as_secs_f64(),
        SHORT_LIVES + 1,
        acknowledged.len()
    );
    let Some((early, late)) = compared else {
        let least = WARM_UP + BURST * LEAST_LOOKS as u32;
        println!(
            "too short to tell whether memory stays flat: the last life has to last {least} s"
        );
        return Ok(());
    };
    let allowed = (early * GROWTH_PERCENT / 100.0).max(GROWTH_MIB);
    ensure!(
        late - early <= allowed,
        "memory grew from {early:.0} to {late:.0} MiB within one life"
    );
    println!("memory stayed flat: {early:.0} MiB after {WARM_UP} s, {late:.0} MiB at the end");
    Ok(())
}

/// The memory in the first and in the last quarter of the looks after the warm-up, MiB; none where there are too few. Looks
/// after the load of the one function and of the other take turns: both ends have as many of each.
fn quarters(looks: &[f64]) -> Option<(f64, f64)> {
    let warm = looks.get((WARM_UP / BURST) as usize..)?;
    if warm.len() < LEAST_LOOKS {
        return None;
    }
    let quarter = ((warm.len() / 4) & !1).max(2);
    let (early, late) = (&warm[..quarter], &warm[warm.len() - quarter..]);
    Some((median(&mut early.to_vec()), median(&mut late.to_vec())))
}

fn component(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = built(&format!("target/test-guests/{name}.wasm"));
    std::fs::read(&path).with_context(|| path.display().to_string())
}

fn furnish(server: &Server) -> anyhow::Result<()> {
    server
        .publish(
            &manifest("small", "1.0.0", "function", ""),
            component("wstd-http-server")?,
        )
        .ok();
    server.deploy("small", "small", "1.0.0", json!({})).ok();
    let reuse = "[function]\nreuse = { requests = 1000, idle_ms = 30000 }\n";
    server
        .publish(
            &manifest("reused", "1.0.0", "function", reuse),
            component("wstd-http-server")?,
        )
        .ok();
    server.deploy("reused", "reused", "1.0.0", json!({})).ok();
    for name in HOSTILE {
        let limits = "[limits]\ncpu_ms = 20\ntimeout_ms = 500\nmemory_mib = 16\n";
        server
            .publish(&manifest(name, "1.0.0", "cleaner", limits), hostile(name))
            .ok();
        server.deploy(name, name, "1.0.0", json!({})).ok();
    }
    Ok(())
}

struct Lived {
    requests: u64,
    faults: u64,
    acknowledged: Vec<String>,
    /// Resident memory after each burst, MiB.
    looks: Vec<f64>,
}

/// Loads until `share` requests are answered, with faults and writes beside, and kills the server.
fn live(server: &Server, life: u64, share: u64) -> anyhow::Result<Lived> {
    let (stop, faults) = (AtomicBool::new(false), AtomicU64::new(0));
    let killed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(server, life, &killed));
        let others = [
            scope.spawn(|| misbehave(server, &stop, &faults)),
            scope.spawn(|| go_away(server, &stop, &faults)),
        ];
        let measured = (|| {
            let loads = ["small", "reused"].map(|name| {
                Load::get(server.addr(), &format!("/f/default/{name}/")).key(server.key())
            });
            let mut loads = loads.iter().cycle();
            let (mut requests, mut looks) = (0, Vec::new());
            while requests < share {
                let Some(load) = loads.next() else { break };
                let rate = load.run(BURST)?;
                requests += (rate * f64::from(BURST)) as u64;
                looks.push(look(server.pid())?);
            }
            anyhow::Ok((requests, looks))
        })();
        stop.store(true, Ordering::Relaxed);
        for other in others {
            if let Err(panic) = other.join() {
                std::panic::resume_unwind(panic);
            }
        }
        // In the middle of what is written.
        let kill = Command::new("kill")
            .args(["-9", &server.pid().to_string()])
            .status();
        killed.store(true, Ordering::Relaxed);
        let acknowledged = match writer.join() {
            Ok(acknowledged) => acknowledged,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        ensure!(kill?.success(), "the server was gone before it was killed");
        let (requests, looks) = measured?;
        Ok(Lived {
            requests,
            faults: faults.load(Ordering::Relaxed),
            acknowledged,
            looks,
        })
    })
}

/// The memory that the process holds, MiB.
fn look(pid: u32) -> anyhow::Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..READINGS {
        least = least.min(resident_mib(pid)?);
        std::thread::sleep(PAUSE);
    }
    Ok(least)
}

/// Appends events until the server is gone; the ids of those that were acknowledged.
fn write(server: &Server, life: u64, killed: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut n = 0;
    while !killed.load(Ordering::Relaxed) {
        n += 1;
        let id = format!("{life}-{n}");
        let event = json!({ "specversion": "1.0", "id": id, "source": "/soak", "type": "soak.written", "data": n });
        let request = server
            .request("POST", "/api/v1/events")
            .header("content-type", "application/cloudevents+json")
            .body(event.to_string());
        let answer = request.send();
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            acknowledged.push(id);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    acknowledged
}

fn misbehave(server: &Server, stop: &AtomicBool, faults: &AtomicU64) {
    for name in HOSTILE.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        server.call(name, &["x"]);
        faults.fetch_add(1, Ordering::Relaxed);
    }
}

/// Clients that leave: after half a head, after half a body, and without reading the answer.
fn go_away(server: &Server, stop: &AtomicBool, faults: &AtomicU64) {
    let key = server.key();
    let requests = [
        "POST /f/default/small/echo HT".to_owned(),
        format!(
            "POST /f/default/small/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 1000\r\n\r\nhalf"
        ),
        format!("GET /f/default/small/ HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"),
    ];
    for request in requests.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(mut stream) = TcpStream::connect(server.addr()) {
            // Whatever comes of it, the client is gone.
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.set_read_timeout(Some(Duration::from_millis(2)));
            let _ = stream.read(&mut [0; 1]);
        }
        faults.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every acknowledged event must be in the log.
fn missing(server: &Server, acknowledged: &[String]) -> anyhow::Result<()> {
    let (mut there, mut after) = (HashSet::new(), 0);
    loop {
        let path = format!("/api/v1/events?type=soak.written&limit=1000&after={after}");
        let page = server.get(&path).ok();
        let events = page["events"].as_array().cloned().unwrap_or_default();
        if events.is_empty() {
            break;
        }
        let ids = events.iter().filter_map(|event| event["id"].as_str());
        there.extend(ids.map(str::to_owned));
        after = page["next"].as_u64().context("the next page")?;
    }
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|id| !there.contains(*id))
        .collect();
    ensure!(
        lost.is_empty(),
        "{} acknowledged events are lost, the first is {}",
        lost.len(),
        lost[0]
    );
    Ok(())
}
