//! The ledger of privacy budgets: what may be spent, what is reserved, what was answered.
//!
//! Three steps, each durable before the next begins: [`crate::Registry::reserve_privacy`], drawing the noise
//! (elsewhere), [`crate::Registry::record_privacy_answer`]. Nothing gives back what was reserved.

mod budgets;
mod ledger;
mod units;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RegistryError;
use crate::id::{Digest, InvalidId, Name, TenantId};

/// The largest question, in bytes.
const MAX_QUESTION_BYTES: usize = 2 << 20;
/// What the principals of functions begin with.
const FUNCTION: &str = "function:";

/// How losses of privacy are counted and added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivacyAccounting {
    /// ε of pure differential privacy; ε adds up and δ is always 0.
    Pure,
    /// (ε, δ) of approximate differential privacy; both add up.
    Approximate,
    /// ρ of zero-concentrated differential privacy, with the δ of its approximate form; both add up.
    Concentrated,
}

impl PrivacyAccounting {
    /// Every accounting.
    pub const ALL: [Self; 3] = [Self::Pure, Self::Approximate, Self::Concentrated];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Approximate => "approximate",
            Self::Concentrated => "concentrated",
        }
    }
}

impl fmt::Display for PrivacyAccounting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PrivacyAccounting {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|a| a.as_str() == s)
            .ok_or_else(|| {
                format!("`{s}` is not an accounting; it is one of pure, approximate, concentrated")
            })
    }
}

/// A loss of privacy in whole units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PrivacyLoss {
    /// ε, or ρ where the accounting is concentrated, in units of 1e-9.
    pub loss: u64,
    /// δ in units of 1e-18.
    pub delta: u64,
}

/// Whose budget on which data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrivacyAccount {
    /// Whose data it is.
    pub tenant: TenantId,
    /// The dataset, whichever snapshot of it is asked.
    pub dataset: String,
    /// Who asks: see [`PrivacyAsker`].
    pub principal: String,
}

/// Who asks, as a budget names it: a key by its id, or a deployed function as `function:NAME`. No id of a key has a colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivacyAsker {
    /// Whoever has the key of this id.
    Key(String),
    /// A function, whoever calls it and whichever version answers.
    Function(Name),
}

impl fmt::Display for PrivacyAsker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => f.write_str(id),
            Self::Function(name) => write!(f, "{FUNCTION}{name}"),
        }
    }
}

impl FromStr for PrivacyAsker {
    type Err = InvalidId;
    fn from_str(s: &str) -> Result<Self, InvalidId> {
        match s.strip_prefix(FUNCTION) {
            Some(name) => name.parse().map(Self::Function),
            None => Ok(Self::Key(s.to_owned())),
        }
    }
}

/// What a principal may learn about a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivacyBudget {
    /// Whose budget on which data.
    pub account: PrivacyAccount,
    /// How losses are counted.
    pub accounting: PrivacyAccounting,
    /// What may be spent in all.
    pub limit: PrivacyLoss,
    /// What is spent; never more than the limit.
    pub spent: PrivacyLoss,
    /// When it was set first.
    pub created_at: Timestamp,
    /// Id of the principal that set it last.
    pub created_by: String,
}

impl PrivacyBudget {
    /// What may still be spent.
    #[must_use]
    pub fn left(&self) -> PrivacyLoss {
        PrivacyLoss {
            loss: self.limit.loss.saturating_sub(self.spent.loss),
            delta: self.limit.delta.saturating_sub(self.spent.delta),
        }
    }
}

/// What is asked, in the one form that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyQuestion {
    digest: Digest,
    body: String,
}

impl PrivacyQuestion {
    /// A question from its canonical text: two questions are the same where their texts are.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] over 2 MiB.
    pub fn new(body: String) -> Result<Self, RegistryError> {
        if body.len() > MAX_QUESTION_BYTES {
            return Err(RegistryError::Invalid(format!(
                "the question has {} bytes; at most {MAX_QUESTION_BYTES} are kept: ask for fewer keys at a time",
                body.len()
            )));
        }
        // PostgreSQL cannot store NUL, and JSON writes it with an escape.
        if body.contains('\0') {
            return Err(RegistryError::Invalid(
                "the question holds a NUL character".into(),
            ));
        }
        Ok(Self {
            digest: Digest::of(body.as_bytes()),
            body,
        })
    }

    /// SHA-256 of the text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// What became of a wish to spend.
#[derive(Debug, Clone, PartialEq)]
pub enum PrivacyReservation {
    /// It is paid: noise may be drawn once.
    Reserved {
        /// Which attempt at this question it is: 1, 2, 3 ….
        attempt: u64,
        /// The budget, with this payment in it.
        budget: PrivacyBudget,
    },
    /// The question was answered before, and nothing is paid.
    Answered {
        /// The answer of then.
        answer: serde_json::Value,
        /// The budget, as it was.
        budget: PrivacyBudget,
    },
    /// Too little is left; nothing is paid.
    Refused {
        /// The budget, as it was.
        budget: PrivacyBudget,
    },
}

/// A line of the ledger: one drawing of noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivacyEntry {
    /// SHA-256 of the question.
    pub question: Digest,
    /// The question.
    pub body: String,
    /// Which attempt at it: 1, 2, 3 ….
    pub attempt: u64,
    /// What it cost.
    pub cost: PrivacyLoss,
    /// When it was paid.
    pub created_at: Timestamp,
    /// When its answer was let out; none where it was cut short or another attempt was quicker.
    pub answered_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_no_key() {
        for (text, asker) in [
            (
                "function:shop",
                PrivacyAsker::Function("shop".parse().unwrap()),
            ),
            ("01kb3v5w", PrivacyAsker::Key("01kb3v5w".into())),
        ] {
            assert_eq!(text.parse::<PrivacyAsker>().unwrap(), asker);
            assert_eq!(asker.to_string(), text);
        }
        for bad in [
            "function:",
            "function:../x",
            "function:Shop",
            "function:function:a",
        ] {
            assert!(bad.parse::<PrivacyAsker>().is_err(), "{bad}");
        }
    }
}
