//! jq: what it computes, where it stands bare, what it can read.

use serde_json::{Value, json};
use steward_workflow::ErrorKind;

use crate::common::{apply, at, completed, fault, output, start};

fn computed(expression: &str, input: Value) -> Value {
    let text = json!({"x": format!("${{ {expression} }}")});
    output(&start(&format!("do: [ {{ a: {{ set: {text} }} }} ]"), input))["x"].clone()
}

#[test]
fn results_are_those_of_jq() {
    // Each as jq 1.7 has it.
    for (expression, input, expected) in [
        (".a.b[1]", json!({"a": {"b": [1, 2]}}), json!(2)),
        (".missing.deep[0]", json!({}), Value::Null),
        ("empty", json!({}), Value::Null),
        ("1, 2", json!({}), json!(1)),
        ("6 / 4, 1", json!({}), json!(1.5)),
        ("6 / 3", json!({}), json!(2)),
        ("7 % 3, 1", json!({}), json!(1)),
        ("9007199254740993", json!({}), json!(9_007_199_254_740_993_i64)),
        ("\"\\(.n) 个\"", json!({"n": 3}), json!("3 个")),
        (".s | length", json!({"s": "你好😀"}), json!(3)),
        (".s[1:2]", json!({"s": "你好😀"}), json!("好")),
        (".l[-1], 0", json!({"l": [1, 2, 3]}), json!(3)),
        (".l[1:]", json!({"l": [1, 2, 3]}), json!([2, 3])),
        ("[.l[] | select(. > 1) * 2]", json!({"l": [1, 2, 3]}), json!([4, 6])),
        (".l | map(. + 1) | add", json!({"l": [1, 2, 3]}), json!(9)),
        ("{a: 1} + {b: 2}", json!({}), json!({"a": 1, "b": 2})),
        ("{a: {x: 1}} * {a: {y: 2}}", json!({}), json!({"a": {"x": 1, "y": 2}})),
        ("[1, 2, 3] - [2]", json!({}), json!([1, 3])),
        ("keys", json!({"b": 1, "a": 2}), json!(["a", "b"])),
        ("to_entries", json!({"b": 1}), json!([{"key": "b", "value": 1}])),
        ("with_entries(.value += 1)", json!({"b": 1}), json!({"b": 2})),
        ("[paths]", json!({"a": [1]}), json!([["a"], ["a", 0]])),
        ("del(.a)", json!({"a": 1, "b": 2}), json!({"b": 2})),
        (".a |= . + 1", json!({"a": 1}), json!({"a": 2})),
        (".a[2] = 1", json!({}), json!({"a": [null, null, 1]})),
        ("walk(if type == \"number\" then . + 1 else . end)", json!({"a": [1]}), json!({"a": [2]})),
        ("sort_by(.n) | map(.n)", json!([{"n": 2}, {"n": 1}]), json!([1, 2])),
        ("group_by(.k) | map(length)", json!([{"k": 1}, {"k": 2}, {"k": 1}]), json!([2, 1])),
        ("unique", json!([2, 1, 2]), json!([1, 2])),
        ("min, max", json!([2, 1]), json!(1)),
        ("flatten", json!([1, [2, [3]]]), json!([1, 2, 3])),
        ("join(\", \")", json!(["a", 1, null]), json!("a, 1, ")),
        ("split(\",\")", json!("a,b"), json!(["a", "b"])),
        ("test(\"^a\")", json!("abc"), json!(true)),
        ("capture(\"(?<y>[0-9]+)年\")", json!("在2026年"), json!({"y": "2026"})),
        ("[match(\"好\"; \"g\").offset]", json!("你好好"), json!([1, 2])),
        ("gsub(\"[aeiou]\"; \"_\")", json!("education"), json!("_d_c_t__n")),
        ("sub(\"(?<x>b)\"; \"<\\(.x)>\")", json!("abc"), json!("a<b>c")),
        ("[splits(\", *\")]", json!("a, b,c"), json!(["a", "b", "c"])),
        ("ascii_downcase", json!("ABC"), json!("abc")),
        ("ltrimstr(\"a\") | startswith(\"b\")", json!("abc"), json!(true)),
        ("@base64", json!("好"), json!("5aW9")),
        ("@base64d", json!("5aW9"), json!("好")),
        ("@uri", json!("a b/ü"), json!("a%20b%2F%C3%BC")),
        ("@html \"<b>\\(.)</b>\"", json!("<"), json!("<b>&lt;</b>")),
        ("@json", json!([1]), json!("[1]")),
        ("tojson | fromjson", json!({"a": [1.5, "x"]}), json!({"a": [1.5, "x"]})),
        ("tonumber + 1", json!("41"), json!(42)),
        ("tostring", json!([1]), json!("[1]")),
        ("[.[] | type]", json!([null, true, 1, "a", [], {}]), json!(["null", "boolean", "number", "string", "array", "object"])),
        ("contains({a: [1]})", json!({"a": [1, 2]}), json!(true)),
        ("index(\"b\")", json!("abcb"), json!(1)),
        ("[.[] | floor, ceil, round]", json!([1.5]), json!([1, 2, 2])),
        ("sqrt | floor", json!(17), json!(4)),
        ("pow(2; 10)", json!(0), json!(1024)),
        ("if . > 1 then \"many\" elif . == 1 then \"one\" else \"none\" end", json!(1), json!("one")),
        ("try error(\"x\") catch \"caught \\(.)\"", json!(0), json!("caught x")),
        (".a? // \"absent\"", json!(1), json!("absent")),
        ("reduce .[] as $x (0; . + $x)", json!([1, 2, 3]), json!(6)),
        ("[foreach .[] as $x (0; . + $x)]", json!([1, 2, 3]), json!([1, 3, 6])),
        ("[limit(3; range(10))]", json!(0), json!([0, 1, 2])),
        ("[range(0; 10; 4)]", json!(0), json!([0, 4, 8])),
        ("def double(f): f * 2; double(. + 1)", json!(2), json!(6)),
        ("def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; fac", json!(10), json!(3_628_800)),
        (". as [$a, {b: $c}] | $a + $c", json!([1, {"b": 2}]), json!(3)),
        ("todate", json!(1_700_000_000), json!("2023-11-14T22:13:20Z")),
        ("fromdate", json!("2023-11-14T22:13:20Z"), json!(1_700_000_000)),
        ("strftime(\"%Y-%m-%d\")", json!(1_700_000_000), json!("2023-11-14")),
        ("strptime(\"%Y-%m-%d\") | mktime", json!("2023-11-14"), json!(1_699_920_000)),
        ("gmtime | mktime", json!(1_700_000_000), json!(1_700_000_000)),
        ("now", json!(0), json!(1_700_000_000)),
        ("[.[] | isnan]", json!([1]), json!([false])),
        ("nan | isnan", json!(1), json!(true)),
        ("[nan, 1] | sort | .[1]", json!(1), json!(1)),
        ("infinite | tostring | length > 0", json!(1), json!(true)),
        ("any(.[]; . > 2), all", json!([1, 3]), json!(true)),
        ("[.[] | ascii_upcase] | first", json!(["a"]), json!("A")),
        ("transpose", json!([[1], [2, 3]]), json!([[1, 2], [null, 3]])),
        ("[combinations]", json!([[1, 2], [3]]), json!([[1, 3], [2, 3]])),
        ("getpath([\"a\", 0])", json!({"a": [5]}), json!(5)),
        ("[.. | numbers]", json!([1, [2]]), json!([1, 2])),
        ("@csv", json!([1, "a\"b"]), json!("1,\"a\"\"b\"")),
    ] {
        assert_eq!(computed(expression, input), expected, "{expression}");
    }
}

#[test]
fn mistakes_are_errors_that_name_the_expression() {
    for (expression, input, words) in [
        (".a + 1", json!({"a": "x"}), "cannot calculate"),
        (".a.b", json!({"a": 1}), "cannot index"),
        ("error(\"my own\")", json!({}), "my own"),
        ("1 / 0 | error", json!({}), ""),
        ("{(1): 2}", json!({}), "key"),
        ("fromjson", json!("{"), "EOF"),
        ("test(\"(\")", json!("a"), "regex"),
    ] {
        let text = json!({"x": format!("${{ {expression} }}")});
        let run = start(&format!("do: [ {{ a: {{ set: {text} }} }} ]"), input);
        let error = fault(&run);
        assert!(error.is(ErrorKind::Expression) && error.status == 400);
        assert_eq!(error.instance.as_deref(), Some("/do/0/a"));
        let detail = error.detail.unwrap();
        assert!(detail.starts_with(&format!("`{}`", expression.escape_debug())) || detail.contains(expression), "{detail}");
        assert!(detail.contains(words), "{expression}: {detail}");
    }
}

#[test]
fn only_what_stands_whole_in_braces_is_an_expression_in_a_value() {
    let run = start("do: [ { a: { set: { bare: .n, whole: '${ .n }', part: 'n is ${ .n }', list: [ '${.n}', $n ] } } } ]", json!({"n": 1}));
    assert_eq!(output(&run), json!({"bare": ".n", "whole": 1, "part": "n is ${ .n }", "list": [1, "$n"]}));
}

#[test]
fn arguments_are_those_of_the_specification() {
    let mut run = start(
        "
input: { from: '{ n: .n, given: $input }' }
do:
  - a:
      input: { from: .n }
      call: steward:f
      with: { task: '${ $task.name }', reference: '${ $task.reference }', raw: '${ $task.input.n }', input: '${ $input }', id: '${ $workflow.id }', name: '${ $workflow.definition.document.name }', whole: '${ $workflow.input }', runtime: '${ $runtime.name }', started: '${ $task.startedAt.epoch.seconds }', context: '${ $context }', output: '${ $output }' }
      output: { as: '{ raw: $output, seen: . }' }
      export: { as: '{ kept: $output, before: $context }' }
  - b: { set: { context: '${ $context }', raw: '${ $input.raw }' } }
output: { as: '{ context, input: $input.n }' }
",
        json!({"n": 7}),
    );
    let input = serde_json::to_value(&run.pending()[0].action).unwrap()["input"].clone();
    assert_eq!(
        input,
        json!({
            "task": "a", "reference": "/do/0/a", "raw": 7, "input": 7, "id": "01JD", "name": "test", "whole": {"n": 7},
            "runtime": "steward", "started": at(0).as_second(), "context": null, "output": null,
        })
    );
    apply(&mut run, 5, completed("/do/0/a", json!(1)));
    let kept = json!({"raw": 1, "seen": 1});
    assert_eq!(output(&run), json!({"context": {"kept": kept, "before": null}, "input": 7}));
}
