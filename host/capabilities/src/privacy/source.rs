//! What answers: brought by the composition root, because datasets are above this crate.

use async_trait::async_trait;
use steward_privacy::{Answer, PrivacyError, Query};
use steward_registry::{DatasetRef, Name, PrivacyBudget, TenantId};

/// Answers questions about datasets with noise and pays for them.
///
/// A future may be dropped at any moment, because a guest may be stopped: what is paid by then must stay paid, and be
/// recorded.
#[async_trait]
pub trait Questions: Send + Sync + 'static {
    /// The snapshot that a reference means now.
    ///
    /// # Errors
    /// [`QuestionError::NoSuch`], [`QuestionError::Unavailable`].
    async fn snapshot(
        &self,
        tenant: &TenantId,
        dataset: &DatasetRef,
    ) -> Result<DatasetRef, QuestionError>;

    /// The budget of a principal.
    ///
    /// # Errors
    /// [`PrivacyError::NoBudget`], [`QuestionError::Unavailable`].
    async fn budget(
        &self,
        tenant: &TenantId,
        dataset: &Name,
        principal: &str,
    ) -> Result<PrivacyBudget, QuestionError>;

    /// Answers a question and pays for it from the budget of the principal.
    ///
    /// # Errors
    /// Every [`QuestionError`].
    async fn ask(
        &self,
        tenant: &TenantId,
        dataset: &DatasetRef,
        principal: &str,
        query: &Query,
    ) -> Result<Answer, QuestionError>;
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuestionError {
    /// No such dataset or snapshot.
    #[error("{0}")]
    NoSuch(String),
    /// The question does not go with the dataset; nothing is spent.
    #[error("{0}")]
    Invalid(String),
    /// The rows cannot be had now. The text is for guests: it names nothing of the host.
    #[error("{0}")]
    Unavailable(String),
    /// What the ledger or the mechanisms say.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
}
