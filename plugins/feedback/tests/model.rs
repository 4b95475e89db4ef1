//! Texts read by models, by a host that answers for them.
#![allow(clippy::unwrap_used)]

use feedback::Plugin;
use steward_sdk::LabelScore;
use steward_sdk::feedback::{Direction, Document, Error, Feedback, Reading, Said};
use steward_sdk::inference::Error as ModelError;
use steward_sdk::testing::{Host, Model};

const MANIFEST: &str = include_str!("../steward.toml");

/// Embeds and classifies by what stands in a text.
struct Reader;

impl Model for Reader {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
        let vector = |text: &String| {
            let (refund, crash) = (text.contains("退款"), text.contains("crash"));
            vec![
                1.0,
                if refund { 9.0 } else { 0.0 },
                if crash { 9.0 } else { 0.0 },
            ]
        };
        Ok(texts.iter().map(vector).collect())
    }

    fn classify(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Vec<Vec<LabelScore>>, ModelError> {
        assert_eq!(labels.unwrap(), ["a complaint", "praise"]);
        let labels = |text: &String| {
            let sure = if text.contains("crash") { 0.9 } else { 0.3 };
            let score = |label: &str, score| LabelScore {
                label: label.into(),
                score,
            };
            let mut both = vec![score("a complaint", sure), score("praise", 1.0 - sure)];
            both.sort_by(|a, b| b.score.total_cmp(&a.score));
            both
        };
        Ok(texts.iter().map(labels).collect())
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
    Host::from_manifest(MANIFEST).unwrap()
}

fn classifying() -> Host {
    host()
        .config("sentiment_model", "mood")
        .config(
            "sentiment_labels",
            r#"{"negative": "a complaint", "positive": "praise"}"#,
        )
        .config("topic_model", "mood")
        .config("topics", r#"{"trouble": "a complaint", "joy": "praise"}"#)
        .config("topic_min_score", "0.5")
}

fn batch(texts: &[&str]) -> Vec<Document> {
    let document = |text: &&str| Document {
        id: "1".into(),
        text: (*text).into(),
    };
    texts.iter().map(document).collect()
}

fn sentiment(reading: &Reading) -> &str {
    match reading {
        Reading::Known(known) => &known.label,
        Reading::Unknown(why) => why,
    }
}

#[test]
fn sentiment_and_topics_are_those_of_the_model_in_our_words() {
    let host = classifying().model("mood", Reader).enter();
    let found = Plugin::new()
        .unwrap()
        .analyse(batch(&["it does crash", "  ", "不错"]))
        .unwrap();
    let said: Vec<&str> = found.iter().map(|one| sentiment(&one.sentiment)).collect();
    assert_eq!(said, ["negative", "the text is empty", "positive"]);
    let topics: Vec<Vec<&str>> = found
        .iter()
        .map(|one| {
            one.topics
                .iter()
                .map(|topic| topic.label.as_str())
                .collect()
        })
        .collect();
    assert_eq!(topics, [vec!["trouble"], vec![], vec!["joy"]]);
    assert_eq!(sentiment(&found[2].language), "zh");
    assert!(
        !format!("{:?}", host.log()).contains("crash"),
        "texts are not logged"
    );
}

#[test]
fn without_a_model_the_sentiment_is_unknown_and_says_why() {
    let _host = classifying().enter();
    let found = Plugin::new().unwrap().analyse(batch(&["不错"])).unwrap();
    assert!(matches!(&found[0].sentiment, Reading::Unknown(why) if why.contains("`mood`")));
    assert!(found[0].topics.is_empty());
    // A model that is there and busy is another matter: the same call may succeed later.
    let _host = classifying().model("mood", Broken).enter();
    let answer = Plugin::new().unwrap().analyse(batch(&["不错"]));
    assert!(matches!(answer, Err(Error::Unavailable(_))));
}

#[test]
fn a_head_reads_the_vectors_of_a_model() {
    let head = r#"{"labels": ["bad", "good"], "weights": [[0, 1, 1], [0, 0, 0]], "bias": [0, 2]}"#;
    let with = |head: &str| {
        host()
            .config("embedding_model", "vectors")
            .config("sentiment_head", head)
    };
    let _host = with(head).model("vectors", Reader).enter();
    let found = Plugin::new()
        .unwrap()
        .analyse(batch(&["退款！", "fine"]))
        .unwrap();
    let said: Vec<&str> = found.iter().map(|one| sentiment(&one.sentiment)).collect();
    assert_eq!(said, ["bad", "good"]);
    let Reading::Known(good) = &found[1].sentiment else {
        panic!()
    };
    assert!((good.score - 1.0 / (1.0 + (-2f32).exp())).abs() < 1e-6);
    let short = r#"{"labels": ["bad", "good"], "weights": [[0], [0]], "bias": [0, 2]}"#;
    let _host = with(short).model("vectors", Reader).enter();
    let answer = Plugin::new().unwrap().analyse(batch(&["fine"]));
    assert!(matches!(answer, Err(Error::InvalidConfig(why)) if why.contains("vectors of 3")));
}

#[test]
fn themes_have_names_members_and_a_trend() {
    let _host = host()
        .config("embedding_model", "vectors")
        .config("themes", "2")
        .model("vectors", Reader)
        .enter();
    let said = |n: usize| Said {
        id: n.to_string(),
        text: match n {
            7 => String::new(),
            n if n < 20 => "重复扣款，申请退款".into(),
            _ => "the crash again, crash".into(),
        },
        at: Some(n as i64),
    };
    let batch: Vec<Said> = (0..50).map(said).collect();
    let themes = Plugin::new().unwrap().themes(batch).unwrap();
    let sizes: Vec<usize> = themes.iter().map(|theme| theme.members.len()).collect();
    assert_eq!(sizes, [30, 19]);
    assert_eq!(themes[0].terms[0], "crash");
    assert!(
        themes[1].terms.contains(&"重复扣款".into()),
        "{:?}",
        themes[1]
    );
    assert!(
        themes[1]
            .members
            .iter()
            .all(|place| *place < 20 && *place != 7)
    );
    assert_eq!(
        themes[0].trend.as_ref().unwrap().direction,
        Direction::Rising
    );
    let _host = host().config("embedding_model", "vectors").enter();
    let answer = Plugin::new().unwrap().themes(vec![said(1)]);
    assert!(matches!(answer, Err(Error::InvalidConfig(_))));
}
