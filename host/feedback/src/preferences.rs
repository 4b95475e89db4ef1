//! Preference rows in the formats of TRL (<https://huggingface.co/docs/trl/dataset_formats>), from what people said about
//! answers of a model.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::FeedbackError;
use crate::error::{at_most, shown};

/// The most judged answers of one call.
pub const MAX_JUDGED: usize = 100_000;
/// Of the answers to one prompt at most so many make pairs: pairs grow with their square.
const MAX_ANSWERS_OF_A_PROMPT: usize = 100;

/// An answer of a model and what somebody thought of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What the model was asked.
    pub prompt: String,
    /// What it answered.
    pub completion: String,
    /// How good that is; higher is better.
    pub rating: Option<f64>,
    /// Thumbs up or down.
    pub liked: Option<bool>,
    /// What it should have answered.
    pub correction: Option<String>,
}

/// A format of TRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `prompt`, `chosen`, `rejected`, as texts.
    Standard,
    /// The same, as lists of messages.
    Conversational,
    /// `prompt`, `completion`, `label`, for KTO.
    Unpaired,
}

/// The rows, in the order in which their prompts come first.
///
/// Pairs: of answers to one prompt, each that was rated higher (or liked) is chosen over each that was rated lower (or
/// disliked); a correction is chosen over what it corrects. Unpaired: what was liked is good and what was disliked is not;
/// a correction is good and what it corrects is not; a rating alone says neither. Rows that say the same twice stand once.
///
/// # Errors
/// Too many answers, or a rating that is no number.
pub fn rows(judged: &[Judged], format: Format) -> Result<Vec<Value>, FeedbackError> {
    at_most("judged answers", judged.len(), MAX_JUDGED)?;
    if let Some(wrong) = judged
        .iter()
        .find(|j| j.rating.is_some_and(|r| !r.is_finite()))
    {
        return Err(FeedbackError::Invalid(format!(
            "the rating of the answer to `{}` is no number",
            shown(&wrong.prompt)
        )));
    }
    let mut order = Vec::new();
    let mut by_prompt: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for one in judged {
        let of_prompt = by_prompt.entry(&one.prompt).or_default();
        if of_prompt.is_empty() {
            order.push(one.prompt.as_str());
        }
        of_prompt.push(one);
    }
    let mut rows = Vec::new();
    for prompt in order {
        let answers = by_prompt.remove(prompt).unwrap_or_default();
        at_most(
            "answers to one prompt",
            answers.len(),
            MAX_ANSWERS_OF_A_PROMPT,
        )?;
        let found: Vec<Value> = match format {
            Format::Unpaired => labels(&answers)
                .into_iter()
                .map(|(completion, label)| json!({ "prompt": prompt, "completion": completion, "label": label }))
                .collect(),
            Format::Standard => pairs(&answers)
                .into_iter()
                .map(|(chosen, rejected)| json!({ "prompt": prompt, "chosen": chosen, "rejected": rejected }))
                .collect(),
            Format::Conversational => pairs(&answers)
                .into_iter()
                .map(|(chosen, rejected)| {
                    json!({
                        "prompt": [{ "role": "user", "content": prompt }],
                        "chosen": [{ "role": "assistant", "content": chosen }],
                        "rejected": [{ "role": "assistant", "content": rejected }],
                    })
                })
                .collect(),
        };
        rows.extend(found);
    }
    Ok(rows)
}

/// Adds what is not there yet.
fn once<T: PartialEq>(list: &mut Vec<T>, new: T) {
    if !list.contains(&new) {
        list.push(new);
    }
}

fn correction(judged: &Judged) -> Option<&str> {
    let text = judged.correction.as_deref()?;
    (!text.trim().is_empty() && text != judged.completion).then_some(text)
}

fn pairs<'a>(answers: &[&'a Judged]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = Vec::new();
    for judged in answers {
        if let Some(better) = correction(judged) {
            once(&mut pairs, (better, judged.completion.as_str()));
        }
    }
    let better = |a: &Judged, b: &Judged| match (a.rating, b.rating) {
        (Some(a), Some(b)) => a > b,
        _ => a.liked == Some(true) && b.liked == Some(false),
    };
    let mut said = Vec::new();
    for a in answers {
        for b in answers {
            if better(a, b) && a.completion != b.completion {
                once(&mut said, (a.completion.as_str(), b.completion.as_str()));
            }
        }
    }
    for (chosen, rejected) in &said {
        // Where people disagree, neither is better.
        if !said.contains(&(rejected, chosen)) {
            once(&mut pairs, (*chosen, *rejected));
        }
    }
    pairs
}

fn labels<'a>(answers: &[&'a Judged]) -> Vec<(&'a str, bool)> {
    let mut labels = Vec::new();
    for judged in answers {
        match correction(judged) {
            Some(better) => {
                once(&mut labels, (better, true));
                once(&mut labels, (judged.completion.as_str(), false));
            }
            None => {
                if let Some(liked) = judged.liked {
                    once(&mut labels, (judged.completion.as_str(), liked));
                }
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(prompt: &str, completion: &str) -> Judged {
        Judged {
            prompt: prompt.into(),
            completion: completion.into(),
            rating: None,
            liked: None,
            correction: None,
        }
    }

    #[test]
    fn ratings_thumbs_and_corrections_become_pairs() {
        let rated = |completion: &str, rating| Judged {
            rating: Some(rating),
            ..judged("怎么退款？", completion)
        };
        let all = [
            rated("订单页申请", 5.0),
            rated("不知道", 1.0),
            rated("找客服", 5.0),
            Judged {
                liked: Some(true),
                ..judged("hi", "Hello!")
            },
            Judged {
                liked: Some(false),
                ..judged("hi", "What?")
            },
            Judged {
                correction: Some("Berlin".into()),
                ..judged("capital of Germany", "Bonn")
            },
        ];
        let pairs = rows(&all, Format::Standard).unwrap();
        assert_eq!(
            pairs,
            [
                json!({ "prompt": "怎么退款？", "chosen": "订单页申请", "rejected": "不知道" }),
                json!({ "prompt": "怎么退款？", "chosen": "找客服", "rejected": "不知道" }),
                json!({ "prompt": "hi", "chosen": "Hello!", "rejected": "What?" }),
                json!({ "prompt": "capital of Germany", "chosen": "Berlin", "rejected": "Bonn" }),
            ]
        );
        let talk = rows(&all[3..5], Format::Conversational).unwrap();
        assert_eq!(
            talk,
            [json!({
                "prompt": [{ "role": "user", "content": "hi" }],
                "chosen": [{ "role": "assistant", "content": "Hello!" }],
                "rejected": [{ "role": "assistant", "content": "What?" }],
            })]
        );
        let unpaired = rows(&all, Format::Unpaired).unwrap();
        assert_eq!(
            unpaired,
            [
                json!({ "prompt": "hi", "completion": "Hello!", "label": true }),
                json!({ "prompt": "hi", "completion": "What?", "label": false }),
                json!({ "prompt": "capital of Germany", "completion": "Berlin", "label": true }),
                json!({ "prompt": "capital of Germany", "completion": "Bonn", "label": false }),
            ]
        );
    }

    #[test]
    fn what_is_the_same_is_no_pair_and_stands_once() {
        let liked = |completion: &str, liked| Judged {
            liked: Some(liked),
            ..judged("p", completion)
        };
        assert!(
            rows(&[liked("a", true), liked("a", false)], Format::Standard)
                .unwrap()
                .is_empty()
        );
        let twice = [liked("a", true), liked("b", false), liked("a", true)];
        assert_eq!(rows(&twice, Format::Standard).unwrap().len(), 1);
        let disagreed = [
            liked("a", true),
            liked("b", false),
            liked("b", true),
            liked("a", false),
        ];
        assert!(rows(&disagreed, Format::Standard).unwrap().is_empty());
        let same = Judged {
            correction: Some("a".into()),
            ..judged("p", "a")
        };
        assert!(rows(&[same], Format::Standard).unwrap().is_empty());
        let broken = Judged {
            rating: Some(f64::NAN),
            ..judged("p", "a")
        };
        assert!(rows(&[broken], Format::Standard).is_err());
    }
}
