//! A head being trained.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use semver::Version;
use serde_json::{Value, json};
use steward_inference::{Alphabet, ModelFiles};
use steward_models::OpenModel;
use steward_registry::{DatasetRun, DatasetSnapshot, Name, TenantId};

use super::given::{CharactersWanted, HeadSpec};
use super::keep::trained_head;
use super::learn::{Learned, Seen, learn};
use super::measure::{Prediction, measure};
use super::reading::Reading;
use super::report::{BaseUsed, ExampleCounts, Report, warnings};
use super::split::{Example, Split, split};
use crate::datasets::attend;
use crate::labelled::{Corpus, Stop, Vectors, check_size, compute};
use crate::step::StepAbout;
use crate::{DataError, Datasets};

/// From which share of unknown tokens on a head weighs characters, unless it is told.
const UNKNOWN: f64 = 0.05;
/// How many texts must have a character.
const FEWEST: usize = 2;
/// How many texts that were learned from are asked about, to know whether what is served is what was trained.
const TRIED: usize = 64;

/// A training that has been written down as a run.
pub(super) struct Work {
    pub(super) datasets: Datasets,
    pub(super) tenant: TenantId,
    pub(super) name: Name,
    pub(super) version: Version,
    pub(super) run: DatasetRun,
    pub(super) snapshot: DatasetSnapshot,
    pub(super) spec: HeadSpec,
    pub(super) about: StepAbout,
    pub(super) model: OpenModel,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Far {
    phase: &'static str,
    texts: usize,
    total: usize,
    /// Trainings that are done: one for each fold, and the last.
    pub trained: usize,
    trainings: usize,
    /// Steps, or rounds over the examples, of the one that goes on.
    pub rounds: u32,
}

/// What was read: the texts, and what is done with each.
struct Read {
    corpus: Corpus,
    split: Split,
}

/// The texts as a head sees them.
struct Sight {
    vectors: Vectors,
    alphabet: Option<Alphabet>,
}

impl Sight {
    /// The vector of a text and, behind it, the shares of the alphabet.
    fn see<'a>(&self, read: &Read, example: &'a Example) -> Result<Seen<'a>, DataError> {
        let mut numbers = self.vectors.of(example.text).to_vec();
        if let Some(alphabet) = &self.alphabet {
            let text = read.corpus.texts().get(example.text);
            let shares = alphabet.shares(text.map_or("", |text| &**text));
            numbers.extend(shares.map_err(|e| DataError::Broken(e.to_string()))?);
        }
        Ok(Seen { example, numbers })
    }
}

impl Work {
    /// Works to an end of some kind, and writes that down.
    pub(super) async fn go(self) {
        let far = Arc::new(Mutex::new(Far {
            phase: "waiting",
            texts: 0,
            total: 0,
            trained: 0,
            trainings: self.spec.folds + 1,
            rounds: 0,
        }));
        let work = self.train(&far);
        let registry = self.datasets.registry();
        attend(registry, &self.tenant, &self.run.id, work, || {
            let now = *far.lock();
            json!({
                "phase": now.phase, "texts": now.texts, "total_texts": now.total,
                "trained": now.trained, "trainings": now.trainings, "rounds": now.rounds,
            })
        })
        .await;
    }

    async fn train(&self, far: &Arc<Mutex<Far>>) -> Result<Value, DataError> {
        let _turn = self.datasets.turn().await;
        let started = Instant::now();
        let phase = |phase| far.lock().phase = phase;
        phase("reading");
        let read = Arc::new(self.read().await?);
        let split = &read.split;
        let all: Vec<Example> = split
            .learned
            .iter()
            .chain(&split.held_out)
            .cloned()
            .collect();
        let (base, texts) = (self.about.uses.as_str(), read.corpus.texts());
        let reading = Reading::of(&self.model, base, texts, &all).await?;
        let (files, _) = self
            .model
            .files()
            .await
            .map_err(|source| DataError::Model {
                step: base.to_owned(),
                source: Box::new(source),
            })?;
        let alphabet = self.alphabet(&read, &reading, &files).await?;
        let characters = alphabet
            .as_ref()
            .map_or(0, |alphabet| alphabet.characters().len());
        let dimensions = self.model.dimensions().unwrap_or_default();
        check_size(all.len(), dimensions + characters)?;

        phase("embedding");
        far.lock().total = all.len();
        let wanted: Vec<usize> = all.iter().map(|example| example.text).collect();
        let embedded = |texts| far.lock().texts = texts;
        let vectors = Vectors::embed(&self.model, base, texts, &wanted, embedded).await?;

        phase("training");
        let stop = Stop::default();
        let sight = Sight { vectors, alphabet };
        let (learned, expected, joined) = {
            let (spec, read, model) = (self.spec.clone(), Arc::clone(&read), self.model.clone());
            let (far, stopped) = (Arc::clone(far), stop.flag());
            compute(move || {
                let split = &read.split;
                let seen: Vec<Seen<'_>> = split
                    .learned
                    .iter()
                    .map(|e| sight.see(&read, e))
                    .collect::<Result<_, _>>()?;
                let learned = learn(&spec, &split.labels, &seen, &far, &stopped)?;
                far.lock().phase = "writing";
                let expected = expected(&read, &sight, &learned, &seen)?;
                let head = trained_head(&learned.network);
                let joined = model.model().join(&files, &head, sight.alphabet.as_ref());
                let joined = joined.map_err(|e| DataError::Invalid(e.to_string()))?;
                Ok((learned, expected, joined))
            })
            .await?
        };

        let stored = self.store(joined).await?;
        phase("measuring");
        let tried = split
            .held_out
            .iter()
            .chain(split.learned.iter().take(TRIED));
        let tried: Vec<String> = tried
            .map(|example| {
                texts
                    .get(example.text)
                    .map_or_else(String::new, |t| t.to_string())
            })
            .collect();
        let served = self.ask(&stored, &tried, &split.labels).await?;
        let apart = self.compare(&served, &expected)?;
        let held_out: Vec<Prediction> = split
            .held_out
            .iter()
            .zip(served)
            .map(|(example, probabilities)| Prediction {
                is: example.label,
                probabilities,
                lang: example.lang.clone(),
            })
            .collect();
        let labels = &split.labels;
        let measured = |of: &[Prediction]| (!of.is_empty()).then(|| measure(of, labels));
        let report = Report {
            report: "head",
            run: self.run.id.clone(),
            model: format!("{}@{}", self.name, self.version),
            base: BaseUsed {
                uses: self.about.uses.clone(),
                digest: self.about.digest.to_string(),
            },
            dataset: self.snapshot.reference().to_string(),
            labels: labels.clone(),
            examples: ExampleCounts {
                learned: split.learned.len(),
                held_out: split.held_out.len(),
                left_out: split.left_out,
            },
            characters,
            training: self.training(),
            ended: learned.ended,
            folds: measured(&learned.folds),
            held_out: measured(&held_out),
            apart,
            warnings: warnings(base, &reading, characters, &split.left_out, apart),
            reading,
            seconds: started.elapsed().as_secs_f64(),
        };
        phase("registering");
        self.register(stored, &report).await?;
        serde_json::to_value(&report).map_err(|e| DataError::Broken(e.to_string()))
    }

    async fn read(&self) -> Result<Read, DataError> {
        let path = self.datasets.fetch(self.snapshot.file).await?;
        let (spec, name) = (self.spec.clone(), self.snapshot.reference().to_string());
        compute(move || {
            let mut corpus = Corpus::default();
            let rows = corpus.read(&path, &name, &spec.fields.read())?;
            let split = split(&corpus, &rows, &name, spec.held_out, spec.folds)?;
            Ok(Read { corpus, split })
        })
        .await
    }

    /// The characters that the head shall weigh, by the texts that it learns from.
    async fn alphabet(
        &self,
        read: &Arc<Read>,
        reading: &Reading,
        files: &ModelFiles,
    ) -> Result<Option<Alphabet>, DataError> {
        let wanted = match self.spec.characters {
            CharactersWanted::On => true,
            CharactersWanted::Off => false,
            CharactersWanted::Auto => reading.all.share() > UNKNOWN,
        };
        if !wanted {
            return Ok(None);
        }
        let (read, files) = (Arc::clone(read), files.clone());
        let config = self.model.config().clone();
        let found = compute(move || {
            let texts = read.corpus.texts();
            let learned = read.split.learned.iter();
            let learned = learned.filter_map(|example| texts.get(example.text).map(|t| &**t));
            let found = Alphabet::of(&files, &config, learned, FEWEST);
            found.map_err(|e| DataError::Invalid(e.to_string()))
        })
        .await?;
        match (found, self.spec.characters) {
            (None, CharactersWanted::On) => Err(DataError::Invalid(format!(
                "`characters` is on, and no two texts share a character that is a word of its own to the tokenizer of \
                 `{}`, or that is not one of word pieces; leave it to `auto`",
                self.about.uses
            ))),
            (found, _) => Ok(found),
        }
    }

    /// How it was trained, for the record.
    fn training(&self) -> Value {
        let mut options = match self.spec.network() {
            Some(options) => json!(options),
            None => json!(self.spec.logistic()),
        };
        options["kind"] = match self.spec.hidden {
            Some(_) => "mlp".into(),
            None => "logistic".into(),
        };
        for (name, value) in [
            ("folds", json!(self.spec.folds)),
            ("held_out", json!(self.spec.held_out)),
            ("seed", json!(self.spec.seed)),
        ] {
            options[name] = value;
        }
        options
    }
}

/// What the arithmetic says of the texts that the written model is asked about.
fn expected(
    read: &Read,
    sight: &Sight,
    learned: &Learned,
    seen: &[Seen<'_>],
) -> Result<Vec<Vec<f64>>, DataError> {
    let mut expected = Vec::new();
    for example in &read.split.held_out {
        let seen = sight.see(read, example)?;
        expected.push(learned.network.probabilities(&seen.numbers)?);
    }
    for seen in seen.iter().take(TRIED) {
        expected.push(learned.network.probabilities(&seen.numbers)?);
    }
    Ok(expected)
}
