//! What names a group of texts: terms that are frequent in it and rare in the others, as c-TF-IDF (M. Grootendorst, 2022).
//!
//! Words are cut at spaces. Chinese has none, so that runs of two to four characters stand for words there, and a run
//! that always stands within a longer one gives way to that.

use std::collections::{BTreeMap, BTreeSet};

/// Terms of a group.
const TERMS: usize = 6;
/// Of each text, its beginning.
const CHARACTERS: usize = 2000;
/// Runs of Chinese characters that are taken for a word.
const RUNS: std::ops::RangeInclusive<usize> = 2..=4;
/// A run that stands so often within a longer one is a part of that.
const PART: f64 = 0.75;

/// Words that say nothing of what a text is about.
const STOP: &[&str] = &[
    "a", "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at",
    "be", "because", "been", "before", "being", "but", "by", "can", "cannot", "could", "did", "do",
    "does", "doing", "don", "done", "down", "even", "every", "for", "from", "get", "gets",
    "getting", "go", "got", "had", "has", "have", "having", "he", "her", "here", "him", "his",
    "how", "i", "if", "in", "into", "is", "it", "its", "just", "like", "ll", "m", "made", "make",
    "me", "more", "most", "much", "my", "no", "not", "now", "of", "off", "on", "one", "only", "or",
    "other", "our", "out", "over", "please", "re", "really", "s", "same", "she", "should", "so",
    "some", "still", "such", "t", "than", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "those", "through", "to", "too", "under", "until", "up", "us", "ve", "very",
    "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom", "why", "will",
    "with", "would", "you", "your",
];
/// Characters that join Chinese words and begin or end no term.
const JOINING: &str = "的了是我你他她它们在有和就都也很不吗呢吧啊这那个么会要把被让给对从到与及或而但为以之还再又没着过得地";

/// Whether a word in small letters is one of English that says nothing of what a text is about.
pub(crate) fn is_small_word(word: &str) -> bool {
    STOP.binary_search(&word).is_ok()
}

fn is_han(c: char) -> bool {
    matches!(u32::from(c), 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x323af)
}

/// How often each term stands in a text.
fn terms(text: &str) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    let mut word = String::new();
    let mut run: Vec<char> = Vec::new();
    let text: String = text
        .chars()
        .take(CHARACTERS)
        .flat_map(char::to_lowercase)
        .collect();
    // A last character that is neither ends what stands before.
    for c in text.chars().chain(std::iter::once(' ')) {
        if is_han(c) {
            run.push(c);
        } else if !run.is_empty() {
            chinese(&run, &mut found);
            run.clear();
        }
        if c.is_alphanumeric() && !is_han(c) {
            word.push(c);
        } else if !word.is_empty() {
            let telling = word.chars().count() > 1
                && word.chars().any(char::is_alphabetic)
                && !is_small_word(&word);
            if telling {
                *found.entry(word.clone()).or_default() += 1;
            }
            word.clear();
        }
    }
    found
}

fn chinese(run: &[char], found: &mut BTreeMap<String, u32>) {
    for length in RUNS {
        for part in run.windows(length) {
            let ends = [part.first(), part.last()];
            if ends.into_iter().flatten().any(|c| JOINING.contains(*c)) {
                continue;
            }
            *found.entry(part.iter().collect()).or_default() += 1;
        }
    }
}

/// The most telling terms of each part, best first.
pub(super) fn telling(texts: &[&str], parts: &[Vec<usize>]) -> Vec<Vec<String>> {
    let mut counts: Vec<BTreeMap<String, u32>> = Vec::with_capacity(parts.len());
    let mut texts_with: BTreeMap<String, u32> = BTreeMap::new();
    for part in parts {
        let mut all: BTreeMap<String, u32> = BTreeMap::new();
        for text in part.iter().filter_map(|place| texts.get(*place)) {
            for (term, count) in terms(text) {
                *texts_with.entry(term.clone()).or_default() += 1;
                *all.entry(term).or_default() += count;
            }
        }
        counts.push(all);
    }
    let mut overall: BTreeMap<&str, u32> = BTreeMap::new();
    let mut total = 0u64;
    for part in &counts {
        for (term, count) in part {
            *overall.entry(term).or_default() += count;
            total += u64::from(*count);
        }
    }
    let average = total as f64 / counts.len().max(1) as f64;
    counts
        .iter()
        .map(|part| {
            // What a single text says names no theme, where there is something else.
            let shared = |term: &str| texts_with.get(term).is_some_and(|texts| *texts > 1);
            let any_shared = part.keys().any(|term| shared(term));
            let mut scored: Vec<(&str, u32, f64)> = part
                .iter()
                .filter(|(term, _)| !any_shared || shared(term))
                .map(|(term, count)| {
                    let everywhere = overall.get(term.as_str()).copied().unwrap_or(1);
                    let score = f64::from(*count) * (1.0 + average / f64::from(everywhere)).ln();
                    (term.as_str(), *count, score)
                })
                .collect();
            // Of equals, the longer says more.
            scored.sort_by(|a, b| {
                b.2.total_cmp(&a.2)
                    .then_with(|| b.0.chars().count().cmp(&a.0.chars().count()))
                    .then_with(|| a.0.cmp(b.0))
            });
            whole(&scored)
        })
        .collect()
}

/// The best terms without those that are parts of others, or that others are parts of.
fn whole(scored: &[(&str, u32, f64)]) -> Vec<String> {
    let candidates = &scored[..scored.len().min(TERMS * 8)];
    let mut kept: Vec<(&str, u32)> = Vec::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for (term, count, _) in candidates {
        if kept.len() == TERMS {
            break;
        }
        // A longer run that stands nearly as often says the whole of it.
        let longer = candidates.iter().filter(|(other, often, _)| {
            other.len() > term.len()
                && other.contains(term)
                && f64::from(*often) >= PART * f64::from(*count)
        });
        let (term, count) = longer
            .max_by_key(|(other, ..)| other.len())
            .map_or((*term, *count), |(other, often, _)| (*other, *often));
        let overlaps = kept
            .iter()
            .any(|(known, _)| known.contains(term) || term.contains(known));
        if !overlaps && taken.insert(term) {
            kept.push((term, count));
        }
    }
    kept.into_iter().map(|(term, _)| term.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_words_is_sorted() {
        assert!(STOP.is_sorted());
    }

    #[test]
    fn terms_are_what_a_group_says_and_others_do_not() {
        let texts = [
            "快递太慢了，快递员态度差",
            "快递三天没动静",
            "请问快递到哪了",
            "The delivery is slow today",
            "slow delivery, again!",
            "信用卡被重复扣款",
            "重复扣款两次，申请退款",
            "charged twice on my credit card",
        ];
        let named = telling(&texts, &[vec![0, 1, 2, 3, 4], vec![5, 6, 7]]);
        assert_eq!(named[0][0], "快递");
        assert!(
            named[0].contains(&"delivery".into()) && named[0].contains(&"slow".into()),
            "{named:?}"
        );
        assert_eq!(named[1][0], "重复扣款", "the whole and not its parts");
        assert!(
            named
                .iter()
                .flatten()
                .all(|term| term != "the" && term != "了")
        );
    }

    #[test]
    fn a_text_alone_is_named_by_its_own_words() {
        assert_eq!(telling(&["password reset fails"], &[vec![0]])[0].len(), 3);
        assert!(telling(&["12 34 …"], &[vec![0]])[0].is_empty());
    }
}
