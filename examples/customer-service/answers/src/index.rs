//! The knowledge base, ready to be searched: the words and the vector of each question.

use std::collections::BTreeSet;

use serde::Deserialize;
use steward_sdk::{Error, config, inference};

use crate::words::{DocumentFrequencies, Weights, cosine};

/// The languages that each entry answers in.
const LANGUAGES: [&str; 2] = ["en", "zh"];

/// One entry as the file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub id: String,
    /// The intent of the messages that it answers.
    pub intent: String,
    en: Side,
    zh: Side,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Side {
    questions: Vec<String>,
    answer: String,
}

impl Entry {
    fn side(&self, lang: &str) -> &Side {
        if lang == "zh" { &self.zh } else { &self.en }
    }

    /// What it says in a language.
    #[must_use]
    pub fn answer(&self, lang: &str) -> &str {
        &self.side(lang).answer
    }
}

/// A question of an entry.
struct Question {
    entry: usize,
    lang: &'static str,
    words: Weights,
    vector: Vec<f32>,
}

/// How similar a message is to an entry: by the vectors and by the words of its most similar question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Cosine of the vectors, 0 to 1.
    pub semantic: f32,
    /// Cosine of the words, 0 to 1.
    pub lexical: f32,
}

/// The knowledge base of a configuration.
pub struct Index {
    /// The entries, in the order of the file.
    pub entries: Vec<Entry>,
    questions: Vec<Question>,
    frequencies: DocumentFrequencies,
    model: String,
}

impl Index {
    /// Reads the configuration and embeds every question with the model.
    ///
    /// # Errors
    /// `invalid-config` where the knowledge base is missing or wrong, with its line; what the model answers with.
    pub fn build() -> Result<Self, Error> {
        let wrong = |why: String| Error::InvalidConfig(format!("`knowledge`: {why}"));
        let text = config::get("knowledge")?
            .ok_or_else(|| wrong("it is not set; deploy with --config knowledge=@knowledge.jsonl".into()))?;
        let model = config::get("model")?.unwrap_or_default();
        let entries = read(&text).map_err(wrong)?;
        let asked: Vec<(usize, &'static str, &str)> = (entries.iter().enumerate())
            .flat_map(|(place, entry)| LANGUAGES.map(|lang| (place, lang, entry)))
            .flat_map(|(place, lang, entry)| entry.side(lang).questions.iter().map(move |q| (place, lang, q.as_str())))
            .collect();
        let frequencies = DocumentFrequencies::of(asked.iter().map(|(_, _, text)| *text));
        let texts: Vec<String> = asked.iter().map(|(_, _, text)| (*text).to_owned()).collect();
        let vectors = inference::open(&model)?.embed(&texts)?;
        let questions = asked.iter().zip(vectors).map(|(&(entry, lang, text), vector)| Question {
            entry,
            lang,
            words: frequencies.tf_idf(text),
            vector,
        });
        let questions = questions.collect();
        Ok(Self { entries, questions, frequencies, model })
    }

    /// How similar a text is to each entry, in the order of the entries; questions of its language alone are compared.
    /// `semantic` is what the similarity of vectors counts, 0 to 1.
    ///
    /// # Errors
    /// What the model answers with.
    pub fn compare(&self, text: &str, lang: &str, semantic: f32) -> Result<Vec<Similarity>, Error> {
        let vector = inference::open(&self.model)?.embed(&[text.to_owned()])?.pop();
        let vector = vector.ok_or_else(|| Error::Other("the model gave no vector".into()))?;
        let words = self.frequencies.tf_idf(text);
        let weigh = |l: &Similarity| semantic * l.semantic + (1.0 - semantic) * l.lexical;
        let mut best = vec![Similarity { semantic: 0.0, lexical: 0.0 }; self.entries.len()];
        for question in self.questions.iter().filter(|question| question.lang == lang) {
            let product: f32 = vector.iter().zip(&question.vector).map(|(a, b)| a * b).sum();
            let found = Similarity { semantic: product.clamp(0.0, 1.0), lexical: cosine(&words, &question.words) };
            let known = &mut best[question.entry];
            if weigh(&found) > weigh(known) {
                *known = found;
            }
        }
        Ok(best)
    }
}

/// Reads the entries, one a line.
fn read(text: &str) -> Result<Vec<Entry>, String> {
    let (mut entries, mut ids) = (Vec::new(), BTreeSet::new());
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| format!("line {}: {why}", place + 1);
        let entry: Entry = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        if !ids.insert(entry.id.clone()) {
            return Err(wrong(format!("a second entry `{}`", entry.id)));
        }
        for lang in LANGUAGES {
            let side = entry.side(lang);
            if side.questions.is_empty() || side.answer.trim().is_empty() {
                return Err(wrong(format!("`{}` needs a question and an answer in `{lang}`", entry.id)));
            }
        }
        entries.push(entry);
    }
    match entries.is_empty() {
        true => Err("it has no entry".into()),
        false => Ok(entries),
    }
}
