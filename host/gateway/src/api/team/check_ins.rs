//! Check-ins that come round: what people are asked, and what they answer.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_registry::Name;
use steward_registry::team::{Asked, CheckIn, CheckInSpec, Person};
use steward_team::TeamError;
use steward_team::access::outsider;
use steward_team::check_ins::{SeenEntry, seen};
use steward_triggers::check_ins::Rhythm;
use utoipa::{IntoParams, ToSchema};

use super::people::ErasureInfo;
use super::{asker, insider, person_of};
use crate::auth::{Anyone, Caller, ManageKeys};
use crate::extract::{InPath, InQuery, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// A check-in to set.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamCheckInGiven)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckInGiven {
    /// `{"team": "search"}`, `{"cycle": "h1-2026"}` (everybody who has a review in it) or `{"people": ["e-17"]}`: as it is
    /// at each date.
    #[schema(value_type = Object, example = json!({"team": "search"}))]
    pub who: Asked,
    #[schema(example = json!(["What did you finish?", "什么卡住了？"]))]
    pub questions: Vec<String>,
    /// When: a cron expression. Either this, or `every` and `begin`.
    #[serde(default)]
    #[schema(example = "0 9 * * mon")]
    pub cron: Option<String>,
    /// The days, weeks, months or years from one date to the next, as ISO 8601 has them.
    #[serde(default)]
    #[schema(example = "P2W")]
    pub every: Option<String>,
    /// The first date of `every`, as the clock in the zone shows it.
    #[serde(default)]
    #[schema(example = "2026-01-05T09:00")]
    pub begin: Option<String>,
    /// The time zone, as IANA names it.
    #[serde(default = "utc")]
    #[schema(default = "UTC", example = "Europe/Berlin")]
    pub zone: String,
    /// How long there is to answer, as ISO 8601 has it.
    #[serde(default = "a_day")]
    #[schema(default = "P1D")]
    pub answer_within: String,
    /// When what was asked and answered is erased, counted from its date.
    #[serde(default = "a_year")]
    #[schema(default = "P1Y")]
    pub keep_for: String,
}

fn utc() -> String {
    "UTC".into()
}

fn a_day() -> String {
    "P1D".into()
}

fn a_year() -> String {
    "P1Y".into()
}

/// A check-in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeamCheckIn)]
pub(crate) struct CheckInInfo {
    #[schema(value_type = String)]
    pub name: Name,
    #[schema(value_type = Object)]
    pub who: Asked,
    pub questions: Vec<String>,
    pub cron: Option<String>,
    pub every: Option<String>,
    pub begin: Option<String>,
    pub zone: String,
    pub answer_within: String,
    pub keep_for: String,
    /// When it is next due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    pub created_by: String,
}

impl From<CheckIn> for CheckInInfo {
    fn from(check_in: CheckIn) -> Self {
        let spec = check_in.spec;
        Self {
            name: check_in.name,
            who: spec.who,
            questions: spec.questions,
            cron: spec.cron,
            every: spec.every,
            begin: spec.begin,
            zone: spec.zone,
            answer_within: spec.answer_within,
            keep_for: spec.keep_for,
            next_at: check_in.next_at,
            created_at: check_in.created_at,
            created_by: check_in.created_by,
        }
    }
}

/// That somebody was asked. What the caller may not read is not there.
#[derive(ToSchema)]
#[schema(as = TeamCheckInEntry)]
#[allow(dead_code, reason = "it describes what the crate of teams tells")]
pub(crate) struct EntryBody {
    check_in: String,
    person: String,
    #[schema(format = DateTime)]
    due: String,
    /// Until when there is time to answer.
    #[schema(format = DateTime)]
    until: String,
    /// `open`, `answered`, `answered late` or `overdue`.
    status: String,
    #[schema(format = DateTime)]
    answered_at: Option<String>,
    /// When it is erased.
    #[schema(format = DateTime)]
    keep_until: String,
    questions: Vec<String>,
    /// For themself and who leads them alone.
    answers: Option<Vec<String>>,
}

/// Whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntryQuery {
    /// Of this person alone.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub person: Option<Name>,
}

/// What the caller answers.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamCheckInAnswers)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswersGiven {
    /// One to each question, in their order; an answer may be empty, but not every one.
    pub answers: Vec<String>,
    /// Of this date, as the entry has it; the last one where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
}

/// List the check-ins.
#[utoipa::path(get, path = "/api/v1/team/check-ins", tag = "team", security(("key" = [])),
    operation_id = "list_check_ins",
    responses((status = 200, description = "By name; none for who is no person of the team", body = Vec<CheckInInfo>)))]
pub(crate) async fn list(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<CheckInInfo>>, Problem> {
    if !asker(&gateway, &caller).await?.belongs() {
        return Ok(Json(Vec::new()));
    }
    let all = gateway.registry.team_check_ins(caller.tenant()).await?;
    Ok(Json(all.into_iter().map(Into::into).collect()))
}

/// Show a check-in.
#[utoipa::path(get, path = "/api/v1/team/check-ins/{check_in}", tag = "team", security(("key" = [])),
    operation_id = "show_check_in",
    params(("check_in" = String, Path, description = "Name of the check-in")),
    responses((status = 200, description = "The check-in", body = CheckInInfo)))]
pub(crate) async fn show(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<CheckInInfo>, Problem> {
    let found = gateway
        .registry
        .team_check_in(caller.tenant(), &name)
        .await?;
    insider(&gateway, &caller).await?;
    Ok(Json(found.into()))
}

/// Set a check-in.
///
/// At each date everybody whom it asks is asked once: an event `steward.team.check-in.due` about the person. Who answers is an
/// event `steward.team.check-in.answered`, who does not in time one `steward.team.check-in.overdue`. What was asked before
/// stays as it was asked.
#[utoipa::path(put, path = "/api/v1/team/check-ins/{check_in}", tag = "team", security(("key" = ["manage-keys"])),
    operation_id = "set_check_in",
    params(("check_in" = String, Path, description = "Name of the check-in")),
    request_body = CheckInGiven,
    responses(
        (status = 200, description = "The check-in", body = CheckInInfo),
        (status = 422, description = "It is never due, or too often, or asks nothing or nobody"),
    ))]
pub(crate) async fn set(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(given): JsonBody<CheckInGiven>,
) -> Result<Json<CheckInInfo>, Problem> {
    let spec = CheckInSpec {
        who: given.who,
        questions: given.questions,
        cron: given.cron,
        every: given.every,
        begin: given.begin,
        zone: given.zone,
        answer_within: given.answer_within,
        keep_for: given.keep_for,
    };
    let now = Timestamp::now();
    let next = Rhythm::read(&spec, now)
        .map_err(TeamError::Invalid)?
        .next(now);
    let registry = &gateway.registry;
    let set = registry.set_team_check_in(caller.tenant(), &name, &spec, next, caller.id());
    Ok(Json(set.await?.into()))
}

/// Remove a check-in, with all that was asked and answered.
#[utoipa::path(delete, path = "/api/v1/team/check-ins/{check_in}", tag = "team", security(("key" = ["manage-keys"])),
    operation_id = "remove_check_in",
    params(("check_in" = String, Path, description = "Name of the check-in")),
    responses((status = 200, description = "What was erased", body = ErasureInfo)))]
pub(crate) async fn remove(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<ErasureInfo>, Problem> {
    let registry = &gateway.registry;
    let erasure = registry.remove_team_check_in(caller.tenant(), &name, caller.id());
    Ok(Json(erasure.await?.into()))
}

/// List who was asked and how far it is: of oneself and whom one leads with the answers, for whoever manages keys of everybody
/// without them.
#[utoipa::path(get, path = "/api/v1/team/check-ins/{check_in}/entries", tag = "team", security(("key" = [])),
    operation_id = "list_check_in_entries",
    params(("check_in" = String, Path, description = "Name of the check-in"), EntryQuery),
    responses((status = 200, description = "The latest date first, by person; of the latest 5,000", body = Vec<EntryBody>)))]
pub(crate) async fn entries(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    InQuery(query): InQuery<EntryQuery>,
) -> Result<Json<Vec<SeenEntry>>, Problem> {
    let registry = &gateway.registry;
    let tenant = caller.tenant();
    let entries = registry.team_check_in_entries(tenant, &name, query.person.as_ref());
    let entries = entries.await?;
    let asker = asker(&gateway, &caller).await?;
    let people = registry.team_people(tenant).await?;
    let people: BTreeMap<&Name, &Person> = people.iter().map(|one| (&one.id, one)).collect();
    let now = Timestamp::now();
    let seen = entries.iter().filter_map(|entry| {
        let person = people.get(&entry.person)?;
        seen(entry, person, &asker, now)
    });
    Ok(Json(seen.collect()))
}

/// Answer a check-in, as the person whose key it is. It takes the place of what they answered before.
#[utoipa::path(put, path = "/api/v1/team/check-ins/{check_in}/answers", tag = "team", security(("key" = [])),
    operation_id = "answer_check_in",
    params(("check_in" = String, Path, description = "Name of the check-in")),
    request_body = AnswersGiven,
    responses(
        (status = 200, description = "What is kept", body = EntryBody),
        (status = 404, description = "There is no such check-in, or the caller was not asked"),
        (status = 422, description = "There is not one answer to each question, or none says anything"),
    ))]
pub(crate) async fn answer(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(given): JsonBody<AnswersGiven>,
) -> Result<Json<Value>, Problem> {
    let registry = &gateway.registry;
    let tenant = caller.tenant();
    registry.team_check_in(tenant, &name).await?;
    let person = person_of(&gateway, &caller).await?.ok_or_else(outsider)?;
    let kept = registry.answer_team_check_in(
        tenant,
        &name,
        &person.id,
        given.due,
        &given.answers,
        caller.id(),
    );
    let kept = kept.await?;
    // Who waits for the event need not wait for the next look at the log.
    gateway.triggers.events().wake();
    let asker = asker(&gateway, &caller).await?;
    let told = seen(&kept, &person, &asker, Timestamp::now());
    Ok(Json(serde_json::to_value(told).unwrap_or_default()))
}
