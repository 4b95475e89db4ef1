//! From a job and a table to a protected table.

use std::io::Read;
use std::ops::ControlFlow;

use crate::classes::{Classes, Packing};
use crate::error::shown;
use crate::hierarchy::{self, Found, Hierarchy};
use crate::metric::Measure;
use crate::release::Released;
use crate::report::{self, ChosenLevel, Report, SearchReport};
use crate::search::{self, Problem, settle};
use crate::spec::{ColumnSpec, Model, Role};
use crate::table::{Column, Table};
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

/// A table and its quasi-identifying columns as codes.
struct Prepared {
    table: Table,
    /// Rows of the population.
    people: Option<usize>,
    hierarchies: Vec<Hierarchy>,
    packing: Packing,
    /// The key of each row, and of each row of the population.
    keys: Vec<u128>,
    population: Option<Vec<u128>>,
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
    let sensitive_columns: Vec<(&[u32], usize)> = sensitive
        .0
        .iter()
        .map(|column| (column.codes.as_slice(), column.values.len()))
        .collect();
    let (base, class_of) = prepared.classes(&sensitive_columns);
    prepared.everybody_is_of_the_population(&base, &class_of)?;

    let columns: Vec<&ColumnSpec> = quasi_identifying(spec, &prepared.table);
    let range = ranges(&columns, &prepared.hierarchies)?;
    let weights: Vec<f64> = columns.iter().map(|column| column.weight).collect();
    let counts = prepared.counts();
    let rows = prepared.table.rows;
    let measure = Measure::new(
        spec.metric.clone(),
        &prepared.hierarchies,
        &weights,
        &counts,
        rows,
    );
    let values = sensitive.values();
    let problem = Problem {
        hierarchies: &prepared.hierarchies,
        range: &range,
        packing: &prepared.packing,
        base: &base,
        checks: &checks,
        measure: &measure,
        sensitive: &values,
        // A share such as 0.07 of 100 rows is 7 rows, though the product is a little less or more.
        allowed: (spec.suppression_limit * rows as f64 + 1e-9).floor() as u64,
    };
    let found = search::search(&problem, limits, rows, progress)?;
    let levels = &found.best.levels;

    let changes: Vec<(usize, &[u32])> = levels
        .iter()
        .enumerate()
        .map(|(column, &level)| {
            (
                column,
                prepared.hierarchies[column].levels[level].of.as_slice(),
            )
        })
        .collect();
    let mut classes = Classes::default();
    let mut scratch = crate::classes::Scratch::default();
    let to = base.recode(
        &prepared.packing,
        &changes,
        &values,
        &mut scratch,
        &mut classes,
    );
    let mut kept = Vec::new();
    settle(&problem, levels, &classes, &mut kept);
    let kept_rows: Vec<bool> = class_of
        .iter()
        .map(|&class| kept[to[class as usize] as usize])
        .collect();

    let after = risk::risk(&classes, &kept, spec.risk_threshold);
    let report = Report {
        rows: rows as u64,
        suppressed: kept_rows.iter().filter(|kept| !**kept).count() as u64,
        levels: columns
            .iter()
            .zip(levels)
            .zip(&prepared.hierarchies)
            .map(|((column, &level), hierarchy)| ChosenLevel {
                column: column.name.clone(),
                level,
                height: hierarchy.height(),
            })
            .collect(),
        metric: spec.metric.clone(),
        loss: found.best.loss,
        k: after.sizes.first().map_or(0, |sizes| sizes.size),
        classes: after.classes,
        models: checks
            .iter()
            .map(|check| report::reached(check, &classes, &kept))
            .collect(),
        search: SearchReport {
            nodes: found.nodes,
            checked: found.checked,
            optimal: found.optimal,
        },
        before: risk::risk(&base, &vec![true; base.len()], spec.risk_threshold),
        after,
    };
    let levels = found.best.levels;
    drop((checks, sensitive));
    let Prepared {
        table, hierarchies, ..
    } = prepared;
    Ok((
        Released::new(spec, table, hierarchies, levels, kept_rows)?,
        report,
    ))
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

/// The quasi-identifying columns of a job, in the order of the table.
fn quasi_identifying<'s>(spec: &'s Spec, table: &Table) -> Vec<&'s ColumnSpec> {
    let described = |column: &Column| {
        let mut columns = spec.columns.iter();
        columns.find(|described| {
            described.name == column.name && described.role == Role::QuasiIdentifying
        })
    };
    table.columns.iter().filter_map(described).collect()
}

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

impl Prepared {
    fn read(
        spec: &Spec,
        table: &mut dyn Read,
        population: Option<&mut dyn Read>,
        files: &mut dyn FnMut(&str) -> std::io::Result<Vec<u8>>,
        limits: &Limits,
    ) -> Result<Self, AnonymityError> {
        spec.validate()?;
        let delimiter = crate::spec::delimiter(spec.delimiter)?;
        let table = Table::read("table", table, delimiter, limits, |name| {
            let described = spec.columns.iter().find(|column| column.name == name);
            described.map(|column| column.role != Role::Identifying).ok_or_else(|| {
                AnonymityError::Spec(format!(
                    "the table has a column `{}` without a role; give it one, `identifying` to drop it",
                    shown(name)
                ))
            })
        })?;
        let lacking = |table: &Table, file: &str, roles: &[Role]| {
            let mut wanted = spec
                .columns
                .iter()
                .filter(|column| roles.contains(&column.role));
            match wanted.find(|column| table.column(&column.name).is_none()) {
                Some(column) => Err(AnonymityError::Spec(format!(
                    "the {file} has no column `{}`; check its header and the `delimiter` of the job",
                    shown(&column.name)
                ))),
                None => Ok(()),
            }
        };
        use Role::{Insensitive, QuasiIdentifying, Sensitive};
        lacking(&table, "table", &[QuasiIdentifying, Sensitive, Insensitive])?;
        if table.rows == 0 {
            return Err(AnonymityError::file("table", "it has a header and no rows"));
        }
        let columns = quasi_identifying(spec, &table);
        let population = match population {
            Some(input) => {
                let wanted = |name: &str| Ok(columns.iter().any(|column| column.name == name));
                let population = Table::read("population", input, delimiter, limits, wanted)?;
                lacking(&population, "population", &[QuasiIdentifying])?;
                Some(population)
            }
            None => None,
        };

        let mut hierarchies = Vec::new();
        let mut codes = Vec::new();
        for column in &columns {
            let mut found = Vec::new();
            for (file, table) in [("table", Some(&table)), ("population", population.as_ref())] {
                if let Some(of_name) = table.and_then(|table| table.column(&column.name)) {
                    found.push(Found {
                        file,
                        column: of_name,
                    });
                }
            }
            let built = hierarchy::build(
                &column.name,
                column.hierarchy.as_ref(),
                &found,
                files,
                limits,
            )?;
            let of_found: Result<Vec<Vec<u32>>, _> =
                found.iter().map(|found| built.codes(found)).collect();
            codes.push(of_found?);
            hierarchies.push(built);
        }
        let packing = Packing::new(hierarchies.iter().map(Hierarchy::values))?;
        let keys = |table: &Table, which: usize| {
            let mut keys = vec![0; table.rows];
            for (place, column) in columns.iter().enumerate() {
                let codes = codes[place].get(which).map_or(&[][..], Vec::as_slice);
                let values = table
                    .column(&column.name)
                    .map_or(&[][..], |column| column.codes.as_slice());
                for (key, &value) in keys.iter_mut().zip(values) {
                    *key = packing.set(*key, place, codes[value as usize]);
                }
            }
            keys
        };
        Ok(Self {
            keys: keys(&table, 0),
            population: population.as_ref().map(|population| keys(population, 1)),
            people: population.map(|population| population.rows),
            packing,
            hierarchies,
            table,
        })
    }

    fn classes(&self, sensitive: &[(&[u32], usize)]) -> (Classes, Vec<u32>) {
        let population = self.population.as_ref().map(|keys| keys.iter().copied());
        Classes::of_rows(self.keys.iter().copied(), population, sensitive)
    }

    /// How many rows have each value of each column.
    fn counts(&self) -> Vec<Vec<u64>> {
        let of_column = |(column, hierarchy): (usize, &Hierarchy)| {
            let mut counts = vec![0; hierarchy.values()];
            for &key in &self.keys {
                counts[self.packing.get(key, column) as usize] += 1;
            }
            counts
        };
        self.hierarchies.iter().enumerate().map(of_column).collect()
    }

    /// A population that lacks people of the table would make risks look smaller than they are.
    fn everybody_is_of_the_population(
        &self,
        base: &Classes,
        class_of: &[u32],
    ) -> Result<(), AnonymityError> {
        let lacks = |class: &&u32| {
            let class = **class as usize;
            base.population
                .get(class)
                .is_some_and(|&people| people < base.counts[class])
        };
        let lacking = class_of.iter().filter(lacks).count();
        if lacking == 0 {
            return Ok(());
        }
        Err(AnonymityError::file(
            "population",
            format!(
                "it has fewer people than the table for the quasi-identifying values of {lacking} of the table's rows; \
                 the population must include everybody of the table"
            ),
        ))
    }
}

impl Model {
    /// The file of a hierarchy that the model needs.
    fn file(&self) -> Option<&str> {
        use crate::spec::{Distance, HierarchySpec};
        match self {
            Self::TCloseness {
                distance:
                    Distance::Hierarchical {
                        hierarchy: HierarchySpec::File { file, .. },
                    },
                ..
            } => Some(file),
            _ => None,
        }
    }
}

impl Spec {
    /// What the job calls the files of its hierarchies, so that whoever runs it can fetch them before.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        use crate::spec::HierarchySpec;
        let of_columns = self
            .columns
            .iter()
            .filter_map(|column| match &column.hierarchy {
                Some(HierarchySpec::File { file, .. }) => Some(file.as_str()),
                _ => None,
            });
        of_columns.chain(self.models.iter().filter_map(Model::file))
    }
}
