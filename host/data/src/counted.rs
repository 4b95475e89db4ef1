//! A step, and what it has cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use async_trait::async_trait;

use crate::report::Cost;
use crate::step::{Document, Effect, Sketch, Step, StepAbout, StepError};

/// A step whose calls are counted.
pub(crate) struct Counted {
    step: Arc<dyn Step>,
    calls: AtomicU64,
    texts: AtomicU64,
    characters: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Counted {
    pub fn new(step: Arc<dyn Step>) -> Self {
        Self {
            step,
            calls: AtomicU64::new(0),
            texts: AtomicU64::new(0),
            characters: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
        }
    }

    pub fn cost(&self) -> Cost {
        Cost {
            calls: self.calls.load(Relaxed),
            texts: self.texts.load(Relaxed),
            characters: self.characters.load(Relaxed),
            seconds: self.nanoseconds.load(Relaxed) as f64 / 1e9,
        }
    }

    fn count(&self, batch: &[Document], start: Instant) {
        let characters: usize = batch.iter().map(|d| d.text.chars().count()).sum();
        let time = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Relaxed);
        self.texts.fetch_add(batch.len() as u64, Relaxed);
        self.characters.fetch_add(characters as u64, Relaxed);
        self.nanoseconds.fetch_add(time, Relaxed);
    }
}

#[async_trait]
impl Step for Counted {
    fn about(&self) -> &StepAbout {
        self.step.about()
    }

    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        let start = Instant::now();
        let effects = self.step.run(batch).await;
        self.count(batch, start);
        effects
    }

    fn finds_duplicates(&self) -> bool {
        self.step.finds_duplicates()
    }

    async fn fingerprint(&self, batch: &[Document]) -> Result<Vec<u128>, StepError> {
        let start = Instant::now();
        let prints = self.step.fingerprint(batch).await;
        self.count(batch, start);
        prints
    }

    async fn sketch(&self, batch: &[Document]) -> Result<Vec<Sketch>, StepError> {
        let start = Instant::now();
        let sketches = self.step.sketch(batch).await;
        self.count(batch, start);
        sketches
    }
}
