//! An embedding model, whose vectors are compared.

use async_trait::async_trait;
use steward_models::OpenModel;

use super::classify::model_error;
use super::{Document, Effect, Sketch, Step, StepAbout, StepError};

pub(crate) struct Embed {
    pub about: StepAbout,
    pub model: OpenModel,
}

#[async_trait]
impl Step for Embed {
    fn about(&self) -> &StepAbout {
        &self.about
    }

    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        Ok(vec![Effect::Kept; batch.len()])
    }

    async fn sketch(&self, batch: &[Document]) -> Result<Vec<Sketch>, StepError> {
        let texts: Vec<String> = batch.iter().map(|d| d.text.clone()).collect();
        let vectors = self.model.embed(&texts).await.map_err(model_error)?;
        Ok(vectors.value.into_iter().map(Sketch::Vector).collect())
    }
}
