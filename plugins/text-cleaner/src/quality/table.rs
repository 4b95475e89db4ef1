//! Every rule with its bounds and where they come from.
//!
//! | source | what |
//! | --- | --- |
//! | Rae et al. 2021 | Scaling Language Models: Methods, Analysis & Insights from Training Gopher, appendix A.1.1, table A1 |
//! | Raffel et al. 2020 | Exploring the Limits of Transfer Learning (C4), section 2.2 |
//! | Penedo et al. 2024 | The FineWeb Datasets, section 3.6 |
//! | Penedo et al. 2025 | FineWeb2, the published configuration for `cmn_Hani`: all bounds for Chinese, unless said otherwise |
//! | Laurençon et al. 2022 | The BigScience ROOTS Corpus; the defaults are those of data-juicer (Chen et al. 2024) |

use super::bounds::Bounds;
use super::document::Document;
use super::measures as m;
use super::repetition as r;

/// Rules that are switched on together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Group {
    GopherQuality,
    GopherRepetition,
    C4,
    FineWeb,
    Ratios,
}

impl Group {
    /// The name in the configuration.
    pub const ALL: [(&'static str, Self); 5] = [
        ("gopher-quality", Self::GopherQuality),
        ("gopher-repetition", Self::GopherRepetition),
        ("c4", Self::C4),
        ("fineweb", Self::FineWeb),
        ("ratios", Self::Ratios),
    ];
}

/// A rule: a measure and its bounds.
pub struct Check {
    /// Stable between versions.
    pub name: &'static str,
    /// With which other rules it is switched on.
    pub group: Group,
    /// Bounds in other languages than Chinese.
    pub bounds: Bounds,
    /// Bounds in Chinese.
    pub chinese: Bounds,
    /// Behind the bound in a reason.
    pub unit: &'static str,
    /// The measure; none where the text has nothing to measure, which breaks no rule.
    pub measure: fn(&Document<'_>) -> Option<f64>,
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn check(
    name: &'static str,
    group: Group,
    bounds: Bounds,
    chinese: Bounds,
    unit: &'static str,
    measure: fn(&Document<'_>) -> Option<f64>,
) -> Check {
    Check {
        name,
        group,
        bounds,
        chinese,
        unit,
        measure,
    }
}

/// Bounds that are the same in every language.
const fn everywhere(
    name: &'static str,
    group: Group,
    bounds: Bounds,
    unit: &'static str,
    measure: fn(&Document<'_>) -> Option<f64>,
) -> Check {
    check(name, group, bounds, bounds, unit, measure)
}

use Bounds as B;
use Group::{C4, FineWeb, GopherQuality, GopherRepetition, Ratios};

/// Every rule, in the order in which they judge: those that cost little before those that need words.
pub static RULES: &[Check] = &[
    // Gopher, quality: Rae et al. 2021, A.1.1.
    everywhere(
        "gopher-bullet-lines",
        GopherQuality,
        B::at_most(0.9),
        " of lines",
        |d| m::lines(d, m::is_item),
    ),
    everywhere(
        "gopher-ellipsis-lines",
        GopherQuality,
        B::at_most(0.3),
        " of lines",
        |d| m::lines(d, m::is_cut),
    ),
    everywhere(
        "gopher-words",
        GopherQuality,
        B::between(50.0, 100_000.0),
        " words",
        |d| Some(d.words().len() as f64),
    ),
    check(
        "gopher-word-length",
        GopherQuality,
        B::between(3.0, 10.0),
        B::between(1.0, 5.0),
        " characters",
        m::word_length,
    ),
    everywhere(
        "gopher-hashes",
        GopherQuality,
        B::at_most(0.1),
        " per word",
        |d| m::signs_per_word(d, &["#"]),
    ),
    everywhere(
        "gopher-ellipses",
        GopherQuality,
        B::at_most(0.1),
        " per word",
        |d| m::signs_per_word(d, &["...", "…"]),
    ),
    check(
        "gopher-letter-words",
        GopherQuality,
        B::at_least(0.8),
        B::at_least(0.735),
        " of words",
        m::words_with_letters,
    ),
    everywhere(
        "gopher-stop-words",
        GopherQuality,
        B::at_least(2.0),
        " stop words",
        m::different_stop_words,
    ),
    // Gopher, repetition: Rae et al. 2021, table A1.
    check(
        "gopher-repeated-lines",
        GopherRepetition,
        B::at_most(0.3),
        B::at_most(0.287),
        " of lines",
        |d| Some(repeated_lines(d)?.0),
    ),
    everywhere(
        "gopher-repeated-line-chars",
        GopherRepetition,
        B::at_most(0.2),
        " of characters",
        |d| Some(repeated_lines(d)?.1),
    ),
    everywhere(
        "gopher-repeated-paragraphs",
        GopherRepetition,
        B::at_most(0.3),
        " of paragraphs",
        |d| Some(repeated_paragraphs(d)?.0),
    ),
    everywhere(
        "gopher-repeated-paragraph-chars",
        GopherRepetition,
        B::at_most(0.2),
        " of characters",
        |d| Some(repeated_paragraphs(d)?.1),
    ),
    check(
        "gopher-top-2-gram",
        GopherRepetition,
        B::at_most(0.2),
        B::at_most(0.256),
        " of characters",
        |d| r::top_ngram(d, 2),
    ),
    check(
        "gopher-top-3-gram",
        GopherRepetition,
        B::at_most(0.18),
        B::at_most(0.201),
        " of characters",
        |d| r::top_ngram(d, 3),
    ),
    check(
        "gopher-top-4-gram",
        GopherRepetition,
        B::at_most(0.16),
        B::at_most(0.171),
        " of characters",
        |d| r::top_ngram(d, 4),
    ),
    check(
        "gopher-repeated-5-grams",
        GopherRepetition,
        B::at_most(0.15),
        B::at_most(0.198),
        " of characters",
        |d| r::repeated_ngrams(d, 5),
    ),
    check(
        "gopher-repeated-6-grams",
        GopherRepetition,
        B::at_most(0.14),
        B::at_most(0.182),
        " of characters",
        |d| r::repeated_ngrams(d, 6),
    ),
    check(
        "gopher-repeated-7-grams",
        GopherRepetition,
        B::at_most(0.13),
        B::at_most(0.167),
        " of characters",
        |d| r::repeated_ngrams(d, 7),
    ),
    check(
        "gopher-repeated-8-grams",
        GopherRepetition,
        B::at_most(0.12),
        B::at_most(0.154),
        " of characters",
        |d| r::repeated_ngrams(d, 8),
    ),
    check(
        "gopher-repeated-9-grams",
        GopherRepetition,
        B::at_most(0.11),
        B::at_most(0.14),
        " of characters",
        |d| r::repeated_ngrams(d, 9),
    ),
    check(
        "gopher-repeated-10-grams",
        GopherRepetition,
        B::at_most(0.1),
        B::at_most(0.127),
        " of characters",
        |d| r::repeated_ngrams(d, 10),
    ),
    // C4: Raffel et al. 2020. Its rules for lines are the rule `c4-lines` of the texts.
    everywhere("c4-lorem-ipsum", C4, B::at_most(0.0), " times", |d| {
        m::occurrences(d, "lorem ipsum")
    }),
    everywhere("c4-curly-brackets", C4, B::at_most(0.0), " times", |d| {
        m::occurrences(d, "{")
    }),
    everywhere(
        "c4-sentences",
        C4,
        B::at_least(5.0),
        " sentences",
        m::count_sentences,
    ),
    // FineWeb: Penedo et al. 2024. A line of Chinese says as much in half the characters.
    check(
        "fineweb-line-punctuation",
        FineWeb,
        B::above(0.12),
        B::above(0.106),
        " of lines",
        |d| m::lines(d, m::is_ended),
    ),
    check(
        "fineweb-short-lines",
        FineWeb,
        B::below(0.67),
        B::below(0.67),
        " of lines",
        short_lines,
    ),
    everywhere(
        "fineweb-repeated-chars",
        FineWeb,
        B::below(0.01),
        " of characters",
        |d| Some(repeated_lines(d)?.1),
    ),
    check(
        "fineweb-line-breaks",
        FineWeb,
        B::at_most(0.3),
        B::at_most(0.178),
        " per word",
        m::breaks_per_word,
    ),
    // Ratios: Laurençon et al. 2022, with the defaults of data-juicer. Chinese has no inflected function words, so
    // that its lists cover less of a text.
    everywhere(
        "text-length",
        Ratios,
        B::at_least(10.0),
        " characters",
        |d| Some(d.whole.chars().count() as f64),
    ),
    everywhere(
        "average-line-length",
        Ratios,
        B::at_least(10.0),
        " characters",
        m::average_line,
    ),
    everywhere(
        "maximum-line-length",
        Ratios,
        B::at_least(10.0),
        " characters",
        m::longest_line,
    ),
    everywhere(
        "special-characters",
        Ratios,
        B::at_most(0.25),
        " of characters",
        m::special_characters,
    ),
    everywhere(
        "symbols",
        Ratios,
        B::at_most(0.1),
        " of characters",
        m::symbols,
    ),
    everywhere(
        "letters-and-digits",
        Ratios,
        B::at_least(0.25),
        " of characters",
        m::letters_and_digits,
    ),
    everywhere(
        "chinese-characters",
        Ratios,
        B::OPEN,
        " of characters",
        m::chinese_characters,
    ),
    everywhere("language", Ratios, B::OPEN, "", |d| {
        Some(d.language().map_or(0.0, |(_, trust)| trust))
    }),
    everywhere(
        "character-repetition",
        Ratios,
        B::at_most(0.5),
        " of n-grams",
        |d| r::character_repetition(d, d.lists.repeated_chars),
    ),
    everywhere("words", Ratios, B::between(10.0, 10_000.0), " words", |d| {
        Some(d.tokens() as f64)
    }),
    check(
        "letters-per-word",
        Ratios,
        B::at_least(1.5),
        B::at_least(1.0),
        " letters",
        m::letters_per_word,
    ),
    check(
        "stop-words",
        Ratios,
        B::at_least(0.3),
        B::at_least(0.2),
        " of words",
        m::stop_words,
    ),
    everywhere(
        "flagged-words",
        Ratios,
        B::at_most(0.045),
        " of words",
        m::flagged_words,
    ),
    everywhere(
        "word-repetition",
        Ratios,
        B::at_most(0.5),
        " of n-grams",
        |d| r::word_repetition(d, d.lists.repeated_words),
    ),
];

fn repeated_lines(document: &Document<'_>) -> Option<(f64, f64)> {
    r::repeated_parts(document.lines().iter().copied(), document.chars())
}

fn repeated_paragraphs(document: &Document<'_>) -> Option<(f64, f64)> {
    let paragraphs = document
        .text
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty());
    r::repeated_parts(paragraphs, document.chars())
}

/// Lines of 30 characters or fewer; in Chinese of 15.
fn short_lines(document: &Document<'_>) -> Option<f64> {
    let most = if document.chinese() { 15 } else { 30 };
    m::lines(document, |line| line.chars().nth(most).is_none())
}
