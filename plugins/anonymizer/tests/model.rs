//! Names from a model, by a host that answers for it.
#![allow(clippy::unwrap_used)]

use anonymizer::PersonalData;
use steward_sdk::anonymizer::{Anonymizer, Document, Error, Span};
use steward_sdk::inference::{Entity, Error as ModelError};
use steward_sdk::testing::{Host, Model};

const MANIFEST: &str = include_str!("../steward.toml");

/// Finds `Ann Lee` and says so in the label of another tag set.
struct Names;

impl Model for Names {
    fn classify_tokens(&self, texts: &[String]) -> Result<Vec<Vec<Entity>>, ModelError> {
        let answer = |text: &String| {
            let chars: Vec<char> = text.chars().collect();
            let name: Vec<char> = "Ann Lee".chars().collect();
            let at = chars.windows(name.len()).position(|w| w == name);
            let entity = |start: usize| Entity {
                label: "B-PER".into(),
                span: Span {
                    start: start as u32,
                    end: (start + name.len()) as u32,
                },
                score: 0.9,
            };
            at.map(entity).into_iter().collect()
        };
        Ok(texts.iter().map(answer).collect())
    }
}

/// Is overloaded.
struct Broken;

impl Model for Broken {
    fn classify_tokens(&self, _: &[String]) -> Result<Vec<Vec<Entity>>, ModelError> {
        Err(ModelError::Unavailable("busy".into()))
    }
}

fn batch(texts: &[&str]) -> Vec<Document> {
    let document = |text: &&str| Document {
        id: "1".into(),
        text: (*text).into(),
    };
    texts.iter().map(document).collect()
}

fn host() -> Host {
    Host::from_manifest(MANIFEST)
        .unwrap()
        .config("model", "ner")
}

#[test]
fn names_of_the_model_stand_beside_what_patterns_find() {
    let _host = host().model("ner", Names).enter();
    let plugin = PersonalData::new().unwrap();
    let done = plugin
        .anonymize(batch(&["你好，Ann Lee，a@b.cn", "", "nobody"]), None)
        .unwrap();
    assert_eq!(done[0].text, "你好，<PERSON>，<EMAIL_ADDRESS>");
    assert_eq!(done[0].replacements[0].finding.recognizer, "model");
    assert_eq!(
        (done[1].text.as_str(), done[2].text.as_str()),
        ("", "nobody")
    );
}

#[test]
fn the_model_is_not_asked_where_nobody_looks_for_names() {
    let _host = host().model("ner", Broken).enter();
    let plugin = PersonalData::new().unwrap();
    let found = plugin.detect(batch(&["Ann Lee, a@b.cn"]), Some(vec!["URL".into()]));
    assert!(found.unwrap()[0].is_empty());
}

#[test]
fn a_text_does_not_pass_because_the_model_did_not_run() {
    let _host = host().model("ner", Broken).enter();
    let plugin = PersonalData::new().unwrap();
    let answer = plugin.detect(batch(&["Ann Lee"]), None);
    assert!(matches!(answer, Err(Error::Unavailable(_))));
}

#[test]
fn a_model_that_is_not_granted_is_a_mistake_of_the_configuration() {
    let _host = host().enter();
    let plugin = PersonalData::new().unwrap();
    let answer = plugin.anonymize(batch(&["Ann Lee"]), None);
    assert!(matches!(answer, Err(Error::InvalidConfig(_))));
}
