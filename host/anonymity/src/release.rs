//! The protected table.

use std::io::Write;

use crate::hierarchy::{Hierarchy, ROOT};
use crate::spec::{Role, Suppress};
use crate::table::Table;
use crate::{AnonymityError, Spec};

/// The protected table: the rows in the order in which they came, without the identifying columns.
pub struct Released {
    table: Table,
    /// For each column what each of its values has become.
    shown: Vec<Shown>,
    /// Which rows are not suppressed.
    kept: Vec<bool>,
    delimiter: u8,
}

struct Shown {
    cells: Vec<String>,
    /// Whether a suppressed row shows `*` here.
    hidden: bool,
}

impl Released {
    pub(crate) fn new(
        spec: &Spec,
        table: Table,
        hierarchies: &[Hierarchy],
        levels: &[usize],
        kept: Vec<bool>,
    ) -> Result<Self, AnonymityError> {
        let mut chosen = hierarchies.iter().zip(levels);
        let mut shown = Vec::new();
        for column in &table.columns {
            let generalized = spec.columns.iter().any(|described| {
                described.name == column.name && described.role == Role::QuasiIdentifying
            });
            let hierarchy = if generalized { chosen.next() } else { None };
            let cell = |value: &String| {
                let label = hierarchy.as_ref().and_then(|(hierarchy, level)| {
                    let level = hierarchy.levels.get(**level)?;
                    let code = *hierarchy.numbers.get(value)? as usize;
                    level.labels.get(*level.of.get(code)? as usize)
                });
                label.unwrap_or(value).clone()
            };
            shown.push(Shown {
                cells: column.values.iter().map(cell).collect(),
                hidden: generalized || spec.suppress == Suppress::Row,
            });
        }
        Ok(Self {
            table,
            shown,
            kept,
            delimiter: crate::spec::delimiter(spec.delimiter)?,
        })
    }

    /// Writes the table as CSV in UTF-8 with a header.
    ///
    /// # Errors
    ///
    /// [`AnonymityError::Write`] says what the writer said.
    pub fn write_csv(&self, out: impl Write) -> Result<(), AnonymityError> {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.delimiter)
            .from_writer(out);
        let failed = |error: csv::Error| AnonymityError::Write(error.into());
        writer
            .write_record(self.table.columns.iter().map(|column| &column.name))
            .map_err(failed)?;
        for (row, &kept) in self.kept.iter().enumerate() {
            let cells = self
                .table
                .columns
                .iter()
                .zip(&self.shown)
                .map(|(column, shown)| {
                    if !kept && shown.hidden {
                        return ROOT;
                    }
                    shown.cells[column.codes[row] as usize].as_str()
                });
            writer.write_record(cells).map_err(failed)?;
        }
        writer.flush().map_err(AnonymityError::Write)
    }
}
