//! What models are used, by tenant: counted by every call, written by the minute.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use steward_inference::Meter;
use steward_registry::{ModelUsage, Name, Registry, RegistryError, TenantId};

/// A meter for each model that was opened.
#[derive(Default)]
pub(crate) struct Metering {
    meters: Mutex<HashMap<(TenantId, Name), Metered>>,
    /// Held by whoever writes: two at once would both write what has grown.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Metered {
    meter: Meter,
    /// Calls and tokens that are written.
    written: (u64, u64),
}

impl Metering {
    pub(crate) fn meter(&self, tenant: &TenantId, model: &Name) -> Meter {
        let mut all = self.meters.lock();
        let key = (tenant.clone(), model.clone());
        all.entry(key).or_default().meter.clone()
    }

    /// Writes what was counted since the last time. What is not written stays counted.
    pub(crate) async fn flush(&self, registry: &Registry) -> Result<(), RegistryError> {
        let _alone = self.writing.lock().await;
        let minute = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs() as i64 / 60 * 60);
        let grown = self.unwritten(minute);
        registry.record_model_usage(&grown).await?;
        let mut all = self.meters.lock();
        for usage in grown {
            if let Some(metered) = all.get_mut(&(usage.tenant, usage.model)) {
                metered.written.0 += usage.calls;
                metered.written.1 += usage.tokens;
            }
        }
        Ok(())
    }

    fn unwritten(&self, minute: i64) -> Vec<ModelUsage> {
        let all = self.meters.lock();
        let grown = all.iter().filter_map(|((tenant, model), metered)| {
            let calls = metered.meter.calls().saturating_sub(metered.written.0);
            let tokens = metered.meter.tokens().saturating_sub(metered.written.1);
            (calls > 0 || tokens > 0).then(|| ModelUsage {
                tenant: tenant.clone(),
                model: model.clone(),
                minute,
                calls,
                tokens,
            })
        });
        grown.collect()
    }
}

#[cfg(test)]
mod tests {
    use steward_registry::{ArtifactsConfig, RegistryConfig};

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_not_written_again_and_what_is_not_stays_counted() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&RegistryConfig {
            database_url: format!("sqlite://{}", folder.path().join("steward.db").display()),
            artifacts: ArtifactsConfig::Local(folder.path().join("artifacts")),
        })
        .await
        .unwrap();
        let (acme, minilm): (TenantId, Name) = ("acme".parse().unwrap(), "minilm".parse().unwrap());
        let metering = Metering::default();
        metering.meter(&acme, &minilm).answered();
        // There is no such tenant yet.
        metering.flush(&registry).await.unwrap_err();
        registry.create_tenant(&acme).await.unwrap();
        let calls = async || {
            metering.flush(&registry).await.unwrap();
            let usage = registry.model_usage(&acme, 0).await.unwrap();
            usage.iter().map(|used| used.calls).sum::<u64>()
        };
        assert_eq!((calls().await, calls().await), (1, 1));
        // Whoever opens the model again counts on.
        metering.meter(&acme, &minilm).answered();
        assert_eq!(calls().await, 2);
        // Two that write at once do not both write it.
        metering.meter(&acme, &minilm).answered();
        let (one, other) = tokio::join!(metering.flush(&registry), metering.flush(&registry));
        one.unwrap();
        other.unwrap();
        assert_eq!(calls().await, 3);
    }
}
