//! Processes that candidates go through: scores, scorecards, decisions.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_registry::Name;
use steward_registry::team::{Decision, Process, ProcessSpec, Score, Signature, Stage};
use steward_team::TeamError;
use steward_team::access::outsider;
use steward_team::scorecards::{EXPORT, check, of_candidate, question, scorecard};
use utoipa::ToSchema;

use super::bodies::StageBody;
use super::cycles::team;
use super::people::ErasureInfo;
use super::{ask, asker, insider, person_of};
use crate::auth::{Anyone, Caller, ManageKeys};
use crate::extract::{InPath, JsonBody};
use crate::gateway::{Gateway, Shared};
use crate::problem::Problem;

/// A process to set.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamProcessGiven)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProcessGiven {
    /// In the order in which candidates go through them.
    #[schema(value_type = Vec<StageBody>)]
    pub stages: Vec<Stage>,
    /// The deployed function of the world `team` that brings scores together.
    #[serde(default = "team")]
    #[schema(value_type = Option<String>, default = "team")]
    pub function: Name,
    /// When its scores and decisions are erased.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub keep_until: Option<Timestamp>,
}

/// A process.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeamProcess)]
pub(crate) struct ProcessInfo {
    #[schema(value_type = String)]
    pub name: Name,
    #[schema(value_type = Vec<StageBody>)]
    pub stages: Vec<Stage>,
    #[schema(value_type = String)]
    pub function: Name,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub keep_until: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    pub created_by: String,
}

impl From<Process> for ProcessInfo {
    fn from(process: Process) -> Self {
        Self {
            name: process.name,
            stages: process.spec.stages,
            function: process.spec.function,
            keep_until: process.keep_until,
            created_at: process.created_at,
            created_by: process.created_by,
        }
    }
}

/// What a rater says of a candidate in one stage.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamScoresGiven)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScoresGiven {
    #[schema(example = "screen")]
    pub stage: String,
    pub scores: Vec<ScoreGiven>,
}

/// What a rater says about one criterion.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamScoreGiven)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScoreGiven {
    pub criterion: String,
    /// On the scale of the stage.
    pub value: f64,
    /// What it rests on: never empty.
    pub evidence: String,
}

/// A score that was given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeamScore)]
pub(crate) struct ScoreInfo {
    #[schema(value_type = String)]
    pub candidate: Name,
    pub stage: String,
    pub criterion: String,
    pub rater: String,
    pub value: f64,
    pub evidence: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<Score> for ScoreInfo {
    fn from(score: Score) -> Self {
        Self {
            candidate: score.candidate,
            stage: score.stage,
            criterion: score.criterion,
            rater: score.rater,
            value: score.value,
            evidence: score.evidence,
            at: score.at,
        }
    }
}

/// A decision to sign.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TeamDecisionGiven)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionGiven {
    #[schema(example = "offer")]
    pub decision: String,
    /// Why, in words of whoever decides.
    pub reason: String,
}

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeamDecision)]
pub(crate) struct DecisionInfo {
    #[schema(value_type = String)]
    pub candidate: Name,
    pub decision: String,
    pub reason: String,
    /// What the plugin said of the candidate then.
    pub advice: Value,
    pub signed_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub signed_at: Timestamp,
}

impl From<Decision> for DecisionInfo {
    fn from(decision: Decision) -> Self {
        Self {
            candidate: decision.candidate,
            decision: decision.decision,
            reason: decision.reason,
            advice: decision.advice,
            signed_by: decision.signed.by,
            signed_at: decision.signed.at,
        }
    }
}

/// List the processes.
#[utoipa::path(get, path = "/api/v1/team/processes", tag = "team", security(("key" = [])),
    responses((status = 200, description = "By name; none for who is no person of the team", body = Vec<ProcessInfo>)))]
pub(crate) async fn list(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<ProcessInfo>>, Problem> {
    if !asker(&gateway, &caller).await?.belongs() {
        return Ok(Json(Vec::new()));
    }
    let processes = gateway.registry.team_processes(caller.tenant()).await?;
    Ok(Json(processes.into_iter().map(Into::into).collect()))
}

/// Show a process.
#[utoipa::path(get, path = "/api/v1/team/processes/{process}", tag = "team", security(("key" = [])),
    params(("process" = String, Path, description = "Name of the process")),
    responses((status = 200, description = "The process", body = ProcessInfo)))]
pub(crate) async fn show(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(process): InPath<Name>,
) -> Result<Json<ProcessInfo>, Problem> {
    let found = gateway.registry.team_process(caller.tenant(), &process);
    let found = found.await?;
    insider(&gateway, &caller).await?;
    Ok(Json(found.into()))
}

/// Set a process. The function is asked about no scores first, so that stages that break a rule are refused.
#[utoipa::path(put, path = "/api/v1/team/processes/{process}", tag = "team", security(("key" = ["manage-keys"])),
    params(("process" = String, Path, description = "Name of the process")),
    request_body = ProcessGiven,
    responses(
        (status = 200, description = "The process", body = ProcessInfo),
        (status = 422, description = "The function refuses its stages"),
    ))]
pub(crate) async fn set(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(given): JsonBody<ProcessGiven>,
) -> Result<Json<ProcessInfo>, Problem> {
    let process = Process {
        name,
        spec: ProcessSpec {
            stages: given.stages,
            function: given.function,
        },
        keep_until: given.keep_until,
        created_at: Timestamp::now(),
        created_by: caller.id().to_owned(),
    };
    brought_together(&gateway, &caller, &process, &[]).await?;
    let set = gateway.registry.set_team_process(
        caller.tenant(),
        &process.name,
        &process.spec,
        process.keep_until,
        caller.id(),
    );
    Ok(Json(set.await?.into()))
}

/// Say what the caller thinks of a candidate. It takes the place of what they said of the same criteria before.
#[utoipa::path(put, path = "/api/v1/team/processes/{process}/candidates/{candidate}/scores", tag = "team", security(("key" = [])),
    params(("process" = String, Path, description = "Name of the process"), ("candidate" = String, Path, description = "A pseudonym of the candidate")),
    request_body = ScoresGiven,
    responses(
        (status = 200, description = "What the caller said of the candidate", body = Vec<ScoreInfo>),
        (status = 409, description = "It was decided about the candidate"),
        (status = 422, description = "A score is outside the scale, of nothing that is rated, or without evidence"),
    ))]
pub(crate) async fn give_scores(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath((process, candidate)): InPath<(Name, Name)>,
    JsonBody(given): JsonBody<ScoresGiven>,
) -> Result<Json<Vec<ScoreInfo>>, Problem> {
    let registry = &gateway.registry;
    let tenant = caller.tenant();
    let process = registry.team_process(tenant, &process).await?;
    let rater = person_of(&gateway, &caller).await?.ok_or_else(outsider)?;
    let at = Timestamp::now();
    let scores: Vec<Score> = given
        .scores
        .into_iter()
        .map(|score| Score {
            candidate: candidate.clone(),
            stage: given.stage.clone(),
            criterion: score.criterion,
            rater: rater.id.to_string(),
            value: score.value,
            evidence: score.evidence,
            at,
        })
        .collect();
    for score in &scores {
        check(&process, score)?;
    }
    registry
        .give_team_scores(tenant, &process.name, &scores, caller.id())
        .await?;
    let all = registry.team_scores(tenant, &process.name).await?;
    let own = all
        .into_iter()
        .filter(|score| score.candidate == candidate && score.rater == rater.id.as_str());
    Ok(Json(own.map(Into::into).collect()))
}

/// List scores: for whoever manages keys all but those of themself, for raters those that they gave.
#[utoipa::path(get, path = "/api/v1/team/processes/{process}/scores", tag = "team", security(("key" = [])),
    params(("process" = String, Path, description = "Name of the process")),
    responses((status = 200, description = "By candidate, stage, criterion and rater", body = Vec<ScoreInfo>)))]
pub(crate) async fn scores(
    caller: Caller<Anyone>,
    State(gateway): State<Shared>,
    InPath(process): InPath<Name>,
) -> Result<Json<Vec<ScoreInfo>>, Problem> {
    let scores = gateway.registry.team_scores(caller.tenant(), &process);
    let scores = scores.await?;
    let asker = asker(&gateway, &caller).await?;
    let seen = scores.into_iter().filter(|score| asker.reads_score(score));
    Ok(Json(seen.map(Into::into).collect()))
}

/// Bring the scores of a process together: advice about each candidate, and how far raters agree.
#[utoipa::path(post, path = "/api/v1/team/processes/{process}/evaluation", tag = "team", security(("key" = ["manage-keys"])),
    params(("process" = String, Path, description = "Name of the process")),
    responses(
        (status = 200, description = "`candidates`, `agreement` by stage, and the scores that were `refused`", body = Value),
        (status = 502, description = "The plugin failed, or answered what it may not"),
    ))]
pub(crate) async fn evaluate(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(process): InPath<Name>,
) -> Result<Json<Value>, Problem> {
    let registry = &gateway.registry;
    let process = registry.team_process(caller.tenant(), &process).await?;
    let mut scores = registry.team_scores(caller.tenant(), &process.name).await?;
    let asker = asker(&gateway, &caller).await?;
    scores.retain(|score| asker.reads_score(score));
    Ok(Json(
        brought_together(&gateway, &caller, &process, &scores).await?,
    ))
}

/// List the decisions of a process.
#[utoipa::path(get, path = "/api/v1/team/processes/{process}/decisions", tag = "team", security(("key" = ["manage-keys"])),
    params(("process" = String, Path, description = "Name of the process")),
    responses((status = 200, description = "By candidate", body = Vec<DecisionInfo>)))]
pub(crate) async fn decisions(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath(process): InPath<Name>,
) -> Result<Json<Vec<DecisionInfo>>, Problem> {
    let decisions = gateway.registry.team_decisions(caller.tenant(), &process);
    Ok(Json(decisions.await?.into_iter().map(Into::into).collect()))
}

/// Decide about a candidate, once. The advice as it is now is kept beside the decision.
#[utoipa::path(post, path = "/api/v1/team/processes/{process}/candidates/{candidate}/sign-off", tag = "team", security(("key" = ["manage-keys"])),
    params(("process" = String, Path, description = "Name of the process"), ("candidate" = String, Path, description = "A pseudonym of the candidate")),
    request_body = DecisionGiven,
    responses(
        (status = 200, description = "The decision", body = DecisionInfo),
        (status = 409, description = "It was decided before"),
        (status = 422, description = "It has no reason"),
        (status = 502, description = "The plugin failed, or answered what it may not"),
    ))]
pub(crate) async fn sign_off(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath((process, candidate)): InPath<(Name, Name)>,
    JsonBody(given): JsonBody<DecisionGiven>,
) -> Result<Json<DecisionInfo>, Problem> {
    let registry = &gateway.registry;
    let tenant = caller.tenant();
    let process = registry.team_process(tenant, &process).await?;
    let person = person_of(&gateway, &caller).await?;
    if person.is_some_and(|person| person.id == candidate) {
        return Err(TeamError::NotYours("nobody decides about themself".into()).into());
    }
    let scores = registry.team_scores(tenant, &process.name).await?;
    let together = brought_together(&gateway, &caller, &process, &scores).await?;
    let advice = of_candidate(&together, candidate.as_str()).cloned();
    let decision = Decision {
        candidate,
        decision: given.decision,
        reason: given.reason,
        advice: advice.unwrap_or_default(),
        signed: Signature {
            by: caller.id().to_owned(),
            at: Timestamp::now(),
        },
    };
    registry
        .sign_team_decision(tenant, &process.name, &decision)
        .await?;
    Ok(Json(decision.into()))
}

/// Erase a candidate on request: every score and the decision.
#[utoipa::path(delete, path = "/api/v1/team/processes/{process}/candidates/{candidate}", tag = "team", security(("key" = ["manage-keys"])),
    params(("process" = String, Path, description = "Name of the process"), ("candidate" = String, Path, description = "A pseudonym of the candidate")),
    responses((status = 200, description = "What was erased", body = ErasureInfo)))]
pub(crate) async fn erase(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath((process, candidate)): InPath<(Name, Name)>,
) -> Result<Json<ErasureInfo>, Problem> {
    let registry = &gateway.registry;
    let erasure = registry.erase_team_candidate(caller.tenant(), &process, &candidate, caller.id());
    Ok(Json(erasure.await?.into()))
}

async fn brought_together(
    gateway: &Gateway,
    caller: &Caller<ManageKeys>,
    process: &Process,
    scores: &[Score],
) -> Result<Value, Problem> {
    let (function, question) = (&process.spec.function, question(process, scores));
    let said = ask(gateway, caller, function, EXPORT, question, |answer| {
        scorecard(scores, answer)
    });
    Ok(said.await?.answer)
}
