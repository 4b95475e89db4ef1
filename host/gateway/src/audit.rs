//! The seam of the audit log: every request to the management API passes it, and what it changed is recorded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use parking_lot::Mutex;
use steward_registry::audit::DONE;
use steward_registry::{AuditDraft, Registry, Trail, audited};

use crate::gateway::Shared;
use crate::problem::Problem;

/// Does the request with an empty trail, which [`crate::auth::Caller`] begins where the request changes something.
/// The transaction of the change carries the entry; what changed nothing in the registry is recorded afterwards.
pub(crate) async fn trail(
    State(gateway): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let trail = Arc::new(Trail::default());
    request.extensions_mut().insert(trail.clone());
    let response = audited(trail.clone(), next.run(request)).await;
    if response.status().is_success()
        && let Some(draft) = trail.take()
        && let Err(error) = gateway.registry.record_audit(&draft, DONE).await
    {
        tracing::error!(%error, action = draft.action, principal = draft.principal, "not in the audit log");
    }
    response
}

/// Between two entries of the same refusal: whoever is refused must not fill the log.
const PAUSE: Duration = Duration::from_secs(60);
/// How many refusals are remembered. Beyond it further ones are not recorded until these are old.
const MAX_REMEMBERED: usize = 4096;

/// What was refused lately, and is in the log.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<(String, String, String), Instant>>);

impl Refusals {
    /// Records that a known principal was refused, once a minute for each principal, action and code. The answer
    /// does not wait for it.
    pub fn record(&self, registry: &Registry, draft: AuditDraft, problem: &Problem) {
        let code = problem.code();
        if !self.is_new(&draft, code, Instant::now()) {
            return;
        }
        let registry = registry.clone();
        tokio::spawn(async move {
            if let Err(error) = registry.record_audit(&draft, code).await {
                tracing::error!(%error, action = draft.action, principal = draft.principal, "not in the audit log");
            }
        });
    }

    fn is_new(&self, draft: &AuditDraft, code: &str, now: Instant) -> bool {
        let key = (
            draft.principal.clone(),
            draft.action.clone(),
            code.to_owned(),
        );
        let is_old = |at: &Instant| now.duration_since(*at) >= PAUSE;
        let mut remembered = self.0.lock();
        if remembered.get(&key).is_some_and(|at| !is_old(at)) {
            return false;
        }
        if remembered.len() >= MAX_REMEMBERED {
            remembered.retain(|_, at| !is_old(at));
            if remembered.len() >= MAX_REMEMBERED {
                return false;
            }
        }
        remembered.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_refusal_is_recorded_once_a_minute() {
        let refusals = Refusals::default();
        let draft = |principal: String| AuditDraft {
            tenants: Vec::new(),
            principal,
            action: "GET /x".into(),
            target: "/x".into(),
        };
        let now = Instant::now();
        let one = draft("one".into());
        assert!(refusals.is_new(&one, "forbidden", now));
        assert!(!refusals.is_new(&one, "forbidden", now + PAUSE / 2));
        assert!(refusals.is_new(&one, "out-of-scope", now));
        assert!(refusals.is_new(&one, "forbidden", now + PAUSE));
        // Whoever has many names does not fill the memory either.
        let recorded = (0..2 * MAX_REMEMBERED)
            .filter(|i| refusals.is_new(&draft(format!("p{i}")), "forbidden", now + PAUSE));
        assert!(recorded.count() <= MAX_REMEMBERED);
        assert!(refusals.0.lock().len() <= MAX_REMEMBERED);
    }
}
