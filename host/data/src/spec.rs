//! What `--step` says.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use steward_registry::ModelRef;

use crate::DataError;

/// The most labels of one step.
const MAX_LABELS: usize = 1000;
/// The largest file of labels, in bytes.
const MAX_LABELS_BYTES: u64 = 4 * 1024 * 1024;

/// One step as it was given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepSpec {
    /// A deployed function, else a plugin, else `plugin@version`.
    Plugin(String),
    /// `classify:MODEL`, `classify:MODEL:label,label` or `classify:MODEL:@labels.json`
    Classify {
        /// `name`, `name@version` or `name@alias`.
        model: ModelRef,
        /// What to choose from.
        labels: LabelsSource,
    },
}

/// Where the labels of a classify step come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelsSource {
    /// The model's own.
    Model,
    /// Given one by one.
    Listed(Vec<String>),
    /// From a JSON file.
    File(PathBuf),
    /// Given, each with example texts.
    Examples(Vec<(String, Vec<String>)>),
}

/// What a classify step chooses from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassLabels {
    /// The model's own labels.
    Model,
    /// These labels: some of the classifier's own, or texts to compare with.
    Named(Vec<String>),
    /// Labels, each described by one or more example texts.
    Examples(Vec<(String, Vec<String>)>),
}

impl FromStr for StepSpec {
    type Err = DataError;

    fn from_str(given: &str) -> Result<Self, DataError> {
        let wrong = |why: &str| DataError::Invalid(format!("step `{given}`: {why}"));
        let Some(rest) = given.strip_prefix("classify:") else {
            if given.is_empty() || given == "classify" || given.contains(':') {
                return Err(wrong(
                    "a step is a function, a plugin, `plugin@version`, or `classify:MODEL:LABEL,LABEL`",
                ));
            }
            return Ok(Self::Plugin(given.to_owned()));
        };
        let (model, labels) = match rest.split_once(':') {
            None => (rest, LabelsSource::Model),
            Some((model, labels)) => match labels.strip_prefix('@') {
                Some("") => return Err(wrong("`@` needs the path of a JSON file with labels")),
                Some(path) => (model, LabelsSource::File(path.into())),
                None => (
                    model,
                    LabelsSource::Listed(listed(labels).map_err(|why| wrong(&why))?),
                ),
            },
        };
        let model = model.parse().map_err(|e| wrong(&format!("{e}")))?;
        Ok(Self::Classify { model, labels })
    }
}

impl fmt::Display for StepSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(name) => f.write_str(name),
            Self::Classify { model, labels } => {
                write!(f, "classify:{model}")?;
                match labels {
                    LabelsSource::Model => Ok(()),
                    LabelsSource::Listed(labels) => write!(f, ":{}", labels.join(",")),
                    LabelsSource::File(path) => write!(f, ":@{}", path.display()),
                    LabelsSource::Examples(labels) => {
                        let labels: Vec<&str> = labels.iter().map(|(label, _)| &**label).collect();
                        write!(f, ":{}", labels.join(","))
                    }
                }
            }
        }
    }
}

fn listed(labels: &str) -> Result<Vec<String>, String> {
    let labels: Vec<String> = labels
        .split([',', '，'])
        .map(|l| l.trim().to_owned())
        .collect();
    check(labels.iter().map(String::as_str))?;
    Ok(labels)
}

fn check<'a>(labels: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = std::collections::HashSet::new();
    for label in labels {
        if label.trim().is_empty() {
            return Err("a label is empty".into());
        }
        if !seen.insert(label) {
            return Err(format!("the label `{label}` is given twice"));
        }
    }
    match seen.len() {
        0 | 1 => Err("at least two labels are needed to choose from".into()),
        n if n > MAX_LABELS => Err(format!("{n} labels; at most {MAX_LABELS}")),
        _ => Ok(()),
    }
}

impl StepSpec {
    /// The same with its file of labels read, where it has one.
    ///
    /// # Errors
    /// [`DataError::File`] and [`DataError::Invalid`]
    pub fn read(&self) -> Result<Self, DataError> {
        match self {
            Self::Classify {
                model,
                labels: LabelsSource::File(path),
            } => Ok(Self::Classify {
                model: model.clone(),
                labels: LabelsSource::Examples(read_examples(path)?),
            }),
            spec => Ok(spec.clone()),
        }
    }
}

impl LabelsSource {
    /// Labels that are given one by one.
    ///
    /// # Errors
    /// [`DataError::Invalid`]
    pub(crate) fn of_list(labels: &[String]) -> Result<Self, DataError> {
        check(labels.iter().map(String::as_str)).map_err(DataError::Invalid)?;
        Ok(Self::Listed(labels.to_vec()))
    }

    /// Labels with example texts, as a file of labels has them.
    ///
    /// # Errors
    /// [`DataError::Invalid`]
    pub(crate) fn of_examples(
        object: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, DataError> {
        let labels = examples(object).map_err(DataError::Invalid)?;
        Ok(Self::Examples(labels))
    }

    /// Reads the file where there is one.
    ///
    /// # Errors
    /// [`DataError::File`] and [`DataError::Invalid`]
    pub fn read(&self) -> Result<ClassLabels, DataError> {
        match self {
            Self::Model => Ok(ClassLabels::Model),
            Self::Listed(labels) => Ok(ClassLabels::Named(labels.clone())),
            Self::File(path) => Ok(ClassLabels::Examples(read_examples(path)?)),
            Self::Examples(labels) => Ok(ClassLabels::Examples(labels.clone())),
        }
    }
}

fn read_examples(path: &Path) -> Result<Vec<(String, Vec<String>)>, DataError> {
    let wrong = |why: String| DataError::Invalid(format!("labels file {}: {why}", path.display()));
    let size = std::fs::metadata(path)
        .map_err(DataError::file("read", path))?
        .len();
    if size > MAX_LABELS_BYTES {
        return Err(wrong(format!(
            "{size} bytes; at most {MAX_LABELS_BYTES} are read"
        )));
    }
    let json = std::fs::read(path).map_err(DataError::file("read", path))?;
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&json).map_err(|e| wrong(e.to_string()))?;
    examples(&object).map_err(wrong)
}

fn examples(
    object: &serde_json::Map<String, serde_json::Value>,
) -> Result<Vec<(String, Vec<String>)>, String> {
    let shape = || "labels with examples are `{\"label\": [\"example text\", …], …}`".to_owned();
    let mut labels = Vec::with_capacity(object.len());
    for (label, examples) in object {
        let texts: Vec<String> = match examples {
            serde_json::Value::String(text) => vec![text.clone()],
            serde_json::Value::Array(texts) => texts
                .iter()
                .map(|t| t.as_str().map(str::to_owned).ok_or_else(shape))
                .collect::<Result<_, _>>()?,
            _ => return Err(shape()),
        };
        if texts.is_empty() || texts.iter().any(|t| t.trim().is_empty()) {
            return Err(format!(
                "the label `{label}` has no example text, or an empty one"
            ));
        }
        labels.push((label.clone(), texts));
    }
    check(labels.iter().map(|(label, _)| label.as_str()))?;
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_they_are_written() {
        for good in [
            "text-cleaner",
            "text-cleaner@1.0.0",
            "classify:minilm",
            "classify:minilm@1.0.0:好评,差评",
            "classify:m:@a/b.json",
        ] {
            assert_eq!(good.parse::<StepSpec>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "classify",
            "classify:",
            "classify:M:a,b",
            "classify:m:a",
            "classify:m:a,,b",
            "classify:m:a,a",
            "classify:m:@",
            "x:y",
        ] {
            assert!(bad.parse::<StepSpec>().is_err(), "{bad}");
        }
        // A comma of either width separates labels.
        assert_eq!(
            "classify:m:好评，差评"
                .parse::<StepSpec>()
                .unwrap()
                .to_string(),
            "classify:m:好评,差评"
        );
    }

    #[test]
    fn a_file_of_examples_keeps_its_order_and_refuses_other_shapes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("labels.json");
        let read = |json: &str| {
            std::fs::write(&path, json).unwrap();
            LabelsSource::File(path.clone()).read()
        };
        let ClassLabels::Examples(labels) = read(r#"{"z":"one","a":["two","三"]}"#).unwrap()
        else {
            panic!()
        };
        assert_eq!(
            labels,
            [
                ("z".into(), vec!["one".into()]),
                ("a".into(), vec!["two".into(), "三".into()])
            ]
        );
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"a":"x"}"#,
            r#"{"a":[],"b":"x"}"#,
            r#"{"a":[1],"b":"x"}"#,
            r#"{"a":"","b":"x"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(LabelsSource::File(dir.path().join("none")).read().is_err());
    }
}
