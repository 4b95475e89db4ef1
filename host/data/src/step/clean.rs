//! A cleaner plugin as a step.

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use steward_functions::Cleaner;
use steward_functions::contract::Outcome;

use super::open::{documents, step_error};
use super::{Document, Effect, Sketch, Step, StepAbout, StepError};

pub(super) struct Clean {
    pub about: StepAbout,
    pub cleaner: Cleaner,
}

#[async_trait]
impl Step for Clean {
    fn about(&self) -> &StepAbout {
        &self.about
    }

    fn finds_duplicates(&self) -> bool {
        true
    }

    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        let outcomes = self
            .cleaner
            .clean(&documents(batch))
            .await
            .map_err(step_error)?;
        Ok(outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Kept => Effect::Kept,
                Outcome::Changed(cleaned) => Effect::Changed {
                    text: cleaned.text,
                    changes: cleaned
                        .changes
                        .into_iter()
                        .map(|c| (c.rule, c.count))
                        .collect(),
                },
                Outcome::Dropped(reason) => Effect::Dropped {
                    rule: reason.rule,
                    detail: reason.detail,
                },
            })
            .collect())
    }

    async fn fingerprint(&self, batch: &[Document]) -> Result<Vec<u128>, StepError> {
        let signatures = self
            .cleaner
            .fingerprint(&documents(batch))
            .await
            .map_err(step_error)?;
        let (given, asked) = (signatures.len(), batch.len());
        if given != asked {
            let why = format!("it gave {given} fingerprints for {asked} texts");
            return Err(StepError::Batch(why));
        }
        signatures
            .into_iter()
            .zip(batch)
            .map(|(signature, document)| match signature.exact.len() {
                0 => Ok(of_text(&document.text)),
                32 => u128::from_str_radix(&signature.exact, 16).map_err(|e| e.to_string()),
                n => Err(format!("{n} characters")),
            })
            .collect::<Result<_, _>>()
            .map_err(|why| {
                StepError::Batch(format!(
                    "its fingerprint is not 32 hexadecimal digits: {why}"
                ))
            })
    }

    async fn sketch(&self, batch: &[Document]) -> Result<Vec<Sketch>, StepError> {
        let signatures = self.cleaner.fingerprint(&documents(batch)).await;
        let signatures = signatures.map_err(step_error)?.into_iter();
        Ok(signatures.map(|s| Sketch::MinHash(s.minhash)).collect())
    }
}

/// What identifies a text where the cleaner has no opinion: its bytes.
fn of_text(text: &str) -> u128 {
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(16)
        .fold(0, |hash, byte| hash << 8 | u128::from(*byte))
}
