//! One rule, one module: what it changes and why.
//!
//! A rule is a function from a text to a [`Rewrite`], or none where it finds nothing. The rules of
//! [`RuleSet::SETTLING`] run until none finds anything more; each of them other than `html` is idempotent by itself,
//! and the pipeline makes all of them together idempotent. The others run once, on a text that has settled.

pub mod addresses;
pub mod c4_lines;
pub mod control;
pub mod copyright;
pub mod emoji;
pub mod html;
pub mod length;
pub mod links;
pub mod long_words;
pub mod mail;
pub mod markdown;
pub mod mojibake;
pub mod nfkc;
pub mod punctuation;
pub mod repeated;
pub mod repeated_sentences;
pub mod symbols;
pub mod whitespace;
pub mod width;
pub mod zero_width;

use crate::chinese;
use crate::edits::Rewrite;
use crate::settings::Settings;

/// A rule that changes texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// Mends UTF-8 that was read as another encoding.
    Mojibake,
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
    /// Removes the comment about rights that code begins with.
    Copyright,
    /// Removes the headers of mails.
    MailHeaders,
    /// Removes quoted mails.
    MailQuotes,
    /// Removes signatures of mails.
    Signatures,
    /// Removes the marks of Markdown.
    Markdown,
    /// Removes or masks links.
    Links,
    /// Removes or masks mail addresses.
    Emails,
    /// Removes or masks IP addresses.
    Ips,
    /// Removes or names emoji.
    Emoji,
    /// Removes the characters that the configuration names.
    Symbols,
    /// Removes words of unfit length.
    LongWords,
    /// Removes lines that are no sentences.
    C4Lines,
    /// Removes sentences that were said before.
    RepeatedSentences,
    /// Converts between the scripts of Chinese.
    Chinese,
    /// Brings punctuation to one form.
    Punctuation,
}

impl Rule {
    /// Every rule, in the order in which they run.
    ///
    /// What was spoilt is mended first, as long as it is there as it came. Invisible characters go next, since they
    /// keep letters and accents, tags and entities apart. Characters are normalised before HTML is read, so that
    /// `＜b＞` is a tag like any other. White space comes after HTML, which leaves gaps, and repetitions last, when
    /// what stood between the repeated characters is gone. Of the rules that run once, those that take away whole
    /// lines come first, and those that change how the rest is written last.
    pub const ALL: [Rule; 23] = [
        Rule::Mojibake,
        Rule::Control,
        Rule::ZeroWidth,
        Rule::Nfkc,
        Rule::Width,
        Rule::Html,
        Rule::Whitespace,
        Rule::Repeated,
        Rule::Copyright,
        Rule::MailHeaders,
        Rule::MailQuotes,
        Rule::Signatures,
        Rule::Markdown,
        Rule::Links,
        Rule::Emails,
        Rule::Ips,
        Rule::Emoji,
        Rule::Symbols,
        Rule::LongWords,
        Rule::C4Lines,
        Rule::RepeatedSentences,
        Rule::Chinese,
        Rule::Punctuation,
    ];

    /// The name in outcomes; stable between versions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mojibake => "mojibake",
            Self::Control => "control",
            Self::ZeroWidth => "zero-width",
            Self::Nfkc => "nfkc",
            Self::Width => "width",
            Self::Html => "html",
            Self::Whitespace => "whitespace",
            Self::Repeated => "repeated",
            Self::Copyright => "copyright",
            Self::MailHeaders => "mail-headers",
            Self::MailQuotes => "mail-quotes",
            Self::Signatures => "signatures",
            Self::Markdown => "markdown",
            Self::Links => "links",
            Self::Emails => "emails",
            Self::Ips => "ips",
            Self::Emoji => "emoji",
            Self::Symbols => "symbols",
            Self::LongWords => "long-words",
            Self::C4Lines => "c4-lines",
            Self::RepeatedSentences => "repeated-sentences",
            Self::Chinese => "chinese",
            Self::Punctuation => "punctuation",
        }
    }

    /// Applies the rule to a text.
    pub fn apply(self, text: &str, settings: &Settings) -> Option<Rewrite> {
        match self {
            Self::Mojibake => mojibake::apply(text),
            Self::Control => control::apply(text),
            Self::ZeroWidth => zero_width::apply(text),
            Self::Nfkc => nfkc::apply(text, settings),
            Self::Width => width::apply(text, settings),
            Self::Html => html::apply(text, settings.html_break, &settings.html_bullet),
            Self::Whitespace => whitespace::apply(text, settings.max_blank_lines),
            Self::Repeated => repeated::apply(text, settings.max_repeat),
            Self::Copyright => copyright::apply(text),
            Self::MailHeaders => mail::headers(text),
            Self::MailQuotes => mail::quotes(text),
            Self::Signatures => mail::signatures(text),
            Self::Markdown => markdown::apply(text),
            Self::Links => links::apply(text, &settings.link_mask),
            Self::Emails => addresses::emails(text, &settings.email_mask),
            Self::Ips => addresses::ips(text, &settings.ip_mask),
            Self::Emoji => emoji::apply(text, settings.emoji),
            Self::Symbols => symbols::apply(text, &settings.remove),
            Self::LongWords => {
                long_words::apply(text, settings.word_chars.0, settings.word_chars.1)
            }
            Self::C4Lines => c4_lines::apply(text),
            Self::RepeatedSentences => repeated_sentences::apply(
                text,
                settings.min_sentence_chars,
                settings.sentence_sameness,
            ),
            Self::Chinese => chinese::convert(text, settings.chinese),
            Self::Punctuation => punctuation::apply(text, settings.punctuation),
        }
    }
}

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleSet(u32);

impl RuleSet {
    /// No rule.
    pub const NONE: Self = Self(0);

    /// The rules that run until none of them finds anything more.
    pub const SETTLING: Self = Self::of(Rule::Control)
        .with(Self::of(Rule::ZeroWidth))
        .with(Self::of(Rule::Nfkc))
        .with(Self::of(Rule::Width))
        .with(Self::of(Rule::Html))
        .with(Self::of(Rule::Whitespace))
        .with(Self::of(Rule::Repeated));

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
