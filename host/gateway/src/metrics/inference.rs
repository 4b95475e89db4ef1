//! What the models in memory have done, by stage. One series for each model in memory: no client can make their
//! number grow.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use steward_inference::{ModelStats, Timing};

use super::exposition::counter;

/// Upper bounds of the buckets for rows of a batch.
const ROWS: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// The name of a counter, what it is, and where it is read.
type Metric = (&'static str, &'static str, fn(&ModelStats) -> u64);

/// One of the timings.
type Read = fn(&ModelStats) -> &Timing;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, models: &[ModelStats]) -> fmt::Result {
    calls(encoder, models)?;
    batch_rows(encoder, models)?;
    let counters: [Metric; 3] = [
        (
            "steward_inference_rows",
            "Texts, or windows of them, that were computed",
            ModelStats::rows,
        ),
        (
            "steward_inference_tokens",
            "Tokens that were computed, without padding",
            |stats| stats.tokens,
        ),
        (
            "steward_inference_padding_tokens",
            "Tokens that were computed for nothing, to fill batches up",
            |stats| stats.padding_tokens,
        ),
    ];
    for (name, help, read) in counters {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for stats in models {
            counter(&mut family.encode_family(&labels(stats))?, read(stats))?;
        }
    }
    let timings: [(&str, &str, Read); 4] = [
        (
            "steward_inference_call",
            "From the hand-over of a call's rows to its last answer",
            |stats| &stats.call,
        ),
        (
            "steward_inference_tokenize",
            "Cutting the texts of a call into tokens",
            |stats| &stats.tokenize,
        ),
        (
            "steward_inference_queue",
            "Waiting for a turn, of each row",
            |stats| &stats.queue,
        ),
        (
            "steward_inference_compute",
            "Running the model, of each batch",
            |stats| &stats.compute,
        ),
    ];
    for (name, help, read) in timings {
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        for stats in models {
            let timing = read(stats);
            let bound = |bound: Option<Duration>| bound.map_or(f64::INFINITY, |b| b.as_secs_f64());
            let buckets = timing.buckets.iter();
            let buckets: Vec<(f64, u64)> = buckets
                .map(|(upper, count)| (bound(*upper), *count))
                .collect();
            family
                .encode_family(&labels(stats))?
                .encode_histogram::<NoLabelSet>(
                    timing.sum.as_secs_f64(),
                    timing.count,
                    &buckets,
                    None,
                )?;
        }
    }
    let (name, help) = (
        "steward_inference_waiting_rows",
        "Rows that wait for their turn",
    );
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for stats in models {
        family
            .encode_family(&labels(stats))?
            .encode_gauge(&gauge(stats.waiting))?;
    }
    Ok(())
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn labels(stats: &ModelStats) -> [(&'static str, &str); 2] {
    [
        ("model", stats.key.as_str()),
        ("device", stats.device.as_str()),
    ]
}

fn calls(encoder: &mut DescriptorEncoder<'_>, models: &[ModelStats]) -> fmt::Result {
    let mut family = encoder.encode_descriptor(
        "steward_inference_calls",
        "Calls of models, by what became of them",
        None,
        MetricType::Counter,
    )?;
    for stats in models {
        let outcomes = [
            ("succeeded", stats.succeeded),
            ("failed", stats.failed),
            ("refused", stats.refused),
            ("late", stats.late),
            ("cancelled", stats.cancelled),
        ];
        for (outcome, count) in outcomes {
            let labels = [("model", stats.key.as_str()), ("outcome", outcome)];
            counter(&mut family.encode_family(&labels)?, count)?;
        }
    }
    Ok(())
}

fn batch_rows(encoder: &mut DescriptorEncoder<'_>, models: &[ModelStats]) -> fmt::Result {
    let mut family = encoder.encode_descriptor(
        "steward_inference_batch_rows",
        "Rows of a batch",
        None,
        MetricType::Histogram,
    )?;
    for stats in models {
        let mut buckets: Vec<(f64, u64)> = ROWS.iter().map(|rows| (*rows as f64, 0)).collect();
        buckets.push((f64::INFINITY, 0));
        for batch in &stats.batches {
            buckets[ROWS.partition_point(|bound| *bound < batch.rows)].1 += batch.count;
        }
        let count = buckets.iter().map(|(_, count)| count).sum();
        family
            .encode_family(&labels(stats))?
            .encode_histogram::<NoLabelSet>(stats.rows() as f64, count, &buckets, None)?;
    }
    Ok(())
}
