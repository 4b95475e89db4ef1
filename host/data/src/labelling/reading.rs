//! The whole of a project, read page by page.

use serde_json::Value;
use steward_registry::labelling::{LabelledTask, Project};
use steward_registry::{Name, TenantId};

use super::Labelling;
use crate::DataError;

/// Tasks that are read at a time, with their data.
const PAGE: usize = 500;

impl Labelling {
    /// Calls `each` with every task, in the order of their positions.
    pub(super) async fn each(
        &self,
        tenant: &TenantId,
        project: &Name,
        mut each: impl FnMut(LabelledTask) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let mut after = 0;
        loop {
            let registry = &self.registry;
            let page = registry
                .labelled_tasks(tenant, project, after, PAGE)
                .await?;
            let whole = page.len() == PAGE;
            for task in page {
                after = task.position;
                each(task)?;
            }
            if !whole {
                return Ok(());
            }
        }
    }

    /// The project and everything that was said in it, without the data of the tasks.
    pub(super) async fn said(
        &self,
        tenant: &TenantId,
        project: &Name,
    ) -> Result<(Project, Vec<LabelledTask>), DataError> {
        let found = self.registry.label_project(tenant, project).await?;
        let mut tasks = Vec::new();
        self.each(tenant, project, |mut task| {
            task.data = Value::Null;
            tasks.push(task);
            Ok(())
        })
        .await?;
        Ok((found, tasks))
    }
}
