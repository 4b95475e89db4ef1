//! What all running calls of a tenant, or of a function, may have together.

use std::sync::atomic::{AtomicUsize, Ordering};

use steward_invocations::Rate;

/// What the instances of a tenant may have together.
#[derive(Debug)]
pub struct TenantShare {
    memory_bytes: usize,
    memory: AtomicUsize,
    host_calls: Rate,
}

impl TenantShare {
    /// At most `memory_bytes` of linear memory at a time, and so many host calls a second; 0 is no
    /// limit.
    #[must_use]
    pub fn new(memory_bytes: usize, host_calls_per_second: u64) -> Self {
        Self {
            memory_bytes,
            memory: AtomicUsize::new(0),
            host_calls: Rate::new(host_calls_per_second),
        }
    }

    /// Linear memory of all its instances now, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// Takes so much more memory, or nothing.
    fn grow(&self, bytes: usize) -> bool {
        if self.memory_bytes == 0 {
            self.memory.fetch_add(bytes, Ordering::Relaxed);
            return true;
        }
        let grown = |memory: usize| {
            memory
                .checked_add(bytes)
                .filter(|sum| *sum <= self.memory_bytes)
        };
        self.memory
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown)
            .is_ok()
    }

    fn shrink(&self, bytes: usize) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What an instance shares with others.
#[derive(Debug, Clone)]
pub struct Shares {
    /// With those of its tenant.
    pub tenant: std::sync::Arc<TenantShare>,
    /// Host calls a second, with those of its function.
    pub function_host_calls: std::sync::Arc<Rate>,
}

/// The part of the tenant's memory that one instance holds. Given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    shares: Option<Shares>,
    bytes: usize,
}

impl Held {
    pub(crate) fn new(shares: Option<Shares>) -> Self {
        Self { shares, bytes: 0 }
    }

    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let grown = self
            .shares
            .as_ref()
            .is_none_or(|shares| shares.tenant.grow(bytes));
        if grown {
            self.bytes += bytes;
        }
        grown
    }

    /// Counts a host call against the function's second and the tenant's.
    pub(crate) fn host_call(&self) -> Result<(), RateOf> {
        let Some(shares) = &self.shares else {
            return Ok(());
        };
        if !shares.function_host_calls.take(1) {
            return Err(RateOf::Function(shares.function_host_calls.per_second()));
        }
        if !shares.tenant.host_calls.take(1) {
            return Err(RateOf::Tenant(shares.tenant.host_calls.per_second()));
        }
        Ok(())
    }
}

/// Whose rate is used up, and what it is.
pub(crate) enum RateOf {
    Function(u64),
    Tenant(u64),
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(shares) = &self.shares {
            shares.tenant.shrink(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn shares(memory: usize, calls: u64) -> Shares {
        Shares {
            tenant: Arc::new(TenantShare::new(memory, calls)),
            function_host_calls: Arc::new(Rate::new(0)),
        }
    }

    #[test]
    fn instances_share_the_memory_of_their_tenant() {
        let shares = shares(100, 0);
        let (mut a, mut b) = (
            Held::new(Some(shares.clone())),
            Held::new(Some(shares.clone())),
        );
        assert!(a.grow(60) && !b.grow(41) && b.grow(40) && !a.grow(1));
        assert!(!a.grow(usize::MAX), "no way around by overflow");
        drop(a);
        assert_eq!(shares.tenant.memory_bytes(), 40);
        assert!(b.grow(60));
        drop(b);
        assert_eq!(shares.tenant.memory_bytes(), 0);
    }

    #[test]
    fn host_calls_are_counted_for_both() {
        let of_tenant = shares(0, 1);
        let held = Held::new(Some(of_tenant));
        assert!(held.host_call().is_ok());
        assert!(matches!(held.host_call(), Err(RateOf::Tenant(1))));
        let held = Held::new(Some(Shares {
            function_host_calls: Arc::new(Rate::new(1)),
            ..shares(0, 0)
        }));
        assert!(held.host_call().is_ok());
        assert!(matches!(held.host_call(), Err(RateOf::Function(1))));
    }
}
