//! What a model takes and gives.

use std::collections::BTreeMap;

use ort::session::Session;
use ort::value::{Outlet, ValueType};

use super::tensor::ElementType;
use crate::config::ModelConfig;

/// The most bytes of what a file says about itself that are kept.
const MAX_METADATA_BYTES: usize = 256 << 10;
/// The most inputs and the most outputs of a model.
const MAX_PORTS: usize = 4096;

/// What a model takes and gives as tensors.
///
/// A model of the task `tensors` has what its file declares. One that reads text takes texts and gives what its task
/// is, whatever its file takes and gives; see [`Model::signature`](crate::Model::signature).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// The inputs, all of them needed.
    pub inputs: Vec<Port>,
    /// The outputs.
    pub outputs: Vec<Port>,
    /// What the file says about itself, by name: some models keep their dictionary there.
    pub metadata: BTreeMap<String, String>,
}

/// An input or an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub element: ElementType,
    /// The size of each side; -1 is one of any size.
    pub shape: Vec<i64>,
}

impl Port {
    pub(crate) fn new(name: &str, element: ElementType, shape: Vec<i64>) -> Self {
        Self {
            name: name.to_owned(),
            element,
            shape,
        }
    }
}

impl Signature {
    /// The input of this name.
    pub fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|port| port.name == name)
    }

    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == name)
    }

    /// Reads what the file declares. Every input must be one that a caller can send; outputs that nobody can be sent
    /// are left out.
    pub(super) fn of(session: &Session) -> Result<Self, String> {
        if session.inputs().len() > MAX_PORTS || session.outputs().len() > MAX_PORTS {
            return Err(format!(
                "the model has more than {MAX_PORTS} inputs or outputs"
            ));
        }
        let input = |outlet: &Outlet| {
            port(outlet).ok_or_else(|| {
                format!(
                    "the model wants an input `{}` of {}; tensors of numbers, truth values and texts can be sent",
                    outlet.name(),
                    outlet.dtype()
                )
            })
        };
        let inputs = session
            .inputs()
            .iter()
            .map(input)
            .collect::<Result<_, _>>()?;
        let outputs: Vec<Port> = session.outputs().iter().filter_map(port).collect();
        if outputs.is_empty() {
            return Err(
                "the model has no output that is a tensor of numbers, truth values or texts".into(),
            );
        }
        Ok(Self {
            inputs,
            outputs,
            metadata: metadata(session),
        })
    }

    /// Whether the states and the labels that the configuration names are those of the model.
    pub(super) fn check(&self, config: &ModelConfig) -> Result<(), String> {
        let labels = config.labels.len() as i64;
        let labelled = |port: &Port| {
            port.shape
                .last()
                .is_some_and(|&side| side < 0 || side == labels)
        };
        if labels > 0 && !self.outputs.iter().any(labelled) {
            return Err(format!(
                "{labels} labels are listed, and no output has a last side of {labels}"
            ));
        }
        for state in &config.state {
            let find = |port: Option<&Port>, kind: &str, name: &str| {
                port.cloned().ok_or_else(|| {
                    format!("`state` names the {kind} `{name}`, which the model does not have")
                })
            };
            let input = find(self.input(&state.input), "input", &state.input)?;
            let output = find(self.output(&state.output), "output", &state.output)?;
            if input.element != output.element || input.element == ElementType::String {
                return Err(format!(
                    "the state `{}` is {} and comes back as {}; it must be of one type, and of numbers",
                    state.input, input.element, output.element
                ));
            }
            let shape: Vec<i64> = state.shape.iter().map(|&side| side.into()).collect();
            for port in [&input, &output] {
                if !fits(&shape, &port.shape) {
                    return Err(format!(
                        "the state `{}` is configured with the shape {shape:?}; the model has {:?} for `{}`",
                        state.input, port.shape, port.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether a shape is one that was declared, of which -1 stands for any side.
pub(super) fn fits(shape: &[i64], declared: &[i64]) -> bool {
    shape.len() == declared.len()
        && shape
            .iter()
            .zip(declared)
            .all(|(side, declared)| *declared < 0 || side == declared)
}

fn port(outlet: &Outlet) -> Option<Port> {
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return None;
    };
    Some(Port::new(
        outlet.name(),
        ElementType::of(*ty)?,
        shape.to_vec(),
    ))
}

/// What the file says about itself. What cannot be read, or is too much, is left out: nothing depends on it.
fn metadata(session: &Session) -> BTreeMap<String, String> {
    let mut left = MAX_METADATA_BYTES;
    let mut kept = BTreeMap::new();
    let Ok(metadata) = session.metadata() else {
        return kept;
    };
    for key in metadata.custom_keys().unwrap_or_default() {
        let Some(value) = metadata.custom(&key) else {
            continue;
        };
        if let Some(rest) = left.checked_sub(key.len() + value.len()) {
            left = rest;
            kept.insert(key, value);
        }
    }
    kept
}
