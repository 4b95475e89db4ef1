//! One server for all hostile guests, and the innocent neighbour that runs beside each of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use serde_json::json;
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, manifest};
use steward_tests::{Server, built};

/// How long a call of the neighbour may take at most. Alone it takes a few milliseconds; the bound
/// is for a machine that has other things to do, and below every wait that a hostile guest tries.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long calls of hostile guests may take that do not end by themselves, in milliseconds, so that the suite is quick.
pub const QUICK_MS: u32 = 500;
/// The same for the others: however busy the machine is, the time is not what ends them.
pub const PATIENT_MS: u32 = 20_000;

/// The limits of a hostile guest in its manifest, with this time for each call.
pub fn limits(timeout_ms: u32) -> String {
    format!("[limits]\ntimeout_ms = {timeout_ms}\nmemory_mib = 128\n")
}

/// A server with two innocent functions: a typed one, and one of `wasi:http` 0.3.
pub struct Suite {
    pub server: Server,
}

/// The server of the tests that run now; the last of them stops it.
pub fn suite() -> Arc<Suite> {
    static SHARED: Mutex<Weak<Suite>> = Mutex::new(Weak::new());
    let mut shared = SHARED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(suite) = shared.upgrade() {
        return suite;
    }
    let suite = Arc::new(Suite::start());
    *shared = Arc::downgrade(&suite);
    suite
}

impl Suite {
    /// A server that nobody shares.
    pub fn start() -> Self {
        let server = Server::start();
        server
            .publish(
                &manifest("innocent", "1.0.0", "cleaner", ""),
                cleaner(KEEPS_EVERYTHING),
            )
            .ok();
        server
            .deploy("innocent", "innocent", "1.0.0", json!({}))
            .ok();
        let innocent = guest("wasip3-http-proxy");
        server
            .publish(
                &manifest("innocent-http", "1.0.0", "function", ""),
                innocent,
            )
            .ok();
        server
            .deploy("innocent-http", "innocent-http", "1.0.0", json!({}))
            .ok();
        for name in ["hostile-http02", "hostile-http03"] {
            server
                .publish(
                    &manifest(name, "1.0.0", "function", &limits(PATIENT_MS)),
                    guest(name),
                )
                .ok();
        }
        Self { server }
    }

    /// Runs this while the neighbours are called without a pause: each of their calls must succeed,
    /// and none may take longer than [`PATIENCE`].
    pub fn beside<T>(&self, scenario: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        // The end of the scenario is marked whether it passes or panics, so that this never hangs.
        struct Mark<'a>(&'a AtomicBool);
        impl Drop for Mark<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        std::thread::scope(|scope| {
            let neighbour = scope.spawn(|| {
                let mut served = 0;
                while !done.load(Ordering::Relaxed) || served < 3 {
                    let start = Instant::now();
                    assert_eq!(self.server.call("innocent", &["a"]).ok(), json!(["kept"]));
                    assert_eq!(
                        self.server.get("/f/default/innocent-http/").ok(),
                        "Hello, WASI!"
                    );
                    let took = start.elapsed();
                    assert!(took < PATIENCE, "the neighbours were kept for {took:?}");
                    served += 1;
                    // A tenth of a core for the neighbours is enough to see them kept waiting.
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let outcome = {
                let _mark = Mark(&done);
                scenario()
            };
            neighbour.join().expect("the neighbour was served");
            outcome
        })
    }

    /// Deploys a behaviour of a `wasi:http` guest that ends by itself as a function of its own, and returns its path.
    /// `wasi` is `02` or `03`.
    pub fn behaviour(&self, wasi: &str, name: &str) -> String {
        self.behaviour_within(PATIENT_MS, wasi, name)
    }

    /// The same with another time for each call, in milliseconds: [`QUICK_MS`] for one that does not end. Tests that give
    /// different times share no function.
    pub fn behaviour_within(&self, timeout_ms: u32, wasi: &str, name: &str) -> String {
        let function = format!("h{wasi}-{timeout_ms}-{name}");
        let limits =
            json!({ "limits": { "timeout_ms": timeout_ms, "memory_mib": 128, "concurrency": 4 } });
        self.server
            .deploy(&function, &format!("hostile-http{wasi}"), "1.0.0", limits)
            .ok();
        format!("/f/default/{function}/{name}")
    }
}

/// A guest that `make build` built.
pub fn guest(name: &str) -> Vec<u8> {
    std::fs::read(built(&format!("target/test-guests/{name}.wasm"))).expect("a file")
}

/// The memory that a process has in use, in MiB.
pub fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("its resident memory");
    let kib: u64 = line
        .split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number");
    kib >> 10
}
