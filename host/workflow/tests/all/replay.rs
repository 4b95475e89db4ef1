//! A run that is made again is the same run: at every place of its journal, from its entries and from a snapshot.

use proptest::prelude::*;
use serde_json::{Value, json};
use steward_workflow::{
    Action, ApplyError, Entry, Error, ErrorKind, Facts, Happened, RestoreError, Run, What, Workflow,
};

use crate::common::{at, definition, drive, facts, output, start, workflow};

/// One of everything, and all of it together.
const EVERYTHING: &str = "
use:
  retries: { some: { delay: PT1S, backoff: { exponential: {} }, jitter: { from: PT0S, to: PT5S }, limit: { attempt: { count: 2 } } } }
timeout: { after: P30D }
do:
  - begin: { set: { n: 0, path: [] }, export: { as: '{ started: now }' } }
  - both:
      fork:
        branches:
          - left:
              for: { in: '[1, 2, 3]' }
              do:
                - call: { call: 'steward:f', with: { item: '${ $item }', at: '${ now }' } }
                - pause: { if: '$item == 2', wait: PT1M }
          - right:
              try:
                - unsure: { call: 'steward:g', timeout: { after: PT20S } }
                - more: { emit: { event: { with: { source: 'https://e.example', type: more, data: '${ . }' } } } }
              catch: { retry: some, do: [ { note: { set: { gaveUp: '${ $error.status }' } } } ] }
          - heard:
              listen: { to: { any: [ { with: { type: tick } } ], until: '${ length == 2 }' } }
              foreach: { do: [ { work: { call: 'steward:h', with: { event: '${ $item }' } } } ] }
              timeout: { after: PT10M }
  - extended: { call: 'extension:enrich', with: { payload: '${ . }' } }
  - sub: { run: { workflow: { namespace: test, name: other, version: 1.0.0, input: { of: '${ . }' } } } }
  - again: { switch: [ { back: { when: '(. | tojson | length) % 3 == 0', then: sub } } ] }
output: { as: '{ output: ., context: $context, at: now }' }
";

/// Moves a run on by one entry that a number draws from all that could happen to it; none where it has ended.
fn happen(run: &Run, drawn: u32) -> Option<Entry> {
    let pending = run.outstanding();
    let effect = pending.get(drawn as usize % pending.len().max(1))?;
    let key = effect.key.clone();
    let dice = drawn / 64 % 16;
    let later = i64::from(drawn / 1024 % 100) - 10;
    let what = match (&effect.action, dice) {
        (_, 15) => What::Paused,
        (_, 14) => What::Resumed,
        (_, 13) if drawn.is_multiple_of(7) => What::Cancelled {
            reason: "drawn".into(),
        },
        (Action::Wait { .. }, _) => What::Fired { key },
        (Action::Listen { .. }, _) => What::Event {
            key,
            event: json!({"type": "tick", "data": {"drawn": drawn}}),
        },
        (_, 0..=3) => What::Failed {
            key,
            error: Error::new(ErrorKind::Communication, "drawn").with_status(503),
        },
        _ => What::Completed {
            key,
            output: json!({"drawn": drawn}),
        },
    };
    let at = run
        .now()
        .checked_add(jiff::SignedDuration::from_secs(later))
        .ok()?;
    Some(Entry { at, what })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_run_is_the_same_at_every_place_of_its_journal(drawn in proptest::collection::vec(any::<u32>(), 0..40)) {
        let workflow = workflow(EVERYTHING);
        let (mut live, _) = Run::start(workflow.clone(), json!({"n": 1}), facts());
        let mut journal: Vec<Entry> = Vec::new();
        for drawn in drawn {
            let Some(entry) = happen(&live, drawn) else { break };
            let before = live.clone();
            let moments = live.apply(&entry);
            // Entries go through JSON, as a journal keeps them.
            let kept: Entry = serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap();
            prop_assert_eq!(&kept, &entry);
            if moments.is_err() {
                prop_assert_eq!(&live, &before);
                continue;
            }
            journal.push(kept);
            let replayed = Run::replay(workflow.clone(), json!({"n": 1}), facts(), &journal).unwrap();
            prop_assert_eq!(&replayed, &live);
            prop_assert_eq!(replayed.pending(), live.pending());
            let snapshot = live.snapshot();
            let restored = Run::restore(workflow.clone(), &snapshot).unwrap();
            prop_assert_eq!(&restored, &live);
            prop_assert_eq!(restored.snapshot(), snapshot);
            // A step is outstanding once.
            let mut keys: Vec<String> = live.outstanding().into_iter().map(|e| e.key).collect();
            keys.sort();
            let all = keys.len();
            keys.dedup();
            prop_assert_eq!(keys.len(), all);
        }
    }

    #[test]
    fn whatever_a_text_is_it_is_read_or_refused(text in "\\PC*") {
        let _ = Workflow::parse(&text);
    }

    #[test]
    fn whatever_a_task_is_it_is_read_or_refused(key in "call|do|for|fork|switch|try|listen|emit|raise|run|set|wait", value in value()) {
        let task = json!({key: value}).to_string();
        if let Ok(workflow) = Workflow::parse(&definition(&format!("do: [ {{ a: {task} }} ]"))) {
            let (run, _) = Run::start(workflow, json!({"a": [1]}), facts());
            let _ = (run.pending(), run.status());
        }
    }

    #[test]
    fn whatever_an_expression_is_it_is_computed_or_refused(expression in "[ -~]{1,40}", input in value()) {
        let task = json!({"set": {"x": format!("${{ {expression} }}")}}).to_string();
        if let Ok(workflow) = Workflow::parse(&definition(&format!("do: [ {{ a: {task} }} ]"))) {
            let (run, _) = Run::start(workflow, input, facts());
            prop_assert!(run.status().is_final());
        }
    }
}

/// JSON with the words of the language among its keys.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..100).prop_map(Value::from),
        "[a-z]{1,5}|\\$\\{ \\.[a-z]{1,3} \\}|PT1S|https://x\\.example/\\{a\\}"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = "with|method|endpoint|in|each|branches|one|any|all|until|error|type|status|event|source|workflow|name|when|then|a|b";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn a_run_is_done_again_from_any_step() {
    let text = "do: [ { a: { call: 'steward:a' } }, { l: { for: { in: '[1, 2]' }, do: [ { b: { call: 'steward:b' } } ] } }, { c: { call: 'steward:c' } } ]";
    let mut run = start(text, json!({}));
    let mut count = 0;
    let (journal, _) = drive(&mut run, Vec::new(), &mut |_| {
        count += 1;
        Ok(json!(count))
    });
    assert_eq!(output(&run), json!(4));
    for (key, entries) in [
        ("/do/0/a", 0),
        ("/do/1/l", 1),
        ("/do/1/l[1]/do/0/b", 2),
        ("/do/2/c", 3),
    ] {
        let (again, place) =
            Run::rewind(workflow(text), json!({}), facts(), &journal, key).unwrap();
        assert_eq!(place, entries, "{key}");
        assert!(again.pending()[0].key.starts_with(key));
    }
    let none = Run::rewind(workflow(text), json!({}), facts(), &journal, "/do/9/x").unwrap_err();
    assert_eq!(none, (4, ApplyError::NotWaiting("/do/9/x".into())));
}

#[test]
fn a_journal_that_does_not_fit_says_where() {
    let text = "do: [ { a: { call: 'steward:a' } } ]";
    let entry = |key: &str| Entry {
        at: at(1),
        what: What::Completed {
            key: key.into(),
            output: Value::Null,
        },
    };
    let wrong = Run::replay(
        workflow(text),
        json!({}),
        facts(),
        &[entry("/do/0/a"), entry("/do/0/a")],
    )
    .unwrap_err();
    assert_eq!(wrong, (1, ApplyError::Ended));
}

#[test]
fn a_snapshot_is_of_its_definition() {
    let run = start("do: [ { a: { call: 'steward:a' } } ]", json!({}));
    let other = workflow("do: [ { b: { call: 'steward:b' } } ]");
    assert!(matches!(
        Run::restore(other.clone(), &run.snapshot()),
        Err(RestoreError::OtherDefinition(_))
    ));
    assert!(matches!(
        Run::restore(other, b"{}"),
        Err(RestoreError::Unreadable(_))
    ));
}

#[test]
fn many_runs_that_wait_are_small() {
    let text = "do: [ { a: { listen: { to: { one: { with: { type: go } } } } } } ]";
    let one = start(text, json!({"order": 1}));
    assert!(one.snapshot().len() < 1_500, "{}", one.snapshot().len());
    let workflow = workflow(text);
    for n in 0..1_000 {
        let facts = Facts {
            run: format!("run-{n}"),
            ..facts()
        };
        let (run, moments) = Run::start(workflow.clone(), json!({"order": n}), facts);
        assert!(
            moments
                .iter()
                .all(|m| matches!(m.what, Happened::Started { .. }))
        );
        assert_eq!(run.pending().len(), 1);
    }
}
