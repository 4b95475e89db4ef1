//! A gateway on a free port, with two tenants, a function, and a key of every sort.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use steward_data::{Datasets, Questions};
use steward_egress::{Egress, EgressConfig};
use steward_engine::{Engine, EngineConfig};
use steward_functions::Functions;
use steward_gateway::{
    GatewayConfig, GatewayError, Limits, OfRuns, Parts, TenantSecrets, ToFunctions, bind,
};
use steward_inference::{Inference, InferenceConfig};
use steward_models::Models;
use steward_registry::{
    ArtifactsConfig, FunctionSpec, Lineage, Manifest, Permissions, Registry, RegistryConfig, Role,
    Target, TenantId,
};
use steward_runs::{Runs, RunsConfig};
use steward_secrets::{KeySource, Vault};
use steward_triggers::{Events, Triggers, TriggersConfig};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::guest;

/// Every name in the first tenant: of its plugin, its function and its model.
pub const NAME: &str = "echo";

pub struct Host {
    pub addr: SocketAddr,
    pub registry: Registry,
    /// A key of each role in the tenant `default`.
    pub keys: BTreeMap<&'static str, String>,
    /// An operator of the tenant `other`, which has nothing.
    pub other: String,
    pub revoked: String,
    pub expired: String,
    /// Id of a key that nobody uses.
    pub spare: String,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), GatewayError>>,
    _folder: TempDir,
}

// One for all tests: each reserves the address space of a thousand instances.
static ENGINE: LazyLock<(Engine, TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(&EngineConfig {
        cache_dir: folder.path().to_owned(),
    })
    .unwrap();
    (engine, folder)
});

impl Host {
    pub async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&RegistryConfig {
            database_url: format!("sqlite://{}/steward.db", folder.path().display()),
            artifacts: ArtifactsConfig::Local(folder.path().join("artifacts")),
        })
        .await
        .unwrap();
        let tenant: TenantId = "default".parse().unwrap();
        let other_tenant: TenantId = "other".parse().unwrap();
        for tenant in [&tenant, &other_tenant] {
            registry.create_tenant(tenant).await.unwrap();
        }
        let key = async |tenant, role: Role, expires| {
            registry
                .create_key(tenant, "test", role, expires)
                .await
                .unwrap()
        };
        let mut keys = BTreeMap::new();
        for role in Role::ALL {
            keys.insert(role.as_str(), key(&tenant, role, None).await.1.to_string());
        }
        let other = key(&other_tenant, Role::Operator, None).await.1.to_string();
        let long_ago = Timestamp::now() - SignedDuration::from_hours(1);
        let expired = key(&tenant, Role::Operator, Some(long_ago))
            .await
            .1
            .to_string();
        let spare = key(&tenant, Role::Viewer, None).await.0.id;
        let (gone, revoked) = key(&tenant, Role::Operator, None).await;
        registry.revoke_key(&tenant, &gone.id).await.unwrap();

        // What `make setup` has installed, from wherever the tests are run.
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.steward");
        let home = std::env::var_os("STEWARD_HOME").map_or(home, PathBuf::from);
        let inference = Inference::new(InferenceConfig {
            library: Some(home.join("lib/libonnxruntime.so")),
            ..InferenceConfig::default()
        });
        let models_dir = folder.path().join("models");
        let models = Models::start(registry.clone(), inference, models_dir)
            .await
            .unwrap();
        let functions = Functions::start(registry.clone(), ENGINE.0.clone(), models.clone())
            .await
            .unwrap();
        furnish(&registry, &models, &functions, &tenant).await;

        let key = KeySource::File(folder.path().join("secrets.key"));
        let secrets = Vault::start(registry.clone(), key).await.unwrap();
        let triggers = Triggers::start(
            Events::new(registry.clone()),
            Arc::new(ToFunctions(functions.clone())),
            Arc::new(TenantSecrets(secrets.clone())),
            TriggersConfig::default(),
        )
        .await
        .unwrap();
        let of_runs = OfRuns::new(
            functions.clone(),
            models.clone(),
            secrets.clone(),
            Egress::new(EgressConfig::default()).unwrap(),
        );
        let runs = Runs::start(
            registry.clone(),
            triggers.events().clone(),
            secrets.clone(),
            Arc::new(of_runs),
            RunsConfig::default(),
        )
        .await
        .unwrap();
        let definition = workflow(NAME, "1.0.0").to_string();
        runs.apply(&tenant, &definition, Default::default(), "test")
            .await
            .unwrap();
        let datasets = Datasets::new(
            registry.clone(),
            functions.clone(),
            models.clone(),
            folder.path().join("datasets"),
        );
        let config = GatewayConfig {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            limits,
            drain_timeout: Duration::from_secs(30),
            ..GatewayConfig::default()
        };
        let server = bind(
            config,
            Parts {
                registry: registry.clone(),
                functions,
                models,
                questions: Questions::start(registry.clone(), &folder.path().join("datasets"))
                    .unwrap(),
                datasets,
                secrets,
                triggers,
                egress: None,
                runs,
                telemetry: None,
            },
        )
        .await
        .unwrap();
        let addr = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Self {
            addr,
            registry,
            keys,
            other,
            revoked: revoked.to_string(),
            expired,
            spare,
            client: Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(60))
                .build()
                .unwrap(),
            stop: Some(stop),
            running,
            _folder: folder,
        }
    }

    /// A request without a key.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.addr))
    }

    /// A request with the key of the operator.
    pub fn operator(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask(method, path).bearer_auth(&self.keys["operator"])
    }

    /// Waits until the host knows a key that was made behind its back.
    pub async fn seen(&self, key: &str) {
        let begin = std::time::Instant::now();
        while Answer::of(self.ask(Method::GET, "/api/v1/me").bearer_auth(key))
            .await
            .status
            == 401
        {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "the key is not known"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Calls the function with so many documents.
    pub async fn call(&self, documents: usize) -> Answer {
        Answer::of(
            self.operator(Method::POST, "/f/default/echo")
                .json(&guest::batch(documents)),
        )
        .await
    }

    /// Begins the shutdown.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the end of the shutdown.
    pub async fn stopped(self) {
        self.running.await.unwrap().unwrap();
    }
}

/// A workflow of this name that calls nothing.
pub fn workflow(name: &str, version: &str) -> Value {
    serde_json::json!({
        "document": {"dsl": "1.0.3", "namespace": "default", "name": name, "version": version},
        "do": [{"last": {"set": {"done": true}}}],
    })
}

/// Publishes and deploys what the tests call, and registers a model that nobody loads.
async fn furnish(registry: &Registry, models: &Models, functions: &Functions, tenant: &TenantId) {
    let manifest = Manifest::parse(&guest::manifest("1.0.0")).unwrap();
    let version = manifest.plugin.version.clone();
    functions
        .publish(tenant, &manifest, Bytes::from(guest::cleaner()), "test")
        .await
        .unwrap();
    registry
        .set_plugin_alias(
            tenant,
            &NAME.parse().unwrap(),
            &"stable".parse().unwrap(),
            &version,
        )
        .await
        .unwrap();
    let spec = |name: &str, timeout_ms| FunctionSpec {
        name: name.parse().unwrap(),
        plugin: NAME.parse().unwrap(),
        targets: vec![Target {
            version: version.clone(),
            percent: 100,
        }],
        config: BTreeMap::from([
            ("token".into(), "hush-hush".into()),
            ("mode".into(), "plain".into()),
        ]),
        grants: Permissions::default(),
        rollout: Default::default(),
        limits: steward_registry::manifest::Limits {
            timeout_ms: Some(timeout_ms),
            ..Default::default()
        },
        debug: Default::default(),
    };
    functions
        .deploy(tenant, spec(NAME, 30_000), "test")
        .await
        .unwrap();
    functions
        .deploy(tenant, spec("hasty", 200), "test")
        .await
        .unwrap();

    let file = registry
        .artifacts()
        .put(Bytes::from_static(b"no model"))
        .await
        .unwrap();
    let files = BTreeMap::from([
        ("model.onnx".to_owned(), file),
        ("tokenizer.json".to_owned(), file),
    ]);
    let config = serde_json::json!({"task": "embed"});
    registry
        .push_model(
            tenant,
            &NAME.parse().unwrap(),
            &version,
            &config,
            files,
            &Lineage::default(),
            "test",
        )
        .await
        .unwrap();
    models.refresh().await.unwrap();
}

/// Status, headers and JSON (or text) of an answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            status,
            headers,
            body,
        }
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.body
    }

    /// A problem as RFC 9457 has it, of this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{self:?}"
        );
        assert_eq!(
            self.body["type"],
            format!("https://steward.dev/problems/{code}"),
            "{self:?}"
        );
        assert_eq!(self.body["status"], status, "{self:?}");
        for member in ["title", "detail"] {
            assert!(
                self.body[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{self:?}"
            );
        }
        assert!(self.headers.contains_key("x-request-id"), "{self:?}");
        self
    }
}
