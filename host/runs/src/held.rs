//! The runs that a host has in memory, and how much of the room each tenant has.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use steward_registry::TenantId;
use tokio::sync::Notify;
use ulid::Ulid;

/// A tenant may have so many times what is left free.
const TIMES: usize = 3;

/// How a run in memory is reached.
#[derive(Debug, Default)]
pub(crate) struct Handle {
    pub notify: Notify,
    pub woken: AtomicBool,
    pub lost: AtomicBool,
    pub ending: AtomicBool,
    /// Told when whoever drives it is done with it.
    pub over: Notify,
}

impl Handle {
    /// Something came in for it.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Another host has it, or may have.
    pub fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// The host ends: nothing more is begun.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

/// Runs in memory.
#[derive(Debug, Default)]
pub(crate) struct InMemory {
    runs: HashMap<Ulid, (TenantId, Arc<Handle>)>,
    of: HashMap<TenantId, usize>,
}

impl InMemory {
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn get(&self, run: Ulid) -> Option<&Arc<Handle>> {
        self.runs.get(&run).map(|(_, handle)| handle)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Ulid, &Arc<Handle>)> {
        self.runs.iter().map(|(run, (_, handle))| (*run, handle))
    }

    /// Puts a run in. How it was reached until now, where it was there before: whoever drives that one is to stop.
    #[must_use]
    pub fn insert(
        &mut self,
        run: Ulid,
        tenant: TenantId,
        handle: Arc<Handle>,
    ) -> Option<Arc<Handle>> {
        *self.of.entry(tenant.clone()).or_default() += 1;
        let (tenant, before) = self.runs.insert(run, (tenant, handle))?;
        self.has_left(&tenant);
        Some(before)
    }

    /// Takes a run out, unless it was given back and taken again since.
    pub fn remove(&mut self, run: Ulid, handle: &Arc<Handle>) {
        let same = self
            .get(run)
            .is_some_and(|known| Arc::ptr_eq(known, handle));
        if same && let Some((tenant, _)) = self.runs.remove(&run) {
            self.has_left(&tenant);
        }
    }

    fn has_left(&mut self, tenant: &TenantId) {
        if let Some(count) = self.of.get_mut(tenant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of.remove(tenant);
            }
        }
    }

    /// How much of the room for `at_once` runs each tenant has, and how much is free.
    pub fn shares(&self, at_once: usize) -> Shares {
        Shares {
            of: self.of.clone(),
            free: at_once.saturating_sub(self.runs.len()),
        }
    }
}

/// Who may take how much of the room for runs.
#[derive(Debug)]
pub(crate) struct Shares {
    of: HashMap<TenantId, usize>,
    /// Room that nobody has.
    pub free: usize,
}

impl Shares {
    /// How many runs more a tenant may have: as the room gets less, so does what each may have of it. However slow the runs
    /// of some are, a part of it is free for the others.
    pub fn room_for(&self, tenant: &TenantId) -> usize {
        let has = self.of.get(tenant).copied().unwrap_or(0);
        self.free
            .saturating_mul(TIMES)
            .saturating_sub(has)
            .min(self.free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_runs_of_some_leave_room_for_the_others() {
        let mut held = InMemory::default();
        let tenants: Vec<TenantId> = ["a", "b", "c"].map(|t| t.parse().unwrap()).to_vec();
        let mut counts = Vec::new();
        for tenant in &tenants {
            let mut count = 0;
            while held.shares(100).room_for(tenant) > 0 {
                let before = held.insert(Ulid::generate(), tenant.clone(), Arc::default());
                assert!(before.is_none());
                count += 1;
            }
            counts.push(count);
        }
        assert_eq!(counts[0], 75);
        assert!(counts[1] >= 15 && counts[2] >= 3, "{counts:?}");
        // What ends makes room, and one that was taken again is another.
        let (run, handle) = held.iter().map(|(run, h)| (run, h.clone())).next().unwrap();
        held.remove(run, &Arc::default());
        assert_eq!(held.len(), counts.iter().sum::<usize>());
        held.remove(run, &handle);
        assert_eq!(held.len(), counts.iter().sum::<usize>() - 1);
        assert!(held.get(run).is_none() && !held.is_empty());
    }

    #[test]
    fn of_a_run_that_is_taken_again_the_one_before_is_handed_back() {
        let mut held = InMemory::default();
        let (run, tenant): (_, TenantId) = (Ulid::generate(), "a".parse().unwrap());
        let (first, second) = (Arc::new(Handle::default()), Arc::new(Handle::default()));
        assert!(held.insert(run, tenant.clone(), first.clone()).is_none());
        let before = held.insert(run, tenant.clone(), second.clone());
        assert!(before.is_some_and(|before| Arc::ptr_eq(&before, &first)));
        // It is one run, and who leaves late takes nothing along that is not its own.
        assert_eq!(held.shares(4).room_for(&tenant), 3);
        held.remove(run, &first);
        assert!(
            held.get(run)
                .is_some_and(|known| Arc::ptr_eq(known, &second))
        );
        held.remove(run, &second);
        assert!(held.is_empty());
    }
}
