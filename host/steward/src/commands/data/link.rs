//! `steward data link`

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use steward_duplicates::DuplicatesError;
use steward_duplicates::linkage::{Limits, Report, Spec, link};

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::{sheet, table};
use crate::progress;
use crate::whole::Whole;

/// The largest description of a job, in bytes.
const MAX_SPEC: u64 = 1024 * 1024;

/// Find the rows of one table, or of two, that are the same person or company
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward data link --spec link.yaml --input customers.csv --output links.csv --clusters customers-clustered.csv
  steward data link --spec link.yaml --input customers.csv --with invoices.csv --output links.csv

A job, as YAML or JSON:
  id: number                       # names rows in what is written; without it, they are numbered from 1
  blocking:                        # rows that agree in all columns of a rule are compared
    - [city, {column: name, first: 1}]
    - [phone]
  comparisons:
    - {column: name, compare: jaro-winkler, levels: [0.92, 0.8], ignore: [有限公司, Ltd]}
    - {column: phone, compare: exact}
    - {column: born, compare: date}
    - {column: amount, compare: percent, levels: [1, 10]}
  probability: 0.9                 # from which on two rows are the same
  one_to_one: false                # whether a row has one link at most

Values are compared by `exact`, `jaro-winkler`, `levenshtein`, `bigrams`, `number`, `percent` or `date`; what is empty says \
nothing. How much each agreement speaks for a match is learned from the tables (Fellegi and Sunter). Tables are CSV in UTF-8 \
with a header, and everything happens on this machine.")]
pub struct Link {
    /// Which rows are compared, and how; YAML or JSON
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// The table
    #[arg(long, short, value_name = "FILE")]
    input: PathBuf,
    /// A second table, whose rows are linked to those of the first
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// Where the links go: left, right, probability, weight, and the level of each comparison
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Where all rows go with their clusters
    #[arg(long, value_name = "FILE")]
    clusters: Option<PathBuf>,
    /// Where to write the report as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Link {
    pub fn run(self, context: Context) -> anyhow::Result<Exit> {
        let open = |path: &Path| File::open(path).map_err(|e| Failure::file("read", path, &e));
        let mut text = String::new();
        let read = open(&self.spec)?.take(MAX_SPEC).read_to_string(&mut text);
        read.map_err(|e| Failure::file("read", &self.spec, &e))?;
        // JSON is YAML too.
        let spec: Spec = serde_saphyr::from_str(&text).map_err(|e| {
            Failure::invalid(format!("{} is not a job", self.spec.display())).cause(e.to_string())
        })?;
        let mut input = open(&self.input)?;
        let mut with = self.with.as_deref().map(open).transpose()?;
        let with = with.as_mut().map(|file| file as &mut dyn Read);
        let failed =
            |e: DuplicatesError| Failure::invalid("the tables are not linked").cause(e.to_string());
        let bar = progress::spinner(context.output, "comparing");
        let linked = link(&spec, &mut input, with, &Limits::default());
        bar.finish_and_clear();
        let linked = linked.map_err(failed)?;
        let write = |path: &Path, write: &dyn Fn(&mut dyn Write) -> Result<(), DuplicatesError>| {
            let mut whole = Whole::create(path)?;
            write(whole.file()).map_err(failed)?;
            whole.keep()
        };
        if let Some(path) = &self.clusters {
            write(path, &|file| linked.write_clusters(file))?;
        }
        write(&self.output, &|file| linked.write_links(file))?;
        if let Some(path) = &self.report {
            let json = serde_json::to_vec_pretty(&linked.report)?;
            std::fs::write(path, json).map_err(|e| Failure::file("write", path, &e))?;
        }
        let answer = json!({
            "output": self.output,
            "clusters": self.clusters,
            "report": linked.report,
        });
        context.output.show(&answer, || told(&linked.report))?;
        for comparison in linked.report.comparisons.iter().filter(|c| !c.learned) {
            context.output.note(&format!(
                "`{}` is in every blocking rule: how often it differs among the same could not be learned, and a usual \
                 share was taken; add a rule without it",
                comparison.column
            ));
        }
        Ok(Exit::Done)
    }
}

fn told(report: &Report) -> String {
    let levels = report.comparisons.iter().flat_map(|comparison| {
        comparison.levels.iter().map(|level| {
            [
                comparison.column.clone(),
                level.level.clone(),
                format!("{:.4}", level.m),
                format!("{:.6}", level.u),
                format!("{:+.1}", level.weight),
            ]
        })
    });
    let mut text = table(
        [
            "COLUMN",
            "LEVEL",
            "AMONG THE SAME",
            "AMONG OTHERS",
            "WEIGHT",
        ],
        levels,
    );
    text.push_str("\n\n");
    let rows: Vec<String> = report.rows.iter().map(usize::to_string).collect();
    text.push_str(&sheet([
        ("rows", rows.join(" and ")),
        ("pairs compared", report.pairs.to_string()),
        ("links", report.links.to_string()),
        ("clusters", report.clusters.to_string()),
        ("largest cluster", report.largest_cluster.to_string()),
    ]));
    text
}
