//! Check-ins that come round: people are asked at each date once, answer, and it is told who did not.
//!
//! What is asked, answered and overdue becomes an event in the transaction that writes it down, so that there is one for
//! each person and date however many hosts there are and whenever they end. Events name the person by their id and never
//! hold an answer: the log is not erased with a person.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::erasure::{self, Erased, Erasure};
use super::{MAX_TEXT, MOST, Person, missing, note, said};
use crate::db::{Write, lacks_parent};
use crate::events::{self, NewEvent};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// The type of the event that a person is asked.
pub const CHECK_IN_DUE: &str = "steward.team.check-in.due";
/// The type of the event that a person has answered. It does not hold the answers.
pub const CHECK_IN_ANSWERED: &str = "steward.team.check-in.answered";
/// The type of the event that a person did not answer in time.
pub const CHECK_IN_OVERDUE: &str = "steward.team.check-in.overdue";

/// The longest specification, as JSON.
const MAX_SPEC_BYTES: usize = 128 * 1024;
/// The most questions of a check-in.
const MAX_QUESTIONS: usize = 20;
/// The longest answers together, as JSON.
const MAX_ANSWERS_BYTES: usize = 256 * 1024;
/// How many that are overdue are told in one sweep.
const SWEEP: i64 = 500;
/// Who asks and tells.
const HOST: &str = "host";

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Everybody of the team, as it is at the date.
    Team(String),
    /// Everybody who has a review in the cycle, as it is at the date.
    Cycle(Name),
    /// These people.
    People(Vec<Name>),
}

/// What a check-in is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckInSpec {
    /// Who is asked.
    pub who: Asked,
    /// What they are asked.
    pub questions: Vec<String>,
    /// When: a cron expression. Either this, or `every` and `begin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// When: the time from one date to the next, as ISO 8601 has it (`P2W`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// The first date, as the clock in the zone shows it (`2026-01-05T09:00`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begin: Option<String>,
    /// The time zone, as IANA names it.
    pub zone: String,
    /// How long there is to answer, as ISO 8601 has it.
    pub answer_within: String,
    /// When it is erased, counted from the date, as ISO 8601 has it.
    pub keep_for: String,
}

/// A check-in that comes round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckIn {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub spec: CheckInSpec,
    /// When it is next due; none: never again.
    pub next_at: Option<Timestamp>,
    /// When it was first set.
    pub created_at: Timestamp,
    /// Who set it first.
    pub created_by: String,
}

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
    /// Sets a check-in, which is next due at `next`. What was asked before stays.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the tenant; [`RegistryError::Invalid`] for questions that are none, or nobody to
    /// ask; [`RegistryError::Database`].
    pub async fn set_team_check_in(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &CheckInSpec,
        next: Option<Timestamp>,
        by: &str,
    ) -> Result<CheckIn, RegistryError> {
        check(spec)?;
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO team_check_ins (tenant, name, spec, next_at, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, name) DO UPDATE SET spec = $3, next_at = $4",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(rows::to_json("check-in", spec, MAX_SPEC_BYTES)?)
        .bind(next.map(Timestamp::as_microsecond))
        .bind(rows::now().as_microsecond())
        .bind(by)
        .execute(&mut *write)
        .await;
        match done {
            Err(e) if lacks_parent(&e) => return Err(no_such_tenant(tenant)),
            other => other?,
        };
        note(
            &mut write,
            tenant,
            by,
            "set a check-in",
            format!("check-ins/{name}"),
        )
        .await?;
        write.commit().await?;
        self.team_check_in(tenant, name).await
    }

    /// Every check-in, by name; at most 5,000.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_check_ins(&self, tenant: &TenantId) -> Result<Vec<CheckIn>, RegistryError> {
        sqlx::query("SELECT * FROM team_check_ins WHERE tenant = $1 ORDER BY name LIMIT $2")
            .bind(tenant.as_str())
            .bind(MOST)
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(check_in)
            .collect()
    }

    /// One check-in.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn team_check_in(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<CheckIn, RegistryError> {
        let row = sqlx::query("SELECT * FROM team_check_ins WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        check_in(&row.ok_or_else(|| missing("check-in", name))?)
    }

    /// Removes a check-in with all that was asked and answered.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn remove_team_check_in(
        &self,
        tenant: &TenantId,
        name: &Name,
        by: &str,
    ) -> Result<Erasure, RegistryError> {
        let mut write = self.db.write().await?;
        // The check-in first: who asks for it holds it too, and asks nobody more.
        let held =
            sqlx::query("UPDATE team_check_ins SET next_at = NULL WHERE tenant = $1 AND name = $2")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .execute(&mut *write)
                .await?;
        if held.rows_affected() == 0 {
            write.roll_back().await?;
            return Err(missing("check-in", name));
        }
        let of = [tenant.as_str(), name.as_str()];
        let check_ins = erasure::done(
            &mut write,
            "DELETE FROM team_check_in_entries WHERE tenant = $1 AND check_in = $2",
            &of,
        )
        .await?;
        erasure::done(
            &mut write,
            "DELETE FROM team_check_ins WHERE tenant = $1 AND name = $2",
            &of,
        )
        .await?;
        let erased = Erased {
            check_ins,
            ..Erased::default()
        };
        let subject = format!("check-ins/{name}");
        let erasure = erasure::account(&mut write, tenant, subject, "request", erased, by).await?;
        write.commit().await?;
        Ok(erasure)
    }

    /// The check-ins of every tenant that are due now.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn due_team_check_ins(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(TenantId, CheckIn)>, RegistryError> {
        sqlx::query("SELECT * FROM team_check_ins WHERE next_at <= $1 ORDER BY next_at LIMIT $2")
            .bind(now.as_microsecond())
            .bind(SWEEP)
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(|row| Ok((rows::parsed(row, "tenant")?, check_in(row)?)))
            .collect()
    }

    /// Asks everybody whom a check-in asks at a date, each once, and moves it on to `next`. How many were asked; none where
    /// another host was first. Without a date nobody is asked.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn ask_team_check_in(
        &self,
        tenant: &TenantId,
        seen: &CheckIn,
        date: Option<CheckInDate>,
        next: Option<Timestamp>,
    ) -> Result<Option<usize>, RegistryError> {
        let Some(was) = seen.next_at else {
            return Ok(None);
        };
        let mut write = self.db.write().await?;
        let moved = sqlx::query(
            "UPDATE team_check_ins SET next_at = $3 WHERE tenant = $1 AND name = $2 AND next_at = $4",
        )
        .bind(tenant.as_str())
        .bind(seen.name.as_str())
        .bind(next.map(Timestamp::as_microsecond))
        .bind(was.as_microsecond())
        .execute(&mut *write)
        .await?;
        if moved.rows_affected() == 0 {
            write.roll_back().await?;
            return Ok(None);
        }
        let mut asked = Vec::new();
        if let Some(date) = date {
            let questions = rows::to_json("questions", &seen.spec.questions, MAX_SPEC_BYTES)?;
            for person in whom(&mut write, tenant, &seen.spec.who).await? {
                let done = sqlx::query(
                    "INSERT INTO team_check_in_entries (tenant, check_in, person, due_at, until_at, keep_until, questions, told) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT (tenant, check_in, person, due_at) DO NOTHING",
                )
                .bind(tenant.as_str())
                .bind(seen.name.as_str())
                .bind(person.id.as_str())
                .bind(date.due.as_microsecond())
                .bind(date.until.as_microsecond())
                .bind(date.keep_until.as_microsecond())
                .bind(&questions)
                .execute(&mut *write)
                .await?;
                if done.rows_affected() > 0 {
                    let data = json!({
                        "check_in": seen.name, "person": person.id, "contact": person.contact,
                        "due": date.due, "until": date.until, "questions": seen.spec.questions,
                    });
                    asked.push(event(CHECK_IN_DUE, &seen.name, &person.id, date.due, data));
                }
            }
            if !asked.is_empty() {
                events::append(&mut write, tenant, &asked, None, HOST).await?;
            }
        }
        write.commit().await?;
        Ok(Some(asked.len()))
    }

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

/// Whom a check-in asks, as it is in this transaction.
async fn whom(
    write: &mut Write,
    tenant: &TenantId,
    who: &Asked,
) -> Result<Vec<Person>, RegistryError> {
    let rows = sqlx::query("SELECT * FROM team_people WHERE tenant = $1 ORDER BY id LIMIT $2")
        .bind(tenant.as_str())
        .bind(MOST)
        .fetch_all(&mut **write)
        .await?;
    let people: Result<Vec<Person>, _> = rows.iter().map(super::people::person).collect();
    let mut people = people?;
    match who {
        Asked::Team(team) => people.retain(|person| person.team == *team),
        Asked::People(ids) => people.retain(|person| ids.contains(&person.id)),
        Asked::Cycle(cycle) => {
            let rows =
                sqlx::query("SELECT person FROM team_reviews WHERE tenant = $1 AND cycle = $2")
                    .bind(tenant.as_str())
                    .bind(cycle.as_str())
                    .fetch_all(&mut **write)
                    .await?;
            let mut within = BTreeSet::new();
            for row in &rows {
                within.insert(rows::parsed::<Name>(row, "person")?);
            }
            people.retain(|person| within.contains(&person.id));
        }
    }
    Ok(people)
}

/// An event about a person at a date: the same for the same person, date and type, whichever host it is.
fn event(
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

fn check(spec: &CheckInSpec) -> Result<(), RegistryError> {
    let invalid = |why: String| Err(RegistryError::Invalid(why));
    if !(1..=MAX_QUESTIONS).contains(&spec.questions.len()) {
        return invalid(format!(
            "a check-in has 1 to {MAX_QUESTIONS} questions, and not {}",
            spec.questions.len()
        ));
    }
    for question in &spec.questions {
        said("a question", question)?;
    }
    match &spec.who {
        Asked::Team(team) => rows::one_line("the team of a check-in", team).map(drop),
        Asked::Cycle(_) => Ok(()),
        Asked::People(people) if people.is_empty() || people.len() > MOST as usize => {
            invalid(format!("a check-in asks 1 to {MOST} people"))
        }
        Asked::People(_) => Ok(()),
    }
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

fn check_in(row: &AnyRow) -> Result<CheckIn, RegistryError> {
    Ok(CheckIn {
        name: rows::parsed(row, "name")?,
        spec: rows::json(row, "spec")?,
        next_at: rows::optional_time(row, "next_at")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
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
