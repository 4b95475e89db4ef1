//! Flow, delivery and attendance of a team, from the log of events.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use steward_registry::events::{Event, EventFilter};
use steward_registry::{EventPattern, Name};
use steward_team::TeamError;
use steward_team::access::Eye;
use steward_team::measures::{
    self, CHECK_INS, DELIVERY, FLOW, IssuePlaces, IssueState, MAX_EVENTS, Schedule, measured,
};
use utoipa::ToSchema;

use super::cycles::team;
use super::{ask, asker};
use crate::auth::{Anyone, Caller, Read};
use crate::extract::JsonBody;
use crate::gateway::{Gateway, Shared};
use crate::problem::Problem;

/// Whose flow is to be measured, and how the events of their issues look.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamFlow)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowGiven {
    /// The types of the events: `com.example.issue.changed` or `com.example.*`.
    #[schema(value_type = String, example = "com.example.issue.*")]
    pub types: EventPattern,
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Where the data has the name of the issue, as a JSON pointer; none: it is the subject of the event.
    #[serde(default)]
    #[schema(example = "/issue/key")]
    pub issue: Option<String>,
    /// Where the data has its state.
    #[serde(default = "at_state")]
    #[schema(default = "/state", example = "/issue/fields/status/name")]
    pub state: String,
    /// Where the data has who has it.
    #[serde(default = "at_assignee")]
    #[schema(default = "/assignee", example = "/issue/fields/assignee/accountId")]
    pub assignee: String,
    /// What each word for a state means: `open`, `active`, `waiting` or `done`; none: these words mean themselves.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>, example = json!({"In Progress": "active", "In Review": "waiting", "Done": "done"}))]
    pub states: BTreeMap<String, IssueState>,
    /// The deployed function of the world `team` that measures.
    #[serde(default = "team")]
    #[schema(value_type = Option<String>, default = "team")]
    pub function: Name,
}

fn at_state() -> String {
    "/state".into()
}

fn at_assignee() -> String {
    "/assignee".into()
}

/// Whose delivery is to be measured.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamDelivery)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryGiven {
    /// The team: people are counted that are set as of it.
    #[schema(example = "search")]
    pub team: String,
    /// The types of the events, whose data is `{"deployment": NAME, "changes": [TIME, …], "failed": …, "restored": …}`.
    #[schema(value_type = String, example = "com.example.deployment.*")]
    pub types: EventPattern,
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// The deployed function of the world `team` that measures.
    #[serde(default = "team")]
    #[schema(value_type = Option<String>, default = "team")]
    pub function: Name,
}

/// Measure the flow of issues from events of the log: work in progress, cycle time, throughput, aging, Little's law.
#[utoipa::path(post, path = "/api/v1/team/flow", tag = "team", security(("key" = ["read"])),
    request_body = FlowGiven,
    responses(
        (status = 200, description = "The measures; `events` were read and `skipped` of them were none of an issue", body = Value),
        (status = 422, description = "The window has no time, a pointer is none, or there are too many events"),
    ))]
pub(crate) async fn flow(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<FlowGiven>,
) -> Result<Json<Value>, Problem> {
    let places = IssuePlaces {
        issue: given.issue,
        state: given.state,
        assignee: given.assignee,
        states: given.states,
    };
    places.check()?;
    // Of all times before the end: what is in progress may have been begun long ago.
    let events = read(&gateway, &caller, given.types, given.until).await?;
    let (question, skipped) = places.question(&events, given.since, given.until);
    let said = ask(
        &gateway,
        &caller,
        &given.function,
        FLOW,
        question,
        |answer| measured(answer, events.len(), skipped),
    );
    Ok(Json(said.await?.answer))
}

/// Measure how a team delivers, from events of the log: the four measures of DORA. The host counts the people of the team, so
/// that nobody is measured alone.
#[utoipa::path(post, path = "/api/v1/team/delivery", tag = "team", security(("key" = ["read"])),
    request_body = DeliveryGiven,
    responses(
        (status = 200, description = "The measures; `events` were read and `skipped` of them were none of a deployment", body = Value),
        (status = 422, description = "The team is too small, the window has no time, or there are too many events"),
    ))]
pub(crate) async fn delivery(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<DeliveryGiven>,
) -> Result<Json<Value>, Problem> {
    let people = gateway.registry.team_people(caller.tenant()).await?;
    let members = people.iter().filter(|person| person.team == given.team);
    let members = members.count();
    let events = read(&gateway, &caller, given.types, given.until).await?;
    let (question, skipped) = measures::delivery(&events, given.since, given.until, members);
    let said = ask(
        &gateway,
        &caller,
        &given.function,
        DELIVERY,
        question,
        |answer| measured(answer, events.len(), skipped),
    );
    Ok(Json(said.await?.answer))
}

/// Whose check-ins are to be looked at, and when they are due.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamAttendance)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttendanceGiven {
    #[schema(example = "search")]
    pub team: String,
    /// The types of the events, whose subject is the id of the person who checked in. Of a type of your own each counts,
    /// whoever appended it; of `steward.team.…` those of the host alone.
    #[schema(value_type = String, example = "com.example.check-in")]
    pub types: EventPattern,
    /// When the first is due.
    #[schema(value_type = String, format = DateTime)]
    pub begin: Timestamp,
    /// The days from one to the next.
    #[schema(example = 7)]
    pub every_days: u32,
    /// One counts until so many days after it was due; fewer than `every_days`.
    #[serde(default)]
    pub grace_days: u32,
    /// The deployed function of the world `team` that is asked.
    #[serde(default = "team")]
    #[schema(value_type = Option<String>, default = "team")]
    pub function: Name,
}

/// Say who missed which check-in until now, and when the next is due: of oneself, of whom one leads, or of everybody for
/// whoever manages keys.
#[utoipa::path(post, path = "/api/v1/team/attendance", tag = "team", security(("key" = [])),
    request_body = AttendanceGiven,
    responses(
        (status = 200, description = "By person: `due`, `missed`, `next` and `open`; times are microseconds since 1970", body = Value),
        (status = 422, description = "The schedule has no sense, or there are too many events"),
    ))]
pub(crate) async fn attendance(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<AttendanceGiven>,
) -> Result<Json<Value>, Problem> {
    let asker = asker(&gateway, &caller).await?;
    let people = gateway.registry.team_people(caller.tenant()).await?;
    let people: Vec<Name> = people
        .into_iter()
        .filter(|person| {
            let eye = asker.eye(person);
            person.team == given.team && (eye == Eye::Themself || eye.answers_for())
        })
        .map(|person| person.id)
        .collect();
    let now = Timestamp::now();
    let schedule = Schedule {
        begin: given.begin,
        every_days: given.every_days,
        grace_days: given.grace_days,
    };
    let events = match people.is_empty() {
        true => Vec::new(),
        false => read(&gateway, &caller, given.types, now).await?,
    };
    let question = measures::check_ins(&events, schedule, &people, now);
    let said = ask(
        &gateway,
        &caller,
        &given.function,
        CHECK_INS,
        question,
        |answer| measures::attendance(&people, answer),
    );
    Ok(Json(said.await?.answer))
}

/// The most data of events that is measured at a time, in bytes.
const MAX_BYTES: usize = 64 << 20;

async fn read<N>(
    gateway: &Gateway,
    caller: &Caller<N>,
    types: EventPattern,
    until: Timestamp,
) -> Result<Vec<Event>, Problem> {
    let mut filter = EventFilter {
        types: Some(types),
        until: Some(until),
        ..EventFilter::default()
    };
    let mut events: Vec<Event> = Vec::new();
    let mut bytes = 0;
    loop {
        let page = gateway.registry.events(caller.tenant(), &filter, 1000);
        let page = page.await?;
        let Some(last) = page.last() else {
            return Ok(events);
        };
        filter.after = last.seq;
        let data = page.iter().filter_map(|event| event.event.data.as_ref());
        bytes += data.map(|data| data.len()).sum::<usize>();
        events.extend(page);
        if events.len() > MAX_EVENTS || bytes > MAX_BYTES {
            return Err(TeamError::Invalid(format!(
                "there are over {MAX_EVENTS} such events, or {MAX_BYTES} bytes of data; name fewer types"
            ))
            .into());
        }
    }
}
