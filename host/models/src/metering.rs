//! What models are used, by tenant: counted by every call, written by the minute.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use steward_inference::Meter;
use steward_registry::{ModelUsage, Name, Registry, RegistryError, TenantId};

/// A meter for each model that was opened.
#[derive(Default)]
pub(crate) struct Metering(Mutex<HashMap<(TenantId, Name), Metered>>);

#[derive(Default)]
struct Metered {
    meter: Meter,
    /// Calls and tokens that are written.
    written: (u64, u64),
}

impl Metering {
    pub(crate) fn meter(&self, tenant: &TenantId, model: &Name) -> Meter {
        let mut all = self.0.lock();
        let key = (tenant.clone(), model.clone());
        all.entry(key).or_default().meter.clone()
    }

    /// Writes what was counted since the last time. What is not written stays counted.
    pub(crate) async fn flush(&self, registry: &Registry) -> Result<(), RegistryError> {
        let minute = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs() as i64 / 60 * 60);
        let grown = self.unwritten(minute);
        registry.record_model_usage(&grown).await?;
        let mut all = self.0.lock();
        for usage in grown {
            if let Some(metered) = all.get_mut(&(usage.tenant, usage.model)) {
                metered.written.0 += usage.calls;
                metered.written.1 += usage.tokens;
            }
        }
        Ok(())
    }

    fn unwritten(&self, minute: i64) -> Vec<ModelUsage> {
        let all = self.0.lock();
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
