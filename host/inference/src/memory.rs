//! How much memory models take, and which of them make room for another.
//!
//! The memory of a model is what ONNX Runtime's arena holds for its session: the weights, what was made of them when
//! they were loaded, and the space of the largest runs so far. It is read where it lies, so it is what is, and not
//! what a file's size lets hope: weights stored in 8 bits may be computed in 32. Before a model is loaded nothing but
//! its files is known; they stand for it until then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use tokio::sync::OnceCell;

use crate::error::InferenceError;
use crate::model::Model;
use crate::shared::SharedSession;

/// What a model holds in memory, also after it was unloaded, as long as calls run.
#[derive(Clone)]
pub(crate) struct Footprint {
    pub(crate) session: Weak<SharedSession>,
    /// Bytes beside the session's: the file of the tokenizer.
    pub(crate) beside: u64,
}

impl Footprint {
    /// Bytes; 0 once it is freed.
    pub(crate) fn bytes(&self) -> u64 {
        let session = self.session.upgrade();
        session.map_or(0, |session| session.memory() + self.beside)
    }
}

/// Keeps a model in memory as long as it lives.
pub(crate) struct Pin(Pins);

/// How many pins a model has.
#[derive(Clone, Default)]
pub(crate) struct Pins(Arc<AtomicUsize>);

impl Pins {
    pub(crate) fn pin(&self) -> Pin {
        self.0.fetch_add(1, Relaxed);
        Pin(self.clone())
    }

    pub(crate) fn any(&self) -> bool {
        self.0.load(Relaxed) > 0
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// The models in memory, by key.
#[derive(Default)]
pub(crate) struct Loaded {
    slots: HashMap<String, Slot>,
    /// Unloaded, and held by calls that run.
    leaving: Vec<Footprint>,
    /// Bytes that were promised to those that are being loaded.
    promised: u64,
    /// Counts uses, to order them.
    clock: u64,
}

/// A model, or one that is being loaded: whoever comes first loads it, the others wait for the same cell.
struct Slot {
    cell: Arc<OnceCell<Model>>,
    used: u64,
}

/// Whether there is room for a model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It has been promised.
    Promised,
    /// There will be when the calls of unloaded models have ended.
    Soon,
}

impl Loaded {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// The place of a model, made where there is none.
    pub(crate) fn enter(&mut self, key: &str) -> Arc<OnceCell<Model>> {
        let used = self.tick();
        let slot = self.slots.entry(key.to_owned()).or_insert_with(|| Slot {
            cell: Arc::default(),
            used,
        });
        slot.used = used;
        Arc::clone(&slot.cell)
    }

    /// The model of `key`, which counts as a use.
    pub(crate) fn get(&mut self, key: &str) -> Option<Model> {
        let used = self.tick();
        let slot = self.slots.get_mut(key)?;
        let model = slot.cell.get().cloned()?;
        slot.used = used;
        Some(model)
    }

    /// Every model that is loaded.
    pub(crate) fn models(&self) -> impl Iterator<Item = (&str, &Model)> {
        let slots = self.slots.iter();
        slots.filter_map(|(key, slot)| Some((key.as_str(), slot.cell.get()?)))
    }

    /// Forgets a model and says whether there was one.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let Some(slot) = self.slots.remove(key) else {
            return false;
        };
        let model = slot.cell.get();
        self.leaving
            .extend(model.map(|model| model.footprint().clone()));
        model.is_some()
    }

    /// Promises `needed` bytes to a model that is being loaded, after unloading those that were not asked for the
    /// longest, as far as need be.
    ///
    /// # Errors
    /// [`InferenceError::Memory`] where that would not be enough; nothing is unloaded then.
    pub(crate) fn promise(&mut self, needed: u64, limit: u64) -> Result<Room, InferenceError> {
        self.leaving.retain(|footprint| footprint.bytes() > 0);
        let pinned = self.models().filter(|(_, model)| model.is_pinned());
        let kept: u64 = pinned.map(|(_, model)| model.memory_bytes()).sum();
        let kept = kept + self.promised;
        if needed.saturating_add(kept) > limit {
            return Err(InferenceError::Memory {
                needed,
                limit,
                kept,
            });
        }
        let mut used: u64 = self.models().map(|(_, model)| model.memory_bytes()).sum();
        used += self.promised;
        while used.saturating_add(needed) > limit {
            match self.unload_oldest("to make room for another") {
                Some(freed) => used = used.saturating_sub(freed),
                None => break,
            }
        }
        let leaving: u64 = self.leaving.iter().map(Footprint::bytes).sum();
        if used + leaving + needed > limit {
            return Ok(Room::Soon);
        }
        self.promised += needed;
        Ok(Room::Promised)
    }

    /// Takes a promise back: the model is loaded and counts itself, or its load failed.
    pub(crate) fn settle(&mut self, promised: u64) {
        self.promised = self.promised.saturating_sub(promised);
    }

    /// Drops cells whose load failed or was given up, and the oldest models beyond `most`. What has just been loaded
    /// is never the oldest.
    pub(crate) fn tidy(&mut self, most: usize) {
        self.slots
            .retain(|_, slot| slot.cell.initialized() || Arc::strong_count(&slot.cell) > 1);
        while self.models().count() > most {
            if self.unload_oldest("more are loaded than may be").is_none() {
                break;
            }
        }
    }

    /// Unloads the model that was not asked for the longest, pinned ones and the newest left aside, and says how many
    /// bytes it holds.
    fn unload_oldest(&mut self, why: &str) -> Option<u64> {
        let free = self.slots.iter().filter_map(|(key, slot)| {
            let model = slot.cell.get().filter(|model| !model.is_pinned())?;
            (slot.used < self.clock).then(|| (slot.used, key.clone(), model.memory_bytes()))
        });
        let (_, key, bytes) = free.min()?;
        self.remove(&key);
        tracing::info!(
            key,
            bytes,
            why,
            "unloaded the model that was not asked for the longest"
        );
        Some(bytes)
    }
}
