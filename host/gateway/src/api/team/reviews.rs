//! Reviews: goals, what raters say, scores that are moved, signatures.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use steward_registry::Name;
use steward_registry::team::{Calibration, Evidence, Goal, Input, Person, Rating};
use steward_team::TeamError;
use steward_team::access::{self, Asker, Seen, outsider};
use steward_team::reviews::{check_ratings, score};
use utoipa::ToSchema;

use super::asker;
use super::bodies::{EvidenceBody, GoalBody, RatingBody, ReviewBody};
use super::cycles::{people, seen};
use crate::auth::{Anyone, Caller};
use crate::extract::{InPath, JsonBody};
use crate::gateway::{Gateway, Shared};
use crate::problem::Problem;

/// What a person set out to do.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamGoals)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goals {
    #[schema(value_type = Vec<GoalBody>)]
    pub goals: Vec<Goal>,
}

/// What one rater says.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamInput)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputGiven {
    /// Each criterion of the cycle once.
    #[schema(value_type = Vec<RatingBody>)]
    pub ratings: Vec<Rating>,
    /// What they rest on.
    #[serde(default)]
    #[schema(value_type = Vec<EvidenceBody>)]
    pub evidence: Vec<Evidence>,
}

/// A score to move.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamCalibration)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalibrationGiven {
    /// The revision that whoever moves it has seen.
    pub revision: u64,
    /// Where it is moved to, on the scale of the cycle.
    pub after: f64,
    /// Why.
    pub reason: String,
}

/// What is signed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamSignOff)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignOff {
    /// The revision that whoever signs has seen: nobody signs what they did not see.
    pub revision: u64,
}

/// List the reviews of a cycle that the caller may see, each as far as they may see it.
#[utoipa::path(get, path = "/api/v1/team/cycles/{cycle}/reviews", tag = "team", security(("key" = [])),
    params(("cycle" = String, Path, description = "Name of the cycle")),
    responses((status = 200, description = "By person", body = Vec<ReviewBody>)))]
pub(crate) async fn list(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(cycle): InPath<Name>,
) -> Result<Json<Vec<Seen>>, Problem> {
    let reviews = gateway.registry.team_reviews(caller.tenant(), &cycle);
    let reviews = reviews.await?;
    let asker = asker(&gateway, &caller).await?;
    let people = people(&gateway, &caller).await?;
    Ok(Json(seen(&reviews, &people, &asker)))
}

/// Show a review as far as the caller may see it.
#[utoipa::path(get, path = "/api/v1/team/cycles/{cycle}/reviews/{person}", tag = "team", security(("key" = [])),
    params(("cycle" = String, Path, description = "Name of the cycle"), ("person" = String, Path, description = "Id of the person")),
    responses((status = 200, description = "The review", body = ReviewBody)))]
pub(crate) async fn show(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath((cycle, person)): InPath<(Name, Name)>,
) -> Result<Json<Seen>, Problem> {
    let (asker, person) = stand(&gateway, &caller, &cycle, &person).await?;
    looked_at(&gateway, &caller, &cycle, &person, &asker).await
}

/// Set what a person set out to do: by themself, their lead, or whoever manages keys.
#[utoipa::path(put, path = "/api/v1/team/cycles/{cycle}/reviews/{person}/goals", tag = "team", security(("key" = [])),
    params(("cycle" = String, Path, description = "Name of the cycle"), ("person" = String, Path, description = "Id of the person")),
    request_body = Goals,
    responses(
        (status = 200, description = "The review", body = ReviewBody),
        (status = 409, description = "The review is signed"),
        (status = 422, description = "A list or a text is too long"),
    ))]
pub(crate) async fn set_goals(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath((cycle, person)): InPath<(Name, Name)>,
    JsonBody(given): JsonBody<Goals>,
) -> Result<Json<Seen>, Problem> {
    let (asker, person) = stand(&gateway, &caller, &cycle, &person).await?;
    asker.eye(&person).may_set_goals(&person)?;
    let registry = &gateway.registry;
    registry
        .set_team_goals(
            caller.tenant(),
            &cycle,
            &person.id,
            &given.goals,
            caller.id(),
        )
        .await?;
    looked_at(&gateway, &caller, &cycle, &person, &asker).await
}

/// Say what the caller thinks of a person: of themself, as their lead, or as a peer. It takes the place of what they said
/// before.
#[utoipa::path(put, path = "/api/v1/team/cycles/{cycle}/reviews/{person}/input", tag = "team", security(("key" = [])),
    params(("cycle" = String, Path, description = "Name of the cycle"), ("person" = String, Path, description = "Id of the person")),
    request_body = InputGiven,
    responses(
        (status = 200, description = "The review", body = ReviewBody),
        (status = 409, description = "The review is signed"),
        (status = 422, description = "A rating is outside the scale, or a criterion is not rated once"),
    ))]
pub(crate) async fn give_input(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath((cycle, person)): InPath<(Name, Name)>,
    JsonBody(given): JsonBody<InputGiven>,
) -> Result<Json<Seen>, Problem> {
    let (asker, person) = stand(&gateway, &caller, &cycle, &person).await?;
    let (rater, perspective) = asker.rates(&person)?;
    let registry = &gateway.registry;
    let rules = registry.team_cycle(caller.tenant(), &cycle).await?;
    check_ratings(&rules, &given.ratings)?;
    let input = Input {
        perspective,
        rater: rater.to_string(),
        ratings: given.ratings,
        evidence: given.evidence,
        at: Timestamp::now(),
    };
    registry
        .give_team_input(caller.tenant(), &cycle, &person.id, &input, caller.id())
        .await?;
    looked_at(&gateway, &caller, &cycle, &person, &asker).await
}

/// Move the score of a review by hand, from what was advised: by the lead or whoever manages keys. Before, after, who and
/// why are kept; the review has to be evaluated anew. It holds until goals, inputs or the cycle change: the score is then
/// another one.
#[utoipa::path(post, path = "/api/v1/team/cycles/{cycle}/reviews/{person}/calibrations", tag = "team", security(("key" = [])),
    params(("cycle" = String, Path, description = "Name of the cycle"), ("person" = String, Path, description = "Id of the person")),
    request_body = CalibrationGiven,
    responses(
        (status = 200, description = "The review", body = ReviewBody),
        (status = 409, description = "The review is signed, or was changed since it was seen"),
        (status = 422, description = "The score is outside the scale, has no reason, or nothing was advised"),
    ))]
pub(crate) async fn calibrate(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath((cycle, person)): InPath<(Name, Name)>,
    JsonBody(given): JsonBody<CalibrationGiven>,
) -> Result<Json<Seen>, Problem> {
    let (asker, person) = stand(&gateway, &caller, &cycle, &person).await?;
    asker.eye(&person).may_decide(&person)?;
    let registry = &gateway.registry;
    let tenant = caller.tenant();
    let review = registry.team_review(tenant, &cycle, &person.id).await?;
    let before = access::current(&review).and_then(|evaluation| score(&evaluation.answer));
    let Some(before) = before else {
        return Err(TeamError::Invalid(
            "nothing is advised about the review as it is now; evaluate it first".into(),
        )
        .into());
    };
    let scale = registry.team_cycle(tenant, &cycle).await?.spec.scale;
    if !(scale.lowest..=scale.highest).contains(&given.after) {
        return Err(TeamError::Invalid(format!(
            "{} is outside the scale from {} to {}",
            given.after, scale.lowest, scale.highest
        ))
        .into());
    }
    let calibration = Calibration {
        revision: given.revision,
        before,
        after: given.after,
        by: caller.id().to_owned(),
        reason: given.reason,
        at: Timestamp::now(),
    };
    registry
        .calibrate_team_review(tenant, &cycle, &person.id, &calibration)
        .await?;
    looked_at(&gateway, &caller, &cycle, &person, &asker).await
}

/// Make a review final, as it was evaluated: by the lead or whoever manages keys, and never by the person.
#[utoipa::path(post, path = "/api/v1/team/cycles/{cycle}/reviews/{person}/sign-off", tag = "team", security(("key" = [])),
    params(("cycle" = String, Path, description = "Name of the cycle"), ("person" = String, Path, description = "Id of the person")),
    request_body = SignOff,
    responses(
        (status = 200, description = "The review", body = ReviewBody),
        (status = 409, description = "The review is signed, was changed since it was seen, or was not evaluated since"),
        (status = 422, description = "The plugin refused the review"),
    ))]
pub(crate) async fn sign_off(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath((cycle, person)): InPath<(Name, Name)>,
    JsonBody(given): JsonBody<SignOff>,
) -> Result<Json<Seen>, Problem> {
    let (asker, person) = stand(&gateway, &caller, &cycle, &person).await?;
    asker.eye(&person).may_decide(&person)?;
    let registry = &gateway.registry;
    registry
        .sign_team_review(
            caller.tenant(),
            &cycle,
            &person.id,
            given.revision,
            caller.id(),
        )
        .await?;
    looked_at(&gateway, &caller, &cycle, &person, &asker).await
}

/// Who asks, about whom: both are there, and so is the cycle.
async fn stand(
    gateway: &Gateway,
    caller: &Caller<Anyone>,
    cycle: &Name,
    person: &Name,
) -> Result<(Asker, Person), Problem> {
    let registry = &gateway.registry;
    registry.team_cycle(caller.tenant(), cycle).await?;
    let person = registry.team_person(caller.tenant(), person).await?;
    Ok((asker(gateway, caller).await?, person))
}

async fn looked_at(
    gateway: &Gateway,
    caller: &Caller<Anyone>,
    cycle: &Name,
    person: &Person,
    asker: &Asker,
) -> Result<Json<Seen>, Problem> {
    let review = gateway
        .registry
        .team_review(caller.tenant(), cycle, &person.id);
    let review = review.await?;
    let seen = access::seen(&review, person, asker);
    Ok(Json(seen.ok_or_else(outsider)?))
}
