//! A model that somebody has opened.

use std::borrow::Cow;
use std::sync::Arc;

use steward_inference::{
    Caller, Classified, Embedded, Entity, LabelExamples, LabelScore, Meter, Model, ModelConfig,
    ModelFiles, ScoredPairs, Sequence, Signature, Tagged, Tensor, Tokenized,
};
use steward_registry::{ModelTarget, ModelVersion};

use crate::line::Line;
use crate::question::{
    Classify, ClassifyByExamples, ClassifyTokens, Embed, Infer, Question, ScorePairs,
};
use crate::{ModelError, Models, Resolved, place_of_key};

/// An opened model. Clones share it.
///
/// Opened with a version, an alias or a variant, it is that for good. Opened by its bare name, each
/// call goes where the deployment of the model says at that moment, so that a handle which is kept for
/// long follows what is deployed, promoted and rolled back.
#[derive(Clone)]
pub struct OpenModel {
    models: Models,
    first: Fixed,
    line: Option<Arc<Line>>,
    caller: Caller,
    /// Of this model of the tenant.
    meter: Meter,
    place: Option<f64>,
}

/// Weights that do not change.
#[derive(Clone)]
pub(crate) struct Fixed {
    pub(crate) model: Model,
    pub(crate) resolved: Resolved,
}

/// An answer and the weights that gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered<T> {
    /// The answer.
    pub value: T,
    /// Who gave it.
    pub by: ModelTarget,
}

impl<T> Answered<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Answered<U> {
        Answered {
            value: change(self.value),
            by: self.by,
        }
    }
}

impl OpenModel {
    pub(crate) fn new(models: Models, first: Fixed, line: Option<Arc<Line>>) -> Self {
        let version = &first.resolved.version;
        let meter = models.meter(&version.tenant, &version.name);
        let caller = Caller::interactive(version.tenant.as_str()).metered(meter.clone());
        Self {
            models,
            first,
            line,
            caller,
            meter,
            place: None,
        }
    }

    /// The same for calls of somebody else; what they use counts as use of the model all the same.
    pub fn with_caller(self, caller: Caller) -> Self {
        let caller = caller.metered(self.meter.clone());
        Self { caller, ..self }
    }

    /// The same, whose tokens are counted here too.
    pub fn metered(self, meter: Meter) -> Self {
        let caller = self.caller.metered(meter);
        Self { caller, ..self }
    }

    /// The same for calls with a key: where the deployment is sticky, calls with the same key get the
    /// same weights (see [`place_of_key`]). Calls without a key are split at random.
    pub fn with_key(self, key: &str) -> Self {
        let version = &self.first.resolved.version;
        let place = place_of_key(&version.tenant, &version.name, key);
        Self {
            place: Some(place),
            ..self
        }
    }

    /// How the model is used. The same for all weights of a deployment as far as answers depend on it.
    pub fn config(&self) -> &ModelConfig {
        self.first.model.config()
    }

    /// How many numbers an embedding has; `None` for a classifier.
    pub fn dimensions(&self) -> Option<usize> {
        self.first.model.dimensions()
    }

    /// The version that was meant when it was opened; with a deployment, the stable one. Which version
    /// answers a call is said with the answer.
    pub fn version(&self) -> &Arc<ModelVersion> {
        &self.first.resolved.version
    }

    /// The weights of [`OpenModel::version`].
    pub fn target(&self) -> ModelTarget {
        self.first.resolved.target()
    }

    /// The weights of [`OpenModel::version`], in memory.
    pub fn model(&self) -> &Model {
        &self.first.model
    }

    /// The files of the same, where they can be read.
    ///
    /// # Errors
    /// [`ModelError::Config`], [`ModelError::Registry`]
    pub async fn files(&self) -> Result<(ModelFiles, ModelConfig), ModelError> {
        self.models.lay_out(&self.first.resolved).await
    }

    /// See [`Model::embed`].
    ///
    /// # Errors
    /// Every [`ModelError`], as of each call below.
    pub async fn embed(&self, texts: &[String]) -> Result<Answered<Vec<Vec<f32>>>, ModelError> {
        let answered = self.embed_counted(texts).await?;
        Ok(answered.map(|found| found.vectors))
    }

    /// See [`Model::embed_counted`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn embed_counted(&self, texts: &[String]) -> Result<Answered<Embedded>, ModelError> {
        self.ask(Embed(Cow::Borrowed(texts))).await
    }

    /// See [`Model::classify`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn classify(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Answered<Vec<Vec<LabelScore>>>, ModelError> {
        let answered = self.classify_counted(texts, labels).await?;
        Ok(answered.map(|found| found.labels))
    }

    /// See [`Model::classify_counted`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn classify_counted(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Answered<Classified>, ModelError> {
        let (texts, labels) = (Cow::Borrowed(texts), labels.map(Cow::Borrowed));
        self.ask(Classify { texts, labels }).await
    }

    /// See [`Model::classify_by_examples`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn classify_by_examples(
        &self,
        texts: &[String],
        labels: &[LabelExamples],
    ) -> Result<Answered<Vec<Vec<LabelScore>>>, ModelError> {
        let (texts, labels) = (Cow::Borrowed(texts), Cow::Borrowed(labels));
        self.ask(ClassifyByExamples { texts, labels }).await
    }

    /// See [`Model::classify_tokens`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn classify_tokens(
        &self,
        texts: &[String],
    ) -> Result<Answered<Vec<Vec<Entity>>>, ModelError> {
        let answered = self.tag(texts).await?;
        Ok(answered.map(|found| found.entities))
    }

    /// See [`Model::tag`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn tag(&self, texts: &[String]) -> Result<Answered<Tagged>, ModelError> {
        self.ask(ClassifyTokens(Cow::Borrowed(texts))).await
    }

    /// See [`Model::score_pairs_counted`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn score_pairs(
        &self,
        pairs: &[(String, String)],
    ) -> Result<Answered<ScoredPairs>, ModelError> {
        self.ask(ScorePairs(Cow::Borrowed(pairs))).await
    }

    /// See [`Model::infer`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn infer(
        &self,
        inputs: Vec<Tensor>,
        outputs: Option<&[String]>,
    ) -> Result<Answered<Vec<Tensor>>, ModelError> {
        if self
            .line
            .as_ref()
            .is_none_or(|line| line.current().is_none())
        {
            // Nobody else will be asked the same: the tensors are handed over and not copied.
            return Ok(self.answered(self.own().infer(inputs, outputs).await?));
        }
        let (inputs, outputs) = (Cow::Owned(inputs), outputs.map(Cow::Borrowed));
        self.ask(Infer { inputs, outputs }).await
    }

    /// See [`Model::infer_in_sequence`]. Always the weights of [`OpenModel::target`]: the state of a
    /// sequence means nothing to others.
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn infer_in_sequence(
        &self,
        sequence: &Sequence,
        inputs: Vec<Tensor>,
        outputs: Option<&[String]>,
    ) -> Result<Answered<Vec<Tensor>>, ModelError> {
        let model = self.own();
        let value = model.infer_in_sequence(sequence, inputs, outputs).await?;
        Ok(self.answered(value))
    }

    /// See [`Model::embed_tokens`]. Always the weights of [`OpenModel::target`], whose tokens they are.
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn embed_tokens(&self, texts: &[Vec<u32>]) -> Result<Answered<Embedded>, ModelError> {
        Ok(self.answered(self.own().embed_tokens(texts).await?))
    }

    /// See [`Model::tokenize`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn tokenize(
        &self,
        texts: &[String],
        add_special: bool,
    ) -> Result<Vec<Tokenized>, ModelError> {
        Ok(self.first.model.tokenize(texts, add_special).await?)
    }

    /// See [`Model::decode`].
    ///
    /// # Errors
    /// As [`OpenModel::embed`].
    pub async fn decode(
        &self,
        ids: &[Vec<u32>],
        skip_special: bool,
    ) -> Result<Vec<String>, ModelError> {
        Ok(self.first.model.decode(ids, skip_special).await?)
    }

    /// See [`Model::signature`].
    pub fn signature(&self) -> Cow<'_, Signature> {
        self.first.model.signature()
    }

    /// Counts a call that the weights of [`OpenModel::target`] have answered.
    fn answered<T>(&self, value: T) -> Answered<T> {
        self.meter.answered();
        Answered {
            value,
            by: self.target(),
        }
    }

    /// The weights of [`OpenModel::target`], for this caller.
    fn own(&self) -> Model {
        self.first.model.with_caller(self.caller.clone())
    }

    async fn ask<Q: Question>(&self, question: Q) -> Result<Answered<Q::Answer>, ModelError> {
        if let Some(line) = &self.line
            && let Some(deployed) = line.current()
        {
            let answered = self
                .models
                .route(line, deployed, question, &self.caller, self.place);
            let answered = answered.await?;
            self.meter.answered();
            return Ok(answered);
        }
        Ok(self.answered(question.ask(&self.own()).await?))
    }
}
