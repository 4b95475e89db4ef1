//! Calls of models that take and give tensors.

use super::check;
use super::graph::names;
use super::runner::{Job, Tensors};
use super::sequence::Sequence;
use super::tensor::Tensor;
use crate::error::InferenceError;
use crate::model::Model;
use crate::queue::Caller;

/// The most bytes of all inputs of one call together.
pub const MAX_INPUT_BYTES: usize = 128 << 20;
/// The most bytes of all outputs of one call together.
pub const MAX_OUTPUT_BYTES: usize = 128 << 20;

impl Model {
    /// Runs a model of the task `tensors`: its outputs of these names in their order, or without names all of them.
    ///
    /// The inputs are held against [`Model::signature`] first: names, types, shapes, numbers of elements, and that all
    /// numbers are finite ([`allow_non_finite`](crate::ModelConfig::allow_non_finite)). Calls are computed one by one,
    /// in the order that is fair among tenants. A call whose future is dropped leaves the queue.
    pub async fn infer(
        &self,
        inputs: Vec<Tensor>,
        outputs: Option<&[String]>,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let tensors = self.tensors()?;
        let non_finite = self.config().allow_non_finite;
        check::inputs(&tensors.signature, &inputs, &[], non_finite)?;
        let outputs = names(&check::outputs(&tensors.signature, outputs, &[])?);
        tensors
            .compute(self.caller(), Job { inputs, outputs })
            .await
    }

    /// As [`Model::infer`], with the [`state`](crate::ModelConfig::state) inputs filled in from where the call of the
    /// same sequence before this one left them, in the order in which the calls came.
    ///
    /// State inputs must be left out, and state outputs are answered only where they are named. A call that fails, or
    /// whose future is dropped before it ends, leaves the states as they were. The states are in the memory of this
    /// loaded model alone: who is told that there is no such sequence begins anew.
    pub async fn infer_in_sequence(
        &self,
        sequence: &Sequence,
        inputs: Vec<Tensor>,
        outputs: Option<&[String]>,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let tensors = self.tensors()?;
        tensors.sequences.check(sequence)?;
        let states = &tensors.sequences.states;
        let taken: Vec<&str> = states.iter().map(|state| state.input.as_str()).collect();
        let left: Vec<&str> = states.iter().map(|state| state.output.as_str()).collect();
        let non_finite = self.config().allow_non_finite;
        check::inputs(&tensors.signature, &inputs, &taken, non_finite)?;
        let wanted = names(&check::outputs(&tensors.signature, outputs, &left)?);
        in_sequence(tensors, self.caller(), sequence, inputs, wanted).await
    }
}

async fn in_sequence(
    tensors: &Tensors,
    caller: &Caller,
    sequence: &Sequence,
    mut inputs: Vec<Tensor>,
    wanted: Vec<String>,
) -> Result<Vec<Tensor>, InferenceError> {
    let place = tensors.sequences.enter(caller, sequence)?;
    let mut turn = place.turn(caller, sequence).await?;
    inputs.extend(turn.inputs());
    // ONNX Runtime computes an output once, so that each is asked for once.
    let mut outputs = wanted.clone();
    for state in &tensors.sequences.states {
        if !outputs.contains(&state.output) {
            outputs.push(state.output.clone());
        }
    }
    let mut answer = tensors.compute(caller, Job { inputs, outputs }).await?;
    let left = tensors
        .sequences
        .states
        .iter()
        .filter_map(|state| answer.iter().find(|tensor| tensor.name == state.output))
        .cloned()
        .collect();
    turn.keep(left, sequence)?;
    answer.truncate(wanted.len());
    Ok(answer)
}
