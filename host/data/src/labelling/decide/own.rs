//! A deployed labeller brings annotations together in the host's place.

use steward_functions::contract::{Annotation, Known};
use steward_registry::TenantId;
use steward_registry::labelling::{LabelledTask, Project};

use super::{ByVotes, LabellerUsed, Labelling, Tally, ballot};
use crate::DataError;

/// What a deployed labeller made of the votes.
pub(in crate::labelling) struct Own {
    pub tallies: Vec<Tally>,
    pub by: LabellerUsed,
}

impl Labelling {
    /// Asks the labeller that the method names; none where it names none.
    ///
    /// # Errors
    /// [`DataError::Function`], [`DataError::Invalid`] for too many votes.
    pub(in crate::labelling) async fn own(
        &self,
        tenant: &TenantId,
        project: &Project,
        tasks: &[LabelledTask],
        method: &ByVotes,
    ) -> Result<Option<Own>, DataError> {
        let ByVotes::Function(name) = method else {
            return Ok(None);
        };
        let failed = |source| DataError::Function {
            function: name.clone(),
            source,
        };
        let labeller = self
            .functions
            .labeller(tenant, name.as_str())
            .await
            .map_err(failed)?;
        let ballot = ballot(project, tasks)?;
        let votes = &ballot.annotations;
        let annotations: Vec<Annotation> = votes
            .iter()
            .map(|said| Annotation {
                task: said.task,
                annotator: said.annotator,
                label: said.label,
            })
            .collect();
        let known = ballot.known.iter();
        let known: Vec<Known> = known
            .map(|(task, label)| Known {
                task: task.clone(),
                label: label.clone(),
            })
            .collect();
        let verdicts = labeller
            .aggregate(&annotations, votes.labels(), &known)
            .await;
        let tallies = verdicts.map_err(failed)?.into_iter().map(|verdict| Tally {
            on: verdict.task,
            label: verdict.label.filter(|_| verdict.tied.is_empty()),
            confidence: verdict.confidence,
            tied: verdict.tied,
        });
        Ok(Some(Own {
            tallies: tallies.collect(),
            by: LabellerUsed::of(name, &labeller),
        }))
    }
}
