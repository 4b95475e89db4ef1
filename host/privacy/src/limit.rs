//! What a budget allows.

use serde::Deserialize;
use steward_registry::{PrivacyAccounting, PrivacyLoss};

use crate::PrivacyError;
use crate::error::invalid;
use crate::spend::{MAX_LOSS, ONE_DELTA};
use crate::units::{Atto, Decimal, Nano, Rounding};

/// What a budget allows: `{"accounting": "pure", "epsilon": 1}`, `{"accounting": "approximate", "epsilon":
/// 1, "delta": 1e-6}` or `{"accounting": "concentrated", "rho": 0.1}`, also with `delta`. Numbers are
/// decimals, rounded down to whole units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Limit {
    accounting: PrivacyAccounting,
    loss: PrivacyLoss,
}

impl Limit {
    /// ε for [`PrivacyAccounting::Pure`] and [`PrivacyAccounting::Approximate`], ρ for
    /// [`PrivacyAccounting::Concentrated`].
    ///
    /// # Errors
    /// [`PrivacyError::Invalid`] unless 0 ≤ ε, ρ ≤ 10,000 and 0 ≤ δ < 1, and δ = 0 where the accounting is
    /// pure.
    pub fn new(accounting: PrivacyAccounting, loss: f64, delta: f64) -> Result<Self, PrivacyError> {
        Self::of(accounting, &Decimal::from(loss), &Decimal::from(delta))
    }

    fn of(
        accounting: PrivacyAccounting,
        loss: &Decimal,
        delta: &Decimal,
    ) -> Result<Self, PrivacyError> {
        let what = match accounting {
            PrivacyAccounting::Pure | PrivacyAccounting::Approximate => "epsilon",
            PrivacyAccounting::Concentrated => "rho",
        };
        let loss: Nano = loss
            .amount(what, Rounding::Down)
            .map_err(PrivacyError::Invalid)?;
        let delta: Atto = delta
            .amount("delta", Rounding::Down)
            .map_err(PrivacyError::Invalid)?;
        if loss.units() > MAX_LOSS {
            return invalid(format!("{what} is {loss}: a budget has at most 10000"));
        }
        if delta.units() >= ONE_DELTA {
            return invalid(format!("delta is {delta}: it is less than 1"));
        }
        if accounting == PrivacyAccounting::Pure && delta.units() != 0 {
            return invalid("pure accounting has no delta: choose approximate, or leave delta out");
        }
        Ok(Self {
            accounting,
            loss: PrivacyLoss {
                loss: loss.units(),
                delta: delta.units(),
            },
        })
    }

    /// How losses are counted.
    #[must_use]
    pub fn accounting(&self) -> PrivacyAccounting {
        self.accounting
    }

    /// What may be spent.
    #[must_use]
    pub fn loss(&self) -> PrivacyLoss {
        self.loss
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    accounting: PrivacyAccounting,
    epsilon: Option<Decimal>,
    rho: Option<Decimal>,
    delta: Option<Decimal>,
}

impl TryFrom<Wire> for Limit {
    type Error = PrivacyError;
    fn try_from(wire: Wire) -> Result<Self, PrivacyError> {
        let concentrated = wire.accounting == PrivacyAccounting::Concentrated;
        let loss = match (wire.epsilon, wire.rho) {
            (Some(epsilon), None) if !concentrated => epsilon,
            (None, Some(rho)) if concentrated => rho,
            _ => {
                return invalid(
                    "a pure or approximate budget has epsilon, a concentrated one has rho",
                );
            }
        };
        Self::of(
            wire.accounting,
            &loss,
            &wire.delta.unwrap_or(Decimal::from(0.0)),
        )
    }
}
