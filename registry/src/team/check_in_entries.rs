//! What becomes of each who was asked: they answer, or it is told that they did not, until it is erased.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::erasure::{self, Erased};
use super::{HOST, MAX_TEXT, MOST, missing, note};
use crate::db::Write;
use crate::events::{self, NewEvent};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The type of the event that a person has answered. It does not hold the answers.
pub const CHECK_IN_ANSWERED: &str = "steward.team.check-in.answered";
/// The type of the event that a person did not answer in time.
pub const CHECK_IN_OVERDUE: &str = "steward.team.check-in.overdue";
/// What the source of each of these events begins with; the name of the check-in follows. Nobody but the host appends one.
pub const CHECK_INS_SOURCE: &str = "/team/check-ins/";

/// The longest answers together, as JSON.
const MAX_ANSWERS_BYTES: usize = 256 * 1024;
/// Bytes of questions and answers that are read at a time, at least one entry in any case.
const MAX_PAGE_BYTES: usize = 16 << 20;
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
    /// The id of who leads the person, as it is when this is read.
    pub lead: Option<Name>,
    /// When.
    pub date: CheckInDate,
    /// What they were asked.
    pub questions: Vec<String>,
    /// What they answered, one for each question.
    pub answers: Option<Vec<String>>,
    /// When they first answered; not before its time was over where it was told that they did not.
    pub answered_at: Option<Timestamp>,
}

impl CheckInEntry {
    fn bytes(&self) -> usize {
        let answers = self.answers.iter().flatten();
        self.questions.iter().chain(answers).map(String::len).sum()
    }
}

/// Of whom it is read what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'n> {
    /// Of everybody.
    Everybody,
    /// Of this person and of whom they lead.
    Own(&'n Name),
}

impl<'n> Whose<'n> {
    /// The id of the person; empty for everybody.
    pub(super) fn id(self) -> &'n str {
        match self {
            Self::Everybody => "",
            Self::Own(person) => person.as_str(),
        }
    }
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

    /// What was asked and answered, the latest date first, by person; at most 5,000, and at most 16 MiB of questions and
    /// answers. Of one person where one is named.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the check-in; [`RegistryError::Database`].
    pub async fn team_check_in_entries(
        &self,
        tenant: &TenantId,
        name: &Name,
        of: Option<&Name>,
        whose: Whose<'_>,
    ) -> Result<Vec<CheckInEntry>, RegistryError> {
        self.team_check_in(tenant, name).await?;
        let mut found = sqlx::query(
            "SELECT e.*, p.lead FROM team_check_in_entries e JOIN team_people p ON p.tenant = e.tenant AND p.id = e.person \
             WHERE e.tenant = $1 AND e.check_in = $2 AND ($3 = '' OR e.person = $3) \
             AND ($4 = '' OR p.id = $4 OR p.lead = $4) ORDER BY e.due_at DESC, e.person LIMIT $5",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(of.map_or("", Name::as_str))
        .bind(whose.id())
        .bind(MOST)
        .fetch(&self.db.pool);
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(row) = found.try_next().await? {
            let one = entry(&row)?;
            bytes += one.bytes();
            if bytes > MAX_PAGE_BYTES && !page.is_empty() {
                break;
            }
            page.push(one);
        }
        Ok(page)
    }

    /// Whether a check-in has asked this person, or somebody whom they lead.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_check_in_asked(
        &self,
        tenant: &TenantId,
        name: &Name,
        person: &Name,
    ) -> Result<bool, RegistryError> {
        let row = sqlx::query(
            "SELECT e.person FROM team_check_in_entries e JOIN team_people p ON p.tenant = e.tenant AND p.id = e.person \
             WHERE e.tenant = $1 AND e.check_in = $2 AND (p.id = $3 OR p.lead = $3) LIMIT 1",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(person.as_str())
        .fetch_optional(&self.db.pool)
        .await?;
        Ok(row.is_some())
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
            "SELECT e.*, p.lead FROM team_check_in_entries e JOIN team_people p ON p.tenant = e.tenant AND p.id = e.person \
             WHERE e.tenant = $1 AND e.check_in = $2 AND e.person = $3 AND ($4 = 0 OR e.due_at = $5) \
             ORDER BY e.due_at DESC LIMIT 1",
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
        // What is answered first is an event, whoever else answers at the same time. It is late where it was told to be
        // overdue, whatever this host's clock shows.
        let first = sqlx::query(
            "UPDATE team_check_in_entries SET answered_at = CASE WHEN told = 1 AND until_at > $5 THEN until_at ELSE $5 END \
             WHERE tenant = $1 AND check_in = $2 AND person = $3 AND due_at = $4 AND answered_at IS NULL",
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
             AND due_at = $4 RETURNING answered_at",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(person.as_str())
        .bind(at)
        .bind(rows::to_json("answers", &answers, MAX_ANSWERS_BYTES)?)
        .fetch_optional(&mut *write)
        .await?;
        let answered_at = rows::time(
            &row.ok_or_else(|| missing("check-in of this person", name))?,
            "answered_at",
        )?;
        let kept = CheckInEntry {
            answers: Some(answers.to_vec()),
            answered_at: Some(answered_at),
            ..asked
        };
        if first {
            let CheckInDate { due, until, .. } = kept.date;
            let late = answered_at >= until;
            let data = json!({
                "check_in": name, "person": person, "due": due, "until": until, "late": late,
            });
            let mut told = event(CHECK_IN_ANSWERED, name, person, due, data);
            told.time = Some(answered_at);
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
        let over = format!("check_in = $2 AND keep_until <= {}", now.as_microsecond());
        hold(&mut write, &tenant, &over, &name).await?;
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

/// Holds the entries `which` until the transaction ends; `$2` in it is `of`. All who change more than one hold them in this
/// order, so that nobody waits for another who waits for them.
pub(super) async fn hold(
    write: &mut Write,
    tenant: &TenantId,
    which: &str,
    of: &Name,
) -> Result<(), RegistryError> {
    let sql = format!(
        "SELECT person FROM team_check_in_entries WHERE tenant = $1 AND {which} ORDER BY check_in, person, due_at{}",
        write.holding()
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(tenant.as_str())
        .bind(of.as_str())
        .fetch_all(&mut **write)
        .await?;
    Ok(())
}

/// An event about a person at a date: the same for the same person, date and type, whichever host it is.
pub(super) fn event(
    event_type: &str,
    check_in: &Name,
    person: &Name,
    due: Timestamp,
    data: Value,
) -> NewEvent {
    let mut event = NewEvent::new(format!("{CHECK_INS_SOURCE}{check_in}"), event_type);
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
        lead: rows::optional_parsed(row, "lead")?,
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
