//! `repeated-sentences`: of sentences that say the same in one text, the first stays.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_128;

use crate::edits::{Edits, Rewrite};
use crate::sentences::sentences;
use crate::settings::Sameness;

/// Each sentence that goes is one place. Sentences with fewer code points than `least` stay: `好。`, `Yes.`
///
/// With [`Sameness::Normalised`] only letters and digits count, in any case; with [`Sameness::Exact`] everything but
/// the white space around.
pub fn apply(text: &str, least: usize, sameness: Sameness) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut seen = HashSet::new();
    let mut key = String::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        for (position, sentence) in sentences(content) {
            key.clear();
            match sameness {
                Sameness::Exact => key.push_str(sentence.trim()),
                Sameness::Normalised => {
                    let counts = sentence.chars().filter(|c| c.is_alphanumeric());
                    key.extend(counts.flat_map(char::to_lowercase));
                }
            }
            if key.chars().take(least.max(1)).count() < least.max(1) {
                continue;
            }
            if !seen.insert(xxh3_128(key.as_bytes())) {
                let from = start + position;
                edits.remove(from, from + sentence.len());
            }
        }
        start += line.len();
    }
    edits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_of_a_kind_stays() {
        let text = "今天天气很好。我们出去玩吧！今天天气很好！\nWe go out. we GO out! Yes. Yes.";
        let rewrite = apply(text, 4, Sameness::Normalised).unwrap();
        assert_eq!(
            rewrite.text,
            "今天天气很好。我们出去玩吧！\nWe go out. Yes. Yes."
        );
        assert_eq!(rewrite.places, 2);
        assert_eq!(apply(text, 5, Sameness::Exact), None);
        assert_eq!(apply("。。。\n\n", 0, Sameness::Normalised), None);
    }

    proptest! {
        #[test]
        fn once_is_enough(text in "(好的。|好。|Yes. |No! |[a中。. \n]){0,20}|\\PC{0,40}") {
            if let Some(rewrite) = apply(&text, 2, Sameness::Exact) {
                prop_assert!(rewrite.text.len() < text.len());
            }
        }
    }
}
