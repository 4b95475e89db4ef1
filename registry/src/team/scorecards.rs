//! Scorecards of candidates: scores, and what was decided.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::{Decision, Score, Signature, conflict, missing, note, said};
use crate::db::{Write, is_taken};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The most scores of a process.
const MAX_SCORES: i64 = 20_000;
/// The most scores that are given at a time.
const MAX_GIVEN: usize = 200;
/// The longest advice, as JSON.
const MAX_ADVICE_BYTES: usize = 256 * 1024;

/// What is kept of a score as JSON.
#[derive(Serialize, Deserialize)]
struct Said {
    value: f64,
    evidence: String,
}

impl Registry {
    /// Takes what a rater says of candidates, all of it or nothing; it takes the place of what the same rater said of the
    /// same criteria.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the process; [`RegistryError::Conflict`] for a candidate that was decided about;
    /// [`RegistryError::Invalid`] for a score without evidence, or too many; [`RegistryError::Database`].
    pub async fn give_team_scores(
        &self,
        tenant: &TenantId,
        process: &Name,
        scores: &[Score],
        by: &str,
    ) -> Result<(), RegistryError> {
        if scores.is_empty() || scores.len() > MAX_GIVEN {
            return Err(RegistryError::Invalid(format!(
                "{} scores at a time; 1 to {MAX_GIVEN} are taken",
                scores.len()
            )));
        }
        let mut write = self.db.write().await?;
        hold(&mut write, tenant, process).await?;
        for score in scores {
            rows::one_line("the stage of a score", &score.stage)?;
            rows::one_line("the criterion of a score", &score.criterion)?;
            said("the evidence of a score", &score.evidence)?;
            undecided(&mut write, tenant, process, &score.candidate).await?;
            let body = Said {
                value: score.value,
                evidence: score.evidence.clone(),
            };
            sqlx::query(
                "INSERT INTO team_scores (tenant, process, candidate, stage, criterion, rater, body, at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (tenant, process, candidate, stage, criterion, rater) DO UPDATE SET body = $7, at = $8",
            )
            .bind(tenant.as_str())
            .bind(process.as_str())
            .bind(score.candidate.as_str())
            .bind(&score.stage)
            .bind(&score.criterion)
            .bind(&score.rater)
            .bind(rows::to_json("score", &body, MAX_ADVICE_BYTES)?)
            .bind(rows::whole_micros(score.at).as_microsecond())
            .execute(&mut *write)
            .await?;
        }
        let row = sqlx::query(
            "SELECT COUNT(*) AS scores FROM team_scores WHERE tenant = $1 AND process = $2",
        )
        .bind(tenant.as_str())
        .bind(process.as_str())
        .fetch_one(&mut *write)
        .await?;
        if rows::count::<i64>(&row, "scores")? > MAX_SCORES {
            return Err(RegistryError::Invalid(format!(
                "a process has at most {MAX_SCORES} scores; begin another"
            )));
        }
        let what = format!("processes/{process}: {} scores", scores.len());
        note(&mut write, tenant, by, "gave scores", what).await?;
        write.commit().await
    }

    /// Every score of a process, by candidate, stage, criterion and rater; at most 20,000.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the process, [`RegistryError::Database`].
    pub async fn team_scores(
        &self,
        tenant: &TenantId,
        process: &Name,
    ) -> Result<Vec<Score>, RegistryError> {
        self.team_process(tenant, process).await?;
        sqlx::query(
            "SELECT * FROM team_scores WHERE tenant = $1 AND process = $2 \
             ORDER BY candidate, stage, criterion, rater LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(process.as_str())
        .bind(MAX_SCORES)
        .fetch_all(&self.db.pool)
        .await?
        .iter()
        .map(score)
        .collect()
    }

    /// Keeps what a person decided about a candidate, once.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the process, or a candidate without scores; [`RegistryError::Conflict`] where it was
    /// decided; [`RegistryError::Invalid`] for a decision without reason; [`RegistryError::Database`].
    pub async fn sign_team_decision(
        &self,
        tenant: &TenantId,
        process: &Name,
        decision: &Decision,
    ) -> Result<(), RegistryError> {
        rows::one_line("a decision", &decision.decision)?;
        said("the reason of a decision", &decision.reason)?;
        let candidate = &decision.candidate;
        let mut write = self.db.write().await?;
        hold(&mut write, tenant, process).await?;
        let row = sqlx::query(
            "SELECT COUNT(*) AS scores FROM team_scores WHERE tenant = $1 AND process = $2 AND candidate = $3",
        )
        .bind(tenant.as_str())
        .bind(process.as_str())
        .bind(candidate.as_str())
        .fetch_one(&mut *write)
        .await?;
        if rows::count::<i64>(&row, "scores")? == 0 {
            return Err(missing("candidate", candidate));
        }
        let done = sqlx::query(
            "INSERT INTO team_decisions (tenant, process, candidate, decision, reason, advice, signed_by, signed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(tenant.as_str())
        .bind(process.as_str())
        .bind(candidate.as_str())
        .bind(&decision.decision)
        .bind(&decision.reason)
        .bind(rows::to_json("advice", &decision.advice, MAX_ADVICE_BYTES)?)
        .bind(&decision.signed.by)
        .bind(rows::whole_micros(decision.signed.at).as_microsecond())
        .execute(&mut *write)
        .await;
        match done {
            Err(e) if is_taken(&e) => {
                write.roll_back().await?;
                return Err(decided(candidate));
            }
            Err(e) => return Err(e.into()),
            Ok(_) => {}
        }
        let what = format!("processes/{process}/candidates/{candidate}");
        note(
            &mut write,
            tenant,
            &decision.signed.by,
            "signed a decision",
            what,
        )
        .await?;
        write.commit().await
    }

    /// Every decision of a process, by candidate.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the process, [`RegistryError::Database`].
    pub async fn team_decisions(
        &self,
        tenant: &TenantId,
        process: &Name,
    ) -> Result<Vec<Decision>, RegistryError> {
        self.team_process(tenant, process).await?;
        sqlx::query(
            "SELECT * FROM team_decisions WHERE tenant = $1 AND process = $2 ORDER BY candidate LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(process.as_str())
        .bind(MAX_SCORES)
        .fetch_all(&self.db.pool)
        .await?
        .iter()
        .map(decision)
        .collect()
    }
}

/// The process is there; its row is held, so that a decision and a score of one candidate follow each other.
async fn hold(write: &mut Write, tenant: &TenantId, process: &Name) -> Result<(), RegistryError> {
    let found =
        sqlx::query("UPDATE team_processes SET name = name WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(process.as_str())
            .execute(&mut **write)
            .await?;
    match found.rows_affected() {
        0 => Err(missing("process", process)),
        _ => Ok(()),
    }
}

async fn undecided(
    write: &mut Write,
    tenant: &TenantId,
    process: &Name,
    candidate: &Name,
) -> Result<(), RegistryError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS decisions FROM team_decisions WHERE tenant = $1 AND process = $2 AND candidate = $3",
    )
    .bind(tenant.as_str())
    .bind(process.as_str())
    .bind(candidate.as_str())
    .fetch_one(&mut **write)
    .await?;
    match rows::count::<i64>(&row, "decisions")? {
        0 => Ok(()),
        _ => Err(decided(candidate)),
    }
}

fn decided(candidate: &Name) -> RegistryError {
    conflict(
        "decision about the candidate",
        candidate,
        " and is signed: it is final",
    )
}

fn score(row: &AnyRow) -> Result<Score, RegistryError> {
    let Said { value, evidence } = rows::json(row, "body")?;
    Ok(Score {
        candidate: rows::parsed(row, "candidate")?,
        stage: rows::text(row, "stage")?,
        criterion: rows::text(row, "criterion")?,
        rater: rows::text(row, "rater")?,
        value,
        evidence,
        at: rows::time(row, "at")?,
    })
}

fn decision(row: &AnyRow) -> Result<Decision, RegistryError> {
    Ok(Decision {
        candidate: rows::parsed(row, "candidate")?,
        decision: rows::text(row, "decision")?,
        reason: rows::text(row, "reason")?,
        advice: rows::json(row, "advice")?,
        signed: Signature {
            by: rows::text(row, "signed_by")?,
            at: rows::time(row, "signed_at")?,
        },
    })
}
