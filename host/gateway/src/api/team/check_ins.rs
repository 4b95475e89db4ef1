//! Check-ins that come round: what people are asked, and what they answer.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_registry::Name;
use steward_registry::team::{Asked, CheckIn, CheckInSpec, Whose};
use steward_team::TeamError;
use steward_team::access::outsider;
use steward_team::check_ins::{SeenEntry, seen};
use steward_triggers::check_ins::Rhythm;
use utoipa::{IntoParams, ToSchema};

use super::people::ErasureInfo;
use super::{asker, person_of};
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
    /// 1 to 20, together at most 16 KiB.
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
    /// The first date of `every`, as the clock in the zone shows it: without a zone or an offset.
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
    /// For whoever manages keys alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub who: Option<Asked>,
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

impl CheckInInfo {
    /// As it is shown to who sees of these that they were asked.
    fn of(check_in: CheckIn, whose: Whose<'_>) -> Self {
        let spec = check_in.spec;
        Self {
            name: check_in.name,
            who: (whose == Whose::Everybody).then_some(spec.who),
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

/// List the check-ins: those that have asked oneself or whom one leads, or all of them for whoever manages keys.
#[utoipa::path(get, path = "/api/v1/team/check-ins", tag = "team", security(("key" = [])),
    operation_id = "list_check_ins",
    responses((status = 200, description = "By name; none for who is no person of the team", body = Vec<CheckInInfo>)))]
pub(crate) async fn list(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<CheckInInfo>>, Problem> {
    let asker = asker(&gateway, &caller).await?;
    let Ok(whose) = asker.whose() else {
        return Ok(Json(Vec::new()));
    };
    let found = gateway.registry.team_check_ins(caller.tenant(), whose);
    let found = found.await?.into_iter();
    Ok(Json(found.map(|one| CheckInInfo::of(one, whose)).collect()))
}

/// Show a check-in: one that has asked oneself or whom one leads, or any for whoever manages keys.
#[utoipa::path(get, path = "/api/v1/team/check-ins/{check_in}", tag = "team", security(("key" = [])),
    operation_id = "show_check_in",
    params(("check_in" = String, Path, description = "Name of the check-in")),
    responses(
        (status = 200, description = "The check-in", body = CheckInInfo),
        (status = 403, description = "It asked neither the caller nor anybody whom they lead"),
    ))]
pub(crate) async fn show(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<CheckInInfo>, Problem> {
    let (registry, tenant) = (&gateway.registry, caller.tenant());
    let found = registry.team_check_in(tenant, &name).await?;
    let asker = asker(&gateway, &caller).await?;
    let whose = asker.whose()?;
    if let Whose::Own(person) = whose
        && !registry.team_check_in_asked(tenant, &name, person).await?
    {
        let why = format!("`{name}` has asked neither you nor anybody whom you lead");
        return Err(TeamError::NotYours(why).into());
    }
    Ok(Json(CheckInInfo::of(found, whose)))
}

/// Set a check-in.
///
/// At each date everybody whom it asks is asked once: an event `steward.team.check-in.due` about the person. Who answers is an
/// event `steward.team.check-in.answered`, who does not in time one `steward.team.check-in.overdue`. What was asked before
/// stays as it was asked, and a date that is due and was not asked for yet stays due.
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
    let set = registry.set_team_check_in(caller.tenant(), &name, &spec, next, now, caller.id());
    Ok(Json(CheckInInfo::of(set.await?, Whose::Everybody)))
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
    responses((status = 200, description = "The latest date first, by person; at most 5,000, and at most 16 MiB of questions and answers", body = Vec<EntryBody>)))]
pub(crate) async fn entries(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    InQuery(query): InQuery<EntryQuery>,
) -> Result<Json<Vec<SeenEntry>>, Problem> {
    let (registry, tenant) = (&gateway.registry, caller.tenant());
    registry.team_check_in(tenant, &name).await?;
    let asker = asker(&gateway, &caller).await?;
    let of = query.person.as_ref();
    let entries = registry.team_check_in_entries(tenant, &name, of, asker.whose()?);
    let (entries, now) = (entries.await?, Timestamp::now());
    let seen = entries.iter().filter_map(|entry| seen(entry, &asker, now));
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
    let told = seen(&kept, &asker, Timestamp::now());
    Ok(Json(serde_json::to_value(told).unwrap_or_default()))
}
