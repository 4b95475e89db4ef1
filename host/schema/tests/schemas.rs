//! Schemas of the specification's vocabulary, what is refused, and what must come to an end.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use steward_schema::{Invalid, Schema};

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
            &[json!(null), json!({"foo": false}), json!({"foo": 12, "boo": 42})],
        ),
        (json!({"const": 1}), &[json!(1.0)], &[json!(true), json!("1")]),
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
            &[json!([1, 1.0]), json!([{"a": 1, "b": 2}, {"b": 2, "a": 1}]), json!([])],
        ),
        (
            json!({
                "properties": {"foo": {}, "bar": {}},
                "patternProperties": {"^v": {"type": "integer"}},
                "additionalProperties": false
            }),
            &[json!({"foo": 1}), json!({"foo": 1, "vroom": 2}), json!([1, 2])],
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
            &[json!({}), json!({"foo\nbar": 1, "quux": 1}), json!({"foo\nbar": 1, "a": 1, "b": 1})],
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
            &[json!({"value": 1, "nodes": [{"value": "1.1"}]}), json!({"nodes": []})],
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
            assert!(matches!(result, Err(Invalid::Broken { .. })), "{schema} {value}: {result:?}");
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
        (json!({"channel": 7}), "/channel: expected string, found a number"),
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
        (r#"{"properties":{"a":{"minimun":1}}}"#, "/properties/a/minimun: the keyword `minimun`"),
        (r#"{"unevaluatedProperties":false}"#, "`unevaluatedProperties` is not checked"),
        (r##"{"$dynamicRef":"#node"}"##, "`$dynamicRef` is not checked"),
        (r#"{"$ref":"https://example.com/schema"}"#, "a reference is `#`"),
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
        assert!(matches!(read.check(&json!(1)), Err(Invalid::TooMuch(_))), "{schema}");
    }
    let unique = Schema::of(&json!({"uniqueItems": true})).unwrap();
    let many = Value::Array((0..100_000).map(Value::from).collect());
    assert!(matches!(unique.check(&many), Err(Invalid::TooMuch(_))));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
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
            Just("type"), Just("enum"), Just("const"), Just("properties"), Just("items"), Just("$ref"), Just("$defs"),
            Just("anyOf"), Just("not"), Just("pattern"), Just("required"), Just("minimum"), Just("title"),
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
}
