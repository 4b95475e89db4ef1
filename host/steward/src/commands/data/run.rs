//! `steward data run`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use steward_data::{
    DEFAULT_BATCH, DEFAULT_MAX_LINE_BYTES, DataError, Deduplication, Fields, Format, Input, Job,
    Report, StepSpec, step,
};
use steward_registry::TenantId;

use super::duplicates::DuplicateArgs;
use super::report;
use crate::cli::Context;
use crate::commands::given::GivenArgs;
use crate::config::{ModelArgs, ServeArgs, Settings, StoreArgs};
use crate::failure::{Exit, Failure};
use crate::host::Host;
use crate::progress;

/// Run steps over a file of rows, in this process and on all cores
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward data run --input messages.jsonl --step text-cleaner --step anonymizer --output clean.jsonl
  steward data run --input in.jsonl --step classify:minilm:praise,complaint,question --output out.jsonl
  steward data run --input in.jsonl --step classify:minilm:@labels.json --output out.jsonl
  steward data run --input in.csv --step anonymizer --output out.parquet
  steward data run --input - --step text-cleaner@1.0.0 --output out.jsonl --report report.json
  steward data run --input in.jsonl --step text-cleaner --near-duplicates 0.8 --keep longest --output out.jsonl
  steward data run --input in.jsonl --semantic-duplicates minilm:0.95 --mark-duplicates --output out.jsonl
  steward data run --input in.jsonl --sentence-duplicates 3 --output out.jsonl --dropped dropped.jsonl

Steps, in the order in which they are given:
  NAME                     a deployed cleaner or anonymizer with its configuration, else the plugin NAME
  NAME@1.0.0               this version of a plugin
  classify:MODEL           the labels of a classifier
  classify:MODEL:A,B,C     some of them; with an embedding model, the closest of these texts
  classify:MODEL:@FILE     an embedding model, each label described by examples:
                           {\"praise\": [\"great work\", \"很满意\"], \"complaint\": [\"does not work\"]}

Input is JSON Lines, CSV or TSV with a header, or Parquet; the name of the output says which of them it is to be. Each row \
is an object with a text; all other fields pass through as they are. A cleaner may change or \
drop a row and drops duplicates of rows before it; an anonymizer adds `findings`, a classifier `label` and \
`score`. Rows that cannot be treated go to the rejects file with line number and reason, and the run goes \
on. The same input gives the same output, whatever --batch and --jobs. Nothing is written in place before \
the run is through. Plugins and models come from the registry of --data-dir; no server is needed.")]
pub struct Run {
    /// JSON Lines, CSV or Parquet to read; `-` for standard input
    #[arg(long, short, value_name = "FILE")]
    pub input: PathBuf,
    /// Where the rows go that stay: JSON Lines, or what the name says (.csv, .tsv, .parquet)
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// What happens to the rows; give it once for each step
    #[arg(
        long,
        value_name = "STEP",
        required_unless_present_any = ["near_duplicates", "semantic_duplicates", "sentence_duplicates"]
    )]
    pub step: Vec<StepSpec>,
    /// Where rows go that cannot be treated [default: OUTPUT with `.rejects.jsonl`]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Where to note the rows that a step leaves out, with the rule
    #[arg(long, value_name = "FILE")]
    pub dropped: Option<PathBuf>,
    /// Where to write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Keep rows that a cleaner holds to be the same as one before them
    #[arg(long)]
    pub keep_duplicates: bool,
    /// End with 6 when a row was rejected
    #[arg(long)]
    pub strict: bool,
    /// Rows of one batch
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(DEFAULT_BATCH).unwrap_or(NonZeroUsize::MIN))]
    pub batch: NonZeroUsize,
    /// Batches in flight at the same time [default: one more than there are cores]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// The longest line that is read, in bytes
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(DEFAULT_MAX_LINE_BYTES).unwrap_or(NonZeroUsize::MIN))]
    pub max_line_bytes: NonZeroUsize,
    #[command(flatten)]
    pub duplicates: DuplicateArgs,
    /// Memory of the search for duplicates, in MiB; the rest goes to files beside the output
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(256).unwrap_or(NonZeroUsize::MIN))]
    pub duplicates_memory_mib: NonZeroUsize,
    #[command(flatten)]
    pub given: GivenArgs,
    #[command(flatten)]
    pub fields: FieldArgs,
    /// Tenant whose plugins and models are used
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        env = "STEWARD_TENANT"
    )]
    pub tenant: TenantId,
    #[command(flatten)]
    pub store: StoreArgs,
    #[command(flatten)]
    pub models: ModelArgs,
}

/// Names of the fields.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fields")]
pub struct FieldArgs {
    /// Field with the text
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub text_field: String,
    /// Field with the name of the record; where it is missing, the line number stands for it
    #[arg(long, value_name = "NAME", default_value = "id")]
    pub id_field: String,
    /// Field that an anonymizer writes
    #[arg(long, value_name = "NAME", default_value = "findings")]
    pub findings_field: String,
    /// Field that a classifier writes its label to
    #[arg(long, value_name = "NAME", default_value = "label")]
    pub label_field: String,
    /// Field that a classifier writes the score of the label to
    #[arg(long, value_name = "NAME", default_value = "score")]
    pub score_field: String,
    /// Replace such fields where the input has them; otherwise those rows are rejected
    #[arg(long)]
    pub overwrite: bool,
}

impl Run {
    pub async fn run(self: Box<Self>, context: Context) -> anyhow::Result<Exit> {
        let given = self.duplicates.given()?;
        let settings = Settings::resolve(&self.store, &self.models, &ServeArgs::default())?;
        let known = |path: &Path| path.exists();
        if settings.registry.database_url.starts_with("sqlite:") && !known(&settings.data_dir) {
            // Opening would create an empty registry, and then miss every plugin in it.
            return Err(Failure::new(
                Exit::NotFound,
                format!("there is no data folder {}", settings.data_dir.display()),
            )
            .next("name the one of your server with --data-dir, or start one with `steward serve`")
            .into());
        }
        let bar = progress::spinner(context.output, "opening the steps");
        let host = Host::start(&settings, None).await?;
        let mut steps = Vec::with_capacity(self.step.len());
        for spec in &self.step {
            steps.push(step::open(&host.functions, &host.models, &self.tenant, spec).await?);
        }
        let bytes = self.duplicates_memory_mib.get().saturating_mul(1024 * 1024);
        let duplicates = match &given {
            None => None,
            Some(given) => {
                let (functions, models) = (&host.functions, &host.models);
                let opened =
                    Deduplication::open(functions, models, &self.tenant, given, Some(bytes));
                Some(opened.await?)
            }
        };
        bar.finish_and_clear();

        let strict = self.strict;
        let report_file = self.report.clone();
        let job = self.job(steps, duplicates);
        let total = match &job.input {
            Input::File(path) => std::fs::metadata(path)
                .ok()
                .filter(std::fs::Metadata::is_file)
                .map(|m| m.len()),
            Input::Stdin => None,
        };
        let bar = progress::bytes(context.output, "", total);
        let running = job.run(|now| {
            bar.set_position(now.bytes);
            bar.set_message(progress::of_rows(now.rows.read, now.duplicates));
        });
        let report = tokio::select! {
            report = running => report,
            _ = tokio::signal::ctrl_c() => Err(DataError::Broken("interrupted; no file was written".into())),
        };
        bar.finish_and_clear();
        host.functions.drain().await;
        finish(context, &report?, report_file.as_deref(), strict)
    }

    fn job(
        self,
        steps: Vec<std::sync::Arc<dyn steward_data::Step>>,
        duplicates: Option<Deduplication>,
    ) -> Job {
        let rejects = self.rejects.unwrap_or_else(|| {
            let mut name = self.output.clone().into_os_string();
            name.push(".rejects.jsonl");
            name.into()
        });
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Job {
            input: if self.input.as_os_str() == "-" {
                Input::Stdin
            } else {
                Input::File(self.input)
            },
            given: self.given.given(),
            output_format: Format::of_name(&self.output).unwrap_or(Format::JsonLines),
            output: self.output,
            rejects,
            dropped: self.dropped,
            fields: Fields {
                text: self.fields.text_field,
                id: self.fields.id_field,
                findings: self.fields.findings_field,
                label: self.fields.label_field,
                score: self.fields.score_field,
                overwrite: self.fields.overwrite,
            },
            max_line_bytes: self.max_line_bytes.get(),
            batch: self.batch.get(),
            // One batch more than cores, so that no core waits while a batch waits for its turn.
            jobs: self.jobs.map_or(cores + 1, NonZeroUsize::get),
            keep_duplicates: self.keep_duplicates,
            steps,
            duplicates,
        }
    }
}

fn finish(
    context: Context,
    report: &Report,
    file: Option<&Path>,
    strict: bool,
) -> anyhow::Result<Exit> {
    if let Some(path) = file {
        let mut json = serde_json::to_vec_pretty(report)?;
        json.push(b'\n');
        std::fs::write(path, json).map_err(|e| Failure::file("write", path, &e))?;
    }
    context.output.show(report, || report::text(report))?;
    if report.rows.rejected > 0 {
        context.output.note(&format!(
            "{} of {} rows were rejected: see {}",
            report.rows.rejected,
            report.rows.read,
            report.rejects.path.display()
        ));
        if strict {
            return Ok(Exit::Invalid);
        }
    }
    Ok(Exit::Done)
}
