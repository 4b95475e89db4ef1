//! What becomes of each who was asked: they answer, or it is told that they did not, until it is erased.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::erasure::{self, Erased};
use super::{HOST, MAX_TEXT, MOST, missing, note};
use crate::events::{self, NewEvent};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The type of the event that a person has answered. It does not hold the answers.
pub const CHECK_IN_ANSWERED: &str = "steward.team.check-in.answered";
/// The type of the event that a person did not answer in time.
pub const CHECK_IN_OVERDUE: &str = "steward.team.check-in.overdue";

/// The longest answers together, as JSON.
const MAX_ANSWERS_BYTES: usize = 256 * 1024;
/// How many that are overdue are told in one sweep, and of how many check-ins something is erased.
const SWEEP: i64 = 500;

/// A date at which people are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckInDate {
    /// When it was due.
    pub due: Timestamp,
    /// Until when there is time to answer.
    pub until: Timestamp,
    /// When it is erased.
    pub keep_until: Timestamp,
}

/// One person who was asked at one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInEntry {
    /// The check-in.
    pub check_in: Name,
    /// The id of the person.
    pub person: Name,
    /// When.
    pub date: CheckInDate,
    /// What they were asked.
    pub questions: Vec<String>,
    /// What they answered, one for each question.
    pub answers: Option<Vec<String>>,
    /// When they first answered.
    pub answered_at: Option<Timestamp>,
}

impl Registry {
    /// Tells of every tenant who did not answer in time, each once. How many.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn tell_overdue_team_check_ins(
        &self,
        now: Timestamp,
    ) -> Result<usize, RegistryError> {
        let found = sqlx::query(
            "SELECT tenant, check_in, person, due_at, until_at FROM team_check_in_entries \
             WHERE told = 0 AND answered_at IS NULL AND until_at <= $1 \
             ORDER BY tenant, check_in, person, due_at LIMIT $2",
        )
        .bind(now.as_microsecond())
        .bind(SWEEP)
        .fetch_all(&self.db.pool)
        .await?;
        let mut overdue: BTreeMap<TenantId, Vec<(Name, Name, Timestamp, Timestamp)>> =
            BTreeMap::new();
        for row in &found {
            let one = (
                rows::parsed(row, "check_in")?,
                rows::parsed(row, "person")?,
                rows::time(row, "due_at")?,
                rows::time(row, "until_at")?,
            );
            let tenant = rows::parsed(row, "tenant")?;
            overdue.entry(tenant).or_default().push(one);
        }
        let mut told = 0;
        for (tenant, entries) in overdue {
            let mut write = self.db.write().await?;
            let mut late = Vec::new();
            for (check_in, person, due, until) in entries {
                // Looked at again: it may have been answered, and another host may have been here.
                let done = sqlx::query(
                    "UPDATE team_check_in_entries SET told = 1 WHERE tenant = $1 AND check_in = $2 AND person = $3 \
                     AND due_at = $4 AND told = 0 AND answered_at IS NULL",
                )
                .bind(tenant.as_str())
                .bind(check_in.as_str())
                .bind(person.as_str())
                .bind(due.as_microsecond())
                .execute(&mut *write)
                .await?;
                if done.rows_affected() == 0 {
                    continue;
                }
                let row =
                    sqlx::query("SELECT contact FROM team_people WHERE tenant = $1 AND id = $2")
                        .bind(tenant.as_str())
                        .bind(person.as_str())
                        .fetch_optional(&mut *write)
                        .await?;
                let contact: Option<String> = match &row {
                    Some(row) => row.try_get("contact")?,
                    None => None,
                };
                let data = json!({
                    "check_in": check_in, "person": person, "contact": contact, "due": due, "until": until,
                });
                late.push(event(CHECK_IN_OVERDUE, &check_in, &person, due, data));
            }
            told += late.len();
            if !late.is_empty() {
                events::append(&mut write, &tenant, &late, None, HOST).await?;
            }
            write.commit().await?;
        }
        Ok(told)
    }

    /// What was asked and answered, the latest date first, by person; at most 5,000. Of one person where one is named.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the check-in; [`RegistryError::Database`].
    pub async fn team_check_in_entries(
        &self,
        tenant: &TenantId,
        name: &Name,
        of: Option<&Name>,
    ) -> Result<Vec<CheckInEntry>, RegistryError> {
        self.team_check_in(tenant, name).await?;
        sqlx::query(
            "SELECT * FROM team_check_in_entries WHERE tenant = $1 AND check_in = $2 AND ($3 = '' OR person = $3) \
             ORDER BY due_at DESC, person LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(of.map_or("", Name::as_str))
        .bind(MOST)
        .fetch_all(&self.db.pool)
        .await?
        .iter()
        .map(entry)
        .collect()
    }

    /// Keeps what a person answers at a date, or at the last one; it takes the place of what they answered before.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where they were not asked; [`RegistryError::Invalid`] for other than one answer to each
    /// question; [`RegistryError::Database`].
    pub async fn answer_team_check_in(
        &self,
        tenant: &TenantId,
        name: &Name,
        person: &Name,
        due: Option<Timestamp>,
        answers: &[String],
        by: &str,
    ) -> Result<CheckInEntry, RegistryError> {
        let mut write = self.db.write().await?;
        let row = sqlx::query(
            "SELECT * FROM team_check_in_entries WHERE tenant = $1 AND check_in = $2 AND person = $3 \
             AND ($4 = 0 OR due_at = $5) ORDER BY due_at DESC LIMIT 1",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(person.as_str())
        .bind(i64::from(due.is_some()))
        .bind(due.map_or(0, Timestamp::as_microsecond))
        .fetch_optional(&mut *write)
        .await?;
        let asked = row.as_ref().map(entry).transpose()?;
        let asked = asked.ok_or_else(|| missing("check-in of this person", name))?;
        fit(&asked.questions, answers)?;
        let now = rows::now();
        let at = asked.date.due.as_microsecond();
        // What is answered first is an event, whoever else answers at the same time.
        let first = sqlx::query(
            "UPDATE team_check_in_entries SET answered_at = $5 WHERE tenant = $1 AND check_in = $2 AND person = $3 \
             AND due_at = $4 AND answered_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(person.as_str())
        .bind(at)
        .bind(now.as_microsecond())
        .execute(&mut *write)
        .await?
        .rows_affected()
            > 0;
        let row = sqlx::query(
            "UPDATE team_check_in_entries SET answers = $5 WHERE tenant = $1 AND check_in = $2 AND person = $3 \
             AND due_at = $4 RETURNING *",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(person.as_str())
        .bind(at)
        .bind(rows::to_json("answers", &answers, MAX_ANSWERS_BYTES)?)
        .fetch_optional(&mut *write)
        .await?;
        let kept = entry(&row.ok_or_else(|| missing("check-in of this person", name))?)?;
        if first {
            let late = now > kept.date.until;
            let data = json!({
                "check_in": name, "person": person, "due": kept.date.due, "until": kept.date.until, "late": late,
            });
            let mut told = event(CHECK_IN_ANSWERED, name, person, kept.date.due, data);
            told.time = Some(now);
            events::append(&mut write, tenant, &[told], None, by).await?;
        }
        let target = format!("check-ins/{name}/people/{person}");
        note(&mut write, tenant, by, "answered a check-in", target).await?;
        write.commit().await?;
        Ok(kept)
    }
}

/// Erases what was kept long enough. How many accounts were written.
pub(super) async fn erase_overdue(
    registry: &Registry,
    now: Timestamp,
) -> Result<u64, RegistryError> {
    let found = sqlx::query(
        "SELECT DISTINCT tenant, check_in FROM team_check_in_entries WHERE keep_until <= $1 LIMIT $2",
    )
    .bind(now.as_microsecond())
    .bind(SWEEP)
    .fetch_all(&registry.db.pool)
    .await?;
    let mut written = 0;
    for row in &found {
        let tenant: TenantId = rows::parsed(row, "tenant")?;
        let name: Name = rows::parsed(row, "check_in")?;
        let mut write = registry.db.write().await?;
        let done = sqlx::query(
            "DELETE FROM team_check_in_entries WHERE tenant = $1 AND check_in = $2 AND keep_until <= $3",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(now.as_microsecond())
        .execute(&mut *write)
        .await?;
        let erased = Erased {
            check_ins: done.rows_affected(),
            ..Erased::default()
        };
        written += erasure::ended(&mut write, &tenant, format!("check-ins/{name}"), erased).await?;
        write.commit_alone().await?;
    }
    Ok(written)
}

/// An event about a person at a date: the same for the same person, date and type, whichever host it is.
pub(super) fn event(
    event_type: &str,
    check_in: &Name,
    person: &Name,
    due: Timestamp,
    data: Value,
) -> NewEvent {
    let mut event = NewEvent::new(format!("/team/check-ins/{check_in}"), event_type);
    let word = event_type.rsplit('.').next().unwrap_or_default();
    event.id = format!("{person}@{due}/{word}");
    event.subject = Some(person.to_string());
    event.content_type = Some("application/json".into());
    event.data = Some(data.to_string().into());
    event
}

/// Whether there is an answer to each question; one of them says something.
fn fit(questions: &[String], answers: &[String]) -> Result<(), RegistryError> {
    let invalid = |why: String| Err(RegistryError::Invalid(why));
    if answers.len() != questions.len() {
        return invalid(format!(
            "there are {} questions and {} answers: give one to each, in their order; it may be empty",
            questions.len(),
            answers.len()
        ));
    }
    for answer in answers {
        if answer.chars().nth(MAX_TEXT).is_some() || answer.contains('\0') {
            return invalid(format!(
                "an answer has at most {MAX_TEXT} characters, without NUL"
            ));
        }
    }
    match answers.iter().all(|answer| answer.trim().is_empty()) {
        true => invalid("every answer is empty: answer one of the questions".into()),
        false => Ok(()),
    }
}

fn entry(row: &AnyRow) -> Result<CheckInEntry, RegistryError> {
    Ok(CheckInEntry {
        check_in: rows::parsed(row, "check_in")?,
        person: rows::parsed(row, "person")?,
        date: CheckInDate {
            due: rows::time(row, "due_at")?,
            until: rows::time(row, "until_at")?,
            keep_until: rows::time(row, "keep_until")?,
        },
        questions: rows::json(row, "questions")?,
        answers: rows::optional_json(row, "answers")?,
        answered_at: rows::optional_time(row, "answered_at")?,
    })
}
