//! The questions of guests, answered by the questions about datasets: the two crates do not know each other.

use async_trait::async_trait;
use steward_capabilities::privacy::{QuestionError, Questions};
use steward_data::{Account, DataError};
use steward_privacy::{Answer, Query};
use steward_registry::{DatasetRef, Name, PrivacyBudget, RegistryError, TenantId};

/// What a guest is told where the reason is this host's own and may hold paths or addresses.
const IN_THE_LOG: &str = "the rows cannot be read now; the log of the host says why";

/// Answers what guests ask.
pub struct OfGuests(pub steward_data::Questions);

fn guest_error(error: DataError) -> QuestionError {
    match error {
        DataError::Privacy(error) => error.into(),
        // Not rows that the store has lost: those are no mistake of the guest.
        DataError::Registry(
            error @ RegistryError::NotFound {
                kind: "dataset" | "snapshot",
                ..
            },
        ) => QuestionError::NoSuch(error.to_string()),
        DataError::Invalid(why) => QuestionError::Invalid(why),
        error => {
            tracing::error!(%error, "a question of a function has no answer");
            QuestionError::Unavailable(IN_THE_LOG.into())
        }
    }
}

#[async_trait]
impl Questions for OfGuests {
    async fn snapshot(
        &self,
        tenant: &TenantId,
        dataset: &DatasetRef,
    ) -> Result<DatasetRef, QuestionError> {
        let found = self.0.snapshot(tenant, dataset);
        found.await.map_err(guest_error)
    }

    async fn budget(
        &self,
        tenant: &TenantId,
        dataset: &Name,
        principal: &str,
    ) -> Result<PrivacyBudget, QuestionError> {
        let account = Account {
            tenant: tenant.clone(),
            dataset: dataset.clone(),
            principal: principal.to_owned(),
        };
        self.0.budget(&account).await.map_err(guest_error)
    }

    async fn ask(
        &self,
        tenant: &TenantId,
        dataset: &DatasetRef,
        principal: &str,
        query: &Query,
    ) -> Result<Answer, QuestionError> {
        let answer = self.0.ask(tenant, dataset, principal, query);
        answer.await.map_err(guest_error)
    }
}
