//! The log of events.

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::EventPattern;
use steward_registry::events::EventFilter;
use steward_triggers::cloudevents::{Structured, from_request};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Read, Use};
use crate::extract::{InQuery, RawBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Of these types: `com.example.order.paid`, `com.example.*` or `*`.
    #[serde(default, rename = "type")]
    #[param(value_type = Option<String>, rename = "type")]
    types: Option<EventPattern>,
    /// Of this source.
    #[serde(default)]
    source: Option<String>,
    /// About this subject.
    #[serde(default)]
    subject: Option<String>,
    /// Of this time (RFC 3339) or later.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Behind this number in the log: `next` of the page before.
    #[serde(default)]
    after: u64,
    /// Newest first; `after` then means those before it.
    #[serde(default)]
    newest: bool,
    /// At most so many; no more than 1000, and no more than 16 MiB of data, are answered.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: usize,
}

fn default_limit() -> usize {
    100
}

/// Events in the order of the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// In the JSON event format of CloudEvents 1.0; `stewardseq` is the number in the log.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Structured>,
    /// What to send as `after` for those that follow.
    next: u64,
}

/// What became of an event.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct EventAppended {
    /// Its number in the log of the tenant.
    seq: u64,
    source: String,
    id: String,
    /// Whether an event of this source and id was in the log before: then nothing was changed.
    duplicate: bool,
}

/// Append events.
///
/// One event in the structured mode (`application/cloudevents+json`) or in the binary mode (header fields `ce-…`), or many as a
/// batch (`application/cloudevents-batch+json`), of which all are appended or none. It is answered once they are on disk.
#[utoipa::path(post, path = "/api/v1/events", tag = "events", security(("key" = ["invoke"])),
    request_body(content = Object, content_type = "application/cloudevents+json",
        example = json!({"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.order.paid", "subject": "order/7", "data": {"amount": 3}})),
    responses(
        (status = 202, description = "They are in the log", body = Vec<EventAppended>),
        (status = 422, description = "An attribute breaks a rule"),
    ))]
pub(crate) async fn append(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<(StatusCode, Json<Vec<EventAppended>>), Problem> {
    let events = from_request(&headers, body)
        .map_err(|e| Problem::new(&codes::INVALID_EVENT, e.to_string()))?;
    if let Some(event) = events.iter().find(|event| event.is_of_host()) {
        return Err(Problem::new(
            &codes::INVALID_EVENT,
            format!(
                "`source`: `{}` is for events of the host itself",
                event.source
            ),
        ));
    }
    let appended = gateway
        .triggers
        .events()
        .append(caller.tenant(), &events, caller.id())
        .await?;
    let appended = appended.into_iter().map(|a| EventAppended {
        seq: a.seq,
        source: a.source,
        id: a.id,
        duplicate: a.duplicate,
    });
    Ok((StatusCode::ACCEPTED, Json(appended.collect())))
}

/// Query the log.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", security(("key" = ["read"])),
    params(EventQuery),
    responses((status = 200, description = "In the order of the log", body = EventPage)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InQuery(query): InQuery<EventQuery>,
) -> Result<Json<EventPage>, Problem> {
    let after = query.after;
    let filter = EventFilter {
        types: query.types,
        source: query.source,
        subject: query.subject,
        since: query.since,
        until: query.until,
        after,
        backwards: query.newest,
    };
    let events = gateway
        .triggers
        .events()
        .query(caller.tenant(), &filter, query.limit.max(1))
        .await?;
    Ok(Json(EventPage {
        next: events.last().map_or(after, |event| event.seq),
        events: events.into_iter().map(Structured).collect(),
    }))
}
