//! Text to token numbers, by the model's own `tokenizer.json`.
//!
//! What such a file says about padding and truncation is how somebody once trained the model, not how it is served:
//! both are set here.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tokenizers::{Encoding, TruncationDirection, TruncationParams, TruncationStrategy};

use crate::config::{ModelConfig, Task};
use crate::error::{InferenceError, panic_text};

/// The largest `tokenizer.json` that is read. Those of the largest vocabularies in use stay under 40 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The numbers of one text, or of one window of it, without padding. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) ids: Vec<u32>,
    pub(crate) types: Vec<u32>,
}

/// A window of a long text and where its tokens lie.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) row: Row,
    /// The tokens that this window answers for, in order. Tokens in the overlap of two windows belong to the one
    /// in which they stand farther from the edge, where the model sees more of what surrounds them.
    pub(crate) tokens: Vec<Token>,
}

/// A token and the bytes of the text that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its place in the row.
    pub(crate) index: usize,
    /// Half-open range of bytes of the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Pieces of one word carry the same number.
    pub(crate) word: Option<u32>,
}

pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// What fills the places after the end of a short row. Any valid number does: the mask hides it.
    pub(crate) padding: u32,
    /// The highest number that it gives to any token.
    pub(crate) highest: u32,
    /// How many tokens two neighbouring windows share.
    overlap: usize,
}

impl Tokenizer {
    pub(crate) fn open(path: &Path, config: &ModelConfig) -> Result<Self, InferenceError> {
        let refuse = |reason: String| InferenceError::Tokenizer {
            path: path.to_owned(),
            reason,
        };
        let length = fs::metadata(path)
            .map_err(|error| refuse(error.to_string()))?
            .len();
        if length > MAX_FILE_BYTES {
            return Err(refuse(format!(
                "{length} bytes are more than the limit of {MAX_FILE_BYTES}"
            )));
        }
        let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
        // The library trusts its files in places where it indexes and unwraps.
        let parsed = catch_unwind(|| tokenizers::Tokenizer::from_bytes(&bytes));
        let mut inner = parsed
            .map_err(|panic| refuse(panic_text(&*panic)))?
            .map_err(|error| refuse(format!("not a tokenizer.json: {error}")))?;

        let padding = inner.get_padding().map(|padding| padding.pad_id);
        let padding = padding
            .or_else(|| {
                ["[PAD]", "<pad>"]
                    .iter()
                    .find_map(|token| inner.token_to_id(token))
            })
            .unwrap_or(0);
        inner.with_padding(None);

        inner
            .with_truncation(None)
            .map_err(|error| refuse(error.to_string()))?;
        let special = encode(&inner, "", Detail::Numbers).map_err(&refuse)?.len();
        let longest = config.max_tokens as usize;
        if longest <= special {
            return Err(refuse(format!(
                "it adds {special} tokens to every text, which leaves no room in `max_tokens = {longest}`"
            )));
        }
        // Wide enough for a name or an address that lies across the edge, narrow enough to cost an eighth at most.
        let overlap = match config.task {
            Task::ClassifyTokens => ((longest - special) / 8).min(32),
            Task::Embed | Task::Classify => 0,
        };
        let highest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        let truncation = TruncationParams {
            direction: TruncationDirection::Right,
            max_length: longest,
            strategy: TruncationStrategy::LongestFirst,
            stride: overlap,
        };
        inner
            .with_truncation(Some(truncation))
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            inner,
            padding,
            highest,
            overlap,
        })
    }

    /// The beginning of a text.
    pub(crate) fn row(&self, text: &str) -> Result<Row, InferenceError> {
        let encoding = encode(&self.inner, text, Detail::Numbers).map_err(InferenceError::Run)?;
        Ok(self.row_of(&encoding))
    }

    /// The whole text.
    pub(crate) fn windows(&self, text: &str) -> Result<Vec<Window>, InferenceError> {
        let mut first = encode(&self.inner, text, Detail::Places).map_err(InferenceError::Run)?;
        let rest = first.take_overflowing();
        let last = rest.len();
        let windows = std::iter::once(&first).chain(&rest).enumerate();
        Ok(windows
            .map(|(number, encoding)| self.window(encoding, number > 0, number < last))
            .collect())
    }

    fn window(&self, encoding: &Encoding, follows: bool, is_followed: bool) -> Window {
        let special = encoding.get_special_tokens_mask();
        let content: Vec<usize> = (0..encoding.len())
            .filter(|&index| special[index] == 0)
            .collect();
        let from = if follows { self.overlap / 2 } else { 0 };
        let to = content.len().saturating_sub(if is_followed {
            self.overlap - self.overlap / 2
        } else {
            0
        });
        let tokens = content
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .map(|&index| {
                let (start, end) = encoding.get_offsets()[index];
                Token {
                    index,
                    start,
                    end,
                    word: encoding.get_word_ids()[index],
                }
            });
        Window {
            tokens: tokens.collect(),
            row: self.row_of(encoding),
        }
    }

    /// A text without any token, as an empty one is without special tokens, still needs one place in the batch.
    fn row_of(&self, encoding: &Encoding) -> Row {
        if encoding.is_empty() {
            return Row {
                ids: vec![self.padding],
                types: vec![0],
            };
        }
        Row {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
        }
    }
}

enum Detail {
    /// Token numbers alone, which is quicker.
    Numbers,
    /// Where each token lies in the text as well.
    Places,
}

fn encode(inner: &tokenizers::Tokenizer, text: &str, detail: Detail) -> Result<Encoding, String> {
    let encoded = catch_unwind(AssertUnwindSafe(|| match detail {
        Detail::Numbers => inner.encode_fast(text, true),
        Detail::Places => inner.encode(text, true),
    }));
    match encoded {
        Ok(encoded) => encoded.map_err(|error| format!("the tokenizer failed: {error}")),
        Err(panic) => Err(format!("the tokenizer failed: {}", panic_text(&*panic))),
    }
}
