//! Sequences: calls of which each begins with the states that the one before it left.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::MutexGuard;

use super::check::excerpt;
use super::signature::Signature;
use super::tensor::{Tensor, TensorData};
use crate::config::{ModelConfig, StateConfig};
use crate::error::InferenceError;
use crate::queue::Caller;

/// The most calls of one sequence that wait for each other.
pub const MAX_CALLS_OF_SEQUENCE: usize = 64;
/// The longest name of a sequence, in bytes.
pub const MAX_SEQUENCE_NAME_BYTES: usize = 256;

/// Which sequence a call belongs to, as the Open Inference Protocol's servers know it (`sequence_id`,
/// `sequence_start`, `sequence_end`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The caller's own name of it. The same name of two tenants means two sequences.
    pub id: String,
    /// Whether this call begins with zeros, whatever was before.
    pub start: bool,
    /// Whether the states are forgotten after this call.
    pub end: bool,
}

/// Whose sequence, and which.
type Key = (Arc<str>, String);

/// The states of a model's sequences.
pub(super) struct Sequences {
    pub(super) states: Vec<StateConfig>,
    /// What a sequence starts with, in the order of `states`.
    zeros: Vec<TensorData>,
    non_finite: bool,
    most: usize,
    idle: Duration,
    kept: Mutex<HashMap<Key, Arc<Kept>>>,
}

struct Kept {
    /// Held by the call whose turn it is; nothing where the sequence is not under way.
    states: tokio::sync::Mutex<Option<Vec<TensorData>>>,
    /// Calls that hold this or wait for their turn.
    calls: AtomicUsize,
    used: Mutex<Instant>,
}

/// A call that is in a sequence, its turn or not.
pub(super) struct Place<'a> {
    sequences: &'a Sequences,
    key: Key,
    kept: Arc<Kept>,
}

impl Sequences {
    /// For states that the signature is known to have, or is about to be refused for.
    pub(super) fn new(config: &ModelConfig, signature: &Signature) -> Self {
        let zeros = |state: &StateConfig| {
            let count = state.shape.iter().map(|&side| side as usize).product();
            let kind = signature.input(&state.input)?.element;
            TensorData::zeros(kind, count)
        };
        Self {
            zeros: config.state.iter().filter_map(zeros).collect(),
            states: config.state.clone(),
            non_finite: config.allow_non_finite,
            most: config.max_sequences as usize,
            idle: Duration::from_secs(config.sequence_idle_s.into()),
            kept: Mutex::default(),
        }
    }

    /// Refuses a sequence that cannot be.
    pub(super) fn check(&self, sequence: &Sequence) -> Result<(), InferenceError> {
        if self.states.is_empty() {
            return Err(InferenceError::InvalidInput(
                "the model has no state in its configuration; it knows no sequences".into(),
            ));
        }
        if sequence.id.len() > MAX_SEQUENCE_NAME_BYTES {
            return Err(InferenceError::InvalidInput(format!(
                "the name of the sequence has {} bytes, more than the limit of {MAX_SEQUENCE_NAME_BYTES}",
                sequence.id.len()
            )));
        }
        Ok(())
    }

    /// Takes the call into its sequence. What is too old is forgotten first.
    pub(super) fn enter(
        &self,
        caller: &Caller,
        sequence: &Sequence,
    ) -> Result<Place<'_>, InferenceError> {
        let key = (Arc::clone(&caller.tenant), sequence.id.clone());
        let mut kept = self.kept.lock();
        kept.retain(|_, kept| kept.is_used() || kept.used.lock().elapsed() <= self.idle);
        if !kept.contains_key(&key) {
            if !sequence.start {
                return Err(self.unknown(&sequence.id));
            }
            if kept.len() >= self.most {
                forget_one(&mut kept)?;
            }
        }
        let entry = kept.entry(key.clone()).or_insert_with(|| {
            Arc::new(Kept {
                states: tokio::sync::Mutex::default(),
                calls: AtomicUsize::new(0),
                used: Mutex::new(Instant::now()),
            })
        });
        if entry.calls.load(Ordering::Acquire) >= MAX_CALLS_OF_SEQUENCE {
            return Err(InferenceError::Overloaded {
                retry_after: Duration::from_secs(1),
            });
        }
        // Counted under the lock of the map, where alone it is decided what is forgotten.
        entry.calls.fetch_add(1, Ordering::AcqRel);
        Ok(Place {
            sequences: self,
            key,
            kept: Arc::clone(entry),
        })
    }

    fn unknown(&self, id: &str) -> InferenceError {
        InferenceError::InvalidInput(format!(
            "there is no sequence `{}`: it was not started, has ended, or was forgotten because it had no call for {} s, \
             others were used later, or the model was loaded anew; begin it with `sequence_start`",
            excerpt(id),
            self.idle.as_secs()
        ))
    }
}

impl Place<'_> {
    /// Waits for the calls of the sequence that came before; the states to begin with.
    pub(super) async fn turn(
        &self,
        caller: &Caller,
        sequence: &Sequence,
    ) -> Result<Turn<'_>, InferenceError> {
        let locked = self.kept.states.lock();
        let mut states = match caller.deadline {
            None => locked.await,
            Some(deadline) => tokio::time::timeout_at(deadline.into(), locked)
                .await
                .map_err(|_| InferenceError::Late)?,
        };
        if sequence.start {
            // Also where this call fails: what was before is over.
            *states = None;
        } else if states.is_none() {
            return Err(self.sequences.unknown(&sequence.id));
        }
        Ok(Turn {
            sequences: self.sequences,
            states,
        })
    }
}

/// A sequence is forgotten with the last call in it, if it has no states then.
impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut kept = self.sequences.kept.lock();
        *self.kept.used.lock() = Instant::now();
        let last = self.kept.calls.fetch_sub(1, Ordering::AcqRel) == 1;
        if last
            && self
                .kept
                .states
                .try_lock()
                .is_ok_and(|states| states.is_none())
        {
            kept.remove(&self.key);
        }
    }
}

/// The turn of a call in its sequence.
pub(super) struct Turn<'a> {
    sequences: &'a Sequences,
    states: MutexGuard<'a, Option<Vec<TensorData>>>,
}

impl Turn<'_> {
    /// The states as inputs.
    pub(super) fn inputs(&self) -> impl Iterator<Item = Tensor> {
        let data = self.states.as_ref().unwrap_or(&self.sequences.zeros);
        let tensor = |(state, data): (&StateConfig, &TensorData)| {
            Tensor::new(state.input.clone(), shape(state), data.clone())
        };
        self.sequences.states.iter().zip(data).map(tensor)
    }

    /// Keeps the states that the call has left, in the order of the configuration, for the next one; all of them or
    /// none.
    pub(super) fn keep(
        &mut self,
        left: Vec<Tensor>,
        sequence: &Sequence,
    ) -> Result<(), InferenceError> {
        for (state, tensor) in self.sequences.states.iter().zip(&left) {
            if tensor.shape != shape(state) {
                return Err(InferenceError::Run(format!(
                    "the state `{}` came back with the shape {:?}; it is configured with {:?}",
                    state.output, tensor.shape, state.shape
                )));
            }
            if !self.sequences.non_finite && tensor.data.first_non_finite().is_some() {
                return Err(InferenceError::Run(format!(
                    "the state `{}` came back with a value that is not a finite number",
                    state.output
                )));
            }
        }
        let data = left.into_iter().map(|tensor| tensor.data).collect();
        *self.states = (!sequence.end).then_some(data);
        Ok(())
    }
}

impl Kept {
    fn is_used(&self) -> bool {
        self.calls.load(Ordering::Acquire) > 0
    }
}

fn shape(state: &StateConfig) -> Vec<i64> {
    state.shape.iter().map(|&side| side.into()).collect()
}

/// Makes room: of the tenant that has the most sequences, the one that was not used the longest and that no call is in.
fn forget_one(kept: &mut HashMap<Key, Arc<Kept>>) -> Result<(), InferenceError> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (tenant, _) in kept.keys() {
        *counts.entry(tenant).or_default() += 1;
    }
    let oldest = kept
        .iter()
        .filter(|(_, kept)| !kept.is_used())
        .min_by_key(|((tenant, _), kept)| {
            let count = counts.get(&**tenant).copied().unwrap_or(0);
            (std::cmp::Reverse(count), *kept.used.lock())
        })
        .map(|(key, _)| key.clone());
    match oldest {
        Some(key) => {
            kept.remove(&key);
            Ok(())
        }
        None => Err(InferenceError::Overloaded {
            retry_after: Duration::from_secs(1),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::signature::Port;
    use super::super::tensor::ElementType;
    use super::*;
    use crate::config::Task;

    fn sequences(idle: Duration) -> Sequences {
        let signature = Signature {
            inputs: vec![Port::new("h", ElementType::F32, vec![-1])],
            outputs: vec![Port::new("hn", ElementType::F32, vec![-1])],
            ..Signature::default()
        };
        let config = ModelConfig {
            state: vec![StateConfig {
                input: "h".into(),
                output: "hn".into(),
                shape: vec![2],
            }],
            ..ModelConfig::new(Task::Tensors)
        };
        Sequences {
            idle,
            ..Sequences::new(&config, &signature)
        }
    }

    async fn step(sequences: &Sequences, sequence: &Sequence) -> Result<Vec<f32>, InferenceError> {
        let anna = Caller::interactive("anna");
        let place = sequences.enter(&anna, sequence)?;
        let mut turn = place.turn(&anna, sequence).await?;
        let TensorData::F32(before) = turn.inputs().next().unwrap().data else {
            panic!("not f32")
        };
        let after = before.iter().map(|number| number + 1.0).collect();
        let after = Tensor::new("hn", vec![2], TensorData::F32(after));
        turn.keep(vec![after], sequence)?;
        Ok(before)
    }

    fn sequence(start: bool) -> Sequence {
        Sequence {
            id: "甲".into(),
            start,
            end: false,
        }
    }

    #[tokio::test]
    async fn a_sequence_without_calls_is_forgotten() {
        let kept = sequences(Duration::from_secs(60));
        assert_eq!(step(&kept, &sequence(true)).await.unwrap(), [0.0, 0.0]);
        assert_eq!(step(&kept, &sequence(false)).await.unwrap(), [1.0, 1.0]);
        let forgotten = sequences(Duration::ZERO);
        step(&forgotten, &sequence(true)).await.unwrap();
        let error = step(&forgotten, &sequence(false)).await.unwrap_err();
        assert!(error.to_string().contains("no call for 0 s"), "{error}");
        assert!(forgotten.kept.lock().is_empty());
    }

    #[tokio::test]
    async fn what_is_in_use_is_not_forgotten() {
        let idle = sequences(Duration::ZERO);
        let anna = Caller::interactive("anna");
        let place = idle.enter(&anna, &sequence(true)).unwrap();
        let second = idle.enter(&anna, &sequence(false)).unwrap();
        assert_eq!(idle.kept.lock().len(), 1);
        drop((place, second));
        assert!(idle.kept.lock().is_empty());
    }

    #[tokio::test]
    async fn where_all_are_in_use_a_new_one_must_wait() {
        let narrow = Sequences {
            most: 1,
            ..sequences(Duration::from_secs(60))
        };
        let anna = Caller::interactive("anna");
        let place = narrow.enter(&anna, &sequence(true)).unwrap();
        let other = Sequence {
            id: "b".into(),
            ..sequence(true)
        };
        let refused = narrow.enter(&anna, &other).err().unwrap();
        assert!(
            matches!(refused, InferenceError::Overloaded { .. }),
            "{refused}"
        );
        drop(place);
        narrow.enter(&anna, &other).unwrap();
    }
}
