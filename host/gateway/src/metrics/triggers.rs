//! Events and deliveries.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use steward_triggers::TriggersStats;

use super::exposition::counter;

/// Writes what this host counted, and what waits in all as of a few seconds ago.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, stats: &TriggersStats) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(
        "steward_events_appended",
        "Events that were appended through this host",
        None,
        MetricType::Counter,
    )?;
    metric.encode_counter::<prometheus_client::encoding::NoLabelSet, u64, u64>(
        &stats.appended,
        None,
    )?;
    let mut family = encoder.encode_descriptor(
        "steward_deliveries",
        "Tries of this host to deliver an event; dead ones are among the failed",
        None,
        MetricType::Counter,
    )?;
    for (outcome, count) in [
        ("delivered", stats.delivered),
        ("failed", stats.failed),
        ("dead", stats.dead),
    ] {
        counter(&mut family.encode_family(&[("outcome", outcome)])?, count)?;
    }
    encoder
        .encode_descriptor(
            "steward_deliveries_running",
            "Deliveries that run on this host",
            None,
            MetricType::Gauge,
        )?
        .encode_gauge(&(stats.running as i64))?;

    let now = Timestamp::now();
    let labels = |f: &steward_registry::events::TriggerFigures| {
        [
            ("tenant", f.tenant.to_string()),
            ("trigger", f.name.to_string()),
        ]
    };
    for (name, help, value) in [
        (
            "steward_trigger_waiting",
            "Deliveries that wait for a trigger, over all hosts",
            (|f, _| f.waiting as i64)
                as fn(&steward_registry::events::TriggerFigures, Timestamp) -> i64,
        ),
        (
            "steward_trigger_dead",
            "Dead letters of a trigger",
            |f, _| f.dead as i64,
        ),
        (
            "steward_trigger_lag_milliseconds",
            "For how long the oldest delivery of a trigger waits",
            |f, now| {
                let lag = f
                    .oldest
                    .map_or(0, |at| now.duration_since(at).as_millis().max(0));
                i64::try_from(lag).unwrap_or(i64::MAX)
            },
        ),
    ] {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for figures in stats.figures.iter() {
            family
                .encode_family(&labels(figures))?
                .encode_gauge(&value(figures, now))?;
        }
    }
    Ok(())
}
