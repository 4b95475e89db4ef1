//! Labellers for jobs: batch access to the world `labeller`, and what a guest may not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steward_capabilities::GuestState;
use steward_registry::PluginVersion;
use wasmtime::Store;

use crate::FunctionsError;
use crate::contract::{
    Annotation, Document, Known, LabellingFunction, Verdict, Vote, labeller::LabellerPre,
};
use crate::ready::{Ready, Runner, unusable};

/// The most labelling functions of a labeller.
const MAX_FUNCTIONS: usize = 1000;
/// The most labels that a labelling function may vote for.
const MAX_LABELS: usize = 1000;
/// The longest name of a labelling function, in characters.
const MAX_NAME: usize = 100;

/// A labeller for jobs. Cheap to clone.
#[derive(Clone)]
pub struct Labeller {
    ready: Arc<Ready>,
    pre: LabellerPre<GuestState>,
}

impl Labeller {
    pub(crate) fn new(ready: Arc<Ready>) -> Result<Self, FunctionsError> {
        let Runner::Typed(typed) = &ready.runner else {
            return Err(FunctionsError::WrongFace("not a typed plugin"));
        };
        let pre = LabellerPre::new(typed.pre.clone()).map_err(unusable)?;
        Ok(Self { ready, pre })
    }

    /// Which version labels.
    pub fn plugin(&self) -> &PluginVersion {
        &self.ready.plugin
    }

    /// The labelling functions: at least one, their names unique.
    ///
    /// # Errors
    /// [`FunctionsError::Guest`], [`FunctionsError::Trap`], [`FunctionsError::Unfaithful`].
    pub async fn functions(&self) -> Result<Vec<LabellingFunction>, FunctionsError> {
        let call = async |store: &mut Store<GuestState>| {
            let guest = self.pre.instantiate_async(&mut *store).await?;
            let labeller = guest.steward_labelling_labeller();
            labeller.call_functions(store).await
        };
        let (functions, _) = self.ready.once(call).await?;
        check_functions(&functions).map_err(|reason| self.unfaithful(reason))?;
        Ok(functions)
    }

    /// What each of the labelling functions, as [`Labeller::functions`] named them, says about each document: one list
    /// per document and one vote per function, in order. Labels are among those of the function, confidences between 0
    /// and 1.
    ///
    /// # Errors
    /// [`FunctionsError::Guest`], [`FunctionsError::Trap`], [`FunctionsError::Unfaithful`].
    pub async fn propose(
        &self,
        functions: &[LabellingFunction],
        batch: &[Document],
    ) -> Result<Vec<Vec<Option<Vote>>>, FunctionsError> {
        let call = async |store: &mut Store<GuestState>| {
            let guest = self.pre.instantiate_async(&mut *store).await?;
            let labeller = guest.steward_labelling_labeller();
            labeller.call_propose(store, batch).await
        };
        let (rows, _) = self.ready.once(call).await?;
        check_votes(functions, batch, &rows).map_err(|reason| self.unfaithful(reason))?;
        Ok(rows)
    }

    /// What annotators come to: one verdict for each task that was annotated, in order of its name.
    ///
    /// # Errors
    /// [`FunctionsError::Guest`], [`FunctionsError::Trap`], [`FunctionsError::Unfaithful`].
    pub async fn aggregate(
        &self,
        annotations: &[Annotation],
        labels: &[String],
        known: &[Known],
    ) -> Result<Vec<Verdict>, FunctionsError> {
        let call = async |store: &mut Store<GuestState>| {
            let guest = self.pre.instantiate_async(&mut *store).await?;
            let labeller = guest.steward_labelling_labeller();
            labeller
                .call_aggregate(store, annotations, labels, known)
                .await
        };
        let (verdicts, _) = self.ready.once(call).await?;
        let tasks = annotations.iter().map(|said| said.task.as_str()).collect();
        check_verdicts(tasks, labels, verdicts).map_err(|reason| self.unfaithful(reason))
    }

    fn unfaithful(&self, reason: String) -> FunctionsError {
        let plugin = self.plugin();
        FunctionsError::Unfaithful {
            plugin: format!("{}@{}", plugin.name, plugin.version),
            reason,
        }
    }
}

fn check_functions(functions: &[LabellingFunction]) -> Result<(), String> {
    if functions.is_empty() || functions.len() > MAX_FUNCTIONS {
        return Err(format!(
            "it names {} labelling functions; a labeller has 1 to {MAX_FUNCTIONS}",
            functions.len()
        ));
    }
    let mut names = BTreeSet::new();
    for function in functions {
        let name = &function.name;
        let fits = !name.is_empty() && name.chars().take(MAX_NAME + 1).count() <= MAX_NAME;
        if !fits || name.chars().any(char::is_control) {
            return Err(format!(
                "a labelling function is called `{}`; a name has 1 to {MAX_NAME} characters on one line",
                shown(name)
            ));
        }
        if !names.insert(name.as_str()) {
            return Err(format!("two labelling functions are called `{name}`"));
        }
        if function.labels.is_empty() || function.labels.len() > MAX_LABELS {
            return Err(format!(
                "the labelling function `{name}` has {} labels; it has 1 to {MAX_LABELS}",
                function.labels.len()
            ));
        }
    }
    Ok(())
}

fn check_votes(
    functions: &[LabellingFunction],
    batch: &[Document],
    rows: &[Vec<Option<Vote>>],
) -> Result<(), String> {
    if rows.len() != batch.len() {
        return Err(format!(
            "it answered about {} of {} documents",
            rows.len(),
            batch.len()
        ));
    }
    for (document, votes) in batch.iter().zip(rows) {
        let about = || shown(&document.id);
        if votes.len() != functions.len() {
            return Err(format!(
                "it gave {} votes on the document `{}` and has {} labelling functions",
                votes.len(),
                about(),
                functions.len()
            ));
        }
        for (function, vote) in functions.iter().zip(votes) {
            let Some(vote) = vote else { continue };
            let name = &function.name;
            if !function.labels.contains(&vote.label) {
                return Err(format!(
                    "the labelling function `{name}` voted for `{}` on the document `{}`, which is none of its labels",
                    shown(&vote.label),
                    about()
                ));
            }
            if !(0.0..=1.0).contains(&vote.confidence) {
                return Err(format!(
                    "the labelling function `{name}` is {} sure of the document `{}`, which is not within 0 and 1",
                    vote.confidence,
                    about()
                ));
            }
        }
    }
    Ok(())
}

/// The verdicts in order of their tasks, where they are one for each.
fn check_verdicts(
    tasks: BTreeSet<&str>,
    labels: &[String],
    verdicts: Vec<Verdict>,
) -> Result<Vec<Verdict>, String> {
    let mut by_task = BTreeMap::new();
    for verdict in verdicts {
        let task = shown(&verdict.task);
        if !tasks.contains(verdict.task.as_str()) {
            return Err(format!(
                "it decided the task `{task}`, which nobody annotated"
            ));
        }
        let mut named = verdict.label.iter().chain(&verdict.tied);
        if let Some(foreign) = named.find(|label| !labels.contains(label)) {
            return Err(format!(
                "it decided the task `{task}` by `{}`, which is none of the labels",
                shown(foreign)
            ));
        }
        if !(0.0..=1.0).contains(&verdict.confidence) {
            return Err(format!(
                "it is {} sure of the task `{task}`, which is not within 0 and 1",
                verdict.confidence
            ));
        }
        if by_task.insert(verdict.task.clone(), verdict).is_some() {
            return Err(format!("it decided the task `{task}` twice"));
        }
    }
    if let Some(left_out) = tasks.iter().find(|task| !by_task.contains_key(**task)) {
        return Err(format!(
            "it says nothing about the task `{}`; a task that nothing decides is a verdict without a label",
            shown(left_out)
        ));
    }
    Ok(by_task.into_values().collect())
}

/// Outside text, shortened for a message.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, labels: &[&str]) -> LabellingFunction {
        LabellingFunction {
            name: name.into(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        }
    }

    fn vote(label: &str, confidence: f32) -> Option<Vote> {
        let label = label.into();
        Some(Vote { label, confidence })
    }

    #[test]
    fn functions_have_names_and_labels() {
        assert!(check_functions(&[function("退款", &["x"]), function("b", &["x", "y"])]).is_ok());
        let many: Vec<LabellingFunction> = (0..=MAX_FUNCTIONS)
            .map(|n| function(&n.to_string(), &["x"]))
            .collect();
        for (bad, says) in [
            (vec![], "names 0 labelling functions"),
            (many, "names 1001"),
            (vec![function("", &["x"])], "1 to 100 characters"),
            (vec![function("a\nb", &["x"])], "one line"),
            (vec![function(&"长".repeat(101), &["x"])], "1 to 100"),
            (
                vec![function("a", &["x"]), function("a", &["y"])],
                "two labelling functions",
            ),
            (vec![function("a", &[])], "0 labels"),
        ] {
            let reason = check_functions(&bad).unwrap_err();
            assert!(reason.contains(says), "{reason}");
        }
    }

    #[test]
    fn votes_are_those_of_the_functions() {
        let functions = [function("a", &["x"]), function("b", &["x", "y"])];
        let batch = [Document {
            id: "t1".into(),
            text: String::new(),
        }];
        let check = |votes: Vec<Option<Vote>>| check_votes(&functions, &batch, &[votes]);
        assert!(check(vec![vote("x", 0.0), vote("y", 1.0)]).is_ok());
        assert!(check(vec![None, None]).is_ok());
        assert!(check_votes(&functions, &batch, &[]).is_err());
        for (bad, says) in [
            (vec![None], "1 votes on the document `t1` and has 2"),
            (vec![vote("y", 1.0), None], "none of its labels"),
            (vec![vote("x", f32::NAN), None], "NaN sure"),
            (vec![vote("x", 1.5), None], "not within 0 and 1"),
            (vec![vote("x", -0.1), None], "not within 0 and 1"),
        ] {
            let reason = check(bad).unwrap_err();
            assert!(reason.contains(says), "{reason}");
        }
    }

    #[test]
    fn there_is_one_verdict_for_each_task() {
        let verdict = |task: &str, label: Option<&str>, confidence| Verdict {
            task: task.into(),
            label: label.map(str::to_owned),
            confidence,
            tied: Vec::new(),
        };
        let labels = ["x".to_owned(), "y".to_owned()];
        let check = |given| check_verdicts(BTreeSet::from(["a", "b"]), &labels, given);
        let sorted = check(vec![verdict("b", None, 0.5), verdict("a", Some("x"), 1.0)]).unwrap();
        assert_eq!(sorted[0].task, "a");
        let good = || verdict("a", Some("x"), 1.0);
        for (bad, says) in [
            (vec![good()], "nothing about the task `b`"),
            (vec![good(), good()], "twice"),
            (vec![verdict("c", None, 0.0)], "nobody annotated"),
            (vec![verdict("a", Some("z"), 1.0)], "none of the labels"),
            (vec![verdict("a", None, f64::NAN)], "NaN sure"),
        ] {
            let reason = check(bad).unwrap_err();
            assert!(reason.contains(says), "{reason}");
        }
    }
}
