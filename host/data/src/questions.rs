//! Questions about datasets, answered with noise.
//!
//! Whoever asks never sees a row. The rows of a snapshot are read into columns, those alone that the question names,
//! and [`steward_privacy`] draws the noise and keeps the ledger.

mod columns;

use std::path::PathBuf;
use std::sync::Arc;

use steward_privacy::{Answer, Limit, Privacy, PrivacyError, Query, Rows, Source};
use steward_registry::{
    DatasetRef, Name, PrivacyAccount, PrivacyBudget, PrivacyEntry, Registry, TenantId,
};

use crate::{DataError, Datasets};
use columns::Wanted;

/// The most lines of a ledger that are shown.
const MAX_ENTRIES: u32 = 1000;

/// Answers questions about the datasets of this host. Cheap to clone.
#[derive(Clone)]
pub struct Questions {
    datasets: Datasets,
    privacy: Privacy,
    registry: Registry,
}

impl Questions {
    /// Starts the thread that draws noise.
    ///
    /// # Errors
    /// [`PrivacyError::Mechanism`] where there is none.
    pub fn start(registry: Registry, datasets: Datasets) -> Result<Self, PrivacyError> {
        Ok(Self {
            datasets,
            privacy: Privacy::start(registry.clone())?,
            registry,
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

    /// Answers a question about a snapshot; see [`Privacy::ask`].
    ///
    /// # Errors
    /// [`DataError::Registry`] where there is no such snapshot; [`DataError::Invalid`] where the dataset has no unit
    /// or a row does not have it; [`DataError::Privacy`].
    pub async fn ask(
        &self,
        tenant: &TenantId,
        dataset: &DatasetRef,
        principal: &str,
        query: &Query,
    ) -> Result<Answer, DataError> {
        let snapshot = self.registry.snapshot(tenant, dataset).await?;
        let account = Account {
            tenant: tenant.clone(),
            dataset: snapshot.name.clone(),
            principal: principal.to_owned(),
        };
        // Who has no budget learns nothing, not even whether a field exists.
        self.privacy.budget(&account.key()).await?;
        let unit = self.registry.privacy_unit(tenant, &snapshot.name).await?;
        let unit = unit.ok_or_else(|| {
            DataError::Invalid(format!("the dataset `{}` has no unit", snapshot.name))
        })?;
        let wanted = Wanted::of(query, unit)?;
        let path = self.datasets.fetch(snapshot.file).await?;
        let rows = read(path, wanted).await?;
        let digest = snapshot.file.digest.to_string();
        let source = Source {
            dataset: snapshot.name.as_str(),
            snapshot: &digest,
        };
        let answer = self.privacy.ask(tenant, source, principal, query, rows);
        Ok(answer.await?)
    }
}

async fn read(path: PathBuf, wanted: Wanted) -> Result<Arc<Rows>, DataError> {
    let rows = tokio::task::spawn_blocking(move || wanted.read(&path));
    let rows = rows.await.map_err(|e| DataError::Broken(e.to_string()))??;
    Ok(Arc::new(rows))
}

/// Whose budget on which dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose data it is.
    pub tenant: TenantId,
    /// The dataset, whichever snapshot of it is asked.
    pub dataset: Name,
    /// The key that asks, by its id.
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
