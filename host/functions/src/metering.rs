//! Counts calls in memory and writes the counts in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::Serialize;
use steward_registry::{Name, Registry, RegistryError, TenantId, Usage};

/// Totals of one version of one function since the host started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionStats {
    /// Whose it is.
    pub tenant: TenantId,
    /// The function.
    pub function: Name,
    /// The version that answered.
    pub version: semver::Version,
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
}

/// Counters of one version of one function.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    errors: AtomicU64,
    wall_us: AtomicU64,
}

impl Counters {
    pub(crate) fn record(&self, wall: Duration, failed: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.wall_us
            .fetch_add(wall.as_micros() as u64, Ordering::Relaxed);
    }

    fn read(&self) -> [u64; 3] {
        [&self.calls, &self.errors, &self.wall_us].map(|counter| counter.load(Ordering::Relaxed))
    }
}

type Key = (TenantId, Name, semver::Version);

/// All counters. They outlive revisions, so that a roll out does not reset them.
#[derive(Default)]
pub(crate) struct Metering(Mutex<HashMap<Key, Meter>>);

#[derive(Default)]
struct Meter {
    counters: Arc<Counters>,
    /// What the registry has already.
    written: [u64; 3],
}

impl Metering {
    pub(crate) fn counters(
        &self,
        tenant: &TenantId,
        function: &Name,
        version: &semver::Version,
    ) -> Arc<Counters> {
        let key = (tenant.clone(), function.clone(), version.clone());
        self.0.lock().entry(key).or_default().counters.clone()
    }

    pub(crate) fn stats(&self) -> Vec<FunctionStats> {
        let meters = self.0.lock();
        let mut stats: Vec<_> = meters
            .iter()
            .map(|((tenant, function, version), meter)| {
                let [calls, errors, wall_us] = meter.counters.read();
                FunctionStats {
                    tenant: tenant.clone(),
                    function: function.clone(),
                    version: version.clone(),
                    calls,
                    errors,
                    wall_us,
                }
            })
            .collect();
        drop(meters);
        stats.sort_by(|a, b| {
            (&a.tenant, &a.function, &a.version).cmp(&(&b.tenant, &b.function, &b.version))
        });
        stats
    }

    /// Writes what has been counted since the last time. What is not written stays counted.
    pub(crate) async fn flush(&self, registry: &Registry) -> Result<(), RegistryError> {
        let minute = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs() as i64 / 60 * 60);
        let mut rows = Vec::new();
        let mut now = Vec::new();
        for (key, meter) in self.0.lock().iter() {
            let read = meter.counters.read();
            if read[0] > meter.written[0] {
                let grown = |i: usize| read[i] - meter.written[i];
                let (tenant, function, version) = key.clone();
                rows.push(Usage {
                    tenant,
                    function,
                    version,
                    minute,
                    calls: grown(0),
                    errors: grown(1),
                    wall_us: grown(2),
                });
                now.push((key.clone(), read));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        registry.record_usage(&rows).await?;
        let mut meters = self.0.lock();
        for (key, read) in now {
            if let Some(meter) = meters.get_mut(&key) {
                meter.written = read;
            }
        }
        Ok(())
    }
}
