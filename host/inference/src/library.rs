//! Finds ONNX Runtime's shared library and loads it, once for the process.
//!
//! The library is looked for when a model is first wanted, not when the host starts: a host without models runs
//! without it. A try that fails leaves nothing behind, so a later one can succeed. What must be global is: the C
//! library keeps one environment for each process, and unloading it while its threads run is not possible.

use std::env;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use libloading::{Library, Symbol};
use ort::environment::Environment;
use ort::logging::LogLevel;
use parking_lot::Mutex;

use crate::device::Placement;
use crate::error::{Attempt, InferenceError, panic_text};
use crate::shared_object;

/// What the system's loader is asked for when no file was found in the usual places.
const SYSTEM_NAMES: [&str; 2] = ["libonnxruntime.so.1", "libonnxruntime.so"];
/// The name of the file in the places that Steward itself looks at.
const FILE_NAME: &str = "libonnxruntime.so";

/// The loaded library.
#[derive(Clone)]
pub(crate) struct Runtime {
    pub(crate) environment: Environment,
    pub(crate) version: String,
    pub(crate) library: PathBuf,
    /// Where its sessions compute.
    pub(crate) placement: Placement,
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// The loaded library, loading it first where need be (about 30 ms, blocking).
///
/// `wanted` is the only place looked at when it is given. Otherwise: `ORT_DYLIB_PATH` alone when set, else
/// `.steward/lib` under the current folder, beside the executable, `../lib` from there, and the system's own places.
/// Once a library is loaded, it is the one that every later call gets.
pub(crate) fn open(wanted: Option<&Path>) -> Result<Runtime, InferenceError> {
    let mut loaded = LOADED.lock();
    if let Some(runtime) = &*loaded {
        if wanted.is_some_and(|wanted| wanted != runtime.library) {
            tracing::warn!(
                loaded = %runtime.library.display(),
                "ONNX Runtime was already loaded from another file; a process can load only one"
            );
        }
        return Ok(runtime.clone());
    }
    let mut tried = Vec::new();
    for library in candidates(wanted) {
        match load(&library) {
            Ok(runtime) => {
                tracing::info!(library = %library.display(), version = runtime.version, "loaded ONNX Runtime");
                *loaded = Some(runtime.clone());
                return Ok(runtime);
            }
            Err(reason) => tried.push(Attempt { library, reason }),
        }
    }
    Err(InferenceError::Library {
        needed: ort::MINOR_VERSION,
        tried,
    })
}

fn candidates(wanted: Option<&Path>) -> Vec<PathBuf> {
    if let Some(wanted) = wanted {
        return vec![wanted.to_owned()];
    }
    if let Some(named) = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return vec![named.into()];
    }
    let mut places = vec![PathBuf::from(".steward/lib").join(FILE_NAME)];
    if let Some(beside) = env::current_exe().ok().as_deref().and_then(Path::parent) {
        places.push(beside.join(FILE_NAME));
        if let Some(above) = beside.parent() {
            places.push(above.join("lib").join(FILE_NAME));
        }
    }
    places.extend(SYSTEM_NAMES.map(PathBuf::from));
    places
}

fn load(library: &Path) -> Result<Runtime, String> {
    let by_name = SYSTEM_NAMES.iter().any(|name| Path::new(name) == library);
    // `ort` looks for a relative path beside the executable first; an absolute one means the same to everybody.
    let library = if by_name {
        library.to_owned()
    } else {
        let absolute = std::path::absolute(library).map_err(|error| error.to_string())?;
        shared_object::check(&absolute)?;
        absolute
    };
    let (version, _handle) = probe(&library)?;
    // `ort` turns some faults of a library into panics. The probe has excluded those known; whatever is left
    // must still be an answer, not the end of the host.
    let built = catch_unwind(AssertUnwindSafe(|| {
        let builder = ort::init_from(&library).map_err(|error| error.to_string())?;
        let environment = builder
            .with_name("steward")
            .with_telemetry(false)
            .build()
            .map_err(|error| error.to_string())?;
        // `ort` asks for every message down to verbose and lets `tracing` drop them, on the path of each run.
        environment.set_log_level(LogLevel::Warning);
        Ok(environment)
    }));
    let environment = built.unwrap_or_else(|panic| Err(panic_text(&*panic)))?;
    Ok(Runtime {
        environment,
        version,
        library,
        placement: Placement::cpu(),
    })
}

/// Opens the library by itself and asks for its version, before `ort` keeps it for good.
///
/// The handle is returned so that the library stays mapped until `ort` has opened it too.
fn probe(path: &Path) -> Result<(String, Library), String> {
    // SAFETY: opening runs the library's initialisers. The file is one that the operator of this host named or
    // installed as ONNX Runtime; there is no way to use it without trusting it.
    let library = unsafe { Library::new(path) }.map_err(|error| reasons(&error))?;
    let version = {
        // SAFETY: the C API declares the symbol with this type in every version.
        let entry: Symbol<'_, unsafe extern "C" fn() -> *const ort::sys::OrtApiBase> =
            unsafe { library.get(b"OrtGetApiBase\0") }
                .map_err(|_| "it is not ONNX Runtime: it has no `OrtGetApiBase`".to_owned())?;
        // SAFETY: the function takes nothing and returns null or a table that lives as long as the library.
        let Some(base) = (unsafe { entry().as_ref() }) else {
            return Err("its `OrtGetApiBase` returns nothing".into());
        };
        // SAFETY: both members are part of the table from the first version on, and both may be called at any time.
        let (text, api) = unsafe { ((base.GetVersionString)(), (base.GetApi)(ort::MINOR_VERSION)) };
        if text.is_null() {
            return Err("it does not tell its version".into());
        }
        // SAFETY: not null, and documented to be a NUL-terminated text that is never freed.
        let version = unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned();
        if api.is_null() {
            return Err(format!("it is version {version}, too old for this host"));
        }
        version
    };
    Ok((version, library))
}

/// An error with what caused it: the loader's own words are a level down.
pub(crate) fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
