//! Each kind of task, step by step.

use serde_json::{Value, json};
use steward_workflow::{Action, ApplyError, Call, Entry, Error, ErrorKind, Happened, Run, Status, Waiting, What};

use crate::common::{apply, at, begun, completed, facts, failed, fault, fired, keys, output, start, workflow};

fn action(run: &Run, key: &str) -> Action {
    run.pending().into_iter().find(|e| e.key == key).unwrap_or_else(|| panic!("{key} of {:?}", keys(run))).action
}

#[test]
fn calls_have_their_arguments_and_their_answers() {
    let mut run = start(
        "
do:
  - f: { call: 'steward:f@stable', with: { a: '${ .n + 1 }' } }
  - m: { call: 'model:m', with: { texts: [ '${ .said }' ] } }
  - bare: { call: 'steward:g' }
",
        json!({"n": 1}),
    );
    let Action::Call(Call::Function { function, input }) = action(&run, "/do/0/f") else { panic!() };
    assert_eq!((function.to_string().as_str(), input), ("steward:f@stable", json!({"a": 2})));
    apply(&mut run, 1, completed("/do/0/f", json!({"said": "好"})));
    let Action::Call(Call::Model { model, input }) = action(&run, "/do/1/m") else { panic!() };
    assert_eq!((model.name.as_str(), input), ("m", json!({"texts": ["好"]})));
    apply(&mut run, 2, completed("/do/1/m", json!([0.5])));
    let Action::Call(Call::Function { input, .. }) = action(&run, "/do/2/bare") else { panic!() };
    assert_eq!(input, json!([0.5]));
    apply(&mut run, 3, failed("/do/2/bare", Error::new(ErrorKind::Runtime, "no")));
    assert_eq!(fault(&run).instance.as_deref(), Some("/do/2/bare"));
    assert_eq!(run.apply(&Entry { at: at(4), what: What::Paused }), Err(ApplyError::Ended));
}

#[test]
fn requests_are_complete() {
    let run = start(
        "
use: { secrets: [ token ], authentications: { shop: { basic: { username: ann, password: '${ $secrets.token }' } } } }
do:
  - r:
      call: http
      with:
        method: post
        endpoint: { uri: 'https://shop.example/{kind}/{+path}', authentication: { use: shop } }
        headers: { X-Trace: '${ $workflow.id }', Absent: '${ null }' }
        query: { page: '${ .page }' }
        body: { of: '${ .kind }', bot: '${ \"Bot \\($secrets.token)\" }' }
        output: response
        redirect: true
",
        json!({"kind": "a b", "path": "x/y", "page": 2}),
    );
    let Action::Call(Call::Http(call)) = action(&run, "/do/0/r") else { panic!() };
    assert_eq!((call.method.as_str(), call.full_uri().as_str()), ("POST", "https://shop.example/a%20b/x/y?page=2"));
    assert_eq!(call.headers, [("x-trace".to_owned(), "01JD".to_owned())].into());
    let sent = call.with_secrets("m4rk", |name| (name == "token").then(|| "s3cret".to_owned())).unwrap();
    assert_eq!(sent.body, Some(json!({"of": "a b", "bot": "Bot s3cret"})));
    assert_eq!(serde_json::to_value(&sent.authentication).unwrap(), json!({"basic": {"username": "ann", "password": "s3cret"}}));
    // The value is nowhere before that.
    assert!(!String::from_utf8(run.snapshot()).unwrap().contains("s3cret"));
}

#[test]
fn a_request_whose_uri_lacks_a_part_fails() {
    for (endpoint, input, words) in [
        ("'https://x.example/{id}'", json!({}), "`id`"),
        ("'${ .uri }'", json!({"uri": "file:///etc/passwd"}), "no URI"),
        ("'${ .uri }'", json!({"uri": 5}), "no URI"),
        ("'${ .uri }'", json!({"uri": "https://x.example/a b"}), "no URI"),
    ] {
        let run = start(&format!("do: [ {{ r: {{ call: http, with: {{ method: get, endpoint: {endpoint} }} }} }} ]"), input);
        let error = fault(&run);
        assert!(error.is(ErrorKind::Expression) && error.detail.as_deref().unwrap().contains(words), "{error:?}");
    }
}

#[test]
fn a_secret_goes_into_requests_alone() {
    for (task, words) in [
        ("call: 'steward:f', with: { x: '${ $secrets.s }' }", "a function"),
        ("call: 'model:f', with: { x: '${ $secrets.s }' }", "a model"),
        ("call: 'extension:e', with: { payload: '${ $secrets.s }' }", "a step"),
        ("emit: { event: { with: { source: 'https://e.example', type: a, data: [ '${ $secrets.s }' ] } } }", "the event"),
        ("run: { workflow: { namespace: a, name: b, version: 1.0.0, input: { x: '${ $secrets.s }' } } }", "a workflow"),
        ("set: { x: '${ $secrets.s }' }", "the output of the run"),
    ] {
        let run = start(&format!("use: {{ secrets: [ s ] }}\ndo: [ {{ a: {{ {task} }} }} ]"), json!({}));
        let error = fault(&run);
        assert!(error.is(ErrorKind::Authorization), "{task}: {error:?}");
        assert!(error.detail.unwrap().contains(words), "{task}");
    }
}

#[test]
fn functions_of_use_are_called_with_their_arguments() {
    let mut run = start(
        "
use:
  functions:
    find:
      input: { schema: { document: { type: object, required: [ id ] } } }
      call: http
      with: { method: get, endpoint: 'https://x.example/{id}' }
      output: { as: .name }
    twice: { call: find, with: { id: '${ .id * 2 }' } }
do:
  - a: { call: find, with: { id: 1 }, output: { as: '{ first: . }' } }
  - b: { call: twice, with: { id: 2 } }
  - c: { call: find, with: { wrong: 1 } }
",
        json!({}),
    );
    assert_eq!(keys(&run), ["/do/0/a/function"]);
    let moments = apply(&mut run, 1, completed("/do/0/a/function", json!({"name": "x"})));
    let Happened::Completed { output } = &moments[1].what else { panic!() };
    assert_eq!(*output, json!({"first": "x"}));
    let Action::Call(Call::Http(call)) = action(&run, "/do/1/b/function/function") else { panic!() };
    assert_eq!(call.uri, "https://x.example/4");
    apply(&mut run, 2, completed("/do/1/b/function/function", json!({"name": "y"})));
    let error = fault(&run);
    assert!(error.is(ErrorKind::Validation));
    assert_eq!(error.instance.as_deref(), Some("/use/functions/find"));
}

#[test]
fn steps_of_an_extension_point_follow_each_other() {
    let mut run = start("do: [ { e: { call: 'extension:enrich', with: { payload: '${ .n }' } } } ]", json!({"n": 1}));
    let Action::Call(Call::Step { point, step, payload }) = action(&run, "/do/0/e/steps/0") else { panic!() };
    assert_eq!((point.as_str(), step.as_str(), payload), ("enrich", "a@sha256:1", json!(1)));
    apply(&mut run, 1, completed("/do/0/e/steps/0", json!(2)));
    let Action::Call(Call::Step { step, payload, .. }) = action(&run, "/do/0/e/steps/1") else { panic!() };
    assert_eq!((step.as_str(), payload), ("b@sha256:2", json!(2)));
    apply(&mut run, 2, completed("/do/0/e/steps/1", json!(3)));
    assert_eq!(output(&run), json!(3));
    // Nobody added a step: the payload goes through.
    let run = start("do: [ { e: { call: 'extension:nobody', with: { payload: '${ .n }' } } } ]", json!({"n": 1}));
    assert_eq!(output(&run), json!(1));
}

#[test]
fn events_are_published_complete_and_with_the_same_id_in_each_replay() {
    let text = "do: [ { e: { emit: { event: { with: { source: 'https://e.example', type: a.b, data: { n: '${ .n }' } } } } } } ]";
    let mut run = start(text, json!({"n": 1}));
    let Action::Emit { event } = action(&run, "/do/0/e") else { panic!() };
    assert_eq!((&event["specversion"], &event["type"], &event["data"]), (&json!("1.0"), &json!("a.b"), &json!({"n": 1})));
    assert_eq!(event["time"], json!(at(0).to_string()));
    assert_eq!(event["id"].as_str().map(str::len), Some(32));
    let Action::Emit { event: again } = action(&start(text, json!({"n": 1})), "/do/0/e") else { panic!() };
    assert_eq!(event, again);
    apply(&mut run, 1, completed("/do/0/e", Value::Null));
    assert_eq!(output(&run), event);
}

#[test]
fn waits_and_timeouts_come_in_their_time() {
    let mut run = start(
        "
timeout: { after: PT1H }
do:
  - slow: { call: 'steward:f', timeout: { after: { seconds: 30 } } }
",
        json!({}),
    );
    assert_eq!(keys(&run), ["#timeout", "/do/0/slow#timeout", "/do/0/slow"]);
    assert_eq!(run.wakes_at(), Some(at(30)));
    assert_eq!(run.due_by(at(29)), Vec::<String>::new());
    assert_eq!(run.due_by(at(7_200)), ["/do/0/slow#timeout", "#timeout"]);
    apply(&mut run, 30, fired("/do/0/slow#timeout"));
    let error = fault(&run);
    assert!(error.is(ErrorKind::Timeout));
    assert_eq!(error.instance.as_deref(), Some("/do/0/slow"));

    let mut run = start("timeout: { after: PT1H }\ndo: [ { w: { wait: '${ \"PT\\(.m)M\" }' } } ]", json!({"m": 5}));
    assert_eq!(action(&run, "/do/0/w"), Action::Wait { until: at(300), why: Waiting::Task });
    let mut late = run.clone();
    apply(&mut run, 300, fired("/do/0/w"));
    assert_eq!(output(&run), json!({"m": 5}));
    apply(&mut late, 3_600, fired("#timeout"));
    assert!(fault(&late).is(ErrorKind::Timeout));
    assert!(fault(&start("do: [ { w: { wait: '${ .m }' } } ]", json!({"m": "soon"}))).is(ErrorKind::Expression));
}

#[test]
fn branches_end_in_any_order_and_the_first_wins_where_they_compete() {
    let text = |compete: bool| {
        format!("do: [ {{ f: {{ fork: {{ compete: {compete}, branches: [ {{ a: {{ call: 'steward:a' }} }}, {{ b: {{ do: [ {{ c: {{ call: 'steward:c' }} }}, {{ d: {{ call: 'steward:d' }} }} ] }} }} ] }} }} }} ]")
    };
    let (a, c, d) = ("/do/0/f/fork/branches/0/a", "/do/0/f/fork/branches/1/b/do/0/c", "/do/0/f/fork/branches/1/b/do/1/d");
    let mut run = start(&text(false), json!({}));
    assert_eq!(keys(&run), [a, c]);
    apply(&mut run, 1, completed(c, json!(1)));
    apply(&mut run, 2, completed(d, json!("b")));
    assert_eq!(keys(&run), [a]);
    apply(&mut run, 3, completed(a, json!("a")));
    assert_eq!(output(&run), json!(["a", "b"]));

    let mut run = start(&text(true), json!({}));
    apply(&mut run, 1, failed(a, Error::new(ErrorKind::Runtime, "out")));
    apply(&mut run, 2, completed(c, json!(1)));
    apply(&mut run, 3, completed(d, json!("b")));
    assert_eq!(output(&run), json!("b"));

    let mut run = start(&text(false), json!({}));
    apply(&mut run, 1, failed(a, Error::new(ErrorKind::Runtime, "out")));
    assert_eq!(fault(&run).instance.as_deref(), Some(a));
    assert_eq!(run.pending(), []);
}

#[test]
fn rounds_and_visits_have_keys_of_their_own() {
    let mut run = start("do: [ { l: { for: { in: .items }, do: [ { c: { call: 'steward:c', with: { item: '${ $item }', at: '${ $index }' } } } ] } } ]", json!({"items": ["x", "y"]}));
    assert_eq!(keys(&run), ["/do/0/l[0]/do/0/c"]);
    apply(&mut run, 1, completed("/do/0/l[0]/do/0/c", json!(1)));
    let Action::Call(Call::Function { input, .. }) = action(&run, "/do/0/l[1]/do/0/c") else { panic!() };
    assert_eq!(input, json!({"item": "y", "at": 1}));
    apply(&mut run, 2, completed("/do/0/l[1]/do/0/c", json!(2)));
    assert_eq!(output(&run), json!(2));

    let mut run = start("do: [ { a: { call: 'steward:a' } }, { b: { switch: [ { more: { when: .more, then: a } } ] } } ]", json!({}));
    apply(&mut run, 1, completed("/do/0/a", json!({"more": true})));
    assert_eq!(keys(&run), ["/do/0/a@2"]);
    let old = run.apply(&Entry { at: at(2), what: completed("/do/0/a", json!({})) });
    assert_eq!(old, Err(ApplyError::NotWaiting("/do/0/a".into())));
    apply(&mut run, 2, completed("/do/0/a@2", json!({"more": false})));
    assert_eq!(output(&run), json!({"more": false}));
    assert!(fault(&start("do: [ { l: { for: { in: .none }, do: [] } } ]", json!({}))).detail.unwrap().contains("no list"));
}

#[test]
fn workflows_are_run_and_awaited_or_not() {
    let text = |wait: bool| format!("do: [ {{ r: {{ run: {{ await: {wait}, workflow: {{ namespace: a, name: b, version: 1.0.0, input: {{ n: '${{ .n }}' }} }} }} }} }} ]");
    for (wait, expected) in [(true, json!("done")), (false, json!({"n": 1}))] {
        let mut run = start(&text(wait), json!({"n": 1}));
        let Action::Subflow { workflow, input, wait: awaited } = action(&run, "/do/0/r") else { panic!() };
        assert_eq!((workflow.name.as_str(), input, awaited), ("b", json!({"n": 1}), wait));
        apply(&mut run, 1, completed("/do/0/r", json!("done")));
        assert_eq!(output(&run), expected);
    }
}

#[test]
fn a_run_is_paused_resumed_and_cancelled() {
    let mut run = start("do: [ { a: { call: 'steward:a' } }, { b: { call: 'steward:b' } } ]", json!({}));
    apply(&mut run, 1, What::Paused);
    assert_eq!((run.status(), run.pending(), run.outstanding().len()), (Status::Paused, vec![], 1));
    // What was begun still ends, and nothing new is to be begun.
    apply(&mut run, 2, completed("/do/0/a", json!(1)));
    assert_eq!((run.status(), run.pending()), (Status::Paused, vec![]));
    apply(&mut run, 3, What::Resumed);
    assert_eq!(keys(&run), ["/do/1/b"]);
    apply(&mut run, 4, What::Cancelled { reason: "enough".into() });
    assert_eq!(run.status(), Status::Cancelled { reason: "enough".into() });
    assert_eq!(run.pending(), []);
}

#[test]
fn entries_that_fit_nothing_change_nothing() {
    let mut run = start("do: [ { a: { call: 'steward:a' } } ]", json!({}));
    let before = run.clone();
    for (what, expected) in [
        (completed("/do/0/b", json!(1)), ApplyError::NotWaiting("/do/0/b".into())),
        (fired("/do/0/a"), ApplyError::Unexpected { key: "/do/0/a".into(), what: "a time" }),
        (fired("/do/0/a#timeout"), ApplyError::NotWaiting("/do/0/a#timeout".into())),
    ] {
        assert_eq!(run.apply(&Entry { at: at(1), what }), Err(expected));
        assert_eq!(run, before);
    }
}

#[test]
fn a_clock_that_went_back_is_not_followed() {
    let mut run = start("do: [ { a: { call: 'steward:a' } }, { w: { wait: PT1M } } ]", json!({}));
    apply(&mut run, -3_600, completed("/do/0/a", json!(1)));
    assert_eq!((run.now(), run.wakes_at()), (at(0), Some(at(60))));
}

#[test]
fn outputs_and_contexts_are_held_against_their_schemas() {
    for (part, words) in [("output: { schema: { document: { type: string } } }", "the output"), ("export: { as: .n, schema: { document: { type: string } } }", "the context")] {
        let run = start(&format!("do: [ {{ a: {{ set: {{ n: 1 }}, {part} }} }} ]"), json!({}));
        let error = fault(&run);
        assert!(error.is(ErrorKind::Validation) && error.detail.unwrap().contains(words));
    }
    let run = start("do: [ { a: { set: { n: 1 } } } ]\noutput: { schema: { document: { type: object, required: [ m ] } } }", json!({}));
    assert!(fault(&run).is(ErrorKind::Validation));
}

#[test]
fn what_tasks_did_is_told_once() {
    let (mut run, first) = Run::start(
        workflow("do: [ { a: { set: { n: 1 } } }, { skipped: { if: 'false', set: { n: 2 } } }, { b: { call: 'steward:b' } } ]"),
        json!({}),
        facts(),
    );
    assert_eq!(begun(&first), ["a", "b"]);
    assert!(first.iter().any(|m| m.what == Happened::Skipped && m.task == "/do/1/skipped"));
    let then = apply(&mut run, 3, completed("/do/2/b", json!(5)));
    assert_eq!(then.len(), 1);
    assert_eq!((then[0].at, &then[0].what), (at(3), &Happened::Completed { output: json!(5) }));
}
