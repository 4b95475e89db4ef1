//! What flagd's own test bed (open-feature/flagd-testbed, evaluator) says about the same flags.

use serde_json::json;

use super::*;

fn flags(targeting: Value, variants: &[&str], key: &str) -> Flags {
    let variants: Map<String, Value> = variants
        .iter()
        .map(|v| ((*v).to_owned(), json!(v)))
        .collect();
    let file = json!({ "flags": { key: {
        "state": "ENABLED", "variants": variants, "defaultVariant": variants.keys().next(), "targeting": targeting,
    }}});
    Flags::read(&file.to_string()).unwrap()
}

fn get(flags: &Flags, key: &str, context: Value) -> String {
    let context = context.as_object().unwrap().clone();
    flags
        .flag(key)
        .unwrap()
        .assign(&context)
        .unwrap()
        .variant
        .unwrap()
}

const CARDS: [&str; 5] = ["wild", "clubs", "diamonds", "hearts", "spades"];

fn cut(by: Value) -> Value {
    json!({ "fractional": [by, ["clubs", 25], ["diamonds", 25], ["hearts", 25], ["spades", 25]] })
}

#[test]
fn shares_are_cut_as_flagd_cuts_them() {
    let key = "fractional-flag";
    let by = json!({ "cat": [{ "var": "$flagd.flagKey" }, { "var": "user.name" }] });
    let cards = flags(cut(by), &CARDS, key);
    for (name, card) in [
        ("jack", "hearts"),
        ("queen", "spades"),
        ("ten", "clubs"),
        ("nine", "diamonds"),
        ("3", "clubs"),
    ] {
        assert_eq!(
            get(&cards, key, json!({ "user": { "name": name } })),
            card,
            "{name}"
        );
    }
    let by = json!({ "cat": ["shared-seed", { "var": "user.name" }] });
    let cards = flags(cut(by), &CARDS, "fractional-flag-A-shared-seed");
    for (name, card) in [
        ("seven", "hearts"),
        ("eight", "diamonds"),
        ("nine", "clubs"),
        ("two", "spades"),
    ] {
        let context = json!({ "user": { "name": name } });
        assert_eq!(
            get(&cards, "fractional-flag-A-shared-seed", context),
            card,
            "{name}"
        );
    }
    let key = "fractional-flag-shorthand";
    let coin = flags(
        json!({ "fractional": [["heads"], ["tails", 1]] }),
        &["draw", "heads", "tails"],
        key,
    );
    assert_eq!(
        get(&coin, key, json!({ "targetingKey": "jon@company.com" })),
        "heads"
    );
    assert_eq!(
        get(&coin, key, json!({ "targetingKey": "jane@company.com" })),
        "tails"
    );
    let single = flags(
        json!({ "fractional": [["single", 1]] }),
        &["fallback", "single"],
        "fractional-single-entry-flag",
    );
    assert_eq!(
        get(&single, "fractional-single-entry-flag", json!({})),
        "single"
    );
}

#[test]
fn hashes_at_the_edges_fall_where_flagd_lets_them_fall() {
    let by = json!({ "fractional": [{ "var": "targetingKey" }, ["lower", 50], ["upper", 50]] });
    let halves = flags(by, &["lower", "upper"], "f");
    for (key, half) in [
        ("ejOoVL", "lower"),
        ("bY9fO-", "lower"),
        ("SI7p-", "lower"),
        ("6LvT0", "upper"),
        ("ceQdGm", "upper"),
    ] {
        assert_eq!(
            get(&halves, "f", json!({ "targetingKey": key })),
            half,
            "{key}"
        );
    }
}

#[test]
fn variants_and_weights_may_be_computed() {
    let premium =
        json!({ "if": [{ "==": [{ "var": "tier" }, "premium"] }, "premium", "standard"] });
    let by = json!({ "fractional": [{ "var": "targetingKey" }, [premium, 50], ["standard", 50]] });
    let tiers = flags(by, &["fallback", "premium", "standard"], "f");
    let weight = json!({ "if": [{ "==": [{ "var": "tier" }, "premium"] }, 100, 0] });
    let by = json!({ "fractional": [{ "var": "targetingKey" }, ["red", weight], ["blue", 10]] });
    let colours = flags(by, &["red", "blue"], "f");
    for (key, tier, variant, colour) in [
        ("jon@company.com", "premium", "premium", "red"),
        ("jon@company.com", "basic", "standard", "blue"),
        ("user1", "premium", "standard", "red"),
        ("user1", "basic", "standard", "blue"),
    ] {
        let context = json!({ "targetingKey": key, "tier": tier });
        assert_eq!(get(&tiers, "f", context.clone()), variant, "{key} {tier}");
        assert_eq!(get(&colours, "f", context), colour, "{key} {tier}");
    }
    let condition = json!({ "if": [{ "fractional": [[false, 0], [true, 100]] }, "big", "small"] });
    let sizes = flags(condition, &["big", "small"], "f");
    assert_eq!(
        get(&sizes, "f", json!({ "targetingKey": "some-targeting-key" })),
        "big"
    );
    // Nothing to cut by: the default.
    let by = json!({ "fractional": [{ "var": "nobody" }, ["clubs", 1], ["hearts", 1]] });
    assert_eq!(get(&flags(by, &CARDS, "f"), "f", json!({})), "wild");
}

#[test]
fn versions_are_compared_as_flagd_compares_them() {
    let against = |how: &str, right: &str| {
        let rule = json!({ "if": [{ "sem_ver": [{ "var": "version" }, how, right] }, "match", "no-match"] });
        flags(rule, &["match", "no-match"], "f")
    };
    for (left, how, right, matches) in [
        ("2.0.0", "=", "2.0.0", true),
        ("2.1.0", ">", "2.0.0", true),
        ("1.9.0", "<", "2.0.0", true),
        ("2.0.0-alpha", "<", "2.0.0", true),
        ("2.0.0.0", "=", "2.0.0", false),
        ("3.0.1", "~", "3.0.0", true),
        ("3.1.0", "~", "3.0.0", false),
        ("3.1.0", "^", "3.0.0", true),
        ("4.0.0", "^", "3.0.0", false),
        ("v1.0.0", "=", "v1.0.0", true),
        ("1.5.0", "^", "1", true),
        ("1.0.0+other", "=", "1.0.0+build", true),
        ("not-a-version", "=", "1.0.0", false),
        ("1.0.0", "about", "1.0.0", false),
        ("1.0.0", "<=", "1.0.0", true),
        ("1.0.0", ">=", "1.0.1", false),
        ("1.0.0", "!=", "1.0.1", true),
    ] {
        let said = get(&against(how, right), "f", json!({ "version": left }));
        assert_eq!(said == "match", matches, "{left} {how} {right}");
    }
}

#[test]
fn rules_say_what_json_logic_says() {
    let context = json!({ "id": "abcdef", "age": 20, "tags": ["a", "乙"], "flat": { "deep": [1, 2] }, "empty": [] });
    let context = context.as_object().unwrap();
    for (rule, says) in [
        (
            json!({ "starts_with": [{ "var": "id" }, "abc"] }),
            json!(true),
        ),
        (json!({ "ends_with": [{ "var": "id" }, 3] }), json!(false)),
        (
            json!({ "ends_with": [{ "var": "id" }, "def"] }),
            json!(true),
        ),
        (json!({ "in": ["乙", { "var": "tags" }] }), json!(true)),
        (json!({ "in": ["cd", { "var": "id" }] }), json!(true)),
        (json!({ "==": [{ "var": "age" }, "20"] }), json!(true)),
        (json!({ "===": [{ "var": "age" }, "20"] }), json!(false)),
        (json!({ "===": [{ "var": "age" }, 20.0] }), json!(true)),
        (json!({ "!=": [{ "var": "nothing" }, 0] }), json!(true)),
        (json!({ "<": [18, { "var": "age" }, 30] }), json!(true)),
        (json!({ ">=": [{ "var": "age" }, 21] }), json!(false)),
        // Two texts stand as in a dictionary, a text beside a number as a number.
        (json!({ "<": ["2025-12-31", "2026-01-01"] }), json!(true)),
        (json!({ ">=": ["b", "c"] }), json!(false)),
        (json!({ "<": ["10", "9"] }), json!(true)),
        (json!({ "<": ["10", 9] }), json!(false)),
        (json!({ "<": ["ten", 11] }), json!(false)),
        (json!({ "var": "flat.deep.1" }), json!(2)),
        (
            json!({ "var": ["nothing", "otherwise"] }),
            json!("otherwise"),
        ),
        (json!({ "!": { "var": "empty" } }), json!(true)),
        (json!({ "!!": [{ "var": "id" }] }), json!(true)),
        (json!({ "and": [true, "last"] }), json!("last")),
        (
            json!({ "or": [0, "", "found", "not asked"] }),
            json!("found"),
        ),
        (json!({ "if": [false, 1, null, 2, 3] }), json!(3)),
        (json!({ "if": [false, 1] }), json!(null)),
        (json!({ "cat": ["a", 1, 2.5, null] }), json!("a12.5")),
    ] {
        let read = Rule::read(&rule, &Map::new()).unwrap();
        assert_eq!(read.evaluate(context, "f"), says, "{rule}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_its_name() {
    let said = |targeting: Value| {
        let file = json!({ "flags": { "f": { "state": "ENABLED", "variants": { "a": 1 }, "targeting": targeting } } });
        Flags::read(&file.to_string()).unwrap_err().to_string()
    };
    let reduce = said(json!({ "if": [{ "reduce": [[1], 2, 3] }, "a"] }));
    assert!(
        reduce.contains("flag `f`") && reduce.contains("`reduce` is not supported"),
        "{reduce}"
    );
    assert!(said(json!({ "in": ["a"] })).contains("`in` has 1 arguments"));
    assert!(said(json!({ "in": [], "var": "" })).contains("2 keys"));
    assert!(said(json!({ "$ref": "nobody" })).contains("none of `$evaluators`"));
    assert!(said(json!({ "fractional": [["a", 0.5], ["b", 1]] })).contains("0.5"));
    assert!(said(json!({ "fractional": [["a", 2_147_483_647], ["b", 1]] })).contains("add up"));
    assert!(said(json!({ "fractional": ["x", "a"] })).contains("a list of a variant"));
    for file in [
        "",
        "[]",
        "{}",
        r#"{"flags": {"f": {}}}"#,
        r#"{"flags": {"f": {"variants": {"a": 1}, "state": "ON"}}}"#,
    ] {
        assert!(Flags::read(file).is_err(), "{file}");
    }
    // A rule that refers to itself ends.
    let file = json!({ "$evaluators": { "r": { "!": { "$ref": "r" } } }, "flags": { "f": {
        "state": "ENABLED", "variants": { "a": 1 }, "targeting": { "$ref": "r" } } } });
    assert!(
        Flags::read(&file.to_string())
            .unwrap_err()
            .to_string()
            .contains("refer to themselves")
    );
}

#[test]
fn rules_that_grow_by_reference_are_refused() {
    // Each level names the next one ten times: ten to the eleventh in all.
    let mut shared = Map::from_iter([("r0".to_owned(), json!({ "var": "x" }))]);
    for level in 1..12 {
        let next = json!({ "$ref": format!("r{}", level - 1) });
        shared.insert(format!("r{level}"), json!({ "and": vec![next; 10] }));
    }
    let file = json!({ "$evaluators": shared, "flags": { "f": {
        "state": "ENABLED", "variants": { "a": 1 }, "targeting": { "$ref": "r11" } } } });
    let said = Flags::read(&file.to_string()).unwrap_err().to_string();
    assert!(said.contains("more than 1000000 rules"), "{said}");
    // What a file says wrong is not repeated at length.
    let long = json!({ "flags": { "f": {
        "state": "ENABLED", "variants": { "a": 1 }, "defaultVariant": "x".repeat(10_000) } } });
    let said = Flags::read(&long.to_string()).unwrap_err().to_string();
    assert!(said.len() < 300, "{said}");
}

#[test]
fn flags_that_are_off_or_have_no_targeting_say_so() {
    let file = json!({ "$evaluators": { "mine": { "in": ["@a.example", { "var": "email" }] } }, "flags": {
        "off": { "state": "DISABLED", "variants": { "a": 1 }, "defaultVariant": "a" },
        "plain": { "state": "ENABLED", "variants": { "a": { "x": 1 } }, "defaultVariant": "a" },
        "shared": { "state": "ENABLED", "variants": { "a": 1, "b": 2 }, "defaultVariant": "a",
            "targeting": { "if": [{ "$ref": "mine" }, "b"] } },
        "strange": { "state": "ENABLED", "variants": { "a": 1 }, "targeting": { "var": "v" } },
    }});
    let flags = Flags::read(&file.to_string()).unwrap();
    let assign = |key: &str, context: Value| {
        flags
            .flag(key)
            .unwrap()
            .assign(context.as_object().unwrap())
    };
    let off = assign("off", json!({})).unwrap();
    assert_eq!((off.variant, off.reason), (None, Reason::Disabled));
    let plain = assign("plain", json!({})).unwrap();
    assert_eq!(
        (plain.value, plain.reason),
        (json!({ "x": 1 }), Reason::Static)
    );
    let shared = assign("shared", json!({ "email": "me@a.example" })).unwrap();
    assert_eq!(
        (shared.value, shared.reason),
        (json!(2), Reason::TargetingMatch)
    );
    assert_eq!(assign("shared", json!({})).unwrap().reason, Reason::Default);
    assert!(
        assign("strange", json!({ "v": "z" }))
            .unwrap_err()
            .to_string()
            .contains("`z`")
    );
    assert!(
        flags
            .flag("none")
            .unwrap_err()
            .to_string()
            .contains("off, plain")
    );
    assert!(context("[1]").is_err() && context("{}").is_ok());
}
