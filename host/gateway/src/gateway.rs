//! What every request can reach.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use steward_data::{Datasets, Feedback, Labelling, Questions};
use steward_egress::Egress;
use steward_functions::Functions;
use steward_models::Models;
use steward_registry::Registry;
use steward_runs::Runs;
use steward_secrets::Vault;
use steward_telemetry::Telemetry;
use steward_triggers::Triggers;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::audit::Refusals;
use crate::auth::Keys;
use crate::config::GatewayConfig;
use crate::metrics::HttpMetrics;

/// The parts of the host that the gateway puts on the network.
#[derive(Clone)]
pub struct Parts {
    /// Metadata and artifacts.
    pub registry: Registry,
    /// Deployed functions.
    pub functions: Functions,
    /// Models.
    pub models: Models,
    /// Datasets.
    pub datasets: Datasets,
    /// Questions about datasets.
    pub questions: Questions,
    /// Secrets.
    pub secrets: Vault,
    /// Events, and what they make run.
    pub triggers: Triggers,
    /// Requests of functions, if they send any.
    pub egress: Option<Egress>,
    /// Runs of workflows.
    pub runs: Runs,
    /// Where requests are told, if they are.
    pub telemetry: Option<Telemetry>,
}

/// The parts and what the gateway itself keeps.
pub(crate) struct Gateway {
    pub registry: Registry,
    pub functions: Functions,
    pub models: Models,
    pub datasets: Datasets,
    pub questions: Questions,
    pub secrets: Vault,
    pub triggers: Triggers,
    pub egress: Option<Egress>,
    pub runs: Runs,
    pub telemetry: Option<Telemetry>,
    pub labelling: Labelling,
    pub feedback: Feedback,
    pub config: GatewayConfig,
    pub keys: Keys,
    pub refusals: Refusals,
    pub metrics: HttpMetrics,
    /// One permit for each KiB of body that may be held in memory.
    pub buffers: Arc<Semaphore>,
    /// Set once the shutdown has begun.
    pub draining: AtomicBool,
    /// Ends every connection that outlives the time to drain.
    pub cut_off: CancellationToken,
}

/// The state of the axum router.
pub(crate) type Shared = Arc<Gateway>;
