//! What a model takes and gives, and how it is served.

use std::collections::BTreeMap;

use steward_inference::{ElementType, Port, Signature, Task};
use steward_models::OpenModel;
use steward_protocols::{
    DataType, DynamicBatching, ModelConfig, ModelMetadata, TensorConfig, TensorMetadata,
};

/// What the protocol calls a model that ONNX Runtime runs.
const PLATFORM: &str = "onnxruntime_onnx";

pub(super) fn metadata(name: &str, version: String, signature: &Signature) -> ModelMetadata {
    let tensor = |port: &Port| TensorMetadata {
        name: port.name.clone(),
        datatype: datatype(port.element),
        shape: port.shape.clone(),
    };
    ModelMetadata {
        name: name.to_owned(),
        versions: vec![version],
        platform: PLATFORM.into(),
        inputs: signature.inputs.iter().map(tensor).collect(),
        outputs: signature.outputs.iter().map(tensor).collect(),
    }
}

pub(super) fn config(name: &str, model: &OpenModel) -> ModelConfig {
    let (signature, config) = (model.signature(), model.config());
    let state = |port: &Port| config.state.iter().any(|state| state.input == port.name);
    let tensor = |port: &Port, optional: bool| TensorConfig {
        name: port.name.clone(),
        datatype: datatype(port.element),
        dims: port.shape.clone(),
        optional,
        label_filename: String::new(),
    };
    let mut parameters = BTreeMap::from([("task".to_owned(), config.task.to_string())]);
    let batching = config.task.reads_text().then(|| {
        parameters.insert("max_tokens".into(), config.max_tokens.to_string());
        DynamicBatching {
            preferred_batch_size: Vec::new(),
            max_queue_delay_microseconds: u64::from(config.max_delay_ms) * 1000,
        }
    });
    if config.task == Task::Tensors && !config.state.is_empty() {
        parameters.insert("sequence_idle_s".into(), config.sequence_idle_s.to_string());
    }
    for (key, value) in &signature.metadata {
        parameters.insert(format!("metadata.{key}"), value.clone());
    }
    ModelConfig {
        name: name.to_owned(),
        platform: PLATFORM.into(),
        backend: "onnxruntime".into(),
        // The dimension of rows is part of the shapes.
        max_batch_size: 0,
        // The host can keep a state itself.
        inputs: signature
            .inputs
            .iter()
            .map(|port| tensor(port, state(port)))
            .collect(),
        outputs: signature
            .outputs
            .iter()
            .map(|port| tensor(port, false))
            .collect(),
        dynamic_batching: batching,
        parameters,
    }
}

fn datatype(element: ElementType) -> DataType {
    match element {
        ElementType::F16 => DataType::Fp16,
        ElementType::Bf16 => DataType::Bf16,
        ElementType::F32 => DataType::Fp32,
        ElementType::F64 => DataType::Fp64,
        ElementType::I8 => DataType::Int8,
        ElementType::I16 => DataType::Int16,
        ElementType::I32 => DataType::Int32,
        ElementType::I64 => DataType::Int64,
        ElementType::U8 => DataType::Uint8,
        ElementType::U16 => DataType::Uint16,
        ElementType::U32 => DataType::Uint32,
        ElementType::U64 => DataType::Uint64,
        ElementType::Bool => DataType::Bool,
        ElementType::String => DataType::Bytes,
    }
}
