//! What an expression may spend, and how it is stopped.
//!
//! jaq evaluates lazily and calls back for each term that it evaluates: [`Terms`] is the table of terms that it asks for,
//! and counts. So steps and the depth of the stack are checked everywhere, in recursion too. Values are our own and count
//! what they allocate. Steps and bytes are counted and no clock is read, so that a run that is replayed fails where it failed.
//!
//! Most of jaq's interface cannot return an error where a bound is hit: an array is collected by `FromIterator`. So the
//! evaluation is unwound, with `resume_unwind`, which no panic hook sees, to [`run`], which catches it. jaq and this crate
//! have no unsafe code that unwinding could break.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use jaq_core::Lut;
use jaq_core::data::HasLut;

use super::Language;

/// So many steps may one evaluation take: terms evaluated, values made and compared.
pub(crate) const MAX_STEPS: u64 = 1_000_000;
/// So many bytes may one evaluation allocate for values, counting what it has let go of.
pub(crate) const MAX_BYTES: u64 = 64 << 20;
/// The stack of a machine's turn; only what is touched of it is memory.
const STACK: usize = 128 << 20;
/// So much of it may an evaluation use. The rest is for what is dropped link by link after it: 1,000,000 steps make no list
/// whose destructor needs more.
const MAX_DEPTH: usize = 16 << 20;

/// Why an evaluation was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Steps,
    Bytes,
    Depth,
    Nesting,
}

impl Stop {
    pub fn reason(self) -> String {
        match self {
            Self::Steps => format!("it took more than {MAX_STEPS} steps"),
            Self::Bytes => format!("it made values of more than {} MiB", MAX_BYTES >> 20),
            Self::Depth => "it called itself too deeply".to_owned(),
            Self::Nesting => format!("it nested values more than {} levels deep", super::value::MAX_NESTING),
        }
    }
}

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
    /// The lowest address of the stack that the evaluation may use; stacks grow downwards on every machine we build for.
    static FLOOR: Cell<usize> = const { Cell::new(0) };
    static NOW: Cell<f64> = const { Cell::new(0.0) };
    static ON_LARGE_STACK: Cell<bool> = const { Cell::new(false) };
}

/// The table of terms, as jaq asks for it before it evaluates any term.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a>(pub &'a Lut<Language>);

impl<'a> HasLut<'a, Language> for Terms<'a> {
    fn lut(&self) -> &'a Lut<Language> {
        spend(1);
        let here = 0_u8;
        if std::ptr::from_ref(&here).addr() < FLOOR.get() {
            stop(Stop::Depth);
        }
        self.0
    }
}

/// Counts steps.
pub(crate) fn spend(steps: u64) {
    STEPS.with(|left| match left.get().checked_sub(steps) {
        Some(rest) => left.set(rest),
        None => stop(Stop::Steps),
    });
}

/// Counts bytes that a value takes.
pub(crate) fn allocate(bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    BYTES.with(|left| match left.get().checked_sub(bytes) {
        Some(rest) => left.set(rest),
        None => stop(Stop::Bytes),
    });
    spend(1 + bytes / 1024);
}

/// Ends the evaluation.
pub(crate) fn stop(why: Stop) -> ! {
    // Destructors run while this unwinds, and may count too.
    STEPS.set(u64::MAX);
    BYTES.set(u64::MAX);
    resume_unwind(Box::new(why))
}

/// The time that `now` answers, in seconds since 1970.
pub(crate) fn now() -> f64 {
    NOW.get()
}

/// Runs an evaluation within the bounds.
pub(crate) fn run<T>(now: f64, f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    on_large_stack(|| {
        let here = 0_u8;
        FLOOR.set(std::ptr::from_ref(&here).addr().saturating_sub(MAX_DEPTH));
        STEPS.set(MAX_STEPS);
        BYTES.set(MAX_BYTES);
        NOW.set(now);
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(result) => result,
            Err(payload) => Err(match payload.downcast_ref::<Stop>() {
                Some(stop) => stop.reason(),
                None => "it cannot be computed".to_owned(),
            }),
        }
    })
}

/// Runs what may evaluate many expressions, or read deep ones, on a stack of its own, once for all of them.
pub(crate) fn on_large_stack<T>(f: impl FnOnce() -> T) -> T {
    if ON_LARGE_STACK.get() {
        return f();
    }
    stacker::grow(STACK, || {
        struct Back;
        impl Drop for Back {
            fn drop(&mut self) {
                ON_LARGE_STACK.set(false);
            }
        }
        let _back = Back;
        ON_LARGE_STACK.set(true);
        f()
    })
}
