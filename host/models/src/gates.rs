//! Whether weights were measured as a deployment demands.

use std::collections::BTreeMap;

use serde_json::Value;
use steward_registry::{ModelEvaluation, ModelGate, ModelTarget, ModelVersion};

use crate::error::GateFailure;
use crate::{ModelError, Models};

impl Models {
    /// Holds weights against gates, by what they scored when they were evaluated and, for a variant, by
    /// what it was beside the original when it was made.
    ///
    /// # Errors
    /// [`ModelError::GateNotMet`] with every gate that is not passed; [`ModelError::Registry`].
    pub(crate) async fn check_gates(
        &self,
        version: &ModelVersion,
        target: &ModelTarget,
        gates: &[ModelGate],
    ) -> Result<(), ModelError> {
        if gates.is_empty() {
            return Ok(());
        }
        let registry = &self.loader().registry;
        let evaluations = registry
            .model_evaluations(&version.tenant, &version.name, &target.version)
            .await?;
        let evaluations: Vec<ModelEvaluation> = evaluations
            .into_iter()
            .filter(|evaluation| evaluation.target == *target)
            .collect();
        let variant = target.variant.as_ref();
        let made = variant.and_then(|name| version.variants.get(name));
        let made = made.map(|made| of_variant(&made.report));
        let failures: Vec<GateFailure> = gates
            .iter()
            .filter_map(|gate| {
                let found = measured(gate, &evaluations, made.as_ref());
                (!passes(gate, found)).then(|| GateFailure {
                    model: version.name.clone(),
                    target: target.clone(),
                    metric: gate.metric.clone(),
                    dataset: gate.dataset.clone(),
                    found,
                    min: gate.min,
                    max: gate.max,
                })
            })
            .collect();
        if failures.is_empty() {
            Ok(())
        } else {
            Err(ModelError::GateNotMet(failures))
        }
    }
}

/// What a gate speaks of, as it was measured last. `evaluations` has the newest first.
fn measured(
    gate: &ModelGate,
    evaluations: &[ModelEvaluation],
    made: Option<&BTreeMap<&str, f64>>,
) -> Option<f64> {
    let fitting = evaluations.iter().filter(|evaluation| {
        let dataset = gate.dataset.as_ref();
        dataset.is_none_or(|dataset| evaluation.dataset == *dataset)
    });
    let mut found = fitting.filter_map(|evaluation| {
        let metrics = evaluation.report.get("metrics")?;
        metrics.get(&gate.metric)?.as_f64()
    });
    let making = || {
        let made = made.filter(|_| gate.dataset.is_none())?;
        made.get(gate.metric.as_str()).copied()
    };
    // What a variant is beside the original was measured with care when it was made; an evaluation has other work.
    making().or_else(|| found.next())
}

fn passes(gate: &ModelGate, found: Option<f64>) -> bool {
    found.is_some_and(|found| {
        gate.min.is_none_or(|min| found >= min) && gate.max.is_none_or(|max| found <= max)
    })
}

/// What is known of a variant since it was made.
fn of_variant(report: &Value) -> BTreeMap<&'static str, f64> {
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64);
    let ratio = || {
        let (bytes, original) = (number("/bytes")?, number("/original_bytes")?);
        (original > 0.0).then(|| bytes / original)
    };
    [
        ("similarity_mean", number("/similarity/mean")),
        ("similarity_min", number("/similarity/min")),
        ("same_label", number("/same_label")),
        ("speedup", number("/speedup")),
        ("size_ratio", ratio()),
    ]
    .into_iter()
    .filter_map(|(name, found)| Some((name, found?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gate(metric: &str, dataset: Option<&str>, min: Option<f64>) -> ModelGate {
        ModelGate {
            metric: metric.into(),
            dataset: dataset.map(str::to_owned),
            min,
            max: None,
        }
    }

    fn evaluation(dataset: &str, accuracy: f64) -> ModelEvaluation {
        ModelEvaluation {
            target: ModelTarget {
                version: semver::Version::new(1, 0, 0),
                variant: None,
            },
            dataset: dataset.into(),
            report: json!({ "metrics": { "accuracy": accuracy } }),
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            created_by: "t".into(),
        }
    }

    #[test]
    fn the_newest_that_fits_counts() {
        let evaluations = [evaluation("评测", 0.9), evaluation("old", 0.7)];
        let found = |dataset| measured(&gate("accuracy", dataset, None), &evaluations, None);
        assert_eq!(found(None), Some(0.9));
        assert_eq!(found(Some("old")), Some(0.7));
        assert_eq!(found(Some("other")), None);
    }

    #[test]
    fn a_variant_is_known_by_how_it_was_made_unless_a_dataset_is_named() {
        let report = json!({ "similarity": { "mean": 0.995, "min": 0.98 }, "speedup": 1.9, "bytes": 1, "original_bytes": 4 });
        let made = of_variant(&report);
        let found = |metric, dataset| measured(&gate(metric, dataset, None), &[], Some(&made));
        assert_eq!(found("similarity_mean", None), Some(0.995));
        assert_eq!(found("size_ratio", None), Some(0.25));
        assert_eq!(found("speedup", Some("评测")), None);
        assert_eq!(found("same_label", None), None);
        let measured_since = [ModelEvaluation {
            report: json!({ "metrics": { "speedup": 1.1 } }),
            ..evaluation("评测", 0.9)
        }];
        let found = |dataset| {
            measured(
                &gate("speedup", dataset, None),
                &measured_since,
                Some(&made),
            )
        };
        assert_eq!((found(None), found(Some("评测"))), (Some(1.9), Some(1.1)));
    }

    #[test]
    fn what_was_not_measured_does_not_pass() {
        let wanted = gate("accuracy", None, Some(0.8));
        assert!(!passes(&wanted, None) && !passes(&wanted, Some(f64::NAN)));
        assert!(passes(&wanted, Some(0.8)) && !passes(&wanted, Some(0.79)));
    }
}
