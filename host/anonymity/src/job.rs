//! From a job and a table to a protected table.

use std::io::Read;
use std::ops::ControlFlow;

use crate::classes::{Change, Classes, Scratch};
use crate::error::shown;
use crate::hierarchy::Hierarchy;
use crate::metric::Measure;
use crate::prepared::{Prepared, quasi_identifying};
use crate::release::Released;
use crate::report::{self, ChosenLevel, Report, SearchReport};
use crate::search::{self, Found, Problem, settle};
use crate::spec::ColumnSpec;
use crate::{AnonymityError, Limits, Progress, Risk, Spec, model, risk};

/// What a job reads.
pub struct Inputs<'a> {
    /// The table: CSV in UTF-8 with a header.
    pub table: &'a mut dyn Read,
    /// Everybody of whom the table could be, the people of the table included: CSV with the same quasi-identifying
    /// columns. It makes the journalist's risk, k-map and δ-presence possible.
    pub population: Option<&'a mut dyn Read>,
    /// Opens the file of a hierarchy by what the job calls it. Whoever runs the job decides what a name may reach.
    pub files: &'a mut dyn FnMut(&str) -> std::io::Result<Vec<u8>>,
}

/// Protects a table. `progress` is asked now and then whether to go on; after `Break` the best result so far is taken.
///
/// # Errors
///
/// Whatever makes the job, the table, the population or a hierarchy unusable, and [`AnonymityError::NoSolution`].
pub fn anonymize(
    spec: &Spec,
    inputs: Inputs<'_>,
    limits: &Limits,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(Released, Report), AnonymityError> {
    let Inputs {
        table,
        population,
        files,
    } = inputs;
    let prepared = Prepared::read(spec, table, population, files, limits)?;
    let (checks, sensitive) = model::prepare(
        &spec.models,
        &prepared.table,
        prepared.people,
        files,
        limits,
    )?;
    let (base, class_of) = prepared.classes(&sensitive.codes());
    prepared.everybody_is_of_the_population(&base, &class_of)?;

    let columns: Vec<&ColumnSpec> = quasi_identifying(spec, &prepared.table);
    let rows = prepared.table.rows;
    let weights: Vec<f64> = columns.iter().map(|column| column.weight).collect();
    let measure = Measure::new(
        spec.metric.clone(),
        &prepared.hierarchies,
        &weights,
        &prepared.counts(),
        rows,
    );
    let problem = Problem {
        hierarchies: &prepared.hierarchies,
        range: &ranges(&columns, &prepared.hierarchies)?,
        packing: &prepared.packing,
        base: &base,
        checks: &checks,
        measure: &measure,
        sensitive: &sensitive.values(),
        // A share such as 0.07 of 100 rows is 7 rows, though the product is a little less or more.
        allowed: (spec.suppression_limit * rows as f64 + 1e-9).floor() as u64,
    };
    let found = search::search(&problem, limits, rows, progress)?;
    let (kept, report) = report(spec, &columns, &problem, &found, &class_of);
    let Prepared {
        table, hierarchies, ..
    } = prepared;
    let released = Released::new(spec, table, &hierarchies, &found.best.levels, kept)?;
    Ok((released, report))
}

/// How likely people are found again in a table as it is.
///
/// # Errors
///
/// Whatever makes the job, the table, the population or a hierarchy unusable.
pub fn assess(spec: &Spec, inputs: Inputs<'_>, limits: &Limits) -> Result<Risk, AnonymityError> {
    let Inputs {
        table,
        population,
        files,
    } = inputs;
    let prepared = Prepared::read(spec, table, population, files, limits)?;
    let (base, class_of) = prepared.classes(&[]);
    prepared.everybody_is_of_the_population(&base, &class_of)?;
    Ok(risk::risk(
        &base,
        &vec![true; base.len()],
        spec.risk_threshold,
    ))
}

/// The levels of each column that the result may have.
fn ranges(
    columns: &[&ColumnSpec],
    hierarchies: &[Hierarchy],
) -> Result<Vec<(usize, usize)>, AnonymityError> {
    let range = |(column, hierarchy): (&&ColumnSpec, &Hierarchy)| {
        let height = hierarchy.height();
        let (finest, coarsest) = (
            column.min_level.unwrap_or(0),
            column.max_level.unwrap_or(height),
        );
        if finest > coarsest || coarsest > height {
            return Err(AnonymityError::Spec(format!(
                "the column `{}`: levels {finest} to {coarsest} do not exist; its hierarchy has levels 0 to {height}",
                shown(&column.name)
            )));
        }
        Ok((finest, coarsest))
    };
    columns.iter().zip(hierarchies).map(range).collect()
}

/// Which rows are kept on the levels that were found, and what that is worth.
fn report(
    spec: &Spec,
    columns: &[&ColumnSpec],
    problem: &Problem<'_>,
    found: &Found,
    class_of: &[u32],
) -> (Vec<bool>, Report) {
    let levels = &found.best.levels;
    let changes: Vec<Change<'_>> = levels
        .iter()
        .enumerate()
        .map(|(column, &level)| {
            (
                column,
                problem.hierarchies[column].levels[level].of.as_slice(),
            )
        })
        .collect();
    let mut classes = Classes::default();
    let mut scratch = Scratch::default();
    let to = problem.base.recode(
        problem.packing,
        &changes,
        problem.sensitive,
        &mut scratch,
        &mut classes,
    );
    let mut kept = Vec::new();
    settle(problem, levels, &classes, &mut kept);
    let kept_rows: Vec<bool> = class_of
        .iter()
        .map(|&class| kept[to[class as usize] as usize])
        .collect();

    let chosen = columns.iter().zip(levels).zip(problem.hierarchies);
    let chosen = chosen.map(|((column, &level), hierarchy)| ChosenLevel {
        column: column.name.clone(),
        level,
        height: hierarchy.height(),
    });
    let everybody = vec![true; problem.base.len()];
    let after = risk::risk(&classes, &kept, spec.risk_threshold);
    let report = Report {
        rows: class_of.len() as u64,
        suppressed: kept_rows.iter().filter(|kept| !**kept).count() as u64,
        levels: chosen.collect(),
        metric: spec.metric.clone(),
        loss: found.best.loss,
        k: after.sizes.first().map_or(0, |sizes| sizes.size),
        classes: after.classes,
        models: problem
            .checks
            .iter()
            .map(|check| report::reached(check, &classes, &kept))
            .collect(),
        search: SearchReport {
            nodes: found.nodes,
            checked: found.checked,
            optimal: found.optimal,
        },
        before: risk::risk(problem.base, &everybody, spec.risk_threshold),
        after,
    };
    (kept_rows, report)
}
