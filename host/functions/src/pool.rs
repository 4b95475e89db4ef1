//! Instances, fresh for each call or used again where the plugin asks for it.
//!
//! An instance answers one call at a time, so that no call can be harmed by another that runs beside
//! it. It is kept only within the deployed version that made it, and only if its call came to its end
//! and left nothing behind: no request or answer, no handle, no task. What is kept is memory of the
//! guest, which is what its plugin asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use steward_capabilities::GuestState;
use steward_engine::{Guarded as _, IDLE_INSTANCES};
use steward_registry::Reuse;
use wasmtime::Store;

use crate::running::Running;

/// One instance with its store. It reports what its call has used when the call is done, and also
/// when it is dropped in the middle of it.
pub(crate) struct Instance<T> {
    store: Store<GuestState>,
    /// None until it is instantiated.
    exports: Option<T>,
    calls: u32,
    running: Option<Running>,
}

impl<T> Instance<T> {
    /// A fresh one.
    pub(crate) fn fresh(store: Store<GuestState>, running: &Running) -> Self {
        Self {
            store,
            exports: None,
            calls: 0,
            running: Some(running.clone()),
        }
    }

    /// What a call needs of it.
    pub(crate) fn parts(&mut self) -> (&mut Store<GuestState>, &mut Option<T>) {
        (&mut self.store, &mut self.exports)
    }

    pub(crate) fn store(&mut self) -> &mut Store<GuestState> {
        &mut self.store
    }

    fn call_ended(&mut self) {
        if let Some(running) = self.running.take() {
            self.calls += 1;
            running.guest_ended(self.store.data_mut());
        }
    }
}

impl<T> Drop for Instance<T> {
    fn drop(&mut self) {
        self.call_ended();
    }
}

/// How many instances wait for their next call, of one lane of the host.
#[derive(Clone, Default)]
pub(crate) struct IdleSlots(Arc<AtomicU32>);

impl IdleSlots {
    fn take(&self) -> Option<Slot> {
        let free = |taken: u32| (taken < IDLE_INSTANCES).then_some(taken + 1);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, free);
        taken.ok().map(|_| Slot(self.0.clone()))
    }
}

struct Slot(Arc<AtomicU32>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The instances of one deployed version that wait for their next call.
pub(crate) struct Pool<T> {
    reuse: Option<Reuse>,
    slots: IdleSlots,
    /// The one that was used last comes last.
    idle: Mutex<Vec<Idle<T>>>,
}

struct Idle<T> {
    instance: Instance<T>,
    since: Instant,
    _slot: Slot,
}

impl<T> Pool<T> {
    pub(crate) fn new(reuse: Option<Reuse>, slots: IdleSlots) -> Self {
        Self {
            reuse,
            slots,
            idle: Mutex::default(),
        }
    }

    /// An instance for a call: one that waits, else a fresh one.
    pub(crate) fn instance(
        &self,
        running: &Running,
        store: impl FnOnce() -> Store<GuestState>,
    ) -> Instance<T> {
        let Some(mut instance) = self.take() else {
            return Instance::fresh(store(), running);
        };
        instance.store.data_mut().begin(running.id());
        instance.running = Some(running.clone());
        running.reuses();
        instance
    }

    fn take(&self) -> Option<Instance<T>> {
        let idle_time = self.idle_time()?;
        let latest = self.idle.lock().pop()?;
        // The others have waited for longer; the next sweep takes them.
        (latest.since.elapsed() < idle_time).then_some(latest.instance)
    }

    fn idle_time(&self) -> Option<Duration> {
        let reuse = self.reuse.as_ref()?;
        Some(Duration::from_millis(u64::from(reuse.idle_ms)))
    }

    /// Takes an instance back whose call came to its end; it is kept if it may be used again.
    pub(crate) fn give_back(&self, mut instance: Instance<T>) {
        instance.call_ended();
        let Some(reuse) = &self.reuse else { return };
        let calls = instance.calls;
        let state = instance.store.data_mut();
        if calls >= reuse.requests || !state.is_clean() || !state.guardian().may_stay() {
            return;
        }
        let Some(slot) = self.slots.take() else {
            return;
        };
        self.idle.lock().push(Idle {
            instance,
            since: Instant::now(),
            _slot: slot,
        });
    }

    /// Drops those that have waited for too long.
    pub(crate) fn sweep(&self) {
        let Some(idle_time) = self.idle_time() else {
            return;
        };
        let mut idle = self.idle.lock();
        let stale = idle.partition_point(|idle| idle.since.elapsed() >= idle_time);
        let stale: Vec<_> = idle.drain(..stale).collect();
        // Dropping an instance gives its memory back to the system: not while others wait.
        drop(idle);
        drop(stale);
    }
}
