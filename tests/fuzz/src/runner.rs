//! Runs targets, and keeps what they fail at.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::mutate::Rng;
use crate::targets::Target;

/// An input that takes longer is a finding too.
pub const SLOW: Duration = Duration::from_secs(10);

/// An input at which a target failed.
#[derive(Debug)]
pub struct Finding {
    /// The target.
    pub target: &'static str,
    /// What came of it.
    pub what: String,
    /// Where the input lies.
    pub file: PathBuf,
}

/// Runs a target from a seed.
pub struct Runner<'a> {
    /// The target.
    pub target: &'a Target,
    /// Each input is one of this seed and its number.
    pub seed: u64,
    /// Where inputs are kept.
    pub folder: &'a Path,
}

impl Runner<'_> {
    /// Tries inputs until there were so many or so much time went by. Returns how many were tried.
    ///
    /// The input that is tried lies in `TARGET-SEED-current` meanwhile: where the process itself ends
    /// (a stack used up), it is found there.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn run(&self, most: u64, time: Duration) -> (u64, Vec<Finding>) {
        let corpus = (self.target.corpus)();
        let name = format!("{}-{}", self.target.name, self.seed);
        let current = self.folder.join(format!("{name}-current"));
        let start = Instant::now();
        let mut findings = Vec::new();
        let mut tried = 0;
        for input in &corpus {
            // Good inputs first: a target that fails at them is wrong itself.
            (self.target.read)(input);
        }
        while tried < most && start.elapsed() < time {
            let mut rng = Rng::new(self.seed.wrapping_add(tried.wrapping_mul(0x1_0000_0001)));
            let input = (self.target.input)(&mut rng, &corpus);
            std::fs::write(&current, &input).expect("the folder of findings can be written");
            let begun = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| (self.target.read)(&input)));
            let took = begun.elapsed();
            let what = match outcome {
                Err(panic) => Some(format!("panicked: {}", text_of(&*panic))),
                Ok(()) if took > SLOW => Some(format!("took {took:?}")),
                Ok(()) => None,
            };
            if let Some(what) = what {
                let file = self.folder.join(format!("{name}-{tried}"));
                std::fs::rename(&current, &file).expect("the input can be kept");
                let target = self.target.name;
                findings.push(Finding { target, what, file });
            }
            tried += 1;
        }
        let _ = std::fs::remove_file(&current);
        (tried, findings)
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text")
        .to_owned()
}
