//! Names, places and organisations that a model finds, where the configuration names one.

use std::collections::BTreeMap;

use steward_sdk::anonymizer::Document;
use steward_sdk::inference::{self, Model};
use steward_sdk::{Error, Span};

use crate::entity::{Catalog, Entities, Entity};
use crate::finding::{Candidate, Source};
use crate::text::Text;

/// The most labels that a configuration may translate.
const MAX_LABELS: usize = 256;

/// What models call the entities, small letters.
const LABELS: [(&str, Entity); 27] = [
    ("per", Entity::PERSON),
    ("person", Entity::PERSON),
    ("name", Entity::PERSON),
    ("nr", Entity::PERSON),
    ("givenname", Entity::PERSON),
    ("given_name", Entity::PERSON),
    ("firstname", Entity::PERSON),
    ("surname", Entity::PERSON),
    ("lastname", Entity::PERSON),
    ("last_name", Entity::PERSON),
    ("first_name", Entity::PERSON),
    ("loc", Entity::LOCATION),
    ("location", Entity::LOCATION),
    ("gpe", Entity::LOCATION),
    ("ns", Entity::LOCATION),
    ("city", Entity::LOCATION),
    ("state", Entity::LOCATION),
    ("country", Entity::LOCATION),
    ("address", Entity::LOCATION),
    ("street", Entity::LOCATION),
    ("org", Entity::ORGANIZATION),
    ("organization", Entity::ORGANIZATION),
    ("organisation", Entity::ORGANIZATION),
    ("company", Entity::ORGANIZATION),
    ("nt", Entity::ORGANIZATION),
    ("norp", Entity::NRP),
    ("nrp", Entity::NRP),
];

/// What a model finds and how it is named here.
#[derive(Debug)]
pub struct NamedEntities {
    model: String,
    labels: BTreeMap<String, Entity>,
    /// What it is asked for: names, and what the configuration says that it finds.
    asked: Entities,
}

/// Something that a model found in a text.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    entity: Entity,
    span: Span,
    score: f32,
}

impl NamedEntities {
    /// For the model of this name. `labels` are a JSON object that says what the labels of the model
    /// stand for; the usual ones are known.
    ///
    /// # Errors
    /// What is wrong with the labels.
    pub fn new(model: &str, labels: Option<&str>, catalog: &Catalog) -> Result<Self, String> {
        let mut known: BTreeMap<String, Entity> = LABELS
            .iter()
            .map(|(label, entity)| ((*label).to_owned(), *entity))
            .collect();
        known.extend(
            catalog
                .all()
                .map(|e| (catalog.name(e).to_ascii_lowercase(), e)),
        );
        let mut asked: Entities = LABELS.iter().map(|(_, entity)| *entity).collect();
        if let Some(json) = labels {
            let own: BTreeMap<String, String> =
                serde_json::from_str(json).map_err(|e| e.to_string())?;
            if own.len() > MAX_LABELS {
                return Err(format!("more than {MAX_LABELS} labels"));
            }
            for (label, name) in own {
                let entity = catalog.parse(&name).map_err(|e| e.to_string())?;
                asked = asked.with(entity);
                known.insert(label.to_ascii_lowercase(), entity);
            }
        }
        Ok(Self {
            model: model.to_owned(),
            labels: known,
            asked,
        })
    }

    /// Whether it may find one of these.
    pub fn finds(&self, wanted: Entities) -> bool {
        self.asked.meets(wanted)
    }

    /// Asks the model about all texts of a batch at once.
    ///
    /// # Errors
    /// Where the model is not granted, cannot name parts of texts, or does not run: a text must not
    /// pass as clean because nobody looked.
    pub fn find(&self, batch: &[Document]) -> Result<Vec<Vec<Named>>, Error> {
        let asked: Vec<usize> = (0..batch.len())
            .filter(|i| !batch[*i].text.trim().is_empty())
            .collect();
        let mut found = vec![Vec::new(); batch.len()];
        if asked.is_empty() {
            return Ok(found);
        }
        let texts: Vec<String> = asked.iter().map(|i| batch[*i].text.clone()).collect();
        let model: Model = inference::open(&self.model)?;
        let answers = model.classify_tokens(&texts)?;
        if answers.len() != asked.len() {
            return Err(Error::Other(format!(
                "the model `{}` answered {} of {} texts",
                self.model,
                answers.len(),
                asked.len()
            )));
        }
        for (i, entities) in asked.into_iter().zip(answers) {
            found[i] = entities
                .into_iter()
                .filter_map(|e| self.named(&e))
                .collect();
        }
        Ok(found)
    }

    fn named(&self, entity: &inference::Entity) -> Option<Named> {
        let label = entity.label.to_ascii_lowercase();
        // Models that tag the beginning and the inside of an entity leave the tag on the label.
        let label = label
            .strip_prefix("b-")
            .or(label.strip_prefix("i-"))
            .unwrap_or(&label);
        Some(Named {
            entity: *self.labels.get(label)?,
            span: entity.span,
            score: if entity.score.is_finite() {
                entity.score.clamp(0.0, 0.99)
            } else {
                0.0
            },
        })
    }
}

impl Named {
    /// As a candidate of this text, without the blanks at its ends.
    pub fn candidate(&self, text: &Text) -> Option<Candidate> {
        let (mut start, mut end) = text.folded(self.span)?;
        let blank = |at: usize| text.chars().get(at).is_some_and(|c| c.is_whitespace());
        while start < end && blank(start) {
            start += 1;
        }
        while start < end && blank(end - 1) {
            end -= 1;
        }
        (start < end).then_some(Candidate {
            entity: self.entity,
            start,
            end,
            least_end: end,
            score: self.score,
            source: Source::BuiltIn("model"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(label: &str, score: f32) -> inference::Entity {
        inference::Entity {
            label: label.into(),
            span: Span { start: 0, end: 2 },
            score,
        }
    }

    #[test]
    fn labels_of_models_are_translated() {
        let catalog = Catalog::default();
        let names = NamedEntities::new("ner", Some(r#"{"HUMAN": "PERSON"}"#), &catalog).unwrap();
        let named = |label: &str| names.named(&entity(label, 0.9)).map(|n| n.entity);
        assert_eq!(named("B-PER"), Some(Entity::PERSON));
        assert_eq!(named("human"), Some(Entity::PERSON));
        assert_eq!(named("EMAIL_ADDRESS"), Some(Entity::EMAIL_ADDRESS));
        assert_eq!(named("MISC"), None);
        assert!(
            NamedEntities::new("ner", Some(r#"{"X": "Y"}"#), &catalog)
                .unwrap_err()
                .contains("`Y`")
        );
        assert!(NamedEntities::new("ner", Some("["), &catalog).is_err());
    }

    #[test]
    fn scores_and_spans_of_a_model_are_not_trusted() {
        let names = NamedEntities::new("ner", None, &Catalog::default()).unwrap();
        assert_eq!(names.named(&entity("PER", f32::NAN)).unwrap().score, 0.0);
        assert_eq!(names.named(&entity("PER", 7.0)).unwrap().score, 0.99);
        let far = Named {
            entity: Entity::PERSON,
            span: Span { start: 5, end: 2 },
            score: 0.9,
        };
        assert_eq!(far.candidate(&Text::new("a")), None);
    }
}
