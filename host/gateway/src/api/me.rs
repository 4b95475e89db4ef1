//! Who the key belongs to.

use axum::Json;

use super::keys::Key;
use crate::auth::{Anyone, Caller};

/// Show the key that asks: its tenant, its name, its role.
#[utoipa::path(get, path = "/api/v1/me", tag = "keys", security(("key" = [])),
    responses((status = 200, description = "The key, without its secret", body = Key)))]
pub(crate) async fn me(caller: Caller<Anyone>) -> Json<Key> {
    Json(caller.principal().into())
}
