//! Cycles and processes: what is set up by name, with a specification.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;

use super::{Cycle, CycleSpec, MOST, Process, ProcessSpec, Specified, micros, missing, note};
use crate::db::{Write, lacks_parent};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// The longest specification, as JSON.
const MAX_SPEC_BYTES: usize = 64 * 1024;

/// A specification, and where it is kept.
trait Spec: Serialize + DeserializeOwned + Send + Sync {
    /// The word for what it specifies.
    const KIND: &'static str;
    /// The word for several.
    const KINDS: &'static str;
    const ALL: &'static str;
    const ONE: &'static str;
    const PUT: &'static str;
}

macro_rules! kept {
    ($spec:ty, $kind:literal, $kinds:literal) => {
        impl Spec for $spec {
            const KIND: &'static str = $kind;
            const KINDS: &'static str = $kinds;
            const ALL: &'static str = concat!(
                "SELECT * FROM team_",
                $kinds,
                " WHERE tenant = $1 ORDER BY name LIMIT $2"
            );
            const ONE: &'static str = concat!(
                "SELECT * FROM team_",
                $kinds,
                " WHERE tenant = $1 AND name = $2"
            );
            const PUT: &'static str = concat!(
                "INSERT INTO team_",
                $kinds,
                " (tenant, name, spec, keep_until, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (tenant, name) DO UPDATE SET spec = $3, keep_until = $4"
            );
        }
    };
}

kept!(CycleSpec, "cycle", "cycles");
kept!(ProcessSpec, "process", "processes");

impl Registry {
    /// Sets a cycle. Reviews of it that are not signed have to be evaluated anew.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the tenant; [`RegistryError::Invalid`]; [`RegistryError::Database`].
    pub async fn set_team_cycle(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &CycleSpec,
        keep_until: Option<Timestamp>,
        by: &str,
    ) -> Result<Cycle, RegistryError> {
        let mut write = self.db.write().await?;
        put(&mut write, tenant, name, spec, keep_until, by).await?;
        sqlx::query(
            "UPDATE team_reviews SET revision = revision + 1 \
             WHERE tenant = $1 AND cycle = $2 AND signed_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .execute(&mut *write)
        .await?;
        set_noted::<CycleSpec>(&mut write, tenant, name, by).await?;
        write.commit().await?;
        self.team_cycle(tenant, name).await
    }

    /// Every cycle, by name; at most 5,000.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_cycles(&self, tenant: &TenantId) -> Result<Vec<Cycle>, RegistryError> {
        self.all_specified(tenant).await
    }

    /// One cycle.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn team_cycle(&self, tenant: &TenantId, name: &Name) -> Result<Cycle, RegistryError> {
        self.specified(tenant, name).await
    }

    /// Sets a process that candidates go through.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the tenant; [`RegistryError::Invalid`]; [`RegistryError::Database`].
    pub async fn set_team_process(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &ProcessSpec,
        keep_until: Option<Timestamp>,
        by: &str,
    ) -> Result<Process, RegistryError> {
        let mut write = self.db.write().await?;
        put(&mut write, tenant, name, spec, keep_until, by).await?;
        set_noted::<ProcessSpec>(&mut write, tenant, name, by).await?;
        write.commit().await?;
        self.team_process(tenant, name).await
    }

    /// Every process, by name; at most 5,000.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_processes(&self, tenant: &TenantId) -> Result<Vec<Process>, RegistryError> {
        self.all_specified(tenant).await
    }

    /// One process.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn team_process(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Process, RegistryError> {
        self.specified(tenant, name).await
    }

    async fn all_specified<S: Spec>(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<Specified<S>>, RegistryError> {
        sqlx::query(S::ALL)
            .bind(tenant.as_str())
            .bind(MOST)
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(record)
            .collect()
    }

    async fn specified<S: Spec>(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Specified<S>, RegistryError> {
        let row = sqlx::query(S::ONE)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        record(&row.ok_or_else(|| missing(S::KIND, name))?)
    }
}

async fn put<S: Spec>(
    write: &mut Write,
    tenant: &TenantId,
    name: &Name,
    spec: &S,
    keep_until: Option<Timestamp>,
    by: &str,
) -> Result<(), RegistryError> {
    let done = sqlx::query(S::PUT)
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(rows::to_json(S::KIND, spec, MAX_SPEC_BYTES)?)
        .bind(micros(keep_until))
        .bind(rows::now().as_microsecond())
        .bind(by)
        .execute(&mut **write)
        .await;
    match done {
        Err(e) if lacks_parent(&e) => Err(no_such_tenant(tenant)),
        Err(e) => Err(e.into()),
        Ok(_) => Ok(()),
    }
}

/// The entry in the audit log comes last: whoever holds the log waits for no other row.
async fn set_noted<S: Spec>(
    write: &mut Write,
    tenant: &TenantId,
    name: &Name,
    by: &str,
) -> Result<(), RegistryError> {
    let (action, target) = (format!("set a {}", S::KIND), format!("{}/{name}", S::KINDS));
    note(write, tenant, by, &action, target).await
}

fn record<S: Spec>(row: &AnyRow) -> Result<Specified<S>, RegistryError> {
    Ok(Specified {
        name: rows::parsed(row, "name")?,
        spec: rows::json(row, "spec")?,
        keep_until: rows::optional_time(row, "keep_until")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
