//! Preference rows in the formats of TRL (<https://huggingface.co/docs/trl/dataset_formats>), and rows with a text and its
//! label, from what people said about answers of a model.

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

impl Judged {
    /// Whether the answer was right: not where somebody corrects it; where nobody does, as it was liked. None where nobody
    /// says.
    pub fn right(&self) -> Option<bool> {
        match self.correction.as_deref().map(str::trim) {
            Some(correction) if !correction.is_empty() => {
                Some(correction == self.completion.trim())
            }
            _ => self.liked,
        }
    }

    /// What should have been answered, as far as that is known: the correction, else what was liked.
    fn meant(&self) -> Option<&str> {
        let correction = self.correction.as_deref().map(str::trim);
        let meant = match correction.filter(|correction| !correction.is_empty()) {
            Some(correction) => correction,
            None if self.liked == Some(true) => self.completion.trim(),
            None => return None,
        };
        (!meant.is_empty()).then_some(meant)
    }
}

/// A text and the label that people gave to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// What the model was asked, as it was asked first.
    pub text: String,
    /// What it should have answered.
    pub label: String,
    /// The place of what was said first so.
    pub judged: usize,
    /// Whether the model had answered otherwise at least once.
    pub corrected: bool,
}

/// Labels out of what people said of the answers of a classifier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Each text once, in the order in which they came.
    pub rows: Vec<Labelled>,
    /// Texts about which people disagree: they have no label.
    pub contradictory: u64,
}

/// The label that people give to each text: what corrects the answer of the model, or the answer itself where it was liked.
/// `same` is what texts that count as the same have in common.
///
/// # Errors
/// Too many answers.
pub fn labelled(judged: &[Judged], same: impl Fn(&str) -> String) -> Result<Labels, FeedbackError> {
    at_most("judged answers", judged.len(), MAX_JUDGED)?;
    // Where people disagree about a text there is none.
    let mut by_text: BTreeMap<String, Option<Labelled>> = BTreeMap::new();
    for (place, one) in judged.iter().enumerate() {
        let Some(meant) = one.meant() else { continue };
        let corrected = meant != one.completion.trim();
        let known = by_text.entry(same(&one.prompt)).or_insert_with(|| {
            Some(Labelled {
                text: one.prompt.clone(),
                label: meant.to_owned(),
                judged: place,
                corrected,
            })
        });
        match known {
            Some(known) if known.label == meant => known.corrected |= corrected,
            _ => *known = None,
        }
    }
    let all = by_text.len();
    let mut rows: Vec<Labelled> = by_text.into_values().flatten().collect();
    rows.sort_by_key(|row| row.judged);
    Ok(Labels {
        contradictory: (all - rows.len()) as u64,
        rows,
    })
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
    fn an_answer_is_right_where_nobody_corrects_it() {
        let said = |liked, correction: Option<&str>| {
            let one = Judged {
                liked,
                correction: correction.map(str::to_owned),
                ..judged("怎么退款？", "refund")
            };
            one.right()
        };
        assert_eq!(said(None, None), None);
        assert_eq!(
            (said(Some(true), None), said(Some(false), None)),
            (Some(true), Some(false))
        );
        assert_eq!(said(Some(true), Some("invoice")), Some(false));
        assert_eq!(
            (said(None, Some("refund ")), said(Some(false), Some(" "))),
            (Some(true), Some(false))
        );
    }

    #[test]
    fn corrections_and_what_was_liked_become_labels() {
        let said = |prompt: &str, completion: &str, liked, correction: Option<&str>| Judged {
            liked,
            correction: correction.map(str::to_owned),
            ..judged(prompt, completion)
        };
        let all = [
            said("发票呢", "payment", None, Some("invoice")),
            said("where is it", "track-order", Some(true), None),
            // Disliked without a word of what would be right.
            said("hello", "payment", Some(false), None),
            // The same text, answered better since.
            said("发票呢 ", "invoice", Some(true), None),
            // People disagree, and a third does not settle it.
            said("refund", "payment", None, Some("return-refund")),
            said("refund", "payment", Some(true), None),
            said("refund", "payment", None, Some("return-refund")),
        ];
        let found = labelled(&all, |text| text.trim().to_owned()).unwrap();
        assert_eq!(found.contradictory, 1);
        let told: Vec<_> = found
            .rows
            .iter()
            .map(|row| {
                (
                    row.text.as_str(),
                    row.label.as_str(),
                    row.judged,
                    row.corrected,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("发票呢", "invoice", 0, true),
                ("where is it", "track-order", 1, false)
            ]
        );
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
