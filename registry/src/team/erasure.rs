//! What is erased: on request and when its time is over, with an account of how much and an entry in the audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::{HOST, check_in_entries, missing, note};
use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// How many people, cycles and processes are looked at in one sweep.
const SWEEP: i64 = 100;

/// How much was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// People.
    pub people: u64,
    /// Reviews, with their goals, inputs, calibrations and evaluations.
    pub reviews: u64,
    /// Inputs of these reviews.
    pub inputs: u64,
    /// Scores of candidates.
    pub scores: u64,
    /// Decisions about candidates.
    pub decisions: u64,
    /// What was said of others, in which the id of the rater was replaced.
    pub unnamed: u64,
    /// Check-ins that somebody was asked for, with their answers.
    #[serde(default)]
    pub check_ins: u64,
}

/// An account of what was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// 1, 2, 3 … within the tenant.
    pub number: u64,
    /// Whose: `people/ID`, `cycles/NAME`, `check-ins/NAME`, `processes/NAME` or `processes/NAME/candidates/ID`.
    pub subject: String,
    /// `request` or `retention`.
    pub why: String,
    /// How much.
    pub erased: Erased,
    /// When.
    pub at: Timestamp,
    /// Who did it; `host` where its time was over.
    pub by: String,
}

impl Registry {
    /// Erases a person on request: everything said of them, and their name in what they said of others.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn erase_team_person(
        &self,
        tenant: &TenantId,
        person: &Name,
        by: &str,
    ) -> Result<Erasure, RegistryError> {
        let mut write = self.db.write().await?;
        let erasure = person_erased(&mut write, tenant, person, "request", by).await?;
        write.commit().await?;
        erasure.ok_or_else(|| missing("person", person))
    }

    /// Erases a candidate on request: every score and the decision.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn erase_team_candidate(
        &self,
        tenant: &TenantId,
        process: &Name,
        candidate: &Name,
        by: &str,
    ) -> Result<Erasure, RegistryError> {
        self.team_process(tenant, process).await?;
        let mut write = self.db.write().await?;
        let scores = done(
            &mut write,
            "DELETE FROM team_scores WHERE tenant = $1 AND process = $2 AND candidate = $3",
            &[tenant.as_str(), process.as_str(), candidate.as_str()],
        )
        .await?;
        let decisions = done(
            &mut write,
            "DELETE FROM team_decisions WHERE tenant = $1 AND process = $2 AND candidate = $3",
            &[tenant.as_str(), process.as_str(), candidate.as_str()],
        )
        .await?;
        let erased = Erased {
            scores,
            decisions,
            ..Erased::default()
        };
        if erased == Erased::default() {
            write.roll_back().await?;
            return Err(missing("candidate", candidate));
        }
        let subject = format!("processes/{process}/candidates/{candidate}");
        let erasure = account(&mut write, tenant, subject, "request", erased, by).await?;
        write.commit().await?;
        Ok(erasure)
    }

    /// Erases what should be kept until a time before `now`, of every tenant: people, and the reviews and scores of cycles
    /// and processes. How many accounts were written; those of a large backlog come with the next sweep.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn erase_team_overdue(&self, now: Timestamp) -> Result<u64, RegistryError> {
        let mut written = 0;
        for (tenant, person) in self.overdue(PEOPLE, now).await? {
            let mut write = self.db.write().await?;
            // Looked at again: the date may have been set anew, and another host may have been here.
            let still = sqlx::query(
                "UPDATE team_people SET keep_until = keep_until \
                 WHERE tenant = $1 AND id = $2 AND keep_until <= $3",
            )
            .bind(tenant.as_str())
            .bind(person.as_str())
            .bind(now.as_microsecond())
            .execute(&mut *write)
            .await?;
            if still.rows_affected() > 0 {
                let erased = person_erased(&mut write, &tenant, &person, "retention", HOST).await?;
                written += u64::from(erased.is_some());
            }
            write.commit_alone().await?;
        }
        for (tenant, cycle) in self.overdue(CYCLES, now).await? {
            let mut write = self.db.write().await?;
            let of = [tenant.as_str(), cycle.as_str()];
            done(
                &mut write,
                "DELETE FROM team_calibrations WHERE tenant = $1 AND cycle = $2",
                &of,
            )
            .await?;
            let erased = Erased {
                inputs: done(
                    &mut write,
                    "DELETE FROM team_inputs WHERE tenant = $1 AND cycle = $2",
                    &of,
                )
                .await?,
                reviews: done(
                    &mut write,
                    "DELETE FROM team_reviews WHERE tenant = $1 AND cycle = $2",
                    &of,
                )
                .await?,
                ..Erased::default()
            };
            written += ended(&mut write, &tenant, format!("cycles/{cycle}"), erased).await?;
            write.commit_alone().await?;
        }
        for (tenant, process) in self.overdue(PROCESSES, now).await? {
            let mut write = self.db.write().await?;
            let of = [tenant.as_str(), process.as_str()];
            let erased = Erased {
                scores: done(
                    &mut write,
                    "DELETE FROM team_scores WHERE tenant = $1 AND process = $2",
                    &of,
                )
                .await?,
                decisions: done(
                    &mut write,
                    "DELETE FROM team_decisions WHERE tenant = $1 AND process = $2",
                    &of,
                )
                .await?,
                ..Erased::default()
            };
            written += ended(&mut write, &tenant, format!("processes/{process}"), erased).await?;
            write.commit_alone().await?;
        }
        written += check_in_entries::erase_overdue(self, now).await?;
        Ok(written)
    }

    /// What was erased, the newest first; at most 1,000.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn team_erasures(&self, tenant: &TenantId) -> Result<Vec<Erasure>, RegistryError> {
        sqlx::query("SELECT * FROM team_erasures WHERE tenant = $1 ORDER BY number DESC LIMIT 1000")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(record)
            .collect()
    }

    async fn overdue(
        &self,
        of: &'static str,
        now: Timestamp,
    ) -> Result<Vec<(TenantId, Name)>, RegistryError> {
        sqlx::query(of)
            .bind(now.as_microsecond())
            .bind(SWEEP)
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(|row| Ok((rows::parsed(row, "tenant")?, rows::parsed(row, "name")?)))
            .collect()
    }
}

const PEOPLE: &str = "SELECT tenant, id AS name FROM team_people WHERE keep_until <= $1 ORDER BY keep_until LIMIT $2";
// Only where something is left: a cycle stays, with nobody in it.
const CYCLES: &str = "SELECT tenant, name FROM team_cycles c WHERE keep_until <= $1 AND EXISTS \
    (SELECT 1 FROM team_reviews r WHERE r.tenant = c.tenant AND r.cycle = c.name) ORDER BY keep_until LIMIT $2";
const PROCESSES: &str = "SELECT tenant, name FROM team_processes p WHERE keep_until <= $1 AND (EXISTS \
    (SELECT 1 FROM team_scores s WHERE s.tenant = p.tenant AND s.process = p.name) OR EXISTS \
    (SELECT 1 FROM team_decisions d WHERE d.tenant = p.tenant AND d.process = p.name)) ORDER BY keep_until LIMIT $2";

/// How many rows a statement changed; its parameters are texts.
pub(super) async fn done(
    write: &mut Write,
    statement: &'static str,
    parameters: &[&str],
) -> Result<u64, RegistryError> {
    let mut query = sqlx::query(statement);
    for parameter in parameters {
        query = query.bind((*parameter).to_owned());
    }
    Ok(query.execute(&mut **write).await?.rows_affected())
}

async fn person_erased(
    write: &mut Write,
    tenant: &TenantId,
    person: &Name,
    why: &str,
    by: &str,
) -> Result<Option<Erasure>, RegistryError> {
    let sql = format!(
        "SELECT id FROM team_people WHERE tenant = $1 AND id = $2{}",
        write.holding()
    );
    // Before all else: who asks them at the same time has asked before, or finds nobody to ask.
    let held = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(tenant.as_str())
        .bind(person.as_str())
        .fetch_optional(&mut **write)
        .await?;
    if held.is_none() {
        return Ok(None);
    }
    check_in_entries::hold(write, tenant, "person = $2", person).await?;
    let of = [tenant.as_str(), person.as_str()];
    let word = format!(
        "erased-{}",
        ulid::Ulid::generate().to_string().to_lowercase()
    );
    let renamed = [tenant.as_str(), person.as_str(), word.as_str()];
    done(
        write,
        "DELETE FROM team_calibrations WHERE tenant = $1 AND person = $2",
        &of,
    )
    .await?;
    let inputs = done(
        write,
        "DELETE FROM team_inputs WHERE tenant = $1 AND person = $2",
        &of,
    )
    .await?;
    let check_ins = done(
        write,
        "DELETE FROM team_check_in_entries WHERE tenant = $1 AND person = $2",
        &of,
    )
    .await?;
    let reviews = done(
        write,
        "DELETE FROM team_reviews WHERE tenant = $1 AND person = $2",
        &of,
    )
    .await?;
    let unnamed = done(
        write,
        "UPDATE team_inputs SET rater = $3 WHERE tenant = $1 AND rater = $2",
        &renamed,
    )
    .await?
        + done(
            write,
            "UPDATE team_scores SET rater = $3 WHERE tenant = $1 AND rater = $2",
            &renamed,
        )
        .await?;
    done(
        write,
        "UPDATE team_people SET lead = NULL WHERE tenant = $1 AND lead = $2",
        &of,
    )
    .await?;
    let people = done(
        write,
        "DELETE FROM team_people WHERE tenant = $1 AND id = $2",
        &of,
    )
    .await?;
    if people == 0 {
        return Ok(None);
    }
    let erased = Erased {
        people,
        reviews,
        inputs,
        unnamed,
        check_ins,
        ..Erased::default()
    };
    account(write, tenant, format!("people/{person}"), why, erased, by)
        .await
        .map(Some)
}

/// What was over of a cycle or a process: nothing is written where another host was here.
pub(super) async fn ended(
    write: &mut Write,
    tenant: &TenantId,
    subject: String,
    erased: Erased,
) -> Result<u64, RegistryError> {
    if erased == Erased::default() {
        return Ok(0);
    }
    account(write, tenant, subject, "retention", erased, HOST).await?;
    Ok(1)
}

async fn next(write: &mut Write, tenant: &TenantId) -> Result<u64, RegistryError> {
    let row = sqlx::query(
        "SELECT COALESCE(MAX(number), 0) + 1 AS number FROM team_erasures WHERE tenant = $1",
    )
    .bind(tenant.as_str())
    .fetch_one(&mut **write)
    .await?;
    rows::count(&row, "number")
}

pub(super) async fn account(
    write: &mut Write,
    tenant: &TenantId,
    subject: String,
    why: &str,
    erased: Erased,
    by: &str,
) -> Result<Erasure, RegistryError> {
    // The entry first: taking its number holds the log of the tenant, so that accounts get numbers one after the other.
    let summary = format!(
        "{subject}: {} people, {} reviews, {} inputs, {} scores, {} decisions, {} unnamed, {} check-ins",
        erased.people,
        erased.reviews,
        erased.inputs,
        erased.scores,
        erased.decisions,
        erased.unnamed,
        erased.check_ins
    );
    note(write, tenant, by, &format!("erased on {why}"), summary).await?;
    let erasure = Erasure {
        number: next(write, tenant).await?,
        subject,
        why: why.to_owned(),
        erased,
        at: rows::now(),
        by: by.to_owned(),
    };
    sqlx::query(
        "INSERT INTO team_erasures (tenant, number, subject, why, erased, at, erased_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.as_str())
    .bind(rows::to_bigint("a number", erasure.number)?)
    .bind(&erasure.subject)
    .bind(&erasure.why)
    .bind(rows::to_json("account", &erasure.erased, 4096)?)
    .bind(erasure.at.as_microsecond())
    .bind(&erasure.by)
    .execute(&mut **write)
    .await?;
    Ok(erasure)
}

fn record(row: &AnyRow) -> Result<Erasure, RegistryError> {
    Ok(Erasure {
        number: rows::count(row, "number")?,
        subject: rows::text(row, "subject")?,
        why: rows::text(row, "why")?,
        erased: rows::json(row, "erased")?,
        at: rows::time(row, "at")?,
        by: rows::text(row, "erased_by")?,
    })
}
