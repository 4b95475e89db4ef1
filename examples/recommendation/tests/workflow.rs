//! The workflow of the example: who is asked for what, and when nothing is published.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_workflow::{Action, Call, Entry, Facts, Run, Status, What, Workflow};

const DEFINITION: &str = include_str!("../recommendations.yaml");

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_800_000_000).unwrap()
}

/// What a function answers here: enough to see who gets what. `quality` is that of the ranking by texts.
fn answer(function: &str, input: &Value, quality: f64) -> Value {
    match function {
        "steward:recommender/collect" => json!({
            "through": 17,
            "interactions": [{ "user": "a", "item": "tea", "value": 1.0 }, { "user": "a", "item": "pot", "value": 3.0 }],
            "customers": ["a", "b"],
            "train": [{ "user": "a", "item": "tea", "value": 1.0 }],
            "held_out_customers": ["a"],
        }),
        "steward:feedback/recommend" => {
            let recommender = &input["recommender"];
            let name = recommender.as_str().map(str::to_owned);
            let name = name.unwrap_or_else(|| {
                recommender
                    .as_object()
                    .unwrap()
                    .keys()
                    .next()
                    .unwrap()
                    .clone()
            });
            let (interactions, users) = (
                input["interactions"].as_array().unwrap(),
                input["users"].as_array().unwrap(),
            );
            json!([name, interactions.len(), users.len()])
        }
        "steward:recommender/measure" => json!({
            "asked": input,
            "rankings": { "ranked_by_texts": { "ndcg": quality }, "popularity": { "ndcg": 0.1 } },
        }),
        "steward:recommender/publish" => json!({ "asked": input }),
        other => panic!("nobody asks `{other}`"),
    }
}

fn run(quality: f64) -> (Status, Vec<String>) {
    let workflow = Workflow::parse(DEFINITION).unwrap_or_else(|problems| panic!("{problems}"));
    let facts = Facts {
        run: "01".into(),
        at: now(),
        mark: "m4rk".into(),
        extensions: Default::default(),
    };
    let (mut run, _) = Run::start(workflow, json!({}), facts);
    let mut asked = Vec::new();
    while let Some(effect) = run.pending().into_iter().next() {
        let Action::Call(Call::Function { function, input }) = effect.action else {
            panic!("it does more than to call functions: {effect:?}");
        };
        let output = answer(&function.to_string(), &input, quality);
        asked.push(function.to_string());
        run.apply(&Entry {
            at: now(),
            what: What::Completed {
                key: effect.key,
                output,
            },
        })
        .unwrap();
    }
    (run.status(), asked)
}

#[test]
fn recommenders_are_measured_on_what_is_held_back_and_published_with_all_that_is_known() {
    let (status, asked) = run(0.3);
    let Status::Completed { output } = status else {
        panic!("{status:?}");
    };
    assert_eq!(asked.len(), 8, "{asked:?}");
    let tried = &output["quality"]["asked"];
    assert_eq!(tried["through"], 17);
    assert_eq!(
        tried["lists"],
        json!({ "popularity": ["popularity", 1, 1], "item_knn": ["item_knn", 1, 1], "als": ["als", 1, 1] })
    );
    let published = &output["published"]["asked"];
    assert_eq!(
        published,
        &json!({ "through": 17, "lists": { "item_knn": ["item_knn", 2, 2], "als": ["als", 2, 2] } })
    );
}

#[test]
fn what_is_no_better_than_popularity_is_not_published() {
    let (status, asked) = run(0.1);
    let Status::Faulted { error } = status else {
        panic!("{status:?}");
    };
    assert!(
        format!("{error:?}").contains("no better than what is popular"),
        "{error:?}"
    );
    assert!(
        !asked.iter().any(|function| function.ends_with("/publish")),
        "{asked:?}"
    );
}
