//! The composition root: the parts of a host, in the order in which they need each other.

use std::sync::Arc;

use anyhow::Context as _;
use steward_capabilities::Capabilities;
use steward_data::{Datasets, Questions};
use steward_delivery::Outward;
use steward_egress::Egress;
use steward_engine::{Engine, EngineConfig};
use steward_functions::Functions;
use steward_gateway::{OfRuns, TenantSecrets, ToFunctions};
use steward_inference::{Device, DeviceChoice, Inference};
use steward_models::Models;
use steward_registry::Registry;
use steward_runs::{Identity, Runs, RunsConfig};
use steward_secrets::Vault;
use steward_telemetry::Telemetry;
use steward_triggers::{Events, Triggers};

use crate::config::Settings;
use crate::events::LogOfGuests;
use crate::questions::OfGuests;

/// The parts of a running host.
pub struct Host {
    pub registry: Registry,
    pub models: Models,
    pub functions: Functions,
    pub datasets: Datasets,
    pub questions: Questions,
    pub secrets: Vault,
    pub triggers: Triggers,
    pub egress: Egress,
    pub runs: Runs,
    pub telemetry: Option<Telemetry>,
}

impl Host {
    /// Opens the registry, starts the engine and loads what is deployed.
    pub async fn start(settings: &Settings, telemetry: Option<Telemetry>) -> anyhow::Result<Self> {
        let registry = open(settings).await?;
        let engine = Engine::compiling_apart(&EngineConfig {
            cache_dir: settings.data_dir.join("cache"),
        })
        .context("the WebAssembly engine does not start")?;
        let inference = Inference::new(settings.inference.clone());
        if let DeviceChoice::Only(device) = settings.inference.device
            && device != Device::Cpu
        {
            // Whoever names a device learns now whether it can be had, and not with the first model.
            let asked = inference.clone();
            tokio::task::spawn_blocking(move || asked.library_status())
                .await?
                .with_context(|| format!("`--device {device}`"))?;
        }
        let models_dir = settings.data_dir.join("models");
        let models = Models::start(registry.clone(), inference, models_dir)
            .await
            .context("the registered models cannot be read")?;
        let datasets_dir = settings.data_dir.join("datasets");
        let questions = Questions::start(registry.clone(), &datasets_dir)
            .context("the thread that draws noise does not start")?;
        let of_guests = Arc::new(OfGuests(questions.clone()));
        let secrets = Vault::start(registry.clone(), settings.secrets.clone())
            .await
            .context("secrets cannot be kept")?;
        let egress =
            Egress::new(settings.egress.clone()).context("requests of functions cannot be sent")?;
        let events = Events::new(registry.clone());
        let capabilities = Capabilities::from(models.clone())
            .with_questions(of_guests)
            .with_egress(egress.clone())
            .with_secrets(secrets.clone())
            .with_stores(registry.clone())
            .with_events(Arc::new(LogOfGuests(events.clone())))
            .with_telemetry(telemetry.clone());
        let tenants = settings.tenants.clone();
        let functions = Functions::start_with(registry.clone(), engine, capabilities, tenants)
            .await
            .context("the deployed functions cannot be loaded")?;
        let of_tenants = Arc::new(TenantSecrets(secrets.clone()));
        let to_functions = ToFunctions(functions.clone());
        let triggers = Triggers::start(
            events,
            Arc::new(Outward::new(
                egress.clone(),
                of_tenants.clone(),
                to_functions,
            )),
            of_tenants,
            settings.triggers.clone(),
        )
        .await
        .context("the triggers cannot be read")?;
        let of_runs = OfRuns::new(
            functions.clone(),
            models.clone(),
            secrets.clone(),
            egress.clone(),
        );
        let runs = Runs::start(
            registry.clone(),
            triggers.events().clone(),
            secrets.clone(),
            Arc::new(of_runs),
            RunsConfig {
                identity: Identity::of(&settings.data_dir.join("host-id")),
                retention: settings.triggers.retention,
                telemetry: telemetry.clone(),
                ..RunsConfig::default()
            },
        )
        .await
        .context("runs of workflows cannot be taken up")?;
        let datasets = Datasets::new(
            registry.clone(),
            functions.clone(),
            models.clone(),
            datasets_dir,
        );
        Ok(Self {
            registry,
            models,
            functions,
            datasets,
            questions,
            secrets,
            triggers,
            egress,
            runs,
            telemetry,
        })
    }
}

/// Opens the registry alone.
pub async fn open(settings: &Settings) -> anyhow::Result<Registry> {
    let place = settings.data_dir.display();
    std::fs::create_dir_all(&settings.data_dir)
        .with_context(|| format!("cannot create the data folder {place}"))?;
    Registry::open(&settings.registry).await.with_context(|| {
        match settings.registry.database_url.split_once("://") {
            Some(("sqlite", path)) => format!("the registry {path} cannot be opened"),
            _ => "the registry cannot be opened".to_owned(),
        }
    })
}
