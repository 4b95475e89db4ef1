//! Between which values a measure is good.

use super::shown;

/// An end of the good values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The value.
    pub value: f64,
    /// Whether the value itself is good.
    pub included: bool,
}

/// The good values, from the least to the most; none: no bound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// Smaller values break the rule.
    pub least: Option<Edge>,
    /// Greater values break the rule.
    pub most: Option<Edge>,
}

const fn included(value: f64) -> Option<Edge> {
    Some(Edge {
        value,
        included: true,
    })
}

const fn excluded(value: f64) -> Option<Edge> {
    Some(Edge {
        value,
        included: false,
    })
}

impl Bounds {
    /// No bound: every value is good.
    pub const OPEN: Self = Self {
        least: None,
        most: None,
    };

    /// This and greater.
    pub const fn at_least(value: f64) -> Self {
        Self {
            least: included(value),
            most: None,
        }
    }

    /// This and smaller.
    pub const fn at_most(value: f64) -> Self {
        Self {
            least: None,
            most: included(value),
        }
    }

    /// From the one to the other.
    pub const fn between(least: f64, most: f64) -> Self {
        Self {
            least: included(least),
            most: included(most),
        }
    }

    /// Greater than this.
    pub const fn above(value: f64) -> Self {
        Self {
            least: excluded(value),
            most: None,
        }
    }

    /// Smaller than this.
    pub const fn below(value: f64) -> Self {
        Self {
            least: None,
            most: excluded(value),
        }
    }

    /// Whether every value is good.
    pub fn are_open(&self) -> bool {
        self.least.is_none() && self.most.is_none()
    }

    /// What a value breaks, in words.
    pub fn broken(&self, value: f64, unit: &str) -> Option<String> {
        let (edge, excluded, included) = match (self.least, self.most) {
            (Some(least), _)
                if value < least.value || (value == least.value && !least.included) =>
            {
                (least, "<=", "<")
            }
            (_, Some(most)) if value > most.value || (value == most.value && !most.included) => {
                (most, ">=", ">")
            }
            _ => return None,
        };
        let sign = if edge.included { included } else { excluded };
        Some(format!(
            "{} {sign} {}{unit}",
            shown(value),
            shown(edge.value)
        ))
    }
}
