//! What a handler must take as its first argument to be behind a key.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use steward_registry::{Action, Principal, TenantId};

use super::keys::permit;
use crate::gateway::Shared;
use crate::problem::Problem;

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
    Known = None;
    /// Read metadata, logs and usage.
    Read = Some(Action::Read);
    /// Invoke functions and models.
    Use = Some(Action::Invoke);
    /// Publish, deploy, roll back.
    Publish = Some(Action::Publish);
    /// Create, list and revoke keys.
    ManageKeys = Some(Action::ManageKeys);
}

/// The principal behind a request, which is allowed what `N` names. As the first argument of a
/// handler it is settled before any part of the path or the body is looked at.
pub(crate) struct Caller<N> {
    principal: Arc<Principal>,
    need: PhantomData<N>,
}

impl<N> Caller<N> {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub fn tenant(&self) -> &TenantId {
        &self.principal.tenant
    }

    /// Who is written down as the author of a change.
    pub fn id(&self) -> &str {
        &self.principal.id
    }
}

impl<N: Need> FromRequestParts<Shared> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Shared) -> Result<Self, Problem> {
        let principal = gateway.keys.authenticate(&parts.headers)?;
        if let Some(action) = N::ACTION {
            permit(&principal, action)?;
        }
        tracing::Span::current().record("tenant", principal.tenant.as_str());
        tracing::Span::current().record("principal", principal.id.as_str());
        Ok(Self {
            principal,
            need: PhantomData,
        })
    }
}
