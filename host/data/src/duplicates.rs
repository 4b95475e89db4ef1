//! Which texts were seen before, over the whole run and in input order.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use tokio::sync::{Mutex, MutexGuard, watch};

use crate::DataError;
use crate::pipeline::{Answer, treat};
use crate::step::{Document, Effect, Step};

/// What identifies a text among others: 128 bits that a plugin computes.
pub(crate) type Fingerprint = u128;

/// The first row of each fingerprint. Some tens of bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<Fingerprint, Box<str>>);

impl Seen {
    /// The id of the first row with this fingerprint.
    pub fn first(&self, fingerprint: Fingerprint) -> Option<&str> {
        self.0.get(&fingerprint).map(|id| &**id)
    }

    /// Remembers a row, unless an earlier one is there.
    pub fn insert(&mut self, fingerprint: Fingerprint, id: &str) {
        if let Entry::Vacant(place) = self.0.entry(fingerprint) {
            place.insert(id.into());
        }
    }
}

/// Lets batches pass one by one, in input order, so that "seen before" means before in the input.
///
/// Batches start in order and each waits only for those before it, so waiting always ends.
#[derive(Debug)]
pub(crate) struct Turnstile {
    next: watch::Sender<u64>,
    seen: Mutex<Seen>,
}

impl Turnstile {
    pub fn new() -> Self {
        Self {
            next: watch::Sender::new(0),
            seen: Mutex::default(),
        }
    }

    /// Waits until all batches before this one have passed.
    pub async fn enter(&self, batch: u64) -> MutexGuard<'_, Seen> {
        // The sender lives in `self`, so it cannot be gone.
        let _ = self.next.subscribe().wait_for(|next| *next == batch).await;
        self.seen.lock().await
    }

    /// Lets the next batch pass.
    pub fn leave(&self, batch: u64) {
        self.next.send_replace(batch + 1);
    }
}

/// Treats the rows so that the answer does not depend on where the batches were cut.
///
/// A cleaner drops the second of two equal texts of one batch on its own. It is therefore never given
/// two: a batch is treated in rounds, each with one text of each fingerprint. Once one of them
/// survives, the others get no answer, since they are its duplicates; with `keep_duplicates` every
/// text gets its own.
pub(crate) async fn in_rounds(
    step: &dyn Step,
    documents: &[Document],
    prints: &[Answer<Fingerprint>],
    keep_duplicates: bool,
) -> Result<Vec<Option<Answer<Effect>>>, DataError> {
    let mut answers: Vec<Option<Answer<Effect>>> = prints
        .iter()
        .map(|print| print.as_ref().err().map(|reason| Err(reason.clone())))
        .collect();
    let mut survivors = HashSet::new();
    // The same text has the same fate: without this, a thousand empty texts would take a thousand rounds.
    let mut fates: HashMap<&str, Answer<Effect>> = HashMap::new();
    loop {
        let mut taken = HashSet::new();
        let mut round = Vec::new();
        for (i, document) in documents.iter().enumerate() {
            let Ok(print) = prints[i] else { continue };
            if answers[i].is_some() || survivors.contains(&print) {
                continue;
            }
            match fates.get(document.text.as_str()) {
                Some(fate) => answers[i] = Some(fate.clone()),
                None if taken.insert(print) => round.push((i, print)),
                None => {}
            }
        }
        if round.is_empty() {
            return Ok(answers);
        }
        let batch: Vec<Document> = round.iter().map(|(i, _)| documents[*i].clone()).collect();
        let fresh = treat(step, &batch, |step, batch| step.run(batch)).await?;
        for ((i, print), answer) in round.into_iter().zip(fresh) {
            if survives(&answer) && !keep_duplicates {
                survivors.insert(print);
            } else {
                fates.insert(&documents[i].text, answer.clone());
            }
            answers[i] = Some(answer);
        }
    }
}

/// Drops all but the first survivor of each fingerprint, in input order over the whole run.
pub(crate) async fn without_duplicates(
    turnstile: &Turnstile,
    number: u64,
    ids: &[&str],
    prints: &[Answer<Fingerprint>],
    answers: Vec<Option<Answer<Effect>>>,
) -> Vec<Answer<Effect>> {
    let mut seen = turnstile.enter(number).await;
    let mut all = Vec::with_capacity(answers.len());
    for ((answer, print), id) in answers.into_iter().zip(prints).zip(ids) {
        let first = print.as_ref().ok().and_then(|print| seen.first(*print));
        if let Some(first) = first {
            let detail = format!("same as {first}");
            all.push(Ok(Effect::Dropped {
                rule: "duplicate".into(),
                detail,
            }));
            continue;
        }
        let answer = settled(answer);
        if let (true, Ok(print)) = (survives(&answer), print) {
            seen.insert(*print, id);
        }
        all.push(answer);
    }
    drop(seen);
    turnstile.leave(number);
    all
}

/// A row is left without an answer only because an equal text before it in its batch survived, and
/// that one is in the index by the time the row is looked at.
pub(crate) fn settled(answer: Option<Answer<Effect>>) -> Answer<Effect> {
    answer.unwrap_or_else(|| Err("a duplicate without its first".into()))
}

fn survives(answer: &Answer<Effect>) -> bool {
    matches!(answer, Ok(effect) if !matches!(effect, Effect::Dropped { .. }))
}
