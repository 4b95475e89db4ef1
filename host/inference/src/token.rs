//! Names, addresses and the like inside a text: labels of tokens, put together to entities.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::classify::softmax;
use crate::config::{LongText, Task};
use crate::error::InferenceError;
use crate::long::{too_long, windows};
use crate::model::{Model, check};
use crate::tokenize::{Row, Token, Tokenizer, Window};

/// A part of a text that a token classifier has named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The kind, without the `B-` or `I-` of the model's own labels.
    pub label: String,
    /// Where it starts, in Unicode code points from the start of the text.
    pub start: u32,
    /// Where it ends, in code points; the first one that is not part of it.
    pub end: u32,
    /// Mean probability of the tokens of the entity, between 0 and 1.
    pub score: f32,
}

/// What a token classifier finds in texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged {
    /// The entities of each text, in order of their start; they do not overlap.
    pub entities: Vec<Vec<Entity>>,
    /// How sure the model is of all that it says about each text, and of what it leaves out: the probability that it gives
    /// to the label of the token that it is least sure of. 1 for a text without tokens.
    pub certainty: Vec<f32>,
}

impl Model {
    /// The entities of each text, in order of their start; they do not overlap.
    ///
    /// A text longer than [`max_tokens`](crate::ModelConfig::max_tokens) is read whole, in windows that overlap, unless
    /// [`long_text`](crate::ModelConfig::long_text) says otherwise. The texts of a call may have
    /// [`MAX_WINDOWS`](crate::MAX_WINDOWS) windows together.
    pub async fn classify_tokens(
        &self,
        texts: &[String],
    ) -> Result<Vec<Vec<Entity>>, InferenceError> {
        Ok(self.tag(texts).await?.entities)
    }

    /// The same, with how sure the model is of each text as a whole.
    pub async fn tag(&self, texts: &[String]) -> Result<Tagged, InferenceError> {
        self.require(Task::ClassifyTokens)?;
        check(texts)?;
        let (rows, places) = self.windows(texts).await?;
        let mut pieces: Vec<Vec<Piece>> = vec![Vec::new(); rows.len()];
        let size = self.texts()?.shape().size;
        self.run(rows, |position, answer| {
            let logits = |token: &Token| &answer[token.index * size..][..size];
            let tokens = places[position].tokens.iter();
            pieces[position] = tokens
                .map(|token| Piece::new(*token, logits(token)))
                .collect();
        })
        .await?;

        let tags: Vec<Tag<'_>> = self
            .config()
            .labels
            .iter()
            .map(|label| Tag::of(label))
            .collect();
        let mut by_text: Vec<Vec<Piece>> = vec![Vec::new(); texts.len()];
        for (place, pieces) in places.iter().zip(&pieces) {
            join(&mut by_text[place.text], place.first, pieces, &tags);
        }
        let found = texts.iter().zip(&by_text);
        Ok(Tagged {
            entities: found
                .map(|(text, pieces)| entities(text, pieces, &tags))
                .collect(),
            certainty: by_text.iter().map(|pieces| certainty(pieces)).collect(),
        })
    }

    /// The rows of all windows, and what each is of.
    async fn windows(&self, texts: &[String]) -> Result<(Vec<Row>, Vec<Place>), InferenceError> {
        let long = self.config().long_texts();
        let longest = self.config().max_tokens;
        let (model, texts) = (Arc::clone(self.texts()?), texts.to_vec());
        let cut = move |tokenizer: &Tokenizer| {
            let (mut rows, mut places) = (Vec::new(), Vec::new());
            for (index, text) in texts.iter().enumerate() {
                let mut cut = tokenizer.windows(text)?;
                match long {
                    LongText::Reject if cut.len() > 1 => {
                        return Err(too_long(index, tokenizer.count(text.as_str())?, longest));
                    }
                    LongText::Truncate => cut.truncate(1),
                    LongText::Reject | LongText::Window => {}
                }
                for Window { row, first, tokens } in cut {
                    rows.push(row);
                    places.push(Place {
                        text: index,
                        first,
                        tokens,
                    });
                }
                windows(rows.len(), texts.len(), index)?;
            }
            Ok((rows, places))
        };
        model.tokenized(cut).await
    }
}

/// The probability of the label of the least sure token. Tokens that stand for no part of the text do not count.
fn certainty(pieces: &[Piece]) -> f32 {
    let of_text = pieces.iter().filter(|piece| piece.start < piece.end);
    of_text.map(|piece| piece.score).fold(1.0, f32::min)
}

/// What a window is of.
struct Place {
    /// The position of the text in the call.
    text: usize,
    /// How many tokens of the text come before the window.
    first: usize,
    tokens: Vec<Token>,
}

/// Appends a window, whose first token is token number `first` of the text, to the windows before it.
///
/// The tokens that both know are divided where neither sees an entity, as near to the middle as possible: near its
/// edge a window knows little of what surrounds a token, and a cut through an entity would leave halves of it.
fn join(known: &mut Vec<Piece>, first: usize, window: &[Piece], tags: &[Tag<'_>]) {
    let outside = |piece: &Piece| tags.get(piece.label).is_none_or(|tag| tag.kind.is_none());
    let shared = known.len().saturating_sub(first).min(window.len());
    let start = known.len() - shared;
    let quiet = |at: usize| outside(&known[start + at]) && outside(&window[at]);
    let middle = shared / 2;
    let cut = (0..=shared)
        .filter(|&cut| (cut > 0 && quiet(cut - 1)) || (cut < shared && quiet(cut)))
        .min_by_key(|cut| cut.abs_diff(middle))
        .unwrap_or(middle);
    known.truncate(start + cut);
    known.extend_from_slice(&window[cut..]);
}

/// A token with the label that the model finds most likely.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    word: Option<u32>,
    label: usize,
    score: f32,
}

impl Piece {
    fn new(token: Token, logits: &[f32]) -> Self {
        let scores = softmax(logits).into_iter().enumerate();
        let best = scores
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or_default();
        let Token {
            start, end, word, ..
        } = token;
        Self {
            start,
            end,
            word,
            label: best.0,
            score: best.1,
        }
    }
}

/// A label of a token, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag<'a> {
    /// The kind of entity; `None` outside of any.
    kind: Option<&'a str>,
    /// Whether an entity starts here even when one of the same kind is open (`B-`, `S-`, `U-`).
    begins: bool,
    /// Whether the entity is complete with this token (`E-`, `L-`, `S-`, `U-`).
    ends: bool,
}

impl<'a> Tag<'a> {
    /// Reads BIO, BIOES and BILOU labels, and plain ones.
    fn of(label: &'a str) -> Self {
        let (prefix, kind) = match label.split_once('-') {
            Some((prefix @ ("B" | "I" | "E" | "S" | "L" | "U"), kind)) => (prefix, Some(kind)),
            _ if label == "O" => ("", None),
            _ => ("", Some(label)),
        };
        let whole = matches!(prefix, "S" | "U");
        Self {
            kind,
            begins: prefix == "B" || whole,
            ends: matches!(prefix, "E" | "L") || whole,
        }
    }
}

/// Puts neighbouring pieces of one kind together.
///
/// Models repeat `B-` on every piece of one word (`john` `##son`, and `john` `.` `son` `@` …), so a beginning that
/// touches the open entity goes on with it, except where words are written without spaces between them and touching
/// says nothing.
fn entities(text: &str, pieces: &[Piece], tags: &[Tag<'_>]) -> Vec<Entity> {
    struct Open<'a> {
        kind: &'a str,
        start: usize,
        last: Piece,
        ended: bool,
        scores: f32,
        count: f32,
    }
    let mut found = Vec::new();
    let mut open: Option<Open<'_>> = None;
    let mut cursor = Cursor {
        text,
        byte: 0,
        point: 0,
    };
    let mut close = |open: Option<Open<'_>>| {
        let Some(open) = open else { return };
        if let Some((start, end)) = cursor.span(open.start, open.last.end) {
            let (label, score) = (open.kind.to_owned(), open.scores / open.count);
            found.push(Entity {
                label,
                start,
                end,
                score,
            });
        }
    };
    // Pieces that stand for no part of the text are the tokenizer's own.
    for piece in pieces.iter().filter(|piece| piece.start < piece.end) {
        let Some(tag) = tags.get(piece.label) else {
            continue;
        };
        let Some(kind) = tag.kind else {
            close(open.take());
            continue;
        };
        let goes_on = open.as_ref().is_some_and(|open| {
            let same_word = piece.word.is_some() && piece.word == open.last.word;
            let touches =
                piece.start <= open.last.end && !written_without_spaces(text, piece.start);
            open.kind == kind && (same_word || touches || !(tag.begins || open.ended))
        });
        match &mut open {
            Some(open) if goes_on => {
                open.scores += piece.score;
                open.count += 1.0;
                open.ended = tag.ends;
                open.last = *piece;
            }
            _ => {
                close(open.take());
                let (start, score) = (piece.start, piece.score);
                open = Some(Open {
                    kind,
                    start,
                    last: *piece,
                    ended: tag.ends,
                    scores: score,
                    count: 1.0,
                });
            }
        }
    }
    close(open);
    found
}

/// Whether the character at this byte belongs to a script that does not part words by spaces.
fn written_without_spaces(text: &str, byte: usize) -> bool {
    let first = text.get(byte..).and_then(|rest| rest.chars().next());
    first.is_some_and(|first| {
        matches!(first as u32,
            0x0E00..=0x0EFF      // Thai, Lao
            | 0x1000..=0x109F    // Myanmar
            | 0x1780..=0x17FF    // Khmer
            | 0x3040..=0x30FF    // Hiragana, Katakana
            | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF // Han
        )
    })
}

/// Counts code points up to rising positions, each part of the text once.
struct Cursor<'a> {
    text: &'a str,
    byte: usize,
    point: u32,
}

impl Cursor<'_> {
    /// The code points of a range of bytes without the white space at its ends, which some tokenizers count in.
    /// `None` when nothing else is left, or the range starts before one that was asked for earlier.
    fn span(&mut self, start: usize, end: usize) -> Option<(u32, u32)> {
        let (start, end) = (start.max(self.byte), end.min(self.text.len()));
        let start = self.text.floor_char_boundary(start);
        let inside = self.text.get(start..self.text.ceil_char_boundary(end))?;
        let trimmed = inside.trim();
        if trimmed.is_empty() {
            return None;
        }
        let start = start + (inside.len() - inside.trim_start().len());
        Some((self.advance(start), self.advance(start + trimmed.len())))
    }

    fn advance(&mut self, byte: usize) -> u32 {
        let between = self.text.get(self.byte..byte).unwrap_or_default();
        // A text has at most 2²⁰ bytes, and no more code points than bytes.
        self.point += between.chars().count() as u32;
        self.byte = byte;
        self.point
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LABELS: [&str; 8] = [
        "O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "MISC",
    ];

    /// Entities of a text whose pieces are given as `(text of the piece, label)`, in order. `##` in front makes a
    /// piece part of the word before it.
    fn named(text: &str, marked: &[(&str, &str)]) -> Vec<(String, String)> {
        let (mut from, mut word) = (0, 0);
        let mut pieces = Vec::new();
        for (piece, label) in marked {
            let bare = piece.trim_start_matches("##");
            word += u32::from(bare == *piece);
            let start = from + text[from..].find(bare).unwrap();
            from = start + bare.len();
            let label = LABELS.iter().position(|known| known == label).unwrap();
            pieces.push(Piece {
                start,
                end: from,
                word: Some(word),
                label,
                score: 0.5,
            });
        }
        let tags = LABELS.map(Tag::of);
        let letters: Vec<char> = text.chars().collect();
        let cut = |entity: Entity| {
            let inside = letters[entity.start as usize..entity.end as usize]
                .iter()
                .collect();
            (inside, entity.label)
        };
        entities(text, &pieces, &tags)
            .into_iter()
            .map(cut)
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(text, label)| ((*text).to_owned(), (*label).to_owned()))
            .collect()
    }

    #[test]
    fn windows_part_where_neither_sees_an_entity() {
        let tags = LABELS.map(Tag::of);
        // Labels by number; the score tells which window a piece is from.
        let pieces = |labels: &[usize], score: f32| -> Vec<Piece> {
            let piece = |&label: &usize| Piece {
                start: 0,
                end: 1,
                word: None,
                label,
                score,
            };
            labels.iter().map(piece).collect()
        };
        let joined = |before: &[usize], first: usize, after: &[usize]| -> Vec<(usize, f32)> {
            let mut known = pieces(before, 0.0);
            join(&mut known, first, &pieces(after, 1.0), &tags);
            known
                .iter()
                .map(|piece| (piece.label, piece.score))
                .collect()
        };
        // The entity lies across the middle of the overlap, and only the second window sees all of it.
        let found = joined(&[0, 0, 0, 0, 1, 2], 2, &[0, 0, 1, 2, 2, 0]);
        assert_eq!(
            found.iter().map(|piece| piece.0).collect::<Vec<_>>(),
            [0, 0, 0, 0, 1, 2, 2, 0]
        );
        assert_eq!(
            found[4..].iter().map(|piece| piece.1).collect::<Vec<_>>(),
            [1.0; 4]
        );
        // Nothing anywhere: in the middle.
        let found = joined(&[0; 4], 0, &[0; 6]);
        assert_eq!(
            found.iter().map(|piece| piece.1).collect::<Vec<_>>(),
            [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
        );
        // Entities everywhere, and no overlap at all: every token once.
        assert_eq!(joined(&[1, 2, 2], 1, &[2, 2, 2]).len(), 4);
        assert_eq!(joined(&[], 0, &[1, 2]).len(), 2);
        assert_eq!(joined(&[0, 1], 2, &[2, 0]).len(), 4);
        assert_eq!(joined(&[0, 1], 2, &[]).len(), 2);
    }

    #[test]
    fn beginnings_and_ends_part_neighbours() {
        let bio = named(
            "Ann Lee Bob in Oslo",
            &[
                ("Ann", "B-PER"),
                ("Lee", "I-PER"),
                ("Bob", "B-PER"),
                ("in", "O"),
                ("Oslo", "B-LOC"),
            ],
        );
        assert_eq!(
            bio,
            pairs(&[("Ann Lee", "PER"), ("Bob", "PER"), ("Oslo", "LOC")])
        );
        let bioes = named(
            "Ann Lee Bob Eve",
            &[
                ("Ann", "B-PER"),
                ("Lee", "E-PER"),
                ("Bob", "S-PER"),
                ("Eve", "I-PER"),
            ],
        );
        assert_eq!(
            bioes,
            pairs(&[("Ann Lee", "PER"), ("Bob", "PER"), ("Eve", "PER")])
        );
        let plain = named("a b c", &[("a", "MISC"), ("b", "MISC"), ("c", "I-LOC")]);
        assert_eq!(plain, pairs(&[("a b", "MISC"), ("c", "LOC")]));
    }

    #[test]
    fn pieces_of_one_word_stay_together() {
        let word = named(
            "Kowalczyk",
            &[("Ko", "B-PER"), ("##wal", "B-PER"), ("##czyk", "B-PER")],
        );
        assert_eq!(word, pairs(&[("Kowalczyk", "PER")]));
        let joined = named(
            "a.b c",
            &[
                ("a", "B-PER"),
                (".", "B-PER"),
                ("b", "B-PER"),
                ("c", "B-PER"),
            ],
        );
        assert_eq!(joined, pairs(&[("a.b", "PER"), ("c", "PER")]));
    }

    #[test]
    fn touching_means_nothing_where_words_are_not_spaced() {
        let han = named(
            "张伟李娜来了",
            &[
                ("张", "B-PER"),
                ("伟", "I-PER"),
                ("李", "B-PER"),
                ("娜", "I-PER"),
                ("来", "O"),
                ("了", "O"),
            ],
        );
        assert_eq!(han, pairs(&[("张伟", "PER"), ("李娜", "PER")]));
    }

    #[test]
    fn white_space_at_the_ends_is_not_part_of_an_entity() {
        assert_eq!(
            named("😀 Ann  !", &[(" Ann ", "B-PER"), ("!", "O")]),
            pairs(&[("Ann", "PER")])
        );
        assert_eq!(named("a  b", &[("  ", "B-PER")]), pairs(&[]));
    }

    proptest! {
        #[test]
        fn entities_are_in_order_inside_the_text_and_never_overlap(
            text in "[a-z好😀 ]{0,40}",
            marks in prop::collection::vec((0usize..60, 0usize..60, prop::option::of(0u32..5), 0usize..9), 0..30),
        ) {
            let pieces: Vec<Piece> = marks
                .into_iter()
                .map(|(start, end, word, label)| Piece { start, end, word, label, score: 1.0 })
                .collect();
            let tags = LABELS.map(Tag::of);
            let length = text.chars().count() as u32;
            let mut before = 0;
            for entity in entities(&text, &pieces, &tags) {
                prop_assert!(before <= entity.start && entity.start < entity.end && entity.end <= length);
                prop_assert_eq!(entity.score, 1.0);
                before = entity.end;
            }
        }
    }
}
