//! Workflows and their runs: definitions that never change, and journals that are only added to.
//!
//! A run is its journal. A host takes a run with a lease, and writes nothing of it once another host has taken it: each
//! write holds the lease in its own transaction. Many runs are written in one transaction ([`Registry::write_runs`]),
//! so that a wait for the disk is shared.

mod definitions;
mod inbox;
mod journal;
mod lifecycle;
mod take;

pub use definitions::{
    Extension, MAX_DEFINITION_BYTES, NewWorkflow, Workflow, WorkflowSettings, WorkflowVersion,
};
pub use inbox::{Given, MAX_MAIL, Mail};
pub use journal::{EventWait, JournalEntry, MAX_ENTRY_BYTES, RunChange, RunWrite};
pub use lifecycle::{NewRun, Request, Run, RunFilter, RunStatus, Started};
pub use take::{Held, TakenRun};

use crate::RegistryError;

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
