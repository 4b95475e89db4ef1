//! Compilation in a process of its own.
//!
//! How long a compiler takes and how much memory, its input decides: 75 kilobytes of loops within loops took minutes
//! and five gigabytes. So the host starts itself again for each compilation, and that process watches itself: beyond
//! its limits it ends, whatever the compiler does, and the host goes on.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::EngineError;
use crate::config::{Lane, wasmtime_config};
use crate::engine::on_a_large_stack;
use crate::inspect::{MAX_COMPONENT_BYTES, check_types};

/// The word by which a process knows that it is a compiler.
const WORD: &str = "__compile-component";

/// A component of a scripting language takes 10 seconds and 400 MB where nothing else runs.
const MAX_TIME: Duration = Duration::from_secs(120);
const MAX_RESIDENT_KIB: u64 = 1 << 20;

/// How often the compiler looks at itself: it can take some hundred megabytes more in between.
const LOOK: Duration = Duration::from_millis(20);

/// What the compiler may say of an error.
const MAX_ERROR_BYTES: u64 = 16 << 10;

/// Compiles by a process of this program, whose `main` calls [`compile_if_asked`] first.
pub(crate) fn compile(lane: Lane, bytes: &[u8]) -> Result<Vec<u8>, EngineError> {
    let failed =
        |error: io::Error| EngineError::Compile(format!("no process to compile it: {error}"));
    let mut child = Command::new(this_program().map_err(failed)?)
        .args([WORD, lane.as_str()])
        // Nothing of the host's environment is a compiler's to know: there are keys in it.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (mut stdin, mut stdout, stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut code, mut said) = (Vec::new(), String::new());
    let read = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A compiler that has ended takes no more, and says why by itself.
            let _ = stdin.take().map(|mut stdin| stdin.write_all(bytes));
        });
        scope.spawn(|| {
            let error = stderr.map(|stderr| stderr.take(MAX_ERROR_BYTES).read_to_string(&mut said));
            error.transpose()
        });
        stdout
            .as_mut()
            .map(|stdout| stdout.read_to_end(&mut code))
            .transpose()
    });
    let status = child.wait().map_err(failed)?;
    read.map_err(failed)?;
    if status.success() {
        return Ok(code);
    }
    Err(EngineError::Compile(match said.trim() {
        "" => format!("the compiler ended with {status}"),
        said => said.to_owned(),
    }))
}

/// The running program, even where its file has been replaced since: what compiles must be what loads.
fn this_program() -> io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    match running.exists() {
        true => Ok(running),
        false => std::env::current_exe(),
    }
}

/// Compiles a component from standard input to standard output where this process was started for it, and says how it
/// ends; none in every other process. A program that compiles apart calls this before anything else.
pub fn compile_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != WORD {
        return None;
    }
    let lane = args.next()?;
    let lane = Lane::ALL.into_iter().find(|l| lane == l.as_str())?;
    let outcome = watched().and_then(|()| from_stdin_to_stdout(lane));
    Some(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    })
}

fn from_stdin_to_stdout(lane: Lane) -> Result<(), String> {
    let mut bytes = Vec::new();
    io::stdin()
        .take(MAX_COMPONENT_BYTES as u64)
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    let engine = wasmtime::Engine::new(&wasmtime_config(lane)).map_err(|e| format!("{e:#}"))?;
    let code = on_a_large_stack(|| {
        check_types(&bytes)?;
        engine
            .precompile_component(&bytes)
            .map_err(|e| EngineError::Compile(format!("{e:#}")))
    });
    let code = code.map_err(|error| match error {
        // The host puts the same words before it.
        EngineError::Compile(why) => why,
        other => other.to_string(),
    })?;
    io::stdout().write_all(&code).map_err(|e| e.to_string())
}

/// Starts the thread that ends this process beyond its limits.
fn watched() -> Result<(), String> {
    let begun = Instant::now();
    let watch = move || {
        loop {
            std::thread::sleep(LOOK);
            let why = if begun.elapsed() > MAX_TIME {
                format!(
                    "it took more than {} seconds to compile",
                    MAX_TIME.as_secs()
                )
            } else if resident_kib().is_some_and(|kib| kib > MAX_RESIDENT_KIB) {
                format!(
                    "it took more than {} MiB of memory to compile",
                    MAX_RESIDENT_KIB >> 10
                )
            } else {
                continue;
            };
            eprintln!("{why}");
            std::process::exit(1);
        }
    };
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(watch)
        .map(drop)
        .map_err(|e| e.to_string())
}

/// The memory of this process that is in use; none where the system does not say.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
