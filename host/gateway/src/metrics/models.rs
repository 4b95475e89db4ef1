//! Deployed models as time series. The labels name what is deployed now, at most three targets of a
//! model, so that their number is bounded by what the tenants deploy.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use steward_models::{ModelFigures, TargetFigures};

/// Upper bounds of the buckets, in milliseconds.
const BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30_000];

type Labels = [(&'static str, String); 4];

/// Writes every series of deployed models.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, figures: &[ModelFigures]) -> fmt::Result {
    let series: Vec<(Labels, &TargetFigures)> = figures
        .iter()
        .flat_map(|model| {
            model
                .targets
                .iter()
                .map(|target| (labels(model, target), target))
        })
        .collect();
    counts(
        encoder,
        "steward_model_target_calls",
        "Calls of deployed models",
        &series,
        |t| t.calls,
    )?;
    counts(
        encoder,
        "steward_model_target_errors",
        "Calls that deployed models failed",
        &series,
        |t| t.errors,
    )?;
    counts(
        encoder,
        "steward_model_target_refused",
        "Calls of deployed models that were turned away",
        &series,
        |t| t.refused,
    )?;
    numbers(
        encoder,
        "steward_model_target_percent",
        "Share of the calls",
        &series,
        |t| Some(f64::from(t.percent)),
    )?;
    numbers(
        encoder,
        "steward_model_target_score_psi",
        "Population stability index of the scores against what is normal",
        &series,
        |t| t.drift.scores.map(|drift| drift.psi),
    )?;
    numbers(
        encoder,
        "steward_model_target_length_psi",
        "Population stability index of the lengths of the texts against what is normal",
        &series,
        |t| t.drift.lengths.map(|drift| drift.psi),
    )?;
    numbers(
        encoder,
        "steward_model_target_agreement",
        "Mean agreement with the answers of the stable version",
        &series,
        |t| t.comparison?.agreement,
    )?;
    durations(encoder, &series)?;

    let mut family = encoder.encode_descriptor(
        "steward_model_rollbacks",
        "Roll backs that this host decided",
        None,
        MetricType::Counter,
    )?;
    for model in figures {
        let labels = [
            ("tenant", model.tenant.to_string()),
            ("model", model.model.to_string()),
        ];
        let mut metric = family.encode_family(&labels)?;
        metric.encode_counter::<NoLabelSet, u64, u64>(&model.rollbacks, None)?;
    }
    Ok(())
}

fn labels(model: &ModelFigures, target: &TargetFigures) -> Labels {
    [
        ("tenant", model.tenant.to_string()),
        ("model", model.model.to_string()),
        ("role", target.role.to_owned()),
        ("version", target.target.to_string()),
    ]
}

fn counts(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: &[(Labels, &TargetFigures)],
    of: impl Fn(&TargetFigures) -> u64,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, target) in series {
        let mut metric = family.encode_family(labels)?;
        metric.encode_counter::<NoLabelSet, u64, u64>(&of(target), None)?;
    }
    Ok(())
}

fn numbers(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: &[(Labels, &TargetFigures)],
    of: impl Fn(&TargetFigures) -> Option<f64>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, target) in series {
        if let Some(number) = of(target) {
            family.encode_family(labels)?.encode_gauge(&number)?;
        }
    }
    Ok(())
}

fn durations(
    encoder: &mut DescriptorEncoder<'_>,
    series: &[(Labels, &TargetFigures)],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(
        "steward_model_target_duration",
        "Time of the calls of deployed models",
        Some(&Unit::Seconds),
        MetricType::Histogram,
    )?;
    let bounds = BOUNDS_MS.map(Duration::from_millis);
    for (labels, target) in series {
        let (durations, mut below) = (&target.durations, 0);
        let ends = durations
            .cumulative(&bounds)
            .into_iter()
            .chain([durations.count()]);
        let buckets: Vec<(f64, u64)> = bounds
            .iter()
            .map(Duration::as_secs_f64)
            .chain([f64::INFINITY])
            .zip(ends)
            .map(|(bound, end)| {
                let within = end.saturating_sub(below);
                below = end;
                (bound, within)
            })
            .collect();
        family
            .encode_family(labels)?
            .encode_histogram::<NoLabelSet>(
                durations.sum().as_secs_f64(),
                durations.count(),
                &buckets,
                None,
            )?;
    }
    Ok(())
}
