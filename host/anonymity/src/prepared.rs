//! A job's table, its population and its hierarchies, read and brought together.

use std::io::Read;

use crate::classes::{Classes, Packing};
use crate::error::shown;
use crate::hierarchy::{self, Found, Hierarchy};
use crate::spec::{ColumnSpec, Role};
use crate::table::{Column, Table};
use crate::{AnonymityError, Limits, Spec};

/// A table and its quasi-identifying columns as codes.
pub(crate) struct Prepared {
    pub table: Table,
    /// Rows of the population.
    pub people: Option<usize>,
    pub hierarchies: Vec<Hierarchy>,
    pub packing: Packing,
    /// The key of each row, and of each row of the population.
    keys: Vec<u128>,
    population: Option<Vec<u128>>,
}

impl Prepared {
    pub fn read(
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

    pub fn classes(&self, sensitive: &[(&[u32], usize)]) -> (Classes, Vec<u32>) {
        let population = self.population.as_ref().map(|keys| keys.iter().copied());
        Classes::of_rows(self.keys.iter().copied(), population, sensitive)
    }

    /// How many rows have each value of each column.
    pub fn counts(&self) -> Vec<Vec<u64>> {
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
    pub fn everybody_is_of_the_population(
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

/// The quasi-identifying columns of a job, in the order of the table.
pub(crate) fn quasi_identifying<'s>(spec: &'s Spec, table: &Table) -> Vec<&'s ColumnSpec> {
    let described = |column: &Column| {
        let mut columns = spec.columns.iter();
        columns.find(|described| {
            described.name == column.name && described.role == Role::QuasiIdentifying
        })
    };
    table.columns.iter().filter_map(described).collect()
}
