//! Labellers are asked about every task.

use futures::future::try_join_all;
use steward_functions::contract::{Document, LabellingFunction, Vote as Said};
use steward_functions::{Functions, FunctionsError, Labeller};
use steward_labels::weak::{MAX_FUNCTIONS, Votes};
use steward_registry::labelling::{Label, LabelledTask, TaskState};
use steward_registry::{Name, TenantId};

use crate::DataError;
use crate::labelling::known::known;
use crate::labelling::{LabellerUsed, Labelling, task};

/// Tasks that are read at a time.
const PAGE: usize = 256;
/// Bytes of text that go to a labeller in one call; a longer text goes alone.
const MAX_BYTES: usize = 4 << 20;

/// Everybody who votes.
pub(super) struct Voters {
    labellers: Vec<Voter>,
    pub about: Vec<LabellerUsed>,
    /// Of each labelling function, as `labeller/refund-words`.
    pub names: Vec<String>,
}

/// A labeller and its labelling functions.
struct Voter {
    name: Name,
    labeller: Labeller,
    functions: Vec<LabellingFunction>,
}

/// What was said.
pub(super) struct Cast {
    /// The tasks that have a text, in the order of the project.
    pub rows: Vec<Row>,
    /// The same, as the model takes them.
    pub votes: Votes,
    pub without_text: usize,
}

/// A task and what was said about it.
pub(super) struct Row {
    pub task: String,
    pub state: TaskState,
    /// Its label, where it is known.
    pub known: Option<String>,
    pub votes: Vec<Vote>,
}

/// What one labelling function said, if it said something.
pub(super) struct Vote {
    /// Its place among all.
    pub function: usize,
    pub label: String,
    pub confidence: f32,
}

impl Voters {
    /// Finds the labellers and holds the labels of their functions against those of the project.
    pub async fn open(
        functions: &Functions,
        tenant: &TenantId,
        names: &[Name],
        labels: &[String],
    ) -> Result<Self, DataError> {
        let mut voters = Self {
            labellers: Vec::new(),
            about: Vec::new(),
            names: Vec::new(),
        };
        for name in names {
            if voters.labellers.iter().any(|before| before.name == *name) {
                continue;
            }
            let failed = |source| failed(name, source);
            let labeller = functions
                .labeller(tenant, name.as_str())
                .await
                .map_err(failed)?;
            let own = labeller.functions().await.map_err(failed)?;
            for function in &own {
                if let Some(foreign) = function.labels.iter().find(|l| !labels.contains(l)) {
                    return Err(foreign_label(name, function, foreign, labels));
                }
                voters.names.push(format!("{name}/{}", function.name));
            }
            voters.about.push(LabellerUsed::of(name, &labeller));
            voters.labellers.push(Voter {
                name: name.clone(),
                labeller,
                functions: own,
            });
        }
        if voters.names.len() > MAX_FUNCTIONS {
            return Err(DataError::Invalid(format!(
                "there are {} labelling functions; ask at most {MAX_FUNCTIONS} in one run",
                voters.names.len()
            )));
        }
        Ok(voters)
    }

    /// Asks everybody about a batch: for each document the votes of all, in the order of the names.
    async fn ask(&self, batch: &[Document]) -> Result<Vec<Vec<Option<Said>>>, DataError> {
        let asked = self.labellers.iter().map(async |voter| {
            let votes = voter.labeller.propose(&voter.functions, batch).await;
            votes.map_err(|source| failed(&voter.name, source))
        });
        let mut all = vec![Vec::with_capacity(self.names.len()); batch.len()];
        for rows in try_join_all(asked).await? {
            for (all, own) in all.iter_mut().zip(rows) {
                all.extend(own);
            }
        }
        Ok(all)
    }
}

fn failed(function: &Name, source: FunctionsError) -> DataError {
    DataError::Function {
        function: function.clone(),
        source,
    }
}

fn foreign_label(
    labeller: &Name,
    function: &LabellingFunction,
    foreign: &str,
    labels: &[String],
) -> DataError {
    DataError::Invalid(format!(
        "the labelling function `{}` of `{labeller}` votes for `{}`, which is none of the labels of this project: {}; \
         deploy `{labeller}` with labels that are",
        function.name,
        foreign.chars().take(80).collect::<String>(),
        labels.join(", ").chars().take(200).collect::<String>()
    ))
}

impl Labelling {
    /// Asks about every task of the project.
    pub(super) async fn cast(
        &self,
        tenant: &TenantId,
        project: &Name,
        voters: &Voters,
        labels: &[String],
    ) -> Result<Cast, DataError> {
        let mut cast = Cast {
            rows: Vec::new(),
            votes: Votes::new(voters.names.clone(), labels.to_vec())?,
            without_text: 0,
        };
        let mut after = 0;
        loop {
            let page = self
                .registry
                .labelled_tasks(tenant, project, after, PAGE)
                .await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            let (tasks, documents): (Vec<&LabelledTask>, Vec<Document>) =
                page.iter().filter_map(document).unzip();
            cast.without_text += page.len() - tasks.len();
            let mut tasks = tasks.into_iter();
            for batch in batches(&documents) {
                for (task, votes) in tasks.by_ref().zip(voters.ask(batch).await?) {
                    cast.add(task, votes)?;
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
        Ok(cast)
    }
}

fn document(task: &LabelledTask) -> Option<(&LabelledTask, Document)> {
    let document = Document {
        id: task.task.clone(),
        text: task::text(&task.data)?.to_owned(),
    };
    Some((task, document))
}

/// Cuts documents so that no part has many more bytes than [`MAX_BYTES`].
fn batches(mut documents: &[Document]) -> impl Iterator<Item = &[Document]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fit = documents.iter().take_while(|document| {
            bytes += document.text.len();
            bytes <= MAX_BYTES
        });
        let size = fit.count().max(1).min(documents.len());
        let (batch, rest) = documents.split_at(size);
        documents = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

impl Cast {
    fn add(&mut self, task: &LabelledTask, votes: Vec<Option<Said>>) -> Result<(), DataError> {
        let labels: Vec<Option<&str>> = votes
            .iter()
            .map(|vote| vote.as_ref().map(|vote| vote.label.as_str()))
            .collect();
        self.votes.push(&labels)?;
        let votes = votes.into_iter().enumerate();
        let votes = votes.filter_map(|(function, vote)| {
            let Said { label, confidence } = vote?;
            Some(Vote {
                function,
                label,
                confidence,
            })
        });
        self.rows.push(Row {
            task: task.task.clone(),
            state: task.state,
            known: match known(task) {
                Some(Label::Choice(label)) => Some(label.clone()),
                _ => None,
            },
            votes: votes.collect(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_document_and_not_too_many_bytes() {
        let document = |bytes: usize| Document {
            id: String::new(),
            text: "x".repeat(bytes),
        };
        let sizes = [1, MAX_BYTES + 5, 3, MAX_BYTES - 3, 1, 0];
        let documents: Vec<Document> = sizes.into_iter().map(document).collect();
        let cut: Vec<usize> = batches(&documents).map(<[Document]>::len).collect();
        assert_eq!(cut, [1, 1, 2, 2]);
        assert_eq!(batches(&[]).count(), 0);
    }
}
