//! Requests that functions send.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use steward_egress::EgressStats;

use super::exposition::{counter, gauge};

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, stats: &EgressStats) -> fmt::Result {
    let mut family = encoder.encode_descriptor(
        "steward_egress_requests",
        "Requests of functions, by how they ended: with an answer, without a grant, or for a reason",
        None,
        MetricType::Counter,
    )?;
    for (outcome, count) in &stats.requests {
        counter(&mut family.encode_family(&[("outcome", *outcome)])?, *count)?;
    }
    counter(
        &mut encoder.encode_descriptor(
            "steward_egress_broken_answers",
            "Answers to functions whose body broke off",
            None,
            MetricType::Counter,
        )?,
        stats.broken_off,
    )?;
    for (name, help, bytes) in [
        (
            "steward_egress_sent",
            "Bodies of the requests that functions sent",
            stats.sent_bytes,
        ),
        (
            "steward_egress_received",
            "Bodies of the answers that functions got",
            stats.received_bytes,
        ),
    ] {
        let unit = Some(&Unit::Bytes);
        let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
        counter(&mut metric, bytes)?;
    }
    gauge(
        encoder,
        "steward_egress_connections",
        "Open connections of functions, those that wait for a next request included",
        i64::try_from(stats.connections).unwrap_or(i64::MAX),
    )
}
