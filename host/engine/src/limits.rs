//! Limits of one call, and what they saw.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{ResourceLimiter, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::Lane;
use crate::clock::Clock;
use crate::config::TABLE_ELEMENTS;
use crate::engine::Engine;
use crate::share::{Held, RateOf, Shares};

/// Where a call may compute for no longer than this, the time that others took of the processor would matter, and each of
/// its polls is measured by the clock of the thread.
const EXACT_UP_TO: Duration = Duration::from_secs(1);

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
    /// What it computes, waits for the host not included.
    pub cpu: Duration,
    /// Bytes that the guest may hand to the host in one call, and in its whole answer.
    pub transfer_bytes: usize,
    /// Calls of host functions that are counted by [`Guardian::count_host_call`].
    pub host_calls: u64,
    /// Component-model handles alive at one time.
    pub handles: usize,
    /// Bytes that it may log.
    pub log_bytes: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            table_elements: 100_000,
            instances: 64,
            timeout: Duration::from_secs(10),
            cpu: Duration::from_secs(10),
            transfer_bytes: 32 << 20,
            host_calls: 100_000,
            handles: 10_000,
            log_bytes: 64 << 10,
        }
    }
}

/// A limit that a call has hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exceeded {
    /// [`CallLimits::timeout`]
    Wall,
    /// [`CallLimits::cpu`]
    Cpu,
    /// [`CallLimits::memory_bytes`] or [`CallLimits::table_elements`]
    Memory,
    /// The memory, or the table elements, of all instances of the tenant.
    TenantMemory,
    /// The instances of the tenant.
    TenantInstances,
    /// [`CallLimits::host_calls`]
    HostCalls,
    /// Host calls a second of the function or of the tenant.
    HostCallRate,
}

/// Enforces the limits of one call and remembers which one was hit.
#[derive(Debug)]
pub struct Guardian {
    limits: CallLimits,
    deadline: Instant,
    clock: Arc<Clock>,
    memory: usize,
    tables: usize,
    host_calls: u64,
    held: Held,
    /// The limit that ended the call.
    ended_by: Option<Exceeded>,
    /// A limit at which the guest was refused something, and might have gone on without.
    refused: Option<Exceeded>,
}

impl Guardian {
    /// The clock starts now.
    pub fn new(limits: CallLimits) -> Self {
        Self::sharing(limits, None)
    }

    /// The same for an instance that shares limits with others.
    pub fn sharing(limits: CallLimits, shares: Option<Shares>) -> Self {
        Self {
            deadline: Instant::now() + limits.timeout,
            limits,
            clock: Arc::new(match limits.cpu <= EXACT_UP_TO {
                true => Clock::exact(),
                false => Clock::default(),
            }),
            memory: 0,
            tables: 0,
            host_calls: 0,
            held: Held::new(shares),
            ended_by: None,
            refused: None,
        }
    }

    /// Begins the next call in the same instance: each call has its own time and its own host calls.
    /// Memory and tables are those of the instance and stay.
    pub fn begin(&mut self) {
        self.deadline = Instant::now() + self.limits.timeout;
        self.clock.reset();
        self.host_calls = 0;
        self.ended_by = None;
        self.refused = None;
    }

    /// When the call must have ended.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What counts the time that the guest computes. A call is to run inside of
    /// [`Clock::measure`]; without it, its limit of time to compute does not hold.
    pub fn clock(&self) -> Arc<Clock> {
        self.clock.clone()
    }

    /// The limits in force.
    pub fn limits(&self) -> &CallLimits {
        &self.limits
    }

    /// Peak linear memory, in bytes. Memory never shrinks within an instance.
    pub fn memory_bytes(&self) -> usize {
        self.memory
    }

    /// Host functions called so far.
    pub fn host_calls(&self) -> u64 {
        self.host_calls
    }

    /// The limit that the call has hit, if any: the one that ended it, else one at which it was
    /// refused something.
    pub fn exceeded(&self) -> Option<Exceeded> {
        self.ended_by.or(self.refused)
    }

    /// Whether the guest asked for more memory or table than it may have.
    pub fn memory_denied(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether the guest was still running at its deadline.
    pub fn timed_out(&self) -> bool {
        self.ended_by == Some(Exceeded::Wall)
    }

    /// Whether there may be this instance. To be asked before it is made.
    ///
    /// # Errors
    /// Where its tenant had as many as it may have.
    pub fn check_admitted(&mut self) -> Result<(), wasmtime::Error> {
        self.held.admitted().map_err(|most| {
            self.ended_by = Some(Exceeded::TenantInstances);
            wasmtime::format_err!("the tenant has {most} instances, and may have no more")
        })
    }

    /// Whether the instance may wait for its next call, where its tenant's instances are limited.
    pub fn may_stay(&self) -> bool {
        self.held.may_stay()
    }

    /// Counts a call of a host function.
    ///
    /// # Errors
    /// A trap when the guest has used up its calls, or its function or tenant those of this second.
    pub fn count_host_call(&mut self) -> Result<(), wasmtime::Error> {
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            self.ended_by = Some(Exceeded::HostCalls);
            return Err(wasmtime::format_err!(
                "more than {} host calls in one invocation",
                self.limits.host_calls
            ));
        }
        let (whose, limit) = match self.held.host_call() {
            Ok(()) => return Ok(()),
            Err(RateOf::Function(limit)) => ("function", limit),
            Err(RateOf::Tenant(limit)) => ("tenant", limit),
        };
        self.ended_by = Some(Exceeded::HostCallRate);
        Err(wasmtime::format_err!(
            "more than {limit} host calls in one second of the {whose}"
        ))
    }

    /// What the deadlines say to a guest that computes.
    fn tick(&mut self) -> Result<(), Trap> {
        if Instant::now() >= self.deadline {
            self.ended_by = Some(Exceeded::Wall);
        } else if self.clock.spent() >= self.limits.cpu {
            self.ended_by = Some(Exceeded::Cpu);
        } else {
            return Ok(());
        }
        Err(Trap::Interrupt)
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
            self.refused = Some(Exceeded::Memory);
            return Ok(false);
        }
        if !self.held.grow_memory(total - self.memory) {
            self.refused = Some(Exceeded::TenantMemory);
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The maximum is that of the table, or that of its place in the pool where that is less. At the latter it is the
        // host that refuses, at the former the guest broke its own word.
        let of_pool = maximum.is_some_and(|max| max >= TABLE_ELEMENTS && desired > max);
        let total = self.tables.saturating_add(desired.saturating_sub(current));
        if of_pool || total > self.limits.table_elements {
            self.refused = Some(Exceeded::Memory);
            return Ok(false);
        }
        if !self.held.grow_tables(total - self.tables) {
            self.refused = Some(Exceeded::TenantMemory);
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
    /// timeout until [`Guardian::deadline`], and into [`Clock::measure`] of [`Guardian::clock`].
    pub fn store<T: Guarded>(&self, lane: Lane, mut data: T) -> Store<T> {
        let limits = *data.guardian().limits();
        let mut store = Store::new(self.lane(lane), data);
        store.limiter(|data| data.guardian());
        store.set_hostcall_fuel(limits.transfer_bytes);
        store.set_max_component_handles(limits.handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context: StoreContextMut<'_, T>| {
            context.data_mut().guardian().tick()?;
            // Give way: a guest that computes must not delay its neighbours on this thread.
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}
