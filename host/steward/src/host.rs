//! The composition root: the parts of a host, in the order in which they need each other.

use std::sync::Arc;

use anyhow::Context as _;
use steward_capabilities::Capabilities;
use steward_data::{Datasets, Questions};
use steward_engine::{Engine, EngineConfig};
use steward_functions::Functions;
use steward_inference::{Device, DeviceChoice, Inference};
use steward_models::Models;
use steward_registry::Registry;

use crate::config::Settings;
use crate::questions::OfGuests;

/// The parts of a running host.
pub struct Host {
    pub registry: Registry,
    pub models: Models,
    pub functions: Functions,
    pub datasets: Datasets,
    pub questions: Questions,
}

impl Host {
    /// Opens the registry, starts the engine and loads what is deployed.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let registry = open(settings).await?;
        let engine = Engine::new(&EngineConfig {
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
        let capabilities = Capabilities::from(models.clone())
            .with_questions(of_guests)
            .with_stores(registry.clone());
        let functions = Functions::start(registry.clone(), engine, capabilities)
            .await
            .context("the deployed functions cannot be loaded")?;
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
