//! Measures the recognizers on sets of cases outside of this project and prints a table by entity.
//!
//! ```sh
//! ANONYMIZER_CASES=path/to/folder cargo run --release -p anonymizer --example quality
//! ```
//!
//! Reads every `pii_*.jsonl` and `zh_spans*.jsonl` of the folder:
//!
//! - cases: `text`, `presidio_entity` (or `entity`), `spans`, `asserted` (`spans`: all of them and no
//!   others; `len` and `partial`: as many; `none_found`: none). The entity is asked for by name.
//! - check digits: `kind`, `number`, `valid`. The number is found whole where it is valid and not
//!   found where it is not; where `valid` is null either will do.
//! - sentences: `text`, `spans` of many entities: precision, recall and F1 of exact spans, where
//!   nobody says what to look for, and where the entities are asked for by name.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anonymizer::PersonalData;
use serde_json::Value;
use steward_sdk::anonymizer::{Anonymizer, Document, Finding};
use steward_sdk::testing::Host;

const MANIFEST: &str = include_str!("../steward.toml");

/// What other sets call the entities of this plugin.
fn entity(name: &str) -> &str {
    match name {
        "DOMAIN_NAME" => "URL",
        "GPE" => "LOCATION",
        "MONEY_ZH" => "MONEY",
        "TIME_ZH" => "DATE_TIME",
        "VEHICLE_VIN" => "VIN",
        other => other,
    }
}

/// Entities that a pattern can find; the others take a model.
const STRUCTURED: [&str; 9] = [
    "CREDIT_CARD",
    "PHONE_NUMBER",
    "US_SSN",
    "URL",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "AGE",
    "DATE_TIME",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let folder = std::env::var("ANONYMIZER_CASES").map_err(
        |_| "ANONYMIZER_CASES is not set: it names the folder with pii_*.jsonl and zh_spans*.jsonl",
    )?;
    let entries = std::fs::read_dir(&folder)
        .map_err(|e| format!("{folder}: {e}; ANONYMIZER_CASES names the folder with the cases"))?;
    let mut files: Vec<_> = entries.map(|f| f.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.ends_with(".jsonl") && (name.starts_with("pii_") || name.starts_with("zh_spans"))
    });
    if files.is_empty() {
        return Err(format!(
            "{folder}: neither pii_*.jsonl nor zh_spans*.jsonl is in this folder"
        ));
    }
    let _host = Host::from_manifest(MANIFEST).unwrap().enter();
    let plugin = PersonalData::new().unwrap();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("pii_checksum") {
            checks(&plugin, &file);
        } else if name.starts_with("pii_synth") {
            sentences(&plugin, &file);
        } else {
            cases(&plugin, &file);
        }
    }
    Ok(())
}

fn lines(file: &Path) -> Vec<Value> {
    println!("\n{}", file.file_name().unwrap().to_string_lossy());
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What is found of one entity by name; none where the plugin does not know it.
fn detect(plugin: &PersonalData, text: &str, entities: Option<&[&str]>) -> Option<Vec<Finding>> {
    let batch = vec![Document {
        id: "1".into(),
        text: text.into(),
    }];
    let entities = entities.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    plugin
        .detect(batch, entities)
        .ok()
        .map(|mut all| all.remove(0))
}

type Spans = Vec<(u64, u64)>;

fn spans(case: &Value) -> Spans {
    let span = |span: &Value| {
        (
            span["start"].as_u64().unwrap(),
            span["end"].as_u64().unwrap(),
        )
    };
    let mut spans: Spans = case["spans"].as_array().unwrap().iter().map(span).collect();
    spans.sort_unstable();
    spans
}

fn found(findings: &[Finding]) -> Spans {
    findings
        .iter()
        .map(|f| (u64::from(f.span.start), u64::from(f.span.end)))
        .collect()
}

fn cases(plugin: &PersonalData, file: &Path) {
    let mut table: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut unknown: BTreeMap<String, u32> = BTreeMap::new();
    let verbose = std::env::var_os("VERBOSE").is_some();
    for case in lines(file) {
        let name = case["presidio_entity"]
            .as_str()
            .or(case["entity"].as_str())
            .unwrap();
        let name = entity(name);
        let text = case["text"].as_str().unwrap();
        let Some(findings) = detect(plugin, text, Some(&[name])) else {
            *unknown.entry(name.into()).or_default() += 1;
            continue;
        };
        let (wanted, got) = (spans(&case), found(&findings));
        let right = match case["asserted"].as_str() {
            Some("len" | "partial") => wanted.len() == got.len(),
            _ => wanted == got,
        };
        let row = table.entry(name.into()).or_default();
        row.0 += u32::from(right);
        row.1 += 1;
        if verbose && !right {
            println!("  {name} {text:?}: wanted {wanted:?}, got {findings:?}");
        }
    }
    let (right, all) = table
        .values()
        .fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
    for (name, (right, all)) in &table {
        println!("  {name:<28} {right:>4} of {all:>4}");
    }
    println!(
        "  {:<28} {right:>4} of {all:>4}  {:.3}",
        "all",
        f64::from(right) / f64::from(all.max(1))
    );
    if !unknown.is_empty() {
        println!("  not known: {unknown:?}");
    }
}

fn checks(plugin: &PersonalData, file: &Path) {
    let mut table: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for case in lines(file) {
        let kind = case["kind"].as_str().unwrap();
        let number = case["number"].as_str().unwrap();
        // The check of the tax number calls that of the number inside it.
        let inside = case["func"]
            .as_str()
            .is_some_and(|f| f.contains("pan_format"));
        let name = if inside {
            "IN_PAN".into()
        } else {
            kind.to_uppercase()
        };
        let findings = detect(plugin, number, Some(&[&name]));
        let length = number.chars().count() as u64;
        let whole = findings.as_deref().map(|f| found(f) == [(0, length)]);
        let right = match (case["valid"].as_bool(), whole) {
            (_, None) => false,
            (Some(valid), Some(whole)) => {
                // A kind whose check is not official may be found all the same, but not as proved.
                let proved = findings.iter().flatten().any(|f| f.score >= 1.0);
                valid == whole || !valid && !proved
            }
            (None, Some(_)) => true,
        };
        if !right {
            println!("  wrong: {kind} {number} {}", case["valid"]);
        }
        let row = table.entry(kind.into()).or_default();
        row.0 += u32::from(right);
        row.1 += 1;
    }
    for (name, (right, all)) in &table {
        println!("  {name:<28} {right:>4} of {all:>4}");
    }
}

fn sentences(plugin: &PersonalData, file: &Path) {
    let cases = lines(file);
    score(plugin, &cases, "nobody says what to look for", None);
    score(plugin, &cases, "asked for by name", Some(&STRUCTURED));
}

fn score(plugin: &PersonalData, cases: &[Value], title: &str, entities: Option<&[&str]>) {
    // Of each entity: right, found, wanted.
    let mut table: BTreeMap<&str, (u32, u32, u32)> = BTreeMap::new();
    let verbose = std::env::var_os("VERBOSE").is_some();
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let findings = detect(plugin, text, entities).unwrap();
        for name in STRUCTURED {
            let all = case["spans"].as_array().unwrap().iter();
            let wanted: Spans = all
                .filter(|span| entity(span["entity"].as_str().unwrap()) == name)
                .map(|span| {
                    (
                        span["start"].as_u64().unwrap(),
                        span["end"].as_u64().unwrap(),
                    )
                })
                .collect();
            let of_it: Vec<Finding> = findings
                .iter()
                .filter(|f| f.entity == name)
                .cloned()
                .collect();
            let got = found(&of_it);
            let right = got.iter().filter(|span| wanted.contains(span)).count();
            if verbose && (right < got.len() || right < wanted.len()) {
                println!("  {name} {text:?}: wanted {wanted:?}, got {findings:?}");
            }
            let row = table.entry(name).or_default();
            row.0 += right as u32;
            row.1 += got.len() as u32;
            row.2 += wanted.len() as u32;
        }
    }
    println!("  {title}: right, found, wanted, F1");
    let f1 = |(right, found, wanted): (u32, u32, u32)| {
        2.0 * f64::from(right) / f64::from((found + wanted).max(1))
    };
    let add =
        |sum: (u32, u32, u32), row: (u32, u32, u32)| (sum.0 + row.0, sum.1 + row.1, sum.2 + row.2);
    for (name, row) in &table {
        println!(
            "    {name:<26} {:>4} {:>4} {:>4}  {:.3}",
            row.0,
            row.1,
            row.2,
            f1(*row)
        );
    }
    let numbers = |name: &&str| !matches!(*name, "AGE" | "DATE_TIME");
    let of = |wanted: &dyn Fn(&&str) -> bool| {
        table
            .iter()
            .filter(|(name, _)| wanted(name))
            .fold((0, 0, 0), |sum, (_, row)| add(sum, *row))
    };
    println!(
        "    {:<26} F1 {:.3}",
        "numbers and addresses",
        f1(of(&numbers))
    );
    println!(
        "    {:<26} F1 {:.3}",
        "with ages and dates",
        f1(of(&|_| true))
    );
}
