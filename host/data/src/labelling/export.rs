//! Labels go out: as a file, or as the next snapshot of a dataset.

mod rows;

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_registry::labelling::{LabelledTask, Project};
use steward_registry::{DatasetSnapshot, Name, TenantId};
use tempfile::NamedTempFile;

use self::rows::{lineage, write_line, write_rows, write_tasks};
use super::decide::decide;
use super::{DecideGiven, Labelling};
use crate::DataError;

/// The form of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// One labelled task a line, with everything that was said about it.
    #[default]
    Jsonl,
    /// What Label Studio imports.
    LabelStudio,
}

/// The snapshot to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportGiven {
    /// The dataset that gets the next snapshot.
    pub output: Name,
    /// How labels are decided.
    #[serde(default)]
    pub decide: DecideGiven,
    /// The field of a row that gets the label. Default `label`, and `entities` for parts of texts.
    #[serde(default)]
    pub label_field: Option<String>,
    /// Whether that field of a row may be replaced.
    #[serde(default)]
    pub overwrite: bool,
    /// Whether rows without a label go out as well, their label being null.
    #[serde(default)]
    pub undecided: bool,
}

impl Labelling {
    /// Writes the tasks of a project into a file, from whose start it can be read.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for a model without predictions; [`DataError::File`], [`DataError::Registry`].
    pub async fn export(
        &self,
        tenant: &TenantId,
        project: &Name,
        format: ExportFormat,
        given: DecideGiven,
    ) -> Result<File, DataError> {
        let read = self.spool(tenant, project).await?;
        let own = self.own(tenant, &read.project, &read.tasks, &given.method);
        let own = own.await?;
        let out = self.datasets.incoming()?;
        super::compute(move || {
            let decided = match format {
                ExportFormat::Jsonl => decide(&read.project, &read.tasks, &given, own)?.tasks,
                ExportFormat::LabelStudio => Vec::new(),
            };
            let wrong = DataError::file("write", out.path());
            write_tasks(&out, &read, format, &decided).map_err(wrong)?;
            out.reopen().map_err(DataError::file("read", out.path()))
        })
        .await
    }

    /// Adds the labelled rows to a dataset, as its next snapshot. A row is what the task was made of, with its label and
    /// with who said what; the lineage names the project, its guideline and the snapshots that the tasks come from.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where nothing is decided, or rows have the field of the label already;
    /// [`DataError::File`], [`DataError::Registry`].
    pub async fn snapshot(
        &self,
        tenant: &TenantId,
        project: &Name,
        given: ExportGiven,
        by: &str,
    ) -> Result<DatasetSnapshot, DataError> {
        let read = self.spool(tenant, project).await?;
        let own = self.own(tenant, &read.project, &read.tasks, &given.decide.method);
        let own = own.await?;
        let out = self.datasets.incoming()?;
        let output = given.output.clone();
        let (out, rows, lineage) = super::compute(move || {
            let decisions = decide(&read.project, &read.tasks, &given.decide, own)?;
            let (rows, sources) = write_rows(&out, &read, &decisions.tasks, &given)?;
            let left_out = decisions.tasks.len() - rows;
            if rows == 0 {
                return Err(DataError::Invalid(format!(
                    "nothing in `{}` is decided: {} tasks want more annotations or a judge",
                    read.project.name, left_out
                )));
            }
            let lineage = lineage(&read, &decisions, &given, &sources, left_out)?;
            Ok((out, rows, lineage))
        })
        .await?;
        let stored = self.registry.artifacts().put_file(out.path()).await?;
        let rows = rows as u64;
        let added = self
            .registry
            .add_snapshot(tenant, &output, stored, rows, &lineage, by);
        Ok(added.await?)
    }

    /// Reads the project once: labels are decided by what is then written, whatever is said meanwhile.
    async fn spool(&self, tenant: &TenantId, project: &Name) -> Result<Spool, DataError> {
        let file = self.datasets.incoming()?;
        let found = self.registry.label_project(tenant, project).await?;
        let mut tasks = Vec::new();
        let mut out = BufWriter::new(file.as_file());
        let path = file.path();
        self.each(tenant, project, |mut task| {
            write_line(&mut out, &task).map_err(DataError::file("write", path))?;
            task.data = Value::Null;
            tasks.push(task);
            Ok(())
        })
        .await?;
        out.flush().map_err(DataError::file("write", path))?;
        drop(out);
        Ok(Spool {
            project: found,
            tasks,
            file,
        })
    }
}

/// A project as it was at one time.
struct Spool {
    project: Project,
    /// Without their data.
    tasks: Vec<LabelledTask>,
    /// With it, a line each.
    file: NamedTempFile,
}

impl Spool {
    fn each(
        &self,
        mut each: impl FnMut(usize, LabelledTask) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let path = self.file.path();
        let failed = |e| DataError::file("read", path)(e);
        let mut file = self.file.reopen().map_err(failed)?;
        file.rewind().map_err(failed)?;
        for (place, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(failed)?;
            let task = serde_json::from_str(&line).map_err(|e| failed(e.into()))?;
            each(place, task)?;
        }
        Ok(())
    }
}
