//! What a question spends.

use std::fmt;

use serde::{Deserialize, Serialize};
use steward_registry::{PrivacyAccounting, PrivacyLoss};

use crate::PrivacyError;
use crate::error::invalid;
use crate::units::{Atto, Decimal, Nano, Rounding};

/// The most ε or ρ of one question or budget. Beyond, nothing is private, and conversions overflow.
pub(crate) const MAX_LOSS: u64 = 10_000_000_000_000;
/// One, in units of δ.
pub(crate) const ONE_DELTA: u64 = 1_000_000_000_000_000_000;

/// What a question spends: `{"epsilon": 0.5}`, `{"epsilon": 0.5, "delta": 1e-9}`, `{"rho": 0.1}` or
/// `{"rho": 0.1, "delta": 1e-9}`. Numbers are decimals, rounded up to whole units (1e-9 of ε or ρ, 1e-18 of
/// δ); 0 < ε, ρ ≤ 10,000 and 0 < δ < 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Written")]
pub struct Spend {
    term: Term,
    loss: Nano,
    delta: Atto,
}

/// In which measure a loss is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term {
    Epsilon,
    Rho,
}

impl Spend {
    /// Pure differential privacy.
    ///
    /// # Errors
    /// [`PrivacyError::Invalid`] unless 0 < ε ≤ 10,000.
    pub fn epsilon(epsilon: f64) -> Result<Self, PrivacyError> {
        Self::of(Term::Epsilon, Decimal::from(epsilon), None)
    }

    /// Approximate differential privacy.
    ///
    /// # Errors
    /// [`PrivacyError::Invalid`] unless 0 < ε ≤ 10,000 and 0 < δ < 1.
    pub fn epsilon_delta(epsilon: f64, delta: f64) -> Result<Self, PrivacyError> {
        Self::of(
            Term::Epsilon,
            Decimal::from(epsilon),
            Some(Decimal::from(delta)),
        )
    }

    /// Zero-concentrated differential privacy.
    ///
    /// # Errors
    /// [`PrivacyError::Invalid`] unless 0 < ρ ≤ 10,000.
    pub fn rho(rho: f64) -> Result<Self, PrivacyError> {
        Self::of(Term::Rho, Decimal::from(rho), None)
    }

    /// Approximate zero-concentrated differential privacy (M. Bun and T. Steinke, "Concentrated
    /// Differential Privacy", 2016, definition 8.1).
    ///
    /// # Errors
    /// [`PrivacyError::Invalid`] unless 0 < ρ ≤ 10,000 and 0 < δ < 1.
    pub fn rho_delta(rho: f64, delta: f64) -> Result<Self, PrivacyError> {
        Self::of(Term::Rho, Decimal::from(rho), Some(Decimal::from(delta)))
    }

    fn of(term: Term, loss: Decimal, delta: Option<Decimal>) -> Result<Self, PrivacyError> {
        let what = term.word();
        let loss: Nano = loss
            .amount(what, Rounding::Up)
            .map_err(PrivacyError::Invalid)?;
        if loss.units() == 0 || loss.units() > MAX_LOSS {
            return invalid(format!(
                "{what} is {loss}: it is more than 0 and at most 10000"
            ));
        }
        let delta = match delta {
            None => Atto::default(),
            Some(delta) => {
                let delta: Atto = delta
                    .amount("delta", Rounding::Up)
                    .map_err(PrivacyError::Invalid)?;
                if delta.units() == 0 || delta.units() >= ONE_DELTA {
                    return invalid(format!(
                        "delta is {delta}: it is more than 0 and less than 1; leave it out where there is none"
                    ));
                }
                delta
            }
        };
        Ok(Self { term, loss, delta })
    }

    pub(crate) fn term(&self) -> Term {
        self.term
    }

    /// ε or ρ.
    #[must_use]
    pub fn loss(&self) -> Nano {
        self.loss
    }

    /// δ; 0 where none was named.
    #[must_use]
    pub fn delta(&self) -> Atto {
        self.delta
    }

    /// What the ledger takes for it.
    #[must_use]
    pub fn cost(&self) -> PrivacyLoss {
        PrivacyLoss {
            loss: self.loss.units(),
            delta: self.delta.units(),
        }
    }

    /// Whether a budget that counts so can pay it.
    #[must_use]
    pub fn fits(&self, accounting: PrivacyAccounting) -> bool {
        match accounting {
            PrivacyAccounting::Pure => self.term == Term::Epsilon && self.delta.units() == 0,
            PrivacyAccounting::Approximate => self.term == Term::Epsilon,
            PrivacyAccounting::Concentrated => self.term == Term::Rho,
        }
    }
}

impl Term {
    fn word(self) -> &'static str {
        match self {
            Self::Epsilon => "epsilon",
            Self::Rho => "rho",
        }
    }
}

impl fmt::Display for Spend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounting = match self.term {
            Term::Epsilon => PrivacyAccounting::Approximate,
            Term::Rho => PrivacyAccounting::Concentrated,
        };
        f.write_str(&told(accounting, self.cost()))
    }
}

/// A loss in words: `ε 0.5, δ 0.000001`.
#[must_use]
pub fn told(accounting: PrivacyAccounting, loss: PrivacyLoss) -> String {
    let sign = match accounting {
        PrivacyAccounting::Pure | PrivacyAccounting::Approximate => 'ε',
        PrivacyAccounting::Concentrated => 'ρ',
    };
    let amount = Nano::from_units(loss.loss);
    match loss.delta {
        0 => format!("{sign} {amount}"),
        delta => format!("{sign} {amount}, δ {}", Atto::from_units(delta)),
    }
}

/// What is left of a budget. Displays in words, as [`told`] has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How it counts.
    pub accounting: PrivacyAccounting,
    /// How much.
    pub loss: PrivacyLoss,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&told(self.accounting, self.loss))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    epsilon: Option<Decimal>,
    rho: Option<Decimal>,
    delta: Option<Decimal>,
}

impl TryFrom<Wire> for Spend {
    type Error = PrivacyError;
    fn try_from(wire: Wire) -> Result<Self, PrivacyError> {
        match (wire.epsilon, wire.rho) {
            (Some(epsilon), None) => Self::of(Term::Epsilon, epsilon, wire.delta),
            (None, Some(rho)) => Self::of(Term::Rho, rho, wire.delta),
            _ => invalid("a question spends either epsilon or rho"),
        }
    }
}

#[derive(Serialize)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    epsilon: Option<Nano>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rho: Option<Nano>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Atto>,
}

impl From<Spend> for Written {
    fn from(spend: Spend) -> Self {
        Self {
            epsilon: (spend.term == Term::Epsilon).then_some(spend.loss),
            rho: (spend.term == Term::Rho).then_some(spend.loss),
            delta: (spend.delta.units() > 0).then_some(spend.delta),
        }
    }
}
