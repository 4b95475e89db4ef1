//! What is asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use steward_labels::active::Strategy;
use steward_labels::weak::ClassBalance;
use steward_registry::Name;

use crate::DataError;

/// How the source of predictions of labelling functions begins.
const SOURCE: &str = "weak:";
/// The longest source that the registry keeps, in characters.
const MAX_SOURCE: usize = 200;

/// Which labelling functions shall vote.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeakGiven {
    /// The labellers: deployed functions of the kind `labeller`, else plugins by their names.
    pub functions: Vec<Name>,
    /// In which order annotators shall get the open tasks; null leaves it as it is. Default: `margin`.
    #[serde(default = "margin")]
    pub order: Option<Strategy>,
    /// How frequent the labels are. Default: `uniform`.
    #[serde(default)]
    pub balance: BalanceGiven,
}

fn margin() -> Option<Strategy> {
    Some(Strategy::Margin)
}

/// How frequent the labels are taken to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a balance is `uniform`, `estimated`, or the share of each label: {\"LABEL\": 0.2, …}"
)]
pub enum BalanceGiven {
    /// By a word.
    Word(BalanceWord),
    /// Known: the share of each label.
    Shares(BTreeMap<String, f64>),
}

/// How frequent the labels are, where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BalanceWord {
    /// All alike.
    Uniform,
    /// Estimated with the rest; needs functions that vote for several labels.
    Estimated,
}

impl Default for BalanceGiven {
    fn default() -> Self {
        Self::Word(BalanceWord::Uniform)
    }
}

impl BalanceGiven {
    /// In the order of the labels.
    pub(super) fn of(&self, labels: &[String]) -> Result<ClassBalance, DataError> {
        let shares = match self {
            Self::Word(BalanceWord::Uniform) => return Ok(ClassBalance::Uniform),
            Self::Word(BalanceWord::Estimated) => return Ok(ClassBalance::Estimated),
            Self::Shares(shares) => shares,
        };
        if let Some(foreign) = shares.keys().find(|label| !labels.contains(label)) {
            return Err(DataError::Invalid(format!(
                "`balance` names `{}`, which is none of the labels of this project",
                foreign.chars().take(80).collect::<String>()
            )));
        }
        let share = |label: &String| {
            shares.get(label).copied().ok_or_else(|| {
                DataError::Invalid(format!(
                    "`balance` has no share of `{label}`; name every label of the project"
                ))
            })
        };
        let shares = labels.iter().map(share).collect::<Result<_, _>>()?;
        Ok(ClassBalance::Known(shares))
    }
}

impl WeakGiven {
    /// The source under which the predictions are kept: the same for the same labellers, whatever their versions, so that
    /// a second run takes the place of the first.
    pub(super) fn source(&self) -> Result<String, DataError> {
        let names: BTreeSet<&str> = self.functions.iter().map(Name::as_str).collect();
        if names.is_empty() {
            return Err(DataError::Invalid(
                "name at least one function of the kind `labeller`".into(),
            ));
        }
        let names: Vec<&str> = names.into_iter().collect();
        let source = format!("{SOURCE}{}", names.join(","));
        if source.len() > MAX_SOURCE {
            return Err(DataError::Invalid(format!(
                "the names of the labellers have over {} characters together; deploy them under shorter ones, or ask them \
                 in two runs",
                MAX_SOURCE - SOURCE.len()
            )));
        }
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(json: Value) -> Result<WeakGiven, serde_json::Error> {
        serde_json::from_value(json)
    }

    #[test]
    fn a_source_is_the_same_for_the_same_labellers() {
        let source = |names: Value| read(json!({ "functions": names })).unwrap().source();
        assert_eq!(source(json!(["b", "a", "b"])).unwrap(), "weak:a,b");
        assert!(source(json!([])).is_err());
        let long: Vec<String> = (0..4).map(|n| format!("n{n}{}", "a".repeat(60))).collect();
        assert!(source(json!(long)).is_err());
        assert!(read(json!({})).is_err());
    }

    #[test]
    fn a_balance_is_a_word_or_the_share_of_each_label() {
        let labels = ["x".to_owned(), "好".to_owned()];
        let of = |balance: Value| {
            let given = read(json!({ "functions": ["a"], "balance": balance }));
            given.map(|given| given.balance.of(&labels))
        };
        assert_eq!(
            of(json!("uniform")).unwrap().unwrap(),
            ClassBalance::Uniform
        );
        assert_eq!(
            of(json!("estimated")).unwrap().unwrap(),
            ClassBalance::Estimated
        );
        assert_eq!(
            of(json!({ "好": 0.25, "x": 0.75 })).unwrap().unwrap(),
            ClassBalance::Known(vec![0.75, 0.25])
        );
        assert!(of(json!({ "x": 1.0 })).unwrap().is_err());
        assert!(of(json!({ "x": 0.5, "好": 0.5, "y": 0 })).unwrap().is_err());
        let error = of(json!("guessed")).unwrap_err().to_string();
        assert!(error.contains("a balance is"), "{error}");
    }
}
