//! People of the team, and what was erased.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::Name;
use steward_registry::team::{Erased, Erasure, Person};
use steward_team::access::{Asker, Eye, outsider};
use utoipa::ToSchema;

use super::asker;
use crate::auth::{Anyone, Caller, ManageKeys};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// A person, as whoever asks may see them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeamPerson)]
pub(crate) struct PersonInfo {
    #[schema(value_type = String, example = "e-17")]
    pub id: Name,
    #[schema(example = "安")]
    pub name: String,
    pub team: String,
    /// The id of who leads the person.
    #[schema(value_type = Option<String>)]
    pub lead: Option<Name>,
    /// The id of the key by which the person comes: for themself and whoever manages keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Where reminders reach the person: for themself, their lead and whoever manages keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// When everything about the person is erased: for themself, their lead and whoever manages keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub keep_until: Option<Timestamp>,
}

impl PersonInfo {
    /// None where nothing of the person may be seen.
    fn of(person: Person, asker: &Asker) -> Option<Self> {
        let eye = asker.eye(&person);
        let all = matches!(eye, Eye::Themself | Eye::Hr);
        (eye != Eye::Nobody).then(|| Self {
            principal: person.principal.filter(|_| all),
            contact: person.contact.filter(|_| all || eye == Eye::Lead),
            keep_until: person.keep_until.filter(|_| all || eye == Eye::Lead),
            id: person.id,
            name: person.name,
            team: person.team,
            lead: person.lead,
        })
    }
}

/// A person to set.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamPersonGiven)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonGiven {
    #[schema(example = "安")]
    pub name: String,
    #[schema(example = "search")]
    pub team: String,
    /// The id of who leads the person.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub lead: Option<Name>,
    /// The id of the key, or the principal of the token, by which the person comes.
    #[serde(default)]
    pub principal: Option<String>,
    /// Where reminders reach the person, as the member id of Slack. It is told with each reminder, in the log of events.
    #[serde(default)]
    #[schema(example = "U024BE7LH")]
    pub contact: Option<String>,
    /// When everything about the person is erased.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub keep_until: Option<Timestamp>,
}

/// How much was erased.
#[derive(ToSchema)]
#[schema(as = TeamErased)]
#[allow(dead_code, reason = "it describes a record of the registry")]
struct ErasedBody {
    people: u64,
    reviews: u64,
    inputs: u64,
    scores: u64,
    decisions: u64,
    /// What was said of others, in which the id of the rater was replaced.
    unnamed: u64,
    /// Check-ins that somebody was asked for, with their answers.
    check_ins: u64,
}

/// An account of what was erased. The audit log has an entry with the same numbers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeamErasure)]
pub(crate) struct ErasureInfo {
    pub number: u64,
    #[schema(example = "people/e-17")]
    pub subject: String,
    /// `request` or `retention`.
    pub why: String,
    #[schema(value_type = ErasedBody)]
    pub erased: Erased,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub by: String,
}

impl From<Erasure> for ErasureInfo {
    fn from(erasure: Erasure) -> Self {
        Self {
            number: erasure.number,
            subject: erasure.subject,
            why: erasure.why,
            erased: erasure.erased,
            at: erasure.at,
            by: erasure.by,
        }
    }
}

/// List the people of the team. Who is no person of it, and may not manage keys, sees nobody.
#[utoipa::path(get, path = "/api/v1/team/people", tag = "team", security(("key" = [])),
    responses((status = 200, description = "By id", body = Vec<PersonInfo>)))]
pub(crate) async fn list(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<PersonInfo>>, Problem> {
    let asker = asker(&gateway, &caller).await?;
    let people = gateway.registry.team_people(caller.tenant()).await?;
    let people = people.into_iter();
    Ok(Json(
        people
            .filter_map(|person| PersonInfo::of(person, &asker))
            .collect(),
    ))
}

/// Show a person.
#[utoipa::path(get, path = "/api/v1/team/people/{person}", tag = "team", security(("key" = [])),
    params(("person" = String, Path, description = "Id of the person")),
    responses((status = 200, description = "The person", body = PersonInfo)))]
pub(crate) async fn show(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(person): InPath<Name>,
) -> Result<Json<PersonInfo>, Problem> {
    let found = gateway.registry.team_person(caller.tenant(), &person);
    let found = found.await?;
    let asker = asker(&gateway, &caller).await?;
    let seen = PersonInfo::of(found, &asker);
    Ok(Json(seen.ok_or_else(outsider)?))
}

/// Set a person: a new one, or one that is there.
///
/// It sets the person anew: what is left out is taken away. The id is a pseudonym, as a staff number: it stays in the audit
/// log after the person is erased.
#[utoipa::path(put, path = "/api/v1/team/people/{person}", tag = "team", security(("key" = ["manage-keys"])),
    params(("person" = String, Path, description = "Id of the person")),
    request_body = PersonGiven,
    responses(
        (status = 200, description = "The person", body = PersonInfo),
        (status = 409, description = "Another person has the principal"),
        (status = 422, description = "A text is too long, or the person would lead themself"),
    ))]
pub(crate) async fn set(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(id): InPath<Name>,
    JsonBody(given): JsonBody<PersonGiven>,
) -> Result<Json<PersonInfo>, Problem> {
    let person = Person {
        id,
        name: given.name,
        team: given.team,
        lead: given.lead,
        principal: given.principal,
        contact: given.contact,
        keep_until: given.keep_until,
        created_at: Timestamp::now(),
    };
    let registry = &gateway.registry;
    let set = registry.set_team_person(caller.tenant(), &person, caller.id());
    let set = set.await?;
    let hr = Asker {
        person: None,
        manages_keys: true,
    };
    Ok(Json(PersonInfo::of(set, &hr).ok_or_else(outsider)?))
}

/// Erase a person on request: every review of them, and their id in what they said of others.
#[utoipa::path(delete, path = "/api/v1/team/people/{person}", tag = "team", security(("key" = ["manage-keys"])),
    params(("person" = String, Path, description = "Id of the person")),
    responses((status = 200, description = "What was erased", body = ErasureInfo)))]
pub(crate) async fn erase(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(person): InPath<Name>,
) -> Result<Json<ErasureInfo>, Problem> {
    let registry = &gateway.registry;
    let erasure = registry.erase_team_person(caller.tenant(), &person, caller.id());
    Ok(Json(erasure.await?.into()))
}

/// List what was erased, on request or because its time was over.
#[utoipa::path(get, path = "/api/v1/team/erasures", tag = "team", security(("key" = ["manage-keys"])),
    responses((status = 200, description = "The newest first, at most 1,000", body = Vec<ErasureInfo>)))]
pub(crate) async fn erasures(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<ErasureInfo>>, Problem> {
    let erasures = gateway.registry.team_erasures(caller.tenant()).await?;
    Ok(Json(erasures.into_iter().map(Into::into).collect()))
}
