//! What a collector was told, and what it was not.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use steward_telemetry::Counts;

use super::exposition::counter;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, counts: &Counts) -> fmt::Result {
    let mut family = encoder.encode_descriptor(
        "steward_telemetry_items",
        "Spans and log lines that a collector took (sent), for which there was no room (dropped), or that no collector took (failed)",
        None,
        MetricType::Counter,
    )?;
    for (outcome, count) in [
        ("sent", counts.sent),
        ("dropped", counts.dropped),
        ("failed", counts.failed),
    ] {
        counter(&mut family.encode_family(&[("outcome", outcome)])?, count)?;
    }
    Ok(())
}
