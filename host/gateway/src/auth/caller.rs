//! What a handler must take as its first argument to be behind a key.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use http::Method;
use http::request::Parts;
use steward_registry::{Action, AuditDraft, Principal, TenantId, Trail};

use super::keys::{Thing, permit};
use super::known::Known;
use crate::gateway::{Gateway, Shared};
use crate::problem::Problem;
use crate::spans;

/// What a route needs of its caller.
pub(crate) trait Need: Send + Sync + 'static {
    const ACTION: Option<Action>;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $action:expr;)*) => {
        $($(#[$doc])* pub(crate) struct $name;
        impl Need for $name { const ACTION: Option<Action> = $action; })*
    };
}

needs! {
    /// Any key that is good.
    Anyone = None;
    /// Read metadata, logs and usage.
    Read = Some(Action::Read);
    /// Invoke functions and models.
    Use = Some(Action::Invoke);
    /// Publish, deploy, roll back.
    Publish = Some(Action::Publish);
    /// Create, list and revoke keys.
    ManageKeys = Some(Action::ManageKeys);
    /// Create, change, list and delete tenants.
    ManageTenants = Some(Action::ManageTenants);
}

/// The principal behind a request, which is allowed what `N` names. As the first argument of a
/// handler it is settled before any part of the path or the body is looked at.
///
/// A change is recorded in the audit log, and so is a refusal: by who takes this argument, and so by every route.
pub(crate) struct Caller<N> {
    known: Arc<Known>,
    trail: Option<Arc<Trail>>,
    need: PhantomData<N>,
}

impl<N> Caller<N> {
    pub fn principal(&self) -> &Principal {
        &self.known.principal
    }

    pub fn tenant(&self) -> &TenantId {
        &self.known.principal.tenant
    }

    /// Who is written down as the author of a change.
    pub fn id(&self) -> &str {
        &self.known.principal.id
    }

    /// Refuses a call of a model where the tenant has used up what models may compute for it.
    pub fn infers(&self) -> Result<(), Problem> {
        self.known.tenant_state.infer()
    }

    /// Refuses what needs another action than the route itself, and has that in the audit log.
    pub fn also(&self, gateway: &Gateway, action: Action) -> Result<(), Problem> {
        permit(&self.known, action, Thing::Any).inspect_err(|problem| {
            if let Some(draft) = self.trail.as_ref().and_then(|trail| trail.take()) {
                let refusals = &gateway.refusals;
                refusals.record(&gateway.registry, draft, problem);
            }
        })
    }

    /// What is changed is another tenant's: its log has the entry too.
    pub fn changes(&self, tenant: &TenantId) {
        if let Some(trail) = &self.trail {
            trail.also(tenant);
        }
    }
}

impl<N: Need> FromRequestParts<Shared> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Shared) -> Result<Self, Problem> {
        let known = gateway.keys.authenticate(&parts.headers).await?;
        tracing::Span::current().record("tenant", known.tenant.as_str());
        spans::note_tenant(known.tenant.as_str());
        tracing::Span::current().record("principal", known.id.as_str());
        let trail = parts.extensions.get::<Arc<Trail>>().cloned();
        if let Some(action) = N::ACTION {
            let route = parts.extensions.get::<MatchedPath>();
            let draft = || {
                let route = route.map_or(parts.uri.path(), MatchedPath::as_str);
                AuditDraft {
                    tenants: vec![known.tenant.clone()],
                    principal: known.id.clone(),
                    action: format!("{} {route}", parts.method),
                    target: parts.uri.path().to_owned(),
                }
            };
            if let Err(problem) = permit(&known, action, called(parts.uri.path())) {
                gateway
                    .refusals
                    .record(&gateway.registry, draft(), &problem);
                return Err(problem);
            }
            if let Some(trail) = &trail
                && changes(&parts.method, action)
            {
                trail.begin(draft());
            }
        }
        Ok(Self {
            known,
            trail,
            need: PhantomData,
        })
    }
}

/// Whether a request may change what the tenant has. A call of a model changes nothing, by whatever method.
fn changes(method: &Method, action: Action) -> bool {
    !method.is_safe() && !matches!(action, Action::Invoke | Action::Read)
}

/// The model that a path names, where a scope may name it: `minilm` of `/api/v1/models/minilm@stable/embed`. A name
/// in any other spelling is none that a scope holds.
fn called(path: &str) -> Thing<'_> {
    let Some(rest) = path.strip_prefix("/api/v1/models/") else {
        return Thing::Any;
    };
    Thing::Model(model_name(rest.split('/').next().unwrap_or_default()))
}

/// The name of a reference like `minilm@1.0.0~int8`.
pub(crate) fn model_name(reference: &str) -> &str {
    reference.split(['@', '~']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_which_model_is_called() {
        for (path, name) in [
            ("/api/v1/models/minilm/embed", "minilm"),
            ("/api/v1/models/minilm@1.0.0~int8/classify", "minilm"),
            ("/api/v1/models/minilm~int8/embed", "minilm"),
            ("/api/v1/models/%6dinilm/embed", "%6dinilm"),
        ] {
            assert!(
                matches!(called(path), Thing::Model(n) if n == name),
                "{path}"
            );
        }
        for path in ["/api/v1/me", "/api/v1/models", "/api/v1/privacy/ask/minilm"] {
            assert!(matches!(called(path), Thing::Any), "{path}");
        }
    }
}
