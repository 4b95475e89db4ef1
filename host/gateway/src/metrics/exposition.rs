//! `/metrics`: everything that is counted, in the OpenMetrics text format.

use std::fmt;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{Class, inference, triggers};
use crate::gateway::Shared;

/// Media type of the answer.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The whole text.
pub(crate) fn exposition(gateway: &Shared) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(gateway.clone())));
    let mut text = String::with_capacity(16 << 10);
    encode(&mut text, &registry)?;
    Ok(text)
}

/// Reads the counters when it is asked to; in between it costs nothing.
struct Scrape(Shared);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.requests(&mut encoder)?;
        self.functions(&mut encoder)?;
        self.models(&mut encoder)?;
        inference::encode(&mut encoder, &self.0.models.stats())?;
        triggers::encode(&mut encoder, &self.0.triggers.stats())?;
        self.process(&mut encoder)
    }
}

impl Scrape {
    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = &self.0.metrics;
        let classes = || Class::ALL.into_iter().zip(&metrics.classes);

        let mut family = encoder.encode_descriptor(
            "steward_http_requests",
            "Answered requests",
            None,
            MetricType::Counter,
        )?;
        for (class, counted) in classes() {
            for (place, count) in counted.statuses.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let status = (place + 100).to_string();
                    let labels = [("class", class.as_str()), ("status", status.as_str())];
                    counter(&mut family.encode_family(&labels)?, count)?;
                }
            }
        }

        let mut family = encoder.encode_descriptor(
            "steward_http_request_duration",
            "From the head of a request to the head of its answer",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (class, counted) in classes() {
            let (sum, count, buckets) = counted.latency.read();
            if count > 0 {
                family
                    .encode_family(&[("class", class.as_str())])?
                    .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }

        gauge(
            encoder,
            "steward_http_requests_running",
            "Requests without the head of their answer",
            metrics.running.load(Ordering::Relaxed),
        )?;
        gauge(
            encoder,
            "steward_http_connections",
            "Open connections",
            metrics.connections.load(Ordering::Relaxed),
        )
    }

    fn functions(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stats: Vec<_> = self
            .0
            .functions
            .stats()
            .into_iter()
            .map(|s| {
                let labels = [
                    ("tenant", s.tenant.to_string()),
                    ("function", s.function.to_string()),
                    ("version", s.version.to_string()),
                ];
                (labels, s.calls, s.errors, s.wall_us)
            })
            .collect();

        let mut family = encoder.encode_descriptor(
            "steward_function_calls",
            "Calls of functions",
            None,
            MetricType::Counter,
        )?;
        for (labels, calls, ..) in &stats {
            counter(&mut family.encode_family(labels)?, *calls)?;
        }
        let mut family = encoder.encode_descriptor(
            "steward_function_errors",
            "Calls of functions that failed",
            None,
            MetricType::Counter,
        )?;
        for (labels, _, errors, _) in &stats {
            counter(&mut family.encode_family(labels)?, *errors)?;
        }
        let mut family = encoder.encode_descriptor(
            "steward_function_wall",
            "Wall time of the calls of functions",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?;
        for (labels, _, _, wall_us) in &stats {
            family
                .encode_family(labels)?
                .encode_counter::<NoLabelSet, f64, u64>(&(*wall_us as f64 / 1e6), None)?;
        }
        Ok(())
    }

    fn models(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let loaded = self.0.models.loaded();
        gauge(
            encoder,
            "steward_models_loaded",
            "Models in memory",
            loaded.len() as i64,
        )?;
        let mut family = encoder.encode_descriptor(
            "steward_model_size",
            "Size of the files of a model in memory",
            Some(&Unit::Bytes),
            MetricType::Gauge,
        )?;
        for model in &loaded {
            family
                .encode_family(&[("model", model.key.as_str())])?
                .encode_gauge(&(model.bytes as i64))?;
        }
        let mut family = encoder.encode_descriptor(
            "steward_model_memory",
            "What a model takes in memory: weights as they are computed with, and space for runs",
            Some(&Unit::Bytes),
            MetricType::Gauge,
        )?;
        for model in &loaded {
            family
                .encode_family(&[("model", model.key.as_str())])?
                .encode_gauge(&(model.memory_bytes as i64))?;
        }
        super::models::encode(encoder, &self.0.models.figures())
    }

    fn process(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(bytes) = resident_bytes() {
            let mut metric = encoder.encode_descriptor(
                "process_resident_memory",
                "Resident memory of the process",
                Some(&Unit::Bytes),
                MetricType::Gauge,
            )?;
            metric.encode_gauge(&bytes)?;
        }
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        encoder
            .encode_descriptor(
                "steward_build",
                "The version that runs",
                None,
                MetricType::Info,
            )?
            .encode_info(&labels)
    }
}

pub(super) fn counter(metric: &mut MetricEncoder<'_>, count: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, u64, u64>(&count, None)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> fmt::Result {
    encoder
        .encode_descriptor(name, help, None, MetricType::Gauge)?
        .encode_gauge(&value)
}

/// `VmRSS` of this process. None where the system has no `/proc`.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_takes_memory() {
        assert!(super::resident_bytes().unwrap() > 1 << 20);
    }
}
