//! The audit log of the tenant.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, ManageKeys};
use crate::extract::InQuery;
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// The most entries of one answer.
const MAX_ENTRIES: u32 = 1000;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Entries before this number; none means from the newest on.
    #[serde(default)]
    pub before: Option<u64>,
    /// How many; at most 1,000.
    #[serde(default = "limit")]
    #[param(default = 100, maximum = 1000)]
    pub limit: u32,
}

fn limit() -> u32 {
    100
}

/// What must still be in the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnchorQuery {
    /// Number of an entry that was noted elsewhere.
    #[serde(default)]
    pub number: Option<u64>,
    /// Its hash.
    #[serde(default)]
    pub hash: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// 1, 2, 3 … within the tenant.
    pub number: u64,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Id of the key, or `oidc:ISSUER:SUBJECT`, or `local` for a command that worked on the registry itself.
    pub principal: String,
    /// Method and route, or a command.
    #[schema(example = "PUT /api/v1/functions/{name}")]
    pub action: String,
    /// The path.
    #[schema(example = "/api/v1/functions/echo")]
    pub target: String,
    /// `done`, or the code of the problem that refused it.
    #[schema(example = "done")]
    pub outcome: String,
    /// Hash of the entry before; zeros for the first.
    pub previous: String,
    /// SHA-256 over the tenant and the members above, in hex.
    pub hash: String,
}

impl From<steward_registry::AuditEntry> for AuditEntry {
    fn from(e: steward_registry::AuditEntry) -> Self {
        Self {
            number: e.number,
            at: e.at,
            principal: e.principal,
            action: e.action,
            target: e.target,
            outcome: e.outcome,
            previous: e.previous,
            hash: e.hash,
        }
    }
}

/// What a look over the whole log found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditVerification {
    /// How many entries hold together from the first on.
    pub entries: u64,
    /// Hash of the last of them: what to note elsewhere.
    pub head: String,
    /// Where the chain breaks; none where it is whole.
    pub broken: Option<AuditBreak>,
}

/// Where a chain breaks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditBreak {
    pub number: u64,
    pub reason: String,
}

/// List who changed what, and who was refused.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", security(("key" = ["manage-keys"])),
    params(AuditQuery),
    responses((status = 200, description = "Newest first", body = Vec<AuditEntry>)))]
pub(crate) async fn list(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InQuery(query): InQuery<AuditQuery>,
) -> Result<Json<Vec<AuditEntry>>, Problem> {
    let limit = query.limit.min(MAX_ENTRIES);
    let entries = gateway
        .registry
        .audit(caller.tenant(), query.before, limit)
        .await?;
    Ok(Json(entries.into_iter().map(Into::into).collect()))
}

/// Compute every hash of the log again, and say where the chain breaks.
#[utoipa::path(get, path = "/api/v1/audit/verification", tag = "audit", security(("key" = ["manage-keys"])),
    params(AnchorQuery),
    responses((status = 200, description = "Whether the log is whole", body = AuditVerification)))]
pub(crate) async fn verify(
    caller: Caller<ManageKeys>,
    State(gateway): State<Shared>,
    InQuery(query): InQuery<AnchorQuery>,
) -> Result<Json<AuditVerification>, Problem> {
    let anchor = match (query.number, query.hash.as_deref()) {
        (Some(number), Some(hash)) => Some((number, hash)),
        (None, None) => None,
        _ => {
            return Err(Problem::new(
                &codes::INVALID_QUERY,
                "`number` and `hash` belong together",
            ));
        }
    };
    let found = gateway
        .registry
        .verify_audit(caller.tenant(), anchor)
        .await?;
    Ok(Json(AuditVerification {
        entries: found.entries,
        head: found.head,
        broken: found.broken.map(|b| AuditBreak {
            number: b.number,
            reason: b.reason,
        }),
    }))
}
