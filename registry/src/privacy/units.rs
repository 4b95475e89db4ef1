//! Who is protected in a dataset.

use crate::db::{is_taken, lacks_parent};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

impl Registry {
    /// Names the field of a dataset whose value is the same in all rows of one unit. It is named once: what was spent
    /// was spent for it, and would mean nothing for another.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where another was named, [`RegistryError::Invalid`], [`RegistryError::NotFound`] for
    /// the tenant, [`RegistryError::Database`].
    pub async fn set_privacy_unit(
        &self,
        tenant: &TenantId,
        dataset: &Name,
        field: &str,
        by: &str,
    ) -> Result<(), RegistryError> {
        let field = rows::one_line("a field", field)?;
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO privacy_units (tenant, dataset, field, created_at, created_by) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(tenant.as_str())
        .bind(dataset.as_str())
        .bind(field)
        .bind(rows::now().as_microsecond())
        .bind(rows::one_line("an author", by)?)
        .execute(&mut *write)
        .await;
        match done {
            Ok(_) => write.commit().await,
            Err(e) if is_taken(&e) => {
                write.roll_back().await?;
                match self.privacy_unit(tenant, dataset).await? {
                    Some(named) if named == field => Ok(()),
                    named => Err(RegistryError::Conflict {
                        kind: "privacy unit",
                        name: dataset.to_string(),
                        detail: named.map_or(String::new(), |named| {
                            format!(": it is the field `{named}`, and budgets were given for it")
                        }),
                    }),
                }
            }
            Err(e) if lacks_parent(&e) => Err(no_such_tenant(tenant)),
            Err(e) => Err(e.into()),
        }
    }

    /// The field whose value is the same in all rows of one unit, where one was named.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn privacy_unit(
        &self,
        tenant: &TenantId,
        dataset: &Name,
    ) -> Result<Option<String>, RegistryError> {
        let row = sqlx::query("SELECT field FROM privacy_units WHERE tenant = $1 AND dataset = $2")
            .bind(tenant.as_str())
            .bind(dataset.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        row.as_ref().map(|row| rows::text(row, "field")).transpose()
    }
}
