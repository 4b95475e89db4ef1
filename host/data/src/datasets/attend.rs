//! A run that has been written down, led to its end.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};
use steward_registry::{Registry, RunState, TenantId};

use crate::DataError;

/// How often it is written down how far a run is. A host that is silent for much longer is taken for lost.
const BEAT: Duration = Duration::from_secs(2);

/// Works on a run until it ends in some way, and writes that down. `far` says how far it is. Where somebody else ends
/// the run, the work is dropped.
pub(crate) async fn attend(
    registry: &Registry,
    tenant: &TenantId,
    run: &str,
    work: impl Future<Output = Result<Value, DataError>>,
    far: impl Fn() -> Value,
) {
    let ended = tokio::select! {
        ended = work => Some(ended),
        () = beat(registry, tenant, run, far) => None,
    };
    let (state, outcome) = match ended {
        // Somebody has ended it already, and has written so.
        None => return,
        Some(Ok(outcome)) => (RunState::Done, outcome),
        Some(Err(error)) => (RunState::Failed, json!({ "error": error.to_string() })),
    };
    let state_name = state.as_str();
    match registry.end_run(tenant, run, state, &outcome).await {
        Ok(_) => tracing::info!(run, state = state_name, "a run over a dataset ended"),
        Err(error) => tracing::error!(run, %error, "the end of a run cannot be written down"),
    }
}

/// Writes down now and then how far a run is; ends where it shall not go on.
async fn beat(registry: &Registry, tenant: &TenantId, run: &str, far: impl Fn() -> Value) {
    let mut period = tokio::time::interval(BEAT);
    loop {
        period.tick().await;
        match registry.advance_run(tenant, run, &far()).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "the progress of a run is not written down"),
        }
    }
}
