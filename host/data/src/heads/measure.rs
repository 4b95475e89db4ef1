//! How good a head is on texts that it did not learn from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use steward_models::{LabelMetrics, label_metrics, macro_f1};
use steward_training::{Calibration, ShareInterval, calibration, confusion, share_interval};

/// What a head says of a text whose label is known.
#[derive(Debug, Clone)]
pub(super) struct Prediction {
    /// The place of its label.
    pub is: usize,
    /// The probability of each label.
    pub probabilities: Vec<f64>,
    /// The language of the text, where it says one.
    pub lang: Option<Arc<str>>,
}

/// What predictions score. It is what an evaluation says, with more.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    /// `classify`
    pub task: &'static str,
    /// How many texts.
    pub rows: usize,
    /// Every number by its name; of a language with `[lang=…]` behind it.
    pub metrics: BTreeMap<String, f64>,
    /// Precision, recall and F1 of each label.
    pub labels: BTreeMap<String, LabelMetrics>,
    /// Between which bounds the accuracy would lie on other texts of the same kind.
    pub interval: ShareInterval,
    /// How often each label was called each.
    pub confusion: Confusion,
    /// Whether the probabilities mean what they say.
    pub calibration: Calibration,
}

/// A table: what is, by what was called.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Confusion {
    /// The labels of its lines and of its columns.
    pub labels: Vec<String>,
    /// A line for each label that is, a column for each that was called.
    pub counts: Vec<Vec<u64>>,
}

impl Prediction {
    /// The place of the most probable label; of several the first.
    fn called(&self) -> usize {
        let mut best = 0;
        for (place, probability) in self.probabilities.iter().enumerate() {
            if *probability > self.probabilities[best] {
                best = place;
            }
        }
        best
    }
}

/// Measures predictions, of which there is at least one.
pub(super) fn measure(predictions: &[Prediction], labels: &[String]) -> Measured {
    let mut metrics = BTreeMap::new();
    let name = |place: usize| labels.get(place).map_or("", String::as_str);
    let langs: BTreeSet<&Arc<str>> = predictions.iter().filter_map(|p| p.lang.as_ref()).collect();
    let mut all = BTreeMap::new();
    for lang in std::iter::once(None).chain(langs.into_iter().map(Some)) {
        let part: Vec<&Prediction> = predictions
            .iter()
            .filter(|p| lang.is_none() || p.lang.as_ref() == lang)
            .collect();
        let behind = lang.map_or(String::new(), |lang| format!("[lang={lang}]"));
        let found = label_metrics(part.iter().map(|p| (name(p.is), name(p.called()))));
        let count = part.len().max(1) as f64;
        let right = part.iter().filter(|p| p.is == p.called()).count();
        let losses = part.iter().map(|p| {
            let probability = p.probabilities.get(p.is).copied().unwrap_or(0.0);
            -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
        });
        let loss: f64 = losses.sum();
        metrics.insert(format!("accuracy{behind}"), right as f64 / count);
        metrics.insert(format!("macro_f1{behind}"), macro_f1(&found).unwrap_or(0.0));
        metrics.insert(format!("log_loss{behind}"), loss / count);
        if lang.is_none() {
            all = found;
        }
    }
    let right = predictions.iter().filter(|p| p.is == p.called()).count();
    let called = |p: &Prediction| {
        (
            p.probabilities.get(p.called()).copied().unwrap_or(0.0),
            p.is == p.called(),
        )
    };
    let calibration = calibration(predictions.iter().map(called));
    metrics.insert("calibration_error".into(), calibration.error);
    let pairs = predictions.iter().map(|p| (p.is, p.called()));
    Measured {
        task: "classify",
        rows: predictions.len(),
        metrics,
        labels: all,
        interval: share_interval(right, predictions.len()),
        confusion: Confusion {
            labels: labels.to_vec(),
            counts: confusion(pairs, labels.len()),
        },
        calibration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_measured_as_a_whole_and_by_language() {
        let labels = ["物流", "退款"].map(str::to_owned);
        let said = |is, first, lang: &str| Prediction {
            is,
            probabilities: vec![first, 1.0 - first],
            lang: Some(lang.into()),
        };
        let measured = measure(
            &[
                said(0, 0.9, "en"),
                said(1, 0.2, "en"),
                said(1, 0.6, "zh"),
                said(0, 0.7, "zh"),
            ],
            &labels,
        );
        assert_eq!(measured.metrics["accuracy"], 0.75);
        assert_eq!(measured.metrics["accuracy[lang=en]"], 1.0);
        assert_eq!(measured.metrics["accuracy[lang=zh]"], 0.5);
        let loss = -(0.9_f64.ln() + 0.8_f64.ln() + 0.4_f64.ln() + 0.7_f64.ln()) / 4.0;
        assert!((measured.metrics["log_loss"] - loss).abs() < 1e-12);
        assert_eq!(measured.confusion.counts, [[2, 0], [1, 1]]);
        assert_eq!(measured.labels["退款"].recall, 0.5);
        assert!(measured.interval.low < 0.75 && measured.interval.high > 0.75);
    }
}
