//! Durable steps a second, embedded and on PostgreSQL, and the memory of runs that wait. A step is a call whose start and
//! whose result are on disk before the next one begins; what is called answers at once, so that what is measured is what
//! durability costs.
//!
//!     cargo bench --workspace --bench workflow

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::{Value, json};
use steward_bench::load::resident_mib;
use steward_registry::workflows::{RunStatus, WorkflowSettings};
use steward_registry::{ArtifactsConfig, Name, Registry, RegistryConfig, TenantId};
use steward_runs::{Begin, Caller, Effects, Pins, Runs, RunsConfig};
use steward_secrets::{KeySource, Vault};
use steward_tests::services::Postgres;
use steward_triggers::Events;
use steward_workflow::{Call, Error, References};
use tokio::task::AbortHandle;

/// Steps of each run.
const STEPS: usize = 10;
/// Runs of a measurement.
const RUNS: usize = 3_000;
/// The cores that are used, however many there are.
const CORES: usize = 2;
/// Steps a second that are promised on two cores, and on PostgreSQL beside it on the same two.
const EMBEDDED: f64 = 2_000.0;
const ON_POSTGRESQL: f64 = 1_000.0;
/// By how much the memory may grow from the first to the last of [`WAITING`], in MiB: runs that wait are only in the database.
const FLAT_MIB: f64 = 64.0;
/// Runs that wait.
const WAITING: [usize; 3] = [1_000, 10_000, 100_000];

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Answers at once.
struct AtOnce;

#[async_trait]
impl Effects for AtOnce {
    async fn pin(
        &self,
        _tenant: &TenantId,
        _references: &References,
        _extensions: &BTreeMap<String, Vec<Name>>,
    ) -> Result<Pins, Error> {
        Ok(Pins::default())
    }

    async fn check_step(&self, _tenant: &TenantId, _function: &Name) -> Result<(), Error> {
        Ok(())
    }

    async fn call(&self, caller: &Caller<'_>, _call: &Call) -> Result<Value, Error> {
        Ok(json!({ "key": caller.idempotency_key }))
    }
}

struct Host {
    registry: Registry,
    runs: Runs,
    tenant: TenantId,
    /// What carries its runs on.
    background: AbortHandle,
    _folder: tempfile::TempDir,
}

impl Drop for Host {
    fn drop(&mut self) {
        // A host of the part before must not work beside the next one.
        self.background.abort();
    }
}

async fn host(database: Option<String>) -> anyhow::Result<Host> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    let registry = Registry::open(&RegistryConfig {
        database_url: database.unwrap_or_else(|| format!("sqlite://{}/steward.db", path.display())),
        artifacts: ArtifactsConfig::Local(path.join("artifacts")),
    })
    .await?;
    let tenant: TenantId = "default".parse()?;
    registry.ensure_tenant(&tenant).await?;
    let key = KeySource::File(path.join("secrets.key"));
    let vault = Vault::start(registry.clone(), key).await?;
    let events = Events::new(registry.clone());
    let config = RunsConfig::default();
    let runs = Runs::start(registry.clone(), events, vault, Arc::new(AtOnce), config).await?;
    let carried_on = runs.clone();
    let background = tokio::spawn(async move { carried_on.run().await }).abort_handle();
    Ok(Host {
        registry,
        runs,
        tenant,
        background,
        _folder: folder,
    })
}

impl Host {
    async fn apply(&self, name: &str, tasks: Value) -> anyhow::Result<Name> {
        let definition = json!({
            "document": {"dsl": "1.0.3", "namespace": "default", "name": name, "version": "1.0.0"},
            "do": tasks,
        });
        let settings = WorkflowSettings::default();
        self.runs
            .apply(&self.tenant, &definition.to_string(), settings, "bench")
            .await?;
        Ok(name.parse()?)
    }

    /// Starts runs, as many callers at a time as a busy host has.
    async fn start(&self, name: &Name, count: usize) -> anyhow::Result<()> {
        const CALLERS: usize = 256;
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..CALLERS {
            let share = count / CALLERS + usize::from(caller < count % CALLERS);
            let (runs, tenant, name) = (self.runs.clone(), self.tenant.clone(), name.clone());
            callers.spawn(async move {
                for n in 0..share {
                    let begin = Begin {
                        input: json!({ "n": n }),
                        ..Begin::default()
                    };
                    runs.begin(&tenant, &name, begin, "bench").await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = callers.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn until(&self, name: &Name, status: RunStatus, count: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let counts = self.registry.count_runs(&self.tenant, name).await?;
            let of = |wanted| {
                let found = counts.iter().find(|(status, _)| *status == wanted);
                found.map_or(0, |(_, count)| *count)
            };
            anyhow::ensure!(of(RunStatus::Faulted) == 0, "runs failed");
            if of(status) >= count as u64 {
                return Ok(());
            }
            anyhow::ensure!(
                begun.elapsed() < Duration::from_secs(600),
                "too slow: {counts:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Runs of steps that follow each other.
async fn steps(where_: &str, database: Option<String>, least: f64) -> anyhow::Result<()> {
    let host = host(database).await?;
    let tasks: Vec<Value> = (0..STEPS)
        .map(|n| json!({ format!("step{n}"): {"call": "steward:noop", "with": {"n": n}} }))
        .collect();
    let name = host.apply("steps", json!(tasks)).await?;
    let begun = Instant::now();
    host.start(&name, RUNS).await?;
    let started = begun.elapsed();
    host.until(&name, RunStatus::Completed, RUNS).await?;
    let took = begun.elapsed().as_secs_f64();
    let stats = host.runs.stats();
    let a_second = (RUNS * STEPS) as f64 / took;
    println!(
        "{where_:<12} {:>8.0} durable steps/s  ({RUNS} runs of {STEPS} steps in {took:.1} s, the starts in {:.1} s; {} records)",
        a_second,
        started.as_secs_f64(),
        stats.records,
    );
    anyhow::ensure!(
        a_second >= least,
        "less than the {least} durable steps/s that are promised"
    );
    Ok(())
}

/// Runs that wait for an event.
async fn waiting() -> anyhow::Result<()> {
    let host = host(None).await?;
    let tasks =
        json!([{"rest": {"listen": {"to": {"one": {"with": {"type": "com.example.go"}}}}}}]);
    let name = host.apply("waits", tasks).await?;
    let (mut there, mut first) = (0, None);
    for count in WAITING {
        let begun = Instant::now();
        host.start(&name, count - there).await?;
        host.until(&name, RunStatus::Waiting, count).await?;
        there = count;
        let resident = resident_mib(std::process::id())?;
        println!(
            "{count:>8} runs wait: {resident:>7.1} MiB resident, {} in memory, {:.1} s to start them",
            host.runs.stats().in_memory,
            begun.elapsed().as_secs_f64(),
        );
        let grown = resident - *first.get_or_insert(resident);
        anyhow::ensure!(
            grown <= FLAT_MIB,
            "{grown:.1} MiB more than with {}",
            WAITING[0]
        );
    }
    Ok(())
}

/// Keeps this thread, and what it starts, on so many of the cores that it may use. How many there are.
fn keep_to(most: usize) -> nix::Result<usize> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let (mut kept, mut count) = (CpuSet::new(), 0);
    for core in 0..CpuSet::count() {
        if count < most && allowed.is_set(core)? {
            kept.set(core)?;
            count += 1;
        }
    }
    sched_setaffinity(this, &kept)?;
    Ok(count)
}

fn main() -> anyhow::Result<()> {
    // Before there is a runtime: its threads, and PostgreSQL, have the cores of the thread that starts them.
    let cores = keep_to(CORES).context("this process cannot be kept to some cores")?;
    println!("on {cores} cores, PostgreSQL on the same");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measured())
}

async fn measured() -> anyhow::Result<()> {
    // First, as its figure is the memory of the process, which the other parts would leave grown.
    waiting().await.context("runs that wait")?;
    steps("embedded", None, EMBEDDED).await?;
    let postgres = Postgres::start_durable();
    let database = postgres.create_database("bench").await;
    steps("PostgreSQL", Some(database), ON_POSTGRESQL)
        .await
        .context("on PostgreSQL")
}
