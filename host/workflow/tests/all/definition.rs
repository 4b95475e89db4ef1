//! What is refused, with its place.

use steward_workflow::{FunctionRef, MAX_DEFINITION, Workflow};

use crate::common::{definition, problems, workflow};

/// Checks that each pointer is there with these words.
fn expect(rest: &str, wanted: &[(&str, &str)]) {
    let found = problems(rest);
    for (pointer, words) in wanted {
        assert!(
            found
                .iter()
                .any(|(p, reason)| p == pointer && reason.contains(words)),
            "no `{words}` at `{pointer}` in {found:#?}"
        );
    }
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
}

#[test]
fn every_problem_is_told_at_once() {
    expect(
        "
surprise: 1
use:
  extensions: []
  secrets: [ 'bad name' ]
  retries: { often: { backoff: { quadratic: {} } } }
do:
  - a: { set: {} }
  - a: { wait: soon }
  - b: { call: grpc, with: {} }
  - c: { run: { container: { image: x } } }
  - d: { call: missing }
  - e: { set: { x: '${ .a | nothing }' }, then: nowhere }
  - f: { set: { x: '${ $unknown }' } }
  - g: {}
  - h: { call: http, with: { method: get, endpoint: 'ftp://x' } }
  - i: { raise: { error: unknown } }
  - 'bad/name': { set: { a: 1 } }
  - k: { for: { each: input, in: .x }, do: [] }
  - l: { try: [], catch: { retry: never } }
  - m: { set: { a: 1 }, timeout: unknown, colour: red }
",
        &[
            ("/surprise", "has no `surprise`"),
            ("/use/extensions", "use.extensions"),
            ("/use/secrets/0", "a secret has a name"),
            ("/use/retries/often/backoff", "quadratic"),
            ("/do/0/a/set", "one key at least"),
            ("/do/1", "two tasks"),
            ("/do/1/a/wait", "ISO 8601"),
            ("/do/2/b/call", "grpc"),
            ("/do/3/c/run/container", "container"),
            ("/do/4/d/call", "`missing`"),
            ("/do/5/e/then", "`nowhere`"),
            ("/do/5/e/set/x", "`nothing`"),
            ("/do/6/f/set/x", "$unknown"),
            ("/do/7/g", "one of call"),
            ("/do/8/h/with/endpoint", "https://"),
            ("/do/9/i/raise/error", "`unknown`"),
            ("/do/10", "cannot name a task"),
            ("/do/11/k/for/each", "means something else"),
            ("/do/12/l/catch/retry", "`never`"),
            ("/do/13/m/timeout", "`unknown`"),
            ("/do/13/m/colour", "has no `colour`"),
        ],
    );
}

/// Our own rules let a number stand in a query, for an expression may give one; the schema of the specification wants a text.
#[test]
fn what_the_schema_of_the_specification_alone_forbids_is_refused_at_its_task() {
    let asks = |page: &str| {
        format!(
            "
do:
  - first: {{ set: {{ x: 1 }} }}
  - ask: {{ call: http, with: {{ method: get, endpoint: 'https://api.example/x', query: {{ page: {page} }} }} }}
"
        )
    };
    workflow(&asks("'2'"));
    workflow(&asks("'${ .page }'"));
    let found = problems(&asks("2"));
    assert!(!found.is_empty());
    for (pointer, reason) in &found {
        assert_eq!(pointer, "/do/1/ask", "{found:#?}");
        assert!(
            reason.starts_with("it is not as the specification has it: "),
            "{found:#?}"
        );
    }
}

#[test]
fn names_and_versions_of_the_document_keep_their_rules() {
    let problems = Workflow::parse(
        "document: { dsl: 2.0.0, namespace: Default, name: a--b, version: 1.0 }\ndo: []",
    )
    .unwrap_err();
    let pointers: Vec<&str> = problems.0.iter().map(|p| p.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/document/namespace",
            "/document/name",
            "/document/version",
            "/document/dsl"
        ]
    );
    let numbered =
        Workflow::parse("document: { dsl: 1.0.3, namespace: a, name: a, version: 1.5 }\ndo: []")
            .unwrap_err();
    assert!(numbered.0[0].reason.contains("quotes"), "{numbered}");
}

#[test]
fn a_loop_that_does_nothing_is_refused_and_one_that_waits_is_not() {
    expect(
        "do: [ { a: { set: { x: 1 }, then: b } }, { b: { set: { x: 2 }, then: a } } ]",
        &[("/do/0/a", "round and round")],
    );
    expect(
        "do: [ { a: { do: [ { b: { set: { x: 1 }, then: b } } ] } } ]",
        &[("/do/0/a/do/0/b", "round and round")],
    );
    expect(
        "do: [ { a: { switch: [ { yes: { when: .x, then: a } }, { no: { then: b } } ] } }, { b: { set: { x: 1 }, then: a } } ]",
        &[("/do/0/a", "round and round")],
    );
    for fine in [
        "do: [ { a: { wait: PT1S, then: a } } ]",
        "do: [ { a: { set: { x: 1 } } }, { b: { call: steward:poll, then: a } } ]",
        "do: [ { a: { switch: [ { done: { when: .done, then: end } } ] } }, { b: { set: { done: true }, then: a } } ]",
        "do: [ { a: { if: .again, set: { x: 1 }, then: a } } ]",
        "do: [ { a: { do: [ { b: { raise: { error: { type: 'https://e.example', status: 500 } } } } ] , then: a } } ]",
    ] {
        workflow(fine);
    }
}

#[test]
fn branches_cases_and_functions_are_checked() {
    expect(
        "do: [ { f: { fork: { branches: [ { a: { set: { x: 1 }, then: b } }, { b: { set: { x: 1 } } } ] } } } ]",
        &[("/do/0/f/fork/branches/0/a", "another branch")],
    );
    expect(
        "do: [ { s: { switch: [ { a: { then: end } }, { b: { when: .x, then: end } } ] } } ]",
        &[("/do/0/s/switch/1/b", "never reached")],
    );
    expect(
        "use: { functions: { a: { call: b }, b: { call: a }, c: { set: { x: 1 } } } }\ndo: [ { x: { call: a } } ]",
        &[
            ("/use/functions/b/call", "calls itself"),
            ("/use/functions/c", "`call` task"),
        ],
    );
}

#[test]
fn calls_name_what_they_reach() {
    let workflow = workflow(&format!(
        "use:\n  secrets: [ token ]\ndo:\n  - a: {{ call: 'steward:labeller@stable' }}\n  - a2: {{ call: 'steward:feedback/recommend@stable' }}\n  - a3: {{ call: 'steward:team/skill-gaps' }}\n  - b: {{ call: 'steward:labeller@sha256:{}' }}\n  - c: {{ call: 'model:minilm@1.0.0', with: {{ texts: [ x ] }} }}\n  - d: {{ call: 'extension:before-reply' }}\n  - e: {{ call: http, with: {{ method: get, endpoint: {{ uri: 'https://api.example/x/{{id}}', authentication: {{ bearer: {{ use: token }} }} }} }} }}\n  - f: {{ run: {{ workflow: {{ namespace: test, name: other, version: 1.0.0 }} }} }}\n  - g: {{ emit: {{ event: {{ with: {{ source: 'https://e.example', type: done.v1 }} }} }} }}\n",
        "a".repeat(64)
    ));
    let references = workflow.references();
    let functions: Vec<String> = references
        .functions
        .keys()
        .map(FunctionRef::to_string)
        .collect();
    assert_eq!(
        functions,
        [
            "steward:feedback/recommend@stable".to_owned(),
            format!("steward:labeller@sha256:{}", "a".repeat(64)),
            "steward:labeller@stable".to_owned(),
            "steward:team/skill-gaps".to_owned(),
        ]
    );
    assert_eq!(
        references.models.keys().next().unwrap().to_string(),
        "model:minilm@1.0.0"
    );
    assert_eq!(references.extensions["before-reply"], "/do/5/d");
    assert_eq!(references.endpoints["https://api.example"], "/do/6/e");
    assert_eq!(references.workflows.keys().next().unwrap().name, "other");
    assert_eq!(
        (references.emits.as_slice(), references.secrets.as_slice()),
        (
            ["done.v1".to_owned()].as_slice(),
            ["token".to_owned()].as_slice()
        )
    );

    expect(
        "do:\n  - a: { call: 'steward:Labeller' }\n  - b: { call: 'steward:x@sha256:12' }\n  - c: { call: 'model:x@' }\n  - d: { call: 'extension:a b' }\n  - e: { call: http, with: { method: get, endpoint: { uri: 'https://x.example', authentication: { oauth2: { use: s } } } } }\n  - f: { call: http, with: { method: get, endpoint: { uri: 'https://x.example', authentication: { bearer: { use: s } } } } }\n  - g: { call: 'steward:x/Recommend' }\n  - h: { call: 'steward:x/a/b' }\n",
        &[
            ("/do/0/a/call", "no name"),
            ("/do/1/b/call", "64"),
            ("/do/2/c/call", "a version or an alias"),
            ("/do/3/d/call", "no extension point"),
            (
                "/do/4/e/with/endpoint/authentication/oauth2",
                "`oauth2` is not supported",
            ),
            (
                "/do/5/f/with/endpoint/authentication/bearer/use",
                "use.secrets",
            ),
            ("/do/6/g/call", "no name of an export"),
            ("/do/7/h/call", "no name of an export"),
        ],
    );
}

#[test]
fn schedules_are_read() {
    let workflow = Workflow::parse(
        "document: { dsl: 1.0.3, namespace: test, name: test, version: 1.0.0, metadata: { timezone: Europe/Berlin } }\nschedule: { cron: '30 2 * * *', every: { minutes: 5 }, on: { any: [ { with: { type: a } }, { with: { type: b } } ] } }\ndo: []",
    )
    .unwrap();
    let schedule = workflow.schedule().unwrap();
    assert_eq!(
        (schedule.cron.as_deref(), schedule.zone.as_str()),
        (Some("30 2 * * *"), "Europe/Berlin")
    );
    assert_eq!(schedule.every.unwrap().as_secs(), 300);
    assert_eq!(schedule.on.as_ref().unwrap().types(), ["a", "b"]);
    expect(
        "schedule: { cron: 'every day', every: PT0S, on: { all: [ { with: { type: a } } ] } }\ndo: []",
        &[
            ("/schedule/every", "each second"),
            ("/schedule/cron", "cron"),
            ("/schedule/on/all", "one event"),
        ],
    );
}

#[test]
fn schemas_and_what_they_refer_to_are_checked_when_applied() {
    expect(
        "do:\n  - a: { set: { x: 1 }, output: { schema: { document: { type: wrong } } } }\n  - b: { set: { x: 1 }, input: { schema: { resource: { endpoint: 'https://x.example/s.json' } } } }\n  - c: { set: { x: 1 }, input: { schema: { document: { $ref: 'https://x.example/s.json' } } } }\n",
        &[
            ("/do/0/a/output/schema/document", "no JSON Schema"),
            ("/do/1/b/input/schema/resource", "from elsewhere"),
            ("/do/2/c/input/schema/document", "a reference is `#` or"),
        ],
    );
}

#[test]
fn what_is_no_definition_is_told_as_what_it_is() {
    for (text, words) in [
        ("", "an object of"),
        ("[1]", "an object of"),
        ("a: [", "no YAML"),
        ("a: 1\na: 2\n", "no YAML"),
        ("do: []", "`document` is missing"),
    ] {
        let problems = Workflow::parse(text).unwrap_err();
        assert!(problems.to_string().contains(words), "{text}: {problems}");
    }
    let long = definition(&format!("do: []\n# {}", "x".repeat(MAX_DEFINITION)));
    assert!(
        Workflow::parse(&long)
            .unwrap_err()
            .to_string()
            .contains("1024 KiB")
    );
    let number = Workflow::parse(r#"{"document": {"dsl": "1.0.3", "namespace": "test", "name": "test", "version": "1.0.0"}, "do": []}"#).unwrap();
    assert_eq!(number.document().name, "test");
}
