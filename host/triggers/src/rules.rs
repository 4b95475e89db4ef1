//! The rules of a trigger, checked before it is written.

use http::{HeaderName, Method};
use jiff::Timestamp;
use steward_registry::events::{
    Cors, CronTrigger, DeliveryRules, HttpTrigger, TriggerOn, TriggerSpec,
};
use steward_registry::permissions::is_event_type;

use crate::TriggersError;
use crate::paths::Pattern;
use crate::schedule::{Schedule, zone};

/// The longest time that a webhook's signature may be old, in seconds.
const MAX_TOLERANCE_S: u32 = 3600;
/// Paths, methods, origins and header fields of one trigger.
const MAX_NAMES: usize = 64;

fn wrong<T>(text: impl Into<String>) -> Result<T, TriggersError> {
    Err(TriggersError::Invalid(text.into()))
}

/// Checks what can be seen in the specification alone. When a schedule is next due, behind `now`.
///
/// # Errors
/// [`TriggersError::Invalid`]
pub fn check(spec: &TriggerSpec, now: Timestamp) -> Result<Option<Timestamp>, TriggersError> {
    let path = &spec.path;
    if !path.starts_with('/')
        || path.len() > 1024
        || path.parse::<http::uri::PathAndQuery>().is_err()
    {
        return wrong("`path` is a path, `/` and what follows it, as a URL holds it");
    }
    delivery(&spec.delivery)?;
    match (&spec.function, &spec.to) {
        (Some(_), None) => {}
        (None, Some(_)) if matches!(spec.on, TriggerOn::Http(_)) => {
            return wrong("`on.http` are routes of a function: name one with `function`");
        }
        (None, Some(_)) => {}
        _ => return wrong("a trigger points at a `function`, or at what `to` names, and not at both"),
    }
    match &spec.on {
        TriggerOn::Events(events) => {
            if events.subject.as_deref() == Some("") {
                return wrong("`on.events.subject` is empty; leave it out for all subjects");
            }
            Ok(None)
        }
        TriggerOn::Cron(cron) => next(cron, now).map(Some),
        TriggerOn::Webhook(webhook) => {
            if !is_event_type(&webhook.event_type) {
                return wrong(
                    "`on.webhook.event_type` is no type of events, as `com.example.order.paid`",
                );
            }
            if !(1..=MAX_TOLERANCE_S).contains(&webhook.tolerance_s) {
                return wrong(format!(
                    "`on.webhook.tolerance_s` is 1 to {MAX_TOLERANCE_S} seconds"
                ));
            }
            Ok(None)
        }
        TriggerOn::Http(routes) => {
            http(routes)?;
            Ok(None)
        }
    }
}

/// When a schedule is due behind `now`.
///
/// # Errors
/// [`TriggersError::Invalid`] for an expression or a zone that is none.
pub fn next(cron: &CronTrigger, now: Timestamp) -> Result<Timestamp, TriggersError> {
    let schedule: Schedule = cron
        .schedule
        .parse()
        .map_err(|e: crate::schedule::InvalidSchedule| TriggersError::Invalid(e.to_string()))?;
    let zone = zone(&cron.zone).map_err(TriggersError::Invalid)?;
    match schedule.next(now, &zone) {
        Some(next) => Ok(next),
        None => wrong("the schedule is never due again"),
    }
}

fn delivery(rules: &DeliveryRules) -> Result<(), TriggersError> {
    if !(1..=1000).contains(&rules.concurrency) {
        return wrong("`delivery.concurrency` is 1 to 1000");
    }
    if !(1..=100).contains(&rules.attempts) {
        return wrong("`delivery.attempts` is 1 to 100");
    }
    let (first, most) = (rules.backoff.first_ms, rules.backoff.most_ms);
    if first == 0 || most < first || most > 86_400_000 {
        return wrong(
            "`delivery.backoff` has a `first_ms` above 0 and a `most_ms` that is not less, at most a day",
        );
    }
    Ok(())
}

fn http(routes: &HttpTrigger) -> Result<(), TriggersError> {
    if routes.paths.is_empty() || routes.paths.len() > MAX_NAMES {
        return wrong(format!(
            "`on.http.paths` has 1 to {MAX_NAMES} paths, as `/orders/{{id}}` or `/*`"
        ));
    }
    for path in &routes.paths {
        path.parse::<Pattern>().map_err(TriggersError::Invalid)?;
    }
    if routes.methods.len() > MAX_NAMES {
        return wrong("`on.http.methods` has too many methods");
    }
    for method in &routes.methods {
        let known = method.parse::<Method>().is_ok() && method.len() <= 32;
        if !known || method.chars().any(|c| c.is_ascii_lowercase()) {
            return wrong("`on.http.methods` are names of methods in capital letters, as `GET`");
        }
    }
    routes.cors.as_ref().map_or(Ok(()), cors)
}

fn cors(cors: &Cors) -> Result<(), TriggersError> {
    if cors.origins.is_empty() || cors.origins.len() > MAX_NAMES {
        return wrong(format!(
            "`on.http.cors.origins` has 1 to {MAX_NAMES} origins"
        ));
    }
    let any = cors.origins.iter().any(|origin| origin == "*");
    if any && cors.credentials {
        return wrong(
            "`on.http.cors`: with `credentials` every origin has to be named: `*` would let every page act for its visitor",
        );
    }
    for origin in cors.origins.iter().filter(|origin| *origin != "*") {
        let uri = origin.parse::<http::Uri>().ok();
        let fits = uri.is_some_and(|uri| {
            let bare =
                uri.path_and_query().is_none_or(|p| p.as_str() == "/") && !origin.ends_with('/');
            let plain = uri.authority().is_some_and(|a| !a.as_str().contains('@'));
            matches!(uri.scheme_str(), Some("http" | "https")) && bare && plain
        });
        if !fits || origin.chars().any(|c| c.is_ascii_uppercase()) {
            return wrong(
                "`on.http.cors.origins` are origins as browsers write them, `https://shop.example.com`, or `*`",
            );
        }
    }
    for name in cors.headers.iter().chain(&cors.expose) {
        if name.len() > 64 || name.parse::<HeaderName>().is_err() {
            return wrong("`on.http.cors` names a header field that is none");
        }
    }
    if cors.headers.len() > MAX_NAMES || cors.expose.len() > MAX_NAMES || cors.max_age_s > 86_400 {
        return wrong(
            "`on.http.cors` has too many header fields, or a `max_age_s` of more than a day",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(on: Value) -> Result<Option<Timestamp>, String> {
        let spec = serde_json::from_value(json!({ "function": "f", "on": on }))
            .map_err(|e| e.to_string())?;
        check(&spec, Timestamp::UNIX_EPOCH).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_right_is_taken() {
        for on in [
            json!({ "events": { "types": "a.*" } }),
            json!({ "webhook": { "scheme": "github", "secret": "hook-secret" } }),
            json!({ "http": { "paths": ["/*"], "public": true, "cors": { "origins": ["https://a.example:8443"], "credentials": true } } }),
        ] {
            assert_eq!(checked(on), Ok(None));
        }
        let due = checked(json!({ "cron": { "schedule": "0 3 * * *", "zone": "Asia/Shanghai" } }));
        assert_eq!(due, Ok(Some("1970-01-01T19:00:00Z".parse().unwrap())));
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        for on in [
            json!({ "events": { "types": "a.*.b" } }),
            json!({ "events": { "types": "a", "subject": "" } }),
            json!({ "cron": { "schedule": "every day" } }),
            json!({ "cron": { "schedule": "0 3 * * *", "zone": "Berlin" } }),
            json!({ "webhook": { "scheme": "md5", "secret": "x" } }),
            json!({ "webhook": { "scheme": "github", "secret": "" } }),
            json!({ "webhook": { "scheme": "github", "secret": "x", "tolerance_s": 0 } }),
            json!({ "webhook": { "scheme": "github", "secret": "x", "event_type": "a b" } }),
            json!({ "http": { "paths": [] } }),
            json!({ "http": { "paths": ["x"] } }),
            json!({ "http": { "paths": ["/a*"] } }),
            json!({ "http": { "paths": ["/"], "methods": ["get"] } }),
            json!({ "http": { "paths": ["/"], "cors": { "origins": [] } } }),
            json!({ "http": { "paths": ["/"], "cors": { "origins": ["*"], "credentials": true } } }),
            json!({ "http": { "paths": ["/"], "cors": { "origins": ["https://a.example/"] } } }),
            json!({ "http": { "paths": ["/"], "cors": { "origins": ["https://u@a.example"] } } }),
            json!({ "http": { "paths": ["/"], "cors": { "origins": ["null"] } } }),
            json!({ "http": { "paths": ["/"], "cors": { "origins": ["*"], "headers": ["a b"] } } }),
            json!({ "queue": {} }),
            json!({ "events": { "types": "a" }, "cron": { "schedule": "* * * * *" } }),
        ] {
            assert!(checked(on.clone()).is_err(), "{on}");
        }
    }
}
