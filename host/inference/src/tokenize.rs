//! Text to token numbers, by the model's own `tokenizer.json`.
//!
//! What such a file says about padding and truncation is how somebody once trained the model, not how it is served:
//! both are set here.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;

use tokenizers::{
    EncodeInput, Encoding, TruncationDirection, TruncationParams, TruncationStrategy,
    truncate_encodings,
};

use crate::config::{LongText, ModelConfig, Task};
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
    /// How many tokens of the text come before this window.
    pub(crate) first: usize,
    /// The tokens of the text in this window, in order. The last ones are also the first of the next window.
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

/// The beginning of a text, or of a pair of texts, as far as the model reads.
pub(crate) struct Beginning {
    pub(crate) row: Row,
    /// Whether there is more.
    pub(crate) cut: bool,
}

pub(crate) struct Tokenizer {
    /// Where only the beginning of a text counts, it stops soon after that.
    inner: tokenizers::Tokenizer,
    /// One that always reads to the end. Made when it is first needed, since it holds the vocabulary a second time.
    whole: OnceLock<tokenizers::Tokenizer>,
    /// What fills the places after the end of a short row. Any valid number does: the mask hides it.
    pub(crate) padding: u32,
    /// What stands for whatever the vocabulary does not have, where there is such a token.
    pub(crate) unknown: Option<u32>,
    /// The highest number that it gives to any token.
    pub(crate) highest: u32,
    /// How many tokens of a text fit into one window, beside the special ones.
    room: usize,
    /// How many tokens of a pair of texts fit, beside the special ones; none where pairs are not read.
    pair_room: usize,
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
        let unknown = ["[UNK]", "<unk>"];
        let unknown = unknown.iter().find_map(|token| inner.token_to_id(token));
        inner.with_padding(None);

        inner
            .with_truncation(None)
            .map_err(|error| refuse(error.to_string()))?;
        let longest = config.max_tokens as usize;
        let room = |empty: EncodeInput<'_>, what: &str| {
            let special = guarded(|| inner.encode_fast(empty, true))?.len();
            longest
                .checked_sub(special)
                .filter(|room| *room > 0)
                .ok_or_else(|| {
                    format!(
                        "it adds {special} tokens to every {what}, which leaves no room in `max_tokens = {longest}`"
                    )
                })
        };
        let pair_room = match config.task {
            Task::ScorePairs => room(("", "").into(), "pair of texts").map_err(&refuse)?,
            _ => 0,
        };
        let room = room("".into(), "text").map_err(&refuse)?;
        if config.task != Task::ClassifyTokens && config.long_texts() != LongText::Window {
            // One more than is read tells that there is more.
            let truncation = TruncationParams {
                direction: TruncationDirection::Right,
                max_length: longest + 1,
                strategy: TruncationStrategy::LongestFirst,
                stride: 0,
            };
            inner
                .with_truncation(Some(truncation))
                .map_err(|error| refuse(error.to_string()))?;
        }
        let highest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        // Whatever is no longer than the overlap lies whole in one window: enough for a name or an address. The
        // price is that up to a quarter of the text is computed twice.
        let overlap = (room / 4).min(32);
        Ok(Self {
            inner,
            whole: OnceLock::new(),
            padding,
            unknown,
            highest,
            room,
            pair_room,
            overlap,
        })
    }

    /// The beginning of a text.
    pub(crate) fn beginning(&self, text: &str) -> Result<Beginning, InferenceError> {
        let text = self.content(text)?;
        let cut = text.len() > self.room;
        let row = self.finished(text, None, self.room)?;
        Ok(Beginning { row, cut })
    }

    /// The beginnings of two texts that are read together; of the longer one more is left out.
    pub(crate) fn pair(&self, first: &str, second: &str) -> Result<Beginning, InferenceError> {
        let (first, mut second) = (self.content(first)?, self.content(second)?);
        // As the library does; what it puts the two together with may leave it so.
        second.set_type_ids(vec![1; second.len()]);
        let cut = first.len() + second.len() > self.pair_room;
        let row = self.finished(first, Some(second), self.pair_room)?;
        Ok(Beginning { row, cut })
    }

    /// How many tokens a text has, or two texts that are read together, the special ones included.
    pub(crate) fn count<'t>(
        &self,
        text: impl Into<EncodeInput<'t>>,
    ) -> Result<usize, InferenceError> {
        let encoding = guarded(|| self.whole().encode_fast(text, true));
        Ok(encoding.map_err(InferenceError::Run)?.len())
    }

    /// The text as tokens with their places in code points, to its end.
    pub(crate) fn tokens(&self, text: &str, special: bool) -> Result<Encoding, InferenceError> {
        guarded(|| self.whole().encode_char_offsets(text, special)).map_err(InferenceError::Run)
    }

    /// The text that tokens stand for.
    pub(crate) fn text(&self, ids: &[u32], skip_special: bool) -> Result<String, InferenceError> {
        guarded(|| self.inner.decode(ids, skip_special)).map_err(InferenceError::Run)
    }

    fn whole(&self) -> &tokenizers::Tokenizer {
        if self.inner.get_truncation().is_none() {
            return &self.inner;
        }
        self.whole.get_or_init(|| {
            let mut whole = self.inner.clone();
            // What can fail is a stride that does not go with a length, and there is neither.
            let _ = whole.with_truncation(None);
            whole
        })
    }

    /// The tokens of a text without special ones; of a long one perhaps only more than are read.
    fn content(&self, text: &str) -> Result<Encoding, InferenceError> {
        guarded(|| self.inner.encode_fast(text, false)).map_err(InferenceError::Run)
    }

    /// What fits into `room`, with special tokens around it.
    fn finished(
        &self,
        text: Encoding,
        second: Option<Encoding>,
        room: usize,
    ) -> Result<Row, InferenceError> {
        let encoding = guarded(|| {
            let truncation = TruncationParams {
                max_length: room,
                ..TruncationParams::default()
            };
            let (text, second) = truncate_encodings(text, second, &truncation)?;
            self.inner.post_process(text, second, true)
        });
        let encoding = encoding.map_err(InferenceError::Run)?;
        Ok(self.filled(Row {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
        }))
    }

    /// The whole text, in windows.
    ///
    /// The library can cut a text into windows too, but stops reading once the first is full, so that the rest
    /// of the text would be missing without a word.
    pub(crate) fn windows(&self, text: &str) -> Result<Vec<Window>, InferenceError> {
        let encoding = guarded(|| self.whole().encode(text, true)).map_err(InferenceError::Run)?;
        let special = encoding.get_special_tokens_mask();
        let from = special.iter().take_while(|&&special| special == 1).count();
        let after = special
            .iter()
            .rev()
            .take_while(|&&special| special == 1)
            .count();
        let to = encoding.len().saturating_sub(after).max(from);
        let step = self.room - self.overlap;
        let mut windows = Vec::new();
        let mut start = from;
        loop {
            let end = to.min(start + self.room);
            let is_last = end == to;
            let tokens = (start..end).map(|at| {
                let (first, last) = encoding.get_offsets()[at];
                let index = from + at - start;
                Token {
                    index,
                    start: first,
                    end: last,
                    word: encoding.get_word_ids()[at],
                }
            });
            let around = |all: &[u32]| [&all[..from], &all[start..end], &all[to..]].concat();
            let row = Row {
                ids: around(encoding.get_ids()),
                types: around(encoding.get_type_ids()),
            };
            windows.push(Window {
                row: self.filled(row),
                first: start - from,
                tokens: tokens.collect(),
            });
            if is_last {
                return Ok(windows);
            }
            start += step;
        }
    }

    /// A text without any token, as an empty one is without special tokens, still needs one place in the batch.
    fn filled(&self, row: Row) -> Row {
        if row.ids.is_empty() {
            return Row {
                ids: vec![self.padding],
                types: vec![0],
            };
        }
        row
    }
}

/// Runs the tokenizer, which trusts what it was built from.
fn guarded<T>(run: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done.map_err(|error| format!("the tokenizer failed: {error}")),
        Err(panic) => Err(format!("the tokenizer failed: {}", panic_text(&*panic))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words by number, two special tokens around every text, and settings that must not survive.
    const FILE: &str = r###"{
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": null,
                    "pad_id": 7, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]},
                               "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}},
        "decoder": null,
        "model": {"type": "WordLevel", "unk_token": "[UNK]",
                  "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "好": 3, "😀": 4, "[PAD]": 7}}
    }"###;

    fn tokenizer(task: Task, max_tokens: u32) -> Result<Tokenizer, InferenceError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        fs::write(&path, FILE).unwrap();
        let mut config = ModelConfig::new(task);
        config.max_tokens = max_tokens;
        Tokenizer::open(&path, &config)
    }

    #[test]
    fn padding_and_truncation_of_the_file_do_not_apply() {
        let tokenizer = tokenizer(Task::Embed, 6).unwrap();
        assert_eq!((tokenizer.padding, tokenizer.highest), (7, 7));
        assert_eq!(tokenizer.beginning("好 好").unwrap().row.ids, [1, 3, 3, 2]);
        assert_eq!(
            tokenizer
                .beginning("好 好 😀 好 x 好 好 好")
                .unwrap()
                .row
                .ids,
            [1, 3, 3, 4, 3, 2]
        );
        assert_eq!(tokenizer.beginning("").unwrap().row.ids, [1, 2]);
    }

    #[test]
    fn max_tokens_must_leave_room_for_the_text() {
        let error = tokenizer(Task::Embed, 2).err().unwrap().to_string();
        assert!(error.contains("2 tokens to every text"), "{error}");
        assert_eq!(
            tokenizer(Task::Embed, 3)
                .unwrap()
                .beginning("好 好")
                .unwrap()
                .row
                .ids,
            [1, 3, 2]
        );
    }

    #[test]
    fn a_pair_shares_the_room_and_has_two_types() {
        let tokenizer = tokenizer(Task::ScorePairs, 6).unwrap();
        let pair = |first, second| {
            let Beginning { row, cut } = tokenizer.pair(first, second).unwrap();
            (row.ids, row.types, cut)
        };
        // The pair template of the file adds no special tokens.
        assert_eq!(pair("好", "😀 😀"), (vec![3, 4, 4], vec![0, 1, 1], false));
        let (ids, types, cut) = pair("好 好 好 好 好 好 好 好", "😀 😀");
        assert_eq!((ids, cut), (vec![3, 3, 3, 3, 4, 4], true));
        assert_eq!(types, [0, 0, 0, 0, 1, 1]);
        assert_eq!(
            tokenizer
                .count(("好 好 好 好 好 好 好 好", "😀 😀"))
                .unwrap(),
            10
        );
    }

    proptest! {
        #[test]
        fn a_text_is_cut_where_the_library_would_cut_it(
            words in prop::collection::vec("(好|😀|[a-z]{1,4})", 0..40),
            max_tokens in 3u32..30,
        ) {
            let text = words.join(" ");
            let tokenizer = tokenizer(Task::Embed, max_tokens).unwrap();
            let found = tokenizer.beginning(&text).unwrap();
            let count = tokenizer.count(text.as_str()).unwrap();
            prop_assert_eq!(found.cut, count > max_tokens as usize);
            let mut inner = tokenizer.inner.clone();
            let truncation = TruncationParams { max_length: max_tokens as usize, ..Default::default() };
            inner.with_truncation(Some(truncation)).unwrap();
            let expected = inner.encode(text.as_str(), true).unwrap();
            prop_assert_eq!(&found.row.ids[..], expected.get_ids());
        }

        #[test]
        fn windows_cover_every_token_and_overlap(
            words in prop::collection::vec("(好|😀|[a-z]{1,4})", 0..400),
            max_tokens in 3u32..300,
        ) {
            let text = words.join(" ");
            let tokenizer = tokenizer(Task::ClassifyTokens, max_tokens).unwrap();
            let mut found: Vec<&str> = Vec::new();
            for (number, window) in tokenizer.windows(&text).unwrap().iter().enumerate() {
                prop_assert!(window.row.ids.len() <= max_tokens as usize);
                let shared = if number == 0 { 0 } else { tokenizer.overlap };
                prop_assert_eq!(window.first + shared, found.len());
                for (place, token) in window.tokens.iter().enumerate() {
                    // The number at the token's place is that of the word at the token's bytes.
                    let word = &text[token.start..token.end];
                    let number = match word { "好" => 3, "😀" => 4, _ => 0 };
                    prop_assert_eq!(window.row.ids[token.index], number);
                    match found.get(window.first + place) {
                        Some(known) => prop_assert_eq!(*known, word),
                        None => found.push(word),
                    }
                }
            }
            prop_assert_eq!(found, words);
        }
    }
}
