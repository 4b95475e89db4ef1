//! Rules that judge a text: a measure, the bounds in which it is good, and where both come from.
//!
//! Each rule has bounds for texts in Chinese where those for English make no sense. Nothing is judged unless the
//! configuration says so.

mod bounds;
mod document;
mod language;
mod measures;
mod repetition;
mod stop_words;
mod table;

pub use bounds::{Bounds, Edge};
pub use document::{Document, Lists};
pub use language::{code, detect, is_code};
pub use table::{Check, Group, RULES};

use std::fmt::Write;

/// Which rules judge, with which bounds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quality {
    /// The rules with their bounds, in the order of [`RULES`].
    pub rules: Vec<Judge>,
    /// Whether a text that breaks a rule stays and is told by its changes.
    pub tag: bool,
    /// Whether the names in these changes carry the value too.
    pub details: bool,
    /// Words and languages that the rules ask for.
    pub lists: Lists,
}

/// A rule as the configuration has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judge {
    /// The rule.
    pub check: &'static Check,
    /// Its bounds in other languages than Chinese.
    pub bounds: Bounds,
    /// Its bounds in Chinese.
    pub chinese: Bounds,
}

/// A rule that a text breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The name of the rule.
    pub rule: &'static str,
    /// The value and the bound: `34 < 50 words`.
    pub detail: String,
}

impl Quality {
    /// The rules that the text breaks: the first only, unless `tag` asks for all.
    pub fn judge(&self, text: &str) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        if self.rules.is_empty() {
            return verdicts;
        }
        let document = Document::new(text, &self.lists);
        for judge in &self.rules {
            let bounds = if document.chinese() {
                judge.chinese
            } else {
                judge.bounds
            };
            let is_language = judge.check.name == "language";
            let any_language = !is_language || self.lists.languages.is_empty();
            if any_language && bounds.are_open() {
                continue;
            }
            let Some(value) = (judge.check.measure)(&document) else {
                continue;
            };
            let broken = if is_language {
                document.unwelcome_language(value, bounds)
            } else {
                bounds.broken(value, judge.check.unit)
            };
            if let Some(detail) = broken {
                verdicts.push(Verdict {
                    rule: judge.check.name,
                    detail,
                });
                if !self.tag {
                    break;
                }
            }
        }
        verdicts
    }
}

/// A number as people write it: at most three digits behind the point, and none that says nothing.
fn shown(value: f64) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{value:.3}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    short.to_owned()
}

#[cfg(test)]
mod tests;
