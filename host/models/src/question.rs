//! What a model can be asked, in a form in which another model can be asked the same again.

use std::borrow::Cow;
use std::future::Future;

use steward_inference::{
    Classified, Embedded, InferenceError, LabelExamples, LabelScore, Model, ScoredPairs, Tagged,
    Tensor,
};

use crate::answer::Answer;

/// A question that any target of a deployment could answer.
pub(crate) trait Question: Sync {
    /// What comes back.
    type Answer: Answer;
    /// The same question with texts of its own.
    type Owned: Question<Answer = Self::Answer> + Send + 'static;

    fn ask(
        &self,
        model: &Model,
    ) -> impl Future<Output = Result<Self::Answer, InferenceError>> + Send;

    /// The length of each text, in code points; of a pair that of both together; of what is no text
    /// none.
    fn lengths(&self) -> Vec<f64>;

    fn to_owned(&self) -> Self::Owned;
}

/// [`Model::embed_counted`]
pub(crate) struct Embed<'a>(pub(crate) Cow<'a, [String]>);

impl Question for Embed<'_> {
    type Answer = Embedded;
    type Owned = Embed<'static>;

    async fn ask(&self, model: &Model) -> Result<Self::Answer, InferenceError> {
        model.embed_counted(&self.0).await
    }

    fn lengths(&self) -> Vec<f64> {
        self.0.iter().map(|text| length(text)).collect()
    }

    fn to_owned(&self) -> Self::Owned {
        Embed(own(&self.0))
    }
}

/// [`Model::classify_counted`]
pub(crate) struct Classify<'a> {
    pub(crate) texts: Cow<'a, [String]>,
    pub(crate) labels: Option<Cow<'a, [String]>>,
}

impl Question for Classify<'_> {
    type Answer = Classified;
    type Owned = Classify<'static>;

    async fn ask(&self, model: &Model) -> Result<Self::Answer, InferenceError> {
        let labels = self.labels.as_deref();
        model.classify_counted(&self.texts, labels).await
    }

    fn lengths(&self) -> Vec<f64> {
        self.texts.iter().map(|text| length(text)).collect()
    }

    fn to_owned(&self) -> Self::Owned {
        Classify {
            texts: own(&self.texts),
            labels: self.labels.as_deref().map(own),
        }
    }
}

/// [`Model::classify_by_examples`]
pub(crate) struct ClassifyByExamples<'a> {
    pub(crate) texts: Cow<'a, [String]>,
    pub(crate) labels: Cow<'a, [LabelExamples]>,
}

impl Question for ClassifyByExamples<'_> {
    type Answer = Vec<Vec<LabelScore>>;
    type Owned = ClassifyByExamples<'static>;

    async fn ask(&self, model: &Model) -> Result<Self::Answer, InferenceError> {
        model.classify_by_examples(&self.texts, &self.labels).await
    }

    fn lengths(&self) -> Vec<f64> {
        self.texts.iter().map(|text| length(text)).collect()
    }

    fn to_owned(&self) -> Self::Owned {
        ClassifyByExamples {
            texts: own(&self.texts),
            labels: own(&self.labels),
        }
    }
}

/// [`Model::tag`]
pub(crate) struct ClassifyTokens<'a>(pub(crate) Cow<'a, [String]>);

impl Question for ClassifyTokens<'_> {
    type Answer = Tagged;
    type Owned = ClassifyTokens<'static>;

    async fn ask(&self, model: &Model) -> Result<Self::Answer, InferenceError> {
        model.tag(&self.0).await
    }

    fn lengths(&self) -> Vec<f64> {
        self.0.iter().map(|text| length(text)).collect()
    }

    fn to_owned(&self) -> Self::Owned {
        ClassifyTokens(own(&self.0))
    }
}

/// [`Model::score_pairs_counted`]
pub(crate) struct ScorePairs<'a>(pub(crate) Cow<'a, [(String, String)]>);

impl Question for ScorePairs<'_> {
    type Answer = ScoredPairs;
    type Owned = ScorePairs<'static>;

    async fn ask(&self, model: &Model) -> Result<Self::Answer, InferenceError> {
        model.score_pairs_counted(&self.0).await
    }

    fn lengths(&self) -> Vec<f64> {
        let both = |(first, second): &(String, String)| length(first) + length(second);
        self.0.iter().map(both).collect()
    }

    fn to_owned(&self) -> Self::Owned {
        ScorePairs(own(&self.0))
    }
}

/// [`Model::infer`]
pub(crate) struct Infer<'a> {
    pub(crate) inputs: Cow<'a, [Tensor]>,
    pub(crate) outputs: Option<Cow<'a, [String]>>,
}

impl Question for Infer<'_> {
    type Answer = Vec<Tensor>;
    type Owned = Infer<'static>;

    async fn ask(&self, model: &Model) -> Result<Self::Answer, InferenceError> {
        let outputs = self.outputs.as_deref();
        model.infer(self.inputs.to_vec(), outputs).await
    }

    fn lengths(&self) -> Vec<f64> {
        Vec::new()
    }

    fn to_owned(&self) -> Self::Owned {
        Infer {
            inputs: own(&self.inputs),
            outputs: self.outputs.as_deref().map(own),
        }
    }
}

fn length(text: &str) -> f64 {
    text.chars().count() as f64
}

fn own<T: Clone>(items: &[T]) -> Cow<'static, [T]> {
    Cow::Owned(items.to_vec())
}
