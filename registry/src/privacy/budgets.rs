//! Limits and what is spent of them.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::db::lacks_parent;
use crate::id::TenantId;
use crate::tenants::no_such_tenant;
use crate::{
    PrivacyAccount, PrivacyAccounting, PrivacyBudget, PrivacyLoss, Registry, RegistryError, rows,
};

impl Registry {
    /// Sets what a principal may learn about a dataset. What is spent stays spent.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the budget has another accounting or more is spent already;
    /// [`RegistryError::NotFound`] for the tenant; [`RegistryError::Invalid`] for a name that is no line of
    /// text or a δ that the accounting does not have; [`RegistryError::Database`].
    pub async fn set_privacy_budget(
        &self,
        account: &PrivacyAccount,
        accounting: PrivacyAccounting,
        limit: PrivacyLoss,
        by: &str,
    ) -> Result<PrivacyBudget, RegistryError> {
        check_account(account)?;
        if accounting == PrivacyAccounting::Pure && limit.delta != 0 {
            return Err(RegistryError::Invalid(
                "pure accounting has no δ: choose approximate or concentrated, or leave δ out"
                    .into(),
            ));
        }
        // Nothing that hosts keep in memory changes, here and below.
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO privacy_budgets (tenant, dataset, principal, accounting, loss_limit, delta_limit, \
             loss_spent, delta_spent, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8) \
             ON CONFLICT (tenant, dataset, principal) DO UPDATE SET loss_limit = excluded.loss_limit, \
             delta_limit = excluded.delta_limit, created_by = excluded.created_by \
             WHERE privacy_budgets.accounting = excluded.accounting \
             AND privacy_budgets.loss_spent <= excluded.loss_limit \
             AND privacy_budgets.delta_spent <= excluded.delta_limit",
        )
        .bind(account.tenant.as_str())
        .bind(&account.dataset)
        .bind(&account.principal)
        .bind(accounting.as_str())
        .bind(rows::to_bigint("a limit of", limit.loss)?)
        .bind(rows::to_bigint("a limit of δ of", limit.delta)?)
        .bind(rows::now().as_microsecond())
        .bind(rows::one_line("an author", by)?)
        .execute(&mut *write)
        .await;
        match done {
            Ok(_) => {}
            Err(e) if lacks_parent(&e) => return Err(no_such_tenant(&account.tenant)),
            Err(e) => return Err(e.into()),
        }
        let budget = find_budget(&mut write, account).await?;
        if budget.accounting != accounting || budget.limit != limit {
            write.roll_back().await?;
            return Err(RegistryError::Conflict {
                kind: "privacy budget",
                name: format!("{} of {}", account.dataset, account.principal),
                detail: if budget.accounting == accounting {
                    ", and more than this limit is spent already".into()
                } else {
                    format!(", and its accounting is {}", budget.accounting)
                },
            });
        }
        write.commit().await?;
        Ok(budget)
    }

    /// One budget.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn privacy_budget(
        &self,
        account: &PrivacyAccount,
    ) -> Result<PrivacyBudget, RegistryError> {
        find_budget(&mut *self.db.pool.acquire().await?, account).await
    }

    /// Every budget of a tenant, by dataset and principal.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn privacy_budgets(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<PrivacyBudget>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM privacy_budgets WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        let mut budgets = rows.iter().map(budget).collect::<Result<Vec<_>, _>>()?;
        budgets.sort_by(|a, b| a.account.cmp(&b.account));
        Ok(budgets)
    }
}

pub(super) fn check_account(account: &PrivacyAccount) -> Result<(), RegistryError> {
    rows::one_line("a dataset", &account.dataset)?;
    rows::one_line("a principal", &account.principal)?;
    Ok(())
}

pub(super) async fn find_budget(
    connection: &mut AnyConnection,
    account: &PrivacyAccount,
) -> Result<PrivacyBudget, RegistryError> {
    let row = sqlx::query(
        "SELECT * FROM privacy_budgets WHERE tenant = $1 AND dataset = $2 AND principal = $3",
    )
    .bind(account.tenant.as_str())
    .bind(&account.dataset)
    .bind(&account.principal)
    .fetch_optional(connection)
    .await?;
    match row {
        Some(row) => budget(&row),
        None => Err(RegistryError::NotFound {
            kind: "privacy budget",
            name: format!("{} of {}", account.dataset, account.principal),
        }),
    }
}

fn budget(row: &AnyRow) -> Result<PrivacyBudget, RegistryError> {
    Ok(PrivacyBudget {
        account: PrivacyAccount {
            tenant: rows::parsed(row, "tenant")?,
            dataset: rows::text(row, "dataset")?,
            principal: rows::text(row, "principal")?,
        },
        accounting: rows::parsed(row, "accounting")?,
        limit: PrivacyLoss {
            loss: rows::count(row, "loss_limit")?,
            delta: rows::count(row, "delta_limit")?,
        },
        spent: PrivacyLoss {
            loss: rows::count(row, "loss_spent")?,
            delta: rows::count(row, "delta_spent")?,
        },
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
