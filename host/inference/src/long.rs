//! Texts to rows, by what the configuration says about long ones.

use std::sync::Arc;

use crate::config::LongText;
use crate::error::InferenceError;
use crate::model::{MAX_WINDOWS, Model, check};
use crate::reduce::add_scaled;
use crate::tokenize::{Row, Tokenizer, Window};

/// The rows of the texts of a call.
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// The position of each row's text in the call. Every text has at least one row.
    pub(crate) of: Vec<usize>,
    /// Of how many texts only the beginning is there.
    pub(crate) truncated: usize,
}

impl Model {
    /// The texts of a call as rows of tokens.
    pub(crate) async fn rows(&self, texts: &[String]) -> Result<Rows, InferenceError> {
        check(texts)?;
        let long = self.config().long_texts();
        let longest = self.config().max_tokens;
        let (model, texts) = (Arc::clone(self.texts()?), texts.to_vec());
        let cut = move |tokenizer: &Tokenizer| {
            let mut rows = Rows::with_capacity(texts.len());
            for (index, text) in texts.iter().enumerate() {
                if long == LongText::Window {
                    for Window { row, .. } in tokenizer.windows(text)? {
                        rows.push(index, row);
                    }
                    windows(rows.rows.len(), texts.len(), index)?;
                    continue;
                }
                let beginning = tokenizer.beginning(text)?;
                if beginning.cut && long == LongText::Reject {
                    return Err(too_long(index, tokenizer.count(text.as_str())?, longest));
                }
                rows.truncated += usize::from(beginning.cut);
                rows.push(index, beginning.row);
            }
            Ok(rows)
        };
        model.tokenized(cut).await
    }
}

impl Rows {
    pub(crate) fn with_capacity(texts: usize) -> Self {
        Self {
            rows: Vec::with_capacity(texts),
            of: Vec::with_capacity(texts),
            truncated: 0,
        }
    }

    pub(crate) fn push(&mut self, text: usize, row: Row) {
        self.rows.push(row);
        self.of.push(text);
    }

    /// How many tokens were read of each of so many texts.
    pub(crate) fn tokens(&self, texts: usize) -> Vec<u32> {
        let mut tokens = vec![0; texts];
        for (row, &text) in self.rows.iter().zip(&self.of) {
            // A call has at most `MAX_WINDOWS` rows beside one for each text, each of at most `MAX_TOKENS` tokens.
            tokens[text] += row.ids.len() as u32;
        }
        tokens
    }
}

/// Puts the vectors of the rows of each text together: their mean, each as much as it has tokens.
pub(crate) struct Pool {
    of: Vec<usize>,
    weights: Vec<f32>,
    sums: Vec<Vec<f32>>,
}

impl Pool {
    pub(crate) fn of(rows: &Rows, texts: usize) -> Self {
        let tokens = rows.tokens(texts);
        let weight = |(row, &text): (&Row, &usize)| row.ids.len() as f32 / tokens[text] as f32;
        Self {
            weights: rows.rows.iter().zip(&rows.of).map(weight).collect(),
            of: rows.of.clone(),
            sums: vec![Vec::new(); texts],
        }
    }

    /// Takes the vector of a row.
    pub(crate) fn take(&mut self, row: usize, vector: Vec<f32>) {
        let (sum, weight) = (&mut self.sums[self.of[row]], self.weights[row]);
        // A text of one row has its vector as it is.
        if weight == 1.0 {
            *sum = vector;
            return;
        }
        sum.resize(vector.len(), 0.0);
        add_scaled(sum, &vector, weight);
    }

    /// The vector of each text.
    pub(crate) fn vectors(self) -> Vec<Vec<f32>> {
        self.sums
    }
}

/// Refuses more windows than a call may have, beside one for each text, up to the text of this number.
pub(crate) fn windows(count: usize, texts: usize, index: usize) -> Result<(), InferenceError> {
    if count <= MAX_WINDOWS.max(texts) {
        return Ok(());
    }
    Err(InferenceError::InvalidInput(format!(
        "the texts up to number {index} are longer than the {MAX_WINDOWS} windows of one call; send fewer at a time"
    )))
}

/// The refusal of a text, or of a pair of texts, that is longer than the model reads.
pub(crate) fn too_long(index: usize, tokens: usize, longest: u32) -> InferenceError {
    InferenceError::InvalidInput(format!(
        "text {index} has {tokens} tokens, more than the {longest} that the model reads; it is configured to refuse \
         such texts (`long_text`)"
    ))
}
