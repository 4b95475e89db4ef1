//! Steward in this process: every part, as `steward serve` puts them together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use steward_data::{Datasets, Questions};
use steward_egress::{Egress, EgressConfig};
use steward_engine::{Engine, EngineConfig};
use steward_functions::Functions;
use steward_gateway::{GatewayConfig, OfRuns, Parts, TenantSecrets, ToFunctions};
use steward_inference::{Inference, InferenceConfig, ModelConfig, ModelFiles};
use steward_models::Models;
use steward_registry::{
    ArtifactsConfig, FunctionSpec, Limits, Lineage, Manifest, Permissions, Registry,
    RegistryConfig, Role, Target, TenantId, World,
};
use steward_runs::{Runs, RunsConfig};
use steward_secrets::{KeySource, Vault};
use steward_triggers::{Events, Triggers, TriggersConfig};

/// A host on a temporary data folder, listening on a free loopback port.
pub struct Host {
    /// Where it listens.
    pub addr: SocketAddr,
    /// An invoker's key.
    pub key: String,
    /// The engine.
    pub engine: Engine,
    /// The functions.
    pub functions: Functions,
    /// The models.
    pub models: Models,
    /// The tenant.
    pub tenant: TenantId,
    registry: Registry,
    folder: tempfile::TempDir,
}

impl Host {
    /// Starts it.
    ///
    /// # Errors
    /// Whatever keeps a host from starting.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        let registry = Registry::open(&RegistryConfig {
            database_url: format!("sqlite://{}/steward.db", path.display()),
            artifacts: ArtifactsConfig::Local(path.join("artifacts")),
        })
        .await?;
        let tenant: TenantId = "default".parse()?;
        registry.ensure_tenant(&tenant).await?;
        let (_, key) = registry
            .create_key(&tenant, "bench", Role::Invoker, None)
            .await?;
        let engine = Engine::new(&EngineConfig {
            cache_dir: path.join("cache"),
        })?;
        let inference = Inference::new(InferenceConfig::default());
        let models = Models::start(registry.clone(), inference, path.join("models")).await?;
        let functions = Functions::start(registry.clone(), engine.clone(), models.clone()).await?;
        let datasets = Datasets::new(
            registry.clone(),
            functions.clone(),
            models.clone(),
            path.join("datasets"),
        );
        let host_key = KeySource::File(path.join("secrets.key"));
        let secrets = Vault::start(registry.clone(), host_key).await?;
        let triggers = Triggers::start(
            Events::new(registry.clone()),
            Arc::new(ToFunctions(functions.clone())),
            Arc::new(TenantSecrets(secrets.clone())),
            TriggersConfig::default(),
        )
        .await?;
        let of_runs = OfRuns::new(
            functions.clone(),
            models.clone(),
            secrets.clone(),
            Egress::new(EgressConfig::default())?,
        );
        let runs = Runs::start(
            registry.clone(),
            triggers.events().clone(),
            secrets.clone(),
            Arc::new(of_runs),
            RunsConfig::default(),
        )
        .await?;
        let parts = Parts {
            registry: registry.clone(),
            functions: functions.clone(),
            models: models.clone(),
            questions: Questions::start(registry.clone(), &path.join("datasets"))?,
            datasets,
            secrets,
            egress: None,
            triggers,
            runs,
            telemetry: None,
        };
        let config = GatewayConfig {
            addr: "127.0.0.1:0".parse()?,
            ..GatewayConfig::default()
        };
        let server = steward_gateway::bind(config, parts).await?;
        let addr = server.local_addr();
        tokio::spawn(server.run(std::future::pending()));
        Ok(Self {
            addr,
            key: key.to_string(),
            engine,
            functions,
            models,
            tenant,
            registry,
            folder,
        })
    }

    /// Pushes a model and loads it.
    ///
    /// # Errors
    /// When a file cannot be read or the registry refuses it.
    pub async fn push_model(
        &self,
        name: &str,
        files: &ModelFiles,
        config: &ModelConfig,
    ) -> anyhow::Result<()> {
        let mut stored = BTreeMap::new();
        let tokenizer = files.tokenizer.iter().map(|path| ("tokenizer.json", path));
        for (name, path) in [("model.onnx", &files.model)].into_iter().chain(tokenizer) {
            let bytes = Bytes::from(std::fs::read(path)?);
            let stored_file = self.registry.artifacts().put(bytes).await?;
            stored.insert(name.to_owned(), stored_file);
        }
        let config = serde_json::to_value(config)?;
        let version = semver::Version::new(1, 0, 0);
        self.registry
            .push_model(
                &self.tenant,
                &name.parse()?,
                &version,
                &config,
                stored,
                &Lineage::default(),
                "bench",
            )
            .await?;
        self.models.refresh().await?;
        self.models.open(&self.tenant, &name.parse()?).await?;
        Ok(())
    }

    /// Publishes a component and deploys it under its name.
    ///
    /// # Errors
    /// Whatever publish and deploy find.
    pub async fn deploy(&self, name: &str, world: World, component: &[u8]) -> anyhow::Result<()> {
        let manifest =
            format!("[plugin]\nname = \"{name}\"\nversion = \"1.0.0\"\nworld = \"{world}\"\n");
        self.deploy_with(name, &manifest, component).await
    }

    /// The same with a manifest, all of whose requests are granted.
    ///
    /// # Errors
    /// Whatever publish and deploy find.
    pub async fn deploy_with(
        &self,
        name: &str,
        manifest: &str,
        component: &[u8],
    ) -> anyhow::Result<()> {
        let manifest = Manifest::parse(manifest)?;
        let grants = manifest.requests.clone();
        self.publish(&manifest, component).await?;
        let version = manifest.plugin.version;
        self.deploy_as(name, name, version, BTreeMap::new(), grants)
            .await
    }

    /// Publishes a component.
    ///
    /// # Errors
    /// Whatever publish finds.
    pub async fn publish(&self, manifest: &Manifest, component: &[u8]) -> anyhow::Result<()> {
        let component = Bytes::copy_from_slice(component);
        self.functions
            .publish(&self.tenant, manifest, component, "bench")
            .await?;
        Ok(())
    }

    /// The functions of a second host: the same registry, the same cache of compiled code, nothing of it loaded.
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    pub async fn second(&self) -> anyhow::Result<Functions> {
        let engine = Engine::new(&EngineConfig {
            cache_dir: self.folder.path().join("cache"),
        })?;
        Ok(Functions::start(self.registry.clone(), engine, self.models.clone()).await?)
    }

    /// Deploys a version of a published plugin under a name.
    ///
    /// # Errors
    /// Whatever deploy finds.
    pub async fn deploy_as(
        &self,
        name: &str,
        plugin: &str,
        version: semver::Version,
        config: BTreeMap<String, String>,
        grants: Permissions,
    ) -> anyhow::Result<()> {
        let spec = FunctionSpec {
            name: name.parse()?,
            plugin: plugin.parse()?,
            targets: vec![Target {
                version,
                percent: 100,
            }],
            config,
            grants,
            rollout: Default::default(),
            limits: Limits::default(),
            debug: Default::default(),
        };
        self.functions
            .deploy(&self.tenant, spec, "bench")
            .await
            .context("deploy")?;
        Ok(())
    }
}
