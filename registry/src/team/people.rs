//! The people of a team.

use sqlx::any::AnyRow;

use super::{MOST, Person, conflict, micros, missing, note};
use crate::db::{Write, is_taken, lacks_parent};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

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
        if let Some(contact) = &person.contact {
            rows::one_line("the contact of a person", contact)?;
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
            "INSERT INTO team_people (tenant, id, name, team, lead, principal, keep_until, created_at, contact) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (tenant, id) DO UPDATE SET name = $3, team = $4, lead = $5, principal = $6, keep_until = $7, \
             contact = $9",
        )
        .bind(tenant.as_str())
        .bind(person.id.as_str())
        .bind(&person.name)
        .bind(&person.team)
        .bind(person.lead.as_ref().map(Name::as_str))
        .bind(person.principal.as_deref())
        .bind(micros(person.keep_until))
        .bind(rows::now().as_microsecond())
        .bind(person.contact.as_deref())
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

pub(super) fn person(row: &AnyRow) -> Result<Person, RegistryError> {
    Ok(Person {
        id: rows::parsed(row, "id")?,
        name: rows::text(row, "name")?,
        team: rows::text(row, "team")?,
        lead: rows::optional_parsed(row, "lead")?,
        principal: rows::optional_parsed(row, "principal")?,
        contact: rows::optional_parsed(row, "contact")?,
        keep_until: rows::optional_time(row, "keep_until")?,
        created_at: rows::time(row, "created_at")?,
    })
}
