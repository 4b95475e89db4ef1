//! Labelling functions, as the configuration describes them.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Map, Value};
use steward_sdk::Error;
use steward_sdk::labeller::{LabellingFunction, Vote};

use crate::model::Zeroshot;
use crate::words::Terms;

/// The largest configuration, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// The most labelling functions.
const MAX_RULES: usize = 200;
/// How large a compiled pattern may become, in bytes: where repetitions multiply, it is refused.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// One labelling function.
#[derive(Debug)]
pub struct Rule {
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// One of `any`, all of `all`, none of `none`.
    Keywords {
        label: String,
        any: Terms,
        all: Terms,
        none: Terms,
    },
    Pattern {
        label: String,
        pattern: Regex,
    },
    /// The label with the most different terms.
    Dictionary {
        labels: Vec<String>,
        terms: Terms,
        /// Which label each term speaks for.
        of: Vec<usize>,
        lead: usize,
    },
    Length {
        label: String,
        min: usize,
        max: usize,
    },
    Model(Zeroshot),
}

/// As it is written.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Given {
    Keywords {
        label: String,
        #[serde(default)]
        any: Vec<String>,
        #[serde(default)]
        all: Vec<String>,
        #[serde(default)]
        none: Vec<String>,
    },
    Pattern {
        label: String,
        pattern: String,
    },
    Dictionary {
        terms: BTreeMap<String, Vec<String>>,
        #[serde(default = "one")]
        lead: usize,
    },
    Length {
        label: String,
        #[serde(default)]
        min: usize,
        #[serde(default = "endless")]
        max: usize,
    },
    Model {
        model: String,
        labels: Labels,
        #[serde(default = "half")]
        threshold: f32,
    },
}

fn one() -> usize {
    1
}

fn endless() -> usize {
    usize::MAX
}

fn half() -> f32 {
    0.5
}

/// Labels under their own names, or each with what the model calls it.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a list of labels, or an object from label to what the model calls it"
)]
enum Labels {
    Listed(Vec<String>),
    Called(BTreeMap<String, String>),
}

/// Reads a JSON list of labelling functions.
///
/// # Errors
/// What is wrong, with the function that it is wrong in.
pub fn read(json: &str) -> Result<Vec<Rule>, String> {
    if json.len() > MAX_BYTES {
        return Err(format!(
            "it has {} bytes; at most {MAX_BYTES} are read",
            json.len()
        ));
    }
    let given: Vec<Map<String, Value>> =
        serde_json::from_str(json).map_err(|e| format!("it is no JSON list of objects: {e}"))?;
    if given.is_empty() || given.len() > MAX_RULES {
        return Err(format!(
            "there are {} labelling functions; there may be 1 to {MAX_RULES}",
            given.len()
        ));
    }
    let mut names = BTreeSet::new();
    let mut rules = Vec::with_capacity(given.len());
    for (place, mut fields) in given.into_iter().enumerate() {
        let Some(Value::String(name)) = fields.remove("name") else {
            return Err(format!("the function number {} has no `name`", place + 1));
        };
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(format!(
                "the name of the function number {} has not 1 to 100 characters on one line",
                place + 1
            ));
        }
        if !names.insert(name.clone()) {
            return Err(format!("two functions are called `{name}`"));
        }
        let kind = serde_json::from_value::<Given>(Value::Object(fields))
            .map_err(|e| e.to_string())
            .and_then(Kind::of)
            .map_err(|why| format!("the function `{name}`: {why}"))?;
        rules.push(Rule { name, kind });
    }
    Ok(rules)
}

impl Kind {
    fn of(given: Given) -> Result<Self, String> {
        Ok(match given {
            Given::Keywords {
                label,
                any,
                all,
                none,
            } => {
                if any.is_empty() && all.is_empty() {
                    return Err("name terms in `any` or `all`".into());
                }
                Self::Keywords {
                    label: named(label)?,
                    any: terms("any", &any)?,
                    all: terms("all", &all)?,
                    none: terms("none", &none)?,
                }
            }
            Given::Pattern { label, pattern } => Self::Pattern {
                label: named(label)?,
                pattern: RegexBuilder::new(&pattern)
                    .size_limit(MAX_PATTERN_BYTES)
                    .dfa_size_limit(MAX_PATTERN_BYTES)
                    .build()
                    .map_err(|e| format!("`pattern`: {e}"))?,
            },
            Given::Dictionary { terms: given, lead } => {
                if given.is_empty() {
                    return Err("`terms`: name terms for at least one label".into());
                }
                if lead == 0 {
                    return Err("`lead`: it is at least 1".into());
                }
                let (mut labels, mut all, mut of) = (Vec::new(), Vec::new(), Vec::new());
                for (label, terms) in given {
                    if terms.is_empty() {
                        return Err(format!("`terms`: `{label}` has none"));
                    }
                    of.extend(terms.iter().map(|_| labels.len()));
                    labels.push(named(label)?);
                    all.extend(terms);
                }
                Self::Dictionary {
                    labels,
                    terms: terms("terms", &all)?,
                    of,
                    lead,
                }
            }
            Given::Length { label, min, max } => {
                if min > max || (min == 0 && max == usize::MAX) {
                    return Err("give `min` or `max`, in characters, the smaller first".into());
                }
                Self::Length {
                    label: named(label)?,
                    min,
                    max,
                }
            }
            Given::Model {
                model,
                labels,
                threshold,
            } => {
                let labels = match labels {
                    Labels::Called(labels) => labels,
                    Labels::Listed(labels) => labels
                        .into_iter()
                        .map(|label| (label.clone(), label))
                        .collect(),
                };
                Self::Model(Zeroshot::new(model, labels, threshold)?)
            }
        })
    }
}

fn named(label: String) -> Result<String, String> {
    if label.trim().is_empty() {
        return Err("a label is empty".into());
    }
    Ok(label)
}

fn terms(field: &str, given: &[String]) -> Result<Terms, String> {
    Terms::new(given.iter().map(String::as_str)).map_err(|why| format!("`{field}`: {why}"))
}

impl Rule {
    /// Its name and its labels.
    pub fn about(&self) -> LabellingFunction {
        let labels = match &self.kind {
            Kind::Keywords { label, .. }
            | Kind::Pattern { label, .. }
            | Kind::Length { label, .. } => {
                vec![label.clone()]
            }
            Kind::Dictionary { labels, .. } => labels.clone(),
            Kind::Model(model) => model.labels().cloned().collect(),
        };
        LabellingFunction {
            name: self.name.clone(),
            labels,
        }
    }

    /// What it says about each text, which comes as it is and folded.
    ///
    /// # Errors
    /// Those of the model.
    pub fn votes(&self, texts: &[String], folded: &[String]) -> Result<Vec<Option<Vote>>, Error> {
        if let Kind::Model(model) = &self.kind {
            return model.votes(texts);
        }
        let both = texts.iter().zip(folded);
        Ok(both.map(|(text, folded)| self.vote(text, folded)).collect())
    }

    fn vote(&self, text: &str, folded: &str) -> Option<Vote> {
        match &self.kind {
            Kind::Keywords {
                label,
                any,
                all,
                none,
            } => {
                let holds = (any.count() == 0 || any.any(folded))
                    && all.found(folded).len() == all.count()
                    && !none.any(folded);
                holds.then(|| sure(label))
            }
            Kind::Pattern { label, pattern } => pattern.is_match(text).then(|| sure(label)),
            Kind::Dictionary {
                labels,
                terms,
                of,
                lead,
            } => {
                let mut hits = vec![0_usize; labels.len()];
                terms
                    .found(folded)
                    .into_iter()
                    .for_each(|term| hits[of[term]] += 1);
                let best = (0..hits.len()).max_by_key(|label| hits[*label])?;
                let others = hits.iter().enumerate().filter(|(label, _)| *label != best);
                let second = others.map(|(_, hits)| *hits).max().unwrap_or(0);
                let all: usize = hits.iter().sum();
                (hits[best] >= second + lead).then(|| Vote {
                    label: labels[best].clone(),
                    confidence: hits[best] as f32 / all as f32,
                })
            }
            Kind::Length { label, min, max } => {
                let length = text.trim().chars().count();
                (*min..=*max).contains(&length).then(|| sure(label))
            }
            // Asked for all texts at once.
            Kind::Model(_) => None,
        }
    }
}

/// A vote of who knows no more than yes and no.
fn sure(label: &str) -> Vote {
    Vote {
        label: label.to_owned(),
        confidence: 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(json: &str) -> String {
        read(json)
            .err()
            .unwrap_or_else(|| panic!("{json} is taken"))
    }

    #[test]
    fn what_is_wrong_is_named_with_its_function() {
        let pattern = |pattern: &str| {
            serde_json::json!([{ "name": "p", "kind": "pattern", "label": "x", "pattern": pattern }]).to_string()
        };
        for (json, says) in [
            ("{}".to_owned(), "no JSON list"),
            ("[]".into(), "0 labelling functions"),
            ("[{}]".into(), "number 1 has no `name`"),
            (r#"[{"name": ""}]"#.into(), "1 to 100"),
            (r#"[{"name": "a"}]"#.into(), "`a`: missing field `kind`"),
            (r#"[{"name": "a", "kind": "magic"}]"#.into(), "unknown variant `magic`"),
            (r#"[{"name": "a", "kind": "length", "label": "x", "max": 3, "least": 1}]"#.into(), "`least`"),
            (r#"[{"name": "a", "kind": "length", "label": "x"}]"#.into(), "`min` or `max`"),
            (r#"[{"name": "a", "kind": "length", "label": " ", "max": 3}]"#.into(), "a label is empty"),
            (r#"[{"name": "a", "kind": "keywords", "label": "x", "none": ["y"]}]"#.into(), "`any` or `all`"),
            (r#"[{"name": "a", "kind": "keywords", "label": "x", "any": [""]}]"#.into(), "`any`: the term"),
            (r#"[{"name": "a", "kind": "dictionary", "terms": {}}]"#.into(), "at least one label"),
            (r#"[{"name": "a", "kind": "dictionary", "terms": {"x": []}}]"#.into(), "`x` has none"),
            (r#"[{"name": "a", "kind": "model", "model": "m", "labels": ["x"]}]"#.into(), "at least two"),
            (r#"[{"name": "a", "kind": "model", "model": "m", "labels": ["x", "y"], "threshold": 2}]"#.into(), "`threshold`"),
            (pattern("("), "`p`: `pattern`: regex parse error"),
            (pattern("((a{100}){100}){100}"), "exceeds size limit"),
            (pattern(r"(a)\1"), "backreferences are not supported"),
        ] {
            let why = wrong(&json);
            assert!(why.contains(says), "{json}: {why}");
        }
        let twice = r#"[{"name": "a", "kind": "length", "label": "x", "max": 3}, {"name": "a", "kind": "length", "label": "y", "max": 3}]"#;
        assert!(wrong(twice).contains("two functions"));
    }

    /// What makes a backtracking matcher take ages takes this one as long as the text is.
    #[test]
    fn a_catastrophic_pattern_is_none() {
        let rules =
            read(r#"[{"name": "p", "kind": "pattern", "label": "x", "pattern": "^(a+)+$"}]"#)
                .unwrap();
        let text = format!("{}!", "a".repeat(200_000));
        assert!(rules[0].vote(&text, &text).is_none());
    }
}
