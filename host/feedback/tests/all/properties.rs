//! What must hold for whatever comes in.

use proptest::prelude::*;
use serde_json::{Map, Value};
use steward_feedback::audience::Audience;
use steward_feedback::events::{Event, Funnel};
use steward_feedback::experiment::{Arm, Design};
use steward_feedback::flags::{Flags, Rule};
use steward_feedback::intake::interview;
use steward_feedback::survey::{Answer, Metric, Score, Survey, Twice};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e3..1e3f64).prop_map(Value::from),
        "[a-z.$ 乙😀]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            Just("var"),
            Just("if"),
            Just("fractional"),
            Just("sem_ver"),
            Just("in"),
            Just("=="),
            Just("cat"),
            Just("and"),
            Just("!"),
            Just("<"),
            Just("starts_with"),
            Just("$ref"),
            Just("map"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            (name, inner).prop_map(|(name, value)| {
                Value::Object(Map::from_iter([(name.to_owned(), value)]))
            }),
        ]
    })
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = ("[a-e]{0,2}", -2.0..12.0f64, any::<bool>(), any::<i64>());
    let answer = answer.prop_map(|(respondent, rating, whole, at)| Answer {
        respondent,
        rating: if whole { rating.round() } else { rating },
        at,
    });
    prop::collection::vec(answer, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A rule is refused when it is read, or says something about everybody.
    #[test]
    fn rules_are_refused_or_evaluated(rule in json(), context in json()) {
        if let Ok(read) = Rule::read(&rule, &Map::new()) {
            let context = match context {
                Value::Object(context) => context,
                other => Map::from_iter([("targetingKey".to_owned(), other)]),
            };
            prop_assert_eq!(read.evaluate(&context, "f"), read.evaluate(&context, "f"));
        }
    }

    #[test]
    fn texts_that_are_no_files_are_refused(text in "\\PC{0,80}") {
        let _ = (Flags::read(&text), Audience::rule(&text), interview(&text));
    }

    /// Every answer is counted once: as one that counts, as one that was repeated, or as one that is none.
    #[test]
    fn no_answer_is_lost(answers in answers(), metric in prop_oneof![Just(Metric::Nps), Just(Metric::Csat), Just(Metric::Ces)],
            twice in prop_oneof![Just(Twice::Last), Just(Twice::First), Just(Twice::Neither)]) {
        let survey = Survey { minimum: 2, twice, ..Survey::new(metric) };
        let result = survey.score(&answers).unwrap();
        prop_assert_eq!(result.answers + result.repeated + result.rejected.len(), answers.len());
        if let Score::Value(score) = result.score {
            prop_assert!(score.low <= score.value && score.value <= score.high, "{score:?}");
            prop_assert_eq!(result.counts.iter().sum::<u32>() as usize, result.answers);
        }
    }

    /// The sums of an experiment are refused or give numbers, and the two arms in the other order the other difference.
    #[test]
    fn experiments_give_numbers(users in (0u64..5000, 0u64..5000), of_whom in (0u64..5000, 0u64..5000)) {
        let arms = [Arm::share("a", users.0, of_whom.0), Arm::share("b", users.1, of_whom.1)];
        if let Ok(result) = Design::default().compare(&arms) {
            let effect = result.comparisons[0].absolute;
            prop_assert!((0.0..=1.0).contains(&effect.p_value) && (0.0..=1.0).contains(&effect.sequential_p_value));
            prop_assert!(effect.sequential_interval.low <= effect.interval.low);
            let [a, b] = arms;
            let other = Design::default().compare(&[b, a]).unwrap().comparisons[0].absolute;
            prop_assert!((effect.difference + other.difference).abs() < 1e-12);
            prop_assert!((effect.chance_to_win + other.chance_to_win - 1.0).abs() < 1e-12);
        }
    }

    /// A funnel never widens, and a window lets nobody in whom no window keeps out.
    #[test]
    fn funnels_narrow(events in prop::collection::vec((0u8..4, 0u8..4, 0i64..100), 0..60), window in 0i64..120, strict in any::<bool>()) {
        let events: Vec<Event> = events
            .iter()
            .map(|(who, what, at)| Event { person: who.to_string(), name: what.to_string(), at: *at })
            .collect();
        let funnel = Funnel { steps: vec!["0".into(), "1".into(), "2".into()], window_ms: Some(window), strict };
        let within = funnel.measure(&events).unwrap();
        let open = Funnel { window_ms: None, ..funnel }.measure(&events).unwrap();
        prop_assert!(within.is_sorted_by(|a, b| a.people >= b.people));
        for (within, open) in within.iter().zip(&open) {
            prop_assert!(within.people <= open.people);
        }
    }
}
