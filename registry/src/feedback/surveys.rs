//! Surveys: what is asked, who was asked, and who answered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::AnyRow;

use super::hold;
use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The most surveys of a tenant.
pub const MAX_SURVEYS: usize = 1000;
/// The most people who are asked in one call.
pub const MAX_ASKED_AT_ONCE: usize = 1000;
/// The longest question, in characters.
const MAX_QUESTION: usize = 2000;
/// The longest rules about whom to ask, in bytes of JSON.
const MAX_AUDIENCE_BYTES: usize = 16 * 1024;

/// How far the clock of a sender may be behind the host's, in microseconds: no longer than the shortest rest.
const APART_MICROS: i64 = 60_000_000;

/// A survey by its name. `$2` is the name, or empty for every one.
const ALL: &str = "SELECT feedback_surveys.*, \
     (SELECT COUNT(*) FROM feedback_asked \
      WHERE tenant = feedback_surveys.tenant AND survey = feedback_surveys.name) AS asked, \
     (SELECT COUNT(answered_at) FROM feedback_asked \
      WHERE tenant = feedback_surveys.tenant AND survey = feedback_surveys.name) AS answered \
     FROM feedback_surveys WHERE tenant = $1 AND ($2 = '' OR name = $2) ORDER BY name";

/// What a survey is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewSurvey {
    /// Its name: what feedback calls its `survey`.
    pub name: Name,
    /// `nps`, `csat` or `ces`; it never changes.
    pub metric: String,
    /// What people are asked.
    pub question: String,
    /// Whom to ask, as the crate of data reads it.
    pub audience: Value,
    /// From then on nobody is asked; none: never.
    pub until: Option<Timestamp>,
}

/// A survey that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// What was kept.
    #[serde(flatten)]
    pub survey: NewSurvey,
    /// How often it asked somebody.
    pub asked: u64,
    /// How often who was asked has answered.
    pub answered: u64,
    /// When it was first set.
    pub created_at: Timestamp,
    /// Who set it first.
    pub created_by: String,
}

impl Registry {
    /// Sets a survey. Who was asked before stays asked.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for a question or an audience that is none, or too many surveys;
    /// [`RegistryError::Conflict`] where there is one of this name with another metric: its answers are on another scale;
    /// [`RegistryError::NotFound`] for the tenant; [`RegistryError::Database`].
    pub async fn set_survey(
        &self,
        tenant: &TenantId,
        survey: &NewSurvey,
        by: &str,
    ) -> Result<Survey, RegistryError> {
        let question = survey.question.as_str();
        let fits = !question.trim().is_empty() && question.chars().nth(MAX_QUESTION).is_none();
        if !fits || question.contains('\0') {
            return Err(RegistryError::Invalid(format!(
                "a question has 1 to {MAX_QUESTION} characters, without NUL"
            )));
        }
        let metric = rows::one_line("a metric", &survey.metric)?;
        let audience = rows::to_json("audience", &survey.audience, MAX_AUDIENCE_BYTES)?;
        let by = rows::one_line("an author", by)?;
        let mut write = self.db.write().await?;
        hold(&mut write, tenant).await?;
        let others = sqlx::query(
            "SELECT COUNT(*) AS value FROM feedback_surveys WHERE tenant = $1 AND name <> $2",
        )
        .bind(tenant.as_str())
        .bind(survey.name.as_str())
        .fetch_one(&mut *write)
        .await?;
        if rows::count::<usize>(&others, "value")? >= MAX_SURVEYS {
            return Err(RegistryError::Invalid(format!(
                "there are {MAX_SURVEYS} surveys, and a tenant has no more: remove one that is over"
            )));
        }
        let done = sqlx::query(
            "INSERT INTO feedback_surveys (tenant, name, metric, question, audience, open_until, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (tenant, name) DO UPDATE SET question = $4, audience = $5, open_until = $6 \
             WHERE feedback_surveys.metric = $3",
        )
        .bind(tenant.as_str())
        .bind(survey.name.as_str())
        .bind(metric)
        .bind(question)
        .bind(audience)
        .bind(survey.until.map(Timestamp::as_microsecond))
        .bind(rows::now().as_microsecond())
        .bind(by)
        .execute(&mut *write)
        .await?;
        if done.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(RegistryError::Conflict {
                kind: "survey",
                name: survey.name.to_string(),
                detail: ", with another metric, and its answers are on another scale: set one of another name".into(),
            });
        }
        write.commit().await?;
        self.survey(tenant, &survey.name).await
    }

    /// Every survey, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn surveys(&self, tenant: &TenantId) -> Result<Vec<Survey>, RegistryError> {
        sqlx::query(ALL)
            .bind(tenant.as_str())
            .bind("")
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(record)
            .collect()
    }

    /// One survey.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn survey(&self, tenant: &TenantId, name: &Name) -> Result<Survey, RegistryError> {
        let row = sqlx::query(ALL)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        record(&row.ok_or_else(|| no_such_survey(name))?)
    }

    /// Whom a survey asks, without counting whom it has asked.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn survey_audience(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Value, RegistryError> {
        let sql = "SELECT audience FROM feedback_surveys WHERE tenant = $1 AND name = $2";
        let row = sqlx::query(sql)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        rows::json(&row.ok_or_else(|| no_such_survey(name))?, "audience")
    }

    /// The metric of every survey, by its name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn survey_metrics(
        &self,
        tenant: &TenantId,
    ) -> Result<BTreeMap<String, String>, RegistryError> {
        sqlx::query("SELECT name, metric FROM feedback_surveys WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(|row| Ok((rows::text(row, "name")?, rows::text(row, "metric")?)))
            .collect()
    }

    /// Removes a survey with whom it asked. What people answered stays. How often it had asked somebody.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn remove_survey(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<u64, RegistryError> {
        let mut write = self.db.write().await?;
        hold(&mut write, tenant).await?;
        let asked = sqlx::query("DELETE FROM feedback_asked WHERE tenant = $1 AND survey = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .execute(&mut *write)
            .await?;
        let done = sqlx::query("DELETE FROM feedback_surveys WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(no_such_survey(name));
        }
        write.commit().await?;
        Ok(asked.rows_affected())
    }

    /// Writes down that a survey asks these respondents now, each of whom no survey of the tenant asked behind `rested`. For
    /// each, whether they are asked; who is named twice is asked once. Of all hosts that ask at the same time, one does.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the survey; [`RegistryError::Invalid`] where it is over, for too many respondents, or
    /// one that is no line of text: then nobody is asked; [`RegistryError::Database`].
    pub async fn ask_survey(
        &self,
        tenant: &TenantId,
        name: &Name,
        respondents: &[String],
        now: Timestamp,
        rested: Timestamp,
    ) -> Result<Vec<bool>, RegistryError> {
        if respondents.len() > MAX_ASKED_AT_ONCE {
            return Err(RegistryError::Invalid(format!(
                "{} respondents in one call; send at most {MAX_ASKED_AT_ONCE}",
                respondents.len()
            )));
        }
        let mut write = self.db.write().await?;
        // From here to the end of the transaction nobody else asks.
        hold(&mut write, tenant).await?;
        let row =
            sqlx::query("SELECT open_until FROM feedback_surveys WHERE tenant = $1 AND name = $2")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .fetch_optional(&mut *write)
                .await?
                .ok_or_else(|| no_such_survey(name))?;
        if let Some(until) = rows::optional_time(&row, "open_until")?
            && until <= now
        {
            return Err(RegistryError::Invalid(format!(
                "the survey `{name}` is over since {until}; set it again with a later end"
            )));
        }
        let mut asked = Vec::with_capacity(respondents.len());
        for respondent in respondents {
            let done = sqlx::query(
                "INSERT INTO feedback_asked (tenant, survey, respondent, asked_at) \
                 SELECT $1, $2, $3, $4 WHERE NOT EXISTS \
                 (SELECT 1 FROM feedback_asked WHERE tenant = $1 AND respondent = $3 AND asked_at > $5)",
            )
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(rows::one_line("a respondent", respondent)?)
            .bind(now.as_microsecond())
            .bind(rested.as_microsecond())
            .execute(&mut *write)
            .await?;
            asked.push(done.rows_affected() > 0);
        }
        write.commit().await?;
        Ok(asked)
    }
}

/// The names of all surveys.
pub(super) async fn names(
    write: &mut Write,
    tenant: &TenantId,
) -> Result<BTreeSet<String>, RegistryError> {
    sqlx::query("SELECT name FROM feedback_surveys WHERE tenant = $1")
        .bind(tenant.as_str())
        .fetch_all(&mut **write)
        .await?
        .iter()
        .map(|row| rows::text(row, "name"))
        .collect()
}

/// Marks as answered what a respondent was asked last before they said this, unless it is already.
pub(super) async fn answered(
    write: &mut Write,
    tenant: &TenantId,
    survey: &str,
    respondent: &str,
    said_at: Timestamp,
) -> Result<(), RegistryError> {
    sqlx::query(
        "UPDATE feedback_asked SET answered_at = $4 \
         WHERE tenant = $1 AND survey = $2 AND respondent = $3 AND answered_at IS NULL AND asked_at = \
         (SELECT MAX(asked_at) FROM feedback_asked \
          WHERE tenant = $1 AND survey = $2 AND respondent = $3 AND asked_at <= $5)",
    )
    .bind(tenant.as_str())
    .bind(survey)
    .bind(respondent)
    .bind(said_at.as_microsecond())
    .bind(said_at.as_microsecond().saturating_add(APART_MICROS))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Forgets that a respondent was asked. How often that was.
pub(super) async fn forget(
    write: &mut Write,
    tenant: &TenantId,
    respondent: &str,
) -> Result<u64, RegistryError> {
    let done = sqlx::query("DELETE FROM feedback_asked WHERE tenant = $1 AND respondent = $2")
        .bind(tenant.as_str())
        .bind(respondent)
        .execute(&mut **write)
        .await?;
    Ok(done.rows_affected())
}

fn no_such_survey(name: &Name) -> RegistryError {
    RegistryError::NotFound {
        kind: "survey",
        name: name.to_string(),
    }
}

fn record(row: &AnyRow) -> Result<Survey, RegistryError> {
    Ok(Survey {
        survey: NewSurvey {
            name: rows::parsed(row, "name")?,
            metric: rows::text(row, "metric")?,
            question: rows::text(row, "question")?,
            audience: rows::json(row, "audience")?,
            until: rows::optional_time(row, "open_until")?,
        },
        asked: rows::count(row, "asked")?,
        answered: rows::count(row, "answered")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
