//! Check-ins that come round: what is asked, whom, and when. What becomes of each who was asked is in `check_in_entries`.
//!
//! What is asked, answered and overdue becomes an event in the transaction that writes it down, so that there is one for
//! each person and date however many hosts there are and whenever they end. Events name the person by their id and never
//! hold an answer: the log is not erased with a person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::any::AnyRow;

use super::check_in_entries::{CheckInDate, Whose, event, hold};
use super::erasure::{self, Erased, Erasure};
use super::{HOST, MOST, Person, missing, note, said};
use crate::db::{Write, lacks_parent};
use crate::events;
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// The type of the event that a person is asked.
pub const CHECK_IN_DUE: &str = "steward.team.check-in.due";

/// The longest specification, as JSON.
const MAX_SPEC_BYTES: usize = 128 * 1024;
/// The most questions of a check-in.
const MAX_QUESTIONS: usize = 20;
/// The longest questions of a check-in together, in bytes: each person's event and entry has them all.
const MAX_QUESTIONS_BYTES: usize = 16 * 1024;
/// How many that are due are asked for in one sweep.
const SWEEP: i64 = 500;
/// How many people are read, and how many events appended, at a time.
const PORTION: usize = 500;

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
    /// When it was last set.
    pub updated_at: Timestamp,
}

impl Registry {
    /// Sets a check-in, which is next due at `next`. What was asked before stays, and so does a date that is due at `now` and
    /// was not asked for yet.
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
        now: Timestamp,
        by: &str,
    ) -> Result<CheckIn, RegistryError> {
        check(spec)?;
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO team_check_ins (tenant, name, spec, next_at, created_at, created_by, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $5) ON CONFLICT (tenant, name) DO UPDATE SET spec = $3, updated_at = $5, \
             next_at = CASE WHEN team_check_ins.next_at <= $7 THEN team_check_ins.next_at ELSE $4 END",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(rows::to_json("check-in", spec, MAX_SPEC_BYTES)?)
        .bind(next.map(Timestamp::as_microsecond))
        .bind(rows::now().as_microsecond())
        .bind(by)
        .bind(now.as_microsecond())
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

    /// The check-ins that have asked one of these, by name, or every one; at most 5,000.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_check_ins(
        &self,
        tenant: &TenantId,
        whose: Whose<'_>,
    ) -> Result<Vec<CheckIn>, RegistryError> {
        sqlx::query(
            "SELECT * FROM team_check_ins c WHERE c.tenant = $1 AND ($2 = '' OR EXISTS (SELECT 1 FROM team_check_in_entries e \
             JOIN team_people p ON p.tenant = e.tenant AND p.id = e.person \
             WHERE e.tenant = c.tenant AND e.check_in = c.name AND (p.id = $2 OR p.lead = $2))) \
             ORDER BY c.name LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(whose.id())
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
        hold(&mut write, tenant, "check_in = $2", name).await?;
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
        sqlx::query(
            "SELECT * FROM team_check_ins WHERE next_at <= $1 ORDER BY next_at, tenant, name LIMIT $2",
        )
        .bind(now.as_microsecond())
        .bind(SWEEP)
        .fetch_all(&self.db.pool)
        .await?
        .iter()
        .map(|row| Ok((rows::parsed(row, "tenant")?, check_in(row)?)))
        .collect()
    }

    /// Asks everybody whom a check-in asks at a date, each once, and moves it on to `next`. How many were asked; none where
    /// another host was first, or it was set anew since it was `seen`. Without a date nobody is asked.
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
            "UPDATE team_check_ins SET next_at = $3 WHERE tenant = $1 AND name = $2 AND next_at = $4 AND updated_at = $5",
        )
        .bind(tenant.as_str())
        .bind(seen.name.as_str())
        .bind(next.map(Timestamp::as_microsecond))
        .bind(was.as_microsecond())
        .bind(seen.updated_at.as_microsecond())
        .execute(&mut *write)
        .await?;
        if moved.rows_affected() == 0 {
            write.roll_back().await?;
            return Ok(None);
        }
        let asked = match date {
            Some(date) => ask(&mut write, tenant, seen, date).await?,
            None => 0,
        };
        write.commit().await?;
        Ok(Some(asked))
    }
}

/// Asks everybody at a date, each once. How many were asked.
async fn ask(
    write: &mut Write,
    tenant: &TenantId,
    of: &CheckIn,
    date: CheckInDate,
) -> Result<usize, RegistryError> {
    let questions = rows::to_json("questions", &of.spec.questions, MAX_SPEC_BYTES)?;
    let (mut asked, mut after) = (Vec::new(), String::new());
    loop {
        let people = whom(write, tenant, &of.spec.who, &after).await?;
        let Some(last) = people.last() else { break };
        after = last.id.to_string();
        for person in people {
            let done = sqlx::query(
                "INSERT INTO team_check_in_entries (tenant, check_in, person, due_at, until_at, keep_until, questions, told) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT (tenant, check_in, person, due_at) DO NOTHING",
            )
            .bind(tenant.as_str())
            .bind(of.name.as_str())
            .bind(person.id.as_str())
            .bind(date.due.as_microsecond())
            .bind(date.until.as_microsecond())
            .bind(date.keep_until.as_microsecond())
            .bind(&questions)
            .execute(&mut **write)
            .await?;
            if done.rows_affected() > 0 {
                asked.push((person.id, person.contact));
            }
        }
    }
    // Behind all of them: nobody else appends to the log from the first event on.
    for portion in asked.chunks(PORTION) {
        let told = portion.iter().map(|(person, contact)| {
            let data = json!({
                "check_in": of.name, "person": person, "contact": contact,
                "due": date.due, "until": date.until, "questions": of.spec.questions,
            });
            event(CHECK_IN_DUE, &of.name, person, date.due, data)
        });
        let told: Vec<_> = told.collect();
        events::append(write, tenant, &told, None, HOST).await?;
    }
    Ok(asked.len())
}

/// The next of those whom a check-in asks, by id, behind `after`, as it is in this transaction.
async fn whom(
    write: &mut Write,
    tenant: &TenantId,
    who: &Asked,
    after: &str,
) -> Result<Vec<Person>, RegistryError> {
    let (which, texts) = match who {
        Asked::Team(team) => ("team = $3".to_owned(), vec![team.as_str()]),
        Asked::Cycle(cycle) => (
            "id IN (SELECT person FROM team_reviews WHERE tenant = $1 AND cycle = $3)".to_owned(),
            vec![cycle.as_str()],
        ),
        Asked::People(people) => {
            let numbered: Vec<String> = (0..people.len()).map(|n| format!("${}", n + 3)).collect();
            (
                format!("id IN ({})", numbered.join(", ")),
                people.iter().map(Name::as_str).collect(),
            )
        }
    };
    // They stay until the transaction ends: who erases one of them waits, and finds what was asked.
    let sql = format!(
        "SELECT * FROM team_people WHERE tenant = $1 AND id > $2 AND {which} ORDER BY id LIMIT {PORTION}{}",
        write.keeping()
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(tenant.as_str())
        .bind(after);
    for text in texts {
        query = query.bind(text);
    }
    let found = query.fetch_all(&mut **write).await?;
    found.iter().map(super::people::person).collect()
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
    let bytes: usize = spec.questions.iter().map(String::len).sum();
    if bytes > MAX_QUESTIONS_BYTES {
        return invalid(format!(
            "the questions of a check-in have at most {MAX_QUESTIONS_BYTES} bytes together, and not {bytes}"
        ));
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

fn check_in(row: &AnyRow) -> Result<CheckIn, RegistryError> {
    Ok(CheckIn {
        name: rows::parsed(row, "name")?,
        spec: rows::json(row, "spec")?,
        next_at: rows::optional_time(row, "next_at")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
        updated_at: rows::time(row, "updated_at")?,
    })
}
