//! What holds for every text under the rules that run once.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use steward_sdk::cleaner::{Cleaner, Document, Outcome};
use text_cleaner::TextCleaner;
use text_cleaner::pipeline;
use text_cleaner::rules::Rule;
use text_cleaner::settings::{Settings, SettingsError};

/// Texts in which the rules meet.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "From: a\n", "To: b\n", "发件人：甲\n", "> quoted\n", "On x wrote:\n", "-- \n", "发自我的iPhone\n", "# ", "**", "`", "[a](b)", "| a |",
            "https://a.com/b", "www.a.cn", "a@b.com", "1.2.3.4", "::1", "👍🏽", "❤\u{FE0F}", "©", "■", "里面", "裡面", "发", "後", "软件", "，", "。",
            ",", ".", "!", "？", "“", "\"", "(", "）", "好的。", "Yes. ", "word ", "aaaaaaaaaaaaaaaa ", "\n", "\n\n", " ", "donâ€™t", "Ã¢â‚¬â„¢",
            "/* copyright */", "//", "<b>", "&lt;", "哈哈哈哈哈", "\u{200B}", "ａ",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let get = |key: &'static str| {
        let found = pairs.iter().find(|(name, _)| *name == key);
        Ok::<_, SettingsError>(found.map(|(_, value)| (*value).to_owned()))
    };
    Settings::read(get).unwrap()
}

const EVERYTHING: &[(&str, &str)] = &[
    (
        "also",
        "mojibake, copyright, mail-headers, mail-quotes, signatures, markdown, c4-lines, repeated-sentences",
    ),
    ("links", "mask"),
    ("emails", "remove"),
    ("ips", "mask"),
    ("emoji", "name-zh"),
    ("remove_chars", "■"),
    ("max_word_chars", "12"),
    ("chinese", "s2twp"),
    ("punctuation", "chinese"),
    ("html_bullet", "- "),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_text_is_cleaned_and_told(text in text()) {
        let settings = settings(EVERYTHING);
        let cleaning = pipeline::clean(&text, &settings);
        if cleaning.text != text {
            prop_assert!(cleaning.changes().count() > 0);
        }
        prop_assert!(cleaning.changes().all(|(rule, places)| places > 0 && settings.rules.has(rule)));
    }

    #[test]
    fn a_rule_that_changes_nothing_says_so(text in text()) {
        let settings = settings(EVERYTHING);
        for rule in Rule::ALL {
            if let Some(rewrite) = rule.apply(&text, &settings) {
                prop_assert!(rewrite.places > 0 && rewrite.text != text, "{:?}", rule);
            }
        }
    }

    /// Rules that say so find nothing in what they left.
    #[test]
    fn rules_that_promise_it_are_idempotent(text in text()) {
        let settings = settings(EVERYTHING);
        for rule in [Rule::Emoji, Rule::Symbols, Rule::LongWords] {
            if let Some(rewrite) = rule.apply(&text, &settings) {
                let again = rule.apply(&rewrite.text, &settings);
                prop_assert_eq!(again, None, "{:?}: {:?}", rule, rewrite.text);
            }
        }
    }

    #[test]
    fn tags_leave_texts_as_dropping_would_find_them(texts in prop::collection::vec(text(), 1..4)) {
        let documents = || -> Vec<Document> {
            let numbered = texts.iter().enumerate();
            numbered.map(|(n, text)| Document { id: n.to_string(), text: text.clone() }).collect()
        };
        let with = |action| TextCleaner::with(settings(&[("quality", "all"), ("quality_action", action), ("duplicates", "keep"), ("empty", "false")]));
        let dropped = with("drop").clean(documents()).unwrap();
        let tagged = with("tag").clean(documents()).unwrap();
        for (dropped, tagged) in dropped.iter().zip(&tagged) {
            let tag = match tagged {
                Outcome::Changed(cleaned) => cleaned.changes.iter().find_map(|change| change.rule.strip_prefix("tag:")),
                _ => None,
            };
            match dropped {
                Outcome::Dropped(reason) => prop_assert_eq!(Some(reason.rule.as_str()), tag),
                _ => prop_assert_eq!(tag, None),
            }
        }
    }
}

#[test]
fn long_texts_take_linear_time() {
    let settings = settings(EVERYTHING);
    for piece in [
        "> ",
        "From: a\n",
        "-- \n",
        "*",
        "[",
        "`",
        "a@",
        "http://",
        "1.",
        "::",
        "👍",
        "■",
        "里",
        "软件",
        ",",
        "(",
        "\"",
        "。",
        "a. ",
        "â€",
        "/*",
        "//\n",
        "|a",
        "# a\n",
        "a ",
    ] {
        let text = piece.repeat(1_000_000 / piece.len());
        let begun = std::time::Instant::now();
        let _ = pipeline::clean(&text, &settings);
        // Quadratic time would be a quarter of an hour.
        assert!(
            begun.elapsed().as_secs() < 20,
            "{piece:?} took {:?}",
            begun.elapsed()
        );
    }
}
