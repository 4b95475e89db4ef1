//! `/metrics`: everything that is counted, in the OpenMetrics text format.

use std::fmt;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{Class, egress, inference, runs, telemetry, triggers};
use crate::gateway::Shared;
use steward_functions::Totals;

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

type Of = fn(&Totals) -> u64;

/// What is counted of functions.
const COUNTS: &[(&str, &str, Of)] = &[
    ("steward_function_calls", "Calls of functions", |t| t.calls),
    (
        "steward_function_errors",
        "Calls of functions that failed",
        |t| t.errors,
    ),
    (
        "steward_function_host_calls",
        "Calls of host functions by the calls of functions",
        |t| t.host_calls,
    ),
    (
        "steward_function_inference_texts",
        "Texts that the calls of functions gave to models",
        |t| t.inference_texts,
    ),
    (
        "steward_function_inference_tokens",
        "Tokens that models computed for the calls of functions",
        |t| t.inference_tokens,
    ),
    (
        "steward_function_received_bytes",
        "Bodies of the requests of functions",
        |t| t.bytes_in,
    ),
    (
        "steward_function_sent_bytes",
        "Bodies of the answers of functions",
        |t| t.bytes_out,
    ),
];

/// What is timed of functions, in microseconds.
const TIMES: &[(&str, &str, Of)] = &[
    (
        "steward_function_wall",
        "Wall time of the calls of functions",
        |t| t.wall_us,
    ),
    (
        "steward_function_cpu",
        "What the calls of functions computed, waits not included",
        |t| t.cpu_us,
    ),
];

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
        if let Some(egress) = &self.0.egress {
            egress::encode(&mut encoder, &egress.stats())?;
        }
        runs::encode(&mut encoder, &self.0.runs.stats())?;
        if let Some(told) = &self.0.telemetry {
            telemetry::encode(&mut encoder, &told.counts())?;
        }
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

        let mut family = encoder.encode_descriptor(
            "steward_authentication_refusals",
            "Requests that were refused because nobody was known to send them",
            None,
            MetricType::Counter,
        )?;
        for (code, count) in self.0.keys.refused() {
            counter(&mut family.encode_family(&[("reason", code)])?, count)?;
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
                (labels, s.totals)
            })
            .collect();

        for (name, help, of) in COUNTS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, totals) in &stats {
                counter(&mut family.encode_family(labels)?, of(totals))?;
            }
        }
        for (name, help, of) in TIMES {
            let mut family =
                encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Counter)?;
            for (labels, totals) in &stats {
                family
                    .encode_family(labels)?
                    .encode_counter::<NoLabelSet, f64, u64>(&(of(totals) as f64 / 1e6), None)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "steward_function_memory_peak",
            "The largest memory of one call of a function",
            Some(&Unit::Bytes),
            MetricType::Gauge,
        )?;
        for (labels, totals) in &stats {
            family
                .encode_family(labels)?
                .encode_gauge(&i64::try_from(totals.memory_bytes).unwrap_or(i64::MAX))?;
        }
        let (running, waiting) = self.0.functions.load();
        gauge(
            encoder,
            "steward_function_calls_running",
            "Calls of functions that have their turn",
            i64::from(running),
        )?;
        gauge(
            encoder,
            "steward_function_calls_waiting",
            "Calls of functions that wait for their turn",
            i64::try_from(waiting).unwrap_or(i64::MAX),
        )
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

pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: i64,
) -> fmt::Result {
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
