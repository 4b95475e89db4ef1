//! Payments and answers.

use sqlx::AnyConnection;

use super::budgets::{check_account, find_budget};
use crate::db::lacks_parent;
use crate::{
    PrivacyAccount, PrivacyEntry, PrivacyLoss, PrivacyQuestion, PrivacyReservation, Registry,
    RegistryError, rows,
};

/// The largest answer, in bytes of JSON.
const MAX_ANSWER_BYTES: usize = 8 << 20;

impl Registry {
    /// Pays for one drawing of noise, once the payment is durable; or says that the question is answered
    /// already, or that too little is left.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where no budget was set, [`RegistryError::Invalid`] for a cost over
    /// `i64::MAX` units, [`RegistryError::Database`].
    pub async fn reserve_privacy(
        &self,
        account: &PrivacyAccount,
        question: &PrivacyQuestion,
        cost: PrivacyLoss,
    ) -> Result<PrivacyReservation, RegistryError> {
        check_account(account)?;
        let loss = rows::to_bigint("a cost of", cost.loss)?;
        let delta = rows::to_bigint("a δ of", cost.delta)?;
        let mut write = self.db.write().await?;
        // First of all: on PostgreSQL this holds the budget's row until the end, so that whoever else
        // asks waits here and then sees what this one did. Differences cannot overflow, sums could.
        let paid = sqlx::query(
            "UPDATE privacy_budgets SET loss_spent = loss_spent + $4, delta_spent = delta_spent + $5 \
             WHERE tenant = $1 AND dataset = $2 AND principal = $3 \
             AND $4 <= loss_limit - loss_spent AND $5 <= delta_limit - delta_spent",
        )
        .bind(account.tenant.as_str())
        .bind(&account.dataset)
        .bind(&account.principal)
        .bind(loss)
        .bind(delta)
        .execute(&mut *write)
        .await?
        .rows_affected();
        if let Some(answer) = find_answer(&mut write, account, question).await? {
            write.roll_back().await?;
            let budget = self.privacy_budget(account).await?;
            return Ok(PrivacyReservation::Answered { answer, budget });
        }
        let budget = find_budget(&mut write, account).await?;
        if paid == 0 {
            write.roll_back().await?;
            return Ok(PrivacyReservation::Refused { budget });
        }
        let row = sqlx::query(
            "SELECT COALESCE(MAX(attempt), 0) + 1 AS attempt FROM privacy_reservations \
             WHERE tenant = $1 AND dataset = $2 AND principal = $3 AND question = $4",
        )
        .bind(account.tenant.as_str())
        .bind(&account.dataset)
        .bind(&account.principal)
        .bind(question.digest.to_string())
        .fetch_one(&mut *write)
        .await?;
        let attempt: u64 = rows::count(&row, "attempt")?;
        sqlx::query(
            "INSERT INTO privacy_reservations (tenant, dataset, principal, question, attempt, body, loss, \
             delta, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(account.tenant.as_str())
        .bind(&account.dataset)
        .bind(&account.principal)
        .bind(question.digest.to_string())
        .bind(rows::to_bigint("attempt", attempt)?)
        .bind(&question.body)
        .bind(loss)
        .bind(delta)
        .bind(rows::now().as_microsecond())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(PrivacyReservation::Reserved { attempt, budget })
    }

    /// Keeps the answer of an attempt and returns the one to give: where another attempt at the same
    /// question was quicker, that is its answer, so that a question has one answer for ever.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for an attempt that was not reserved; [`RegistryError::Invalid`] for an
    /// answer over 8 MiB; [`RegistryError::Database`].
    pub async fn record_privacy_answer(
        &self,
        account: &PrivacyAccount,
        question: &PrivacyQuestion,
        attempt: u64,
        answer: &serde_json::Value,
    ) -> Result<serde_json::Value, RegistryError> {
        let json = rows::to_json("answer", answer, MAX_ANSWER_BYTES)?;
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO privacy_answers (tenant, dataset, principal, question, attempt, answer, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (tenant, dataset, principal, question) DO NOTHING",
        )
        .bind(account.tenant.as_str())
        .bind(&account.dataset)
        .bind(&account.principal)
        .bind(question.digest.to_string())
        .bind(rows::to_bigint("attempt", attempt)?)
        .bind(json)
        .bind(rows::now().as_microsecond())
        .execute(&mut *write)
        .await;
        let missing = || RegistryError::NotFound {
            kind: "privacy reservation",
            name: format!("{}, attempt {attempt}", question.digest),
        };
        match done {
            Ok(_) => {}
            Err(e) if lacks_parent(&e) => return Err(missing()),
            Err(e) => return Err(e.into()),
        }
        let kept = find_answer(&mut write, account, question).await?;
        write.commit().await?;
        kept.ok_or_else(missing)
    }

    /// The answer that a question got, if it got one. Costs nothing.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn privacy_answer(
        &self,
        account: &PrivacyAccount,
        question: &PrivacyQuestion,
    ) -> Result<Option<serde_json::Value>, RegistryError> {
        find_answer(&mut *self.db.pool.acquire().await?, account, question).await
    }

    /// What was paid from a budget, the newest first, at most `limit` lines.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn privacy_entries(
        &self,
        account: &PrivacyAccount,
        limit: u32,
    ) -> Result<Vec<PrivacyEntry>, RegistryError> {
        let rows = sqlx::query(
            "SELECT r.question AS question, r.body AS body, r.attempt AS attempt, r.loss AS loss, \
             r.delta AS delta, r.created_at AS created_at, a.created_at AS answered_at \
             FROM privacy_reservations r LEFT JOIN privacy_answers a ON a.tenant = r.tenant \
             AND a.dataset = r.dataset AND a.principal = r.principal AND a.question = r.question \
             AND a.attempt = r.attempt \
             WHERE r.tenant = $1 AND r.dataset = $2 AND r.principal = $3 \
             ORDER BY r.created_at DESC, r.question, r.attempt DESC LIMIT $4",
        )
        .bind(account.tenant.as_str())
        .bind(&account.dataset)
        .bind(&account.principal)
        .bind(i64::from(limit))
        .fetch_all(&self.db.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(PrivacyEntry {
                    question: rows::parsed(row, "question")?,
                    body: rows::text(row, "body")?,
                    attempt: rows::count(row, "attempt")?,
                    cost: PrivacyLoss {
                        loss: rows::count(row, "loss")?,
                        delta: rows::count(row, "delta")?,
                    },
                    created_at: rows::time(row, "created_at")?,
                    answered_at: rows::optional_time(row, "answered_at")?,
                })
            })
            .collect()
    }
}

async fn find_answer(
    connection: &mut AnyConnection,
    account: &PrivacyAccount,
    question: &PrivacyQuestion,
) -> Result<Option<serde_json::Value>, RegistryError> {
    let row = sqlx::query(
        "SELECT answer FROM privacy_answers \
         WHERE tenant = $1 AND dataset = $2 AND principal = $3 AND question = $4",
    )
    .bind(account.tenant.as_str())
    .bind(&account.dataset)
    .bind(&account.principal)
    .bind(question.digest.to_string())
    .fetch_optional(connection)
    .await?;
    row.map(|row| rows::json(&row, "answer")).transpose()
}
