//! Limits of one call, and what they saw.

use std::time::{Duration, Instant};

use wasmtime::{ResourceLimiter, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::Lane;
use crate::engine::Engine;

/// Limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Linear memory of all memories of the component together, in bytes.
    pub memory_bytes: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Core instances.
    pub instances: usize,
    /// Wall time from the making of the store, waits for the host included.
    pub timeout: Duration,
    /// Bytes that the guest may hand to the host in one call or in its answer.
    pub transfer_bytes: usize,
    /// Calls of host functions that are counted by [`Guardian::count_host_call`].
    pub host_calls: u64,
    /// Component-model handles alive at one time.
    pub handles: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            table_elements: 100_000,
            instances: 64,
            timeout: Duration::from_secs(10),
            transfer_bytes: 32 << 20,
            host_calls: 100_000,
            handles: 10_000,
        }
    }
}

/// Enforces the limits of one call and remembers which one was hit.
#[derive(Debug)]
pub struct Guardian {
    limits: CallLimits,
    deadline: Instant,
    memory: usize,
    tables: usize,
    host_calls: u64,
    memory_denied: bool,
    timed_out: bool,
}

impl Guardian {
    /// The clock starts now.
    pub fn new(limits: CallLimits) -> Self {
        Self {
            deadline: Instant::now() + limits.timeout,
            limits,
            memory: 0,
            tables: 0,
            host_calls: 0,
            memory_denied: false,
            timed_out: false,
        }
    }

    /// When the call must have ended.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The limits in force.
    pub fn limits(&self) -> &CallLimits {
        &self.limits
    }

    /// Peak linear memory, in bytes. Memory never shrinks within a call.
    pub fn memory_bytes(&self) -> usize {
        self.memory
    }

    /// Whether the guest asked for more memory or table than it may have.
    pub fn memory_denied(&self) -> bool {
        self.memory_denied
    }

    /// Whether the guest was still running at its deadline.
    pub fn timed_out(&self) -> bool {
        self.timed_out
    }

    /// Whether the guest called the host more often than it may.
    pub fn host_calls_exceeded(&self) -> bool {
        self.host_calls > self.limits.host_calls
    }

    /// Counts a call of a host function.
    ///
    /// # Errors
    /// A trap when the guest has used up its calls.
    pub fn count_host_call(&mut self) -> Result<(), wasmtime::Error> {
        self.host_calls += 1;
        if self.host_calls_exceeded() {
            return Err(wasmtime::format_err!(
                "more than {} host calls in one invocation",
                self.limits.host_calls
            ));
        }
        Ok(())
    }
}

impl ResourceLimiter for Guardian {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // `current` and `desired` are of one memory; the limit is on their sum, so that many small
        // memories are no way around it.
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.limits.memory_bytes {
            self.memory_denied = true;
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.tables.saturating_add(desired.saturating_sub(current));
        if total > self.limits.table_elements {
            self.memory_denied = true;
            return Ok(false);
        }
        self.tables = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn memories(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.instances
    }
}

/// Store data that carries a [`Guardian`].
pub trait Guarded: Send + 'static {
    /// The guardian of the call.
    fn guardian(&mut self) -> &mut Guardian;
}

impl Engine {
    /// A store with the limits of its guardian in force: memory, tables, instances, bytes per host
    /// call, handles, and a deadline that holds while the guest computes.
    ///
    /// The deadline of a guest that waits for the host is the caller's: wrap the call into a
    /// timeout until [`Guardian::deadline`].
    pub fn store<T: Guarded>(&self, lane: Lane, mut data: T) -> Store<T> {
        let limits = *data.guardian().limits();
        let mut store = Store::new(self.lane(lane), data);
        store.limiter(|data| data.guardian());
        store.set_hostcall_fuel(limits.transfer_bytes);
        store.set_max_component_handles(limits.handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context: StoreContextMut<'_, T>| {
            let guardian = context.data_mut().guardian();
            if Instant::now() >= guardian.deadline {
                guardian.timed_out = true;
                return Err(Trap::Interrupt.into());
            }
            // Give way: a guest that computes must not delay its neighbours on this thread.
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}
