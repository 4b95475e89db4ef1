//! Heads behind embedding models: a classifier out of both, and what a head sees of a text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use steward_onnx::{Affine, Characters, Pooled, TokenPooling, head_alone, join_head};

use crate::config::{ModelConfig, ModelFiles, Pooling, Task};
use crate::error::InferenceError;
use crate::model::Model;
use crate::tokenize::Tokenizer;

/// The most characters that a head weighs.
const MAX_CHARACTERS: usize = 4096;
/// The highest token of a tokenizer that characters are added to: every number up to it takes a place in memory, and in
/// the graph. The largest vocabularies that are in use have a quarter of a million tokens.
const MAX_TOKEN: u32 = 1 << 22;

/// A head that was trained on the vectors of an embedding model.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedHead {
    /// The names of its outputs.
    pub labels: Vec<String>,
    /// Its layers. The first takes the vector of a text and, behind it, the [shares](Alphabet::shares) of the alphabet.
    pub layers: Vec<Affine>,
}

/// A classifier: an embedding model with a head behind it, as files.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// The ONNX file: tokens in, a number for each label out.
    pub model: Vec<u8>,
    /// The tokenizer that goes with it.
    pub tokenizer: Vec<u8>,
    /// How the two are used.
    pub config: ModelConfig,
    /// The head alone, as an ONNX file of its own: what its first layer takes in, probabilities out.
    pub head: Vec<u8>,
}

/// Characters that a head weighs beside the vector, for texts in a script that the embedding model has no words of.
///
/// The tokenizer of the model gets a token for each; the model itself goes on to read its token for the unknown there.
pub struct Alphabet {
    characters: Vec<char>,
    /// The place of each token by its number; the one behind the last for all others.
    places: Vec<usize>,
    /// What the tokenizer of the model gives for anything unknown.
    unknown: u32,
    /// The highest token of the model itself.
    highest: u32,
    json: Vec<u8>,
    tokenizer: Tokenizer,
}

impl Model {
    /// The token that stands for whatever the vocabulary does not have; none where there is no such token, or no text.
    pub fn unknown_token(&self) -> Option<u32> {
        self.texts().ok()?.tokenizer.unknown
    }

    /// Puts a head behind this embedding model, whose files are `files`. `alphabet` is that of the head's first layer.
    /// It reads and writes a whole model: call it from a thread that may wait.
    ///
    /// # Errors
    /// [`InferenceError::InvalidInput`] where this model does not embed, or the head does not fit;
    /// [`InferenceError::ModelFile`]; [`InferenceError::Tokenizer`].
    pub fn join(
        &self,
        files: &ModelFiles,
        head: &TrainedHead,
        alphabet: Option<&Alphabet>,
    ) -> Result<Joined, InferenceError> {
        self.require(Task::Embed)?;
        let shape = self.texts()?.shape();
        let wrong = |error: steward_onnx::OnnxError| InferenceError::ModelFile {
            path: files.model.clone(),
            reason: error.to_string(),
        };
        let pooled = Pooled {
            output: shape.output.to_string(),
            tokens: shape.per_token.then_some(match self.config().pooling {
                Pooling::Mean => TokenPooling::Mean,
                Pooling::Cls => TokenPooling::First,
            }),
            normalize: self.config().normalize,
        };
        let (dimensions, mut layers) = (shape.size, head.layers.clone());
        let count = alphabet.map_or(0, |alphabet| alphabet.characters.len());
        let mut alone = head_alone(&layers, dimensions + count).map_err(wrong)?;
        let characters = match alphabet {
            None => None,
            Some(alphabet) => {
                let text: String = alphabet.characters.iter().collect();
                alone.set_metadata("steward.characters", &text);
                Some(alphabet.split(&mut layers, dimensions))
            }
        };
        alone.set_metadata("steward.labels", &head.labels.join("\n"));
        let bytes = read(&files.model)?;
        let base = steward_onnx::Model::parse(&bytes).map_err(wrong)?;
        drop(bytes);
        let joined = join_head(&base, &pooled, dimensions, &layers, characters.as_ref());
        let mut config = self.config().clone();
        config.task = Task::Classify;
        config.labels.clone_from(&head.labels);
        config.pooling = Pooling::default();
        config.normalize = true;
        Ok(Joined {
            model: joined.map_err(wrong)?.encode(),
            tokenizer: match (alphabet, &files.tokenizer) {
                (Some(alphabet), _) => alphabet.json.clone(),
                (None, Some(path)) => read(path)?,
                (None, None) => Vec::new(),
            },
            config,
            head: alone.encode(),
        })
    }
}

impl Alphabet {
    /// The characters of some texts that are words of their own to the tokenizer and that at least `fewest` of the texts
    /// have; the most frequent, where there are more than a head weighs. None where there is none, or where the tokenizer
    /// is not made of word pieces, which alone leave a character out. It reads a file: call it from a thread that may
    /// wait.
    ///
    /// # Errors
    /// [`InferenceError::Tokenizer`]
    pub fn of<'t>(
        files: &ModelFiles,
        config: &ModelConfig,
        texts: impl Iterator<Item = &'t str>,
        fewest: usize,
    ) -> Result<Option<Self>, InferenceError> {
        let Some(path) = &files.tokenizer else {
            return Ok(None);
        };
        let own = Tokenizer::open(path, config)?;
        let Some(unknown) = own.unknown else {
            return Ok(None);
        };
        let mut found = BTreeMap::<char, usize>::new();
        for text in texts {
            let encoding = own.tokens(text, false)?;
            let points: Vec<char> = text.chars().collect();
            let mut seen = BTreeSet::new();
            for (id, &(start, end)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
                if end == start + 1
                    && let Some(&character) = points.get(start)
                    && is_word(character, *id == unknown)
                {
                    seen.insert(character);
                }
            }
            for character in seen {
                *found.entry(character).or_default() += 1;
            }
        }
        let mut found: Vec<(char, usize)> = found
            .into_iter()
            .filter(|(_, count)| *count >= fewest)
            .collect();
        found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(MAX_CHARACTERS);
        let mut characters: Vec<char> = found.into_iter().map(|(character, _)| character).collect();
        characters.sort_unstable();
        if characters.is_empty() {
            return Ok(None);
        }
        let refuse = |reason: String| InferenceError::Tokenizer {
            path: path.clone(),
            reason,
        };
        let Some((json, numbers)) =
            extended(&read(path)?, &characters, own.highest).map_err(refuse)?
        else {
            return Ok(None);
        };
        let folder = tempfile::tempdir().map_err(|e| refuse(e.to_string()))?;
        let file = folder.path().join("tokenizer.json");
        fs::write(&file, &json).map_err(|e| refuse(e.to_string()))?;
        let tokenizer = Tokenizer::open(&file, config)?;
        let mut places = vec![characters.len(); tokenizer.highest as usize + 1];
        for (place, number) in numbers.iter().enumerate() {
            if let Some(slot) = places.get_mut(*number as usize) {
                *slot = place;
            }
        }
        Ok(Some(Self {
            characters,
            places,
            unknown,
            highest: own.highest,
            json,
            tokenizer,
        }))
    }

    /// The characters, in their order.
    pub fn characters(&self) -> &[char] {
        &self.characters
    }

    /// What a head sees of the characters of a text, one number for each: 1/√n for each time that it is there, n being how
    /// many of the alphabet there are in the part of the text that the model reads.
    ///
    /// # Errors
    /// [`InferenceError::Run`]
    pub fn shares(&self, text: &str) -> Result<Vec<f32>, InferenceError> {
        let row = self.tokenizer.beginning(text)?.row;
        let places = row
            .ids
            .iter()
            .filter_map(|id| self.places.get(*id as usize));
        let places: Vec<usize> = places
            .copied()
            .filter(|p| *p < self.characters.len())
            .collect();
        let each = 1.0 / (places.len().max(1) as f32).sqrt();
        let mut shares = vec![0.0; self.characters.len()];
        for place in places {
            shares[place] += each;
        }
        Ok(shares)
    }

    /// Takes the rows of the characters out of the first layer.
    fn split(&self, layers: &mut [Affine], dimensions: usize) -> Characters {
        let weights = match layers.first_mut() {
            None => Vec::new(),
            Some(first) => {
                let own = dimensions * first.bias.len();
                first.weights.split_off(own.min(first.weights.len()))
            }
        };
        Characters {
            places: self.places.iter().map(|place| *place as i64).collect(),
            weights,
            highest: self.highest.into(),
            unknown: self.unknown.into(),
        }
    }
}

impl std::fmt::Debug for Alphabet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.characters.iter().collect();
        f.debug_tuple("Alphabet").field(&text).finish()
    }
}

/// Whether a character that is a token by itself means something by itself: an ideograph or a syllable, or a letter that
/// the vocabulary does not have. A single letter of a script that is spelt in words says nothing.
fn is_word(character: char, unknown: bool) -> bool {
    let syllable = matches!(
        u32::from(character),
        0x3041..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF
    );
    syllable || (unknown && character.is_alphabetic())
}

/// A tokenizer's file, and the numbers of the characters that it was given tokens for.
type Extended = (Vec<u8>, Vec<u32>);

/// A tokenizer of word pieces with a token for each of the characters, and the number of each. None for tokenizers of
/// another kind.
fn extended(json: &[u8], characters: &[char], highest: u32) -> Result<Option<Extended>, String> {
    let mut file: Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    if file.pointer("/model/type").and_then(Value::as_str) != Some("WordPiece") {
        return Ok(None);
    }
    let vocabulary = file
        .pointer_mut("/model/vocab")
        .and_then(Value::as_object_mut);
    let vocabulary = vocabulary.ok_or("it has no vocabulary")?;
    if highest > MAX_TOKEN {
        return Err(format!(
            "its highest token is {highest}; characters are weighed beside tokens up to {MAX_TOKEN}"
        ));
    }
    let mut next = highest;
    let mut numbers = Vec::with_capacity(characters.len());
    for character in characters {
        let token = character.to_string();
        let known = vocabulary.get(&token).and_then(Value::as_u64);
        numbers.push(match known.map(u32::try_from) {
            Some(Ok(number)) => number,
            _ => {
                next += 1;
                vocabulary.insert(token, next.into());
                next
            }
        });
    }
    let json = serde_json::to_vec(&file).map_err(|e| e.to_string())?;
    Ok(Some((json, numbers)))
}

fn read(path: &Path) -> Result<Vec<u8>, InferenceError> {
    fs::read(path).map_err(|error| InferenceError::ModelFile {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_words_of_their_own_where_they_mean_something() {
        for word in ['退', '款', 'の', 'カ', '𠮷'] {
            assert!(is_word(word, false) && is_word(word, true), "{word}");
        }
        assert!(!is_word('a', false) && is_word('ж', true) && !is_word('ж', false));
        for mark in ['。', '！', '1', ' ', '—', '😀'] {
            assert!(!is_word(mark, true), "{mark}");
        }
    }

    #[test]
    fn a_vocabulary_grows_by_what_it_lacks() {
        let file = br#"{"model":{"type":"WordPiece","vocab":{"[UNK]":0,"\u4e2d":1,"a":2}},"added_tokens":[]}"#;
        let (json, numbers) = extended(file, &['中', '退'], 7).unwrap().unwrap();
        assert_eq!(numbers, [1, 8]);
        let file: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(file["model"]["vocab"]["退"], 8);
        let other = br#"{"model":{"type":"BPE","vocab":{}}}"#;
        assert_eq!(extended(other, &['退'], 7).unwrap(), None);
        assert!(extended(b"nonsense", &[], 0).is_err());
        assert!(extended(br#"{"model":{"type":"WordPiece"}}"#, &[], 0).is_err());
        let empty = br#"{"model":{"type":"WordPiece","vocab":{}}}"#;
        assert!(extended(empty, &['退'], MAX_TOKEN).is_ok());
        for far in [MAX_TOKEN + 1, u32::MAX] {
            let error = extended(empty, &['退'], far).unwrap_err();
            assert!(error.contains("highest token"), "{error}");
        }
    }
}
