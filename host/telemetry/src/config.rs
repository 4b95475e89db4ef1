//! The standard environment variables
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Why the variables cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the variable {variable} {reason}")]
pub struct ConfigError {
    variable: String,
    reason: String,
}

/// Where to send what.
#[derive(Clone)]
pub struct Config {
    pub(crate) traces: Option<Url>,
    pub(crate) logs: Option<Url>,
    pub(crate) metrics: Option<Url>,
    /// Header fields of the collector, which often hold a key: never shown.
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) service: String,
    pub(crate) resource: Vec<(String, String)>,
    /// Between two batches, at most.
    pub(crate) delay: Duration,
    /// Between two reports of the metrics.
    pub(crate) interval: Duration,
    /// Spans and log lines that wait, at most.
    pub(crate) queue: usize,
    /// Spans and log lines of one batch, at most.
    pub(crate) batch: usize,
    /// Share of the traces begun here that is sent.
    pub(crate) ratio: f64,
    /// Whether the lines that functions log are sent too. They may hold what the functions were given.
    pub(crate) function_logs: bool,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |url: &Option<Url>| {
            url.as_ref()
                .map(|u| u.host_str().unwrap_or_default().to_owned())
        };
        f.debug_struct("Config")
            .field("traces", &place(&self.traces))
            .field("logs", &place(&self.logs))
            .field("metrics", &place(&self.metrics))
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reads the variables of the process; none where no collector is named, or the kit is disabled.
    ///
    /// # Errors
    /// The variable, and what is wrong with it. Its value is not repeated.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        Self::from(|name| std::env::var(name).ok())
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ConfigError> {
        let given = |name: &str| {
            variable(name)
                .map(|v| v.trim().to_owned())
                .filter(|v| !v.is_empty())
        };
        let wrong = |variable: &str, reason: &str| ConfigError {
            variable: variable.to_owned(),
            reason: reason.to_owned(),
        };
        if given("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let url = |name: &str, text: &str| {
            Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
                .ok_or_else(|| wrong(name, "is no address as http://localhost:4318"))
        };
        let base = "OTEL_EXPORTER_OTLP_ENDPOINT";
        // The base gets the path of each signal; an address of one signal is taken as it stands.
        let place = |signal: &str, path: &str| -> Result<Option<Url>, ConfigError> {
            let exporter = format!("OTEL_{signal}_EXPORTER");
            match given(&exporter).as_deref() {
                None | Some("otlp") => {}
                Some("none") => return Ok(None),
                Some(_) => return Err(wrong(&exporter, "is `otlp` or `none`")),
            }
            let own = format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");
            if let Some(text) = given(&own) {
                return url(&own, &text).map(Some);
            }
            let Some(text) = given(base) else {
                return Ok(None);
            };
            let text = format!("{}/{path}", text.trim_end_matches('/'));
            url(base, &text).map(Some)
        };
        let (traces, logs, metrics) = (
            place("TRACES", "v1/traces")?,
            place("LOGS", "v1/logs")?,
            place("METRICS", "v1/metrics")?,
        );
        if traces.is_none() && logs.is_none() && metrics.is_none() {
            return Ok(None);
        }
        let protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
        if given(protocol).is_some_and(|p| p == "grpc") {
            return Err(wrong(
                protocol,
                "is `grpc`, which is not spoken here: a collector takes `http/json` on its port 4318",
            ));
        }
        let number = |name: &str, default: u64, low: u64, high: u64| match given(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| (low..=high).contains(n))
                .ok_or_else(|| wrong(name, &format!("is no number between {low} and {high}"))),
        };
        let timeout = number("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000, 1, 600_000)?;
        let delay = number("OTEL_BSP_SCHEDULE_DELAY", 5000, 1, 600_000)?;
        let interval = number("OTEL_METRIC_EXPORT_INTERVAL", 60_000, 100, 86_400_000)?;
        let queue = number("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, 1_000_000)? as usize;
        let batch = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1, 100_000)? as usize;
        let function_logs = "STEWARD_OTLP_FUNCTION_LOGS";
        let function_logs = match given(function_logs).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(wrong(function_logs, "is `true` or `false`")),
        };
        let headers = "OTEL_EXPORTER_OTLP_HEADERS";
        let mut fields = HeaderMap::new();
        for (name, value) in pairs(&given(headers).unwrap_or_default())
            .ok_or_else(|| wrong(headers, "is no list as name=value,name=value"))?
        {
            let name: HeaderName = name
                .parse()
                .map_err(|_| wrong(headers, "names no header field"))?;
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| wrong(headers, "has a value that no header field can have"))?;
            value.set_sensitive(true);
            fields.append(name, value);
        }
        let attributes = "OTEL_RESOURCE_ATTRIBUTES";
        let mut resource = pairs(&given(attributes).unwrap_or_default())
            .ok_or_else(|| wrong(attributes, "is no list as name=value,name=value"))?;
        let named = resource.iter().position(|(name, _)| name == "service.name");
        let named = named.map(|at| resource.remove(at).1);
        Ok(Some(Self {
            traces,
            logs,
            metrics,
            headers: fields,
            timeout: Duration::from_millis(timeout),
            service: given("OTEL_SERVICE_NAME")
                .or(named)
                .unwrap_or_else(|| "steward".to_owned()),
            resource,
            delay: Duration::from_millis(delay),
            interval: Duration::from_millis(interval),
            queue,
            batch: batch.min(queue),
            ratio: ratio(given)?,
            function_logs,
        }))
    }
}

/// The samplers whose parts are by the caller's own word, and by a share of the traces that begin here.
fn ratio(given: impl Fn(&str) -> Option<String>) -> Result<f64, ConfigError> {
    let wrong = |variable: &str, reason: &str| ConfigError {
        variable: variable.to_owned(),
        reason: reason.to_owned(),
    };
    match given("OTEL_TRACES_SAMPLER").as_deref() {
        None | Some("parentbased_always_on") => Ok(1.0),
        Some("parentbased_always_off") => Ok(0.0),
        Some("parentbased_traceidratio") => {
            let name = "OTEL_TRACES_SAMPLER_ARG";
            let share = given(name).unwrap_or_else(|| "1".to_owned());
            let share = share
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share));
            share.ok_or_else(|| wrong(name, "is no share between 0 and 1"))
        }
        Some(_) => Err(wrong(
            "OTEL_TRACES_SAMPLER",
            "is one of parentbased_always_on, parentbased_always_off, parentbased_traceidratio",
        )),
    }
}

/// `name=value,name=value`, the values percent-encoded; none where an item has no `=`.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items
        .map(|item| {
            let (name, value) = item.split_once('=')?;
            Some((name.trim().to_owned(), decoded(value.trim())?))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Config>, ConfigError> {
        Config::from(|name| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn nothing_is_sent_unless_a_collector_is_named() {
        assert!(of(&[]).unwrap().is_none());
        assert!(of(&[("OTEL_SERVICE_NAME", "x")]).unwrap().is_none());
        let off = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_SDK_DISABLED", "true"),
        ];
        assert!(of(&off).unwrap().is_none());
    }

    #[test]
    fn the_base_gets_a_path_and_an_own_address_none() {
        let config = of(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/otlp/"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://l/in"),
            ("OTEL_METRICS_EXPORTER", "none"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Bearer%20secret, x-a=1",
            ),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=a,deployment.environment.name=test",
            ),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let config = config.unwrap().unwrap();
        assert_eq!(
            config.traces.as_ref().unwrap().as_str(),
            "http://c:4318/otlp/v1/traces"
        );
        assert_eq!(config.logs.as_ref().unwrap().as_str(), "https://l/in");
        assert!(config.metrics.is_none());
        assert_eq!(config.headers["authorization"], "Bearer secret");
        assert_eq!((config.service.as_str(), config.ratio), ("a", 0.25));
        assert_eq!(
            config.resource,
            [("deployment.environment.name".to_owned(), "test".to_owned())]
        );
        assert!(!format!("{config:?}").contains("secret"), "{config:?}");
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "secret"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=%zz"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "secret"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
            ("OTEL_TRACES_EXPORTER", "secret"),
            ("OTEL_TRACES_SAMPLER", "secret"),
            ("STEWARD_OTLP_FUNCTION_LOGS", "secret"),
        ] {
            let error = of(&[base, (name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("secret"), "{error}");
        }
        assert!(of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318")]).is_err());
    }
}
