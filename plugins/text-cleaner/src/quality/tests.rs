#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

/// The rule by its name, with its own bounds.
fn quality(names: &[&str]) -> Quality {
    let named = RULES
        .iter()
        .filter(|check| names.is_empty() || names.contains(&check.name));
    let rules = named
        .map(|check| Judge {
            check,
            bounds: check.bounds,
            chinese: check.chinese,
        })
        .collect();
    Quality {
        rules,
        tag: true,
        ..Quality::default()
    }
}

fn detail(name: &str, text: &str) -> Option<String> {
    quality(&[name])
        .judge(text)
        .pop()
        .map(|verdict| verdict.detail)
}

const ENGLISH: &str = "The house stands on the hill above the river, and from its windows you can see the whole valley. \
    It was built by a family of farmers who had come from the north. They lived in it for three hundred years.\n\
    Today it is a small museum that is open in summer. Visitors can walk through the rooms with a guide, or stay in the \
    garden and have a cup of tea. The view of the mountains is worth the journey.\n\
    There is a bus from the town to the house every hour, and those who like walking will be there in forty minutes.";

const CHINESE: &str = "这座房子坐落在河边的小山上，从窗户里可以看到整个山谷。它是由一个来自北方的农民家庭建造的，他们在这里住了三百年。\n\
    今天它是一座小型博物馆，每年夏天对外开放。游客可以在导游的带领下参观各个房间，也可以在花园里休息并喝一杯茶。山上的风景非常值得一看。\n\
    从城里到这座房子每个小时都有一班公共汽车，喜欢走路的人四十分钟就能到达那里。";

#[test]
fn good_texts_break_no_rule() {
    for text in [ENGLISH, CHINESE] {
        assert_eq!(quality(&[]).judge(text), []);
    }
}

#[test]
fn names_are_unique_and_fit_a_configuration() {
    let mut names: Vec<&str> = RULES.iter().map(|check| check.name).collect();
    names.extend(Group::ALL.map(|(name, _)| name));
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(names.iter().all(|name| {
        name.chars()
            .all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))
    }));
}

#[test]
fn each_rule_names_its_value() {
    for (name, text, expected) in [
        ("gopher-words", "only four words here", "4 < 50 words"),
        ("gopher-words", "我们只有几个词", "4 < 50 words"),
        ("gopher-word-length", "a b c d", "1 < 3 characters"),
        ("gopher-hashes", "#a #b c", "0.667 > 0.1 per word"),
        ("gopher-ellipses", "so… 好", "0.5 > 0.1 per word"),
        ("gopher-bullet-lines", "• a\n● b", "1 > 0.9 of lines"),
        ("gopher-ellipsis-lines", "a...\nb", "0.5 > 0.3 of lines"),
        ("gopher-letter-words", "1 2 3 a", "0.25 < 0.8 of words"),
        (
            "gopher-stop-words",
            "cats like fish the",
            "1 < 2 stop words",
        ),
        ("gopher-stop-words", "苹果香蕉的", "1 < 2 stop words"),
        ("gopher-repeated-lines", "x\nx\ny", "0.333 > 0.3 of lines"),
        (
            "gopher-repeated-line-chars",
            "abcdef\nabcdef\ny",
            "0.4 > 0.2 of characters",
        ),
        (
            "gopher-repeated-paragraphs",
            "a\n\na\n\nb",
            "0.333 > 0.3 of paragraphs",
        ),
        (
            "gopher-top-2-gram",
            "go on go on go on",
            "0.882 > 0.2 of characters",
        ),
        (
            "gopher-repeated-5-grams",
            "a b c d e a b c d e",
            "0.263 > 0.15 of characters",
        ),
        ("c4-lorem-ipsum", "Lorem Ipsum dolor", "1 > 0 times"),
        ("c4-curly-brackets", "if {}", "1 > 0 times"),
        ("c4-sentences", "好。One. Two.", "3 < 5 sentences"),
        ("fineweb-line-punctuation", "a\nb", "0 <= 0.12 of lines"),
        ("fineweb-short-lines", "a\nb", "1 >= 0.67 of lines"),
        ("fineweb-line-breaks", "a\nb", "0.5 > 0.3 per word"),
        ("text-length", "short", "5 < 10 characters"),
        ("average-line-length", "abc\nabc", "3 < 10 characters"),
        ("special-characters", "a!!!", "0.75 > 0.25 of characters"),
        ("symbols", "a$%^", "0.75 > 0.1 of characters"),
        (
            "letters-and-digits",
            "a!!!!!!!!",
            "0.111 < 0.25 of characters",
        ),
        ("words", "one two", "2 < 10 words"),
        ("letters-per-word", "a b c", "1 < 1.5 letters"),
        ("stop-words", "cats dogs the fish", "0.25 < 0.3 of words"),
        ("stop-words", "苹果、香蕉、橘子", "0 < 0.2 of words"),
    ] {
        assert_eq!(
            detail(name, text).as_deref(),
            Some(expected),
            "{name}: {text}"
        );
    }
}

#[test]
fn repetition_of_characters_and_words() {
    assert!(detail("character-repetition", &"ha".repeat(40)).is_some());
    assert!(detail("word-repetition", &"one two three ".repeat(10)).is_some());
    assert!(detail("word-repetition", &"今天天气很好".repeat(10)).is_some());
    assert_eq!(detail("word-repetition", "one two three"), None);
}

#[test]
fn flagged_words_come_from_the_configuration() {
    let mut quality = quality(&["flagged-words"]);
    quality.lists.flagged = document::Flagged {
        words: Lists::hashes(["darn"]),
        chinese: vec!["坏词".into()],
    };
    assert_eq!(quality.judge("Darn it!")[0].detail, "0.5 > 0.045 of words");
    assert_eq!(quality.judge("这是坏词吗").len(), 1);
    assert_eq!(quality.judge("darned it"), []);
}

#[test]
fn languages_are_welcome_or_not() {
    let mut quality = quality(&["language"]);
    quality.lists.languages = vec!["zh".into(), "en".into()];
    assert_eq!(quality.judge(ENGLISH), []);
    assert_eq!(quality.judge(CHINESE), []);
    let detail = quality
        .judge("Der schnelle braune Fuchs springt über den faulen Hund und läuft weg.")
        .remove(0)
        .detail;
    assert!(
        detail.starts_with("de (") && detail.ends_with("is not one of zh, en"),
        "{detail}"
    );
    assert_eq!(quality.judge("12345")[0].detail, "no language");
}

#[test]
fn the_first_broken_rule_decides_unless_all_are_told() {
    let mut quality = quality(&["gopher-words", "words"]);
    assert_eq!(quality.judge("one").len(), 2);
    quality.tag = false;
    assert_eq!(quality.judge("one").len(), 1);
}

#[test]
fn long_texts_take_linear_time() {
    for piece in [
        "a ", "a\n", "好", "好。", "{", "lorem ", "…", "•\n", "a. ", "ab",
    ] {
        let text = piece.repeat(600_000 / piece.len());
        let begun = std::time::Instant::now();
        let _ = quality(&[]).judge(&text);
        assert!(
            begun.elapsed().as_secs() < 20,
            "{piece:?} took {:?}",
            begun.elapsed()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_text_is_judged(text in "(a|the |好|的|。|\\.|…|#|\\{|\n|1|😀| ){0,40}|\\p{any}{0,60}") {
        for verdict in quality(&[]).judge(&text) {
            prop_assert!(!verdict.detail.contains("NaN") && !verdict.detail.contains("inf"), "{verdict:?}");
        }
    }

    #[test]
    fn shares_are_between_0_and_1(text in "(a|the |好|的|。|\\.|…|\n|1|😀| ){1,60}") {
        let lists = Lists { repeated_chars: 3, repeated_words: 2, ..Lists::default() };
        let document = Document::new(&text, &lists);
        for check in RULES.iter().filter(|check| check.unit.starts_with(" of ")) {
            if let Some(value) = (check.measure)(&document) {
                prop_assert!((0.0..=1.0).contains(&value), "{}: {value}", check.name);
            }
        }
    }
}
