//! Feedback: what people said, anonymized before it comes here, and what it is about; and the surveys that ask for it.

mod surveys;

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::db::Write;
use crate::id::TenantId;
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

pub use surveys::{MAX_ASKED_AT_ONCE, MAX_SURVEYS, NewSurvey, Survey};

/// The most feedback in one call.
pub const MAX_FEEDBACK_AT_ONCE: usize = 10_000;
/// The most feedback that is answered at a time.
pub const MAX_FEEDBACK_PAGE: usize = 10_000;
/// Bytes of what was said that are answered at a time, at least one piece in any case.
const MAX_PAGE_BYTES: usize = 16 << 20;
/// The largest of what was said, in bytes of JSON.
const MAX_SAID_BYTES: usize = 512 * 1024;
/// The longest account of the anonymizer, in bytes of JSON.
const MAX_ANONYMIZER_BYTES: usize = 4096;

/// Feedback that is not kept yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewFeedback {
    /// Unique in the tenant: the same id again is the same feedback, and changes nothing.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// The survey that it answers.
    pub survey: Option<String>,
    /// Who said it, by an opaque name.
    pub respondent: Option<String>,
    /// The function that it is about, `name` or `name@version`.
    pub function: Option<String>,
    /// The model that it is about, `name` or `name@version`.
    pub model: Option<String>,
    /// The call that it is about.
    pub invocation: Option<String>,
    /// The trace of that call, as 32 hexadecimal digits.
    pub trace: Option<String>,
    /// When it was said.
    pub said_at: Timestamp,
    /// What was said, as it is left after personal data was treated.
    pub said: Value,
    /// Who treated it: function, plugin and digest.
    pub anonymizer: Value,
}

/// Feedback that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedbackRecord {
    /// Its number in the tenant: 1, 2, 3 …
    pub number: u64,
    /// What was kept.
    #[serde(flatten)]
    pub feedback: NewFeedback,
    /// When it was taken in.
    pub created_at: Timestamp,
    /// Id of the key that brought it.
    pub created_by: String,
}

/// Which feedback of a tenant.
#[derive(Debug, Clone, Default)]
pub struct FeedbackFilter {
    /// Of this survey.
    pub survey: Option<String>,
    /// About this function: `name` is every version of it, `name@version` that one.
    pub function: Option<String>,
    /// About this model, in the same way.
    pub model: Option<String>,
    /// From there.
    pub source: Option<String>,
    /// Said then or later.
    pub since: Option<Timestamp>,
    /// Said before.
    pub until: Option<Timestamp>,
    /// Only what is behind this number.
    pub after: u64,
    /// Newest first, what is before `after` where it is not 0.
    pub backwards: bool,
}

/// What was removed with a respondent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedFeedback {
    /// How many pieces of feedback were theirs.
    pub erased: u64,
    /// How often they had been asked by a survey.
    pub asked: u64,
}

impl Registry {
    /// Keeps feedback, all of it or none, in this order. For each, whether it is new: an id that is there changes nothing.
    /// What is new and answers a survey that is kept marks its respondent's being asked as answered.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for too much at a time, too large a piece, or a name that is no line of text;
    /// [`RegistryError::NotFound`] for the tenant; [`RegistryError::Database`].
    pub async fn add_feedback(
        &self,
        tenant: &TenantId,
        feedback: &[NewFeedback],
        by: &str,
    ) -> Result<Vec<bool>, RegistryError> {
        if feedback.len() > MAX_FEEDBACK_AT_ONCE {
            return Err(RegistryError::Invalid(format!(
                "{} pieces of feedback in one call; send at most {MAX_FEEDBACK_AT_ONCE}",
                feedback.len()
            )));
        }
        let by = rows::one_line("an author", by)?;
        let now = rows::now().as_microsecond();
        let mut write = self.db.write().await?;
        let mut seq = hold(&mut write, tenant).await?;
        let may_answer = |one: &NewFeedback| one.survey.is_some() && one.respondent.is_some();
        let surveys = match feedback.iter().any(may_answer) {
            true => surveys::names(&mut write, tenant).await?,
            false => BTreeSet::new(),
        };
        let mut new = Vec::with_capacity(feedback.len());
        for one in feedback {
            let done = sqlx::query(
                "INSERT INTO feedback (tenant, seq, id, source, survey, respondent, function, model, invocation, said_at, \
                 said, anonymizer, created_at, created_by, trace) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
                 ON CONFLICT (tenant, id) DO NOTHING",
            )
            .bind(tenant.as_str())
            .bind(seq + 1)
            .bind(rows::one_line("an id", &one.id)?)
            .bind(rows::one_line("a source", &one.source)?)
            .bind(optional("a survey", one.survey.as_deref())?)
            .bind(optional("a respondent", one.respondent.as_deref())?)
            .bind(optional("a function", one.function.as_deref())?)
            .bind(optional("a model", one.model.as_deref())?)
            .bind(optional("an invocation", one.invocation.as_deref())?)
            .bind(one.said_at.as_microsecond())
            .bind(rows::to_json("feedback", &one.said, MAX_SAID_BYTES)?)
            .bind(rows::to_json("anonymizer", &one.anonymizer, MAX_ANONYMIZER_BYTES)?)
            .bind(now)
            .bind(by)
            .bind(optional("a trace", one.trace.as_deref())?)
            .execute(&mut *write)
            .await?;
            let added = done.rows_affected() > 0;
            if added
                && let (Some(survey), Some(respondent)) = (&one.survey, &one.respondent)
                && surveys.contains(survey)
            {
                surveys::answered(&mut write, tenant, survey, respondent, one.said_at).await?;
            }
            seq += i64::from(added);
            new.push(added);
        }
        sqlx::query("UPDATE feedback_heads SET seq = $2 WHERE tenant = $1")
            .bind(tenant.as_str())
            .bind(seq)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(new)
    }

    /// Feedback in the order in which it came, at most `limit`, at most [`MAX_FEEDBACK_PAGE`], and at most 16 MiB of what was
    /// said, but one piece in any case.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn feedback(
        &self,
        tenant: &TenantId,
        filter: &FeedbackFilter,
        limit: usize,
    ) -> Result<Vec<FeedbackRecord>, RegistryError> {
        let order = if filter.backwards {
            "AND ($2 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $9"
        } else {
            "AND seq > $2 ORDER BY seq LIMIT $9"
        };
        // A name without a version means every version of it.
        let named = |column: &str, at: u8| {
            format!(
                "(${at} = '' OR {column} = ${at} OR substr({column}, 1, length(${at}) + 1) = ${at} || '@')"
            )
        };
        let sql = format!(
            "SELECT * FROM feedback WHERE tenant = $1 AND ($3 = '' OR survey = $3) AND {} AND {} \
             AND ($6 = '' OR source = $6) AND said_at >= $7 AND said_at < $8 {order}",
            named("function", 4),
            named("model", 5),
        );
        let mut found = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(i64::try_from(filter.after).unwrap_or(i64::MAX))
            .bind(filter.survey.as_deref().unwrap_or_default())
            .bind(filter.function.as_deref().unwrap_or_default())
            .bind(filter.model.as_deref().unwrap_or_default())
            .bind(filter.source.as_deref().unwrap_or_default())
            .bind(filter.since.map_or(i64::MIN, Timestamp::as_microsecond))
            .bind(filter.until.map_or(i64::MAX, Timestamp::as_microsecond))
            .bind(limit.min(MAX_FEEDBACK_PAGE) as i64)
            .fetch(&self.db.pool);
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(row) = found.try_next().await? {
            bytes += rows::text(&row, "said")?.len();
            if bytes > MAX_PAGE_BYTES && !page.is_empty() {
                break;
            }
            page.push(record(&row)?);
        }
        Ok(page)
    }

    /// Removes all that one respondent said, and that they were asked. How much that was.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for a name that is no line of text; [`RegistryError::NotFound`] where the respondent said
    /// nothing and was not asked, or for the tenant; [`RegistryError::Database`].
    pub async fn erase_feedback(
        &self,
        tenant: &TenantId,
        respondent: &str,
    ) -> Result<ErasedFeedback, RegistryError> {
        let respondent = rows::one_line("a respondent", respondent)?;
        let mut write = self.db.write().await?;
        // Who takes feedback in at the same time marks what was asked too, in another order.
        hold(&mut write, tenant).await?;
        let done = sqlx::query("DELETE FROM feedback WHERE tenant = $1 AND respondent = $2")
            .bind(tenant.as_str())
            .bind(respondent)
            .execute(&mut *write)
            .await?;
        let erased = ErasedFeedback {
            erased: done.rows_affected(),
            asked: surveys::forget(&mut write, tenant, respondent).await?,
        };
        if erased.erased + erased.asked == 0 {
            write.roll_back().await?;
            return Err(RegistryError::NotFound {
                kind: "respondent",
                name: respondent.to_owned(),
            });
        }
        write.commit().await?;
        Ok(erased)
    }
}

/// The number of the newest feedback of a tenant. From here to the end of the transaction nobody else takes a number, sets a
/// survey or asks somebody.
async fn hold(write: &mut Write, tenant: &TenantId) -> Result<i64, RegistryError> {
    let row = sqlx::query(
        "INSERT INTO feedback_heads (tenant, seq) SELECT name, 0 FROM tenants WHERE name = $1 \
         ON CONFLICT (tenant) DO UPDATE SET seq = feedback_heads.seq RETURNING seq",
    )
    .bind(tenant.as_str())
    .fetch_optional(&mut **write)
    .await?
    .ok_or_else(|| no_such_tenant(tenant))?;
    Ok(row.try_get("seq")?)
}

/// What is not named is empty.
fn optional<'a>(what: &str, name: Option<&'a str>) -> Result<&'a str, RegistryError> {
    name.map_or(Ok(""), |name| rows::one_line(what, name))
}

fn record(row: &AnyRow) -> Result<FeedbackRecord, RegistryError> {
    let named = |column: &str| -> Result<Option<String>, RegistryError> {
        Ok(Some(rows::text(row, column)?).filter(|name| !name.is_empty()))
    };
    Ok(FeedbackRecord {
        number: rows::count(row, "seq")?,
        feedback: NewFeedback {
            id: rows::text(row, "id")?,
            source: rows::text(row, "source")?,
            survey: named("survey")?,
            respondent: named("respondent")?,
            function: named("function")?,
            model: named("model")?,
            invocation: named("invocation")?,
            trace: named("trace")?,
            said_at: rows::time(row, "said_at")?,
            said: rows::json(row, "said")?,
            anonymizer: rows::json(row, "anonymizer")?,
        },
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
