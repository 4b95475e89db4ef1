//! What a treatment of a dataset costs, or gains, whoever learns from it.
//!
//! Let L(D, x) be the cross-entropy at a sample x of a head that was trained on the dataset D: the texts become vectors
//! by an embedding model, and a multinomial logistic regression ([`steward_training`]) learns their labels. Then, over the
//! samples of an evaluation set that none of the datasets has:
//!
//! - the **cleaning loss** is Σ max(0, L(D′, x) − L(D, x)), D′ being D after cleaning;
//! - the **privacy loss** is Σ L(D′, x) − L(D, x), D′ being D after protection.
//!
//! A chain of snapshots (raw, cleaned, anonymized) is compared step by step, and its ends with each other. A text that
//! several snapshots have is embedded once, and the same examples give the same head to the last bit, so that a treatment
//! that changes nothing costs exactly 0.

mod bootstrap;
mod compare;
mod examples;
mod files;
mod given;
mod heads;
mod lineage;
mod measure;
mod report;
mod work;

use steward_inference::Task;
use steward_registry::{DatasetRef, DatasetRun, DatasetSnapshot, TenantId};

use crate::step::open_model;
use crate::{DataError, Datasets};
pub use given::{ImpactFields, ImpactSpec, LossKind, Overlap};
use work::Work;

impl Datasets {
    /// Begins to measure what became of a snapshot: finds the snapshots and the model, writes the run down, and leaves
    /// it to work. It is a run as any other: it can be cancelled, and is lost with its host.
    ///
    /// # Errors
    /// What is wrong with it: [`DataError::Invalid`], [`DataError::Model`], [`DataError::Registry`]. What is wrong with
    /// the rows is found when they are read, and fails the run.
    pub async fn impact(
        &self,
        tenant: &TenantId,
        before: &DatasetRef,
        mut spec: ImpactSpec,
        by: &str,
    ) -> Result<DatasetRun, DataError> {
        let registry = self.registry();
        let mut sets: Vec<DatasetSnapshot> = vec![registry.snapshot(tenant, before).await?];
        spec.check()?;
        for after in &mut spec.after {
            let found = registry.snapshot(tenant, after).await?;
            // Written down is what was compared, whatever is added to the dataset meanwhile.
            *after = found.reference();
            sets.push(found);
        }
        let evaluation = registry.snapshot(tenant, &spec.evaluation).await?;
        spec.evaluation = evaluation.reference();
        let (about, model) =
            open_model(self.models(), tenant, &spec.model.to_string(), &spec.model).await?;
        if model.config().task != Task::Embed {
            return Err(DataError::Invalid(format!(
                "the model `{}` does not embed texts; take one of the task `embed`",
                spec.model
            )));
        }
        let json = serde_json::to_value(&spec).map_err(|e| DataError::Invalid(e.to_string()))?;
        let begun = registry.begin_run(tenant, &sets[0].name, sets[0].snapshot, &json, by);
        let run = begun.await?;
        let work = Work {
            datasets: self.clone(),
            tenant: tenant.clone(),
            run: run.clone(),
            sets,
            evaluation,
            spec,
            about,
            model,
        };
        tokio::spawn(work.go());
        Ok(run)
    }
}
