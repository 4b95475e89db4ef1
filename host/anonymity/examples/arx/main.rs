//! Compares the levels and losses found here with those that ARX's own tests expect on the census table "Adult".
//!
//! ```sh
//! STEWARD_ARX=FOLDER cargo run --release -p steward-anonymity --example arx
//! ```
//!
//! The folder holds one or more `kanon_*.jsonl`, each line a case with ARX's configuration as written in its test, the
//! optimal levels and their loss, and beside them a folder `adult` with the tables and hierarchies. Cases of models that
//! are not supported are counted and named. Fails where a supported case loses more than ARX's.
//!
//! One difference is meant. δ-presence with a least share above 0 refuses levels on which people of the population look
//! like nobody of the table. ARX refuses them too, but not where another model bounds the size of classes: there it asks
//! less of two models than of one. Such cases are shown as "stricter".

mod case;
mod java;

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};
use steward_anonymity::{Inputs, Limits, Spec, anonymize};

use case::{Case, Rows};

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), Box<dyn Error>> {
    let folder = std::env::var("STEWARD_ARX").map_err(
        |_| "STEWARD_ARX is not set: it names the folder with kanon_*.jsonl and the folder `adult`",
    )?;
    let entries = std::fs::read_dir(&folder)
        .map_err(|e| format!("{folder}: {e}; STEWARD_ARX names the folder with the cases"))?;
    let folder = Path::new(&folder);
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(|path| {
        path.extension().is_some_and(|end| end == "jsonl")
            && path.to_string_lossy().contains("kanon_")
    });
    if files.is_empty() {
        return Err(format!(
            "{}: there is no kanon_*.jsonl in this folder",
            folder.display()
        )
        .into());
    }
    files.sort();
    let (mut better, mut equal, mut worse, mut stricter, mut unsupported) =
        (0, 0, 0, 0, Vec::new());
    println!("| case | models | metric | ours | ARX | levels | checked | ms |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for path in files {
        for (line, text) in std::fs::read_to_string(&path)?.lines().enumerate() {
            let fixture: Value = serde_json::from_str(text)?;
            let case = match Case::read(&fixture) {
                Ok(case) => case,
                Err(why) => {
                    unsupported.push(format!("{line}: {why}"));
                    continue;
                }
            };
            let started = Instant::now();
            let report = run(folder, &case)?;
            let took = started.elapsed().as_millis();
            let tolerance = 1e-6 * case.loss.abs().max(1e-3);
            let verdict = if report.loss > case.loss + tolerance && case.is_stricter_here() {
                stricter += 1;
                "stricter"
            } else if report.loss > case.loss + tolerance {
                worse += 1;
                "WORSE"
            } else if report.loss < case.loss - tolerance {
                better += 1;
                "better"
            } else {
                equal += 1;
                "="
            };
            let levels: Vec<usize> = report.levels.iter().map(|level| level.level).collect();
            let same = if levels == case.levels {
                "same".into()
            } else {
                format!("{levels:?} / {:?}", case.levels)
            };
            println!(
                "| {line} | {} | {} | {:.9} | {verdict} {:.9} | {same} | {} | {took} |",
                case.name,
                case.metric["kind"].as_str().unwrap_or(""),
                report.loss,
                case.loss,
                report.search.checked
            );
        }
    }
    println!(
        "\n{equal} equal, {better} better, {stricter} stricter, {worse} worse; not supported: {}",
        unsupported.len()
    );
    for case in unsupported {
        println!("- {case}");
    }
    if worse > 0 {
        return Err("some cases lose more than ARX's".into());
    }
    Ok(())
}

fn run(folder: &Path, case: &Case) -> Result<steward_anonymity::Report, Box<dyn Error>> {
    let adult = folder.join("adult");
    let whole = std::fs::read_to_string(adult.join(&case.data))?;
    let (table, population) = match &case.rows {
        Rows::All => (whole, None),
        Rows::Subset => (
            std::fs::read_to_string(adult.join("adult_subset.csv"))?,
            Some(whole),
        ),
        Rows::Random(size) => (java::subset(&whole, *size), None),
    };
    let header = table.lines().next().ok_or("the table is empty")?;
    let columns: Vec<Value> = header
        .split(';')
        .map(|name| match Some(name) == case.sensitive.as_deref() {
            true => json!({"name": name, "role": "sensitive"}),
            false => json!({
                "name": name,
                "role": "quasi-identifying",
                "hierarchy": {"kind": "file", "file": format!("adult_hierarchy_{name}.csv")},
            }),
        })
        .collect();
    let spec: Spec = serde_json::from_value(json!({
        "columns": columns,
        "models": case.models,
        "metric": case.metric,
        "suppression_limit": case.suppression_limit,
        "delimiter": ";",
    }))?;
    let mut population = population.as_deref().map(str::as_bytes);
    let (_, report) = anonymize(
        &spec,
        Inputs {
            table: &mut table.as_bytes(),
            population: population
                .as_mut()
                .map(|population| population as &mut dyn std::io::Read),
            files: &mut |file| std::fs::read(adult.join(file)),
        },
        &Limits::default(),
        &mut |_| ControlFlow::Continue(()),
    )?;
    Ok(report)
}
