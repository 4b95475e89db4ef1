//! `steward data protect` and `steward data risk`

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use steward_anonymity::{Inputs, Limits, Report, Risk, Spec, anonymize, assess};

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Output, sheet, table};
use crate::progress;
use crate::whole::Whole;

/// The largest description of a job, in bytes.
const MAX_SPEC: u64 = 1024 * 1024;

/// Make a table of people coarser until nobody in it can be found
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward data protect --spec patients.yaml --input patients.csv --output released.csv
  steward data protect --spec patients.yaml --input patients.csv --output released.csv --report report.json --seconds 60

A job, as YAML or JSON:
  columns:
    - {name: name, role: identifying}
    - {name: age, role: quasi-identifying, hierarchy: {kind: intervals, widths: [5, 10, 20]}}
    - {name: zip, role: quasi-identifying, hierarchy: {kind: mask}}
    - {name: job, role: quasi-identifying, hierarchy: {kind: file, file: job.csv}}
    - {name: illness, role: sensitive}
  models:
    - {model: k-anonymity, k: 5}
    - {model: distinct-l-diversity, column: illness, l: 3}
  suppression_limit: 0.02

The levels that reach the models and lose least are found; docs/tables.md lists models, hierarchies and metrics. The \
table is CSV in UTF-8 with a header, and everything happens on this machine.")]
pub struct Protect {
    #[command(flatten)]
    job: JobArgs,
    /// Where the protected table goes; what is there is replaced once all of it is written
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Where to write the report as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Say how likely people are found again in a table as it is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward data risk --spec patients.yaml --input patients.csv
  steward data risk --spec patients.yaml --input patients.csv --population town.csv --json")]
pub struct AssessRisk {
    #[command(flatten)]
    job: JobArgs,
}

/// A table and what is to be done with it.
#[derive(Debug, Args)]
struct JobArgs {
    /// What each column is and what must be reached; YAML or JSON
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// The table
    #[arg(long, short, value_name = "FILE")]
    input: PathBuf,
    /// Everybody of whom the table could be, for the risk that a journalist is
    #[arg(long, value_name = "FILE")]
    population: Option<PathBuf>,
    /// How long to search at most; the best found so far is taken then
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,
}

impl JobArgs {
    /// Reads the job, opens its tables, and hands them on. Files of hierarchies lie beside the job.
    fn with<T>(
        &self,
        run: impl FnOnce(&Spec, Inputs<'_>, &Limits) -> Result<T, steward_anonymity::AnonymityError>,
    ) -> Result<T, Failure> {
        let open = |path: &Path| File::open(path).map_err(|e| Failure::file("read", path, &e));
        let mut text = String::new();
        let read = open(&self.spec)?.take(MAX_SPEC).read_to_string(&mut text);
        read.map_err(|e| Failure::file("read", &self.spec, &e))?;
        // JSON is YAML too.
        let spec: Spec = serde_saphyr::from_str(&text).map_err(|e| {
            Failure::invalid(format!("{} is not a job", self.spec.display())).cause(e.to_string())
        })?;
        let beside = self.spec.parent().unwrap_or(Path::new(".")).to_owned();
        let limits = Limits {
            time: Duration::from_secs(self.seconds),
            ..Limits::default()
        };
        let most = limits.file_bytes;
        let mut files = move |name: &str| {
            let mut bytes = Vec::new();
            File::open(beside.join(name))?
                .take(most)
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let mut input = open(&self.input)?;
        let mut population = self.population.as_deref().map(open).transpose()?;
        let inputs = Inputs {
            table: &mut input,
            population: population.as_mut().map(|file| file as &mut dyn Read),
            files: &mut files,
        };
        run(&spec, inputs, &limits)
            .map_err(|e| Failure::invalid("the table is not protected").cause(e.to_string()))
    }
}

impl Protect {
    pub fn run(self, context: Context) -> anyhow::Result<Exit> {
        let bar = progress::spinner(context.output, "searching");
        let done = self.job.with(|spec, inputs, limits| {
            anonymize(spec, inputs, limits, &mut |now| {
                let loss = now
                    .loss
                    .map_or(String::new(), |loss| format!(", loses {loss:.4}"));
                bar.set_message(format!(
                    "{} of {} combinations{loss}",
                    now.checked, now.nodes
                ));
                ControlFlow::Continue(())
            })
        });
        bar.finish_and_clear();
        let (released, report) = done?;
        let mut output = Whole::create(&self.output)?;
        released
            .write_csv(output.file())
            .map_err(|e| Failure::invalid("the table is not written").cause(e.to_string()))?;
        output.keep()?;
        if let Some(path) = &self.report {
            let json = serde_json::to_vec_pretty(&report)?;
            std::fs::write(path, json).map_err(|e| Failure::file("write", path, &e))?;
        }
        let answer = json!({ "output": self.output, "report": report });
        context.output.show(&answer, || told(&report))?;
        note_unfinished(context.output, &report);
        Ok(Exit::Done)
    }
}

fn note_unfinished(output: Output, report: &Report) {
    if !report.search.optimal {
        output.note("the search was stopped by --seconds: a combination that loses less may exist");
    }
}

impl AssessRisk {
    pub fn run(self, context: Context) -> anyhow::Result<Exit> {
        let risk = self.job.with(assess)?;
        context
            .output
            .show(&risk, || risks(&[("AS IT IS", &risk)]))?;
        Ok(Exit::Done)
    }
}

fn told(report: &Report) -> String {
    let mut text = table(
        ["COLUMN", "LEVEL", "OF"],
        report.levels.iter().map(|level| {
            [
                level.column.clone(),
                level.level.to_string(),
                level.height.to_string(),
            ]
        }),
    );
    text.push_str("\n\n");
    text.push_str(&sheet([
        ("rows", report.rows.to_string()),
        ("suppressed", report.suppressed.to_string()),
        ("smallest class", report.k.to_string()),
        ("classes", report.classes.to_string()),
        ("loss", format!("{:.4}", report.loss)),
    ]));
    text.push('\n');
    text.push_str(&risks(&[
        ("BEFORE", &report.before),
        ("AFTER", &report.after),
    ]));
    text
}

/// One of the numbers of a risk.
type Number = fn(&Risk) -> f64;

/// Risks side by side.
fn risks(columns: &[(&str, &Risk)]) -> String {
    let rows: [(&str, Number); 5] = [
        ("prosecutor, highest", |risk| risk.prosecutor.highest),
        ("prosecutor, average", |risk| risk.prosecutor.average),
        ("prosecutor, share at risk", |risk| risk.prosecutor.at_risk),
        ("journalist, highest", |risk| risk.journalist.attack.highest),
        ("marketer", |risk| risk.marketer),
    ];
    let cells = rows.map(|(name, read)| {
        let read = |at: usize| {
            let column = columns.get(at);
            column.map_or(String::new(), |(_, risk)| format!("{:.4}", read(risk)))
        };
        [name.to_owned(), read(0), read(1)]
    });
    let name = |at: usize| columns.get(at).map_or("", |(name, _)| *name);
    table(["RISK", name(0), name(1)], cells)
}
