//! What people do, by the log of events: funnels, retention, paths.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use steward_data::feedback::{FunnelGiven, MINIMUM, PathsGiven, RetentionGiven};
use steward_registry::Action;
use utoipa::ToSchema;

use crate::auth::{Caller, Publish};
use crate::extract::JsonBody;
use crate::gateway::{Gateway, Shared};
use crate::problem::Problem;

/// Which events, and who did them.
#[derive(Deserialize, ToSchema)]
#[schema(as = EventsWhich)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct EventsBody {
    /// Of one of these types, as `com.example.*`: at most 16; none: of all.
    types: Option<Vec<String>>,
    /// Of this source.
    source: Option<String>,
    /// What of an event says who did it: `subject`, an extension attribute, or `data.FIELD`.
    #[schema(default = "subject", example = "data.user.id")]
    person: Option<String>,
    /// Of this time (RFC 3339) or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time; none, or a time to come: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// People through steps.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackFunnel)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct FunnelBody {
    /// The deployed function of the world `feedback` that measures it.
    #[schema(default = "feedback")]
    function: Option<String>,
    /// Types of events, 2 to 50, in their order.
    #[schema(example = json!(["signup", "search", "buy"]))]
    steps: Vec<String>,
    /// From the first step to the last at most; none: without limit.
    #[schema(minimum = 1, example = 604800000)]
    window_ms: Option<i64>,
    /// Whether another event between two steps, of those that `types` means, ends the way.
    #[schema(default = false)]
    strict: Option<bool>,
    /// Fewer people than so many are not told. Below 30 it takes the action `read` too: whoever may read the log sees each event.
    #[schema(default = 30)]
    minimum: Option<u32>,
    #[serde(flatten)]
    which: EventsBody,
}

/// A step of a funnel. Numbers of fewer people than the minimum are `null`, and so is what they would tell.
#[derive(ToSchema)]
#[schema(as = FeedbackFunnelStep)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct StepBody {
    name: String,
    /// People who came here.
    people: Option<u64>,
    /// Their share of those of the first step.
    of_first: Option<f64>,
    /// Their share of those of the step before.
    of_previous: Option<f64>,
    /// The median of the time since the step before.
    median_ms: Option<i64>,
}

/// What every answer says of the events behind it.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackEvents)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct AboutBody {
    function: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    person: String,
    minimum: u32,
    /// People who did something; `null` where they are fewer than the minimum.
    people: Option<u64>,
    /// What they did, in events.
    events: Option<u64>,
    /// Events that do not say who did them; they count for nobody.
    nameless: u64,
}

/// A funnel.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackFunnelMeasured)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct FunnelSaid {
    #[serde(flatten)]
    about: AboutBody,
    window_ms: Option<i64>,
    strict: bool,
    #[schema(value_type = Vec<StepBody>)]
    steps: Vec<Value>,
}

/// People who come back.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackRetention)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct RetentionBody {
    /// The deployed function of the world `feedback` that measures it.
    #[schema(default = "feedback")]
    function: Option<String>,
    /// The type of the event that begins; none: the first of any type.
    #[schema(example = "signup")]
    start: Option<String>,
    /// The type of the event that counts as coming back; none: any.
    back: Option<String>,
    /// What counts for day N: `n-day` (on it), `cumulative` (on one of the days 1 to N) or `unbounded` (on it or later). `rolling` is
    /// taken as another word for `unbounded`.
    #[schema(default = "n-day")]
    kind: Option<String>,
    /// How many days after the first are told. Days are counted from the event with which a person begins.
    #[schema(default = 30, minimum = 1, maximum = 400)]
    days: Option<u32>,
    /// People who began within the same so many days are one cohort.
    #[schema(default = 7, minimum = 1, maximum = 400)]
    cohort_days: Option<u32>,
    /// Fewer people than so many are not told. Below 30 it takes the action `read` too.
    #[schema(default = 30)]
    minimum: Option<u32>,
    #[serde(flatten)]
    which: EventsBody,
}

/// How many came back. Numbers of fewer people than the minimum are `null`, and so are some beside them by which they could be told.
#[derive(ToSchema)]
#[schema(as = FeedbackRetained)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct RetainedBody {
    /// Counted from the first, which is 0.
    day: u32,
    /// People for whom the day is over.
    eligible: Option<u64>,
    /// Those of them who came back.
    people: Option<u64>,
    /// Their share.
    share: Option<f64>,
}

/// People who began at about the same time.
#[derive(ToSchema)]
#[schema(as = FeedbackCohort)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct CohortBody {
    /// When it began: a multiple of the length of a cohort since 1970.
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    size: Option<u64>,
    days: Vec<RetainedBody>,
}

/// Who came back.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackRetentionMeasured)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct RetentionSaid {
    #[serde(flatten)]
    about: AboutBody,
    /// As what it was computed: `n-day`, `cumulative` or `unbounded`.
    kind: String,
    start: Option<String>,
    back: Option<String>,
    cohort_days: u32,
    /// Of all, by day.
    #[schema(value_type = Vec<RetainedBody>)]
    overall: Vec<Value>,
    /// The earliest first.
    #[schema(value_type = Vec<CohortBody>)]
    cohorts: Vec<Value>,
}

/// What people do one after the other.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackPaths)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct PathsBody {
    /// The deployed function of the world `feedback` that finds them.
    #[schema(default = "feedback")]
    function: Option<String>,
    /// Events in a path.
    #[schema(default = 3, minimum = 2, maximum = 10)]
    length: Option<u32>,
    /// A longer pause ends a visit.
    #[schema(default = 1800000, minimum = 1)]
    pause_ms: Option<i64>,
    /// The most paths.
    #[schema(default = 20, minimum = 1, maximum = 1000)]
    most: Option<u32>,
    /// Paths of fewer people are not told. Below 30 it takes the action `read` too.
    #[schema(default = 30)]
    minimum: Option<u32>,
    #[serde(flatten)]
    which: EventsBody,
}

/// A path.
#[derive(ToSchema)]
#[schema(as = FeedbackPath)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct PathBody {
    /// Types of events.
    steps: Vec<String>,
    /// People who went it.
    people: u64,
    /// How often it was gone.
    count: u64,
}

/// Paths, those that were gone most often first.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackPathsFound)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct PathsSaid {
    #[serde(flatten)]
    about: AboutBody,
    length: u32,
    pause_ms: i64,
    /// How many paths are not told, for fewer people went them than the minimum.
    hidden: u64,
    #[schema(value_type = Vec<PathBody>)]
    paths: Vec<Value>,
}

/// Who may know of few people: whoever may read the log, where each event is.
fn may_know<N>(caller: &Caller<N>, gateway: &Gateway, minimum: u32) -> Result<(), Problem> {
    match minimum < MINIMUM {
        true => caller.also(gateway, Action::Read),
        false => Ok(()),
    }
}

/// Measure a funnel over the log of events.
///
/// Of all the ways of a person through the steps, the one that leads farthest counts. At most 500,000 events of 200,000 people are
/// read; the function gets numbers in the place of people.
#[utoipa::path(post, path = "/api/v1/feedback/funnels", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "measure_funnel",
    request_body = FunnelBody,
    responses(
        (status = 200, description = "How many came to each step", body = FunnelSaid),
        (status = 404, description = "There is no such function"),
        (status = 422, description = "The log has no such step, the times or the window hold nothing, it is too much, or the function refuses"),
        (status = 502, description = "The function failed"),
    ))]
pub(crate) async fn funnel(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<FunnelGiven>,
) -> Result<Json<Value>, Problem> {
    may_know(&caller, &gateway, given.minimum)?;
    Ok(Json(gateway.feedback.funnel(caller.tenant(), given).await?))
}

/// Measure retention over the log of events, of all and by cohort.
#[utoipa::path(post, path = "/api/v1/feedback/retentions", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "measure_retention",
    request_body = RetentionBody,
    responses(
        (status = 200, description = "How many came back", body = RetentionSaid),
        (status = 404, description = "There is no such function"),
        (status = 422, description = "The log has no such event, the times hold nothing, it is too much, or the function refuses"),
        (status = 502, description = "The function failed"),
    ))]
pub(crate) async fn retention(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<RetentionGiven>,
) -> Result<Json<Value>, Problem> {
    may_know(&caller, &gateway, given.minimum)?;
    let said = gateway.feedback.retention(caller.tenant(), given);
    Ok(Json(said.await?))
}

/// Find the paths that are gone most often, in the log of events.
#[utoipa::path(post, path = "/api/v1/feedback/paths", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "find_paths",
    request_body = PathsBody,
    responses(
        (status = 200, description = "Those that were gone most often first", body = PathsSaid),
        (status = 404, description = "There is no such function"),
        (status = 422, description = "The times hold nothing, it is too much, or the function refuses"),
        (status = 502, description = "The function failed"),
    ))]
pub(crate) async fn paths(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<PathsGiven>,
) -> Result<Json<Value>, Problem> {
    may_know(&caller, &gateway, given.minimum)?;
    Ok(Json(gateway.feedback.paths(caller.tenant(), given).await?))
}
