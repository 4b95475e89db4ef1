//! Runs of workflows.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use steward_runs::RunsStats;

/// Writes what this host counted.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, stats: &RunsStats) -> fmt::Result {
    for (name, help, count) in [
        (
            "steward_runs_started",
            "Runs of workflows that were started through this host",
            stats.started,
        ),
        (
            "steward_runs_ended",
            "Runs of workflows that ended on this host, however they did",
            stats.ended,
        ),
        (
            "steward_run_records",
            "Records that this host wrote to journals of runs",
            stats.records,
        ),
    ] {
        encoder
            .encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
    }
    encoder
        .encode_descriptor(
            "steward_runs_in_memory",
            "Runs of workflows that this host has in memory",
            None,
            MetricType::Gauge,
        )?
        .encode_gauge(&(stats.in_memory as i64))
}
