//! Workflows and their runs: definitions that never change, and journals that are only added to.
//!
//! A run is its journal. A host takes a run with a lease, and writes nothing of it once another host has taken it: each
//! write holds the lease in its own transaction. Many runs are written in one transaction (`write_runs`),
//! so that a wait for the disk is shared.
//!
//! Rows are held in one order, so that no two transactions wait for each other: cursors by tenant, workflows by name, runs
//! by id. Whoever writes more than one run asks for all of them first (`hold`).

mod definitions;
mod inbox;
mod journal;
mod lifecycle;
mod start;
mod take;

pub use definitions::{
    Extension, MAX_DEFINITION_BYTES, NewWorkflow, Workflow, WorkflowSettings, WorkflowVersion,
};
pub use inbox::{Given, MAX_MAIL, Mail};
pub use journal::{EventWait, JournalEntry, MAX_ENTRY_BYTES, RunChange, RunWrite};
pub use lifecycle::{Request, Run, RunFilter, RunStatus};
pub use start::{NewRun, Started};
pub use take::TakenRun;

use std::collections::BTreeSet;

use sqlx::any::AnyRow;

use crate::db::Write;
use crate::id::{Name, TenantId};
use crate::{RegistryError, rows};

/// Holds runs until the transaction ends, in the order of their ids. Their rows, in this order; `which` says more of which.
async fn hold(
    write: &mut Write,
    ids: &BTreeSet<String>,
    which: Which,
) -> Result<Vec<AnyRow>, RegistryError> {
    let ids: Vec<&String> = ids.iter().collect();
    let (and, wait) = match which {
        Which::Each => ("", write.holding()),
        Which::Open => ("AND ended_at IS NULL", write.holding()),
        // Another host is at it: it is not waited for.
        Which::DueBy(_) => ("AND due_at <= $1", write.holding_what_is_free()),
    };
    let before = usize::from(matches!(which, Which::DueBy(_)));
    let mut left = ids.as_slice();
    let mut held = Vec::with_capacity(ids.len());
    for size in portions(ids.len()) {
        let (portion, rest) = left.split_at(size);
        left = rest;
        let sql = format!(
            "SELECT id, lease FROM workflow_runs WHERE id IN ({}) {and} ORDER BY id{wait}",
            numbered(size, before)
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        if let Which::DueBy(now) = which {
            query = query.bind(now);
        }
        for id in portion {
            query = query.bind(id.as_str());
        }
        held.extend(query.fetch_all(&mut **write).await?);
    }
    Ok(held)
}

/// Which runs are held.
#[derive(Clone, Copy)]
enum Which {
    /// All of them.
    Each,
    /// Those that have not ended.
    Open,
    /// Those that are due, of which nobody else holds the row.
    DueBy(i64),
}

/// Holds a workflow until the transaction ends: it is not removed meanwhile. What the tenant lets it do.
async fn hold_workflow(
    write: &mut Write,
    tenant: &TenantId,
    name: &Name,
) -> Result<WorkflowSettings, RegistryError> {
    let sql = format!(
        "SELECT settings FROM workflows WHERE tenant = $1 AND name = $2{}",
        write.holding()
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_optional(&mut **write)
        .await?
        .ok_or_else(|| no_such_workflow(name.as_str()))?;
    rows::json(&row, "settings")
}

/// How many of `count` rows go into each statement: few sizes, so that their plans are kept.
fn portions(mut count: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let size = [128, 32, 8, 1].into_iter().find(|size| *size <= count)?;
        count -= size;
        Some(size)
    })
}

/// `($1, $2), ($3, $4)` for `rows` rows of `columns` columns.
fn placeholders(rows: usize, columns: usize) -> String {
    let row = |r: usize| {
        let row: Vec<String> = (1..=columns)
            .map(|c| format!("${}", r * columns + c))
            .collect();
        format!("({})", row.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// `$3, $4, $5` for `count` values behind the first `after`.
fn numbered(count: usize, after: usize) -> String {
    let all: Vec<String> = (1..=count).map(|n| format!("${}", n + after)).collect();
    all.join(", ")
}

fn no_such_run(id: &ulid::Ulid) -> RegistryError {
    RegistryError::NotFound {
        kind: "run",
        name: id.to_string(),
    }
}

fn no_such_workflow(name: &str) -> RegistryError {
    RegistryError::NotFound {
        kind: "workflow",
        name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_into_statements_of_few_sizes() {
        assert_eq!(portions(170).collect::<Vec<_>>(), [128, 32, 8, 1, 1]);
        assert_eq!(portions(0).count(), 0);
        assert_eq!(placeholders(2, 2), "($1, $2), ($3, $4)");
        assert_eq!(numbered(2, 3), "$4, $5");
    }
}
