//! Questions about datasets, answered with noise.
//!
//! Whoever asks never sees a row. What the ledger alone can answer or refuse is answered or refused by it; else the rows
//! of a snapshot are read into columns, those alone that the question names, and [`steward_privacy`] draws the noise and
//! keeps the ledger.

mod columns;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use steward_privacy::{Answer, Limit, Privacy, PrivacyError, Query, Rows, Source};
use steward_registry::{
    DatasetRef, Name, PrivacyAccount, PrivacyBudget, PrivacyEntry, Registry, TenantId,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::DataError;
use crate::datasets::lay_out;
use columns::Wanted;

/// The most lines of a ledger that are shown.
const MAX_ENTRIES: u32 = 1000;
/// Questions whose rows are in memory at the same time. Noise is drawn for one after the other; whoever comes later waits
/// before rows are read.
const READING: usize = 4;

/// Answers questions about the datasets of this host. Cheap to clone.
#[derive(Clone)]
pub struct Questions {
    privacy: Privacy,
    registry: Registry,
    /// Where rows lie as files.
    dir: Arc<Path>,
    turns: Arc<Semaphore>,
}

impl Questions {
    /// Starts the thread that draws noise. `dir` is the folder of [`crate::Datasets`], where rows lie as files.
    ///
    /// # Errors
    /// [`PrivacyError::Mechanism`] where there is none.
    pub fn start(registry: Registry, dir: &Path) -> Result<Self, PrivacyError> {
        Ok(Self {
            privacy: Privacy::start(registry.clone())?,
            registry,
            dir: dir.into(),
            turns: Arc::new(Semaphore::new(READING)),
        })
    }

    /// Sets what a principal may learn about a dataset, snapshots of all times together, and names the field whose
    /// value is the same in all rows of one unit: who is protected. What is spent stays spent.
    ///
    /// # Errors
    /// [`DataError::Registry`] where the dataset does not exist or its unit is another field;
    /// [`DataError::Privacy`].
    pub async fn set_budget(
        &self,
        account: &Account,
        unit: &str,
        limit: &Limit,
        by: &str,
    ) -> Result<PrivacyBudget, DataError> {
        let Account {
            tenant, dataset, ..
        } = account;
        let newest = DatasetRef {
            name: dataset.clone(),
            snapshot: None,
        };
        self.registry.snapshot(tenant, &newest).await?;
        let named = self.registry.set_privacy_unit(tenant, dataset, unit, by);
        named.await?;
        Ok(self.privacy.set_budget(&account.key(), limit, by).await?)
    }

    /// Every budget of a tenant.
    ///
    /// # Errors
    /// [`DataError::Privacy`]
    pub async fn budgets(&self, tenant: &TenantId) -> Result<Vec<PrivacyBudget>, DataError> {
        Ok(self.privacy.budgets(tenant).await?)
    }

    /// What was paid from a budget, the newest first.
    ///
    /// # Errors
    /// [`DataError::Registry`] where there is no such budget; [`DataError::Privacy`]
    pub async fn entries(&self, account: &Account) -> Result<Vec<PrivacyEntry>, DataError> {
        self.registry.privacy_budget(&account.key()).await?;
        Ok(self.privacy.entries(&account.key(), MAX_ENTRIES).await?)
    }

    /// One budget.
    ///
    /// # Errors
    /// [`DataError::Privacy`]
    pub async fn budget(&self, account: &Account) -> Result<PrivacyBudget, DataError> {
        Ok(self.privacy.budget(&account.key()).await?)
    }

    /// Which snapshot a reference means now: that of its number, else the newest.
    ///
    /// # Errors
    /// [`DataError::Registry`] where there is none.
    pub async fn snapshot(
        &self,
        tenant: &TenantId,
        dataset: &DatasetRef,
    ) -> Result<DatasetRef, DataError> {
        Ok(self.registry.snapshot(tenant, dataset).await?.reference())
    }

    /// Answers a question about a snapshot: from the ledger, where it was asked before; else see [`Privacy::ask`].
    ///
    /// # Errors
    /// [`DataError::Registry`] where there is no such snapshot; [`DataError::Invalid`] where the dataset has no unit;
    /// [`DataError::Privacy`].
    pub async fn ask(
        &self,
        tenant: &TenantId,
        dataset: &DatasetRef,
        principal: &str,
        query: &Query,
    ) -> Result<Answer, DataError> {
        let snapshot = self.registry.snapshot(tenant, dataset).await?;
        let digest = snapshot.file.digest.to_string();
        let source = Source {
            dataset: snapshot.name.as_str(),
            snapshot: &digest,
        };
        // Who has no budget learns nothing, not even whether a field exists; and who has spent it, or asks again, makes
        // nobody read rows.
        let known = self
            .privacy
            .recall(tenant, source, principal, query)
            .await?;
        if let Some(answer) = known {
            return Ok(answer);
        }
        let unit = self.registry.privacy_unit(tenant, &snapshot.name).await?;
        let unit = unit.ok_or_else(|| {
            DataError::Invalid(format!("the dataset `{}` has no unit", snapshot.name))
        })?;
        let wanted = Wanted::of(query, unit)?;
        let gone = |_| DataError::Broken("no more questions are answered".into());
        let turn = self.turns.clone().acquire_owned().await.map_err(gone)?;
        let path = lay_out(&self.registry, &self.dir, snapshot.file).await?;
        let (rows, _turn) = read(path, wanted, turn).await?;
        let answer = self.privacy.ask(tenant, source, principal, query, rows);
        Ok(answer.await?)
    }
}

/// Reads to the end also where nobody waits any more, and so the turn goes along.
async fn read(
    path: PathBuf,
    wanted: Wanted,
    turn: OwnedSemaphorePermit,
) -> Result<(Arc<Rows>, OwnedSemaphorePermit), DataError> {
    let reading = tokio::task::spawn_blocking(move || (wanted.read(&path), turn));
    let (rows, turn) = reading
        .await
        .map_err(|e| DataError::Broken(e.to_string()))?;
    Ok((Arc::new(rows?), turn))
}

/// Whose budget on which dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose data it is.
    pub tenant: TenantId,
    /// The dataset, whichever snapshot of it is asked.
    pub dataset: Name,
    /// Who asks: a key by its id, or a function as `function:NAME`.
    pub principal: String,
}

impl Account {
    fn key(&self) -> PrivacyAccount {
        PrivacyAccount {
            tenant: self.tenant.clone(),
            dataset: self.dataset.to_string(),
            principal: self.principal.clone(),
        }
    }
}
