//! What must hold for whatever a feed sends and whatever the log holds.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use finance_alerts::companies::Companies;
use finance_alerts::detect::{Cell, Thresholds, judge};
use finance_alerts::hours::Hour;
use finance_alerts::record::{Count, History, Record};
use finance_alerts::watch::{Headline, Read, Settings, close};
use proptest::prelude::*;

const SETTINGS: Settings = Settings {
    thresholds: Thresholds {
        volume: 3.2,
        tone: 2.5,
    },
    quiet_hours: 8,
};

fn companies() -> Companies {
    Companies::read(include_str!("../../data/companies.json")).unwrap()
}

fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -1.0..1.0,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-0.0),
        Just(1e300)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn names_are_found_in_any_text_without_a_panic(text in "\\PC{0,80}", before in "\\PC{0,5}") {
        let companies = companies();
        for id in companies.named(&text) {
            prop_assert!(companies.get(&id).is_some());
        }
        let named = companies.named(&format!("{before} 海港银行证券 {text}"));
        prop_assert!(named.contains(&"harbor-securities".to_owned()));
    }

    #[test]
    fn whatever_was_counted_scores_are_numbers_beyond_their_thresholds(
        cells in prop::collection::vec(prop::option::weighted(0.9, (0_u32..2000, -1.0..1.0_f64)), 0..700),
        first in 0..1_000_000_i64,
    ) {
        let cell = |(count, tone): (u32, f64)| Cell { count, tone: tone * f64::from(count) };
        let series: Vec<Option<Cell>> = cells.into_iter().map(|c| c.map(cell)).collect();
        for found in judge(first, &series, SETTINGS.thresholds) {
            for number in [found.observed, found.expected, found.low, found.high, found.robust_z, found.seasonal_z] {
                prop_assert!(number.is_finite(), "{found:?}");
            }
            prop_assert!(found.robust_z.abs() >= 2.5 && found.seasonal_z.abs() >= 2.5);
            prop_assert!(found.robust_z * found.seasonal_z > 0.0);
            prop_assert!(found.low <= found.expected && found.expected <= found.high);
        }
    }

    /// Headlines of any time and tone, a history of anything: hours are closed once each, counts are those of the headlines, a
    /// text counts once, and nothing that is no number is written down.
    #[test]
    fn closing_hours_survives_garbage_and_clocks_that_jump(
        stream in prop::collection::vec((-50..80_i64, 0..6_usize, wild(), any::<bool>()), 0..60),
        log in prop::collection::vec((-200..20_i64, any::<u32>(), wild()), 0..20),
        span in (0..30_i64, -3..30_i64),
    ) {
        let companies = companies();
        let zero = Hour::new(400_000).unwrap();
        let mut history = History::default();
        for (hour, count, tone) in log {
            let company = Count { count, tone, top: vec![("x".into(), tone)] };
            history.put(Record {
                hour: zero.plus(hour), companies: BTreeMap::from([("borealis".to_owned(), company)]),
                seen: vec!["x".into()], unusual: BTreeSet::from(["?".to_owned()]), late: u64::MAX, seq: u64::MAX,
            });
        }
        let texts = ["Borealis up", "borealis UP!", "北辰半导体上涨", "Borealis", "Lantern Motors 明灯汽车", ""];
        let headlines: Vec<(Headline, f64)> = stream
            .iter()
            .map(|(hour, text, tone, garbage)| {
                let text = texts[*text].to_owned();
                let named = if *garbage { vec!["nobody".to_owned()] } else { companies.named(&text) };
                (Headline { hour: zero.plus(*hour), companies: named, text }, *tone)
            })
            .collect();
        let (from, until) = (zero.plus(span.0), zero.plus(span.0 + span.1));
        let (records, alerts) = close(&mut history, &companies, SETTINGS, (from, until), &headlines, Read::default());
        let hours: Vec<i64> = records.iter().map(|r| r.hour.number() - from.number()).collect();
        prop_assert_eq!(hours, (0..span.1.max(0)).collect::<Vec<_>>());
        let mut seen = BTreeSet::new();
        for record in &records {
            prop_assert!(record.seen.iter().all(|print| seen.insert(print.clone())));
            for count in record.companies.values() {
                prop_assert!(count.tone.is_finite() && count.tone.abs() <= f64::from(count.count));
                prop_assert!(count.top.len() <= 6 && count.count as usize <= headlines.len());
            }
            let again: Record = serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap();
            prop_assert_eq!(again.hour, record.hour);
        }
        for alert in alerts {
            prop_assert!(!serde_json::to_string(&alert).unwrap().contains("null"));
        }
    }
}
