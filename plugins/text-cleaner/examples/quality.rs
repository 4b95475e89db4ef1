//! Measures the rules on cases of other projects, and prints a table by rule.
//!
//! `STEWARD_FIXTURES=FOLDER cargo run --release -p text-cleaner --example quality [-- --wrong]`
//!
//! The folder has the files `zh_opencc_*.jsonl` (tests of OpenCC), `clean_datajuicer_*.jsonl` and
//! `filter_datajuicer_*.jsonl` (tests of data-juicer's operators), one case a line. With `--wrong` every case that
//! differs is printed. Operators that the plugin does not have are counted apart.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;
use text_cleaner::chinese::{Conversion, convert};
use text_cleaner::pipeline;
use text_cleaner::settings::{Settings, SettingsError};

/// Keys and values of a configuration.
type Config = Vec<(&'static str, String)>;

/// Everything off that is on by itself, so that one rule is seen.
const OFF: [&str; 7] = [
    "control",
    "zero_width",
    "nfkc",
    "width",
    "html",
    "whitespace",
    "repeated",
];

/// data-juicer's own default for characters to remove.
const BULLETS: &str = "◆●■►▼▲▴∆▻▷❖♡□";

/// A list as a customer would write it, since the plugin brings none: the list of data-juicer is not part of the
/// cases. From the List of Dirty, Naughty, Obscene and Otherwise Bad Words (CC-BY-4.0).
const FLAGGED: &str = "anal, cumshot, porn, 卖淫, 打飞机, 三级片, 嫖娼, 色情";

#[derive(Default)]
struct Tally(BTreeMap<String, (usize, usize)>);

impl Tally {
    fn count(&mut self, rule: &str, right: bool) {
        let (all, good) = self.0.entry(rule.to_owned()).or_default();
        *all += 1;
        *good += usize::from(right);
    }

    fn print(&self, title: &str) {
        println!("\n{title}");
        let (mut all, mut good) = (0, 0);
        for (rule, (cases, right)) in &self.0 {
            println!(
                "  {rule:<28}{right:>5} of {cases:<5}{:>7.3}",
                *right as f64 / *cases as f64
            );
            all += cases;
            good += right;
        }
        println!(
            "  {:<28}{good:>5} of {all:<5}{:>7.3}",
            "together",
            good as f64 / all.max(1) as f64
        );
    }
}

fn main() -> ExitCode {
    match folder() {
        Ok(folder) => {
            measure(&folder);
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The sets of cases, by how the names of their files begin.
const SETS: [&str; 3] = ["zh_opencc_", "clean_datajuicer_", "filter_datajuicer_"];

/// The folder of the cases, which has a file of each set.
fn folder() -> Result<PathBuf, String> {
    let folder = std::env::var_os("STEWARD_FIXTURES")
        .map(PathBuf::from)
        .ok_or("STEWARD_FIXTURES is not set: it names the folder with the files of cases")?;
    let shown = folder.display();
    let entries = fs::read_dir(&folder)
        .map_err(|e| format!("{shown}: {e}; STEWARD_FIXTURES names the folder with the cases"))?;
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    for set in SETS {
        if !names
            .iter()
            .any(|name| name.to_string_lossy().starts_with(set))
        {
            return Err(format!("{shown}: there is no {set}*.jsonl in this folder"));
        }
    }
    Ok(folder)
}

fn measure(folder: &Path) {
    let wrong = std::env::args().any(|argument| argument == "--wrong");
    let mut tally = Tally::default();
    for case in cases(folder, SETS[0]) {
        let (config, text, target) = (
            string(&case, "config"),
            string(&case, "text"),
            string(&case, "target"),
        );
        let (_, conversion) = Conversion::ALL
            .into_iter()
            .find(|(name, _)| *name == config)
            .unwrap();
        let got = convert(text, conversion).map_or_else(|| text.to_owned(), |rewrite| rewrite.text);
        tally.count(config, got == target);
        tell(wrong && got != target, config, text, target, &got);
    }
    tally.print("Conversion of scripts (tests of OpenCC)");

    let (mut tally, mut missing) = (Tally::default(), Tally::default());
    for case in cases(folder, SETS[1]) {
        let (op, text, target) = (
            string(&case, "op"),
            string(&case, "text"),
            string(&case, "target"),
        );
        let arguments = case["config"].as_str().unwrap_or_default();
        let Some(config) = cleaning(op, arguments, string(&case, "test")) else {
            missing.count(op, false);
            continue;
        };
        let settings = settings(config);
        let got = pipeline::clean(text, &settings).text.into_owned();
        tally.count(op, got == target);
        tell(wrong && got != target, op, text, target, &got);
    }
    tally.print("Cleaning (tests of data-juicer)");
    missing.print("Operators of data-juicer that the plugin does not have");

    let (mut tally, mut missing) = (Tally::default(), Tally::default());
    for case in cases(folder, SETS[2]) {
        let (op, text) = (string(&case, "op"), string(&case, "text"));
        let Some(config) = judging(op, case["config"].as_str().unwrap_or_default()) else {
            missing.count(op, false);
            continue;
        };
        let verdicts = settings(config).quality.judge(text);
        let keep = case["keep"].as_bool().unwrap();
        tally.count(op, verdicts.is_empty() == keep);
        let target = if keep { "kept" } else { "dropped" };
        tell(
            wrong && verdicts.is_empty() != keep,
            op,
            text,
            target,
            &format!("{verdicts:?}"),
        );
    }
    tally.print("Judging (tests of data-juicer)");
    if !missing.0.is_empty() {
        missing.print("Filters of data-juicer that the plugin does not have");
    }
}

fn tell(tell: bool, rule: &str, text: &str, target: &str, got: &str) {
    if tell {
        println!("{rule}\n  text   {text:?}\n  target {target:?}\n  got    {got:?}");
    }
}

/// The cases of every file whose name begins so.
fn cases(folder: &Path, begins: &str) -> Vec<Value> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(begins)
    });
    files.sort();
    let lines = files.iter().flat_map(|file| {
        fs::read_to_string(file)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

fn string<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

fn settings(config: Config) -> Settings {
    let get = |key: &'static str| {
        let found = config.iter().find(|(name, _)| *name == key);
        let off = OFF.contains(&key).then(|| "false".to_owned());
        Ok::<_, SettingsError>(found.map(|(_, value)| value.clone()).or(off))
    };
    Settings::read(get).unwrap()
}

/// The value of an argument in `Operator(name=value, …)`, without its quotation marks.
fn argument<'a>(arguments: &'a str, name: &str) -> Option<&'a str> {
    let begin = arguments
        .find(&format!("({name}="))
        .or_else(|| arguments.find(&format!(" {name}=")))?
        + name.len()
        + 2;
    let rest = &arguments[begin..];
    match rest.chars().next()? {
        quote @ ('\'' | '"') => rest[1..].split(quote).next(),
        _ => rest.split([',', ')']).next(),
    }
}

fn config(pairs: &[(&'static str, &str)]) -> Config {
    pairs
        .iter()
        .map(|&(key, value)| (key, value.to_owned()))
        .collect()
}

/// The configuration for a mapper of data-juicer; none where the plugin has no such rule.
fn cleaning(op: &str, arguments: &str, test: &str) -> Option<Config> {
    let repl = argument(arguments, "repl").unwrap_or_default();
    let masked = |key, mask| {
        config(&[
            (key, if repl.is_empty() { "remove" } else { "mask" }),
            (mask, repl),
        ])
    };
    Some(match op {
        "chinese_convert" => config(&[("chinese", test.trim_start_matches("test_"))]),
        "clean_html" => config(&[
            ("html", "true"),
            ("html_break", "nothing"),
            ("html_bullet", "*"),
        ]),
        "clean_links" => masked("links", "link_mask"),
        "clean_email" => masked("emails", "email_mask"),
        "clean_ip" => masked("ips", "ip_mask"),
        "clean_copyright" => config(&[("also", "copyright")]),
        // The library behind it writes straight quotation marks too.
        "fix_unicode" => config(&[("also", "mojibake"), ("punctuation", "english")]),
        "punctuation_normalization" => config(&[("punctuation", "english")]),
        "whitespace_normalization" => config(&[("whitespace", "true")]),
        "remove_specific_chars" => config(&[(
            "remove_chars",
            argument(arguments, "chars_to_remove").unwrap_or(BULLETS),
        )]),
        "remove_long_words" => config(&[
            (
                "min_word_chars",
                argument(arguments, "min_len").unwrap_or("1"),
            ),
            (
                "max_word_chars",
                argument(arguments, "max_len").unwrap_or("0"),
            ),
        ]),
        "remove_repeat_sentences" => config(&[
            ("also", "repeated-sentences"),
            (
                "sentences",
                if argument(arguments, "ignore_special_character") == Some("False") {
                    "exact"
                } else {
                    "normalised"
                },
            ),
            (
                "min_sentence_chars",
                argument(arguments, "min_repeat_sentence_length").unwrap_or("2"),
            ),
        ]),
        _ => return None,
    })
}

/// The configuration for a filter of data-juicer; none where the plugin has no such rule.
fn judging(op: &str, arguments: &str) -> Option<Config> {
    let tokens = argument(arguments, "tokenization") == Some("True");
    let (rule, n, ends) = match op {
        "alphanumeric" if tokens => ("letters-per-word", None, ("min_ratio", "max_ratio")),
        "alphanumeric" => ("letters-and-digits", None, ("min_ratio", "max_ratio")),
        "average_line_length" => ("average-line-length", None, ("min_len", "max_len")),
        "character_repetition" => (
            "character-repetition",
            Some("repeated_chars"),
            ("min_ratio", "max_ratio"),
        ),
        "flagged_words" => ("flagged-words", None, ("min_ratio", "max_ratio")),
        "maximum_line_length" => ("maximum-line-length", None, ("min_len", "max_len")),
        "special_characters" => ("special-characters", None, ("min_ratio", "max_ratio")),
        "stopwords" => ("stop-words", None, ("min_ratio", "max_ratio")),
        "text_length" => ("text-length", None, ("min_len", "max_len")),
        "word_repetition" => (
            "word-repetition",
            Some("repeated_words"),
            ("min_ratio", "max_ratio"),
        ),
        "words_num" => ("words", None, ("min_num", "max_num")),
        _ => return None,
    };
    let bound =
        |end, name| argument(arguments, name).map(|value| format!("{rule}.{end} = {value}"));
    let bounds: Vec<String> = [bound("min", ends.0), bound("max", ends.1)]
        .into_iter()
        .flatten()
        .collect();
    let mut config = config(&[
        ("quality", rule),
        ("bounds", &bounds.join(", ")),
        ("flagged_words", FLAGGED),
    ]);
    config.push((
        "words_of",
        argument(arguments, "lang").unwrap_or("auto").to_owned(),
    ));
    if let (Some(key), Some(n)) = (n, argument(arguments, "rep_len")) {
        config.push((key, n.to_owned()));
    }
    Some(config)
}
