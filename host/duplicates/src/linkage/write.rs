//! What was found, as CSV.

use std::io::Write;

use csv::Writer;

use super::Linked;
use super::report::level_name;
use crate::DuplicatesError;

impl Linked {
    /// Writes the links: the two rows by the column that names them, or by their numbers from 1, the probability, the
    /// weight, and the level of each comparison, empty where a value is missing.
    ///
    /// # Errors
    /// [`DuplicatesError::Io`]
    pub fn write_links(&self, output: impl Write) -> Result<(), DuplicatesError> {
        let mut writer = Writer::from_writer(output);
        let names = self.comparisons.iter().map(|c| c.spec.column.as_str());
        let header = ["left", "right", "probability", "weight"];
        write(&mut writer, header.into_iter().chain(names))?;
        let right = self.tables.len() - 1;
        for link in &self.links {
            let levels = self.comparisons.iter().zip(&link.levels).map(|(c, level)| {
                level.map_or(String::new(), |level| level_name(c, usize::from(level)))
            });
            let row = [
                self.name(0, link.left),
                self.name(right, link.right),
                format!("{:.6}", link.probability),
                format!("{:.3}", link.weight),
            ];
            write(&mut writer, row.into_iter().chain(levels))?;
        }
        Ok(writer.flush()?)
    }

    /// Writes all rows with their clusters: of one table, the table with the column `cluster` before the others; of two,
    /// `cluster`, `table` (`left` or `right`) and `row`. A cluster is called by the name of its first row, and one of two
    /// tables by that of its first row of the left one, if it has any.
    ///
    /// # Errors
    /// [`DuplicatesError::Io`]; [`DuplicatesError::Invalid`] where a single table has a column `cluster` already.
    pub fn write_clusters(&self, output: impl Write) -> Result<(), DuplicatesError> {
        let mut writer = Writer::from_writer(output);
        let first = self.tables.first().map_or(0, |table| table.rows.len());
        let name = |row: u32| match (row as usize).checked_sub(first) {
            None => self.name(0, row),
            Some(row) => self.name(1, row as u32),
        };
        if let [table] = &self.tables[..] {
            if table.header.iter().any(|column| column == "cluster") {
                let why = "the table has a column `cluster` already; rename it";
                return Err(DuplicatesError::invalid(why));
            }
            let header = std::iter::once("cluster").chain(table.header.iter());
            write(&mut writer, header)?;
            for (row, &cluster) in table.rows.iter().zip(&self.clusters) {
                let cluster = name(cluster);
                write(
                    &mut writer,
                    std::iter::once(cluster.as_str()).chain(row.iter()),
                )?;
            }
            return Ok(writer.flush()?);
        }
        write(&mut writer, ["cluster", "table", "row"])?;
        for (row, &cluster) in self.clusters.iter().enumerate() {
            // A name of the right table may be one of the left, too.
            let side = if row < first { "left" } else { "right" };
            write(&mut writer, [&name(cluster), side, &name(row as u32)])?;
        }
        Ok(writer.flush()?)
    }

    fn name(&self, table: usize, row: u32) -> String {
        let id = self.ids[table].and_then(|id| self.tables[table].rows[row as usize].get(id));
        id.map_or_else(|| (u64::from(row) + 1).to_string(), str::to_owned)
    }
}

fn write<T: AsRef<[u8]>>(
    writer: &mut Writer<impl Write>,
    row: impl IntoIterator<Item = T>,
) -> Result<(), DuplicatesError> {
    let written = writer.write_record(row);
    written.map_err(|e| DuplicatesError::Io(std::io::Error::other(e)))
}
