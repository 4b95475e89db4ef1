//! Counts calls in memory and writes the counts in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use steward_invocations::{Ledger, Totals};
use steward_registry::{Name, Registry, RegistryError, TenantId, Usage};

/// Totals of one version of one function since the host started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionStats {
    /// Whose it is.
    pub tenant: TenantId,
    /// The function.
    pub function: Name,
    /// The version that answered.
    pub version: Arc<str>,
    /// What its calls came to.
    pub totals: Totals,
}

/// All ledgers. They outlive revisions, so that a roll out does not reset them.
#[derive(Default)]
pub(crate) struct Metering {
    ledgers: Mutex<HashMap<(TenantId, Name), Arc<Ledger>>>,
    /// Held by whoever writes: two at once would both write what has grown.
    writing: tokio::sync::Mutex<()>,
}

impl Metering {
    pub(crate) fn ledger(&self, tenant: &TenantId, function: &Name) -> Arc<Ledger> {
        let key = (tenant.clone(), function.clone());
        self.ledgers.lock().entry(key).or_default().clone()
    }

    fn ledgers(&self) -> Vec<((TenantId, Name), Arc<Ledger>)> {
        let ledgers = self.ledgers.lock();
        ledgers
            .iter()
            .map(|(key, ledger)| (key.clone(), ledger.clone()))
            .collect()
    }

    /// The ledgers of a tenant.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> Vec<Arc<Ledger>> {
        let ledgers = self.ledgers.lock();
        let own = ledgers.iter().filter(|((of, _), _)| of == tenant);
        own.map(|(_, ledger)| ledger.clone()).collect()
    }

    pub(crate) fn stats(&self) -> Vec<FunctionStats> {
        let mut stats = Vec::new();
        for ((tenant, function), ledger) in self.ledgers() {
            stats.extend(
                ledger
                    .totals()
                    .into_iter()
                    .map(|(version, totals)| FunctionStats {
                        tenant: tenant.clone(),
                        function: function.clone(),
                        version,
                        totals,
                    }),
            );
        }
        stats.sort_by(|a, b| {
            (&a.tenant, &a.function, &a.version).cmp(&(&b.tenant, &b.function, &b.version))
        });
        stats
    }

    /// Writes what has been counted since the last time. What is not written stays counted.
    pub(crate) async fn flush(&self, registry: &Registry) -> Result<(), RegistryError> {
        let _alone = self.writing.lock().await;
        let minute = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs() as i64 / 60 * 60);
        let mut rows = Vec::new();
        let mut now = Vec::new();
        for ((tenant, function), ledger) in self.ledgers() {
            for (version, grown, sums) in ledger.unwritten() {
                // It was made of a version, and reads back as one.
                let Ok(parsed) = version.parse() else {
                    continue;
                };
                rows.push(Usage {
                    tenant: tenant.clone(),
                    function: function.clone(),
                    version: parsed,
                    minute,
                    calls: grown.calls,
                    errors: grown.errors,
                    wall_us: grown.wall_us,
                    cpu_us: grown.cpu_us,
                    memory_bytes: grown.memory_bytes,
                    host_calls: grown.host_calls,
                    inference_texts: grown.inference_texts,
                    inference_tokens: grown.inference_tokens,
                    bytes_in: grown.bytes_in,
                    bytes_out: grown.bytes_out,
                });
                now.push((ledger.clone(), version, sums));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        registry.record_usage(&rows).await?;
        for (ledger, version, sums) in now {
            ledger.written(&version, sums);
        }
        Ok(())
    }
}
