//! What the function does, without HTTP: `cargo test` runs it natively.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use steward_sdk::{Error, config};

use crate::index::Index;
use crate::words;

/// How many entries an answer holds.
const ANSWERS: usize = 5;
/// Longer messages are refused, in Unicode code points.
const MAX_CHARACTERS: usize = 4000;

thread_local! {
    /// Made by the first call of an instance, and kept by it: the configuration of an instance never changes.
    static INDEX: OnceCell<Index> = const { OnceCell::new() };
}

/// What a caller sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    text: String,
    /// What a classifier says that the message wants.
    #[serde(default)]
    intents: Vec<Intent>,
}

#[derive(Deserialize)]
struct Intent {
    label: String,
    score: f32,
}

/// What it gets back.
#[derive(Debug, PartialEq, Serialize)]
pub struct Found {
    /// `en` or `zh`: the language of the message, and of the answers.
    pub lang: &'static str,
    /// The best entries, best first.
    pub answers: Vec<Answer>,
}

/// An entry that may answer the message.
#[derive(Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The entry.
    pub id: String,
    /// The intent of the entry.
    pub intent: String,
    /// 0 to 1: the similarity of vectors, words and intent, each with the weight of the configuration.
    pub score: f32,
    /// Similarity of the vectors alone, 0 to 1.
    pub semantic: f32,
    /// Similarity of the words alone, 0 to 1.
    pub lexical: f32,
    /// What the entry says in the language of the message.
    pub text: String,
}

/// Why there is no answer: an HTTP status and a text for people.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// 4xx where the caller can do something about it.
    pub status: u16,
    /// For people.
    pub detail: String,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Unavailable(_) => 503,
            _ => 500,
        };
        Self { status, detail: error.to_string() }
    }
}

/// A weight of the configuration.
fn weight(key: &str, default: f32) -> Result<f32, Refusal> {
    let weight = config::parse_or(key, default)?;
    match (0.0..=1.0).contains(&weight) {
        true => Ok(weight),
        false => Err(Refusal { status: 500, detail: format!("`{key}` is {weight}; it lies within 0 and 1") }),
    }
}

/// Reads a message in JSON and finds what answers it.
///
/// # Errors
/// 422 for a message that is none, 500 for a configuration that is wrong, 503 where the model cannot answer now.
pub fn answer(body: &[u8]) -> Result<Found, Refusal> {
    let refused = |detail: String| Refusal { status: 422, detail };
    let message: Message = serde_json::from_slice(body).map_err(|e| refused(e.to_string()))?;
    let text = message.text.trim();
    let characters = text.chars().count();
    if characters == 0 || characters > MAX_CHARACTERS {
        return Err(refused(format!("the message has {characters} characters; 1 to {MAX_CHARACTERS} are taken")));
    }
    let lang = words::language(text);
    let semantic = match lang {
        "zh" => weight("semantic_zh", 0.1)?,
        _ => weight("semantic_en", 0.6)?,
    };
    let by_intent = weight("intent", 0.2)?;
    let intents: BTreeMap<&str, f32> = message.intents.iter().map(|i| (i.label.as_str(), i.score)).collect();

    INDEX.with(|kept| {
        let index = match kept.get() {
            Some(index) => index,
            None => {
                let built = Index::build()?;
                kept.get_or_init(|| built)
            }
        };
        let similarities = index.compare(text, lang, semantic)?;
        let mut answers: Vec<Answer> = (index.entries.iter().zip(similarities))
            .map(|(entry, like)| {
                let similarity = semantic * like.semantic + (1.0 - semantic) * like.lexical;
                let intent = intents.get(entry.intent.as_str()).copied().unwrap_or(0.0);
                Answer {
                    id: entry.id.clone(),
                    intent: entry.intent.clone(),
                    score: (1.0 - by_intent) * similarity + by_intent * intent,
                    semantic: like.semantic,
                    lexical: like.lexical,
                    text: entry.answer(lang).to_owned(),
                }
            })
            .collect();
        answers.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        answers.truncate(ANSWERS);
        Ok(Found { lang, answers })
    })
}

#[cfg(test)]
mod tests {
    use steward_sdk::inference::Error as ModelError;
    use steward_sdk::testing::{self, Host};

    use super::*;

    const KNOWLEDGE: &str = r#"
{"id":"refund-time","intent":"return-refund","en":{"questions":["When is the refund made?"],"answer":"In 3 days."},"zh":{"questions":["退款多久到账？"],"answer":"三天内。"}}
{"id":"get-invoice","intent":"invoice","en":{"questions":["Where is the invoice?"],"answer":"Under Orders."},"zh":{"questions":["怎么开发票？"],"answer":"在订单里。"}}
{"id":"correct-invoice","intent":"invoice","en":{"questions":["The invoice is wrong."],"answer":"Choose Correct."},"zh":{"questions":["发票开错了。"],"answer":"点更正。"}}
"#;

    /// Texts about money look one way, all others another.
    struct Model;

    impl testing::Model for Model {
        fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
            let money = |text: &String| text.contains("refund") || text.contains("money");
            Ok(texts.iter().map(|text| if money(text) { vec![1.0, 0.0] } else { vec![0.0, 1.0] }).collect())
        }
    }

    fn host(knowledge: &str) -> Host {
        let host = Host::from_manifest(include_str!("../steward.toml")).unwrap();
        host.config("knowledge", knowledge).model("minilm", Model)
    }

    fn ask(body: &str) -> Result<Found, Refusal> {
        // Each test has a thread of its own, and so an index of its own.
        answer(body.as_bytes())
    }

    #[test]
    fn the_most_similar_entry_answers_in_the_language_of_the_message() {
        let _host = host(KNOWLEDGE).enter();
        let found = ask(r#"{"text":"退款什么时候到账"}"#).unwrap();
        assert_eq!((found.lang, found.answers[0].text.as_str()), ("zh", "三天内。"));
        // No word in common: the vectors tell it.
        let found = ask(r#"{"text":"Did my money leave you?"}"#).unwrap();
        assert_eq!((found.lang, found.answers[0].id.as_str()), ("en", "refund-time"));
        assert_eq!((found.answers[0].semantic, found.answers[0].lexical), (1.0, 0.0));
        assert_eq!(found.answers.len(), 3);
    }

    #[test]
    fn the_intent_decides_between_entries_that_are_alike() {
        let _host = host(KNOWLEDGE).enter();
        let of = |intent: &str| {
            let body = format!(r#"{{"text":"开错了怎么退款","intents":[{{"label":"{intent}","score":0.9}}]}}"#);
            ask(&body).unwrap().answers[0].id.clone()
        };
        assert_eq!((of("invoice").as_str(), of("return-refund").as_str()), ("correct-invoice", "refund-time"));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let _host = host(KNOWLEDGE).enter();
        let long = format!(r#"{{"text":"{}"}}"#, "长".repeat(MAX_CHARACTERS + 1));
        for body in ["", "[]", r#"{"text":" 　"}"#, r#"{"text":1}"#, r#"{"text":"x","more":1}"#, &long] {
            assert_eq!(ask(body).unwrap_err().status, 422, "{body}");
        }
    }

    #[test]
    fn a_knowledge_base_that_is_wrong_is_named_with_its_line() {
        let twice = format!("{KNOWLEDGE}{}", KNOWLEDGE.trim().lines().next().unwrap());
        let silent = KNOWLEDGE.replace("三天内。", " ");
        for (knowledge, says) in [("", "no entry"), ("{", "line 1"), (twice.as_str(), "line 5: a second entry"), (silent.as_str(), "line 2: `refund-time` needs")] {
            let _host = host(knowledge).enter();
            let refusal = ask(r#"{"text":"hello"}"#).unwrap_err();
            assert!(refusal.status == 500 && refusal.detail.contains(says), "{refusal:?}");
        }
    }
}
