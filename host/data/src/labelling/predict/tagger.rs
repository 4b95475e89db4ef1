//! Parts of texts, labelled by a token classifier.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use steward_inference::{Entity, Task};
use steward_models::{ModelError, OpenModel};
use steward_registry::TenantId;
use steward_registry::labelling::{Label, LabelSpan, Project};

use super::asked::{Answer, Asked, foreign_label};
use super::{Labelling, PredictGiven};
use crate::step::{StepAbout, open_model};
use crate::{DataError, LabelsGiven};

/// A token classifier, and which labels its kinds of entity stand for.
pub(super) struct Tagger {
    pub about: StepAbout,
    model: OpenModel,
    /// From kinds to labels of the project; kinds that are not here are left out.
    labels: BTreeMap<String, String>,
}

impl Tagger {
    /// The parts of each text, and how sure the model is of the text as a whole: also of what it leaves out.
    pub async fn answers(&self, texts: &[String]) -> Result<Vec<Option<Answer>>, ModelError> {
        let found = self.model.tag(texts).await?.value;
        let found = texts.iter().zip(found.entities).zip(found.certainty);
        let answer = |((text, entities), certainty): ((&String, Vec<Entity>), f32)| Answer {
            label: Label::Spans(spans(text, entities, &self.labels)),
            confidence: f64::from(certainty).clamp(0.0, 1.0),
            distribution: None,
        };
        Ok(found.map(answer).map(Some).collect())
    }
}

/// The entities as labelled parts. Neighbours of different kinds that stand for one label, with nothing but blanks between
/// them, are one part: a given name and a surname are a person.
fn spans(text: &str, entities: Vec<Entity>, labels: &BTreeMap<String, String>) -> Vec<LabelSpan> {
    let blank: Vec<bool> = text.chars().map(char::is_whitespace).collect();
    let between = |from: u32, to: u32| blank.get(from as usize..to as usize);
    let mut spans: Vec<LabelSpan> = Vec::new();
    let mut last_kind = String::new();
    for Entity {
        label: kind,
        start,
        end,
        ..
    } in entities
    {
        let Some(label) = labels.get(&kind) else {
            last_kind.clear();
            continue;
        };
        match spans.last_mut() {
            Some(last)
                if last.label == *label
                    && !last_kind.is_empty()
                    && last_kind != kind
                    && between(last.end, start)
                        .is_some_and(|gap| gap.iter().all(|blank| *blank)) =>
            {
                last.end = end;
            }
            _ => spans.push(LabelSpan {
                start,
                end,
                label: label.clone(),
            }),
        }
        last_kind = kind;
    }
    spans
}

impl Labelling {
    /// A model of parts of texts. Its labels are those of the project that it knows; or `labels` says for each label of
    /// the project which kinds of the model stand for it.
    pub(super) async fn tagger(
        &self,
        tenant: &TenantId,
        project: &Project,
        given: &PredictGiven,
    ) -> Result<Asked, DataError> {
        let step = format!("tag:{}", given.model);
        let (about, model) = open_model(&self.models, tenant, &step, &given.model).await?;
        if model.config().task != Task::ClassifyTokens {
            return Err(DataError::Invalid(
                "this project labels parts of texts; take a model of the task classify-tokens"
                    .into(),
            ));
        }
        let labels = model.config().labels.iter();
        let kinds: BTreeSet<&str> = labels.filter_map(|label| kind(label)).collect();
        let labels = chosen(project, given.labels.as_ref(), &kinds)?;
        Ok(Asked::Tagger(Tagger {
            about,
            model,
            labels,
        }))
    }
}

/// What the model calls a label.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Which kind of the model stands for which label.
fn chosen(
    project: &Project,
    given: Option<&LabelsGiven>,
    kinds: &BTreeSet<&str>,
) -> Result<BTreeMap<String, String>, DataError> {
    let known = |kind: &str| kinds.contains(kind);
    let pairs: Vec<(String, String)> = match given {
        None => {
            let own = project.spec.labels.iter().filter(|label| known(label));
            own.map(|label| (label.clone(), label.clone())).collect()
        }
        Some(LabelsGiven::Listed(labels)) => {
            let own = labels.iter();
            own.map(|label| (label.clone(), label.clone())).collect()
        }
        Some(LabelsGiven::Examples(labels)) => {
            let mut pairs = Vec::new();
            for (label, kinds) in labels {
                let kinds = OneOrMore::deserialize(kinds).map_err(|_| {
                    DataError::Invalid(format!(
                        "the label `{}` has no list of what the model calls it: {{\"LABEL\": [\"KIND\", …], …}}",
                        label.chars().take(80).collect::<String>()
                    ))
                })?;
                let kinds = match kinds {
                    OneOrMore::One(kind) => vec![kind],
                    OneOrMore::More(kinds) => kinds,
                };
                pairs.extend(kinds.into_iter().map(|kind| (kind, label.clone())));
            }
            pairs
        }
    };
    let listed = || kinds.iter().copied().collect::<Vec<_>>().join(", ");
    if pairs.is_empty() {
        return Err(DataError::Invalid(format!(
            "the model names parts by {}, and none of these is a label of this project; say which stand for which: \
             {{\"LABEL\": [\"KIND\", …], …}}",
            listed()
        )));
    }
    let mut labels = BTreeMap::new();
    for (kind, label) in pairs {
        if !project.spec.labels.contains(&label) {
            return Err(foreign_label(project, "the model would give", &label));
        }
        if !known(&kind) {
            return Err(DataError::Invalid(format!(
                "the model names no part `{}`; it names {}",
                kind.chars().take(80).collect::<String>(),
                listed()
            )));
        }
        if let Some(other) = labels.insert(kind.clone(), label.clone())
            && other != label
        {
            return Err(DataError::Invalid(format!(
                "`{kind}` stands for `{other}` and for `{label}`; let it stand for one of them"
            )));
        }
    }
    Ok(labels)
}

/// The kind of entity that a label of a token is of, without what says whether it begins there; none outside of any.
fn kind(label: &str) -> Option<&str> {
    match label.split_once('-') {
        Some(("B" | "I" | "E" | "S" | "L" | "U", kind)) => Some(kind),
        _ => (label != "O").then_some(label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(label: &str, start: u32, end: u32) -> Entity {
        Entity {
            label: label.into(),
            start,
            end,
            score: 0.9,
        }
    }

    #[test]
    fn neighbours_of_one_label_are_one_part() {
        let labels = [("GIVEN", "人"), ("SURNAME", "人"), ("MAIL", "mail")];
        let labels = labels.map(|(kind, label)| (kind.to_owned(), label.to_owned()));
        let labels = BTreeMap::from(labels);
        let found = |text: &str, entities: Vec<Entity>| -> Vec<(u32, u32, String)> {
            let spans = spans(text, entities, &labels).into_iter();
            spans
                .map(|span| (span.start, span.end, span.label))
                .collect()
        };
        let person = |start, end| (start, end, "人".to_owned());
        let (given, surname) = (entity("GIVEN", 1, 4), entity("SURNAME", 5, 8));
        let both = vec![given.clone(), surname.clone()];
        assert_eq!(found("😀Ann Lee", both.clone()), [person(1, 8)]);
        assert_eq!(found("😀Ann,Lee", both), [person(1, 4), person(5, 8)]);
        // Two of one kind are two people, and what stands between them parts as well.
        let twice = vec![given.clone(), entity("GIVEN", 5, 8)];
        assert_eq!(found("😀Ann Bob", twice), [person(1, 4), person(5, 8)]);
        let parted = vec![given, entity("CITY", 4, 5), surname];
        assert_eq!(found("😀Ann Lee", parted), [person(1, 4), person(5, 8)]);
        assert!(found("", vec![]).is_empty());
    }
}
