//! What all running calls of a tenant, or of a function, may have together.

use std::sync::atomic::{AtomicUsize, Ordering};

use steward_invocations::Rate;

/// What the instances of a tenant may have together. 0 is no limit, and costs nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShareLimits {
    /// Linear memory at a time, in bytes.
    pub memory_bytes: usize,
    /// Elements of tables at a time.
    pub table_elements: usize,
    /// Instances at a time, those that wait for their next call included.
    pub instances: usize,
    /// Calls of host functions in a second.
    pub host_calls_per_second: u64,
    /// Bytes that guests log in a second.
    pub log_bytes_per_second: u64,
    /// Bytes of answers in a second.
    pub output_bytes_per_second: u64,
}

/// So much of one thing at a time.
#[derive(Debug)]
struct Stock {
    /// 0 is no limit, and then nothing is counted.
    most: usize,
    taken: AtomicUsize,
}

impl Stock {
    fn new(most: usize) -> Self {
        Self {
            most,
            taken: AtomicUsize::new(0),
        }
    }

    /// Takes so much more, or nothing.
    fn take(&self, amount: usize) -> bool {
        if self.most == 0 {
            return true;
        }
        let more = |taken: usize| taken.checked_add(amount).filter(|sum| *sum <= self.most);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    fn give_back(&self, amount: usize) {
        if self.most > 0 {
            self.taken.fetch_sub(amount, Ordering::Relaxed);
        }
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// What the instances of a tenant have together, within its limits.
#[derive(Debug)]
pub struct TenantShare {
    memory: Stock,
    tables: Stock,
    instances: Stock,
    host_calls: Rate,
    logged: Rate,
    answered: Rate,
}

impl TenantShare {
    /// A share of which nothing is taken.
    #[must_use]
    pub fn new(limits: ShareLimits) -> Self {
        Self {
            memory: Stock::new(limits.memory_bytes),
            tables: Stock::new(limits.table_elements),
            instances: Stock::new(limits.instances),
            host_calls: Rate::new(limits.host_calls_per_second),
            logged: Rate::new(limits.log_bytes_per_second),
            answered: Rate::new(limits.output_bytes_per_second),
        }
    }

    /// Counts what a guest logs; false where this second has no room for it.
    pub fn log(&self, bytes: usize) -> bool {
        self.logged.take(bytes as u64)
    }

    /// Bytes that guests may log in a second; 0 is no limit.
    pub fn log_bytes_per_second(&self) -> u64 {
        self.logged.per_second()
    }

    /// Counts a piece of an answer; false where this second has no room for it.
    pub fn answer(&self, bytes: u64) -> bool {
        self.answered.take(bytes)
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

/// The part of its tenant's share that one instance holds. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    shares: Option<Shares>,
    memory: usize,
    tables: usize,
    /// Whether its tenant had room for one more instance.
    admitted: bool,
}

impl Held {
    pub(crate) fn new(shares: Option<Shares>) -> Self {
        let admitted = shares
            .as_ref()
            .is_none_or(|shares| shares.tenant.instances.take(1));
        Self {
            shares,
            memory: 0,
            tables: 0,
            admitted,
        }
    }

    /// Takes so many more bytes of memory, or nothing.
    pub(crate) fn grow_memory(&mut self, bytes: usize) -> bool {
        let grown = self
            .shares
            .as_ref()
            .is_none_or(|shares| shares.tenant.memory.take(bytes));
        if grown {
            self.memory += bytes;
        }
        grown
    }

    /// Takes so many more elements of tables, or nothing.
    pub(crate) fn grow_tables(&mut self, elements: usize) -> bool {
        let grown = self
            .shares
            .as_ref()
            .is_none_or(|shares| shares.tenant.tables.take(elements));
        if grown {
            self.tables += elements;
        }
        grown
    }

    /// Whether its tenant had room for one more instance; else how many it may have.
    pub(crate) fn admitted(&self) -> Result<(), usize> {
        match &self.shares {
            Some(shares) if !self.admitted => Err(shares.tenant.instances.most),
            _ => Ok(()),
        }
    }

    /// Whether it may stay after its call: those that wait have at most half of what the tenant may have, so that they
    /// never keep its calls from running.
    pub(crate) fn may_stay(&self) -> bool {
        self.shares.as_ref().is_none_or(|shares| {
            let instances = &shares.tenant.instances;
            instances.most == 0 || instances.taken() <= instances.most / 2
        })
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
            shares.tenant.memory.give_back(self.memory);
            shares.tenant.tables.give_back(self.tables);
            if self.admitted {
                shares.tenant.instances.give_back(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn shares(limits: ShareLimits) -> Shares {
        Shares {
            tenant: Arc::new(TenantShare::new(limits)),
            function_host_calls: Arc::new(Rate::new(0)),
        }
    }

    #[test]
    fn instances_share_the_memory_and_the_tables_of_their_tenant() {
        for grow in [Held::grow_memory, Held::grow_tables] {
            let limits = ShareLimits {
                memory_bytes: 100,
                table_elements: 100,
                ..ShareLimits::default()
            };
            let (acme, other) = (shares(limits), shares(limits));
            let (mut a, mut b) = (Held::new(Some(acme.clone())), Held::new(Some(acme.clone())));
            assert!(grow(&mut a, 60) && !grow(&mut b, 41) && grow(&mut b, 40));
            assert!(!grow(&mut a, 1));
            assert!(!grow(&mut a, usize::MAX), "no way around by overflow");
            let mut beside = Held::new(Some(other));
            assert!(grow(&mut beside, 100), "another tenant has its own");
            drop(a);
            assert!(!grow(&mut b, 61) && grow(&mut b, 60));
            drop(b);
            let tenant = &acme.tenant;
            assert_eq!((tenant.memory.taken(), tenant.tables.taken()), (0, 0));
        }
        let mut free = Held::new(Some(shares(ShareLimits::default())));
        assert!(free.grow_memory(usize::MAX) && free.grow_tables(usize::MAX));
    }

    #[test]
    fn a_tenant_has_so_many_instances_and_half_of_them_may_wait() {
        let limits = ShareLimits {
            instances: 2,
            ..ShareLimits::default()
        };
        let (acme, other) = (shares(limits), shares(limits));
        let new = |shares: &Shares| Held::new(Some(shares.clone()));
        let (a, b) = (new(&acme), new(&acme));
        assert!(a.admitted().is_ok() && b.admitted().is_ok());
        let refused = new(&acme);
        assert_eq!(refused.admitted(), Err(2));
        assert!(new(&other).admitted().is_ok());
        // What was refused gives nothing back.
        drop(refused);
        assert_eq!(new(&acme).admitted(), Err(2));
        assert!(!a.may_stay());
        drop(b);
        assert!(a.may_stay());
        assert!(new(&acme).admitted().is_ok());
        let free = new(&shares(ShareLimits::default()));
        assert!(free.admitted().is_ok() && free.may_stay());
        assert!(Held::new(None).admitted().is_ok());
    }

    #[test]
    fn what_is_logged_and_answered_has_a_rate_of_each_tenant() {
        let limits = ShareLimits {
            log_bytes_per_second: 10,
            output_bytes_per_second: 10,
            ..ShareLimits::default()
        };
        let (acme, other) = (TenantShare::new(limits), TenantShare::new(limits));
        assert!(!acme.log(11) && !acme.answer(11));
        assert!(other.log(10) && other.answer(10));
        let free = TenantShare::new(ShareLimits::default());
        assert!(free.log(usize::MAX) && free.answer(u64::MAX));
    }

    #[test]
    fn host_calls_are_counted_for_both() {
        let of_tenant = shares(ShareLimits {
            host_calls_per_second: 1,
            ..ShareLimits::default()
        });
        let held = Held::new(Some(of_tenant));
        assert!(held.host_call().is_ok());
        assert!(matches!(held.host_call(), Err(RateOf::Tenant(1))));
        let held = Held::new(Some(Shares {
            function_host_calls: Arc::new(Rate::new(1)),
            ..shares(ShareLimits::default())
        }));
        assert!(held.host_call().is_ok());
        assert!(matches!(held.host_call(), Err(RateOf::Function(1))));
    }
}
