//! Conversions and words are those of OpenCC and jieba themselves, on texts that `oracle.py` makes of many words.
//!
//! Needs what `make setup` installs: a Python with opencc and jieba in the folder named by `STEWARD_HOME`;
//! `STEWARD_PYTHON` names another Python.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use text_cleaner::chinese::{Conversion, convert};
use text_cleaner::words::Words;

fn ask(seed: u32) -> Value {
    let seed = seed.to_string();
    steward_oracle::ask(
        env!("CARGO_MANIFEST_DIR"),
        "tests/oracle.py",
        &[&seed],
        &Value::Null,
    )
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

#[test]
fn conversions_and_words_are_those_of_others() {
    let answer = ask(4);
    let texts = strings(&answer["texts"]);
    for (name, conversion) in Conversion::ALL {
        let expected = strings(&answer["converted"][name]);
        assert_eq!(expected.len(), texts.len());
        for (text, expected) in texts.iter().zip(expected) {
            let got = convert(text, conversion)
                .map_or_else(|| (*text).to_owned(), |rewrite| rewrite.text);
            assert_eq!(got, expected, "{name}: {text}");
        }
    }

    // Costs are rounded, so that a few ways of equal cost are decided otherwise.
    let (mut same, mut ours, mut theirs) = (0, 0, 0);
    let cuts = |words: &[&str]| -> Vec<usize> {
        words
            .iter()
            .scan(0, |at, word| {
                *at += word.len();
                Some(*at)
            })
            .collect()
    };
    for (run, expected) in strings(&answer["runs"])
        .into_iter()
        .zip(answer["words"].as_array().unwrap())
    {
        let mut got = Vec::new();
        Words::default().each(run, |word| got.push(word));
        let (got, expected) = (cuts(&got), cuts(&strings(expected)));
        same += got.iter().filter(|cut| expected.contains(cut)).count();
        ours += got.len();
        theirs += expected.len();
    }
    let f1 = 2.0 * f64::from(u32::try_from(same).unwrap())
        / f64::from(u32::try_from(ours + theirs).unwrap());
    println!("borders of words: F1 {f1:.5} of {theirs}");
    assert!(f1 > 0.995, "F1 {f1}");
}
