//! What can go wrong when a question is asked.

use steward_registry::{PrivacyAccount, PrivacyAccounting, RegistryError};

use crate::{Left, Spend};

/// What can go wrong when a question is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivacyError {
    /// The question, the data or a limit breaks a rule; nothing is spent.
    #[error("{0}")]
    Invalid(String),
    /// Nobody gave this principal a budget for this dataset; nothing is spent.
    #[error(
        "`{principal}` has no privacy budget for the dataset `{dataset}`: an operator sets one"
    )]
    NoBudget {
        /// Which dataset.
        dataset: String,
        /// Who asked.
        principal: String,
    },
    /// The budget counts in other terms than the question; nothing is spent.
    #[error(
        "the budget of `{}` on `{}` is {accounting}: {}",
        account.principal, account.dataset, terms(*accounting)
    )]
    Accounting {
        /// Whose budget.
        account: Box<PrivacyAccount>,
        /// How it counts.
        accounting: PrivacyAccounting,
    },
    /// Too little is left; nothing is spent.
    #[error(
        "the question costs {cost}; of the {limit} that `{}` has for `{}`, {left} is left: spend less, or ask an \
         operator for more",
        account.principal, account.dataset
    )]
    Refused {
        /// Whose budget.
        account: Box<PrivacyAccount>,
        /// What the question would cost.
        cost: Spend,
        /// What is left.
        left: Left,
        /// What there was at first, as `ε 1`.
        limit: String,
    },
    /// No noise could be drawn. What was reserved for it stays spent.
    #[error("no noise could be drawn: {0}")]
    Mechanism(String),
    /// The ledger does not answer or refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What a question must name where the budget counts so.
fn terms(accounting: PrivacyAccounting) -> &'static str {
    match accounting {
        PrivacyAccounting::Pure => "spend epsilon alone",
        PrivacyAccounting::Approximate => "spend epsilon, or epsilon and delta",
        PrivacyAccounting::Concentrated => "spend rho, or rho and delta",
    }
}

pub(crate) fn invalid<T>(reason: impl Into<String>) -> Result<T, PrivacyError> {
    Err(PrivacyError::Invalid(reason.into()))
}

/// Errors of OpenDP carry a backtrace and no words for users of Steward.
impl From<opendp::error::Error> for PrivacyError {
    fn from(error: opendp::error::Error) -> Self {
        Self::Mechanism(match error.message {
            Some(message) => format!("{:?}: {message}", error.variant),
            None => format!("{:?}", error.variant),
        })
    }
}
