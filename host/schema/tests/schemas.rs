//! Schemas of the specification's vocabulary, what is refused, and what must come to an end.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use steward_schema::{Budget, Invalid, Schema};

/// Values that fit and values that do not, by schema. Where a row is of the JSON Schema Test Suite, it is written as there.
#[test]
fn values_fit_as_the_specification_has_it() {
    let rows: &[(Value, &[Value], &[Value])] = &[
        (json!(true), &[json!(1), json!({})], &[]),
        (json!(false), &[], &[json!(1), json!(null)]),
        (json!({}), &[json!(1), json!("x")], &[]),
        (
            json!({"type": "integer"}),
            &[json!(1), json!(1.0), json!(u64::MAX)],
            &[json!(1.1), json!("1"), json!(null), json!(true)],
        ),
        (
            json!({"type": ["string", "null"]}),
            &[json!(""), json!(null)],
            &[json!(0), json!([])],
        ),
        (
            json!({"enum": [6, "foo", [], true, {"foo": 12}]}),
            &[json!([]), json!({"foo": 12.0})],
            &[
                json!(null),
                json!({"foo": false}),
                json!({"foo": 12, "boo": 42}),
            ],
        ),
        (
            json!({"const": 1}),
            &[json!(1.0)],
            &[json!(true), json!("1")],
        ),
        (
            json!({"minimum": 1.1, "exclusiveMaximum": 3}),
            &[json!(1.1), json!(2.9), json!("x")],
            &[json!(0.6), json!(3)],
        ),
        (
            json!({"multipleOf": 0.0001}),
            &[json!(0.0075)],
            &[json!(0.00751)],
        ),
        // Two code points, whatever they take in UTF-8 or UTF-16.
        (
            json!({"maxLength": 2, "minLength": 2}),
            &[json!("退款"), json!("💩💩"), json!(7)],
            &[json!("款"), json!("abc")],
        ),
        (
            json!({"pattern": "a+"}),
            &[json!("xxaayy"), json!(null)],
            &[json!("b")],
        ),
        (
            json!({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false}),
            &[json!([1, "a"]), json!([1]), json!([])],
            &[json!(["a"]), json!([1, "a", null])],
        ),
        (
            json!({"uniqueItems": true, "minItems": 1}),
            &[json!([1, true]), json!([[1], [true]]), json!({"a": 1})],
            &[
                json!([1, 1.0]),
                json!([{"a": 1, "b": 2}, {"b": 2, "a": 1}]),
                json!([]),
            ],
        ),
        (
            json!({
                "properties": {"foo": {}, "bar": {}},
                "patternProperties": {"^v": {"type": "integer"}},
                "additionalProperties": false
            }),
            &[
                json!({"foo": 1}),
                json!({"foo": 1, "vroom": 2}),
                json!([1, 2]),
            ],
            &[json!({"foo": 1, "quux": 2}), json!({"vroom": "x"})],
        ),
        (
            json!({"additionalProperties": {"type": "boolean"}}),
            &[json!({"a": true})],
            &[json!({"a": 12})],
        ),
        (
            json!({"required": ["foo\nbar"], "dependentRequired": {"quux": ["foo"]}, "maxProperties": 2}),
            &[json!({"foo\nbar": 1}), json!("x")],
            &[
                json!({}),
                json!({"foo\nbar": 1, "quux": 1}),
                json!({"foo\nbar": 1, "a": 1, "b": 1}),
            ],
        ),
        (
            json!({"propertyNames": {"maxLength": 3}}),
            &[json!({"f": {}, "foo": {}})],
            &[json!({"foobar": {}})],
        ),
        (
            json!({"allOf": [{"maximum": 30}, {"minimum": 20}]}),
            &[json!(25)],
            &[json!(35), json!(15)],
        ),
        (
            json!({"anyOf": [{"type": "integer"}, {"minimum": 2}]}),
            &[json!(1), json!(2.5)],
            &[json!(1.5)],
        ),
        (
            json!({"oneOf": [{"type": "integer"}, {"minimum": 2}]}),
            &[json!(1), json!(2.5)],
            &[json!(3), json!(1.5)],
        ),
        (
            json!({"not": {"type": ["integer", "boolean"]}}),
            &[json!("foo")],
            &[json!(1), json!(true)],
        ),
        (
            json!({"if": {"exclusiveMaximum": 0}, "then": {"minimum": -10}, "else": {"multipleOf": 2}}),
            &[json!(-1), json!(4)],
            &[json!(-100), json!(3)],
        ),
        // A tree that refers to itself.
        (
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$defs": {"node": {
                    "type": "object",
                    "required": ["value"],
                    "properties": {"value": {"type": "number"}, "nodes": {"type": "array", "items": {"$ref": "#/$defs/node"}}}
                }},
                "$ref": "#/$defs/node"
            }),
            &[json!({"value": 1, "nodes": [{"value": 1.1}, {"value": 2, "nodes": []}]})],
            &[
                json!({"value": 1, "nodes": [{"value": "1.1"}]}),
                json!({"nodes": []}),
            ],
        ),
        (
            json!({"properties": {"foo": {"$ref": "#"}}, "additionalProperties": false}),
            &[json!({"foo": {"foo": {}}})],
            &[json!({"foo": {"bar": 1}})],
        ),
        (
            json!({"$defs": {"a/b~c": {"type": "integer"}}, "$ref": "#/$defs/a~1b~0c"}),
            &[json!(1)],
            &[json!("x")],
        ),
    ];
    for (schema, fit, broken) in rows {
        let read = Schema::of(schema).unwrap_or_else(|e| panic!("{schema}: {e}"));
        for value in *fit {
            assert_eq!(read.check(value), Ok(()), "{schema} {value}");
        }
        for value in *broken {
            let result = read.check(value);
            assert!(
                matches!(result, Err(Invalid::Broken { .. })),
                "{schema} {value}: {result:?}"
            );
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let schema = Schema::parse(
        r#"{"type":"object","required":["channel"],"properties":{"channel":{"type":"string"},
            "lines":{"type":"array","items":{"type":"object","properties":{"a/b":{"type":"integer"}}}}}}"#,
    )
    .unwrap();
    for (value, says) in [
        (json!({}), "the value: the field `channel` is missing"),
        (
            json!({"channel": 7}),
            "/channel: expected string, found a number",
        ),
        (
            json!({"channel": "c", "lines": [{}, {"a/b": "x"}]}),
            "/lines/1/a~1b: expected integer, found a text",
        ),
    ] {
        assert_eq!(schema.check(&value).unwrap_err().to_string(), says);
    }
}

#[test]
fn a_schema_that_could_not_be_held_to_is_refused() {
    let deep = format!("{}{}{}", r#"{"not":"#.repeat(40), "{}", "}".repeat(40));
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(70_000));
    for (text, says) in [
        ("{", "no JSON"),
        ("7", "a schema is an object"),
        (r#"{"type":"text"}"#, "/type: it is one or more of"),
        (
            r#"{"properties":{"a":{"minimun":1}}}"#,
            "/properties/a/minimun: the keyword `minimun`",
        ),
        (
            r#"{"unevaluatedProperties":false}"#,
            "`unevaluatedProperties` is not checked",
        ),
        (
            r##"{"$dynamicRef":"#node"}"##,
            "`$dynamicRef` is not checked",
        ),
        (
            r#"{"$ref":"https://example.com/schema"}"#,
            "a reference is `#`",
        ),
        (r##"{"$ref":"#/$defs/none"}"##, "a reference is `#`"),
        (r#"{"pattern":"(?=a)"}"#, "no expression"),
        (r#"{"pattern":"(a{1000}){1000}"}"#, "a very large one"),
        (r#"{"minLength":-1}"#, "whole number"),
        (r#"{"multipleOf":0}"#, "above 0"),
        (r#"{"enum":[]}"#, "a list of values"),
        (r#"{"required":["a","a"]}"#, "twice"),
        (deep.as_str(), "nested deeper"),
        (long.as_str(), "at most 65536"),
    ] {
        let refused = Schema::parse(text).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn hostile_schemas_come_to_an_end() {
    // Each level asks twice about the next: 2^30 questions.
    let mut defs = json!({"n30": {"type": "integer"}});
    for n in 0..30 {
        let next = json!({"$ref": format!("#/$defs/n{}", n + 1)});
        defs[format!("n{n}")] = json!({"allOf": [next, next]});
    }
    let doubling = json!({"$defs": defs, "$ref": "#/$defs/n0"});
    let itself = json!({"$ref": "#"});
    let circle = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"});
    let began = Instant::now();
    for schema in [doubling, itself, circle] {
        let read = Schema::of(&schema).unwrap();
        assert!(
            matches!(read.check(&json!(1)), Err(Invalid::TooMuch(_))),
            "{schema}"
        );
    }
    let unique = Schema::of(&json!({"uniqueItems": true})).unwrap();
    let many = Value::Array((0..100_000).map(Value::from).collect());
    assert!(matches!(unique.check(&many), Err(Invalid::TooMuch(_))));
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

/// What a test writes for what is not known yet.
fn is_open(value: &Value) -> bool {
    value == "?"
}

#[test]
fn what_is_known_breaks_a_schema_before_the_rest_is_known() {
    let object = json!({
        "type": "object", "required": ["to", "text"], "additionalProperties": false,
        "properties": {
            "to": {"type": "string"}, "text": {"type": "string", "maxLength": 5},
            "copies": {"enum": [1, 2]}, "lines": {"items": {"type": "integer"}, "maxItems": 2, "uniqueItems": true},
        },
    });
    let either = json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {"type": "integer"}}});
    let unless = json!({"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "not": {"required": ["c"]}});
    for (schema, value, says) in [
        (&object, json!("?"), None),
        (&object, json!({"to": "?", "text": "?"}), None),
        (
            &object,
            json!({"to": "?", "text": "?", "lines": ["?", "?", ]}),
            None,
        ),
        (
            &object,
            json!({"to": "?"}),
            Some("the field `text` is missing"),
        ),
        (
            &object,
            json!({"to": "?", "text": 7}),
            Some("/text: expected string"),
        ),
        (
            &object,
            json!({"to": "?", "text": "longer"}),
            Some("/text: it has 6 characters"),
        ),
        (
            &object,
            json!({"to": "?", "text": "?", "more": "?"}),
            Some("/more: there is no such field"),
        ),
        (
            &object,
            json!({"to": "?", "text": "?", "copies": 3}),
            Some("/copies: it is none of"),
        ),
        (
            &object,
            json!({"to": "?", "text": "?", "lines": ["?", "x"]}),
            Some("/lines/1: expected integer"),
        ),
        (
            &object,
            json!({"to": "?", "text": "?", "lines": ["?", 1, 2]}),
            Some("/lines: it has 3 items"),
        ),
        (
            &object,
            json!({"to": "?", "text": "?", "lines": [1, 1]}),
            Some("stands there twice"),
        ),
        (&object, json!(["?"]), Some("expected object")),
        (&either, json!({"a": "?"}), None),
        (&either, json!({"a": "?", "b": "?"}), None),
        (
            &either,
            json!({"a": 1, "b": 2}),
            Some("2 of the schemas of `oneOf`"),
        ),
        (
            &either,
            json!({"c": "?"}),
            Some("0 of the schemas of `oneOf`"),
        ),
        (&unless, json!({"a": "?"}), None),
        (&unless, json!({"a": 1}), Some("the field `b` is missing")),
        (
            &unless,
            json!({"a": 2, "c": 3}),
            Some("the schema of `not`"),
        ),
    ] {
        let found = Schema::of(schema).unwrap().check_known(&value, is_open);
        match (found, says) {
            (Ok(()), None) => {}
            (Err(why), Some(says)) => {
                assert!(why.to_string().contains(says), "{value}: {why}");
            }
            (found, says) => panic!("{value}: {found:?}, not {says:?}"),
        }
    }
}

#[test]
fn schemas_without_a_value_in_common_are_told_apart() {
    let closed = |fields: Value| json!({"type": "object", "properties": fields, "additionalProperties": false});
    let needs = |field: &str, schema: Value| json!({"type": "object", "required": [field], "properties": {field: schema}});
    for (a, b, says) in [
        (json!({}), json!({"type": "string"}), None),
        (json!({"type": "integer"}), json!({"type": "number"}), None),
        (
            json!({"type": ["string", "null"]}),
            json!({"type": "object"}),
            Some("string or null is no object"),
        ),
        (needs("a", json!({})), closed(json!({"a": {}})), None),
        (
            needs("a/b", json!({})),
            closed(json!({"c": {}})),
            Some("/a~1b: one needs this field"),
        ),
        (
            needs("a", json!({"type": "string"})),
            needs("a", json!({"type": "integer"})),
            Some("/a: string is no integer"),
        ),
        (
            needs("a", json!({"const": "x"})),
            needs("a", json!({"enum": ["y", "z"]})),
            Some("/a: they have no value"),
        ),
        (
            needs("a", json!({"enum": ["x", "y"]})),
            needs("a", json!({"pattern": "^y$"})),
            None,
        ),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
            json!({"type": "array"}),
            Some("string is no array"),
        ),
        (json!(false), json!({}), Some("nothing is allowed there")),
        // Not everything is looked at: what is not told apart may be apart.
        (
            json!({"minimum": 3, "type": "integer"}),
            json!({"maximum": 2, "type": "integer"}),
            None,
        ),
        // Without a type a value may be no object, and then fields say nothing.
        (
            json!({"required": ["a"]}),
            json!({"additionalProperties": false}),
            None,
        ),
        (json!({"$ref": "#"}), json!({"$ref": "#"}), None),
    ] {
        let (first, second) = (Schema::of(&a).unwrap(), Schema::of(&b).unwrap());
        for found in [first.apart(&second), second.apart(&first)] {
            match (found, says) {
                (None, None) => {}
                (Some(why), Some(says)) => {
                    let turned = says.contains(" is no ") && why.contains(" is no ");
                    assert!(why.contains(says) || turned, "{a} {b}: {why}");
                }
                (found, says) => panic!("{a} {b}: {found:?}, not {says:?}"),
            }
        }
    }
}

#[test]
fn what_is_looked_at_together_shares_one_budget() {
    let (text, number) = (json!({"type": "string"}), json!({"type": "number"}));
    let (text, number) = (Schema::of(&text).unwrap(), Schema::of(&number).unwrap());
    let mut budget = Budget::of_checks(1);
    assert!(text.apart_within(&number, &mut budget).is_some());
    let wrong = text.check_known_within(&json!(7), |_| false, &mut budget);
    assert!(matches!(wrong, Err(Invalid::Broken { .. })));
    let mut none = Budget::of_checks(0);
    assert_eq!(text.apart_within(&number, &mut none), None);
    let given_up = text.check_known_within(&json!(7), |_| false, &mut none);
    assert!(matches!(given_up, Err(Invalid::TooMuch(_))));
    // Names that each are held against many expressions: what would be told behind them is not come to.
    let names: Vec<String> = (0..2_000).map(|n| format!("field{n}")).collect();
    let patterns: serde_json::Map<String, Value> =
        (0..60).map(|n| (format!("^x{n}$"), json!({}))).collect();
    let mut needs = names.clone();
    needs.push("last".into());
    let many = json!({"type": "object", "required": needs});
    let fields: serde_json::Map<String, Value> =
        names.into_iter().map(|name| (name, json!({}))).collect();
    let closed = json!({"type": "object", "properties": fields, "patternProperties": patterns, "additionalProperties": false});
    let (many, closed) = (Schema::of(&many).unwrap(), Schema::of(&closed).unwrap());
    assert_eq!(many.apart(&closed), None);
}

/// Schemas that allow some and refuse some of the values below.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!({"type": "integer"})),
        Just(json!({"type": ["string", "null"]})),
        Just(json!({"const": 1})),
        Just(json!({"enum": ["x", 2, null]})),
        Just(json!({"maxLength": 1})),
        Just(json!({"uniqueItems": true, "maxItems": 2})),
        Just(json!({"minimum": 2})),
        Just(json!(false)),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        let part = (pair.clone(), any::<bool>());
        prop_oneof![
            part.prop_map(|((a, b), closed)| {
                json!({"type": "object", "properties": {"a": a, "b": b}, "additionalProperties": !closed})
            }),
            inner.clone().prop_map(|a| json!({"type": "object", "required": ["a"], "properties": {"a": a}})),
            inner.clone().prop_map(|a| json!({"items": a})),
            inner.clone().prop_map(|a| json!({"not": a})),
            pair.clone().prop_map(|(a, b)| json!({"anyOf": [a, b]})),
            pair.clone().prop_map(|(a, b)| json!({"oneOf": [a, b]})),
            pair.prop_map(|(a, b)| json!({"if": a, "then": b, "else": {"type": "object"}})),
        ]
    })
}

/// Values that those schemas are about, small enough that they often fit.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(1)),
        Just(json!(2)),
        Just(json!("x")),
        Just(json!("long")),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The value with some of its parts not known yet: those that `drawn` says, in their order.
fn masked(value: &Value, drawn: &mut impl Iterator<Item = bool>) -> Value {
    if drawn.next().unwrap_or(false) {
        return json!("?");
    }
    match value {
        Value::Array(items) => items.iter().map(|item| masked(item, drawn)).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), masked(value, drawn)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let word = prop_oneof![
            Just("type"),
            Just("enum"),
            Just("const"),
            Just("properties"),
            Just("items"),
            Just("$ref"),
            Just("$defs"),
            Just("anyOf"),
            Just("not"),
            Just("pattern"),
            Just("required"),
            Just("minimum"),
            Just("title"),
        ]
        .prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop_oneof![word, ".{0,3}"], inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever is given for a schema is read or refused, and whatever was read ends with an answer.
    #[test]
    fn nothing_panics(schema in any_json(), value in any_json()) {
        if let Ok(schema) = Schema::of(&schema) {
            let _ = schema.check(&value);
        }
    }

    /// A value is of its own `const` and its own `enum`.
    #[test]
    fn a_value_is_itself(value in any_json()) {
        for schema in [json!({"const": value}), json!({"enum": [value]})] {
            prop_assert_eq!(Schema::of(&schema).unwrap().check(&value), Ok(()));
        }
    }

    /// What fits in the end is never refused before it is known, and what is known whole is told as by the check.
    #[test]
    fn nothing_that_may_fit_is_refused(
        schema in any_schema(), value in any_value(), drawn in prop::collection::vec(prop::bool::weighted(0.3), 0..20),
    ) {
        let schema = Schema::of(&schema).unwrap();
        let early = schema.check_known(&masked(&value, &mut drawn.into_iter()), is_open);
        match schema.check(&value) {
            Ok(()) => prop_assert_eq!(early, Ok(())),
            known => prop_assert_eq!(schema.check_known(&value, is_open), known),
        }
    }

    /// What fits two schemas keeps them together.
    #[test]
    fn schemas_with_a_value_in_common_are_not_told_apart(a in any_schema(), b in any_schema(), value in any_value()) {
        let (first, second) = (Schema::of(&a).unwrap(), Schema::of(&b).unwrap());
        if first.check(&value).is_ok() && second.check(&value).is_ok() {
            prop_assert_eq!(first.apart(&second), None, "{} {} {}", a, b, value);
            prop_assert_eq!(second.apart(&first), None);
        }
    }
}
