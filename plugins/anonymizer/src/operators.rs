//! What happens to a finding.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use steward_sdk::anonymizer::Operator;

use crate::entity::Entity;

/// The longest replacement text, in bytes: it is written once for every finding.
const MAX_REPLACEMENT: usize = 1024;

/// The shortest key of the keyed hash, in bytes. A shorter one could be found by trying, and with
/// it every telephone number behind the hashes.
const MIN_KEY: usize = 16;

/// An operator that is known to be possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Treatment {
    /// Characters become this one, but for so many at the start and at the end.
    Mask {
        character: char,
        keep_first: usize,
        keep_last: usize,
    },
    /// The finding becomes this text; `{entity}` in it stands for the entity.
    Replace(String),
    /// The finding is removed.
    Redact,
    /// The finding becomes the entity and a keyed hash.
    KeyedHash,
    /// The finding stays.
    Keep,
}

impl Treatment {
    /// The default where nobody says otherwise: `<{entity}>`.
    pub fn replace_by_entity() -> Self {
        Self::Replace("<{entity}>".into())
    }

    /// Checks an operator of the contract. The error says what is wrong with it.
    pub fn new(operator: &Operator) -> Result<Self, String> {
        Ok(match operator {
            Operator::Mask(mask) => {
                let mut characters = mask.character.chars();
                let (Some(character), None) = (characters.next(), characters.next()) else {
                    return Err("`mask` needs a `character` of exactly one character".into());
                };
                let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
                let (keep_first, keep_last) = (size(mask.keep_first), size(mask.keep_last));
                Self::Mask {
                    character,
                    keep_first,
                    keep_last,
                }
            }
            Operator::Replace(text) if text.len() > MAX_REPLACEMENT => {
                return Err(format!("`replace` has more than {MAX_REPLACEMENT} bytes"));
            }
            Operator::Replace(text) => Self::Replace(text.clone()),
            Operator::Redact => Self::Redact,
            Operator::KeyedHash => Self::KeyedHash,
            Operator::Keep => Self::Keep,
        })
    }

    /// Writes what becomes of `original`. The key is needed by [`Treatment::KeyedHash`] alone;
    /// without it the finding is removed, so that nothing leaks by a mistake elsewhere.
    pub fn apply(&self, entity: Entity, original: &str, key: Option<&HashKey>, out: &mut String) {
        match self {
            Self::Mask {
                character,
                keep_first,
                keep_last,
            } => {
                mask(original, *character, *keep_first, *keep_last, out);
            }
            Self::Replace(text) => out.push_str(&text.replace("{entity}", entity.name())),
            Self::Redact => {}
            Self::KeyedHash => {
                if let Some(key) = key {
                    key.write(entity, original, out);
                }
            }
            Self::Keep => out.push_str(original),
        }
    }
}

/// Masks character by character. What is too short for the ends that are to stay is masked whole:
/// a mask never shows everything.
fn mask(original: &str, character: char, keep_first: usize, keep_last: usize, out: &mut String) {
    let length = original.chars().count();
    let shown = keep_first.saturating_add(keep_last) < length;
    out.extend(original.chars().enumerate().map(|(i, c)| {
        if shown && (i < keep_first || i >= length - keep_last) {
            c
        } else {
            character
        }
    }));
}

/// The key of the keyed hash.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

impl HashKey {
    /// Takes the bytes of the configuration value as they are. The error says what is wrong.
    pub fn new(value: &str) -> Result<Self, String> {
        if value.len() < MIN_KEY {
            return Err(format!(
                "a key has at least {MIN_KEY} bytes, this one has {}",
                value.len()
            ));
        }
        Hmac::new_from_slice(value.as_bytes())
            .map(Self)
            .map_err(|e| e.to_string())
    }

    /// Writes `{entity}_` and the first 16 hexadecimal digits of the HMAC of `original`.
    fn write(&self, entity: Entity, original: &str, out: &mut String) {
        let mut mac = self.0.clone();
        mac.update(original.as_bytes());
        out.push_str(entity.name());
        out.push('_');
        for byte in &mac.finalize().into_bytes()[..8] {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_sdk::anonymizer::Mask;

    fn apply(operator: Operator, original: &str) -> String {
        let key = HashKey::new("0123456789abcdef").unwrap();
        let mut out = String::new();
        let treatment = Treatment::new(&operator).unwrap();
        treatment.apply(Entity::PhoneNumber, original, Some(&key), &mut out);
        out
    }

    fn mask(character: &str, keep_first: u32, keep_last: u32) -> Operator {
        Operator::Mask(Mask {
            character: character.into(),
            keep_first,
            keep_last,
        })
    }

    #[test]
    fn masks_keep_the_length_and_the_ends() {
        assert_eq!(apply(mask("*", 3, 4), "13812345678"), "138****5678");
        assert_eq!(apply(mask("＊", 0, 0), "１３８"), "＊＊＊");
        assert_eq!(apply(mask("*", 3, 4), "1234567"), "*******");
        assert_eq!(apply(mask("*", u32::MAX, u32::MAX), "123"), "***");
    }

    #[test]
    fn the_other_operators() {
        assert_eq!(
            apply(Operator::Replace("[{entity}/{entity}]".into()), "1"),
            "[PHONE_NUMBER/PHONE_NUMBER]"
        );
        assert_eq!(apply(Operator::Redact, "1"), "");
        assert_eq!(apply(Operator::Keep, "1"), "1");
    }

    #[test]
    fn the_hash_is_the_one_that_others_compute() {
        // printf 13812345678 | openssl dgst -sha256 -hmac 0123456789abcdef
        assert_eq!(
            apply(Operator::KeyedHash, "13812345678"),
            "PHONE_NUMBER_9a6a05aaf6e16b45"
        );
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused() {
        assert!(Treatment::new(&mask("", 0, 0)).is_err());
        assert!(Treatment::new(&mask("**", 0, 0)).is_err());
        assert!(Treatment::new(&Operator::Replace("x".repeat(1025))).is_err());
        assert!(HashKey::new("fifteen bytes..").is_err());
    }
}
