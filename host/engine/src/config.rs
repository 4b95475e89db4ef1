//! The two engine configurations and the reason for each number.

use std::fmt;
use std::path::PathBuf;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// Where an engine keeps its cache.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Folder for compiled components and for the key that authenticates them. Created if missing.
    /// It belongs to this host alone: compiled code is native code.
    pub cache_dir: PathBuf,
}

/// Which of the two configurations a component runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// No component-model concurrency: typed worlds and `wasi:http` 0.2.
    Plain,
    /// Component-model concurrency: WASI 0.3.
    Concurrent,
}

impl Lane {
    /// Both.
    pub const ALL: [Lane; 2] = [Lane::Plain, Lane::Concurrent];

    /// The word for it in paths and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Concurrent => "concurrent",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many component instances of one lane can live at once. The callers keep below it with a
/// semaphore, so that reaching it is a wait and not an error.
pub const POOL_SIZE: u32 = 1000;

/// How many instances of one lane can wait for their next call, where their plugins ask to be used
/// again. They come on top of those that run, so that no call waits for an idle one.
pub const IDLE_INSTANCES: u32 = 250;

/// Slots of the pool.
const SLOTS: u32 = POOL_SIZE + IDLE_INSTANCES;

/// The largest linear memory that any guest can be given: what a manifest can ask for at most.
const MAX_MEMORY_BYTES: usize = 1 << 30;
/// The elements of one table.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;

/// One constructor for the compiler and the runner: what one compiles the other loads.
pub(crate) fn wasmtime_config(lane: Lane) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(SLOTS)
        // A component of a scripting language holds 14 to 38 core instances; 4 per component is the
        // mean we reserve for, a single component may take up to 64.
        .total_core_instances(4 * SLOTS)
        .max_core_instances_per_component(64)
        // One linear memory for compiled languages, two or three for adapted ones. Each slot is
        // 4 GiB of address space and no memory until it is touched: 10 TiB of 128 TiB.
        .total_memories(2 * SLOTS)
        .max_memories_per_component(16)
        .max_memory_size(MAX_MEMORY_BYTES)
        // One function table per core instance; 20,000 entries hold every guest seen so far.
        .total_tables(4 * SLOTS)
        .max_tables_per_component(64)
        .table_elements(TABLE_ELEMENTS)
        // One fiber stack per running call.
        .total_stacks(SLOTS)
        // Instance metadata grows with the number of functions and imports. A JavaScript engine as
        // a component needs about 100 KiB; beyond 1 MiB a component is refused at publish.
        .max_core_instance_size(1 << 20)
        .max_component_instance_size(1 << 20)
        // Warm slots are reused without a system call, each holding up to the resident bytes below.
        .max_unused_warm_slots(64)
        // Resetting up to this many bytes by copying beats giving pages back to the kernel and
        // faulting them in again. Worth it only with the page-map scan, which touches only pages
        // that were written; without it the whole range would be cleared on every call.
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(1 << 20)
        .pagemap_scan(Enabled::Auto);

    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .concurrency_support(lane == Lane::Concurrent)
        .wasm_component_model_async(lane == Lane::Concurrent)
        // Fresh instances map the initial memory image instead of copying it: for a guest with a
        // 1 MiB data segment that is the difference between 10 and 120 µs a call.
        .memory_init_cow(true)
        // The ticker thread advances the epoch; a guest that runs past it yields, and past its
        // deadline traps. Fuel would do the same for twice the cost.
        .epoch_interruption(true)
        // Guests cannot share memory between threads here; off is less to attack.
        .shared_memory(false)
        // 512 KiB of guest stack: deep recursion traps well before the 2 MiB fiber stack ends.
        .max_wasm_stack(512 << 10)
        .async_stack_size(2 << 20)
        .cranelift_opt_level(OptLevel::Speed)
        // wasmtime finds its own way through the frames of guests. What the unwinder of the system would read, and that of
        // Windows has to, would be registered at each load, which can take longer than the rest of it.
        .native_unwind_info(cfg!(windows))
        // Backtraces with the guest's function names, for people who debug a trap.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32))
        .generate_address_map(true);
    config
}
