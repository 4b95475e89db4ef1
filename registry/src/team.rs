//! What a team keeps about its people: reviews, scorecards, who signed, what was erased.
//!
//! Every change is written into the audit log in its own transaction, whatever route it came by. What is kept is what was
//! said; who may read which field is the business of `steward-team`.

mod check_in_entries;
mod check_ins;
mod erasure;
mod people;
mod records;
mod reviews;
mod scorecards;
mod specs;

pub use check_in_entries::{
    CHECK_IN_ANSWERED, CHECK_IN_OVERDUE, CHECK_INS_SOURCE, CheckInDate, CheckInEntry, Whose,
};
pub use check_ins::{Asked, CHECK_IN_DUE, CheckIn, CheckInSpec};
pub use erasure::{Erased, Erasure};
pub use records::{
    Calibration, Criterion, Cycle, CycleSpec, Decision, Evaluation, Evidence, Goal, Input,
    KeyResult, Person, Perspective, Process, ProcessSpec, Rating, Review, Scale, Score, Signature,
    Specified, Stage,
};

use crate::audit::{self, AuditDraft};
use crate::db::Write;
use crate::id::TenantId;
use crate::{RegistryError, rows};

/// The longest text of a goal, a reason or a piece of evidence, in characters.
pub const MAX_TEXT: usize = 2000;
/// The most people, reviews of a cycle and cycles that are read at a time.
const MOST: i64 = 5000;
/// Who does what nobody asked for: tells and erases when its time has come.
const HOST: &str = "host";

/// Writes what was done to the audit log, in the transaction that does it.
async fn note(
    write: &mut Write,
    tenant: &TenantId,
    by: &str,
    action: &str,
    target: String,
) -> Result<(), RegistryError> {
    let draft = AuditDraft {
        tenants: vec![tenant.clone()],
        principal: by.to_owned(),
        action: format!("team: {action}"),
        target,
    };
    audit::append(write, &draft, audit::DONE).await
}

/// A text that says something and is no longer than is kept.
fn said<'t>(what: &str, text: &'t str) -> Result<&'t str, RegistryError> {
    let fits = text.chars().take(MAX_TEXT + 1).count() <= MAX_TEXT;
    if fits && !text.trim().is_empty() && !text.contains('\0') {
        return Ok(text);
    }
    Err(RegistryError::Invalid(format!(
        "{what} says something in at most {MAX_TEXT} characters, without NUL"
    )))
}

fn micros(time: Option<jiff::Timestamp>) -> Option<i64> {
    time.map(|time| rows::whole_micros(time).as_microsecond())
}

fn conflict(kind: &'static str, name: impl ToString, detail: &str) -> RegistryError {
    RegistryError::Conflict {
        kind,
        name: name.to_string(),
        detail: detail.to_owned(),
    }
}

fn missing(kind: &'static str, name: impl ToString) -> RegistryError {
    RegistryError::NotFound {
        kind,
        name: name.to_string(),
    }
}
