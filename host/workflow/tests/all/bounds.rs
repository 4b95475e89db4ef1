//! What would cost memory, time or the stack of the host, and does not.

use std::fmt::Write as _;

use serde_json::{Value, json};
use steward_workflow::{ErrorKind, Run, Status, Workflow};

use crate::common::{apply, completed, definition, facts, fault, output, start};

/// How an expression fails that is computed in a `set`.
fn failure(expression: &str) -> String {
    let text = json!({"x": format!("${{ {expression} }}")});
    let run = start(
        &format!("do: [ {{ a: {{ set: {text} }} }} ]"),
        json!({"n": 1}),
    );
    let error = fault(&run);
    assert!(error.is(ErrorKind::Expression), "{error:?}");
    error.detail.unwrap()
}

#[test]
fn expressions_that_would_not_end_are_stopped() {
    for endless in [
        "def f: f; f",
        "def f: 1 + f; f",
        "def f: [f]; f",
        "def f: f | .; f",
        "def f: f, f; f",
        "def f(g): f(g | g); f(.)",
        "def f(g): g | f(g | g); f(.)",
        "def f($x): f($x + 1); f(0)",
        "[range(1e12)]",
        "[limit(1e12; repeat(1))]",
        "last(range(1e12))",
        "[recurse(. ; true)]",
        "0 | until(false; . + 1)",
        "[.n | while(true; . + 1)]",
        "first(range(1e12) | select(. < 0))",
        "reduce range(1e12) as $i (0; . + $i)",
        "last(foreach range(1e12) as $i (0; . + $i))",
        "first(null | path(recurse(.a)) | select(length < 0))",
        "try (def f: f; f) catch 1",
        "[range(100000)] | combinations(9)",
        "[range(200000)] | map([range(200000)]) ",
    ] {
        let why = failure(endless);
        assert!(
            why.contains("more than") || why.contains("too deeply"),
            "{endless}: {why}"
        );
    }
}

#[test]
fn values_that_would_not_fit_are_not_made() {
    for large in [
        "\"x\" * 1e12",
        "reduce range(60) as $i (\"x\"; . + .)",
        "reduce range(60) as $i ([1]; . + .)",
        "reduce range(60) as $i ({a: 1}; {a: ., b: .})| tojson",
        "[] | .[1e12] = 1",
        "[.[]?] | .[9007199254740991] = 1",
        "\"x\" * 60000000 | explode",
        "\"x\" * 5000000 | [match(\"\"; \"g\")]",
        "reduce range(1000000) as $i (null; [.])",
        "reduce range(1000000) as $i (null; {a: .})",
        "\"[\" * 100000 | fromjson",
        "\"a\" | test(\"(a{1000}){1000}\")",
    ] {
        let why = failure(large);
        assert!(!why.is_empty(), "{large}: {why}");
    }
    assert!(failure("\"x\" * 5000000").contains("larger than"));
}

#[test]
fn nothing_of_the_host_can_be_reached() {
    for reach in [
        "env",
        "$ENV",
        "input",
        "inputs",
        "halt",
        "halt_error",
        "debug",
        "stderr",
        "input_filename",
        "localtime",
        "$__prog_args",
        "getpath(env)",
    ] {
        let text = json!({"x": format!("${{ {reach} }}")});
        let refused = Workflow::parse(&definition(&format!("do: [ {{ a: {{ set: {text} }} }} ]")))
            .unwrap_err();
        assert!(
            refused.to_string().contains("there is no"),
            "{reach}: {refused}"
        );
    }
    for module in ["import \"a\" as a; 1", "include \"/etc/passwd\"; 1"] {
        let text = json!({"x": format!("${{ {module} }}")});
        assert!(
            Workflow::parse(&definition(&format!("do: [ {{ a: {{ set: {text} }} }} ]"))).is_err()
        );
    }
}

#[test]
fn bombs_of_yaml_are_refused() {
    let mut laughs = String::from("a0: &a0 [ x, x, x, x, x, x, x, x, x, x ]\n");
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        writeln!(
            laughs,
            "a{level}: &a{level} [ {} ]",
            [below.as_str(); 10].join(", ")
        )
        .unwrap();
    }
    for bomb in [
        definition(&format!("do: []\n{laughs}")),
        definition(&format!(
            "do: {}{}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        )),
        definition(&format!("do: {}", "\n - a:\n    do:".repeat(10_000))),
        format!("{{\"do\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000)),
        "- &a [ *a ]".to_owned(),
        "a: &a\n  <<: *a".to_owned(),
        "x: y\n---\n".repeat(1_000),
    ] {
        assert!(Workflow::parse(&bomb).is_err());
    }
}

#[test]
fn nesting_is_bounded_and_what_is_allowed_runs() {
    let nested = |levels: usize| {
        let mut task = json!({"set": {"deep": true}});
        for _ in 1..levels {
            task = json!({"do": [{"a": task}]});
        }
        json!({
            "document": {"dsl": "1.0.3", "namespace": "test", "name": "test", "version": "1.0.0"},
            "do": [{"a": task}],
        })
        .to_string()
    };
    let deep = Workflow::parse(&nested(32)).unwrap();
    let (run, _) = Run::start(deep, json!({}), facts());
    assert_eq!(output(&run), json!({"deep": true}));
    assert!(
        Workflow::parse(&nested(33))
            .unwrap_err()
            .to_string()
            .contains("32 levels")
    );
}

#[test]
fn deep_expressions_are_read_or_refused_and_end_nothing() {
    for deep in [
        format!("{}1{}", "[".repeat(3_500), "]".repeat(3_500)),
        format!("{}1", "-".repeat(8_000)),
        format!("{}1", "try ".repeat(1_900)),
        format!("1{}", "|.".repeat(3_900)),
        format!("1{}", "+1".repeat(3_900)),
        format!("{}1{}", "if . then ".repeat(380), " else 2 end".repeat(380)),
        format!("{}1", "def f: ".repeat(1_100)),
        format!("{}1{}", "\"\\(".repeat(1_600), ")\"".repeat(1_600)),
        format!("{}1{}", "{a:".repeat(1_900), "}".repeat(1_900)),
    ] {
        let text = json!({"x": format!("${{ {deep} }}")});
        if let Ok(workflow) =
            Workflow::parse(&definition(&format!("do: [ {{ a: {{ set: {text} }} }} ]")))
        {
            let (run, _) = Run::start(workflow, json!({}), facts());
            assert!(run.status().is_final());
        }
    }
    let long = json!({"x": format!("${{ 1 {} }}", "+ 1".repeat(10_000))});
    assert!(
        Workflow::parse(&definition(&format!("do: [ {{ a: {{ set: {long} }} }} ]")))
            .unwrap_err()
            .to_string()
            .contains("longer than")
    );
}

#[test]
fn a_turn_that_goes_round_without_an_effect_fails_and_is_not_caught() {
    let run = start(
        "do:\n  - guard:\n      try:\n        - a: { switch: [ { done: { when: .done, then: end } } ] }\n        - b: { set: { done: false }, then: a }\n      catch: {}\n",
        json!({}),
    );
    let error = fault(&run);
    assert!(error.is(ErrorKind::Runtime) && error.detail.unwrap().contains("10000"));
}

#[test]
fn schemas_that_refer_to_themselves_end() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
        json!({"$dynamicRef": "#"}),
        json!({"if": {"$ref": "#"}, "then": {}}),
    ] {
        let text = json!({"document": schema}).to_string();
        if let Ok(workflow) =
            Workflow::parse(&definition(&format!("input: {{ schema: {text} }}\ndo: []")))
        {
            let (run, _) = Run::start(workflow, json!({"a": {}}), facts());
            assert!(run.status().is_final(), "{schema}");
        }
    }
    // Each refers to the next twice: 2^30 schemas for one value.
    let mut definitions: serde_json::Map<String, serde_json::Value> = (0..30)
        .map(|n| (format!("a{n}"), json!({"anyOf": [{"$ref": format!("#/$defs/a{}", n + 1)}, {"$ref": format!("#/$defs/a{}", n + 1)}]})))
        .collect();
    definitions.insert("a30".into(), json!(false));
    let many = json!({"document": {"$ref": "#/$defs/a0", "$defs": definitions}}).to_string();
    let run = start(&format!("input: {{ schema: {many} }}\ndo: []"), json!({}));
    let error = fault(&run);
    assert!(error.is(ErrorKind::Validation) && error.detail.unwrap().contains("steps"));
    let list =
        json!({"document": {"type": "object", "properties": {"next": {"$ref": "#"}}}}).to_string();
    let run = start(
        &format!("input: {{ schema: {list} }}\ndo: []"),
        json!({"next": {"next": {}}}),
    );
    assert_eq!(output(&run), json!({"next": {"next": {}}}));
}

#[test]
fn a_value_of_many_expressions_is_bounded_as_a_whole() {
    let filled = |count: usize| {
        let fields: Vec<String> = (0..count).map(|n| format!("f{n}: '${{ . }}'")).collect();
        let tasks = format!("do: [ {{ a: {{ set: {{ {} }} }} }} ]", fields.join(", "));
        start(&tasks, json!("x".repeat(1 << 20)))
    };
    assert_eq!(output(&filled(3)).as_object().unwrap().len(), 3);
    let error = fault(&filled(30));
    assert!(error.is(ErrorKind::Expression), "{error:?}");
    assert!(error.detail.unwrap().contains("together"));
}

#[test]
fn branches_that_would_have_too_much_together_end_their_run() {
    let forked = |count: usize, branch: &dyn Fn(usize) -> Value, input: Value| {
        let branches: Vec<Value> = (0..count)
            .map(|n| json!({ format!("b{n}"): branch(n) }))
            .collect();
        let tasks = json!([{"all": {"fork": {"branches": branches}}}]);
        start(&format!("do: {tasks}"), input)
    };
    // A large input that each of many branches has for itself; a few have room.
    let large = json!("x".repeat(1 << 20));
    let wait = |_: usize| json!({"wait": {"hours": 1}});
    let error = fault(&forked(200, &wait, large.clone()));
    assert!(error.is(ErrorKind::Runtime), "{error:?}");
    assert!(error.detail.unwrap().contains("at once"));
    assert_eq!(forked(2, &wait, large).pending().len(), 2);

    // Branches that grow one after the other, each behind a small answer; and no `try` goes on with what is too much.
    let grows = |_: usize| {
        json!({
            "try": [
                {"a": {"call": "steward:a", "with": {}}},
                {"b": {"set": {"x": "${ \"x\" * 2000000 }"}}},
                {"c": {"listen": {"to": {"one": {"with": {"type": "never"}}}}}},
            ],
            "catch": {"do": [{"d": {"set": {"x": 1}}}]},
        })
    };
    let mut run = forked(100, &grows, json!({}));
    let mut told = 0;
    while run.status() == Status::Running && told < 100 {
        let key = format!("/do/0/all/fork/branches/{told}/b{told}/try/0/a");
        apply(&mut run, told + 1, completed(&key, json!(1)));
        told += 1;
    }
    assert!((10..100).contains(&told), "{told}");
    assert!(fault(&run).detail.unwrap().contains("together"));
}
