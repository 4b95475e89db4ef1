//! One ONNX graph of any kind, and one run of it.

use std::path::Path;
use std::sync::{Arc, Weak};

use ort::value::{DynValue, ValueType};

use super::infer::MAX_OUTPUT_BYTES;
use super::signature::{Port, Signature};
use super::tensor::{ElementType, Tensor, TensorData, elements};
use crate::graph::{build, check_file, guarded};
use crate::library::Runtime;
use crate::shared::SharedSession;

/// A graph that is loaded. Several threads may run it at a time.
pub(super) struct Graph {
    session: Arc<SharedSession>,
}

impl Graph {
    pub(super) fn open(runtime: &Runtime, path: &Path) -> Result<(Self, Signature), String> {
        check_file(path)?;
        let session = build(runtime, path).map_err(|error| {
            format!(
                "not an ONNX model that ONNX Runtime can load: {}",
                error.message()
            )
        })?;
        let signature = Signature::of(&session)?;
        let session = Arc::new(SharedSession::new(session)?);
        Ok((Self { session }, signature))
    }

    /// What holds the memory of the graph.
    pub(super) fn held(&self) -> Weak<SharedSession> {
        Arc::downgrade(&self.session)
    }

    /// Computes the outputs of these names, in their order.
    pub(super) fn run(
        &self,
        inputs: Vec<Tensor>,
        outputs: &[String],
    ) -> Result<Vec<Tensor>, String> {
        guarded(|| {
            let unknown = |name: &str| ort::Error::new(format!("the model has no `{name}`"));
            let mut values: Vec<(usize, DynValue)> = Vec::with_capacity(inputs.len());
            for Tensor { name, shape, data } in inputs {
                let place = self.session.input(&name).ok_or_else(|| unknown(&name))?;
                values.push((place, data.into_value(shape)?));
            }
            let place = |name: &String| self.session.output(name).ok_or_else(|| unknown(name));
            let places = outputs.iter().map(place).collect::<ort::Result<Vec<_>>>()?;
            let given = self.session.run(&values, &places)?;
            let mut left = MAX_OUTPUT_BYTES;
            let mut answer = Vec::with_capacity(outputs.len());
            for (name, value) in outputs.iter().zip(given.values()) {
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
