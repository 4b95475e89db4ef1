//! What the calls of a tenant may have together.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What the calls of one tenant may have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantLimits {
    /// Calls that run at the same time; others wait.
    pub concurrency: u32,
    /// Linear memory of all instances, in bytes; 0 is no limit.
    pub memory_bytes: usize,
    /// Calls of host functions in a second; 0 is no limit.
    pub host_calls_per_second: u64,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self {
            // Half of what the host runs, so that no tenant has all of it.
            concurrency: steward_engine::POOL_SIZE / 2,
            memory_bytes: 0,
            host_calls_per_second: 0,
        }
    }
}

/// The limits of every tenant. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TenantPolicy(Arc<Policy>);

#[derive(Debug, Default)]
struct Policy {
    others: TenantLimits,
    named: BTreeMap<String, TenantLimits>,
}

impl TenantPolicy {
    /// Those of the tenants that are named, and those of the others.
    #[must_use]
    pub fn new(others: TenantLimits, named: BTreeMap<String, TenantLimits>) -> Self {
        Self(Arc::new(Policy { others, named }))
    }

    /// The limits of a tenant.
    pub fn of(&self, tenant: &str) -> TenantLimits {
        *self.0.named.get(tenant).unwrap_or(&self.0.others)
    }
}
