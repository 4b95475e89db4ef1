//! Questions about datasets that are answered with noise, and the budgets that pay for them.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_data::Account;
use steward_privacy::{Limit, Query, Release, told};
use steward_registry::{
    DatasetRef, Name, PrivacyAccounting, PrivacyAsker, PrivacyBudget, PrivacyLoss,
};
use utoipa::ToSchema;

use crate::auth::{Caller, ManageKeys, Read, Use};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// What a key or a function may learn about a dataset.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SetBudget {
    /// The field whose value is the same in all rows of one person or account: who is protected. It is named once for
    /// a dataset.
    #[schema(example = "customer")]
    pub unit: String,
    /// `accounting` (`pure`, `approximate`, `concentrated`), and `epsilon` or `rho`, and `delta`.
    #[serde(flatten)]
    #[schema(value_type = LimitBody)]
    pub limit: Limit,
}

/// How much may be learnt.
#[derive(ToSchema)]
#[schema(as = PrivacyLimit)]
#[allow(dead_code, reason = "it describes what the privacy crate reads")]
pub(crate) struct LimitBody {
    /// `pure`, `approximate` or `concentrated`.
    #[schema(example = "pure")]
    accounting: String,
    #[schema(example = 1.0)]
    epsilon: Option<f64>,
    rho: Option<f64>,
    delta: Option<f64>,
}

/// A budget and what is left of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Budget {
    pub dataset: String,
    /// Who asks: the id of a key, or `function:NAME`.
    pub principal: String,
    /// `pure`, `approximate` or `concentrated`.
    #[schema(value_type = String)]
    pub accounting: PrivacyAccounting,
    /// In words, as `ε 1`.
    #[schema(example = "ε 1")]
    pub limit: String,
    #[schema(example = "ε 0.4")]
    pub spent: String,
    #[schema(example = "ε 0.6")]
    pub left: String,
    /// In whole units: 1e-9 of ε or ρ, 1e-18 of δ.
    #[schema(value_type = LossBody)]
    pub left_units: PrivacyLoss,
}

/// A loss of privacy in whole units.
#[derive(ToSchema)]
#[schema(as = PrivacyLoss)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct LossBody {
    /// 1e-9 of ε or ρ.
    loss: u64,
    /// 1e-18 of δ.
    delta: u64,
}

impl From<PrivacyBudget> for Budget {
    fn from(budget: PrivacyBudget) -> Self {
        let accounting = budget.accounting;
        let left = budget.left();
        Self {
            limit: told(accounting, budget.limit),
            spent: told(accounting, budget.spent),
            left: told(accounting, left),
            left_units: left,
            accounting,
            dataset: budget.account.dataset,
            principal: budget.account.principal,
        }
    }
}

/// One drawing of noise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    /// The question and the snapshot that was asked.
    pub question: Value,
    /// 1, 2, 3 … where an attempt was cut short after it was paid.
    pub attempt: u64,
    #[schema(value_type = LossBody)]
    pub cost: PrivacyLoss,
    #[schema(value_type = String, format = DateTime)]
    pub paid_at: Timestamp,
    /// None where no answer was let out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
}

/// A question.
#[derive(ToSchema)]
#[schema(as = PrivacyQuestion)]
#[allow(dead_code, reason = "it describes what the privacy crate reads")]
pub(crate) struct QuestionBody {
    /// `kind` is `count`, `sum`, `mean`, `quantile`, `histogram`, `top-k` or `table`; bounds, keys and edges are chosen
    /// without a look at the data.
    #[schema(example = json!({"kind": "mean", "column": "amount", "lower": 0, "upper": 500}))]
    ask: Value,
    /// Only rows that meet all of these: `one-of` or `between`.
    #[schema(rename = "where")]
    conditions: Option<Vec<Value>>,
    /// At most so many rows of a unit count in each group.
    #[schema(default = 1)]
    rows_per_unit: Option<u32>,
    /// A unit counts in at most so many groups.
    #[schema(default = 1)]
    groups_per_unit: Option<u32>,
    /// `epsilon` or `rho`, and `delta`.
    #[schema(example = json!({"epsilon": 0.1}))]
    spend: Value,
}

/// An answer with noise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// `number`, `table` or `ranking`.
    #[schema(value_type = Value)]
    pub release: Release,
    /// Whether the same was asked before: then it is the answer of then, and nothing was spent.
    pub repeated: bool,
    /// What was spent now, in words.
    #[schema(example = "ε 0.1")]
    pub cost: String,
    pub budget: Budget,
}

/// List the privacy budgets of the tenant.
#[utoipa::path(get, path = "/api/v1/privacy/budgets", tag = "privacy", security(("key" = ["read"])),
    responses((status = 200, description = "By dataset and key", body = Vec<Budget>)))]
pub(crate) async fn budgets(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<Budget>>, Problem> {
    let budgets = gateway.questions.budgets(caller.tenant()).await?;
    Ok(Json(budgets.into_iter().map(Into::into).collect()))
}

/// Set what a key or a function may learn about a dataset, its snapshots of all times together. What is spent stays spent.
#[utoipa::path(put, path = "/api/v1/privacy/budgets/{dataset}/{principal}", tag = "privacy", security(("key" = ["manage-keys"])),
    params(
        ("dataset" = String, Path, description = "Name of the dataset"),
        ("principal" = String, Path, description = "Id of the key that will ask, or `function:NAME`"),
    ),
    request_body = SetBudget,
    responses(
        (status = 200, description = "The budget", body = Budget),
        (status = 409, description = "The unit of the dataset is another field"),
    ))]
pub(crate) async fn set_budget(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InPath((dataset, principal)): InPath<(Name, String)>,
    JsonBody(request): JsonBody<SetBudget>,
) -> Result<Json<Budget>, Problem> {
    match principal.parse::<PrivacyAsker>()? {
        PrivacyAsker::Function(name) => {
            gateway.registry.function(caller.tenant(), &name).await?;
        }
        PrivacyAsker::Key(id) => {
            let known = gateway.registry.keys(caller.tenant()).await?;
            if !known.iter().any(|known| known.id == id) {
                let detail =
                    format!("there is no key with the id `{id}`; `steward key list` shows them");
                return Err(Problem::new(&codes::NOT_FOUND, detail));
            }
        }
    }
    let account = Account {
        tenant: caller.tenant().clone(),
        dataset,
        principal,
    };
    let SetBudget { unit, limit } = request;
    let questions = &gateway.questions;
    let set = questions.set_budget(&account, &unit, &limit, caller.id());
    Ok(Json(set.await?.into()))
}

/// Show what was paid from a budget.
#[utoipa::path(get, path = "/api/v1/privacy/budgets/{dataset}/{principal}", tag = "privacy", security(("key" = ["read"])),
    params(
        ("dataset" = String, Path, description = "Name of the dataset"),
        ("principal" = String, Path, description = "Id of the key that asks, or `function:NAME`"),
    ),
    responses((status = 200, description = "Newest first, at most 1,000", body = Vec<Entry>)))]
pub(crate) async fn entries(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath((dataset, principal)): InPath<(Name, String)>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let account = Account {
        tenant: caller.tenant().clone(),
        dataset,
        principal,
    };
    let entries = gateway.questions.entries(&account).await?;
    let entries = entries.into_iter().map(|entry| Entry {
        question: serde_json::from_str(&entry.body).unwrap_or(Value::String(entry.body)),
        attempt: entry.attempt,
        cost: entry.cost,
        paid_at: entry.created_at,
        answered_at: entry.answered_at,
    });
    Ok(Json(entries.collect()))
}

/// Ask a question about a dataset and get an answer with noise.
///
/// What it costs is paid from the budget of the key, durably, before noise is drawn, and never comes back. The same
/// question about the same snapshot is answered as before and costs nothing.
#[utoipa::path(post, path = "/api/v1/privacy/ask/{dataset}", tag = "privacy", security(("key" = ["invoke"])),
    params(("dataset" = String, Path, description = "`name`, or `name@snapshot`")),
    request_body = QuestionBody,
    responses(
        (status = 200, description = "The answer and what is left", body = Answer),
        (status = 402, description = "Too little is left"),
        (status = 403, description = "The key has no budget for the dataset"),
        (status = 422, description = "The question breaks a rule; nothing was spent"),
    ))]
pub(crate) async fn ask(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath(dataset): InPath<DatasetRef>,
    JsonBody(query): JsonBody<Query>,
) -> Result<Json<Answer>, Problem> {
    let questions = &gateway.questions;
    let answer = questions.ask(caller.tenant(), &dataset, caller.id(), &query);
    let answer = answer.await?;
    Ok(Json(Answer {
        cost: told(answer.accounting(), answer.cost),
        repeated: answer.repeated,
        release: answer.release,
        budget: answer.budget.into(),
    }))
}
