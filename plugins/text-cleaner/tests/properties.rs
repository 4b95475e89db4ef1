//! What holds for every text.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use steward_sdk::cleaner::{Cleaner, Document, Outcome};
use text_cleaner::TextCleaner;
use text_cleaner::pipeline;
use text_cleaner::rules::html::HtmlBreak;
use text_cleaner::rules::{Rule, RuleSet};
use text_cleaner::settings::Settings;

/// Texts in which rules meet: markup, references, invisible characters, repetitions, accents, white space.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "<", ">", "</", "<b>", "</b>", "<br/>", "<p ", "a='", "\"", "<x>", "</x>", "<!--", "-->", "<script>",
            "</script>", "<![CDATA[", "]]>", "&", "amp;", "&lt;", "&gt;", "&#38;", "lt;", "&#8203;", "&nbsp;", "&#x301;", ";",
            "＜", "＆", "／", "＞", "　", "ａ", "①", "，", "。", "！", "…", "¨", "´", "ｶ", "ﾞ", "ﷺ", "가", "\u{1100}", "\u{1161}", "\u{11A8}",
            "\u{200B}", "\u{200C}", "\u{200D}", "\u{FE0F}", "\u{FEFF}", "\u{AD}", "\u{20E3}", "\u{E0062}", "\u{E007F}", "🏴", "❤", "👨", "👍🏽", "™", "क", "\u{94D}", "ی",
            "\u{301}", "\u{323}", "e", "ß", "哈", "哈哈哈", "!!!!", "aaaa", "0000", "1", " ", "  ", "\t", "\n", "\r\n", "\u{2028}", "\u{85}", "\0", "\u{202E}", "\u{FFFD}",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn settings() -> impl Strategy<Value = Settings> {
    let rules = prop_oneof![3 => Just(u32::MAX), 1 => any::<u32>()];
    let html_break = prop::sample::select(vec![
        HtmlBreak::Newline,
        HtmlBreak::Space,
        HtmlBreak::Nothing,
    ]);
    (rules, html_break, 0usize..3, 2usize..6, any::<bool>()).prop_map(
        |(rules, html_break, max_blank_lines, max_repeat, strict)| {
            let chosen = Rule::ALL
                .into_iter()
                .filter(|&rule| RuleSet::SETTLING.has(rule) && rules & (1 << rule as u8) != 0);
            let mut settings = Settings {
                rules: chosen.fold(RuleSet::NONE, |set, rule| set.with(RuleSet::of(rule))),
                html_break,
                max_blank_lines,
                max_repeat,
                ..Settings::default()
            };
            if strict {
                settings.keep.clear();
            }
            settings
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn cleaning_is_idempotent(text in text(), settings in settings()) {
        let once = pipeline::clean(&text, &settings);
        let twice = pipeline::clean(&once.text, &settings);
        prop_assert_eq!(&twice.text, &once.text);
        prop_assert_eq!(twice.changes().count(), 0);
    }

    #[test]
    fn a_text_changes_exactly_when_a_rule_says_so(text in text(), settings in settings()) {
        let cleaning = pipeline::clean(&text, &settings);
        if cleaning.text != text {
            prop_assert!(cleaning.changes().count() > 0);
        }
        prop_assert!(cleaning.changes().all(|(rule, places)| places > 0 && settings.rules.has(rule)));
    }

    #[test]
    fn each_rule_but_html_is_idempotent(text in text(), settings in settings()) {
        for rule in Rule::ALL.into_iter().filter(|&rule| RuleSet::SETTLING.has(rule) && rule != Rule::Html) {
            if let Some(rewrite) = rule.apply(&text, &settings) {
                prop_assert_eq!(rule.apply(&rewrite.text, &settings), None, "{:?}", rule);
            }
        }
    }

    #[test]
    fn clean_texts_have_nothing_invisible(text in text()) {
        let settings = Settings::default();
        let clean = pipeline::clean(&text, &settings).text;
        prop_assert!(!clean.contains(|c: char| c.is_control() && c != '\n'));
        let invisible = ['\u{200B}', '\u{FEFF}', '\u{3000}', '\u{202E}'];
        prop_assert!(!clean.contains(invisible));
        prop_assert!(!clean.contains("  ") && !clean.contains("\n\n\n") && !clean.contains(" \n"));
        prop_assert_eq!(clean.trim(), &*clean);
    }

    #[test]
    fn batches_answer_in_order_and_agree_with_fingerprints(texts in prop::collection::vec(text(), 0..8)) {
        let documents = |texts: &[String]| -> Vec<Document> {
            let numbered = texts.iter().enumerate();
            numbered.map(|(n, text)| Document { id: n.to_string(), text: text.clone() }).collect()
        };
        let cleaner = TextCleaner::default();
        let outcomes = cleaner.clean(documents(&texts)).unwrap();
        let before = cleaner.fingerprint(documents(&texts)).unwrap();
        prop_assert_eq!(outcomes.len(), texts.len());
        prop_assert_eq!(before.len(), texts.len());
        let mut kept = std::collections::HashSet::new();
        for ((outcome, text), signature) in outcomes.iter().zip(&texts).zip(&before) {
            prop_assert!(signature.exact.len() == 32 && signature.minhash.is_empty());
            let clean = match outcome {
                Outcome::Kept => text,
                Outcome::Changed(cleaned) => {
                    prop_assert!(!cleaned.changes.is_empty() && cleaned.text != *text);
                    &cleaned.text
                }
                Outcome::Dropped(reason) => {
                    if reason.rule == "duplicate" {
                        prop_assert!(kept.contains(&signature.exact));
                    }
                    continue;
                }
            };
            prop_assert!(kept.insert(signature.exact.clone()), "two of a kind were kept");
            let after = cleaner.fingerprint(documents(std::slice::from_ref(clean))).unwrap();
            prop_assert_eq!(&after[0].exact, &signature.exact);
        }
    }
}

/// The time for a text ten times as long is about ten times as long, whatever it is made of.
#[test]
fn long_texts_take_linear_time() {
    let nested = format!("{}deep{}", "<div>".repeat(10_000), "</div>".repeat(10_000));
    assert_eq!(pipeline::clean(&nested, &Settings::default()).text, "deep");
    let megabyte = |piece: &str| piece.repeat(1_000_000 / piece.len());
    for piece in [
        "<",
        "&",
        "<b",
        "<a b=\"",
        "<a b='\"",
        "<x>",
        "<<b>",
        "b>",
        "&amp;",
        "&#38;",
        "&#38;#",
        "&lt;",
        "<!--",
        "<script>",
        "</",
        "\u{301}",
        "e\u{301}\u{323}",
        "\u{FE0F}",
        "👨\u{200D}",
        "\u{200B}",
        "ｶﾞ",
        "ﷺ",
        "　",
        "\n",
        " \n",
        "\r",
        "哈",
        "哈a",
        "\0a",
        "<b>哈</b>",
        "🏴\u{E0062}",
        "ᄀ",
        "\u{1161}",
        "<a title='x' y>",
        "<p class=a>",
        "]]>",
        "<![CDATA[",
        "&lt;b&gt;",
    ] {
        let text = megabyte(piece);
        let begun = std::time::Instant::now();
        let settings = Settings::default();
        let once = pipeline::clean(&text, &settings).text.into_owned();
        assert_eq!(pipeline::clean(&once, &settings).text, once, "{piece:?}");
        // Quadratic time would be a quarter of an hour.
        assert!(
            begun.elapsed().as_secs() < 20,
            "{piece:?} took {:?}",
            begun.elapsed()
        );
    }
    for (open, close) in [
        ("<", "b>"),
        ("&", "amp;"),
        ("<b", ">"),
        ("&#38;<", "b>"),
        ("&amp;lt;", "b&amp;gt;"),
    ] {
        let text = open.repeat(100_000) + &close.repeat(100_000);
        let once = pipeline::clean(&text, &Settings::default())
            .text
            .into_owned();
        assert_eq!(
            pipeline::clean(&once, &Settings::default()).text,
            once,
            "{open}…{close}"
        );
    }
}
