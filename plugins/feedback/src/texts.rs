//! Texts and the models that read them. Where no model is configured or granted, nothing is guessed.

use std::collections::BTreeMap;

use serde::Deserialize;
use steward_feedback::language;
use steward_feedback::themes::{self, Direction as Goes};
use steward_sdk::feedback::{Analysis, Direction, LabelScore, Reading, Said, Theme, Trend};
use steward_sdk::inference::{self, Model};
use steward_sdk::{Error, log};

use crate::{Plugin, invalid, value};

/// Texts of one call of a model.
const BATCH: usize = 256;

/// A model that gives texts labels.
pub(crate) struct Classifier {
    model: String,
    /// By what the model says: what it is called here. None: as the model calls it.
    labels: Option<BTreeMap<String, String>>,
}

/// A linear head on the vectors of an embedding model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    labels: Vec<String>,
    /// One list for each label.
    weights: Vec<Vec<f64>>,
    bias: Vec<f64>,
}

impl Head {
    pub(crate) fn read(json: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::InvalidConfig(format!("`sentiment_head`: {why}"));
        let head: Self = serde_json::from_str(json).map_err(|e| wrong(&e.to_string()))?;
        if head.labels.len() < 2 {
            return Err(wrong("there are at least two labels"));
        }
        if head.weights.len() != head.labels.len() || head.bias.len() != head.labels.len() {
            return Err(wrong(
                "there is one list of weights and one bias for each label",
            ));
        }
        let width = head.weights.first().map_or(0, Vec::len);
        if width == 0 || head.weights.iter().any(|weights| weights.len() != width) {
            return Err(wrong(
                "all lists of weights are as long as a vector of the model",
            ));
        }
        Ok(head)
    }

    /// The likeliest label of a vector.
    fn label(&self, vector: &[f32]) -> Result<LabelScore, Error> {
        let width = self.weights.first().map_or(0, Vec::len);
        if vector.len() != width {
            return Err(Error::InvalidConfig(format!(
                "`sentiment_head` has {width} weights for each label, and `embedding_model` gives vectors of {} numbers",
                vector.len()
            )));
        }
        let score = |(weights, bias): (&Vec<f64>, &f64)| {
            bias + weights
                .iter()
                .zip(vector)
                .map(|(w, x)| w * f64::from(*x))
                .sum::<f64>()
        };
        let scores: Vec<f64> = self.weights.iter().zip(&self.bias).map(score).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let all: f64 = scores.iter().map(|score| (score - most).exp()).sum();
        let best = scores.iter().position(|score| *score == most);
        let label = best.and_then(|best| self.labels.get(best));
        let label = label.ok_or_else(|| Error::Other("the head gave no number".into()))?;
        Ok(LabelScore {
            label: label.clone(),
            score: (1.0 / all) as f32,
        })
    }
}

/// Why nobody knows: the model is not there. Whatever else is wrong fails the call, since the next one may succeed.
enum Answers<T> {
    Known(Vec<T>),
    Unknown(String),
}

fn open(name: &str) -> Result<Result<Model, String>, Error> {
    match inference::open(name) {
        Ok(model) => Ok(Ok(model)),
        Err(inference::Error::Denied(why)) => Ok(Err(why)),
        Err(inference::Error::NoSuch(_)) => Ok(Err(format!("there is no model `{name}`"))),
        Err(other) => Err(other.into()),
    }
}

impl Classifier {
    pub(crate) fn configured(model: &str, labels: &str) -> Result<Option<Self>, Error> {
        let Some(name) = value(model)? else {
            return Ok(None);
        };
        let labels = value(labels)?.map(|json| {
            let given: BTreeMap<String, String> = serde_json::from_str(&json).map_err(|e| {
                Error::InvalidConfig(format!("`{labels}`: {e}; it is an object of texts"))
            })?;
            if given.len() < 2 {
                return Err(Error::InvalidConfig(format!(
                    "`{labels}` names at least two labels"
                )));
            }
            let turned: BTreeMap<String, String> = given
                .iter()
                .map(|(ours, theirs)| (theirs.clone(), ours.clone()))
                .collect();
            if turned.len() < given.len() {
                return Err(Error::InvalidConfig(format!(
                    "`{labels}` calls two labels the same for the model"
                )));
            }
            Ok(turned)
        });
        Ok(Some(Self {
            model: name,
            labels: labels.transpose()?,
        }))
    }

    /// All labels of each text, best first.
    fn labels(&self, texts: &[String]) -> Result<Answers<Vec<LabelScore>>, Error> {
        let model = match open(&self.model)? {
            Ok(model) => model,
            Err(why) => return Ok(Answers::Unknown(why)),
        };
        let wanted: Option<Vec<String>> = self
            .labels
            .as_ref()
            .map(|labels| labels.keys().cloned().collect());
        let mut found = Vec::with_capacity(texts.len());
        for texts in texts.chunks(BATCH) {
            for labels in model.classify(texts, wanted.as_deref())? {
                found.push(labels.into_iter().map(|label| self.ours(label)).collect());
            }
        }
        expect(texts.len(), found.len())?;
        Ok(Answers::Known(found))
    }

    fn ours(&self, said: LabelScore) -> LabelScore {
        let ours = self
            .labels
            .as_ref()
            .and_then(|labels| labels.get(&said.label));
        LabelScore {
            label: ours.cloned().unwrap_or(said.label),
            score: said.score,
        }
    }
}

fn expect(texts: usize, answers: usize) -> Result<(), Error> {
    if texts == answers {
        return Ok(());
    }
    Err(Error::Other(format!(
        "the model answered about {answers} of {texts} texts"
    )))
}

fn vectors(model: &Model, texts: &[String]) -> Result<Vec<Vec<f32>>, Error> {
    let mut found = Vec::with_capacity(texts.len());
    for texts in texts.chunks(BATCH) {
        found.extend(model.embed(texts)?);
    }
    expect(texts.len(), found.len())?;
    Ok(found)
}

impl Plugin {
    pub(crate) fn analyse_texts(&self, texts: Vec<String>) -> Result<Vec<Analysis>, Error> {
        // Nobody is asked about nothing.
        let said: Vec<String> = texts
            .iter()
            .filter(|text| !text.trim().is_empty())
            .cloned()
            .collect();
        let sentiments = if said.is_empty() {
            Answers::Known(Vec::new())
        } else {
            self.sentiments(&said)?
        };
        let topics = match &self.topics {
            Some(topics) if !said.is_empty() => topics.labels(&said)?,
            _ => Answers::Unknown(String::new()),
        };
        let mut place = 0;
        let analyses: Vec<Analysis> = texts
            .iter()
            .map(|text| {
                let language = match language::detect(text) {
                    Ok(found) => Reading::Known(LabelScore {
                        label: found.code.into(),
                        score: found.confidence as f32,
                    }),
                    Err(why) => Reading::Unknown(why.into()),
                };
                if text.trim().is_empty() {
                    return Analysis {
                        language,
                        sentiment: Reading::Unknown("the text is empty".into()),
                        topics: Vec::new(),
                    };
                }
                let at = place;
                place += 1;
                let sentiment = match &sentiments {
                    Answers::Known(known) => known.get(at).map_or_else(
                        || Reading::Unknown("the model names no label".into()),
                        |label| Reading::Known(label.clone()),
                    ),
                    Answers::Unknown(why) => Reading::Unknown(why.clone()),
                };
                let topics = match &topics {
                    Answers::Known(known) => known.get(at).cloned().unwrap_or_default(),
                    Answers::Unknown(_) => Vec::new(),
                };
                let likely = |topic: &LabelScore| topic.score >= self.topic_min_score;
                Analysis {
                    language,
                    sentiment,
                    topics: topics.into_iter().filter(likely).collect(),
                }
            })
            .collect();
        let unknown = analyses
            .iter()
            .filter(|one| matches!(one.sentiment, Reading::Unknown(_)));
        log::info!(texts = analyses.len(), without_sentiment = unknown.count(); "analysed a batch");
        Ok(analyses)
    }

    fn sentiments(&self, texts: &[String]) -> Result<Answers<LabelScore>, Error> {
        if let (Some(head), Some(name)) = (&self.head, &self.embedding_model) {
            let model = match open(name)? {
                Ok(model) => model,
                Err(why) => return Ok(Answers::Unknown(why)),
            };
            let labels = vectors(&model, texts)?;
            let labels = labels
                .iter()
                .map(|vector| head.label(vector))
                .collect::<Result<_, _>>();
            return labels.map(Answers::Known);
        }
        let Some(sentiment) = &self.sentiment else {
            return Ok(Answers::Unknown(
                "no model says the sentiment: set `sentiment_model`, or `embedding_model` and `sentiment_head`".into(),
            ));
        };
        Ok(match sentiment.labels(texts)? {
            Answers::Unknown(why) => Answers::Unknown(why),
            Answers::Known(all) => {
                let first = |labels: Vec<LabelScore>| labels.into_iter().next();
                let best: Option<Vec<LabelScore>> = all.into_iter().map(first).collect();
                best.map_or_else(
                    || Answers::Unknown("the model names no label".into()),
                    Answers::Known,
                )
            }
        })
    }

    pub(crate) fn group_texts(&self, batch: &[Said]) -> Result<Vec<Theme>, Error> {
        let name = self.embedding_model.as_deref().ok_or_else(|| {
            Error::InvalidConfig(
                "`embedding_model`: texts are grouped by what they mean; name an embedding model, which the manifest requests and \
                 the deployment grants"
                    .into(),
            )
        })?;
        let kept: Vec<usize> = batch
            .iter()
            .enumerate()
            .filter(|(_, said)| !said.text.trim().is_empty())
            .map(|(place, _)| place)
            .collect();
        let texts: Vec<String> = kept
            .iter()
            .map(|place| batch[*place].text.clone())
            .collect();
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let vectors = vectors(&inference::open(name)?, &texts)?;
        let said: Vec<themes::Said<'_>> = kept
            .iter()
            .zip(&vectors)
            .map(|(place, vector)| themes::Said {
                text: &batch[*place].text,
                vector,
                at: batch[*place].at,
            })
            .collect();
        let found = themes::themes(&said, self.themes, self.seed).map_err(invalid)?;
        log::info!(texts = batch.len(), themes = found.len(); "grouped texts");
        let theme = |theme: themes::Theme| Theme {
            name: theme.name,
            terms: theme.terms,
            members: theme
                .members
                .iter()
                .filter_map(|n| kept.get(*n))
                .map(|place| *place as u32)
                .collect(),
            trend: theme.trend.map(trend),
        };
        Ok(found.into_iter().map(theme).collect())
    }
}

fn trend(trend: themes::Trend) -> Trend {
    Trend {
        before: trend.before,
        after: trend.after,
        all_before: trend.all_before,
        all_after: trend.all_after,
        p_value: trend.p_value,
        direction: match trend.direction {
            Goes::Rising => Direction::Rising,
            Goes::Falling => Direction::Falling,
            Goes::Steady => Direction::Steady,
        },
    }
}
