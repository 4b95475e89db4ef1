//! What outweighs what.

use serde_json::{Value, json};
use steward_registry::labelling::LabelKind;

use super::*;
use crate::labelling::AutoGiven;

/// A project with the labels x and y, or with parts of texts that have them.
fn project(kind: LabelKind) -> Project {
    let json = json!({
        "name": "p", "guideline": 3, "created_at": "2026-03-01T12:00:00Z", "created_by": "ann",
        "spec": { "kind": kind, "labels": ["x", "y"], "overlap": 2 },
    });
    serde_json::from_value(json).unwrap()
}

fn task(position: u64, said: &[(&str, Value)], more: Value) -> LabelledTask {
    let at = "2026-03-01T12:00:00Z";
    let name = format!("t{position}");
    let said = said.iter().map(|(who, label)| {
        json!({ "task": name, "annotator": who, "label": label, "guideline": 2, "created_at": at })
    });
    let mut task = json!({
        "position": position, "task": name, "data": null, "gold": null, "rank": 0, "created_at": at,
        "state": "complete", "annotations": said.collect::<Vec<_>>(), "predictions": [], "adjudications": [],
    });
    let task_object = task.as_object_mut().unwrap();
    task_object.extend(more.as_object().unwrap().clone());
    serde_json::from_value(task).unwrap()
}

fn choice(label: &str) -> Value {
    json!({ "choice": label })
}

fn predicted(task: &str, label: &str, confidence: f64) -> Value {
    let at = "2026-03-01T12:00:00Z";
    json!([{ "task": task, "source": "m@1.0.0", "label": choice(label), "confidence": confidence, "created_at": at }])
}

fn decided(kind: LabelKind, tasks: &[LabelledTask], given: &DecideGiven) -> Vec<(Method, Value)> {
    let decided = decide(&project(kind), tasks, given, None).unwrap().tasks;
    let pairs = decided.into_iter().map(|d| (d.method, json!(d.label)));
    pairs.collect()
}

#[test]
fn gold_outweighs_a_judge_a_judge_votes_and_votes_a_model() {
    let votes = [("a", choice("x")), ("b", choice("x"))];
    let judged = json!([{ "number": 1, "label": choice("y"), "reason": "", "guideline": 1,
        "created_at": "2026-03-01T12:00:00Z", "created_by": "judge" }]);
    let open = |position: u64, confidence| {
        let predictions = predicted(&format!("t{position}"), "y", confidence);
        task(
            position,
            &votes[..1],
            json!({ "state": "open", "predictions": predictions }),
        )
    };
    let tasks = [
        task(
            1,
            &votes,
            json!({ "state": "gold", "gold": choice("y"), "adjudications": judged }),
        ),
        task(
            2,
            &votes,
            json!({ "state": "adjudicated", "adjudications": judged }),
        ),
        task(
            3,
            &votes,
            json!({ "predictions": predicted("t3", "y", 1.0) }),
        ),
        task(
            4,
            &[("a", choice("x")), ("b", choice("y"))],
            json!({ "predictions": predicted("t4", "y", 1.0) }),
        ),
        open(5, 0.9),
        open(6, 0.8),
    ];
    let mut given = DecideGiven::default();
    let found = |given: &DecideGiven| decided(LabelKind::Choice, &tasks, given);
    let certain = [
        (Method::Gold, choice("y")),
        (Method::Adjudication, choice("y")),
        (Method::Majority, choice("x")),
        (Method::Undecided, Value::Null),
    ];
    let undecided = (Method::Undecided, Value::Null);
    assert_eq!(found(&given)[..4], certain);
    assert_eq!(found(&given)[4..], [undecided.clone(), undecided.clone()]);
    given.auto = Some(AutoGiven {
        threshold: Some(0.9),
        ..AutoGiven::default()
    });
    assert_eq!(found(&given)[..4], certain);
    assert_eq!(
        found(&given)[4..],
        [(Method::Model, choice("y")), undecided]
    );
    // A vote outweighs the model once votes decide before there are enough.
    given.partial = true;
    let early = (Method::Majority, choice("x"));
    assert_eq!(found(&given)[4..], [early.clone(), early]);
    let all = decide(&project(LabelKind::Choice), &tasks, &given, None).unwrap();
    assert_eq!(all.tasks[3].tied, ["x", "y"]);
    assert_eq!((all.tasks[1].guideline, all.tasks[2].guideline), (1, 2));
    assert_eq!(all.sure.unwrap().model, "m@1.0.0");
}

#[test]
fn every_part_of_a_text_is_voted_on() {
    let span = |start, label: &str| json!({ "start": start, "end": start + 2, "label": label });
    let spans = |spans: &[Value]| json!({ "spans": spans });
    let (one, two) = (span(0, "x"), span(5, "y"));
    let both = spans(&[one.clone(), two.clone()]);
    let first = spans(std::slice::from_ref(&one));
    let tasks = [
        task(1, &[("a", both.clone()), ("b", both.clone())], json!({})),
        task(
            2,
            &[
                ("a", both.clone()),
                ("b", first.clone()),
                ("c", first.clone()),
            ],
            json!({}),
        ),
        task(3, &[("a", spans(&[])), ("b", spans(&[]))], json!({})),
        task(4, &[("a", both.clone()), ("b", first.clone())], json!({})),
    ];
    let given = DecideGiven::default();
    let majority = |label: &Value| (Method::Majority, label.clone());
    assert_eq!(
        decided(LabelKind::Spans, &tasks, &given),
        [
            majority(&both),
            majority(&first),
            majority(&spans(&[])),
            (Method::Undecided, Value::Null)
        ]
    );
    let all = decide(&project(LabelKind::Spans), &tasks, &given, None)
        .unwrap()
        .tasks;
    assert_eq!(all[3].tied, ["5-7 y"]);
    assert_eq!(all[1].confidence, Some(2.0 / 3.0));
    assert_eq!(decided(LabelKind::Spans, &[], &given), []);
}

#[test]
fn a_model_must_have_spoken_and_be_asked_for_in_one_way() {
    let tasks = [task(
        1,
        &[],
        json!({ "state": "open", "predictions": predicted("t1", "x", 0.5) }),
    )];
    let ask = |tasks: &[LabelledTask], auto: AutoGiven| {
        let given = DecideGiven {
            auto: Some(auto),
            ..DecideGiven::default()
        };
        decide(&project(LabelKind::Choice), tasks, &given, None)
    };
    let auto = |model: Option<&str>, threshold, precision| AutoGiven {
        model: model.map(str::to_owned),
        threshold,
        precision,
    };
    assert!(ask(&tasks, auto(None, Some(0.5), None)).is_ok());
    assert!(ask(&tasks, auto(Some("m@1.0.0"), Some(0.5), None)).is_ok());
    for wrong in [
        auto(Some("n@1.0.0"), Some(0.5), None),
        auto(None, Some(f64::NAN), None),
        auto(None, Some(-0.1), None),
        auto(None, Some(0.5), Some(0.5)),
        auto(None, None, None),
        // Nothing is known that would show it.
        auto(None, None, Some(0.5)),
    ] {
        assert!(ask(&tasks, wrong.clone()).is_err(), "{wrong:?}");
    }
    assert!(ask(&[], auto(None, Some(0.5), None)).is_err());
}
