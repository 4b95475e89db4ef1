//! Feedback: taken in once personal data in it is treated, read, and understood by a deployed function.
//!
//! What comes in goes through a deployed anonymizer first; where that fails, nothing is kept. What it means is said by a
//! deployed function of the world `feedback`, so that a plugin of the customer's own can take the place of the one that
//! comes along.

mod behaviour;
mod experiment;
mod given;
mod labels;
mod surveys;
mod take;
mod understand;

use std::sync::Arc;

use serde_json::Value;
use steward_functions::Functions;
use steward_registry::feedback::{ErasedFeedback, FeedbackFilter, FeedbackRecord};
use steward_registry::{Name, Registry, TenantId};
use tokio::sync::Semaphore;

use crate::{DataError, Datasets};

pub use behaviour::{EventsWhich, FunnelGiven, PathsGiven, RetentionGiven, RetentionKind};
pub use given::{
    AnalyseGiven, ArmGiven, ExperimentGiven, FeedbackGiven, InterviewGiven, MINIMUM, Measured,
    PreferencesGiven, RowsFormat, ScoreGiven, Subject, Which,
};
pub use steward_feedback::intake::Source;
pub use surveys::{AskGiven, AudienceGiven, RespondentGiven, SurveyAsked, SurveyGiven, SurveyTold};
pub use take::{NotTaken, Taken};

/// The feedback of this host. Cheap to clone.
#[derive(Clone)]
pub struct Feedback {
    registry: Registry,
    functions: Functions,
    datasets: Datasets,
    /// Whose turn it is to ask about the log of events.
    behaviour: Arc<Semaphore>,
}

impl Feedback {
    /// Remembers where things are.
    pub fn new(registry: Registry, functions: Functions, datasets: Datasets) -> Self {
        Self {
            registry,
            functions,
            datasets,
            behaviour: Arc::new(Semaphore::new(1)),
        }
    }

    /// Feedback in the order in which it came.
    ///
    /// # Errors
    /// [`DataError::Registry`]
    pub async fn list(
        &self,
        tenant: &TenantId,
        filter: &FeedbackFilter,
        limit: usize,
    ) -> Result<Vec<FeedbackRecord>, DataError> {
        Ok(self.registry.feedback(tenant, filter, limit).await?)
    }

    /// Removes all that one respondent said, and that surveys asked them. How much that was.
    ///
    /// # Errors
    /// [`DataError::Registry`]
    pub async fn erase(
        &self,
        tenant: &TenantId,
        respondent: &str,
    ) -> Result<ErasedFeedback, DataError> {
        Ok(self.registry.erase_feedback(tenant, respondent).await?)
    }

    /// Calls an export of a deployed function.
    async fn ask(
        &self,
        tenant: &TenantId,
        function: &Name,
        export: &str,
        input: Value,
    ) -> Result<Value, DataError> {
        let wrong = |source| DataError::Function {
            function: function.clone(),
            source,
        };
        let found = self
            .functions
            .find(tenant.as_str(), function.as_str())
            .map_err(wrong)?;
        found.call(Some(export), input).await.map_err(wrong)
    }
}
