//! What holds for every text.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use anonymizer::PersonalData;
use proptest::prelude::*;
use steward_sdk::anonymizer::{
    Anonymized, Anonymizer, Document, Error, Finding, Mask, Operator, Policy,
};
use steward_sdk::testing::Host;

const MANIFEST: &str = include_str!("../steward.toml");
const KEY: &str = "a key of this test, long enough";

fn plugin() -> PersonalData {
    let _host = Host::from_manifest(MANIFEST)
        .unwrap()
        .config("hash_key", KEY)
        .config("encryption_key", KEY)
        .enter();
    PersonalData::new().unwrap()
}

fn batch(text: &str) -> Vec<Document> {
    vec![Document {
        id: "1".into(),
        text: text.into(),
    }]
}

fn detect(plugin: &PersonalData, text: &str) -> Vec<Finding> {
    plugin.detect(batch(text), None).unwrap().remove(0)
}

fn treat(plugin: &PersonalData, text: &str, operator: Operator) -> Anonymized {
    let policy = Policy {
        entities: None,
        min_score: 0.0,
        rules: Vec::new(),
        default_operator: operator,
    };
    plugin
        .anonymize(batch(text), Some(policy))
        .unwrap()
        .remove(0)
}

/// Any characters, and many of those of which personal data is made.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,20}",
        "[-+@.:/ ()x%#]{1,3}",
        "[0-9a-fA-F:.]{1,12}",
        "(?s).{0,4}",
        "[０-９ＡＢ．：－（）]{1,6}",
        "[\u{200B}\u{FEFF}\u{202E}\u{3000}]{1,2}",
        "[电话手机号邮箱，。]{1,4}",
        personal(),
        "[\u{0591}-\u{05F4}\u{0620}-\u{064A}]{1,6}",
        "[a-z][\u{0300}-\u{036F}]{1,3}",
        "(京|粤)[A-Z][0-9A-Z]{5,6}",
        "[王李张欧阳姓名先生客户联系人省市区县路号室年月日]{1,8}",
        "[A-Z]{1,3}[- ]?[0-9]{2,9}[A-Z]?",
        "<[A-Z_]{1,12}>",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A policy with one operator, for all entities or one.
fn policy(with: &str, entity: Option<&str>) -> Policy {
    Policy {
        entities: entity.map(|name| vec![name.to_owned()]),
        min_score: 0.5,
        rules: Vec::new(),
        default_operator: Operator::Replace(with.into()),
    }
}

/// Numbers with a format that pseudonyms keep.
fn numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        "1[3-9][0-9]{9}",
        "(京|粤)[A-H][0-9]{5}",
        "[a-z]{4,9}@example\\.com",
        Just("11010519491231002X".to_owned()),
        Just("4012 8888 8888 1881".to_owned()),
        Just("6222021234567890128".to_owned()),
        Just("DE89 3704 0044 0532 0130 00".to_owned()),
        Just("91350100M000100Y43".to_owned()),
    ]
}

/// One piece of personal data, made up.
fn personal() -> impl Strategy<Value = String> {
    prop_oneof![
        "1[3-9][0-9]{9}",
        "\\+86 1[3-9][0-9] [0-9]{4} [0-9]{4}",
        "\\([2-9][0-9]{2}\\) [2-9][0-9]{2}-[0-9]{4}",
        "[a-z][a-z0-9]{0,4}(\\.[a-z0-9]{1,4})?[a-z]@[a-z]{2,8}\\.(com|cn|co\\.uk)",
        "https://[a-z]{2,8}\\.(com|org)/[a-z0-9/]{0,12}",
        "(10|172|192)\\.[1-9][0-9]\\.[1-9][0-9]\\.[1-9][0-9]",
        "2001:db8:[1-9a-f]{4}::[1-9a-f]{1,4}",
        "([0-9a-f]{2}:){5}[a-e][0-9]",
        Just("11010519491231002X".to_owned()),
        Just("4012 8888 8888 1881".to_owned()),
        Just("6222021234567890128".to_owned()),
        Just("DE89 3704 0044 0532 0130 00".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn findings_lie_in_the_text_in_order_and_apart(text in any_text()) {
        let length = text.chars().count() as u32;
        let mut last = 0;
        for finding in detect(&plugin(), &text) {
            prop_assert!(last <= finding.span.start);
            prop_assert!(finding.span.start < finding.span.end && finding.span.end <= length);
            prop_assert!((0.0..=1.0).contains(&finding.score));
            last = finding.span.end;
        }
    }

    #[test]
    fn every_entity_by_name_lies_in_the_text(text in any_text()) {
        let length = text.chars().count() as u32;
        let found = plugin().detect(batch(&text), Some(vec!["ALL".into()])).unwrap().remove(0);
        prop_assert!(found.windows(2).all(|two| two[0].span.end <= two[1].span.start));
        prop_assert!(found.iter().all(|f| f.span.start < f.span.end && f.span.end <= length));
        prop_assert!(found.iter().all(|f| (0.0..=1.0).contains(&f.score)));
    }

    #[test]
    fn anonymizing_again_changes_nothing(text in any_text()) {
        let plugin = plugin();
        let once = plugin.anonymize(batch(&text), None).unwrap().remove(0);
        let twice = plugin.anonymize(batch(&once.text), None).unwrap().remove(0);
        // A replacement is shorter than what it replaces, so that a word may come near enough to a number to say what it
        // is: that may be found now. What was put there is left alone.
        let characters: Vec<char> = once.text.chars().collect();
        for finding in twice.replacements.iter().map(|r| &r.finding) {
            let found = &characters[finding.span.start as usize..finding.span.end as usize];
            prop_assert!(!found.contains(&'<'), "from {:?}: {:?} in {:?}", text, finding, once.text);
        }
    }

    #[test]
    fn no_operator_breaks_a_text(text in any_text(), which in 0usize..6) {
        let plugin = plugin();
        let with = ["{pseudonym}", "{surrogate}", "{generalized}", "{encrypted}", "{original}", "<{entity}:{hash}>"][which];
        let done = treat(&plugin, &text, Operator::Replace(with.into()));
        let new: Vec<char> = done.text.chars().collect();
        prop_assert!(done.replacements.iter().all(|r| r.new_span.end as usize <= new.len()));
    }

    #[test]
    fn what_was_encrypted_comes_back(text in any_text()) {
        let plugin = plugin();
        let sealed = plugin.anonymize(batch(&text), Some(policy("{encrypted}", None))).unwrap().remove(0);
        let token = text.contains('<') && text.contains(':');
        let open = plugin.anonymize(batch(&sealed.text), Some(policy("{original}", Some("ENCRYPTED")))).unwrap().remove(0);
        prop_assert!(token || open.text == text, "{:?} {:?}", sealed.text, open.text);
    }

    #[test]
    fn pseudonyms_have_the_format_of_what_they_stand_for_and_come_back(one in numbers()) {
        let plugin = plugin();
        let there = plugin.anonymize(batch(&one), Some(policy("{pseudonym}", None))).unwrap().remove(0).text;
        prop_assert_eq!(there.chars().count(), one.chars().count());
        let kind = |text: &str| detect(&plugin, text).into_iter().map(|f| f.entity).collect::<Vec<_>>();
        prop_assert_eq!(kind(&there), kind(&one), "{} {}", one, there);
        let back = plugin.anonymize(batch(&there), Some(policy("{original}", None))).unwrap().remove(0).text;
        prop_assert_eq!(back, one);
    }

    #[test]
    fn only_findings_change(text in any_text()) {
        let plugin = plugin();
        let original: Vec<char> = text.chars().collect();
        let done = treat(&plugin, &text, Operator::Replace("<{entity}>".into()));
        let new: Vec<char> = done.text.chars().collect();
        let (mut old_at, mut new_at) = (0, 0);
        for replacement in &done.replacements {
            let (old, into) = (replacement.finding.span, replacement.new_span);
            let untouched = &original[old_at..old.start as usize];
            prop_assert_eq!(untouched, &new[new_at..into.start as usize]);
            let treated: String = new[into.start as usize..into.end as usize].iter().collect();
            prop_assert_eq!(treated, format!("<{}>", replacement.finding.entity));
            (old_at, new_at) = (old.end as usize, into.end as usize);
        }
        prop_assert_eq!(&original[old_at..], &new[new_at..]);
    }

    #[test]
    fn a_mask_keeps_the_length_and_keep_keeps_all(text in any_text(), first in 0u32..6, last in 0u32..6) {
        let plugin = plugin();
        let mask = Mask { character: "*".into(), keep_first: first, keep_last: last };
        let masked = treat(&plugin, &text, Operator::Mask(mask));
        prop_assert_eq!(masked.text.chars().count(), text.chars().count());
        for replacement in &masked.replacements {
            prop_assert_eq!(replacement.finding.span.start, replacement.new_span.start);
            prop_assert_eq!(replacement.finding.span.end, replacement.new_span.end);
        }
        let kept = treat(&plugin, &text, Operator::Keep);
        prop_assert_eq!(kept.text, text);
    }

    #[test]
    fn redaction_leaves_empty_spans(text in any_text()) {
        let done = treat(&plugin(), &text, Operator::Redact);
        let removed: u32 = done.replacements.iter().map(|r| r.finding.span.end - r.finding.span.start).sum();
        prop_assert!(done.replacements.iter().all(|r| r.new_span.start == r.new_span.end));
        prop_assert_eq!(done.text.chars().count() as u32 + removed, text.chars().count() as u32);
    }

    #[test]
    fn equal_findings_hash_equally_and_others_do_not(one in personal(), other in personal()) {
        let plugin = plugin();
        let hash = |text: &str| treat(&plugin, text, Operator::KeyedHash).text;
        let text = hash(&format!("{one}，{one}，{other}"));
        let parts: Vec<_> = text.split('，').collect();
        prop_assert_eq!(parts[0], parts[1]);
        prop_assert_eq!(parts[0], hash(&one));
        prop_assert_eq!(one == other, parts[0] == parts[2]);
    }

    #[test]
    fn each_made_up_piece_is_found_whole_in_both_languages(one in personal()) {
        let plugin = plugin();
        for (before, after) in [("", ""), ("请记录", "，谢谢"), ("it is ", "."), ("（", "）"), ("「", "」请回"), ("a: ", "\n")] {
            let text = format!("{before}{one}{after}");
            let found = detect(&plugin, &text);
            prop_assert_eq!(found.len(), 1, "{}: {:?}", text, found);
            let start = before.chars().count() as u32;
            prop_assert_eq!(found[0].span.start, start, "{}", text);
            prop_assert_eq!(found[0].span.end, start + one.chars().count() as u32, "{}", text);
        }
    }

    #[test]
    fn what_was_replaced_is_not_found_again(
        pieces in prop::collection::vec((personal(), "[张王李，。, ]{1,3}"), 1..8)
    ) {
        let plugin = plugin();
        let text: String = pieces.into_iter().map(|(data, gap)| data + &gap).collect();
        let done = plugin.anonymize(batch(&text), None).unwrap().remove(0);
        let again = detect(&plugin, &done.text);
        prop_assert!(again.is_empty(), "{} -> {}: {:?}", text, done.text, again);
    }
}

/// Texts that make a scanner that starts over at every character slow. A megabyte of each takes
/// well under a second when the time is linear, and minutes when it is not. All together they take
/// ten seconds; the limit leaves room for a machine that is busy.
#[test]
fn hostile_texts_take_linear_time() {
    let plugin = plugin();
    let started = Instant::now();
    for piece in [
        "1",
        "1 ",
        "12-",
        "+1 ",
        "(0",
        "a.",
        "a.a@",
        "@",
        "http://",
        "://a@",
        "www.",
        "q.ZZ/,",
        ":",
        "::",
        "a:",
        "aa:",
        "1.1.1.1.",
        "1.1.1.1",
        "DE89 3704",
        "电话1",
        "0",
        "tel ",
        "a-",
        "x.com/(",
        "138 1234 5678 ",
        "[::",
        "\u{200B}1",
        "[",
        "http://[",
        "０",
        "1.2 ",
        "A1",
        "AB123456 ",
        "123456789 ",
        "123-45-6789 ",
        "A-B-",
        "<A",
        "<A:",
        "北京市",
        "市",
        "人民路1",
        "姓名王",
        "张先生",
        "京A1",
        "微信a",
        "QQ1",
        "1年",
        "下",
        "二",
        "May 5",
        "5/5/",
        "1元",
        "(1",
        "bc1q",
        "claim 123456 ",
        "abcdefab-",
        "1A1z",
        "岁",
        "11010519491231002X",
    ] {
        let text = piece.repeat((1 << 20) / piece.len());
        detect(&plugin, &text);
    }
    assert!(
        started.elapsed() < Duration::from_secs(180),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_wrong_configuration_names_its_key() {
    for (key, value) in [
        ("entities", "PHONE_NUMBER, NOBODY"),
        ("min_score", "1.5"),
        ("min_score", "NaN"),
        ("min_score", "high"),
        ("policy", "{"),
        ("policy", r#"{"default_operator": "shred"}"#),
        ("hash_key", "short"),
        ("encryption_key", "short"),
        (
            "recognizers",
            r#"{"patterns": [{"entity": "A", "regex": "("}]}"#,
        ),
        ("locale", "xx"),
        ("generalize_dates", "day"),
        ("generalize_ages", "0"),
    ] {
        let _host = Host::from_manifest(MANIFEST)
            .unwrap()
            .config(key, value)
            .enter();
        match PersonalData::new() {
            Err(Error::InvalidConfig(text)) => assert!(text.contains(key), "{key}: {text}"),
            Err(other) => panic!("{key}: {other:?}"),
            Ok(_) => panic!("{key} = {value} was accepted"),
        }
    }
}
