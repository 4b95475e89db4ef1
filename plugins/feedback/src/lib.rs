//! What people say and do, and what it means.
//!
//! The arithmetic is the host's own crate `steward-feedback`; here it meets the contract, and texts meet models.
#![deny(missing_docs)]

mod numbers;
mod texts;

use steward_feedback::FeedbackError;
use steward_sdk::config;
use steward_sdk::feedback::{
    Analysis, Answer, Arm, Asked, Assignment, Audience, Design, Document, Error, ExperimentResult,
    Feedback, FunnelDesign, FunnelStep, Happening, Interaction, Judged, Path, PathDesign, Person,
    PreferenceFormat, RankingQuality, Recommended, Recommender, RetentionDesign, RetentionResult,
    Said, SurveyDesign, SurveyResult, Theme,
};

use crate::texts::{Classifier, Head};

/// The plugin.
pub struct Plugin {
    sentiment: Option<Classifier>,
    head: Option<Head>,
    topics: Option<Classifier>,
    topic_min_score: f32,
    embedding_model: Option<String>,
    themes: Option<usize>,
    seed: u64,
}

/// A value that is set and not empty.
fn value(key: &str) -> Result<Option<String>, Error> {
    Ok(config::get(key)?.filter(|value| !value.trim().is_empty()))
}

fn invalid(error: FeedbackError) -> Error {
    Error::InvalidInput(error.to_string())
}

impl Feedback for Plugin {
    fn new() -> Result<Self, Error> {
        let topic_min_score: f32 = config::parse_or("topic_min_score", 0.2)?;
        if !(0.0..=1.0).contains(&topic_min_score) {
            return Err(Error::InvalidConfig(format!(
                "`topic_min_score = {topic_min_score}`: it lies between 0 and 1"
            )));
        }
        let embedding_model = value("embedding_model")?;
        let head = value("sentiment_head")?
            .map(|json| Head::read(&json))
            .transpose()?;
        if head.is_some() && embedding_model.is_none() {
            return Err(Error::InvalidConfig(
                "`sentiment_head` reads the vectors of an embedding model; name it by `embedding_model`".into(),
            ));
        }
        Ok(Self {
            sentiment: Classifier::configured("sentiment_model", "sentiment_labels")?,
            head,
            topics: Classifier::configured("topic_model", "topics")?,
            topic_min_score,
            embedding_model,
            themes: value("themes")?
                .map(|_| config::parse("themes"))
                .transpose()?
                .flatten(),
            seed: config::parse_or("seed", 0)?,
        })
    }

    fn analyse(&self, batch: Vec<Document>) -> Result<Vec<Analysis>, Error> {
        self.analyse_texts(batch.into_iter().map(|document| document.text).collect())
    }

    fn themes(&self, batch: Vec<Said>) -> Result<Vec<Theme>, Error> {
        self.group_texts(&batch)
    }

    fn survey(&self, design: SurveyDesign, answers: Vec<Answer>) -> Result<SurveyResult, Error> {
        numbers::survey(&design, answers)
    }

    fn ask(&self, audience: Audience, people: Vec<Person>) -> Result<Vec<Asked>, Error> {
        numbers::ask(audience, people)
    }

    fn assign(
        &self,
        flags: String,
        flag: String,
        contexts: Vec<String>,
    ) -> Result<Vec<Assignment>, Error> {
        numbers::assign(&flags, &flag, &contexts)
    }

    fn experiment(&self, design: Design, arms: Vec<Arm>) -> Result<ExperimentResult, Error> {
        numbers::experiment(&design, arms)
    }

    fn funnel(
        &self,
        design: FunnelDesign,
        events: Vec<Happening>,
    ) -> Result<Vec<FunnelStep>, Error> {
        numbers::funnel(design, events)
    }

    fn retention(
        &self,
        design: RetentionDesign,
        events: Vec<Happening>,
    ) -> Result<RetentionResult, Error> {
        numbers::retention(design, events)
    }

    fn paths(&self, design: PathDesign, events: Vec<Happening>) -> Result<Vec<Path>, Error> {
        numbers::paths(&design, events)
    }

    fn preferences(
        &self,
        rows: Vec<Judged>,
        format: PreferenceFormat,
    ) -> Result<Vec<String>, Error> {
        numbers::preferences(rows, format)
    }

    fn recommend(
        &self,
        recommender: Recommender,
        interactions: Vec<Interaction>,
        users: Vec<String>,
        most: u32,
    ) -> Result<Vec<Vec<Recommended>>, Error> {
        numbers::recommend(&recommender, &interactions, &users, most)
    }

    fn evaluate(
        &self,
        recommender: Recommender,
        train: Vec<Interaction>,
        test: Vec<Interaction>,
        most: u32,
    ) -> Result<RankingQuality, Error> {
        numbers::evaluate(&recommender, &train, &test, most)
    }
}

steward_sdk::export_feedback!(Plugin);
