//! What two texts have in common, word by word: term frequency times inverse document frequency, as a cosine.

use std::collections::BTreeMap;

/// English words that say nothing about what a message wants.
const STOP: &str = " a an the i me my you your we it its this that these is are am was were be been do does did have has had \
    can could will would to of in on at for from with by and or not no if so as there please how what when where who which ";

/// A vector of length 1 over terms.
pub type Weights = BTreeMap<String, f32>;

/// Whether the character is a Chinese one.
#[must_use]
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// The language of a text: `zh` where a third of its letters are Chinese (each says about as much as three Latin ones), else
/// `en`.
#[must_use]
pub fn language(text: &str) -> &'static str {
    let han = text.chars().filter(|c| is_han(*c)).count();
    let other = text.chars().filter(|c| c.is_alphabetic() && !is_han(*c)).count();
    match han > 0 && han * 3 >= other {
        true => "zh",
        false => "en",
    }
}

/// The terms of a text. Of Chinese each character and each pair of neighbours, since words have no ends there; of other
/// scripts words, cut to six letters, the simplest stemmer.
#[must_use]
pub fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    let lower = text.to_lowercase();
    for run in lower.split(|c: char| !c.is_alphanumeric()) {
        let mut latin = String::new();
        let mut before = None;
        for c in run.chars().chain([' ']) {
            if c != ' ' && !is_han(c) {
                latin.push(c);
                before = None;
                continue;
            }
            if !latin.is_empty() && !STOP.contains(&format!(" {latin} ")) {
                terms.push(latin.chars().take(6).collect());
            }
            latin.clear();
            if is_han(c) {
                terms.push(c.to_string());
                terms.extend(before.map(|before| format!("{before}{c}")));
                before = Some(c);
            }
        }
    }
    terms
}

/// In how many texts of a collection each term is.
#[derive(Debug, Default)]
pub struct DocumentFrequencies {
    texts: usize,
    with_term: BTreeMap<String, usize>,
}

impl DocumentFrequencies {
    /// Counts the texts that each term is in.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut frequencies = Self::default();
        for text in texts {
            frequencies.texts += 1;
            let mut distinct = terms(text);
            distinct.sort_unstable();
            distinct.dedup();
            for term in distinct {
                *frequencies.with_term.entry(term).or_default() += 1;
            }
        }
        frequencies
    }

    /// What each term of a text weighs: `(1 + ln tf) · ln(1 + N / (1 + df))`, scaled to length 1.
    #[must_use]
    pub fn tf_idf(&self, text: &str) -> Weights {
        let mut counts: BTreeMap<String, f32> = BTreeMap::new();
        for term in terms(text) {
            *counts.entry(term).or_default() += 1.0;
        }
        for (term, weight) in &mut counts {
            let texts = self.with_term.get(term).copied().unwrap_or(0);
            *weight = (1.0 + weight.ln()) * (1.0 + self.texts as f32 / (1 + texts) as f32).ln();
        }
        let length = counts.values().map(|w| w * w).sum::<f32>().sqrt();
        if length > 0.0 {
            counts.values_mut().for_each(|w| *w /= length);
        }
        counts
    }
}

/// The cosine of two vectors of length 1 over terms, 0 to 1.
#[must_use]
pub fn cosine(a: &Weights, b: &Weights) -> f32 {
    a.iter().filter_map(|(term, weight)| Some(weight * b.get(term)?)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_of_both_languages() {
        assert_eq!(terms("Where is my REFUND?"), ["refund"]);
        assert_eq!(terms("退款吗"), ["退", "款", "退款", "吗", "款吗"]);
        assert_eq!(terms("改成XL码"), ["改", "成", "改成", "xl", "码"]);
        assert!(terms(" ?!，。").is_empty());
        assert_eq!(["订单66120", "refund", "order 订单 number twelve", ""].map(language), ["zh", "en", "en", "en"]);
    }

    #[test]
    fn a_rare_word_counts_more_than_a_frequent_one() {
        let texts = ["cancel order", "change order", "track order", "order invoice"];
        let frequencies = DocumentFrequencies::of(texts.into_iter());
        let asked = frequencies.tf_idf("cancel my order");
        let similarity = |text: &str| cosine(&asked, &frequencies.tf_idf(text));
        assert!(similarity("cancel") > similarity("order"));
        assert!((similarity("order cancel") - 1.0).abs() < 1e-6);
        assert_eq!(similarity("天气"), 0.0);
    }
}
