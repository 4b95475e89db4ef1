//! What can be said of a job without its table.

use super::{ColumnSpec, Metric, Model, Role, Spec};
use crate::AnonymityError;
use crate::error::shown;

/// The most columns and models of one job.
const MOST: usize = 1000;

/// A separator of CSV must be one byte, and none that a cell needs.
pub(crate) fn delimiter(delimiter: char) -> Result<u8, AnonymityError> {
    u8::try_from(delimiter)
        .ok()
        .filter(|byte| {
            byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n\0".contains(byte)
        })
        .ok_or_else(|| {
            AnonymityError::Spec(
                "`delimiter` must be one ASCII character such as `,` or `;`".into(),
            )
        })
}

impl Spec {
    /// Checks everything that needs no table.
    ///
    /// # Errors
    ///
    /// [`AnonymityError::Spec`] names the first thing that makes no sense.
    pub fn validate(&self) -> Result<(), AnonymityError> {
        let wrong = |reason: String| Err(AnonymityError::Spec(reason));
        AnonymityError::limit("columns of the job", self.columns.len() as u64, MOST as u64)?;
        AnonymityError::limit("models of the job", self.models.len() as u64, MOST as u64)?;
        for (index, column) in self.columns.iter().enumerate() {
            if self.columns[..index]
                .iter()
                .any(|before| before.name == column.name)
            {
                return wrong(format!(
                    "the column `{}` is described twice",
                    shown(&column.name)
                ));
            }
            column.validate()?;
        }
        if !self
            .columns
            .iter()
            .any(|column| column.role == Role::QuasiIdentifying)
        {
            return wrong(
                "no column is `quasi-identifying`; name the columns by which people can be found"
                    .into(),
            );
        }
        if self.models.is_empty() {
            return wrong("`models` is empty; ask for at least k-anonymity".into());
        }
        if !(0.0..=1.0).contains(&self.suppression_limit) {
            return wrong("`suppression_limit` must be a share from 0 to 1".into());
        }
        if !(self.risk_threshold > 0.0 && self.risk_threshold <= 1.0) {
            return wrong("`risk_threshold` must be above 0 and at most 1".into());
        }
        delimiter(self.delimiter)?;
        if !(0.0..=1.0).contains(&self.metric.suppression_weight()) {
            return wrong("`suppression_weight` must lie between 0 and 1".into());
        }
        for model in &self.models {
            if let Some(reason) = model.wrong() {
                return wrong(format!("the model {}: {reason}", model.name()));
            }
            if let Some(name) = model.column()
                && !self
                    .columns
                    .iter()
                    .any(|column| column.name == name && column.role == Role::Sensitive)
            {
                return wrong(format!(
                    "the model {} asks for `{}`, which is no `sensitive` column of the job",
                    model.name(),
                    shown(name)
                ));
            }
        }
        Ok(())
    }
}

impl ColumnSpec {
    fn validate(&self) -> Result<(), AnonymityError> {
        let wrong = |reason: &str| {
            Err(AnonymityError::Spec(format!(
                "the column `{}`: {reason}",
                shown(&self.name)
            )))
        };
        let generalizes =
            self.hierarchy.is_some() || self.min_level.is_some() || self.max_level.is_some();
        if generalizes && self.role != Role::QuasiIdentifying {
            return wrong(
                "only a `quasi-identifying` column is generalized; drop its hierarchy and levels",
            );
        }
        if !(self.weight.is_finite() && self.weight > 0.0) {
            return wrong("`weight` must be a number above 0");
        }
        Ok(())
    }
}

impl Metric {
    /// Suppressed beside generalized; metrics that do not ask weigh both alike.
    pub(crate) fn suppression_weight(&self) -> f64 {
        match self {
            Self::Loss {
                suppression_weight, ..
            }
            | Self::NonUniformEntropy {
                suppression_weight, ..
            }
            | Self::Precision {
                suppression_weight, ..
            }
            | Self::AverageClassSize { suppression_weight } => *suppression_weight,
            Self::Height { .. } | Self::Discernibility { .. } | Self::Ambiguity => 0.5,
        }
    }
}

impl Model {
    /// As the job calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::KAnonymity { .. } => "k-anonymity",
            Self::DistinctLDiversity { .. } => "distinct-l-diversity",
            Self::EntropyLDiversity { .. } => "entropy-l-diversity",
            Self::RecursiveClDiversity { .. } => "recursive-cl-diversity",
            Self::TCloseness { .. } => "t-closeness",
            Self::BetaLikeness { .. } => "beta-likeness",
            Self::KMap { .. } => "k-map",
            Self::DeltaPresence { .. } => "delta-presence",
            Self::AverageRisk { .. } => "average-risk",
            Self::SampleUniqueness { .. } => "sample-uniqueness",
        }
    }

    /// The sensitive column that it looks at.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::DistinctLDiversity { column, .. }
            | Self::EntropyLDiversity { column, .. }
            | Self::RecursiveClDiversity { column, .. }
            | Self::TCloseness { column, .. }
            | Self::BetaLikeness { column, .. } => Some(column),
            _ => None,
        }
    }

    /// Whether it compares the table with a population.
    #[must_use]
    pub fn needs_population(&self) -> bool {
        matches!(self, Self::KMap { .. } | Self::DeltaPresence { .. })
    }

    fn wrong(&self) -> Option<&'static str> {
        let fine = match self {
            Self::KAnonymity { k } | Self::KMap { k } => (*k >= 2, "`k` must be at least 2"),
            Self::DistinctLDiversity { l, .. } => (*l >= 2, "`l` must be at least 2"),
            Self::EntropyLDiversity { l, .. } => {
                (l.is_finite() && *l > 1.0, "`l` must be a number above 1")
            }
            Self::RecursiveClDiversity { c, l, .. } => (
                c.is_finite() && *c > 0.0 && *l >= 2,
                "`c` must be above 0 and `l` at least 2",
            ),
            Self::TCloseness { t, .. } => ((0.0..=1.0).contains(t), "`t` must lie between 0 and 1"),
            Self::BetaLikeness { beta, .. } => {
                (beta.is_finite() && *beta > 0.0, "`beta` must be above 0")
            }
            Self::DeltaPresence { min, max } => (
                0.0 <= *min && min <= max && *max <= 1.0,
                "`min` and `max` must be shares, 0 ≤ min ≤ max ≤ 1",
            ),
            Self::AverageRisk { risk } => (
                0.0 < *risk && *risk <= 1.0,
                "`risk` must be above 0 and at most 1",
            ),
            Self::SampleUniqueness { share } => (
                (0.0..=1.0).contains(share),
                "`share` must lie between 0 and 1",
            ),
        };
        (!fine.0).then_some(fine.1)
    }
}
