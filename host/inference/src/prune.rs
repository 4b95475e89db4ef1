//! A model whose smallest weights are zero, and what it is beside the original.
//!
//! ONNX Runtime computes zeros as it does other numbers: a pruned model is not faster. What is saved is what the file
//! takes where it is compressed, and what a quantization of it keeps.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use steward_onnx::PruneScope;

use crate::config::{ModelConfig, ModelFiles, Task};
use crate::error::InferenceError;
use crate::library::Runtime;
use crate::quantize::{
    Similarity, compare, measuring_batches, outputs, refused, same_label, speedup, texts,
    unreadable,
};

/// How a model is to be pruned.
#[derive(Debug, Clone, PartialEq)]
pub struct Pruning {
    /// The share of the weights that becomes zero, those of least magnitude; below 1.
    pub sparsity: f32,
    /// Whether the share holds for the model as a whole, so that layers with small weights lose more, and not for each
    /// layer by itself.
    pub global: bool,
    /// As for a [`Quantization`](crate::Quantization).
    pub texts: Vec<String>,
}

/// What a pruned model is beside the original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PruningReport {
    /// The share of the weights that was asked to be zero.
    pub sparsity: f32,
    /// Whether the share holds for the model as a whole.
    pub global: bool,
    /// How many weights there are in the layers that multiply.
    pub parameters: usize,
    /// How many of them are zero.
    pub zeros: usize,
    /// How many of them were zero before.
    pub zeros_before: usize,
    /// The size of the variant's ONNX file.
    pub bytes: u64,
    /// The size of the original ONNX file.
    pub original_bytes: u64,
    /// The size of the variant's file, compressed (DEFLATE, RFC 1951).
    pub compressed_bytes: u64,
    /// The size of the original's file with its weights in fp32, compressed.
    pub original_compressed_bytes: u64,
    /// How many texts it was measured with.
    pub texts: usize,
    /// Cosine between what the variant and what the original give.
    pub similarity: Similarity,
    /// The share of texts (of tokens, where tokens are labelled) to which both give the same label; of classifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_label: Option<f64>,
    /// How many times as many texts a second as the original, on one thread in batches of 8.
    pub speedup: f64,
    /// The layers, and how much of each became zero.
    pub layers: Vec<PrunedLayer>,
}

/// What became of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrunedLayer {
    /// Its name in the graph.
    pub name: String,
    /// How many weights it has.
    pub parameters: usize,
    /// How many of them are zero.
    pub zeros: usize,
}

/// A model that has been pruned and measured.
pub struct Pruned {
    /// The ONNX file.
    pub model: Vec<u8>,
    /// What it is.
    pub report: PruningReport,
}

/// Prunes a model and measures it. Takes a core for seconds.
pub(crate) fn prune(
    runtime: &Runtime,
    files: &ModelFiles,
    config: &ModelConfig,
    wanted: &Pruning,
) -> Result<Pruned, InferenceError> {
    let texts = texts(&wanted.texts)?;
    let (trial, batches) = measuring_batches(runtime, files, config, &texts)?;
    let bytes = std::fs::read(&files.model).map_err(|error| unreadable(&files.model, &error))?;
    let parsed =
        steward_onnx::Model::parse(&bytes).map_err(|error| unreadable(&files.model, &error))?;
    let scope = match wanted.global {
        true => PruneScope::Global,
        false => PruneScope::Layer,
    };
    // The same graph with every weight as it is: what the zeros alone save.
    let (whole, _) = steward_onnx::prune(&parsed, 0.0, scope).map_err(refused)?;
    let original_compressed_bytes = compressed(&whole.encode())?;
    drop(whole);
    let (pruned, report) = steward_onnx::prune(&parsed, wanted.sparsity, scope).map_err(refused)?;
    let model = pruned.encode();

    let original = trial.open(&files.model)?;
    let variant = trial.open_bytes(&model)?;
    let (expected, given) = (outputs(&original, &batches)?, outputs(&variant, &batches)?);
    let labelled = config.task != Task::Embed;
    let report = PruningReport {
        sparsity: wanted.sparsity,
        global: wanted.global,
        parameters: report.parameters,
        zeros: report.zeros_after,
        zeros_before: report.zeros_before,
        bytes: model.len() as u64,
        original_bytes: bytes.len() as u64,
        compressed_bytes: compressed(&model)?,
        original_compressed_bytes,
        texts: expected.len(),
        similarity: Similarity::of(&compare(&expected, &given)),
        same_label: labelled.then(|| same_label(&expected, &given, config.labels.len())),
        speedup: speedup(&original, &variant, &batches)?,
        layers: report.layers.into_iter().map(PrunedLayer::of).collect(),
    };
    Ok(Pruned { model, report })
}

impl PrunedLayer {
    fn of(layer: steward_onnx::PrunedLayer) -> Self {
        Self {
            name: layer.layer.name,
            parameters: layer.layer.parameters,
            zeros: layer.zeros_after,
        }
    }
}

/// Counts what it is given.
struct Count(u64);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn compressed(bytes: &[u8]) -> Result<u64, InferenceError> {
    let mut encoder = DeflateEncoder::new(Count(0), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    let count = written.map_err(|error| InferenceError::Run(error.to_string()))?;
    Ok(count.0)
}
