//! A model's tokenizer, for callers: texts to tokens and back.

use std::sync::Arc;

use crate::error::InferenceError;
use crate::model::{MAX_TEXTS, Model, blocking, check};

/// The most tokens of one call that are made of texts, or taken from a caller.
pub const MAX_CALL_TOKENS: usize = 1 << 20;

/// The tokens of a text. All three are of one length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokenized {
    /// The number of each token in the vocabulary.
    pub ids: Vec<u32>,
    /// The token as the vocabulary writes it.
    pub tokens: Vec<String>,
    /// Where each token lies in the text, in Unicode code points: the first, and the one behind the last. A token that
    /// was added lies nowhere and has the same number twice.
    pub offsets: Vec<(u32, u32)>,
}

impl Model {
    /// Cuts texts into the tokens of the model, to their ends; one answer for each text, in order.
    ///
    /// With `add_special` the tokens that the model sees around a text are among them.
    pub async fn tokenize(
        &self,
        texts: &[String],
        add_special: bool,
    ) -> Result<Vec<Tokenized>, InferenceError> {
        check(texts)?;
        let (model, texts) = (Arc::clone(self.texts()?), texts.to_vec());
        blocking(move || {
            let mut left = MAX_CALL_TOKENS;
            let mut answers = Vec::with_capacity(texts.len());
            for (index, text) in texts.iter().enumerate() {
                let encoding = model.tokenizer.tokens(text, add_special)?;
                left = left
                    .checked_sub(encoding.len())
                    .ok_or_else(|| too_many(index))?;
                // A text has at most 2²⁰ bytes, and no more code points than bytes.
                let place = |&(start, end): &(usize, usize)| (start as u32, end as u32);
                answers.push(Tokenized {
                    ids: encoding.get_ids().to_vec(),
                    tokens: encoding.get_tokens().to_vec(),
                    offsets: encoding.get_offsets().iter().map(place).collect(),
                });
            }
            Ok(answers)
        })
        .await
    }

    /// The texts that tokens stand for, one for each row of tokens, in order. What a tokenizer leaves out of a text, as
    /// some do with capitals and accents, does not come back.
    ///
    /// With `skip_special` the tokens that the model sees around a text are left out.
    pub async fn decode(
        &self,
        ids: &[Vec<u32>],
        skip_special: bool,
    ) -> Result<Vec<String>, InferenceError> {
        self.check_tokens(ids)?;
        let (model, ids) = (Arc::clone(self.texts()?), ids.to_vec());
        blocking(move || {
            ids.iter()
                .map(|ids| model.tokenizer.text(ids, skip_special))
                .collect()
        })
        .await
    }

    /// Refuses tokens that the vocabulary does not have, and more than one call may have.
    pub(crate) fn check_tokens(&self, rows: &[Vec<u32>]) -> Result<(), InferenceError> {
        let highest = self.texts()?.tokenizer.highest;
        if rows.len() > MAX_TEXTS {
            return Err(InferenceError::InvalidInput(format!(
                "{} texts are more than the limit of {MAX_TEXTS} for one call",
                rows.len()
            )));
        }
        let mut left = MAX_CALL_TOKENS;
        for (index, ids) in rows.iter().enumerate() {
            left = left.checked_sub(ids.len()).ok_or_else(|| too_many(index))?;
            if let Some(unknown) = ids.iter().find(|id| **id > highest) {
                return Err(InferenceError::InvalidInput(format!(
                    "text {index} has a token of the number {unknown}; the highest of this model is {highest}"
                )));
            }
        }
        Ok(())
    }
}

fn too_many(index: usize) -> InferenceError {
    InferenceError::InvalidInput(format!(
        "the texts up to number {index} have more than the {MAX_CALL_TOKENS} tokens of one call; send fewer at a time"
    ))
}
