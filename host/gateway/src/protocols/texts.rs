//! Models that read text, as tensors.

use std::sync::Arc;

use bytes::Bytes;
use steward_inference::Task;
use steward_models::{Answered, OpenModel};
use steward_protocols::{Error, InferRequest, Output, Parameter, Parameters, Tensor};

use super::Answer;
use super::failure::failed;

/// The name of a model's input, and of the second of one that scores pairs.
const TEXT: &str = "text";
const PAIR: &str = "text_pair";
/// Of how many texts only the beginning was read.
const TRUNCATED: &str = "truncated";

/// Runs the model: its output, and what there is to say beside it.
pub(super) async fn infer(
    model: &OpenModel,
    request: &InferRequest,
) -> Result<Answered<Answer>, Error> {
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
    let Answered {
        value: (output, truncated),
        by,
    } = match model.config().task {
        Task::ScorePairs => pairs(model, texts, self::texts(request.input(PAIR)?)?).await?,
        _ => answer(model, &texts).await?,
    };
    let mut parameters = Parameters::new();
    if truncated > 0 {
        parameters.insert(TRUNCATED.into(), Parameter::from(truncated as u64));
    }
    Ok(Answered {
        value: Answer {
            outputs: vec![output],
            parameters,
        },
        by,
    })
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
fn shape(model: &OpenModel, rows: usize) -> Result<(String, Vec<i64>), Error> {
    let output = model.signature().outputs.first().cloned();
    let port = output.ok_or_else(|| Error::internal("the model has no output"))?;
    let mut shape = port.shape;
    if let Some(first) = shape.first_mut() {
        *first = i64::try_from(rows).unwrap_or(i64::MAX);
    }
    Ok((port.name, shape))
}

async fn answer(model: &OpenModel, texts: &[String]) -> Result<Answered<(Output, usize)>, Error> {
    let (name, shape) = shape(model, texts.len())?;
    match model.config().task {
        Task::Embed => {
            let answered = model.embed_counted(texts).await.map_err(failed)?;
            let tensor = Tensor::new(name, shape, answered.value.vectors.concat())?;
            Ok(Answered {
                value: (tensor.into(), answered.value.truncated),
                by: answered.by,
            })
        }
        Task::Classify => {
            let answered = model.classify_counted(texts, None).await.map_err(failed)?;
            let found = answered.value;
            let labels = &model.config().labels;
            let mut scores = Vec::with_capacity(texts.len() * labels.len());
            for ranked in found.labels {
                in_order(labels, &ranked, &mut scores);
            }
            let output = Output {
                tensor: Tensor::new(name, shape, scores)?,
                labels: labels.as_slice().into(),
            };
            Ok(Answered {
                value: (output, found.truncated),
                by: answered.by,
            })
        }
        _ => {
            let answered = model.classify_tokens(texts).await.map_err(failed)?;
            let json = |entities| serde_json::to_vec(entities).map(Bytes::from);
            let rows: Result<Vec<Bytes>, _> = answered.value.iter().map(json).collect();
            let rows = rows.map_err(|error| Error::internal(error.to_string()))?;
            Ok(Answered {
                value: (Tensor::new(name, shape, rows)?.into(), 0),
                by: answered.by,
            })
        }
    }
}

async fn pairs(
    model: &OpenModel,
    first: Vec<String>,
    second: Vec<String>,
) -> Result<Answered<(Output, usize)>, Error> {
    if first.len() != second.len() {
        return Err(Error::invalid(format!(
            "`{TEXT}` has {} elements and `{PAIR}` {}; a pair has one of each",
            first.len(),
            second.len()
        )));
    }
    let pairs: Vec<(String, String)> = first.into_iter().zip(second).collect();
    let (name, shape) = shape(model, pairs.len())?;
    let answered = model.score_pairs(&pairs).await.map_err(failed)?;
    let found = answered.value;
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
    Ok(Answered {
        value: (output, found.truncated),
        by: answered.by,
    })
}

/// The scores in the order of the labels.
fn in_order(labels: &[String], ranked: &[steward_inference::LabelScore], scores: &mut Vec<f32>) {
    for label in labels {
        let score = ranked.iter().find(|scored| scored.label == *label);
        scores.push(score.map_or(0.0, |scored| scored.score));
    }
}
