//! What the calls of a tenant may have together.

use std::collections::BTreeMap;
use std::sync::Arc;

use steward_engine::ShareLimits;

/// What the calls of one tenant may have together. 0 is no limit, but for the calls themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantLimits {
    /// Calls that run at the same time; others wait.
    pub concurrency: u32,
    /// Linear memory of all instances, in bytes.
    pub memory_bytes: usize,
    /// Elements of the tables of all instances.
    pub table_elements: usize,
    /// Instances, those that wait for their next call included.
    pub instances: usize,
    /// Calls of host functions in a second.
    pub host_calls_per_second: u64,
    /// What the logs of all functions keep, in bytes.
    pub log_bytes: usize,
    /// What all functions log in a second, in bytes.
    pub log_bytes_per_second: u64,
    /// What all functions answer in a second, in bytes.
    pub output_bytes_per_second: u64,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self {
            // Half of what the host runs, so that no tenant has all of it.
            concurrency: steward_engine::POOL_SIZE / 2,
            memory_bytes: 0,
            table_elements: 0,
            instances: 0,
            host_calls_per_second: 0,
            // 256 functions can keep all that one may.
            log_bytes: 256 << 20,
            log_bytes_per_second: 0,
            output_bytes_per_second: 0,
        }
    }
}

impl TenantLimits {
    /// Those that its instances share.
    pub(crate) fn shared(&self) -> ShareLimits {
        ShareLimits {
            memory_bytes: self.memory_bytes,
            table_elements: self.table_elements,
            instances: self.instances,
            host_calls_per_second: self.host_calls_per_second,
            log_bytes_per_second: self.log_bytes_per_second,
            output_bytes_per_second: self.output_bytes_per_second,
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
