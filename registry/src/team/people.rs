//! People, cycles and processes: what is set up.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;

use super::{
    Cycle, CycleSpec, MOST, Person, Process, ProcessSpec, conflict, micros, missing, note,
};
use crate::db::{Write, is_taken, lacks_parent};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// The longest specification, as JSON.
const MAX_SPEC_BYTES: usize = 64 * 1024;

impl Registry {
    /// Sets a person: a new one, or one that is there.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where another person has the principal; [`RegistryError::NotFound`] for the lead or the
    /// tenant; [`RegistryError::Invalid`] for a text that is too long, or who leads themself; [`RegistryError::Database`].
    pub async fn set_team_person(
        &self,
        tenant: &TenantId,
        person: &Person,
        by: &str,
    ) -> Result<Person, RegistryError> {
        rows::one_line("the name of a person", &person.name)?;
        rows::one_line("the team of a person", &person.team)?;
        if let Some(principal) = &person.principal {
            rows::one_line("the principal of a person", principal)?;
        }
        if person.lead.as_ref() == Some(&person.id) {
            return Err(RegistryError::Invalid(format!(
                "`{}` cannot lead themself; name another lead, or none",
                person.id
            )));
        }
        let mut write = self.db.write().await?;
        if let Some(lead) = &person.lead {
            team_person(&mut write, tenant, lead).await?;
        }
        let done = sqlx::query(
            "INSERT INTO team_people (tenant, id, name, team, lead, principal, keep_until, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (tenant, id) DO UPDATE SET name = $3, team = $4, lead = $5, principal = $6, keep_until = $7",
        )
        .bind(tenant.as_str())
        .bind(person.id.as_str())
        .bind(&person.name)
        .bind(&person.team)
        .bind(person.lead.as_ref().map(Name::as_str))
        .bind(person.principal.as_deref())
        .bind(micros(person.keep_until))
        .bind(rows::now().as_microsecond())
        .execute(&mut *write)
        .await;
        match done {
            Ok(_) => {}
            Err(e) if is_taken(&e) => {
                write.roll_back().await?;
                let principal = person.principal.as_deref().unwrap_or_default();
                return Err(conflict("principal", principal, " as another person"));
            }
            Err(e) if lacks_parent(&e) => return Err(no_such_tenant(tenant)),
            Err(e) => return Err(e.into()),
        }
        let set = team_person(&mut write, tenant, &person.id).await?;
        note(
            &mut write,
            tenant,
            by,
            "set a person",
            format!("people/{}", person.id),
        )
        .await?;
        write.commit().await?;
        Ok(set)
    }

    /// Every person, by id; at most 5,000.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_people(&self, tenant: &TenantId) -> Result<Vec<Person>, RegistryError> {
        sqlx::query("SELECT * FROM team_people WHERE tenant = $1 ORDER BY id LIMIT $2")
            .bind(tenant.as_str())
            .bind(MOST)
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(person)
            .collect()
    }

    /// One person.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn team_person(&self, tenant: &TenantId, id: &Name) -> Result<Person, RegistryError> {
        let row = sqlx::query("SELECT * FROM team_people WHERE tenant = $1 AND id = $2")
            .bind(tenant.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        person(&row.ok_or_else(|| missing("person", id))?)
    }

    /// The person who comes by this principal.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_person_of(
        &self,
        tenant: &TenantId,
        principal: &str,
    ) -> Result<Option<Person>, RegistryError> {
        let row = sqlx::query("SELECT * FROM team_people WHERE tenant = $1 AND principal = $2")
            .bind(tenant.as_str())
            .bind(principal)
            .fetch_optional(&self.db.pool)
            .await?;
        row.as_ref().map(person).transpose()
    }

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
        put(
            &mut write,
            Table::Cycles,
            tenant,
            name,
            spec,
            keep_until,
            by,
        )
        .await?;
        sqlx::query(
            "UPDATE team_reviews SET revision = revision + 1 \
             WHERE tenant = $1 AND cycle = $2 AND signed_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .execute(&mut *write)
        .await?;
        note(
            &mut write,
            tenant,
            by,
            "set a cycle",
            format!("cycles/{name}"),
        )
        .await?;
        write.commit().await?;
        self.team_cycle(tenant, name).await
    }

    /// Every cycle, by name; at most 5,000.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_cycles(&self, tenant: &TenantId) -> Result<Vec<Cycle>, RegistryError> {
        let rows = self.all_of(Table::Cycles, tenant).await?;
        rows.iter().map(|row| Ok(cycle(parts(row)?))).collect()
    }

    /// One cycle.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn team_cycle(&self, tenant: &TenantId, name: &Name) -> Result<Cycle, RegistryError> {
        Ok(cycle(parts(
            &self.one_of(Table::Cycles, tenant, name).await?,
        )?))
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
        put(
            &mut write,
            Table::Processes,
            tenant,
            name,
            spec,
            keep_until,
            by,
        )
        .await?;
        note(
            &mut write,
            tenant,
            by,
            "set a process",
            format!("processes/{name}"),
        )
        .await?;
        write.commit().await?;
        self.team_process(tenant, name).await
    }

    /// Every process, by name; at most 5,000.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_processes(&self, tenant: &TenantId) -> Result<Vec<Process>, RegistryError> {
        let rows = self.all_of(Table::Processes, tenant).await?;
        rows.iter().map(|row| Ok(process(parts(row)?))).collect()
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
        let row = self.one_of(Table::Processes, tenant, name).await?;
        Ok(process(parts(&row)?))
    }

    async fn all_of(&self, table: Table, tenant: &TenantId) -> Result<Vec<AnyRow>, RegistryError> {
        Ok(sqlx::query(table.all())
            .bind(tenant.as_str())
            .bind(MOST)
            .fetch_all(&self.db.pool)
            .await?)
    }

    async fn one_of(
        &self,
        table: Table,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<AnyRow, RegistryError> {
        let row = sqlx::query(table.one())
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        row.ok_or_else(|| missing(table.kind(), name))
    }
}

/// The two tables that hold specifications.
#[derive(Clone, Copy)]
enum Table {
    Cycles,
    Processes,
}

impl Table {
    fn kind(self) -> &'static str {
        match self {
            Self::Cycles => "cycle",
            Self::Processes => "process",
        }
    }

    fn all(self) -> &'static str {
        match self {
            Self::Cycles => "SELECT * FROM team_cycles WHERE tenant = $1 ORDER BY name LIMIT $2",
            Self::Processes => {
                "SELECT * FROM team_processes WHERE tenant = $1 ORDER BY name LIMIT $2"
            }
        }
    }

    fn one(self) -> &'static str {
        match self {
            Self::Cycles => "SELECT * FROM team_cycles WHERE tenant = $1 AND name = $2",
            Self::Processes => "SELECT * FROM team_processes WHERE tenant = $1 AND name = $2",
        }
    }

    fn put(self) -> &'static str {
        match self {
            Self::Cycles => {
                "INSERT INTO team_cycles (tenant, name, spec, keep_until, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (tenant, name) DO UPDATE SET spec = $3, keep_until = $4"
            }
            Self::Processes => {
                "INSERT INTO team_processes (tenant, name, spec, keep_until, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (tenant, name) DO UPDATE SET spec = $3, keep_until = $4"
            }
        }
    }
}

async fn put(
    write: &mut Write,
    table: Table,
    tenant: &TenantId,
    name: &Name,
    spec: &impl Serialize,
    keep_until: Option<Timestamp>,
    by: &str,
) -> Result<(), RegistryError> {
    let done = sqlx::query(table.put())
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(rows::to_json(table.kind(), spec, MAX_SPEC_BYTES)?)
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

/// What a row of either table holds.
struct Parts<S> {
    name: Name,
    spec: S,
    keep_until: Option<Timestamp>,
    created_at: Timestamp,
    created_by: String,
}

fn parts<S: DeserializeOwned>(row: &AnyRow) -> Result<Parts<S>, RegistryError> {
    Ok(Parts {
        name: rows::parsed(row, "name")?,
        spec: rows::json(row, "spec")?,
        keep_until: rows::optional_time(row, "keep_until")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}

fn cycle(parts: Parts<CycleSpec>) -> Cycle {
    Cycle {
        name: parts.name,
        spec: parts.spec,
        keep_until: parts.keep_until,
        created_at: parts.created_at,
        created_by: parts.created_by,
    }
}

fn process(parts: Parts<ProcessSpec>) -> Process {
    Process {
        name: parts.name,
        spec: parts.spec,
        keep_until: parts.keep_until,
        created_at: parts.created_at,
        created_by: parts.created_by,
    }
}

async fn team_person(
    write: &mut Write,
    tenant: &TenantId,
    id: &Name,
) -> Result<Person, RegistryError> {
    let row = sqlx::query("SELECT * FROM team_people WHERE tenant = $1 AND id = $2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(&mut **write)
        .await?;
    person(&row.ok_or_else(|| missing("person", id))?)
}

fn person(row: &AnyRow) -> Result<Person, RegistryError> {
    Ok(Person {
        id: rows::parsed(row, "id")?,
        name: rows::text(row, "name")?,
        team: rows::text(row, "team")?,
        lead: rows::optional_parsed(row, "lead")?,
        principal: rows::optional_parsed(row, "principal")?,
        keep_until: rows::optional_time(row, "keep_until")?,
        created_at: rows::time(row, "created_at")?,
    })
}
