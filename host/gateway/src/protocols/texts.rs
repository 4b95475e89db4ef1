//! Models that read text, as tensors.

use std::sync::Arc;

use bytes::Bytes;
use steward_inference::{Model, Task};
use steward_protocols::{Error, InferRequest, Output, Parameter, Parameters, Tensor};

use super::failure::refused;

/// The name of a model's input, and of the second of one that scores pairs.
const TEXT: &str = "text";
const PAIR: &str = "text_pair";
/// Of how many texts only the beginning was read.
const TRUNCATED: &str = "truncated";

/// Runs the model: its output, and what there is to say beside it.
pub(super) async fn infer(
    model: &Model,
    request: &InferRequest,
) -> Result<(Vec<Output>, Parameters), Error> {
    let known: &[&str] = match model.config().task {
        Task::ScorePairs => &[TEXT, PAIR],
        _ => &[TEXT],
    };
    if let Some(other) = request
        .inputs
        .iter()
        .find(|input| !known.contains(&input.name()))
    {
        let inputs = match known {
            [_] => format!("its input is `{TEXT}`"),
            _ => format!("its inputs are `{TEXT}` and `{PAIR}`"),
        };
        return Err(Error::invalid(format!(
            "the model has no input `{}`; {inputs}",
            other.name().chars().take(80).collect::<String>()
        )));
    }
    let texts = texts(request.input(TEXT)?)?;
    let (output, truncated) = match model.config().task {
        Task::ScorePairs => pairs(model, texts, self::texts(request.input(PAIR)?)?).await?,
        _ => answer(model, &texts).await?,
    };
    let mut parameters = Parameters::new();
    if truncated > 0 {
        parameters.insert(TRUNCATED.into(), Parameter::from(truncated as u64));
    }
    Ok((vec![output], parameters))
}

/// The texts of an input of the shape `[n]` or `[n, 1]`.
fn texts(input: &Tensor) -> Result<Vec<String>, Error> {
    let name = input.name();
    if !matches!(input.shape(), [_] | [_, 1]) {
        return Err(Error::invalid(format!(
            "the input `{name}` has the shape {:?}; it must be [n], or [n, 1]",
            input.shape()
        )));
    }
    let text = |(index, bytes): (usize, &Bytes)| {
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned).map_err(|_| {
            Error::invalid(format!(
                "element {index} of the input `{name}` is not UTF-8"
            ))
        })
    };
    input
        .values::<Bytes>()?
        .iter()
        .enumerate()
        .map(text)
        .collect()
}

/// A name and a shape for the output of so many rows.
fn shape(model: &Model, rows: usize) -> Result<(String, Vec<i64>), Error> {
    let output = model.signature().outputs.first().cloned();
    let port = output.ok_or_else(|| Error::internal("the model has no output"))?;
    let mut shape = port.shape;
    if let Some(first) = shape.first_mut() {
        *first = i64::try_from(rows).unwrap_or(i64::MAX);
    }
    Ok((port.name, shape))
}

async fn answer(model: &Model, texts: &[String]) -> Result<(Output, usize), Error> {
    let (name, shape) = shape(model, texts.len())?;
    match model.config().task {
        Task::Embed => {
            let found = model.embed_counted(texts).await.map_err(refused)?;
            let tensor = Tensor::new(name, shape, found.vectors.concat())?;
            Ok((tensor.into(), found.truncated))
        }
        Task::Classify => {
            let found = model.classify_counted(texts, None).await.map_err(refused)?;
            let labels = &model.config().labels;
            let mut scores = Vec::with_capacity(texts.len() * labels.len());
            for ranked in found.labels {
                in_order(labels, &ranked, &mut scores);
            }
            let output = Output {
                tensor: Tensor::new(name, shape, scores)?,
                labels: labels.as_slice().into(),
            };
            Ok((output, found.truncated))
        }
        _ => {
            let found = model.classify_tokens(texts).await.map_err(refused)?;
            let json = |entities| serde_json::to_vec(entities).map(Bytes::from);
            let rows: Result<Vec<Bytes>, _> = found.iter().map(json).collect();
            let rows = rows.map_err(|error| Error::internal(error.to_string()))?;
            Ok((Tensor::new(name, shape, rows)?.into(), 0))
        }
    }
}

async fn pairs(
    model: &Model,
    first: Vec<String>,
    second: Vec<String>,
) -> Result<(Output, usize), Error> {
    if first.len() != second.len() {
        return Err(Error::invalid(format!(
            "`{TEXT}` has {} elements and `{PAIR}` {}; a pair has one of each",
            first.len(),
            second.len()
        )));
    }
    let pairs: Vec<(String, String)> = first.into_iter().zip(second).collect();
    let (name, shape) = shape(model, pairs.len())?;
    let found = model.score_pairs_counted(&pairs).await.map_err(refused)?;
    let labels = &model.config().labels;
    let mut scores = Vec::new();
    for pair in &found.scores {
        match labels.as_slice() {
            [] => scores.push(pair.score),
            labels => in_order(labels, &pair.labels, &mut scores),
        }
    }
    let output = Output {
        tensor: Tensor::new(name, shape, scores)?,
        labels: Arc::from(labels.as_slice()),
    };
    Ok((output, found.truncated))
}

/// The scores in the order of the labels.
fn in_order(labels: &[String], ranked: &[steward_inference::LabelScore], scores: &mut Vec<f32>) {
    for label in labels {
        let score = ranked.iter().find(|scored| scored.label == *label);
        scores.push(score.map_or(0.0, |scored| scored.score));
    }
}
