//! Reviews: goals, inputs, calibrations, evaluations, signatures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::AnyRow;

use super::{
    Calibration, Evaluation, Evidence, Goal, Input, MAX_TEXT, MOST, Rating, Review, Signature,
    conflict, missing, note, said,
};
use crate::db::{Write, lacks_parent};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// The longest goals of a review, as JSON.
const MAX_GOALS_BYTES: usize = 256 * 1024;
/// The longest input or calibration, as JSON.
const MAX_SAID_BYTES: usize = 64 * 1024;
/// The longest evaluation, as JSON: it repeats the evidence of the goals and of as many inputs as a review has.
const MAX_EVALUATION_BYTES: usize = 8 << 20;
/// The most goals of a review, key results of a goal, ratings and pieces of evidence.
const MAX_LIST: usize = 100;
/// The most inputs of a review.
const MAX_INPUTS: i64 = 100;

/// What is kept of an input as JSON.
#[derive(Serialize, Deserialize)]
struct Said {
    ratings: Vec<Rating>,
    evidence: Vec<Evidence>,
}

/// What is kept of a calibration as JSON.
#[derive(Serialize, Deserialize)]
struct Moved {
    revision: u64,
    before: f64,
    after: f64,
    reason: String,
}

impl Registry {
    /// Sets the goals of a review, which begins with them.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the cycle or the person; [`RegistryError::Conflict`] where it is signed;
    /// [`RegistryError::Invalid`] for what is too much; [`RegistryError::Database`].
    pub async fn set_team_goals(
        &self,
        tenant: &TenantId,
        cycle: &Name,
        person: &Name,
        goals: &[Goal],
        by: &str,
    ) -> Result<(), RegistryError> {
        bounded("goals", goals.len())?;
        for goal in goals {
            rows::one_line("the title of a goal", &goal.title)?;
            bounded("key results of a goal", goal.key_results.len())?;
            for result in &goal.key_results {
                rows::one_line("the title of a key result", &result.title)?;
            }
            check_evidence(&goal.evidence)?;
        }
        let goals = rows::to_json("goals", &goals, MAX_GOALS_BYTES)?;
        let mut write = self.db.write().await?;
        begin(&mut write, tenant, cycle, person).await?;
        change(&mut write, tenant, cycle, person).await?;
        sqlx::query(
            "UPDATE team_reviews SET goals = $4 WHERE tenant = $1 AND cycle = $2 AND person = $3",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(person.as_str())
        .bind(goals)
        .execute(&mut *write)
        .await?;
        note(
            &mut write,
            tenant,
            by,
            "set the goals of a review",
            target(cycle, person),
        )
        .await?;
        write.commit().await
    }

    /// Takes what a rater says of a person; it takes the place of what the same rater said before.
    ///
    /// # Errors
    /// As [`Registry::set_team_goals`].
    pub async fn give_team_input(
        &self,
        tenant: &TenantId,
        cycle: &Name,
        person: &Name,
        input: &Input,
        by: &str,
    ) -> Result<(), RegistryError> {
        bounded("ratings", input.ratings.len())?;
        for rating in &input.ratings {
            rows::one_line("the name of a criterion", &rating.criterion)?;
        }
        check_evidence(&input.evidence)?;
        let body = Said {
            ratings: input.ratings.clone(),
            evidence: input.evidence.clone(),
        };
        let body = rows::to_json("input", &body, MAX_SAID_BYTES)?;
        let mut write = self.db.write().await?;
        begin(&mut write, tenant, cycle, person).await?;
        change(&mut write, tenant, cycle, person).await?;
        sqlx::query(
            "INSERT INTO team_inputs (tenant, cycle, person, rater, perspective, body, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (tenant, cycle, person, rater) DO UPDATE SET perspective = $5, body = $6, at = $7",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(person.as_str())
        .bind(&input.rater)
        .bind(input.perspective.as_str())
        .bind(body)
        .bind(rows::whole_micros(input.at).as_microsecond())
        .execute(&mut *write)
        .await?;
        let row = sqlx::query(
            "SELECT COUNT(*) AS inputs FROM team_inputs WHERE tenant = $1 AND cycle = $2 AND person = $3",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(person.as_str())
        .fetch_one(&mut *write)
        .await?;
        if rows::count::<i64>(&row, "inputs")? > MAX_INPUTS {
            return Err(RegistryError::Invalid(format!(
                "a review has at most {MAX_INPUTS} raters"
            )));
        }
        note(
            &mut write,
            tenant,
            by,
            "gave an input",
            target(cycle, person),
        )
        .await?;
        write.commit().await
    }

    /// Keeps what a plugin said of this revision of a review; of another it is not kept. Whether it was kept.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for an answer that is too long; [`RegistryError::Database`].
    pub async fn keep_team_evaluation(
        &self,
        tenant: &TenantId,
        cycle: &Name,
        person: &Name,
        evaluation: &Evaluation,
        by: &str,
    ) -> Result<bool, RegistryError> {
        let revision = rows::to_bigint("a revision", evaluation.revision)?;
        let body = rows::to_json("evaluation", evaluation, MAX_EVALUATION_BYTES)?;
        let mut write = self.db.write().await?;
        let kept = sqlx::query(
            "UPDATE team_reviews SET evaluation = $5 \
             WHERE tenant = $1 AND cycle = $2 AND person = $3 AND revision = $4 AND signed_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(person.as_str())
        .bind(revision)
        .bind(body)
        .execute(&mut *write)
        .await?
        .rows_affected()
            == 1;
        if kept {
            note(
                &mut write,
                tenant,
                by,
                "evaluated a review",
                target(cycle, person),
            )
            .await?;
        }
        write.commit().await?;
        Ok(kept)
    }

    /// Moves the score of a review by hand, from what was said of the revision that the calibration names. It has to be
    /// evaluated anew.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Conflict`] where the review is signed or was changed since;
    /// [`RegistryError::Invalid`] for a score without reason; [`RegistryError::Database`].
    pub async fn calibrate_team_review(
        &self,
        tenant: &TenantId,
        cycle: &Name,
        person: &Name,
        calibration: &Calibration,
    ) -> Result<(), RegistryError> {
        said("the reason of a calibration", &calibration.reason)?;
        let mut write = self.db.write().await?;
        let changed = change(&mut write, tenant, cycle, person).await?;
        if changed != calibration.revision.saturating_add(1) {
            let now = changed.saturating_sub(1);
            return Err(seen_another(cycle, person, now, calibration.revision));
        }
        let row = sqlx::query(
            "SELECT COUNT(*) AS calibrations FROM team_calibrations \
             WHERE tenant = $1 AND cycle = $2 AND person = $3",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(person.as_str())
        .fetch_one(&mut *write)
        .await?;
        let number: usize = rows::count(&row, "calibrations")?;
        bounded("calibrations", number.saturating_add(1))?;
        let moved = Moved {
            revision: calibration.revision,
            before: calibration.before,
            after: calibration.after,
            reason: calibration.reason.clone(),
        };
        sqlx::query(
            "INSERT INTO team_calibrations (tenant, cycle, person, number, body, moved_by, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(person.as_str())
        .bind(rows::to_bigint("a number", number as u64 + 1)?)
        .bind(rows::to_json("calibration", &moved, MAX_SAID_BYTES)?)
        .bind(&calibration.by)
        .bind(rows::whole_micros(calibration.at).as_microsecond())
        .execute(&mut *write)
        .await?;
        // Scores stay in the review: the log outlives it, and people read in it of themselves.
        let what = format!(
            "{} revision {}",
            target(cycle, person),
            calibration.revision
        );
        note(
            &mut write,
            tenant,
            &calibration.by,
            "calibrated a review",
            what,
        )
        .await?;
        write.commit().await
    }

    /// Makes a review final, as it was evaluated at this revision.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Conflict`] where it is signed, was changed since, or was not
    /// evaluated at this revision; [`RegistryError::Invalid`] where the plugin refused it; [`RegistryError::Database`].
    pub async fn sign_team_review(
        &self,
        tenant: &TenantId,
        cycle: &Name,
        person: &Name,
        revision: u64,
        by: &str,
    ) -> Result<Signature, RegistryError> {
        let mut write = self.db.write().await?;
        let (now, evaluation) = lock(&mut write, tenant, cycle, person).await?;
        if now != revision {
            return Err(seen_another(cycle, person, now, revision));
        }
        let evaluated = evaluation.filter(|evaluation| evaluation.revision == revision);
        let Some(evaluated) = evaluated else {
            let detail = " and was not evaluated since its last change; evaluate it first";
            return Err(conflict("review", target(cycle, person), detail));
        };
        if evaluated.answer.get("advised").is_none_or(Value::is_null) {
            return Err(RegistryError::Invalid(
                "the review was refused, so that there is nothing to sign; its evaluation says why"
                    .into(),
            ));
        }
        let signature = Signature {
            by: by.to_owned(),
            at: rows::now(),
        };
        sqlx::query(
            "UPDATE team_reviews SET signed_by = $4, signed_at = $5 \
             WHERE tenant = $1 AND cycle = $2 AND person = $3",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(person.as_str())
        .bind(by)
        .bind(signature.at.as_microsecond())
        .execute(&mut *write)
        .await?;
        let what = format!("{} revision {revision}", target(cycle, person));
        note(&mut write, tenant, by, "signed a review", what).await?;
        write.commit().await?;
        Ok(signature)
    }

    /// One review, whole.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn team_review(
        &self,
        tenant: &TenantId,
        cycle: &Name,
        person: &Name,
    ) -> Result<Review, RegistryError> {
        let found = self.reviews(tenant, cycle, Some(person)).await?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| missing("review", target(cycle, person)))
    }

    /// Every review of a cycle, whole, by person; at most 5,000.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the cycle, [`RegistryError::Database`].
    pub async fn team_reviews(
        &self,
        tenant: &TenantId,
        cycle: &Name,
    ) -> Result<Vec<Review>, RegistryError> {
        self.team_cycle(tenant, cycle).await?;
        self.reviews(tenant, cycle, None).await
    }

    async fn reviews(
        &self,
        tenant: &TenantId,
        cycle: &Name,
        person: Option<&Name>,
    ) -> Result<Vec<Review>, RegistryError> {
        // No id is empty: the empty text stands for everybody.
        let only = person.map_or("", Name::as_str);
        // The revision is read first: what belongs to a review may be newer than its revision, never older. Then nothing
        // that is said of it is kept, and nobody signs it. A transaction would hold up every writer of SQLite instead.
        let pool = &self.db.pool;
        let rows = sqlx::query(
            "SELECT * FROM team_reviews WHERE tenant = $1 AND cycle = $2 AND ($3 = '' OR person = $3) \
             ORDER BY person LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(only)
        .bind(MOST)
        .fetch_all(pool)
        .await?;
        let mut reviews = BTreeMap::new();
        for row in &rows {
            let review = review(row)?;
            reviews.insert(review.person.to_string(), review);
        }
        let inputs = sqlx::query(
            "SELECT * FROM team_inputs WHERE tenant = $1 AND cycle = $2 AND ($3 = '' OR person = $3) \
             ORDER BY person, rater",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(only)
        .fetch_all(pool)
        .await?;
        for row in &inputs {
            if let Some(review) = reviews.get_mut(&rows::text(row, "person")?) {
                review.inputs.push(input(row)?);
            }
        }
        let calibrations = sqlx::query(
            "SELECT * FROM team_calibrations WHERE tenant = $1 AND cycle = $2 AND ($3 = '' OR person = $3) \
             ORDER BY person, number",
        )
        .bind(tenant.as_str())
        .bind(cycle.as_str())
        .bind(only)
        .fetch_all(pool)
        .await?;
        for row in &calibrations {
            if let Some(review) = reviews.get_mut(&rows::text(row, "person")?) {
                review.calibrations.push(calibration(row)?);
            }
        }
        Ok(reviews.into_values().collect())
    }
}

/// Why nothing was changed: whoever asks has seen another revision than there is.
fn seen_another(cycle: &Name, person: &Name, now: u64, seen: u64) -> RegistryError {
    let detail = format!(
        " at revision {now}, and not at {seen}: it was changed meanwhile; look at it again, and name the revision that you see"
    );
    conflict("review", target(cycle, person), &detail)
}

fn target(cycle: &Name, person: &Name) -> String {
    format!("cycles/{cycle}/reviews/{person}")
}

fn bounded(what: &str, given: usize) -> Result<(), RegistryError> {
    if given > MAX_LIST {
        return Err(RegistryError::Invalid(format!(
            "{given} {what}; at most {MAX_LIST} are kept"
        )));
    }
    Ok(())
}

fn check_evidence(evidence: &[Evidence]) -> Result<(), RegistryError> {
    bounded("pieces of evidence", evidence.len())?;
    for one in evidence {
        for text in [&one.source, &one.summary] {
            if text.contains('\0') || text.chars().take(MAX_TEXT + 1).count() > MAX_TEXT {
                return Err(RegistryError::Invalid(format!(
                    "a piece of evidence has at most {MAX_TEXT} characters, without NUL"
                )));
            }
        }
    }
    Ok(())
}

/// The review is there from now on.
async fn begin(
    write: &mut Write,
    tenant: &TenantId,
    cycle: &Name,
    person: &Name,
) -> Result<(), RegistryError> {
    let found = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM team_cycles WHERE tenant = $1 AND name = $2) AS cycles, \
         (SELECT COUNT(*) FROM team_people WHERE tenant = $1 AND id = $3) AS people",
    )
    .bind(tenant.as_str())
    .bind(cycle.as_str())
    .bind(person.as_str())
    .fetch_one(&mut **write)
    .await?;
    if rows::count::<i64>(&found, "cycles")? == 0 {
        return Err(missing("cycle", cycle));
    }
    if rows::count::<i64>(&found, "people")? == 0 {
        return Err(missing("person", person));
    }
    let done = sqlx::query(
        "INSERT INTO team_reviews (tenant, cycle, person, goals, revision, created_at) \
         VALUES ($1, $2, $3, '[]', 0, $4) ON CONFLICT (tenant, cycle, person) DO NOTHING",
    )
    .bind(tenant.as_str())
    .bind(cycle.as_str())
    .bind(person.as_str())
    .bind(rows::now().as_microsecond())
    .execute(&mut **write)
    .await;
    match done {
        // Erased meanwhile by another host.
        Err(e) if lacks_parent(&e) => Err(missing("person", person)),
        Err(e) => Err(e.into()),
        Ok(_) => Ok(()),
    }
}

/// Raises the revision of a review that is not signed, and holds its row until the transaction ends.
async fn change(
    write: &mut Write,
    tenant: &TenantId,
    cycle: &Name,
    person: &Name,
) -> Result<u64, RegistryError> {
    let row = sqlx::query(
        "UPDATE team_reviews SET revision = revision + 1 \
         WHERE tenant = $1 AND cycle = $2 AND person = $3 AND signed_at IS NULL RETURNING revision",
    )
    .bind(tenant.as_str())
    .bind(cycle.as_str())
    .bind(person.as_str())
    .fetch_optional(&mut **write)
    .await?;
    match row {
        Some(row) => rows::count(&row, "revision"),
        None => Err(unchangeable(write, tenant, cycle, person).await),
    }
}

/// The revision and the evaluation of a review that is not signed; its row is held until the transaction ends.
async fn lock(
    write: &mut Write,
    tenant: &TenantId,
    cycle: &Name,
    person: &Name,
) -> Result<(u64, Option<Evaluation>), RegistryError> {
    let row = sqlx::query(
        "UPDATE team_reviews SET revision = revision \
         WHERE tenant = $1 AND cycle = $2 AND person = $3 AND signed_at IS NULL RETURNING revision, evaluation",
    )
    .bind(tenant.as_str())
    .bind(cycle.as_str())
    .bind(person.as_str())
    .fetch_optional(&mut **write)
    .await?;
    match row {
        Some(row) => Ok((
            rows::count(&row, "revision")?,
            rows::optional_json(&row, "evaluation")?,
        )),
        None => Err(unchangeable(write, tenant, cycle, person).await),
    }
}

async fn unchangeable(
    write: &mut Write,
    tenant: &TenantId,
    cycle: &Name,
    person: &Name,
) -> RegistryError {
    let found = sqlx::query(
        "SELECT person FROM team_reviews WHERE tenant = $1 AND cycle = $2 AND person = $3",
    )
    .bind(tenant.as_str())
    .bind(cycle.as_str())
    .bind(person.as_str())
    .fetch_optional(&mut **write)
    .await;
    match found {
        Err(e) => e.into(),
        Ok(None) => missing("review", target(cycle, person)),
        Ok(Some(_)) => conflict(
            "review",
            target(cycle, person),
            " and is signed: it is final",
        ),
    }
}

fn review(row: &AnyRow) -> Result<Review, RegistryError> {
    let by: Option<String> = rows::optional_parsed(row, "signed_by")?;
    let at = rows::optional_time(row, "signed_at")?;
    Ok(Review {
        cycle: rows::parsed(row, "cycle")?,
        person: rows::parsed(row, "person")?,
        revision: rows::count(row, "revision")?,
        goals: rows::json(row, "goals")?,
        inputs: Vec::new(),
        calibrations: Vec::new(),
        evaluation: rows::optional_json(row, "evaluation")?,
        signed: by.zip(at).map(|(by, at)| Signature { by, at }),
    })
}

fn input(row: &AnyRow) -> Result<Input, RegistryError> {
    let Said { ratings, evidence } = rows::json(row, "body")?;
    Ok(Input {
        perspective: rows::parsed(row, "perspective")?,
        rater: rows::text(row, "rater")?,
        ratings,
        evidence,
        at: rows::time(row, "at")?,
    })
}

fn calibration(row: &AnyRow) -> Result<Calibration, RegistryError> {
    let Moved {
        revision,
        before,
        after,
        reason,
    } = rows::json(row, "body")?;
    Ok(Calibration {
        revision,
        before,
        after,
        by: rows::text(row, "moved_by")?,
        reason,
        at: rows::time(row, "at")?,
    })
}
