//! Cycles of reviews, and their evaluation.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::Name;
use steward_registry::team::{Criterion, Cycle, CycleSpec, Evaluation, Person, Review, Scale};
use steward_team::access::{self, Seen};
use steward_team::reviews::{EXPORT, evaluations, question};
use utoipa::ToSchema;

use super::bodies::{CriterionBody, ReviewBody, ScaleBody};
use super::{ask, asker, insider};
use crate::auth::{Anyone, Caller, ManageKeys};
use crate::extract::{InPath, JsonBody};
use crate::gateway::{Gateway, Shared};
use crate::problem::Problem;

/// A cycle to set.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamCycleGiven)]
#[serde(deny_unknown_fields)]
pub(crate) struct CycleGiven {
    #[schema(value_type = Vec<CriterionBody>)]
    pub criteria: Vec<Criterion>,
    #[schema(value_type = ScaleBody)]
    pub scale: Scale,
    /// How parts become a score between 0 and 1; none: as the function is configured.
    #[serde(default)]
    #[schema(example = "0.5 * goals + 0.3 * lead + 0.2 * first(peer, lead)")]
    pub formula: Option<String>,
    /// The deployed function of the world `team` that evaluates.
    #[serde(default = "team")]
    #[schema(value_type = Option<String>, default = "team")]
    pub function: Name,
    /// When its reviews are erased.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub keep_until: Option<Timestamp>,
}

pub(super) fn team() -> Name {
    "team".parse().expect("a name of small letters")
}

/// A cycle.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeamCycle)]
pub(crate) struct CycleInfo {
    #[schema(value_type = String)]
    pub name: Name,
    #[schema(value_type = Vec<CriterionBody>)]
    pub criteria: Vec<Criterion>,
    #[schema(value_type = ScaleBody)]
    pub scale: Scale,
    pub formula: Option<String>,
    #[schema(value_type = String)]
    pub function: Name,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub keep_until: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    pub created_by: String,
}

impl From<Cycle> for CycleInfo {
    fn from(cycle: Cycle) -> Self {
        Self {
            name: cycle.name,
            criteria: cycle.spec.criteria,
            scale: cycle.spec.scale,
            formula: cycle.spec.formula,
            function: cycle.spec.function,
            keep_until: cycle.keep_until,
            created_at: cycle.created_at,
            created_by: cycle.created_by,
        }
    }
}

/// Whose reviews are to be evaluated.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamEvaluate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evaluate {
    /// Ids of people; none: everybody whom the caller leads, or everybody for whoever manages keys.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub people: Option<Vec<Name>>,
}

/// List the cycles.
#[utoipa::path(get, path = "/api/v1/team/cycles", tag = "team", security(("key" = [])),
    responses((status = 200, description = "By name; none for who is no person of the team", body = Vec<CycleInfo>)))]
pub(crate) async fn list(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<CycleInfo>>, Problem> {
    if !asker(&gateway, &caller).await?.belongs() {
        return Ok(Json(Vec::new()));
    }
    let cycles = gateway.registry.team_cycles(caller.tenant()).await?;
    Ok(Json(cycles.into_iter().map(Into::into).collect()))
}

/// Show a cycle.
#[utoipa::path(get, path = "/api/v1/team/cycles/{cycle}", tag = "team", security(("key" = [])),
    params(("cycle" = String, Path, description = "Name of the cycle")),
    responses((status = 200, description = "The cycle", body = CycleInfo)))]
pub(crate) async fn show(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(cycle): InPath<Name>,
) -> Result<Json<CycleInfo>, Problem> {
    let found = gateway.registry.team_cycle(caller.tenant(), &cycle).await?;
    insider(&gateway, &caller).await?;
    Ok(Json(found.into()))
}

/// Set a cycle.
///
/// The function is asked about no reviews first, so that criteria, scale and formula that break a rule are refused. Reviews
/// that are not signed have to be evaluated anew.
#[utoipa::path(put, path = "/api/v1/team/cycles/{cycle}", tag = "team", security(("key" = ["manage-keys"])),
    params(("cycle" = String, Path, description = "Name of the cycle")),
    request_body = CycleGiven,
    responses(
        (status = 200, description = "The cycle", body = CycleInfo),
        (status = 422, description = "The function refuses its criteria, its scale or its formula"),
    ))]
pub(crate) async fn set(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(given): JsonBody<CycleGiven>,
) -> Result<Json<CycleInfo>, Problem> {
    let cycle = Cycle {
        name,
        spec: CycleSpec {
            criteria: given.criteria,
            scale: given.scale,
            formula: given.formula,
            function: given.function,
        },
        keep_until: given.keep_until,
        created_at: Timestamp::now(),
        created_by: caller.id().to_owned(),
    };
    let function = &cycle.spec.function;
    let none = question(&cycle, &[]);
    ask(&gateway, &caller, function, EXPORT, none, |answer| {
        evaluations(&cycle, &[], answer)
    })
    .await?;
    let registry = &gateway.registry;
    let set = registry.set_team_cycle(
        caller.tenant(),
        &cycle.name,
        &cycle.spec,
        cycle.keep_until,
        caller.id(),
    );
    Ok(Json(set.await?.into()))
}

/// Evaluate reviews of a cycle: advice, which only a signature makes final.
///
/// A lead evaluates whom they lead, whoever manages keys everybody but themself. Reviews that are signed stay as they are. A
/// review that breaks a rule is refused by itself, with reasons; one that was changed meanwhile stays a draft.
#[utoipa::path(post, path = "/api/v1/team/cycles/{cycle}/evaluation", tag = "team", security(("key" = [])),
    params(("cycle" = String, Path, description = "Name of the cycle")),
    request_body = Evaluate,
    responses(
        (status = 200, description = "The reviews, by person", body = Vec<ReviewBody>),
        (status = 422, description = "The plugin refuses the cycle"),
        (status = 502, description = "The plugin failed, or answered what it may not"),
    ))]
pub(crate) async fn evaluate(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(cycle): InPath<Name>,
    JsonBody(request): JsonBody<Evaluate>,
) -> Result<Json<Vec<Seen>>, Problem> {
    let registry = &gateway.registry;
    let tenant = caller.tenant();
    let cycle = registry.team_cycle(tenant, &cycle).await?;
    let asker = asker(&gateway, &caller).await?;
    let people = people(&gateway, &caller).await?;
    let mut reviews = registry.team_reviews(tenant, &cycle.name).await?;
    match &request.people {
        None => reviews.retain(|review| {
            let person = people.get(&review.person);
            person.is_some_and(|person| asker.eye(person).answers_for())
        }),
        Some(ids) => {
            // Each once, however often they are named.
            let ids: BTreeSet<&Name> = ids.iter().collect();
            for id in &ids {
                let person = registry.team_person(tenant, id).await?;
                asker.eye(&person).may_decide(&person)?;
            }
            reviews.retain(|review| ids.contains(&review.person));
        }
    }
    reviews.retain(|review| review.signed.is_none());
    if !reviews.is_empty() {
        let (function, question) = (&cycle.spec.function, question(&cycle, &reviews));
        let said = ask(&gateway, &caller, function, EXPORT, question, |answer| {
            evaluations(&cycle, &reviews, answer)
        });
        let said = said.await?;
        for (review, answer) in reviews.iter_mut().zip(said.answer) {
            let evaluation = Evaluation {
                revision: review.revision,
                function: said.function.clone(),
                invocation: said.invocation.clone(),
                answer,
                at: Timestamp::now(),
            };
            let person = &review.person;
            let kept = registry.keep_team_evaluation(
                tenant,
                &cycle.name,
                person,
                &evaluation,
                caller.id(),
            );
            if kept.await? {
                review.evaluation = Some(evaluation);
            } else {
                *review = registry.team_review(tenant, &cycle.name, person).await?;
            }
        }
    }
    Ok(Json(seen(&reviews, &people, &asker)))
}

/// Everybody, by id.
pub(super) async fn people<N>(
    gateway: &Gateway,
    caller: &Caller<N>,
) -> Result<BTreeMap<Name, Person>, Problem> {
    let people = gateway.registry.team_people(caller.tenant()).await?;
    Ok(people.into_iter().map(|p| (p.id.clone(), p)).collect())
}

/// What whoever asks may see of reviews.
pub(super) fn seen(
    reviews: &[Review],
    people: &BTreeMap<Name, Person>,
    asker: &access::Asker,
) -> Vec<Seen> {
    let seen = reviews.iter().filter_map(|review| {
        let person = people.get(&review.person)?;
        access::seen(review, person, asker)
    });
    seen.collect()
}
