//! What holds for any formula, any review and any trainings.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};
use steward_sdk::testing::{Host, call_team};
use team::Advisor;
use team::formula::{Formula, NoValue, Node};

fn call(export: &str, input: &Value) -> Value {
    let _host = Host::from_manifest(include_str!("../steward.toml"))
        .unwrap()
        .enter();
    call_team::<Advisor>(Some(export), input).unwrap_or_else(|error| panic!("{error:?}"))
}

/// A formula as text and what it must give, worked out beside it: none where it divides by (nearly) nothing.
fn formula() -> impl Strategy<Value = (String, Option<f64>)> {
    let number = (0_u32..1000).prop_map(|n| {
        let value = f64::from(n) / 8.0;
        (format!("{value}"), Some(value))
    });
    let part = prop_oneof![
        Just(("goals".to_owned(), Some(0.25))),
        Just(("lead".to_owned(), Some(0.75))),
        Just(("lead.craft".to_owned(), Some(1.0))),
        Just(("lead.\"团队 合作\"".to_owned(), Some(0.5))),
    ];
    let leaf = prop_oneof![number, part];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let pair = (inner.clone(), "[-+*/]", inner.clone()).prop_map(|((a, x), sign, (b, y))| {
            let value = x.zip(y).and_then(|(x, y)| match sign.as_str() {
                "+" => Some(x + y),
                "-" => Some(x - y),
                "*" => Some(x * y),
                _ => (y.abs() > 1e-3).then(|| x / y),
            });
            (format!("({a} {sign} {b})"), value)
        });
        let list = prop::collection::vec(inner.clone(), 1..4);
        let call = ("min|max|mean", list).prop_map(|(name, list)| {
            let text: Vec<&str> = list.iter().map(|(text, _)| text.as_str()).collect();
            let values: Option<Vec<f64>> = list.iter().map(|(_, value)| *value).collect();
            let value = values.map(|values| match name.as_str() {
                "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
                "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                _ => values.iter().sum::<f64>() / values.len() as f64,
            });
            (format!("{name}({})", text.join(" , ")), value)
        });
        let minus = inner.prop_map(|(text, value)| (format!("-{text}"), value.map(|v| -v)));
        prop_oneof![4 => pair, 2 => call, 1 => minus]
    })
}

fn part(name: &str, criterion: Option<&str>) -> Option<f64> {
    match (name, criterion) {
        ("goals", None) => Some(0.25),
        ("lead", None) => Some(0.75),
        ("lead", Some("craft")) => Some(1.0),
        ("lead", Some("团队 合作")) => Some(0.5),
        _ => None,
    }
}

/// How deep a node lies.
fn depth(node: &Node) -> usize {
    match node {
        Node::Number(_) | Node::Part(..) => 1,
        Node::Minus(inner) => 1 + depth(inner),
        Node::Pair(_, left, right) => 1 + depth(left).max(depth(right)),
        Node::Call(_, arguments) => 1 + arguments.iter().map(depth).max().unwrap_or(0),
    }
}

proptest! {
    #[test]
    fn a_formula_is_what_it_says((text, wanted) in formula()) {
        prop_assume!(text.chars().count() <= team::formula::MAX_CHARS);
        let formula = Formula::parse(&text).unwrap();
        if let Some(wanted) = wanted {
            let found = formula.value(&part).unwrap();
            let slack = 1e-9 * wanted.abs().max(1.0);
            prop_assert!((found - wanted).abs() <= slack, "{text}: {found}, not {wanted}");
        }
        // Written with all its brackets, it is the same.
        let again = format!("{}", formula.root());
        if again.chars().count() <= team::formula::MAX_CHARS {
            let again = Formula::parse(&again).unwrap();
            prop_assert_eq!(again.value(&part), formula.value(&part));
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".{0,300}") {
        if let Ok(formula) = Formula::parse(&text) {
            prop_assert!(depth(formula.root()) <= team::formula::MAX_DEPTH);
            match formula.value(&|_, _| Some(0.5)) {
                Ok(value) => prop_assert!(value.is_finite()),
                Err(why) => prop_assert_eq!(why, NoValue::NotFinite),
            }
        }
    }

    #[test]
    fn no_row_of_signs_breaks_the_reader(text in "[-+*/(). ,0-9a-z\"]{0,1100}") {
        let _ = Formula::parse(&text);
    }

    /// A calibration counts where it begins at the score before it and says why; whatever is computed, the last one stands.
    #[test]
    fn calibrations_are_a_chain(
        lead in 1_u32..=5,
        moves in prop::collection::vec(1.0_f64..5.0, 0..6),
        broken in any::<prop::sample::Index>(),
    ) {
        let computed = f64::from(lead);
        let mut before = computed;
        let mut chain: Vec<Value> = Vec::new();
        for (n, after) in moves.iter().enumerate() {
            chain.push(json!({ "before": before, "after": after, "by": "lee", "reason": "talked", "at": n }));
            before = *after;
        }
        let ask = |chain: &[Value]| {
            call("evaluate", &json!({
                "cycle": {
                    "name": "c", "criteria": [{ "name": "craft", "weight": 1.0 }],
                    "scale": { "lowest": 1.0, "highest": 5.0, "step": 1.0 }, "formula": "lead",
                },
                "reviews": [{
                    "person": "ann", "goals": [],
                    "inputs": [{
                        "perspective": "lead", "rater": "lee",
                        "ratings": [{ "criterion": "craft", "value": computed }],
                        "evidence": [{ "source": "s", "summary": "e" }],
                    }],
                    "calibrations": chain,
                }],
            }))
        };
        let found = ask(&chain);
        let advice = &found[0]["advised"];
        prop_assert!((advice["computed"].as_f64().unwrap() - computed).abs() < 1e-9);
        prop_assert!((advice["score"].as_f64().unwrap() - before).abs() < 1e-9);
        prop_assert_eq!(&advice["standing"], "needs_sign_off");
        if !chain.is_empty() {
            let at = broken.index(chain.len());
            let begins = chain[at]["before"].as_f64().unwrap();
            chain[at]["before"] = json!(begins + 0.01);
            let found = ask(&chain);
            prop_assert_eq!(&found[0]["refused"]["reasons"][0]["code"], "calibration-broken");
        }
    }

    /// Whatever requires what: a plan puts everything behind what it requires, or a circle is named.
    #[test]
    fn a_plan_is_in_order_or_a_circle_is_named(edges in prop::collection::vec((0_usize..8, 0_usize..8), 0..14)) {
        let trainings: Vec<Value> = (0..8).map(|n| {
            let requires: Vec<String> = edges.iter().filter(|(a, _)| *a == n).map(|(_, b)| format!("t{b}")).collect();
            json!({ "name": format!("t{n}"), "skill": format!("s{n}"), "level": 1, "hours": 1.0, "requires": requires })
        }).collect();
        let wanted: Vec<Value> = (0..8).map(|n| json!({ "skill": format!("s{n}"), "level": 1 })).collect();
        let input = json!({
            "members": [{ "person": "ann", "wanted": wanted, "held": [], "done": [] }],
            "trainings": trainings,
        });
        let _host = Host::from_manifest(include_str!("../steward.toml")).unwrap().enter();
        match call_team::<Advisor>(Some("skill-gaps"), &input) {
            Ok(plans) => {
                let steps: Vec<String> = plans[0]["steps"].as_array().unwrap().iter()
                    .map(|step| step["training"].as_str().unwrap().to_owned()).collect();
                prop_assert_eq!(steps.len(), 8);
                let place = |n: usize| steps.iter().position(|step| *step == format!("t{n}")).unwrap();
                for (a, b) in &edges {
                    prop_assert!(place(*b) < place(*a));
                }
            }
            Err(error) => {
                prop_assert!(error.message.contains("in a circle"), "{}", error.message);
                // The circle that is named is one of the edges.
                let names = error.message.split(": ").nth(1).unwrap().split(';').next().unwrap();
                let way: Vec<usize> = names.split(" → ").map(|name| name[1..].parse().unwrap()).collect();
                prop_assert!(way.len() >= 2 && way.first() == way.last());
                for pair in way.windows(2) {
                    prop_assert!(edges.contains(&(pair[0], pair[1])));
                }
            }
        }
    }
}
