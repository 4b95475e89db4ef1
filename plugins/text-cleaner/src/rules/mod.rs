//! One rule, one module: what it changes and why.
//!
//! A rule is a function from a text to a [`Rewrite`], or none where it finds nothing. Each rule other than `html` is
//! idempotent by itself; the pipeline makes all of them together idempotent.

pub mod control;
pub mod html;
pub mod length;
pub mod nfkc;
pub mod repeated;
pub mod whitespace;
pub mod width;
pub mod zero_width;

use crate::edits::Rewrite;
use crate::settings::Settings;

/// A rule that changes texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// Removes control characters.
    Control,
    /// Removes invisible characters.
    ZeroWidth,
    /// Brings characters to their compatibility form.
    Nfkc,
    /// Brings full-width forms to half width.
    Width,
    /// Removes tags, decodes entities.
    Html,
    /// Tidies spaces and lines.
    Whitespace,
    /// Shortens repetitions.
    Repeated,
}

impl Rule {
    /// Every rule, in the order in which they run.
    ///
    /// Invisible characters go first, since they keep letters and accents, tags and entities apart. Characters are
    /// normalised before HTML is read, so that `＜b＞` is a tag like any other. White space comes after HTML, which
    /// leaves gaps, and repetitions last, when what stood between the repeated characters is gone.
    pub const ALL: [Rule; 7] = [
        Rule::Control,
        Rule::ZeroWidth,
        Rule::Nfkc,
        Rule::Width,
        Rule::Html,
        Rule::Whitespace,
        Rule::Repeated,
    ];

    /// The name in outcomes; stable between versions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::ZeroWidth => "zero-width",
            Self::Nfkc => "nfkc",
            Self::Width => "width",
            Self::Html => "html",
            Self::Whitespace => "whitespace",
            Self::Repeated => "repeated",
        }
    }

    /// Applies the rule to a text.
    pub fn apply(self, text: &str, settings: &Settings) -> Option<Rewrite> {
        match self {
            Self::Control => control::apply(text),
            Self::ZeroWidth => zero_width::apply(text),
            Self::Nfkc => nfkc::apply(text, settings),
            Self::Width => width::apply(text, settings),
            Self::Html => html::apply(text, settings.html_break),
            Self::Whitespace => whitespace::apply(text, settings.max_blank_lines),
            Self::Repeated => repeated::apply(text, settings.max_repeat),
        }
    }
}

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleSet(u8);

impl RuleSet {
    /// No rule.
    pub const NONE: Self = Self(0);

    /// One rule.
    pub const fn of(rule: Rule) -> Self {
        Self(1 << rule as u8)
    }

    /// The rules of either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The rules of both sets.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The rules of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the rule is in the set.
    pub const fn has(self, rule: Rule) -> bool {
        self.0 & Self::of(rule).0 != 0
    }

    /// Whether the set has no rule.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
