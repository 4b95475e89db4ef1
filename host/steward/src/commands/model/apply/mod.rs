//! `steward model apply`: what a file says, carried out; what is so already is left alone.

mod file;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use steward_registry::Digest;

use super::deploy::{self, Wanted};
use super::push::{self, Files};
use super::{quantize, rows};
use crate::cli::Context;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::progress;
use file::{Config, Deploy, Evaluate, ModelFile, Variant};

/// Register, quantize, measure and deploy a version as a file says
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model apply model.yaml
  steward model apply model.yaml --dry-run
  steward model apply model.yaml --json

A whole file; all but the first four lines may be left out, and paths start in its folder:
  model: intents
  version: 1.1.0
  onnx: model.onnx
  config: {task: classify, labels: [refund, praise]}  # or a file: model.toml
  tokenizer: tokenizer.json
  lineage: {parent: intents@1.0.0, dataset: messages-2026-05, run: r-17, code: 4f2a9c1}
  variants:
    - {to: int8, min_similarity: 0.99, texts: texts.jsonl}
  evaluate:
    - {dataset: held-out, rows: held-out.jsonl}       # the version and each variant
  deploy:
    variant: int8
    percent: 10   # on trial; or shadow_percent: 10; left out: the stable version at once
    sticky: true
    gates:
      - {metric: accuracy, dataset: held-out, min: 0.8}
      - {metric: speedup, min: 1.5}
    rollback: {max_error_rate: 0.02, max_latency_ratio: 1.5}

It can be run again and again: what is so already is left alone, and what was changed by hand is put right. A version \
whose files differ from those that are registered under its number ends with 5; a gate that is not met with 6.")]
pub struct Apply {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Why, in a sentence; kept with the deployment
    #[arg(long, value_name = "TEXT", default_value = "applied from a file")]
    pub reason: String,
}

/// One thing that a file asks for.
#[derive(Debug, Serialize)]
struct Step {
    /// What it is about.
    what: String,
    /// `done`, `would do`, `is so` or, of the last, `failed`.
    outcome: &'static str,
}

impl Apply {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let wanted = ModelFile::read(&self.file)?;
        let mut work = Work {
            client: context.connection.client()?,
            context: &context,
            dry_run: self.dry_run,
            reference: format!("{}@{}", wanted.model, wanted.version),
            steps: Vec::new(),
        };
        let done = work.carry_out(&wanted, &self.reason).await;
        let Work {
            reference,
            mut steps,
            ..
        } = work;
        if let Err(failure) = done {
            if let Some(last) = steps.last_mut().filter(|step| step.outcome == DONE) {
                last.outcome = "failed";
            }
            context.output.note(lines(&steps).trim_end());
            return Err(failure.into());
        }
        context
            .output
            .show(&json!({ "model": reference, "steps": steps }), || {
                lines(&steps)
            })?;
        Ok(Exit::Done)
    }
}

fn lines(steps: &[Step]) -> String {
    let line = |step: &Step| format!("{:<9} {}\n", step.outcome, step.what);
    steps.iter().map(line).collect()
}

/// What became of a step that was to be done.
const DONE: &str = "done";

/// A file that is being carried out.
struct Work<'a> {
    client: Client,
    context: &'a Context,
    dry_run: bool,
    /// `name@version`
    reference: String,
    steps: Vec<Step>,
}

impl Work<'_> {
    /// Everything that the file says, in its order, until something fails.
    async fn carry_out(&mut self, wanted: &ModelFile, reason: &str) -> Result<(), Failure> {
        let known = self.registered(wanted).await?;
        self.register(wanted, known.as_ref()).await?;
        for variant in &wanted.variants {
            self.variant(variant, known.as_ref()).await?;
        }
        for evaluate in &wanted.evaluate {
            self.evaluate(evaluate, &wanted.variants).await?;
        }
        match &wanted.deploy {
            Some(deploy) => self.deploy(wanted, deploy, reason).await,
            None => Ok(()),
        }
    }

    /// Notes a step; says whether it is to be done.
    fn note(&mut self, what: String, is_so: bool) -> bool {
        let outcome = match (is_so, self.dry_run) {
            (true, _) => "is so",
            (false, true) => "would do",
            (false, false) => DONE,
        };
        self.steps.push(Step { what, outcome });
        !is_so && !self.dry_run
    }

    /// The version as it is registered, if it is.
    async fn registered(&self, wanted: &ModelFile) -> Result<Option<Value>, Failure> {
        let path = ["api", "v1", "models", wanted.model.as_str()];
        let model = match self.client.get(&path).await {
            Ok(model) => model,
            Err(failure) if failure.exit == Exit::NotFound => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let version = wanted.version.to_string();
        let versions = crate::commands::items(model, "versions");
        Ok(versions.into_iter().find(|v| v["version"] == *version))
    }

    async fn register(&mut self, wanted: &ModelFile, known: Option<&Value>) -> Result<(), Failure> {
        let config = match &wanted.config {
            Config::File(path) => push::read_config(path)?,
            Config::Inline(config) => push::checked(&Value::Object(config.clone()))?,
        };
        let what = format!("register {}", self.reference);
        if let Some(known) = known {
            let files = [
                ("model.onnx", Some(&wanted.onnx)),
                ("tokenizer.json", wanted.tokenizer.as_ref()),
            ];
            for (name, path) in files {
                let digest = path.map(|path| digest(path)).transpose()?;
                if known["files"][name]["digest"].as_str() != digest.as_deref() {
                    return Err(self.differs(&format!("`{name}` is another file")));
                }
            }
            if known["config"] != config {
                return Err(self.differs("its configuration is another"));
            }
            self.note(what, true);
            return Ok(());
        }
        if self.note(what, false) {
            let files = Files {
                name: &wanted.model,
                version: &wanted.version,
                onnx: &wanted.onnx,
                tokenizer: wanted.tokenizer.as_deref(),
                config: &config,
                lineage: &wanted.lineage,
            };
            let pushed = files.upload(self.context, &self.client).await;
            pushed.map_err(|error| Failure::explain(&error))?;
        }
        Ok(())
    }

    fn differs(&self, why: &str) -> Failure {
        Failure::new(
            Exit::Conflict,
            format!("{} is registered and differs from the file", self.reference),
        )
        .cause(why.to_owned())
        .next("a version never changes: raise `version` in the file")
    }

    async fn variant(&mut self, variant: &Variant, known: Option<&Value>) -> Result<(), Failure> {
        let name = variant.name();
        let there = known.is_some_and(|known| known["variants"][&name].is_object());
        if !self.note(format!("make {}~{name}", self.reference), there) {
            return Ok(());
        }
        let texts = match &variant.texts {
            Some(path) => quantize::read_texts(path)?,
            None => Vec::new(),
        };
        let body = json!({
            "to": variant.to,
            "variant": name,
            "min_similarity": variant.min_similarity,
            "texts": texts,
        });
        self.slowly(
            &format!("quantizing {}", self.reference),
            "quantize",
            None,
            &body,
        )
        .await
    }

    /// Measures the version and its variants on rows, unless they were on these very rows.
    async fn evaluate(&mut self, evaluate: &Evaluate, variants: &[Variant]) -> Result<(), Failure> {
        let rows = rows::read(&evaluate.rows)?;
        let name = match &evaluate.dataset {
            Some(name) => name.clone(),
            None => rows::name_of(&evaluate.rows),
        };
        let names = variants.iter().map(|variant| Some(variant.name()));
        let targets: Vec<Option<String>> = std::iter::once(None).chain(names).collect();
        let done = self.evaluations().await?;
        for variant in targets {
            let target = match &variant {
                None => self.reference.clone(),
                Some(variant) => format!("{}~{variant}", self.reference),
            };
            let there = done.iter().any(|evaluation| {
                evaluation["dataset"] == *name
                    && evaluation["target"]["variant"].as_str() == variant.as_deref()
                    && evaluation["report"]["rows"] == json!(rows.len())
            });
            if self.note(format!("measure {target} on {name}"), there) {
                let body = json!({
                    "dataset": name,
                    "rows": rows,
                    "labels": evaluate.labels.clone().unwrap_or_default(),
                });
                let doing = format!("measuring {target} on {name}");
                self.slowly(&doing, "evaluations", variant.as_deref(), &body)
                    .await?;
            }
        }
        Ok(())
    }

    async fn evaluations(&self) -> Result<Vec<Value>, Failure> {
        let path = ["api", "v1", "models", &self.reference, "evaluations"];
        match self.client.get(&path).await {
            Ok(evaluations) => Ok(crate::commands::items(evaluations, "evaluations")),
            // Of a dry run, where the version is not registered yet.
            Err(failure) if failure.exit == Exit::NotFound => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    async fn deploy(
        &mut self,
        wanted: &ModelFile,
        deploy: &Deploy,
        reason: &str,
    ) -> Result<(), Failure> {
        let current = deploy::current(&self.client, &wanted.model).await?;
        let target = json!({ "version": wanted.version, "variant": deploy.variant });
        let of = |percent: u8| (percent < 100).then_some(percent);
        let part = Wanted {
            target,
            percent: of(deploy.percent),
            shadow: deploy.shadow_percent,
        };
        let mut spec = part.spec(&wanted.model, current.as_ref())?;
        spec["sticky"] = json!(deploy.sticky);
        spec["gates"] = json!(deploy.gates);
        spec["rollback"] = json!(deploy.rollback);
        let is_so = current
            .as_ref()
            .is_some_and(|current| same(&current["spec"], &spec));
        let share = match (deploy.shadow_percent, deploy.percent) {
            (Some(percent), _) => format!("as a shadow of {percent} %"),
            (None, 100) => "as the stable version".into(),
            (None, percent) => format!("on trial with {percent} %"),
        };
        let what = match &deploy.variant {
            None => format!("deploy {} {share}", self.reference),
            Some(variant) => format!("deploy {}~{variant} {share}", self.reference),
        };
        if self.note(what, is_so) {
            let bar = progress::spinner(self.context.output, "loading and deploying");
            deploy::put(
                bar,
                &self.client,
                &wanted.model,
                spec,
                reason,
                current.as_ref(),
            )
            .await?;
        }
        Ok(())
    }

    /// Work of the host on the version that takes its time.
    async fn slowly(
        &self,
        doing: &str,
        what: &str,
        variant: Option<&str>,
        body: &Value,
    ) -> Result<(), Failure> {
        let model = match variant {
            None => self.reference.clone(),
            Some(variant) => format!("{}~{variant}", self.reference),
        };
        let bar = progress::spinner(self.context.output, doing.to_owned());
        let answer = self
            .client
            .post(&["api", "v1", "models", &model, what], body)
            .await;
        bar.finish_and_clear();
        answer.map(drop)
    }
}

/// Whether two specifications say the same; what one leaves out is null or empty in the other.
fn same(a: &Value, b: &Value) -> bool {
    fn plain(value: &Value) -> Value {
        match value {
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), plain(value)))
                .filter(|(_, value)| !value.is_null() && *value != json!([]))
                .collect::<std::collections::BTreeMap<_, _>>()
                .into_iter()
                .collect(),
            Value::Array(values) => values.iter().map(plain).collect(),
            Value::Number(number) => json!(number.as_f64()),
            other => other.clone(),
        }
    }
    plain(a) == plain(b)
}

fn digest(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Failure::file("read", path, &e))?;
    Ok(Digest::of(&bytes).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_and_what_is_empty_are_the_same() {
        let written = json!({
            "stable": { "version": "1.0.0" },
            "sticky": false,
            "gates": [{ "metric": "accuracy", "min": 1.0 }],
        });
        let wanted = json!({
            "gates": [{ "max": null, "metric": "accuracy", "min": 1 }],
            "stable": { "variant": null, "version": "1.0.0" },
            "sticky": false,
            "rollback": null,
        });
        assert!(same(&written, &wanted));
        assert!(!same(
            &written,
            &json!({ "stable": { "version": "1.0.1" } })
        ));
    }
}
