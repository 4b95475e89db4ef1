//! The part of an impact that takes cores and asks nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use steward_registry::DatasetSnapshot;

use super::compare::{Comparison, Treatment, compare};
use super::examples::{Training, examples, samples};
use super::files::Samples;
use super::given::{ImpactSpec, LossKind};
use super::heads::{judge, unknown_loss};
use super::lineage::Between;
use super::report::{Evaluation, ModelUsed, Report, Set};
use crate::DataError;
use crate::labelled::Vectors;
use crate::labelled::{Corpus, Row, Rows};
use crate::step::StepAbout;

/// A snapshot by its name and by the digest of its file.
pub(super) struct Named {
    name: String,
    digest: String,
}

impl From<&DatasetSnapshot> for Named {
    fn from(snapshot: &DatasetSnapshot) -> Self {
        Self {
            name: snapshot.reference().to_string(),
            digest: snapshot.file.digest.to_string(),
        }
    }
}

/// What is measured.
pub(super) struct Measure {
    /// What is asked about, and what became of it.
    pub(super) sets: Vec<Named>,
    pub(super) evaluation: Named,
    pub(super) spec: ImpactSpec,
    pub(super) about: StepAbout,
    /// The id of the run.
    pub(super) run: String,
}

/// What was read of the snapshots.
pub(super) struct Read {
    pub(super) corpus: Corpus,
    /// By the digest of their file: the same file is read once.
    rows: BTreeMap<String, Rows>,
    /// The texts that are trained on or measured, each once.
    pub(super) wanted: Vec<usize>,
}

impl Read {
    fn of(&self, snapshot: &Named) -> Result<&Rows, DataError> {
        let rows = self.rows.get(&snapshot.digest);
        rows.ok_or_else(|| DataError::Broken(format!("`{}` was not read", snapshot.name)))
    }
}

/// What the sets train on, and what is measured.
struct Split<'a> {
    sets: Vec<Training<'a>>,
    evaluation: &'a Rows,
    samples: Vec<&'a Row>,
    /// Rows of the evaluation whose label no set has.
    unknown_label: u64,
}

impl Measure {
    /// Reads the files of the sets and, last, that of the evaluation. Finds out before anything is embedded whether
    /// there is enough of them.
    pub(super) fn read(&self, files: &[PathBuf]) -> Result<Read, DataError> {
        let mut read = Read {
            corpus: Corpus::default(),
            rows: BTreeMap::new(),
            wanted: Vec::new(),
        };
        let fields = self.spec.fields.read();
        for (snapshot, path) in self.sets.iter().chain([&self.evaluation]).zip(files) {
            if !read.rows.contains_key(&snapshot.digest) {
                let rows = read.corpus.read(path, &snapshot.name, &fields)?;
                read.rows.insert(snapshot.digest.clone(), rows);
            }
        }
        let split = self.split(&read)?;
        let trained = split.sets.iter().flat_map(|set| &set.examples);
        let texts = trained.map(|(text, _)| *text);
        let texts = texts.chain(split.samples.iter().map(|sample| sample.text));
        let wanted: BTreeSet<usize> = texts.collect();
        read.wanted = wanted.into_iter().collect();
        Ok(read)
    }

    fn split<'a>(&'a self, read: &'a Read) -> Result<Split<'a>, DataError> {
        let sets = self.sets.iter().map(|set| Ok((&*set.name, read.of(set)?)));
        let sets: Vec<(&str, &Rows)> = sets.collect::<Result<_, DataError>>()?;
        let (name, evaluation) = (&self.evaluation.name, read.of(&self.evaluation)?);
        let sets = examples(&read.corpus, &sets, (name, evaluation), self.spec.overlap)?;
        let (samples, unknown_label) = samples(name, evaluation, &sets)?;
        Ok(Split {
            sets,
            evaluation,
            samples,
            unknown_label,
        })
    }

    /// Trains, compares, and writes the rows into the folder. `between` says what lies between the [`pairs`].
    pub(super) fn report(
        &self,
        read: &Read,
        vectors: &Vectors,
        between: &[Between],
        folder: &Path,
        stop: &AtomicBool,
    ) -> Result<Report, DataError> {
        let split = self.split(read)?;
        let (sets, samples) = (&split.sets, &split.samples);
        let labels: Vec<&str> = samples.iter().map(|sample| &*sample.label).collect();
        let known: BTreeSet<&str> = sets.iter().flat_map(Training::labels).collect();
        let unknown_label_loss = unknown_loss(sets, known.len());
        let training = self.spec.options();
        let judged = judge(sets, samples, vectors, &training, unknown_label_loss, stop)?;
        let pairs = pairs(sets.len());
        let comparisons: Vec<Comparison> = pairs
            .iter()
            .zip(between)
            .enumerate()
            .map(|(at, ((before, after), between))| {
                let treatment = Treatment {
                    before: sets[*before].name,
                    after: sets[*after].name,
                    between,
                    kind: self.kind(at),
                    whole: after - before > 1,
                };
                let both = (&judged[*before], &judged[*after]);
                compare(&treatment, &labels, both, self.spec.seed)
            })
            .collect();
        let rows = Samples {
            rows: samples,
            texts: read.corpus.texts(),
            judged: &judged,
        };
        let compared: Vec<_> = comparisons.iter().zip(pairs).collect();
        rows.list(&compared, self.spec.listed, folder)?;
        if self.spec.output.is_some() {
            rows.write(&folder.join("samples.jsonl"))?;
        }
        Ok(Report {
            report: "impact",
            run: self.run.clone(),
            model: ModelUsed {
                uses: self.about.uses.clone(),
                digest: self.about.digest.to_string(),
            },
            evaluation: Evaluation {
                dataset: self.evaluation.name.clone(),
                read: split.evaluation.read,
                samples: samples.len(),
                unlabelled: split.evaluation.unlabelled,
                unreadable: split.evaluation.unreadable,
                unknown_label: split.unknown_label,
            },
            training,
            seed: self.spec.seed,
            unknown_label_loss,
            sets: sets
                .iter()
                .zip(&judged)
                .map(|(set, judged)| Set::of(set, &labels, judged))
                .collect(),
            comparisons,
            texts_embedded: read.wanted.len(),
            seconds: 0.0,
        })
    }

    /// What the caller calls the loss of a comparison. That of the whole chain is called as its parts where these are
    /// called the same.
    fn kind(&self, at: usize) -> Option<LossKind> {
        let kinds = &self.spec.kinds;
        let first = kinds.first()?;
        Some(match kinds.get(at) {
            Some(kind) => *kind,
            None if kinds.iter().all(|kind| kind == first) => *first,
            None => LossKind::Treatment,
        })
    }
}

/// The sets that are compared, by their places: each with the next, and of a longer chain the ends.
pub(super) fn pairs(sets: usize) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = (1..sets).map(|after| (after - 1, after)).collect();
    if sets > 2 {
        pairs.push((0, sets - 1));
    }
    pairs
}
