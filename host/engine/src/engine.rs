//! Compiles, caches and loads components.

use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use crate::EngineError;
use crate::aot::{AotCache, AotStats, Code, Entry, compatibility};
use crate::apart;
use crate::config::{EngineConfig, Lane, wasmtime_config};
use crate::inspect::{check_types, inspect};
use crate::ticker::Ticker;

/// The stack of the thread that compiles. Reading types recurses into types; how deep they may be
/// nested before they are read is bounded, and this is enough for the bound.
const COMPILER_STACK: usize = 64 << 20;

/// Code of up to so many bytes is mapped and read in less time than another thread takes to be woken and to answer.
const AT_HAND: u64 = 4 << 20;

/// The WebAssembly engine of the host. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    plain: wasmtime::Engine,
    concurrent: wasmtime::Engine,
    /// Of the plain lane and of the concurrent one.
    compatibility: [u64; 2],
    cache: AotCache,
    apart: bool,
    _ticker: Ticker,
}

impl Engine {
    /// Starts both lanes and the epoch thread.
    ///
    /// # Errors
    /// [`EngineError::Start`] when this machine cannot reserve the address space,
    /// [`EngineError::Cache`] when the folder cannot be used.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        Self::start(config, false)
    }

    /// The same, which compiles in processes of its own: a component that takes the compiler minutes or gigabytes is
    /// an error of that component, and not the end of the host. For programs whose `main` calls
    /// [`crate::compile_if_asked`] first.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub fn compiling_apart(config: &EngineConfig) -> Result<Self, EngineError> {
        Self::start(config, true)
    }

    fn start(config: &EngineConfig, apart: bool) -> Result<Self, EngineError> {
        let start = |lane: Lane| {
            wasmtime::Engine::new(&wasmtime_config(lane)).map_err(|e| EngineError::Start {
                lane,
                reason: format!("{e:#}"),
            })
        };
        let [plain, concurrent] = Lane::ALL.map(start);
        let (plain, concurrent) = (plain?, concurrent?);
        let cache = AotCache::open(&config.cache_dir)?;
        let ticker = Ticker::start(vec![plain.clone(), concurrent.clone()]).map_err(|source| {
            EngineError::Start {
                lane: Lane::Plain,
                reason: source.to_string(),
            }
        })?;
        Ok(Self(Arc::new(Inner {
            compatibility: [compatibility(&plain), compatibility(&concurrent)],
            plain,
            concurrent,
            cache,
            apart,
            _ticker: ticker,
        })))
    }

    /// wasmtime's engine of a lane, for linkers.
    pub fn lane(&self, lane: Lane) -> &wasmtime::Engine {
        match lane {
            Lane::Plain => &self.0.plain,
            Lane::Concurrent => &self.0.concurrent,
        }
    }

    /// Compiles a component, or takes it from the cache. Blocks for as long as compiling takes
    /// (40 to 140 ms for a Rust guest, seconds for a scripting language): never call it on an
    /// asynchronous thread.
    ///
    /// # Errors
    /// [`EngineError::Inspect`], [`EngineError::Compile`]. A cache that cannot be written is
    /// reported in the log and does not fail the call.
    pub fn compile(&self, bytes: &[u8]) -> Result<Component, EngineError> {
        let lane = inspect(bytes)?.lane();
        let engine = self.lane(lane);
        let entry = self.entry(lane, Sha256::digest(bytes).into());
        if let Some(component) = self.load_cached(lane, &entry) {
            return Ok(component);
        }
        let code = match self.0.apart {
            true => apart::compile(lane, bytes)?,
            false => on_a_large_stack(|| {
                check_types(bytes)?;
                engine
                    .precompile_component(bytes)
                    .map_err(|e| EngineError::Compile(format!("{e:#}")))
            })?,
        };
        if let Err(error) = self.0.cache.put(&entry, &code) {
            tracing::warn!(%error, "compiled component not cached");
        }
        // SAFETY: `code` is what the compiler of this program, in this process or in one that this process has just
        // started from its own file, has returned for these bytes: through memory or a pipe that nobody else has.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, &code) };
        component.map_err(|e| EngineError::Compile(format!("{e:#}")))
    }

    /// Loads a component by the SHA-256 digest of its bytes, if this host has compiled it before.
    pub fn load(&self, lane: Lane, component: [u8; 32]) -> Option<Component> {
        self.load_cached(lane, &self.entry(lane, component))
    }

    /// The same, if it takes less time than to ask another thread for it: for asynchronous threads.
    pub fn load_at_hand(&self, lane: Lane, component: [u8; 32]) -> Option<Component> {
        let entry = self.entry(lane, component);
        self.load_code(lane, self.0.cache.at_hand(&entry, AT_HAND)?)
    }

    fn entry(&self, lane: Lane, component: [u8; 32]) -> Entry {
        Entry {
            lane,
            compatibility: match lane {
                Lane::Plain => self.0.compatibility[0],
                Lane::Concurrent => self.0.compatibility[1],
            },
            component,
        }
    }

    fn load_cached(&self, lane: Lane, entry: &Entry) -> Option<Component> {
        self.load_code(lane, self.0.cache.get(entry)?)
    }

    fn load_code(&self, lane: Lane, code: Code) -> Option<Component> {
        let engine = self.lane(lane);
        if let Code::Private(file) = &code {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            // SAFETY: the cache returns only code that carried a seal under this host's own key over exactly this lane,
            // compatibility hash and component, so it is what this compiler returned for them; the seal was looked at in
            // this file, which never had a name, so that nobody but this process can have it open, and this process
            // does not write to it.
            #[allow(unsafe_code)]
            match unsafe { Component::deserialize_file(engine, path) } {
                Ok(component) => return Some(component),
                // No `/proc`, or a disk whose files must not be run.
                Err(error) => tracing::debug!(%error, "compiled component not mapped; it is read"),
            }
        }
        let load = || -> wasmtime::Result<Component> {
            let code = code.into_bytes()?;
            // SAFETY: as above; these bytes are in the memory of this process alone.
            #[allow(unsafe_code)]
            unsafe {
                Component::deserialize(engine, code)
            }
        };
        load()
            .inspect_err(
                |error| tracing::warn!(%error, "compiled component does not load; compiling again"),
            )
            .ok()
    }

    /// What the cache did since the start.
    pub fn aot_stats(&self) -> AotStats {
        self.0.cache.stats()
    }
}

/// Runs what may recurse deeply on a thread of its own; a panic of it is an error of this component.
pub(crate) fn on_a_large_stack<T: Send>(
    compile: impl FnOnce() -> Result<T, EngineError> + Send,
) -> Result<T, EngineError> {
    let failed = |why: String| EngineError::Compile(why);
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("compile".into())
            .stack_size(COMPILER_STACK)
            .spawn_scoped(scope, compile)
            .map_err(|e| failed(format!("no thread to compile it on: {e}")))?
            .join()
            .unwrap_or_else(|_| Err(failed("the compiler panicked".into())))
    })
}
