//! Votes: what annotators said, as the arithmetic of labels takes it.
//!
//! A choice is a vote for the task. Labelled parts of a text are many small votes: for each part that somebody gave,
//! everybody who labelled the task says whether it is `given` or `absent`. So every method that weighs annotators works
//! for both. A part counts as the same where both ends and the label are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use steward_labels::{Annotation, Annotations, TaskLabel};
use steward_registry::labelling::{Label, LabelKind, LabelSpan, LabelledTask, Project};

use super::known::known;
use crate::DataError;

const GIVEN: &str = "given";
const ABSENT: &str = "absent";
/// The most votes of a project; each takes some hundred bytes while labels are decided.
const MAX_VOTES: usize = 2_000_000;

/// The votes of a project.
pub(super) struct Ballot {
    pub annotations: Annotations,
    /// What is known to be right, by what is voted on.
    pub known: BTreeMap<String, String>,
    /// Of parts of texts: which task and part a vote is on.
    parts: HashMap<String, (String, LabelSpan)>,
}

/// What the votes on one thing come to.
pub(super) struct Tally {
    /// What was voted on: a task, or a part of its text.
    pub on: String,
    /// None where nothing decides.
    pub label: Option<String>,
    /// The probability of the label.
    pub confidence: f64,
    /// What is as likely as each other, where that is why nothing decides.
    pub tied: Vec<String>,
}

impl From<TaskLabel> for Tally {
    fn from(decided: TaskLabel) -> Self {
        let TaskLabel {
            task: on,
            label,
            confidence,
            mut tied,
            ..
        } = decided;
        let sure = tied.is_empty();
        if !sure {
            tied.insert(0, label.clone());
        }
        Self {
            on,
            label: sure.then_some(label),
            confidence,
            tied,
        }
    }
}

/// What the votes on a task come to.
pub(super) struct Verdict {
    /// None where nothing decides.
    pub label: Option<Label>,
    /// The probability of the label; of labelled parts, that of the least sure one.
    pub confidence: f64,
    /// What is as likely as each other; of parts of texts, those that nothing decides.
    pub tied: Vec<String>,
}

/// Collects the votes.
pub(super) fn ballot(project: &Project, tasks: &[LabelledTask]) -> Result<Ballot, DataError> {
    let mut votes = Vec::new();
    let mut right = BTreeMap::new();
    let mut parts = HashMap::new();
    for task in tasks {
        let known = known(task);
        if project.spec.kind == LabelKind::Choice {
            for said in &task.annotations {
                if let Label::Choice(label) = &said.label {
                    votes.push(Annotation::new(&task.task, &said.annotator, label));
                }
            }
            if let Some(Label::Choice(label)) = known {
                right.insert(task.task.clone(), label.clone());
            }
        } else {
            let is = |there| if there { GIVEN } else { ABSENT };
            let said = task.annotations.iter().map(|said| &said.label);
            let every: BTreeSet<&LabelSpan> = said.chain(known).flat_map(spans).collect();
            for span in every {
                // No name of a task has a control character.
                let part = format!(
                    "{}\u{1}{}-{} {}",
                    task.task, span.start, span.end, span.label
                );
                for said in &task.annotations {
                    let given = is(spans(&said.label).contains(span));
                    votes.push(Annotation::new(&part, &said.annotator, given));
                }
                if let Some(known) = known {
                    right.insert(part.clone(), is(spans(known).contains(span)).to_owned());
                }
                parts.insert(part, (task.task.clone(), span.clone()));
            }
        }
        if votes.len() > MAX_VOTES {
            return Err(DataError::Invalid(format!(
                "the project has over {MAX_VOTES} votes; divide it into several"
            )));
        }
    }
    let labels = match project.spec.kind {
        LabelKind::Choice => project.spec.labels.clone(),
        LabelKind::Spans => vec![GIVEN.to_owned(), ABSENT.to_owned()],
    };
    Ok(Ballot {
        annotations: Annotations::with_labels(labels, votes)?,
        known: right,
        parts,
    })
}

/// The parts of a text that a label names.
pub(super) fn spans(label: &Label) -> &[LabelSpan] {
    match label {
        Label::Choice(_) => &[],
        Label::Spans(spans) => spans,
    }
}

impl Ballot {
    /// The verdict on each task that was annotated.
    pub fn verdicts<'a>(
        &self,
        kind: LabelKind,
        tasks: &'a [LabelledTask],
        tallies: Vec<Tally>,
    ) -> HashMap<&'a str, Verdict> {
        // Where nobody gave a part, everybody agrees.
        let annotated = tasks.iter().filter(|task| !task.annotations.is_empty());
        let mut verdicts: HashMap<&str, Verdict> = annotated
            .map(|task| {
                let verdict = Verdict {
                    label: (kind == LabelKind::Spans).then(|| Label::Spans(Vec::new())),
                    confidence: 1.0,
                    tied: Vec::new(),
                };
                (task.task.as_str(), verdict)
            })
            .collect();
        if kind == LabelKind::Choice {
            for tally in tallies {
                if let Some(verdict) = verdicts.get_mut(tally.on.as_str()) {
                    verdict.label = tally.label.map(Label::Choice);
                    verdict.confidence = tally.confidence;
                    verdict.tied = tally.tied;
                }
            }
            return verdicts;
        }
        for tally in tallies {
            let Some((task, span)) = self.parts.get(&tally.on) else {
                continue;
            };
            let Some(verdict) = verdicts.get_mut(task.as_str()) else {
                continue;
            };
            verdict.confidence = verdict.confidence.min(tally.confidence);
            match (tally.label.as_deref(), &mut verdict.label) {
                (None, _) => {
                    let part = format!("{}-{} {}", span.start, span.end, span.label);
                    verdict.tied.push(part);
                }
                (Some(GIVEN), Some(Label::Spans(spans))) => spans.push(span.clone()),
                _ => {}
            }
        }
        for verdict in verdicts.values_mut() {
            if let Some(Label::Spans(spans)) = &mut verdict.label {
                spans.sort();
            }
        }
        verdicts
    }
}

/// How far annotators agree on parts of texts: the F1 of each pair of them over the tasks that both labelled, over all
/// pairs together. G. Hripcsak and A. S. Rothschild, "Agreement, the F-measure, and reliability in information
/// retrieval", Journal of the American Medical Informatics Association 12, 2005: where what was left out cannot be
/// counted, chance-corrected measures come to this. None where no two gave a part of the same task.
pub(super) fn agreement(tasks: &[LabelledTask]) -> Option<f64> {
    let (mut common, mut all) = (0_usize, 0_usize);
    for task in tasks {
        for (place, one) in task.annotations.iter().enumerate() {
            let one = spans(&one.label);
            for other in &task.annotations[place + 1..] {
                let other = spans(&other.label);
                common += one.iter().filter(|span| other.contains(span)).count();
                all += one.len() + other.len();
            }
        }
    }
    (all > 0).then(|| 2.0 * common as f64 / all as f64)
}
