//! Labels from a model, by a host that answers for it.
#![allow(clippy::unwrap_used)]

use labeller::Labels;
use steward_sdk::LabelScore;
use steward_sdk::inference::Error as ModelError;
use steward_sdk::labeller::{Document, Error, Labeller};
use steward_sdk::testing::{Host, Model};

const MANIFEST: &str = include_str!("../steward.toml");
const FUNCTIONS: &str = r#"[
    {"name": "zero-shot", "kind": "model", "model": "minilm", "threshold": 0.6,
     "labels": {"账单": "money and invoices", "bug": "something is broken"}}
]"#;

/// Says what a text says: `LABEL SCORE`.
struct Parrot;

impl Model for Parrot {
    fn classify(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Vec<Vec<LabelScore>>, ModelError> {
        assert_eq!(
            labels.unwrap(),
            ["money and invoices", "something is broken"]
        );
        let answer = |text: &String| {
            let (label, score) = text.rsplit_once(' ').unwrap();
            vec![LabelScore {
                label: label.into(),
                score: score.parse().unwrap(),
            }]
        };
        Ok(texts.iter().map(answer).collect())
    }
}

/// Is overloaded.
struct Broken;

impl Model for Broken {
    fn classify(
        &self,
        _: &[String],
        _: Option<&[String]>,
    ) -> Result<Vec<Vec<LabelScore>>, ModelError> {
        Err(ModelError::Unavailable("busy".into()))
    }
}

fn host() -> Host {
    Host::from_manifest(MANIFEST)
        .unwrap()
        .config("functions", FUNCTIONS)
}

fn batch(texts: &[&str]) -> Vec<Document> {
    let document = |text: &&str| Document {
        id: "1".into(),
        text: (*text).into(),
    };
    texts.iter().map(document).collect()
}

#[test]
fn a_model_votes_from_its_threshold_on() {
    let _host = host().model("minilm", Parrot).enter();
    let votes = Labels::new()
        .unwrap()
        .propose(batch(&[
            "money and invoices 0.9",
            "something is broken 0.59",
            "  ",
            "another label 0.9",
            "money and invoices NaN",
            "something is broken 7",
        ]))
        .unwrap();
    let said: Vec<Option<(&str, f32)>> = votes
        .iter()
        .map(|row| row[0].as_ref().map(|v| (v.label.as_str(), v.confidence)))
        .collect();
    let sure = Some(("bug", 1.0));
    assert_eq!(said, [Some(("账单", 0.9)), None, None, None, None, sure]);
}

#[test]
fn a_model_that_cannot_be_asked_is_no_abstention() {
    let _host = host().model("minilm", Broken).enter();
    let plugin = Labels::new().unwrap();
    assert!(matches!(
        plugin.propose(batch(&["x"])),
        Err(Error::Unavailable(_))
    ));
    // Nobody is asked about nothing.
    assert!(plugin.propose(batch(&[" "])).is_ok());
    let _host = host().enter();
    let answer = Labels::new().unwrap().propose(batch(&["x"]));
    assert!(matches!(answer, Err(Error::InvalidConfig(_))));
}
