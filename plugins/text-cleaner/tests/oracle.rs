//! Conversions and words are those of OpenCC and jieba themselves, on texts that `oracle.py` makes of many words.
//!
//! Needs what `make setup` installs: a Python with opencc and jieba in the folder named by `STEWARD_HOME`;
//! `STEWARD_PYTHON` names another Python.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use text_cleaner::chinese::{Conversion, convert};
use text_cleaner::words::Words;

fn ask(seed: u32) -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = std::env::var_os("STEWARD_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| manifest.join("../../.steward"));
    let python = std::env::var_os("STEWARD_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| home.join("venv/bin/python"));
    let output = Command::new(&python)
        .arg(manifest.join("tests/oracle.py"))
        .arg(seed.to_string())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make setup`", python.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let answer = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(answer.lines().last().unwrap()).unwrap()
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
