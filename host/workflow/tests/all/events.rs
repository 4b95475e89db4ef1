//! Waiting for events.

use serde_json::{Value, json};
use steward_workflow::{Action, ApplyError, Entry, Run};

use crate::common::{apply, at, completed, event, keys, output, start};

fn listening(to: &str, more: &str) -> Run {
    start(&format!("do: [ {{ l: {{ listen: {{ to: {to} }} {more} }} }} ]"), json!({"room": 7}))
}

fn happened(kind: &str, data: Value) -> Value {
    json!({"specversion": "1.0", "id": "1", "source": "https://e.example", "type": kind, "data": data})
}

const KEY: &str = "/do/0/l";

fn hear(run: &mut Run, kind: &str, data: Value) {
    apply(run, 1, event(KEY, happened(kind, data)));
}

#[test]
fn one_event_is_waited_for_by_its_attributes() {
    let mut run = listening("{ one: { with: { type: a, data: '${ .n > 1 }' } } }", "");
    assert_eq!(run.pending()[0].action, Action::Listen { types: vec!["a".into()] });
    for other in [happened("b", json!({"n": 2})), happened("a", json!({"n": 1})), happened("a", json!("text")), json!({}), json!(5)] {
        assert!(!run.accepts(KEY, &other), "{other}");
        let entry = Entry { at: at(1), what: event(KEY, other) };
        assert_eq!(run.apply(&entry), Err(ApplyError::NotAccepted(KEY.into())));
    }
    hear(&mut run, "a", json!({"n": 2}));
    assert_eq!(output(&run), json!([{"n": 2}]));
}

#[test]
fn an_expression_may_compute_what_an_attribute_is_to_be() {
    let run = listening("{ one: { with: { type: '${ \"room-\\($input.room)\" }' } } }", "");
    assert_eq!(run.pending()[0].action, Action::Listen { types: vec![] });
    assert!(run.accepts(KEY, &happened("room-7", json!(1))));
    assert!(!run.accepts(KEY, &happened("room-8", json!(1))));
}

#[test]
fn all_events_come_in_any_order_and_one_counts_once() {
    let mut run = start("do: [ { l: { listen: { to: { all: [ { with: { type: a } }, { with: { type: b } } ] }, read: envelope } } } ]", json!({}));
    hear(&mut run, "b", json!(1));
    assert!(!run.accepts(KEY, &happened("b", json!(2))));
    hear(&mut run, "a", json!(3));
    let read = output(&run);
    assert_eq!((&read[0]["type"], &read[1]["data"]), (&json!("b"), &json!(3)));
}

#[test]
fn any_ends_with_its_first_event_or_when_it_is_told() {
    let mut run = listening("{ any: [] }", "");
    assert_eq!(run.pending()[0].action, Action::Listen { types: vec![] });
    hear(&mut run, "whatever", json!(1));
    assert_eq!(output(&run), json!([1]));

    let mut run = listening("{ any: [ { with: { type: a } } ], until: '( . | length ) > 2' }", "");
    for n in 1..=3 {
        hear(&mut run, "a", json!(n));
    }
    assert_eq!(output(&run), json!([1, 2, 3]));

    let mut run = listening("{ any: [ { with: { type: a } } ], until: { all: [ { with: { type: x } }, { with: { type: y } } ] } }", "");
    let Action::Listen { types } = run.pending()[0].action.clone() else { panic!() };
    assert_eq!(types, ["a", "x", "y"]);
    for (kind, n) in [("a", 1), ("y", 0), ("a", 2), ("x", 0)] {
        hear(&mut run, kind, json!(n));
    }
    assert_eq!(output(&run), json!([1, 2]));
}

#[test]
fn correlated_events_agree() {
    let both = "{ all: [ { with: { type: t }, correlate: { room: { from: .room } } }, { with: { type: h }, correlate: { room: { from: .room } } } ] }";
    let mut run = listening(both, "");
    let with = |kind: &str, room: Value| json!({"type": kind, "room": room, "data": kind});
    apply(&mut run, 1, event(KEY, with("t", json!(1))));
    assert!(!run.accepts(KEY, &with("h", json!(2))));
    apply(&mut run, 2, event(KEY, with("h", json!(1))));
    assert_eq!(output(&run), json!(["t", "h"]));

    for expect in ["'${ .room }'", "'7'"] {
        let run = listening(&format!("{{ one: {{ with: {{ type: t }}, correlate: {{ room: {{ from: .room, expect: {expect} }} }} }} }}"), "");
        assert!(run.accepts(KEY, &with("t", json!(7))), "{expect}");
        assert!(!run.accepts(KEY, &with("t", json!(8))));
        assert!(!run.accepts(KEY, &with("t", Value::Null)));
    }
}

#[test]
fn each_event_is_worked_on_in_its_turn_while_more_come() {
    let mut run = listening(
        "{ any: [ { with: { type: a } } ], until: '${ length == 2 }' }",
        ", foreach: { item: e, at: i, do: [ { c: { call: 'steward:c', with: { e: '${ $e }', i: '${ $i }' } } } ], output: { as: '{ got: . }' }, export: { as: '{ last: $e }' } }",
    );
    hear(&mut run, "a", json!("x"));
    assert_eq!(keys(&run), [KEY, "/do/0/l[0]/foreach/do/0/c"]);
    hear(&mut run, "a", json!("y"));
    // No more are asked for, and the second waits for the first.
    assert_eq!(keys(&run), ["/do/0/l[0]/foreach/do/0/c"]);
    apply(&mut run, 2, completed("/do/0/l[0]/foreach/do/0/c", json!(1)));
    assert_eq!(run.context(), &json!({"last": "x"}));
    let input = serde_json::to_value(&run.pending()[0].action).unwrap()["input"].clone();
    assert_eq!(input, json!({"e": "y", "i": 1}));
    apply(&mut run, 3, completed("/do/0/l[1]/foreach/do/0/c", json!(2)));
    assert_eq!(output(&run), json!([{"got": 1}, {"got": 2}]));
}

#[test]
fn an_approval_has_a_deadline() {
    let mut run = start(
        "
do:
  - approval:
      try:
        - ask: { listen: { to: { one: { with: { type: approval, data: '${ .approved }' } } } }, timeout: { after: P1D } }
      catch:
        errors: { with: { status: 408 } }
        do: [ { refused: { set: { approved: false } } } ]
",
        json!({}),
    );
    assert_eq!(run.wakes_at(), Some(at(86_400)));
    apply(&mut run, 86_400, crate::common::fired("/do/0/approval/try/0/ask#timeout"));
    assert_eq!(output(&run), json!({"approved": false}));
}
