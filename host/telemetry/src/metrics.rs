//! From the text of `/metrics` (OpenMetrics) to OTLP, so that both tell the same and everything is counted once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::{attribute, nanos};

/// Attributes of a sample, in order.
type Labels = Vec<(String, String)>;

#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    /// Samples of counters and gauges.
    points: Vec<(Labels, f64)>,
    /// Samples of histograms: by the labels that are left without `le`.
    histograms: BTreeMap<Labels, Histogram>,
}

#[derive(Default)]
struct Histogram {
    /// Upper bound to the number of values up to it.
    buckets: Vec<(f64, f64)>,
    sum: f64,
    count: f64,
}

/// The metrics in a text. A line that is not understood is passed over: one metric less is better than none.
pub(crate) fn read(text: &str, begin: Timestamp, now: Timestamp) -> Vec<Value> {
    let mut families: BTreeMap<&str, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            if let Some((name, kind)) = rest.split_once(' ') {
                families.entry(name).or_default().kind = kind.to_owned();
            }
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            if let Some((name, help)) = rest.split_once(' ') {
                families.entry(name).or_default().help = help.to_owned();
            }
        } else if !line.starts_with('#') {
            let _ = sample(line, &mut families);
        }
    }
    families
        .into_iter()
        .filter_map(|(name, family)| family.to_otlp(name, &nanos(begin), &nanos(now)))
        .collect()
}

fn sample(line: &str, families: &mut BTreeMap<&str, Family>) -> Option<()> {
    let (name, labels, value) = split(line)?;
    // The family is the longest name that this one continues.
    let suffixes = ["", "_total", "_bucket", "_sum", "_count"];
    let (family, suffix) = suffixes.iter().find_map(|suffix| {
        let family = name.strip_suffix(suffix)?;
        families.contains_key(family).then_some((family, *suffix))
    })?;
    let family = families.get_mut(family)?;
    if family.kind != "histogram" {
        family.points.push((labels, value));
        return Some(());
    }
    let (le, labels): (Labels, Labels) = labels.into_iter().partition(|(name, _)| name == "le");
    let histogram = family.histograms.entry(labels).or_default();
    match suffix {
        "_bucket" => {
            let (_, bound) = le.first()?;
            let bound = match bound.as_str() {
                "+Inf" => f64::INFINITY,
                bound => bound.parse().ok()?,
            };
            histogram.buckets.push((bound, value));
        }
        "_sum" => histogram.sum = value,
        "_count" => histogram.count = value,
        _ => {}
    }
    Some(())
}

/// `name{label="value",…} value`
fn split(line: &str) -> Option<(&str, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((name, labels, value))
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut letters = quoted.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match letters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.push((name.to_owned(), value));
        rest = quoted.get(end + 1..)?;
    }
}

impl Family {
    fn to_otlp(&self, name: &str, begin: &str, now: &str) -> Option<Value> {
        let attributes = |labels: &Labels| {
            labels
                .iter()
                .map(|(name, value)| attribute(name, value))
                .collect::<Vec<_>>()
        };
        let points = || {
            let point = |(labels, value): &(Labels, f64)| json!({ "attributes": attributes(labels), "startTimeUnixNano": begin, "timeUnixNano": now, "asDouble": value });
            self.points.iter().map(point).collect::<Vec<_>>()
        };
        let data = match self.kind.as_str() {
            "counter" if !self.points.is_empty() => (
                "sum",
                json!({ "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": points() }),
            ),
            "gauge" if !self.points.is_empty() => ("gauge", json!({ "dataPoints": points() })),
            "histogram" if !self.histograms.is_empty() => {
                let point = |(labels, histogram): (&Labels, &Histogram)| {
                    let mut point = histogram.to_otlp();
                    point["attributes"] = attributes(labels).into();
                    point["startTimeUnixNano"] = begin.into();
                    point["timeUnixNano"] = now.into();
                    point
                };
                let points: Vec<Value> = self.histograms.iter().map(point).collect();
                (
                    "histogram",
                    json!({ "aggregationTemporality": 2, "dataPoints": points }),
                )
            }
            _ => return None,
        };
        let mut metric = json!({ "name": name, "description": self.help });
        metric[data.0] = data.1;
        Some(metric)
    }
}

impl Histogram {
    /// OpenMetrics counts up to each bound, OTLP between them.
    fn to_otlp(&self) -> Value {
        let mut before = 0.0;
        let counts: Vec<String> = self
            .buckets
            .iter()
            .map(|(_, up_to)| {
                let between = (up_to - before).max(0.0);
                before = *up_to;
                format!("{between:.0}")
            })
            .collect();
        let bounds: Vec<f64> = self
            .buckets
            .iter()
            .map(|(bound, _)| *bound)
            .filter(|b| b.is_finite())
            .collect();
        json!({ "count": format!("{:.0}", self.count), "sum": self.sum, "bucketCounts": counts, "explicitBounds": bounds })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = r#"# HELP steward_http_requests Answered requests.
# TYPE steward_http_requests counter
steward_http_requests_total{class="api",status="200"} 7
steward_http_requests_total{class="a \"b\" \\ c",status="500"} 1
# TYPE steward_running gauge
steward_running 3
# TYPE seconds histogram
seconds_bucket{class="api",le="0.1"} 2
seconds_bucket{class="api",le="1.0"} 5
seconds_bucket{class="api",le="+Inf"} 6
seconds_sum{class="api"} 4.5
seconds_count{class="api"} 6
# TYPE steward info
nonsense
# EOF
"#;

    #[test]
    fn counters_gauges_and_histograms_are_told() {
        let read = read(
            TEXT,
            Timestamp::UNIX_EPOCH,
            Timestamp::from_second(9).unwrap(),
        );
        let by = |name: &str| read.iter().find(|m| m["name"] == name).unwrap();
        assert_eq!(read.len(), 3);
        let sum = &by("steward_http_requests")["sum"];
        assert_eq!(
            (&sum["isMonotonic"], &sum["aggregationTemporality"]),
            (&json!(true), &json!(2))
        );
        assert_eq!(sum["dataPoints"][0]["asDouble"], 7.0);
        assert_eq!(
            sum["dataPoints"][1]["attributes"][0]["value"]["stringValue"],
            "a \"b\" \\ c"
        );
        assert_eq!(
            by("steward_running")["gauge"]["dataPoints"][0]["timeUnixNano"],
            "9000000000"
        );
        let point = &by("seconds")["histogram"]["dataPoints"][0];
        assert_eq!(point["bucketCounts"], json!(["2", "3", "1"]));
        assert_eq!(point["explicitBounds"], json!([0.1, 1.0]));
        assert_eq!((&point["count"], &point["sum"]), (&json!("6"), &json!(4.5)));
        assert_eq!(point["attributes"], json!([attribute("class", "api")]));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(# TYPE a counter\n)?(a(_total)?(\\{[a-z\"=,\\\\}]{0,20})? [0-9.e-]{0,5}\n?){0,5}\\PC{0,40}") {
            let _ = read(&text, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        }
    }
}
