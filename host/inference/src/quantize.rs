//! A model's weights in another form, and what that form is beside the original.
//!
//! The texts that a quantization is tried with are parted: half of them choose (the ranges of activations, the layers
//! that stay as they were), the other half measure. What is reported was not chosen to please.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use steward_onnx::{Block, ChooseError, Goal, Options, Ranges, Report, choose_kept};
use steward_onnx::{calibration_points, with_calibration_outputs};

use crate::batch::Batch;
use crate::config::{ModelConfig, ModelFiles, Task};
use crate::error::InferenceError;
use crate::graph::Graph;
use crate::library::Runtime;
use crate::model::{check, probes};
use crate::reduce::Reduce;
use crate::tokenize::{Row, Tokenizer};

/// The fewest texts that say anything about a model.
pub const MIN_EVALUATION_TEXTS: usize = 16;
/// The most texts that a quantization is tried with.
pub const MAX_EVALUATION_TEXTS: usize = 2048;

/// How many texts are computed together.
const ROWS: usize = 8;
/// How often the speed is measured, by turns.
const ROUNDS: usize = 3;
/// How many quantized models are tried to reach a similarity.
const TRIALS: usize = 24;

/// Messages of customers in English and Chinese, to try a model with where there are no texts of its own.
const EVALUATION: &str = include_str!("evaluation.txt");

/// What weights become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Weights in 8 bits, activations in 8 bits over the range that each batch has. The fastest. What a text gives
    /// depends a little on those it is computed with.
    Int8,
    /// Weights in 8 bits, activations in 8 bits over ranges that are fixed when the variant is made. What a text gives
    /// does not depend on its company.
    Int8Static,
    /// Weights in 4 bits, in blocks of 32. The smallest.
    Int4,
    /// Weights and activations in 16-bit floating point, inputs and outputs in 32. For accelerators.
    Fp16,
}

impl Precision {
    /// Its name: `int8`, `int8-static`, `int4` or `fp16`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int8Static => "int8-static",
            Self::Int4 => "int4",
            Self::Fp16 => "fp16",
        }
    }
}

/// How a variant is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantization {
    /// What the weights become.
    pub to: Precision,
    /// The mean similarity to the original that must be reached, up to 1. As many layers stay in fp32 as that takes; where
    /// even that is not enough, there is no variant.
    pub min_similarity: Option<f64>,
    /// Texts like those that the model will see, [`MIN_EVALUATION_TEXTS`] to [`MAX_EVALUATION_TEXTS`]; none for 128
    /// messages of customers in English and Chinese.
    pub texts: Vec<String>,
}

/// What a variant is beside the original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantReport {
    /// What the weights became.
    pub precision: Precision,
    /// The size of the variant's ONNX file.
    pub bytes: u64,
    /// The size of the original ONNX file.
    pub original_bytes: u64,
    /// The size of the original with all weights in fp32, as it is computed.
    pub fp32_bytes: u64,
    /// How many texts it was measured with.
    pub texts: usize,
    /// Cosine between what the variant and what the original give.
    pub similarity: Similarity,
    /// The share of texts (of tokens, where tokens are labelled) to which both give the same label; of classifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_label: Option<f64>,
    /// How many times as many texts a second as the original, on one thread in batches of 8.
    pub speedup: f64,
    /// The layers that stayed as they were, and why.
    pub kept: Vec<KeptLayer>,
    /// How many layers there are.
    pub layers: usize,
    /// The share of the layers' numbers that are quantized.
    pub quantized: f64,
}

/// Cosine between what two models give for the same texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// Over all texts.
    pub mean: f64,
    /// Of the text where it is least.
    pub min: f64,
}

/// A layer that stayed as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLayer {
    /// Its name in the graph.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A variant that has been made and measured.
pub struct Quantized {
    /// The ONNX file.
    pub model: Vec<u8>,
    /// What it is.
    pub report: VariantReport,
}

/// Makes a variant and measures it. Takes a core for seconds to minutes.
pub(crate) fn quantize(
    runtime: &Runtime,
    files: &ModelFiles,
    config: &ModelConfig,
    wanted: &Quantization,
) -> Result<Quantized, InferenceError> {
    if let Some(similarity) = wanted.min_similarity
        && !(similarity > 0.0 && similarity <= 1.0)
    {
        return Err(InferenceError::InvalidInput(format!(
            "the similarity to reach is {similarity}; it must be above 0 and at most 1"
        )));
    }
    let texts = texts(&wanted.texts)?;
    let (trial, choosing, measuring) = Trial::new(runtime, files, config, &texts)?;
    let bytes = std::fs::read(&files.model).map_err(|error| unreadable(&files.model, &error))?;
    let parsed =
        steward_onnx::Model::parse(&bytes).map_err(|error| unreadable(&files.model, &error))?;
    let original = trial.open(&files.model)?;

    let options = match wanted.to {
        Precision::Int8 => Options::int8(),
        Precision::Int4 => Options::int4(Block::Of32),
        Precision::Fp16 => Options::fp16(),
        Precision::Int8Static => Options::int8_static(trial.ranges(&parsed, &choosing)?),
    };
    let (model, report) = match wanted.min_similarity {
        None => {
            let (model, report) = steward_onnx::quantize(&parsed, &options).map_err(refused)?;
            (model.encode(), report)
        }
        Some(similarity) => {
            let expected = outputs(&original, &choosing)?;
            let goal = Goal {
                similarity,
                max_evaluations: TRIALS,
            };
            let evaluate = |bytes: &[u8]| {
                let variant = trial.open_bytes(bytes)?;
                let similarities = compare(&expected, &outputs(&variant, &choosing)?);
                Ok::<_, InferenceError>(Similarity::of(&similarities).mean)
            };
            let progress = |trial: &steward_onnx::Trial| {
                let kept = trial.kept.len();
                tracing::info!(
                    trial = trial.number,
                    kept,
                    similarity = trial.similarity,
                    "tried a quantized model"
                );
            };
            let choice =
                choose_kept(&parsed, &options, goal, evaluate, progress).map_err(|error| {
                    match error {
                        ChooseError::Onnx(error) => refused(error),
                        ChooseError::Evaluate(error) => error,
                    }
                })?;
            if !choice.reached {
                return Err(InferenceError::InvalidInput(format!(
                    "no `{}` form of this model reaches a similarity of {similarity}; the best of {} has {:.4}",
                    wanted.to.as_str(),
                    choice.trials.len(),
                    choice.similarity
                )));
            }
            (choice.model.encode(), choice.report)
        }
    };
    let variant = trial.open_bytes(&model)?;
    let expected = outputs(&original, &measuring)?;
    let given = outputs(&variant, &measuring)?;
    let report = VariantReport {
        precision: wanted.to,
        bytes: model.len() as u64,
        original_bytes: bytes.len() as u64,
        fp32_bytes: report.bytes_fp32 as u64,
        texts: expected.len(),
        similarity: Similarity::of(&compare(&expected, &given)),
        same_label: (config.task != Task::Embed)
            .then(|| same_label(&expected, &given, config.labels.len())),
        speedup: speedup(&original, &variant, &measuring)?,
        kept: kept(&report),
        layers: report.layers.len(),
        quantized: report.parameters_quantized as f64 / report.parameters.max(1) as f64,
    };
    Ok(Quantized { model, report })
}

/// The texts that a variant is tried with: those that are given, or messages of customers.
pub(crate) fn texts(given: &[String]) -> Result<Vec<String>, InferenceError> {
    if given.is_empty() {
        return Ok(EVALUATION.lines().map(str::to_owned).collect());
    }
    let count = given.len();
    if !(MIN_EVALUATION_TEXTS..=MAX_EVALUATION_TEXTS).contains(&count) {
        return Err(InferenceError::InvalidInput(format!(
            "a variant is tried with {MIN_EVALUATION_TEXTS} to {MAX_EVALUATION_TEXTS} texts, not {count}"
        )));
    }
    check(given)?;
    Ok(given.to_vec())
}

/// Every other text chooses, the others measure. Batches are of texts of like length, as they are served.
fn parted(rows: Vec<Row>, padding: u32) -> (Vec<Batch>, Vec<Batch>) {
    let (mut choosing, mut measuring) = (Vec::new(), Vec::new());
    for (index, row) in rows.into_iter().enumerate() {
        // Pairs, since texts of two languages often take turns.
        if index / 2 % 2 == 0 {
            &mut choosing
        } else {
            &mut measuring
        }
        .push(row);
    }
    let batches = |mut rows: Vec<Row>| {
        rows.sort_by_key(|row| row.ids.len());
        let batch = |rows: &[Row]| Batch::of(&rows.iter().collect::<Vec<_>>(), padding);
        rows.chunks(ROWS).map(batch).collect()
    };
    (batches(choosing), batches(measuring))
}

/// What variants are tried in, and all texts to measure them with.
pub(crate) fn measuring_batches<'a>(
    runtime: &'a Runtime,
    files: &ModelFiles,
    config: &'a ModelConfig,
    texts: &[String],
) -> Result<(Trial<'a>, Vec<Batch>), InferenceError> {
    let (trial, mut batches, more) = Trial::new(runtime, files, config, texts)?;
    batches.extend(more);
    Ok((trial, batches))
}

/// What variants are tried in.
pub(crate) struct Trial<'a> {
    runtime: &'a Runtime,
    config: &'a ModelConfig,
    probes: Vec<Batch>,
    folder: tempfile::TempDir,
}

impl<'a> Trial<'a> {
    /// With the texts as batches: those that choose, and those that measure.
    fn new(
        runtime: &'a Runtime,
        files: &ModelFiles,
        config: &'a ModelConfig,
        texts: &[String],
    ) -> Result<(Self, Vec<Batch>, Vec<Batch>), InferenceError> {
        let path = files.tokenizer.as_deref().ok_or_else(|| {
            InferenceError::InvalidInput(
                "a model is tried with texts, and this one has no tokenizer".into(),
            )
        })?;
        let tokenizer = Tokenizer::open(path, config)?;
        let rows = texts
            .iter()
            .map(|text| tokenizer.beginning(text).map(|beginning| beginning.row))
            .collect::<Result<Vec<_>, _>>()?;
        let (choosing, measuring) = parted(rows, tokenizer.padding);
        let trial = Self {
            runtime,
            config,
            probes: probes(&tokenizer, config),
            folder: tempfile::tempdir().map_err(|error| InferenceError::Run(error.to_string()))?,
        };
        Ok((trial, choosing, measuring))
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Graph, InferenceError> {
        let (task, reduce) = (self.config.task, Reduce::of(self.config));
        Graph::open(self.runtime, path, task, reduce, &self.probes[..1])
            .map_err(|reason| unreadable(path, &reason))
    }

    fn write(&self, bytes: &[u8]) -> Result<std::path::PathBuf, InferenceError> {
        let path = self.folder.path().join("model.onnx");
        std::fs::write(&path, bytes).map_err(|error| unreadable(&path, &error))?;
        Ok(path)
    }

    pub(crate) fn open_bytes(&self, bytes: &[u8]) -> Result<Graph, InferenceError> {
        self.open(&self.write(bytes)?)
    }

    /// The range of each activation over these texts.
    fn ranges(
        &self,
        model: &steward_onnx::Model,
        batches: &[Batch],
    ) -> Result<Ranges, InferenceError> {
        let points = calibration_points(model).map_err(refused)?;
        let observed = with_calibration_outputs(model).map_err(refused)?;
        let graph = self.open_bytes(&observed.encode())?;
        let mut ranges = Ranges::default();
        for batch in batches {
            graph
                .outputs(batch, |name, numbers| {
                    if points.iter().any(|point| point == name) {
                        ranges.observe(name, numbers);
                    }
                })
                .map_err(InferenceError::Run)?;
        }
        Ok(ranges)
    }
}

pub(crate) fn outputs(graph: &Graph, batches: &[Batch]) -> Result<Vec<Vec<f32>>, InferenceError> {
    let mut all = Vec::new();
    for batch in batches {
        for row in graph.run(batch).map_err(InferenceError::Run)? {
            all.push(row.map_err(InferenceError::Run)?);
        }
    }
    Ok(all)
}

pub(crate) fn compare(expected: &[Vec<f32>], given: &[Vec<f32>]) -> Vec<f64> {
    expected
        .iter()
        .zip(given)
        .map(|(a, b)| cosine(a, b))
        .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    match (a == b, lengths > 0.0) {
        (true, _) => 1.0,
        (_, true) => dot(a, b) / lengths,
        _ => 0.0,
    }
}

impl Similarity {
    pub(crate) fn of(similarities: &[f64]) -> Self {
        Self {
            mean: similarities.iter().sum::<f64>() / similarities.len().max(1) as f64,
            min: similarities.iter().copied().fold(1.0, f64::min),
        }
    }
}

pub(crate) fn same_label(expected: &[Vec<f32>], given: &[Vec<f32>], labels: usize) -> f64 {
    let best = |logits: &[f32]| {
        logits
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map(|(index, _)| index)
    };
    let (mut same, mut all) = (0, 0);
    for (a, b) in expected.iter().zip(given) {
        for (a, b) in a.chunks(labels).zip(b.chunks(labels)) {
            same += usize::from(best(a) == best(b));
            all += 1;
        }
    }
    f64::from(same as u32) / f64::from(all.max(1) as u32)
}

/// The two take turns, so that a slow moment of the machine meets both; of each the fastest round counts.
pub(crate) fn speedup(
    original: &Graph,
    variant: &Graph,
    batches: &[Batch],
) -> Result<f64, InferenceError> {
    let (mut before, mut after) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        before = before.min(timed(original, batches)?);
        after = after.min(timed(variant, batches)?);
    }
    Ok(before.as_secs_f64() / after.as_secs_f64().max(1e-9))
}

fn timed(graph: &Graph, batches: &[Batch]) -> Result<Duration, InferenceError> {
    let start = Instant::now();
    for batch in batches {
        graph.run(batch).map_err(InferenceError::Run)?;
    }
    Ok(start.elapsed())
}

fn kept(report: &Report) -> Vec<KeptLayer> {
    let kept = report.kept().map(|(layer, reason)| KeptLayer {
        name: layer.name.clone(),
        reason: reason.to_owned(),
    });
    kept.collect()
}

pub(crate) fn unreadable(path: &Path, error: &impl ToString) -> InferenceError {
    InferenceError::ModelFile {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

pub(crate) fn refused(error: steward_onnx::OnnxError) -> InferenceError {
    InferenceError::InvalidInput(format!(
        "no such variant can be made of this model: {error}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_those_of_the_school_book() {
        assert!((cosine(&[1.0, 0.0], &[1.0, 1.0]) - 0.5f64.sqrt()).abs() < 1e-9);
        assert_eq!(cosine(&[0.0], &[0.0]), 1.0);
        assert_eq!(cosine(&[0.0], &[1.0]), 0.0);
        let similarity = Similarity::of(&[1.0, 0.5]);
        assert_eq!((similarity.mean, similarity.min), (0.75, 0.5));
    }

    #[test]
    fn labels_are_compared_where_they_are_given() {
        let expected = [vec![1.0, 2.0, 3.0, 0.0], vec![0.0, 1.0]];
        let given = [vec![0.0, 2.0, 0.0, 3.0], vec![0.5, 0.6]];
        assert!((same_label(&expected, &given, 2) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn texts_of_both_languages_choose_and_measure() {
        let lines: Vec<&str> = EVALUATION.lines().collect();
        assert!(lines.len() >= 4 * MIN_EVALUATION_TEXTS);
        let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for half in [0, 1] {
            let of_half = lines
                .iter()
                .enumerate()
                .filter(|(index, _)| index / 2 % 2 == half);
            let (zh, en): (Vec<_>, Vec<_>) = of_half.partition(|(_, text)| chinese(text));
            assert!(zh.len() >= 16 && en.len() >= 16);
        }
    }
}
