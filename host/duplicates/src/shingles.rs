//! What a text is compared by.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// How many tokens a shingle has.
const SHINGLE: usize = 5;

/// How many values a signature has.
const PERMUTATIONS: usize = 128;

/// Values that are computed at once: they stay in registers.
const LANES: usize = 16;

/// The shingles of a text as the plugin `text-cleaner` makes them: hashes of five tokens in a row, sorted, each once.
///
/// A token is a word of letters and digits in lower case, or one character of Chinese or Japanese. A text of fewer
/// tokens is one shingle; a text without any, like `…`, has none.
pub fn shingles(text: &str) -> Vec<u32> {
    let mut tokens = Vec::new();
    each_token(text, |token| tokens.push(token));
    let mut shingles = Vec::with_capacity(tokens.len());
    if tokens.is_empty() {
        return shingles;
    }
    for shingle in tokens.windows(SHINGLE.min(tokens.len())) {
        let mut bytes = [0; SHINGLE * 8];
        for (place, token) in bytes.chunks_exact_mut(8).zip(shingle) {
            place.copy_from_slice(&token.to_le_bytes());
        }
        shingles.push(xxh3_64(&bytes) as u32);
    }
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// Gives the tokens of a text in order, each as a number.
pub(crate) fn each_token(text: &str, mut take: impl FnMut(u64)) {
    let mut word = String::new();
    let end_of_word = |word: &mut String, take: &mut dyn FnMut(u64)| {
        if !word.is_empty() {
            take(xxh3_64(word.as_bytes()));
            word.clear();
        }
    };
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        } else if is_alone(c) {
            end_of_word(&mut word, &mut take);
            take(u64::from(c));
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else {
            end_of_word(&mut word, &mut take);
        }
    }
    end_of_word(&mut word, &mut take);
}

/// Characters that are a token by themselves: those of Chinese and Japanese writing.
fn is_alone(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '〇' | '々' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{323AF}' | '\u{3041}'..='\u{30FF}')
}

/// MinHash signatures of 128 values, the same as those of the plugin `text-cleaner`: each permutation is `a·x + b`
/// modulo 2³² with odd `a` (Dietzfelbinger et al. 1997).
#[derive(Debug)]
pub struct Signer {
    multipliers: [u32; PERMUTATIONS],
    offsets: [u32; PERMUTATIONS],
}

impl Default for Signer {
    fn default() -> Self {
        let number = |n: usize, seed| xxh3_64_with_seed(&(n as u64).to_le_bytes(), seed) as u32;
        Self {
            multipliers: std::array::from_fn(|n| number(n, 1) | 1),
            offsets: std::array::from_fn(|n| number(n, 2)),
        }
    }
}

impl Signer {
    /// How many values a signature has.
    pub const VALUES: usize = PERMUTATIONS;

    /// The signature of a text with these shingles. Without any it is `u32::MAX` everywhere.
    pub fn signature(&self, shingles: &[u32]) -> [u32; PERMUTATIONS] {
        let mut signature = [u32::MAX; PERMUTATIONS];
        for start in (0..PERMUTATIONS).step_by(LANES) {
            let a: [u32; LANES] = std::array::from_fn(|lane| self.multipliers[start + lane]);
            let b: [u32; LANES] = std::array::from_fn(|lane| self.offsets[start + lane]);
            let mut least = [u32::MAX; LANES];
            for &shingle in shingles {
                for lane in 0..LANES {
                    least[lane] =
                        least[lane].min(shingle.wrapping_mul(a[lane]).wrapping_add(b[lane]));
                }
            }
            signature[start..start + LANES].copy_from_slice(&least);
        }
        signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use text_cleaner::minhash;

    fn as_the_plugin(text: &str) -> Result<(), TestCaseError> {
        let set = shingles(text);
        prop_assert_eq!(&set, &minhash::shingles(text));
        prop_assert_eq!(
            Signer::default().signature(&set),
            minhash::MinHash::default().signature(text)
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn shingles_and_signatures_are_those_of_the_plugin(
            text in "\\PC{0,80}|([a-cA-C]{1,3}[ ,.]){0,20}|[中文我你好\u{3042}a1 。，]{0,40}"
        ) {
            as_the_plugin(&text)?;
        }
    }

    #[test]
    fn long_texts_too() {
        let text: String = (0..70_000).map(|n| format!("w{n} ")).collect();
        as_the_plugin(&text).unwrap();
        as_the_plugin("").unwrap();
    }
}
