//! The file that `model apply` carries out.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use steward_inference::Precision;
use steward_registry::{Lineage, ModelGate, Name};

use crate::failure::Failure;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 256 << 10;
/// The most variants and evaluations of one file.
const MAX_LIST: usize = 16;

/// What a person wants of one version of a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Name of the model.
    pub model: Name,
    /// The version, immutable once registered.
    pub version: semver::Version,
    /// The ONNX file, from the folder of this file.
    pub onnx: PathBuf,
    /// The `tokenizer.json`, where the model reads text.
    pub tokenizer: Option<PathBuf>,
    /// The model's configuration: a file, or the configuration itself.
    pub config: Config,
    /// Where the version comes from.
    #[serde(default)]
    pub lineage: Lineage,
    /// Smaller forms to make.
    #[serde(default)]
    pub variants: Vec<Variant>,
    /// Datasets to be measured on.
    #[serde(default)]
    pub evaluate: Vec<Evaluate>,
    /// How the version comes to answer calls; without it, it is only registered.
    pub deploy: Option<Deploy>,
}

/// A configuration.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Config {
    /// A TOML or JSON file.
    File(PathBuf),
    /// The configuration itself.
    Inline(serde_json::Map<String, Value>),
}

/// A smaller form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What the weights become.
    pub to: Precision,
    /// Its name; without one, that of the precision.
    pub name: Option<Name>,
    /// The mean similarity to reach.
    pub min_similarity: Option<f64>,
    /// A file of texts to measure with.
    pub texts: Option<PathBuf>,
}

impl Variant {
    /// The name of the variant.
    pub fn name(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => self.to.as_str().to_owned(),
        }
    }
}

/// A dataset to be measured on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// What gates and people call it; without one, the name of the file.
    pub dataset: Option<String>,
    /// JSON Lines.
    pub rows: PathBuf,
    /// For an embedding model that labels by likeness: the labels.
    pub labels: Option<Vec<String>>,
}

/// How the version comes to answer calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// The variant that answers; without one, the version as it was pushed.
    pub variant: Option<Name>,
    /// The share of the calls, 1 to 100: below 100 the version is on trial beside what is stable.
    #[serde(default = "everything")]
    pub percent: u8,
    /// The share of the calls that it computes beside, without answering.
    pub shadow_percent: Option<u8>,
    /// Whether calls with the same key always get the same version.
    #[serde(default)]
    pub sticky: bool,
    /// What it must have been measured at.
    #[serde(default)]
    pub gates: Vec<ModelGate>,
    /// The bounds over which it is rolled back.
    pub rollback: Option<Value>,
}

fn everything() -> u8 {
    100
}

impl ModelFile {
    /// Reads and checks a file. Its paths are made relative to its folder.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let size = std::fs::metadata(path)
            .map_err(|e| Failure::file("read", path, &e))?
            .len();
        let refused = |why: String| {
            Failure::invalid(format!("{} is refused", path.display()))
                .cause(why)
                .next("`steward model apply --help` shows a whole file")
        };
        if size > MAX_BYTES {
            return Err(refused(format!(
                "it has {size} bytes; at most {MAX_BYTES} are read"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
        let mut file: Self = serde_saphyr::from_str(&text).map_err(|e| refused(e.to_string()))?;
        file.check().map_err(refused)?;
        file.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(file)
    }

    fn check(&self) -> Result<(), String> {
        for (what, count) in [
            ("variants", self.variants.len()),
            ("evaluate", self.evaluate.len()),
        ] {
            if count > MAX_LIST {
                return Err(format!(
                    "`{what}` has {count} entries; at most {MAX_LIST} are carried out"
                ));
            }
        }
        let Some(deploy) = &self.deploy else {
            return Ok(());
        };
        for (what, percent) in [
            ("percent", Some(deploy.percent)),
            ("shadow_percent", deploy.shadow_percent),
        ] {
            if percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
                return Err(format!("`deploy.{what}` must be 1 to 100"));
            }
        }
        if deploy.shadow_percent.is_some() && deploy.percent < 100 {
            return Err(
                "`deploy` has `percent` and `shadow_percent`; a version on trial either answers or computes beside"
                    .into(),
            );
        }
        Ok(())
    }

    fn resolve(&mut self, folder: &Path) {
        let config = match &mut self.config {
            Config::File(path) => Some(path),
            Config::Inline(_) => None,
        };
        let texts = self.variants.iter_mut().filter_map(|v| v.texts.as_mut());
        let rows = self.evaluate.iter_mut().map(|e| &mut e.rows);
        for path in [&mut self.onnx]
            .into_iter()
            .chain(&mut self.tokenizer)
            .chain(config)
            .chain(texts)
            .chain(rows)
        {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
model: intents
version: 1.1.0
onnx: model.onnx
tokenizer: ../tokenizer.json
config: {task: classify, labels: [退款, praise]}
lineage: {parent: intents@1.0.0, dataset: 客服消息}
variants:
  - to: int8
    min_similarity: 0.99
    texts: texts.jsonl
evaluate:
  - rows: eval.jsonl
deploy:
  variant: int8
  percent: 10
  sticky: true
  gates:
    - {metric: accuracy, min: 0.8}
  rollback: {max_error_rate: 0.02}
";

    fn read(text: &str) -> Result<ModelFile, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.yaml");
        std::fs::write(&path, text).unwrap();
        ModelFile::read(&path)
    }

    #[test]
    fn a_whole_file_is_understood_and_its_paths_start_in_its_folder() {
        let file = read(WHOLE).unwrap();
        assert_eq!(file.variants[0].name(), "int8");
        assert_eq!(file.lineage.dataset.as_deref(), Some("客服消息"));
        let deploy = file.deploy.unwrap();
        assert_eq!((deploy.percent, deploy.gates[0].min), (10, Some(0.8)));
        assert!(file.onnx.is_absolute() && file.evaluate[0].rows.is_absolute());
        assert!(matches!(file.config, Config::Inline(config) if config["labels"][0] == "退款"));
        let short = "model: m\nversion: 1.0.0\nonnx: m.onnx\nconfig: model.toml\n";
        let file = read(short).unwrap();
        assert!(matches!(file.config, Config::File(path) if path.is_absolute()));
        assert!(file.deploy.is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (change, with, says) in [
            ("percent: 10", "percent: 0", "percent"),
            (
                "percent: 10",
                "percent: 10\n  shadow_percent: 5",
                "shadow_percent",
            ),
            ("sticky: true", "stiky: true", "stiky"),
            ("version: 1.1.0", "version: newest", "version"),
            ("to: int8", "to: int3", "int3"),
            ("model: intents", "model: ../intents", "intents"),
        ] {
            let failure = read(&WHOLE.replace(change, with)).unwrap_err();
            let text = failure.to_json().to_string();
            assert!(text.contains(says), "{with}: {text}");
        }
        assert!(read("").is_err());
        assert!(read(&"a: &a [*a, *a]\n".repeat(3)).is_err());
    }
}
