//! Batch access for jobs: the same components, typed, without JSON. A fresh instance a batch.

use std::sync::Arc;
use std::time::Instant;

use steward_capabilities::{GuestState, InvocationId};
use steward_engine::Guarded;
use steward_registry::PluginVersion;
use wasmtime::Store;

use crate::call::{failed, kind, until_deadline};
use crate::contract::{self, Anonymized, Document, Finding, Outcome, Policy, Signature};
use crate::pool::Instance;
use crate::ready::{Ready, Runner, unusable};
use crate::rollout::Call;
use crate::running::Running;
use crate::{FunctionsError, TrapKind};

/// A cleaner for jobs. Cheap to clone.
#[derive(Clone)]
pub struct Cleaner {
    ready: Arc<Ready>,
    pre: contract::cleaner::CleanerPre<GuestState>,
}

/// An anonymizer for jobs. Cheap to clone.
#[derive(Clone)]
pub struct Anonymizer {
    ready: Arc<Ready>,
    pre: contract::anonymizer::AnonymizerPre<GuestState>,
}

fn guest_error(error: contract::Error) -> FunctionsError {
    let (case, message) = match error {
        contract::Error::InvalidInput(text) => ("invalid-input", text),
        contract::Error::InvalidConfig(text) => ("invalid-config", text),
        contract::Error::Unavailable(text) => ("unavailable", text),
        contract::Error::Other(text) => ("other", text),
    };
    FunctionsError::Guest {
        case: case.into(),
        message,
    }
}

impl Ready {
    /// One call in a fresh instance, under its limits, counted.
    pub(crate) async fn once<T>(
        &self,
        call: impl AsyncFnOnce(&mut Store<GuestState>) -> wasmtime::Result<Result<T, contract::Error>>,
    ) -> Result<(T, InvocationId), FunctionsError> {
        // A job bounds itself: its calls wait for as long as it takes.
        let asked = Instant::now();
        let _turn = self.turns.take_patiently().await;
        let call_of_a_job = Call::new();
        let invocation = call_of_a_job.id;
        let running = Running::begin(&self.meter, &call_of_a_job, asked.elapsed());
        let mut instance = Instance::<()>::fresh(self.store(invocation), &running);
        let answer = until_deadline(instance.store(), Some(&running), call).await;
        let answer = answer
            .map_err(|error| {
                let kind = kind(&error, Some(instance.store().data_mut().guardian()));
                failed(&error, kind, &self.book, invocation)
            })
            .and_then(|answer| answer.map_err(guest_error))
            .inspect_err(|error| running.fail(error))?;
        running.complete();
        Ok((answer, invocation))
    }

    /// The same for calls that answer with one row per document.
    async fn batch<T>(
        &self,
        expected: usize,
        call: impl AsyncFnOnce(
            &mut Store<GuestState>,
        ) -> wasmtime::Result<Result<Vec<T>, contract::Error>>,
    ) -> Result<Vec<T>, FunctionsError> {
        let (rows, invocation) = self.once(call).await?;
        // The contract promises one answer per document; a guest may lie.
        if rows.len() != expected {
            return Err(FunctionsError::Trap {
                kind: TrapKind::InvalidOutput,
                invocation,
            });
        }
        Ok(rows)
    }
}

impl Cleaner {
    pub(crate) fn new(ready: Arc<Ready>) -> Result<Self, FunctionsError> {
        let Runner::Typed(typed) = &ready.runner else {
            return Err(FunctionsError::WrongFace("not a typed plugin"));
        };
        let pre = contract::cleaner::CleanerPre::new(typed.pre.clone()).map_err(unusable)?;
        Ok(Self { ready, pre })
    }

    /// Which version cleans.
    pub fn plugin(&self) -> &PluginVersion {
        &self.ready.plugin
    }

    /// Cleans a batch: one outcome per document, in order.
    ///
    /// # Errors
    /// [`FunctionsError::Guest`], [`FunctionsError::Trap`].
    pub async fn clean(&self, batch: &[Document]) -> Result<Vec<Outcome>, FunctionsError> {
        let call = async |store: &mut Store<GuestState>| {
            let guest = self.pre.instantiate_async(&mut *store).await?;
            guest
                .steward_cleaning_cleaner()
                .call_clean(store, batch)
                .await
        };
        self.ready.batch(batch.len(), call).await
    }

    /// Fingerprints a batch: one signature per document, in order.
    ///
    /// # Errors
    /// [`FunctionsError::Guest`], [`FunctionsError::Trap`].
    pub async fn fingerprint(&self, batch: &[Document]) -> Result<Vec<Signature>, FunctionsError> {
        let call = async |store: &mut Store<GuestState>| {
            let guest = self.pre.instantiate_async(&mut *store).await?;
            guest
                .steward_cleaning_cleaner()
                .call_fingerprint(store, batch)
                .await
        };
        self.ready.batch(batch.len(), call).await
    }
}

impl Anonymizer {
    pub(crate) fn new(ready: Arc<Ready>) -> Result<Self, FunctionsError> {
        let Runner::Typed(typed) = &ready.runner else {
            return Err(FunctionsError::WrongFace("not a typed plugin"));
        };
        let pre = contract::anonymizer::AnonymizerPre::new(typed.pre.clone()).map_err(unusable)?;
        Ok(Self { ready, pre })
    }

    /// Which version anonymizes.
    pub fn plugin(&self) -> &PluginVersion {
        &self.ready.plugin
    }

    /// Treats a batch: one text per document, in order.
    ///
    /// # Errors
    /// [`FunctionsError::Guest`], [`FunctionsError::Trap`].
    pub async fn anonymize(
        &self,
        batch: &[Document],
        policy: Option<&Policy>,
    ) -> Result<Vec<Anonymized>, FunctionsError> {
        let call = async |store: &mut Store<GuestState>| {
            let guest = self.pre.instantiate_async(&mut *store).await?;
            guest
                .steward_anonymization_anonymizer()
                .call_anonymize(store, batch, policy)
                .await
        };
        self.ready.batch(batch.len(), call).await
    }

    /// Finds personal data: one list per document, in order. `None` means every entity.
    ///
    /// # Errors
    /// [`FunctionsError::Guest`], [`FunctionsError::Trap`].
    pub async fn detect(
        &self,
        batch: &[Document],
        entities: Option<&[String]>,
    ) -> Result<Vec<Vec<Finding>>, FunctionsError> {
        let call = async |store: &mut Store<GuestState>| {
            let guest = self.pre.instantiate_async(&mut *store).await?;
            guest
                .steward_anonymization_anonymizer()
                .call_detect(store, batch, entities)
                .await
        };
        self.ready.batch(batch.len(), call).await
    }
}
