//! `steward dataset impact`

mod text;

use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};
use steward_data::{ImpactFields, ImpactSpec, LossKind, Overlap};
use steward_registry::{DatasetRef, ModelRef, Name};

use super::runs;
use crate::cli::Context;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::field;
use crate::progress;

/// Measure what cleaning or protecting a dataset costs, or gains, whoever learns from it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset impact messages messages-clean --evaluation held-out --model minilm
  steward dataset impact messages@1 messages-clean@1 messages-anonymous@1 --evaluation held-out@1 --model minilm
  steward dataset impact messages messages-small --evaluation held-out --model minilm --kind cleaning --label-field intent
  steward dataset impact messages messages-clean --evaluation held-out --model minilm --output messages-losses --json

A head that labels texts is trained on each snapshot: the model embeds the texts, and a logistic regression learns the \
labels. The loss of a sample is -ln of the probability that the head gives to its label, at the rows of --evaluation. Each \
snapshot is compared with the one before it:

  cleaning loss  the sum of max(0, after - before): a gain at one sample does not hide a loss at another
  privacy loss   the sum of after - before

Which of both it is follows from what lies between the snapshots (cleaners, anonymizers), or from --kind. Rows that are in \
the evaluation too, by id or by text, are not trained on. A label that a snapshot does not have costs as much as what was \
never seen: ln(rows + labels).")]
pub struct Impact {
    /// What was treated: `name` for the newest snapshot, or `name@3`
    pub before: DatasetRef,
    /// What became of it; of several, each is what became of the one before
    #[arg(required = true, num_args = 1..=5)]
    pub after: Vec<DatasetRef>,
    /// The labelled rows that losses are measured on
    #[arg(long, value_name = "DATASET")]
    pub evaluation: DatasetRef,
    /// The model that embeds the texts
    #[arg(long, value_name = "MODEL")]
    pub model: ModelRef,
    /// What the loss is, instead of what the lineage says; give it once for each comparison
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<Kind>,
    /// Field with the text [default: text]
    #[arg(long, value_name = "NAME")]
    pub text_field: Option<String>,
    /// Field with the name of the record [default: id]
    #[arg(long, value_name = "NAME")]
    pub id_field: Option<String>,
    /// Field with the label [default: label]
    #[arg(long, value_name = "NAME")]
    pub label_field: Option<String>,
    /// Ids number the rows of their own file: tell by the text alone which rows are in the evaluation too
    #[arg(long)]
    pub ids_differ: bool,
    /// Penalty of the logistic regression, 1/C of scikit-learn
    #[arg(long, default_value_t = 0.1)]
    pub l2: f64,
    /// Scale the numbers of the vectors first, for models whose vectors are not of length 1
    #[arg(long)]
    pub standardize: bool,
    /// Let each label count as much as another in the training
    #[arg(long)]
    pub balanced: bool,
    /// Seed of the confidence intervals; nothing else is drawn
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How many samples are listed of those that lost most, and of those that gained most
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub listed: usize,
    /// A dataset that gets every sample with its losses, as its next snapshot
    #[arg(long, short, value_name = "NAME")]
    pub output: Option<Name>,
    /// Do not wait for the end
    #[arg(long)]
    pub detach: bool,
}

/// What a difference in loss is called, and how it adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The sum of max(0, after - before)
    Cleaning,
    /// The sum of after - before
    Privacy,
    /// Both at once, or something else: the sum of after - before
    Treatment,
}

impl From<Kind> for LossKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Cleaning => Self::Cleaning,
            Kind::Privacy => Self::Privacy,
            Kind::Treatment => Self::Treatment,
        }
    }
}

impl Impact {
    fn spec(&self) -> ImpactSpec {
        ImpactSpec {
            after: self.after.clone(),
            evaluation: self.evaluation.clone(),
            model: self.model.clone(),
            kinds: self.kind.iter().copied().map(Into::into).collect(),
            fields: ImpactFields {
                text: self.text_field.clone(),
                id: self.id_field.clone(),
                label: self.label_field.clone(),
            },
            l2: self.l2,
            standardize: self.standardize,
            balanced: self.balanced,
            seed: self.seed,
            listed: self.listed,
            overlap: match self.ids_differ {
                true => Overlap::Text,
                false => Overlap::IdOrText,
            },
            output: self.output.clone(),
        }
    }

    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let before = self.before.to_string();
        let path = ["api", "v1", "datasets", &before, "impact"];
        let spec = serde_json::to_value(self.spec())?;
        let run = client.post(&path, &spec).await?;
        let id = field(&run, "/id");
        if self.detach {
            let next = format!("run {id}; `steward dataset status {id}` says how far it is");
            context.output.show(&run, || next)?;
            return Ok(Exit::Done);
        }
        let bar = progress::counted(context.output, "waiting", 0);
        let mut run = runs::ended(&client, run, bar, |bar, run| {
            let number = |name: &str| run.pointer(&format!("/progress/{name}"))?.as_u64();
            bar.set_length(number("total_texts").unwrap_or(0));
            bar.set_position(number("texts").unwrap_or(0));
            bar.set_message(field(run, "/progress/phase"));
        })
        .await?;
        with_samples(&client, &mut run).await?;
        context.output.show(&run, || text::text(&run))?;
        Ok(runs::exit(&run))
    }
}

/// Whether a run measures an impact.
pub(super) fn is_impact(run: &Value) -> bool {
    run.pointer("/spec/evaluation").is_some()
}

/// A run, for people.
pub(super) fn text(run: &Value) -> String {
    text::text(run)
}

/// Adds the samples that changed most, as `worst` and `best`, where the key may read rows.
pub(super) async fn with_samples(client: &Client, run: &mut Value) -> Result<(), Failure> {
    if field(run, "/state") != "done" {
        return Ok(());
    }
    let id = field(run, "/id");
    for kind in ["worst", "best"] {
        let path = ["api", "v1", "dataset-runs", &id, kind];
        let answer = match client.call(Method::GET, &path, None).await {
            Ok(answer) => answer,
            // Sums are for everybody who may read; rows are not.
            Err(refused) if refused.exit == Exit::Denied => return Ok(()),
            Err(other) => return Err(other),
        };
        let lines = answer.body.split(|byte| *byte == b'\n');
        let rows = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        run[kind] = json!(rows.collect::<Vec<_>>());
    }
    Ok(())
}
