//! One ONNX graph of any kind, and one run of it.

use std::borrow::Cow;
use std::path::Path;

use ort::session::{OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::ValueType;

use super::infer::MAX_OUTPUT_BYTES;
use super::signature::{Port, Signature};
use super::tensor::{ElementType, Tensor, TensorData, elements};
use crate::graph::{build, check_file, guarded};
use crate::library::Runtime;

pub(super) struct Graph {
    session: Session,
}

impl Graph {
    pub(super) fn open(
        runtime: &Runtime,
        path: &Path,
        threads: usize,
    ) -> Result<(Self, Signature), String> {
        check_file(path)?;
        let session = build(runtime, path, threads).map_err(|error| {
            format!(
                "not an ONNX model that ONNX Runtime can load: {}",
                error.message()
            )
        })?;
        let signature = Signature::of(&session)?;
        Ok((Self { session }, signature))
    }

    /// Computes the outputs of these names, in their order.
    pub(super) fn run(
        &mut self,
        inputs: Vec<Tensor>,
        outputs: &[String],
    ) -> Result<Vec<Tensor>, String> {
        guarded(|| {
            let mut values: Vec<(Cow<'_, str>, SessionInputValue<'static>)> =
                Vec::with_capacity(inputs.len());
            for Tensor { name, shape, data } in inputs {
                values.push((name.into(), data.into_value(shape)?));
            }
            let selected = outputs
                .iter()
                .fold(OutputSelector::no_default(), |selected, name| {
                    selected.with(name)
                });
            let options = RunOptions::new()?.with_outputs(selected);
            let given = self.session.run_with_options(values, &options)?;
            let mut left = MAX_OUTPUT_BYTES;
            let mut answer = Vec::with_capacity(outputs.len());
            for name in outputs {
                let value = given
                    .get(name)
                    .ok_or_else(|| ort::Error::new(format!("the output `{name}` is missing")))?;
                let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
                    return Err(ort::Error::new(format!(
                        "the output `{name}` is {}",
                        value.dtype()
                    )));
                };
                let kind = ElementType::of(*ty)
                    .ok_or_else(|| ort::Error::new(format!("the output `{name}` is {ty}")))?;
                let size = elements(shape).and_then(|count| {
                    count.checked_mul(kind.size().unwrap_or(size_of::<String>()))
                });
                let take = |left: usize, size: Option<usize>| {
                    size.and_then(|size| left.checked_sub(size)).ok_or_else(|| {
                        ort::Error::new(format!(
                            "the outputs have more bytes than the limit of {MAX_OUTPUT_BYTES} for one call"
                        ))
                    })
                };
                let after = take(left, size)?;
                let shape = shape.to_vec();
                let data = TensorData::from_value(kind, value)?;
                left = take(left, Some(data.bytes())).map(|exact| exact.min(after))?;
                answer.push(Tensor::new(name, shape, data));
            }
            Ok(answer)
        })
    }
}

/// The names of ports.
pub(super) fn names(ports: &[&Port]) -> Vec<String> {
    ports.iter().map(|port| port.name.clone()).collect()
}
