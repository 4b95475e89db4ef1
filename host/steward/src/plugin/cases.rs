//! `plugin test`: runs `tests/cases.jsonl` against the component, through the same publish, deploy
//! and call as on a server, on a registry that lives as long as the run.
//!
//! The plugin has what it asks for: buckets, containers and a log of events, which are empty, the secrets of the case, and
//! services that answer what the case recorded. No request leaves this process.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;
use steward_capabilities::Capabilities;
use steward_egress::{Egress, EgressConfig};
use steward_engine::{Engine, EngineConfig};
use steward_functions::{Functions, FunctionsError};
use steward_inference::{Inference, InferenceConfig};
use steward_models::Models;
use steward_registry::{
    ArtifactsConfig, FunctionSpec, Manifest, Name, Permission, Registry, RegistryConfig, Target,
    TenantId, World,
};
use steward_sdk::testing::{CallError, Case, Given, MAX_CASES_BYTES, parse_cases};
use steward_secrets::{KeySource, Secret, Vault};
use steward_triggers::Events;

use crate::events::LogOfGuests;
use crate::failure::{Exit, Failure};
use crate::plugin::exchange::{self, Exchange};
use crate::plugin::project;
use crate::plugin::services::Services;

/// How the cases of a plugin went.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    /// In the order of the file.
    pub cases: Vec<CaseResult>,
}

/// How one case went.
#[derive(Debug, Serialize)]
pub struct CaseResult {
    pub name: String,
    /// What differs; none where the case passed.
    pub failure: Option<String>,
    /// What the plugin logged during a case that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

impl CaseReport {
    /// Whether every case passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.failure.is_none())
    }
}

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cases.is_empty() {
            return f.write_str(
                "The component is accepted and compiles. It has no cases: write requests and their responses into tests/cases.jsonl.",
            );
        }
        for case in &self.cases {
            match &case.failure {
                None => writeln!(f, "ok      {}", case.name)?,
                Some(why) => writeln!(f, "FAILED  {}\n        {why}", case.name)?,
            }
            for line in &case.log {
                writeln!(f, "        log: {line}")?;
            }
        }
        let failed = self
            .cases
            .iter()
            .filter(|case| case.failure.is_some())
            .count();
        write!(f, "{} cases, {failed} failed", self.cases.len())
    }
}

/// Runs the cases of the plugin in this folder against a component. Those of a typed world are calls and their answers,
/// those of a function requests and their responses. A function may have none: then its component is accepted and
/// compiled, and the report is empty.
///
/// # Errors
/// No cases or a line that is none, or a component that a server would refuse. A case that fails
/// is not an error: it is in the report.
pub async fn run(dir: &Path, component: &Path) -> anyhow::Result<CaseReport> {
    let manifest = project::manifest(dir)?;
    let cases = match manifest.plugin.world {
        World::Function if !dir.join(CASES).exists() => Cases::Requests(Vec::new()),
        World::Function => Cases::Requests(exchange::parse(&read_file(dir)?).map_err(invalid)?),
        World::Cleaner
        | World::Anonymizer
        | World::Labeller
        | World::Team
        | World::Feedback
        | World::Step => Cases::Calls(read_cases(dir)?),
    };
    let bytes = std::fs::read(component).map_err(|e| Failure::file("read", component, &e))?;
    let mut bench = Bench::start(manifest, bytes.into()).await?;
    let mut report = CaseReport { cases: Vec::new() };
    match &cases {
        Cases::Calls(cases) => {
            for (n, case) in cases.iter().enumerate() {
                let prepared = bench.prepare(n, &case.host).await;
                let ran = async {
                    prepared?;
                    bench.services.judge(bench.run(case).await)
                };
                report.add(&bench, &case.name, ran).await;
            }
        }
        Cases::Requests(cases) => {
            for (n, case) in cases.iter().enumerate() {
                let prepared = bench.prepare(n, &case.host).await;
                let ran = async {
                    prepared?;
                    bench.services.judge(bench.exchange(case).await)
                };
                report.add(&bench, &case.name, ran).await;
            }
        }
    }
    bench.functions.drain().await;
    Ok(report)
}

/// Where the cases of a plugin are.
const CASES: &str = "tests/cases.jsonl";

enum Cases {
    Calls(Vec<Case>),
    Requests(Vec<Exchange>),
}

impl CaseReport {
    /// Runs a case and notes how it went.
    async fn add(
        &mut self,
        bench: &Bench,
        name: &str,
        case: impl Future<Output = Result<(), String>>,
    ) {
        let first = bench.next_line();
        let failure = case.await.err();
        let log = failure
            .as_ref()
            .map(|_| bench.lines_from(first))
            .unwrap_or_default();
        self.cases.push(CaseResult {
            name: name.to_owned(),
            failure,
            log,
        });
    }
}

fn invalid(why: impl fmt::Display) -> anyhow::Error {
    Failure::new(Exit::Invalid, why.to_string()).into()
}

fn read_cases(dir: &Path) -> anyhow::Result<Vec<Case>> {
    parse_cases(&read_file(dir)?).map_err(invalid)
}

fn read_file(dir: &Path) -> anyhow::Result<String> {
    let path = dir.join(CASES);
    let failed = |e: std::io::Error| {
        let next = "write one call and its answer a line: {\"name\":…,\"input\":…,\"expect\":…}";
        Failure::file("read", &path, &e).next(next)
    };
    let mut text = String::new();
    // One byte more than allowed, so that the reader of the cases sees that it is too much.
    File::open(&path)
        .map_err(failed)?
        .take(MAX_CASES_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// A plugin on a server of its own.
struct Bench {
    functions: Functions,
    registry: Registry,
    secrets: Vault,
    services: Services,
    manifest: Manifest,
    component: bytes::Bytes,
    /// Where the case runs.
    tenant: TenantId,
    /// Registry, artifacts and compiled code; removed with it.
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn start(manifest: Manifest, component: bytes::Bytes) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let at = |name: &str| folder.path().join(name);
        let registry = Registry::open(&RegistryConfig {
            database_url: format!("sqlite://{}", at("steward.db").display()),
            artifacts: ArtifactsConfig::Local(at("artifacts")),
        })
        .await?;
        let tenant: TenantId = "test".parse()?;
        registry.ensure_tenant(&tenant).await?;
        let engine = Engine::new(&EngineConfig {
            cache_dir: at("compiled"),
        })?;
        // A case has no models: what opens one is answered that there is none.
        let inference = Inference::new(InferenceConfig::default());
        let models = Models::start(registry.clone(), inference, at("models")).await?;
        let secrets = Vault::start(registry.clone(), KeySource::File(at("secrets.key"))).await?;
        let services = Services::default();
        let egress = Egress::with_stand_in(EgressConfig::default(), Arc::new(services.clone()))?;
        let events = Arc::new(LogOfGuests(Events::new(registry.clone())));
        let capabilities = Capabilities::from(models)
            .with_egress(egress)
            .with_secrets(secrets.clone())
            .with_stores(registry.clone())
            .with_events(events);
        let functions = Functions::start(registry.clone(), engine, capabilities).await?;
        let bench = Self {
            functions,
            registry,
            secrets,
            services,
            manifest,
            component,
            tenant,
            _folder: folder,
        };
        bench.publish().await?;
        Ok(bench)
    }

    async fn publish(&self) -> Result<(), FunctionsError> {
        let (manifest, component) = (&self.manifest, self.component.clone());
        let published = self
            .functions
            .publish(&self.tenant, manifest, component, "plugin-test");
        published.await.map(|_| ())
    }

    /// Makes ready what a case is given. What a plugin keeps is its tenant's: one that may keep something has a tenant of its
    /// own in each case, so that no case sees what another left.
    async fn prepare(&mut self, n: usize, given: &Given) -> Result<(), String> {
        self.services.begin(given);
        let keeps = |asked: Permission| {
            !matches!(
                asked,
                Permission::Inference(_) | Permission::Privacy(_) | Permission::Http(_)
            )
        };
        if !self.manifest.requests.iter().any(keeps) && given.secrets.is_empty() {
            return Ok(());
        }
        self.furnish(n, given)
            .await
            .map_err(|e| format!("the case cannot be made ready: {e:#}"))
    }

    async fn furnish(&mut self, n: usize, given: &Given) -> anyhow::Result<()> {
        self.tenant = format!("test-{n}").parse()?;
        self.registry.ensure_tenant(&self.tenant).await?;
        for (name, value) in &given.secrets {
            let secret = Secret::new(value.clone().into_bytes())?;
            self.secrets
                .put(&self.tenant, &name.parse()?, &secret, "plugin-test")
                .await?;
        }
        Ok(self.publish().await?)
    }

    fn name(&self) -> &Name {
        &self.manifest.plugin.name
    }

    /// Runs one case; the error says what differs.
    async fn run(&self, case: &Case) -> Result<(), String> {
        self.deploy(&case.config)
            .await
            .map_err(|e| format!("cannot be deployed: {e}"))?;
        let answer = self.call(case.call.as_deref(), &case.input).await;
        case.judge(&answer)
    }

    /// Sends one request; the error says what differs.
    async fn exchange(&self, case: &Exchange) -> Result<(), String> {
        self.deploy(&case.config)
            .await
            .map_err(|e| format!("cannot be deployed: {e}"))?;
        let function = self
            .functions
            .find(self.tenant.as_str(), self.name().as_str())
            .map_err(|e| e.to_string())?;
        case.run(&function).await
    }

    async fn deploy(&self, config: &BTreeMap<String, String>) -> Result<(), FunctionsError> {
        let plugin = &self.manifest.plugin;
        let spec = FunctionSpec {
            name: plugin.name.clone(),
            plugin: plugin.name.clone(),
            targets: vec![Target {
                version: plugin.version.clone(),
                percent: 100,
            }],
            config: config.clone(),
            grants: self.manifest.requests.clone(),
            rollout: Default::default(),
            limits: Default::default(),
            debug: Default::default(),
        };
        let current = self
            .functions
            .find(self.tenant.as_str(), plugin.name.as_str());
        if current.is_ok_and(|function| function.revision().spec == spec) {
            return Ok(());
        }
        self.functions
            .deploy(&self.tenant, spec, "plugin-test")
            .await
            .map(|_| ())
    }

    async fn call(&self, export: Option<&str>, input: &Value) -> Result<Value, CallError> {
        let function = self
            .functions
            .find(self.tenant.as_str(), self.name().as_str());
        let answer = match function {
            Ok(function) => function.call(export, input.clone()).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| match error {
            // The words of the contract, which the native run of the same case uses too.
            FunctionsError::Guest { case, message } => CallError {
                code: case,
                message,
            },
            FunctionsError::Retryable { message, .. } => CallError {
                code: "retryable".into(),
                message,
            },
            error => CallError {
                code: error.code().to_owned(),
                message: error.to_string(),
            },
        })
    }

    /// The number that the next line of the plugin will have.
    fn next_line(&self) -> u64 {
        let last = self.functions.logs(&self.tenant, self.name(), None, 1);
        last.last().map_or(0, |line| line.seq + 1)
    }

    fn lines_from(&self, first: u64) -> Vec<String> {
        let lines = self
            .functions
            .logs(&self.tenant, self.name(), Some(first), 20);
        lines
            .into_iter()
            .map(|line| format!("{} {}", line.level, line.message))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_what_failed() {
        let result = |name: &str, failure: Option<&str>| CaseResult {
            name: name.into(),
            failure: failure.map(str::to_owned),
            log: Vec::new(),
        };
        let mut report = CaseReport {
            cases: vec![result("a", None)],
        };
        assert!(report.passed());
        report
            .cases
            .push(result("b", Some(".x: expected 1, got 2")));
        assert!(!report.passed());
        assert!(report.to_string().ends_with("2 cases, 1 failed"));
        assert!(
            report
                .to_string()
                .contains("FAILED  b\n        .x: expected 1, got 2")
        );
    }

    #[test]
    fn cases_that_cannot_be_read_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            read_cases(dir.path())
                .unwrap_err()
                .to_string()
                .contains("cases.jsonl")
        );
        std::fs::create_dir(dir.path().join("tests")).unwrap();
        for bad in [
            &b"{"[..],
            b"",
            b"\xff\xfe",
            &vec![b' '; MAX_CASES_BYTES + 1],
        ] {
            std::fs::write(dir.path().join("tests/cases.jsonl"), bad).unwrap();
            assert!(read_cases(dir.path()).is_err());
        }
    }
}
