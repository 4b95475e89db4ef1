//! Identifiers of fixed shape: passports, tax numbers, plates and their like, as tables.
//!
//! A rule says how the identifier is written, how its check digit is computed, and which words near
//! it announce it. A bare number of nine digits is of a dozen kinds at once: alone it scores below
//! what is usually asked for, beside its label, or where its kind is asked for by name, above.

mod asia;
mod calendar;
mod china;
mod dach;
mod europe;
mod generic;
mod iberia_italy;
mod india;
mod north_america;
mod oceania_africa;
mod united_kingdom;

use crate::detector::Search;
use crate::entity::Entity;
use crate::finding::{Candidate, Source};
use crate::shape::Shape;
use crate::text::{Text, ends_alone, starts_alone};
use crate::window::Windows;

pub use calendar::{is_day, is_short_date};

/// How an identifier is recognised.
pub struct Rule {
    /// What it is.
    pub entity: Entity,
    /// The recognizer's name in findings.
    pub name: &'static str,
    /// How it is written.
    pub forms: &'static [Form],
    /// What of its digits and letters can be checked.
    pub check: fn(&Found<'_>) -> Verdict,
    /// Words near it that announce it, small letters.
    pub words: &'static [&'static str],
    /// Whether letters may touch it: in languages that write labels and numbers in one.
    pub glued: bool,
}

/// One way to write an identifier.
pub struct Form {
    shape: Shape,
    /// The score where nothing is proved.
    score: f32,
    /// The score where the check digit is right: lower for bare digits, which pass by chance.
    proved: f32,
}

/// A form whose check digit, if it has one, proves nothing more.
const fn form(pattern: &str, score: f32) -> Form {
    checked(pattern, score, score)
}

/// A form with the score of a right check digit.
const fn checked(pattern: &str, score: f32, proved: f32) -> Form {
    Form {
        shape: Shape::new(pattern),
        score,
        proved,
    }
}

/// A piece of text that has the shape of an identifier.
pub struct Found<'a> {
    /// As it stands.
    pub raw: &'a [u8],
    /// Its digits and letters: `0` to `9`, and 10 to 35 for `A` to `Z`.
    pub values: &'a [u8],
}

impl Found<'_> {
    /// The digits and letters at these places, as capital letters.
    fn letters(&self, places: std::ops::Range<usize>) -> String {
        let places = self.values.get(places).unwrap_or_default();
        let letter = |v: &u8| char::from_digit(u32::from(*v), 36).unwrap_or('?');
        places
            .iter()
            .map(letter)
            .collect::<String>()
            .to_ascii_uppercase()
    }
}

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The check digit is right.
    Valid,
    /// It is none of this kind.
    Invalid,
    /// Nothing can be said.
    Unknown,
}

impl From<bool> for Verdict {
    fn from(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }
}

/// For identifiers without a check digit.
fn unknown(_: &Found<'_>) -> Verdict {
    Verdict::Unknown
}

/// Refuses what does not hold, and says nothing of the rest.
fn possible(holds: bool) -> Verdict {
    if holds {
        Verdict::Unknown
    } else {
        Verdict::Invalid
    }
}

/// How many of these digits are read as one number.
fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |n, d| n.wrapping_mul(10).wrapping_add(u32::from(*d)))
}

/// Every table.
const TABLES: [&[Rule]; 10] = [
    generic::RULES,
    china::RULES,
    north_america::RULES,
    united_kingdom::RULES,
    dach::RULES,
    iberia_italy::RULES,
    europe::RULES,
    asia::RULES,
    india::RULES,
    oceania_africa::RULES,
];

/// All rules.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The longest identifier, in digits and letters.
const MAX_VALUES: usize = 24;

/// How far behind a first letter the first digit may stand.
const FIRST_DIGIT: usize = 9;

/// What a label near an identifier adds to its score, and the least it then has.
const LABEL: (f32, f32) = (0.35, 0.55);

/// What it adds to be asked for by name, where the digits prove nothing.
const NAMED: f32 = 0.1;

/// Finds identifiers of the given rules.
pub fn scan(text: &Text, rules: &[&'static Rule], search: &Search, found: &mut Vec<Candidate>) {
    let (chars, bytes) = (text.chars(), text.bytes());
    let mut windows = Windows::new(chars);
    let mut next_digit = 0;
    for start in 0..bytes.len() {
        let byte = bytes[start];
        let before = start.checked_sub(1).map_or(b' ', |i| bytes[i]);
        let digit = byte.is_ascii_digit();
        let may_begin = digit && !before.is_ascii_digit()
            || byte.is_ascii_alphabetic() && !is_word(before)
            || matches!(byte, b'+' | b'(')
            || byte == crate::text::LETTER && !is_word(before);
        if !may_begin {
            continue;
        }
        if next_digit < start || next_digit == 0 {
            let ahead = bytes[start..].iter().position(u8::is_ascii_digit);
            next_digit = ahead.map_or(usize::MAX, |i| start + i);
        }
        if next_digit == usize::MAX {
            return;
        }
        if next_digit - start > FIRST_DIGIT {
            continue;
        }
        let alone = starts_alone(chars, start);
        for rule in rules {
            if alone || rule.glued && digit {
                at(rule, text, start, alone, search, &mut windows, found);
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == crate::text::LETTER
}

/// Adds what a rule finds at one place: the best of its forms.
fn at(
    rule: &'static Rule,
    text: &Text,
    start: usize,
    alone: bool,
    search: &Search,
    windows: &mut Windows<'_>,
    found: &mut Vec<Candidate>,
) {
    let (chars, bytes) = (text.chars(), text.bytes());
    let mut best: Option<(usize, f32)> = None;
    for form in rule.forms {
        if !form.shape.begins_with(bytes[start]) {
            continue;
        }
        let accept = |end: usize| {
            ends_alone(chars, end)
                || rule.glued && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric)
        };
        let Some(end) = form.shape.end(bytes, start, &accept) else {
            continue;
        };
        let raw = &bytes[start..end];
        let values = Values::of(raw);
        let score = match (rule.check)(&values.found(raw)) {
            Verdict::Invalid => continue,
            Verdict::Valid if search.named => 1.0,
            Verdict::Valid => form.proved.max(form.score),
            Verdict::Unknown if search.named => (form.score + NAMED).min(0.95),
            Verdict::Unknown => form.score,
        };
        if best.is_none_or(|(last, other)| score > other || score == other && end > last) {
            best = Some((end, score));
        }
    }
    let Some((end, mut score)) = best else {
        return;
    };
    if !search.named && (!alone || is_joined(bytes, start, end)) {
        score *= 0.6;
    }
    if score < 0.95 && windows.announces(start, end, rule.words) {
        score = (score + LABEL.0).clamp(LABEL.1, 0.95);
    }
    found.push(Candidate {
        entity: rule.entity,
        start,
        end,
        least_end: end,
        score,
        source: Source::BuiltIn(rule.name),
    });
}

/// Whether the piece is a part of something longer, as of a UUID or a path.
fn is_joined(bytes: &[u8], start: usize, end: usize) -> bool {
    let joins = |b: Option<u8>, beyond: Option<u8>| {
        matches!(b, Some(b'-' | b'/' | b'_' | b'=' | b'.'))
            && beyond.is_some_and(|b| b.is_ascii_alphanumeric())
    };
    let at = |i: Option<usize>| i.and_then(|i| bytes.get(i)).copied();
    joins(at(start.checked_sub(1)), at(start.checked_sub(2)))
        || joins(at(Some(end)), at(Some(end + 1)))
}

/// What the rules of an entity say of a whole text; none where no form fits.
pub fn judge(entity: Entity, text: &str) -> Option<Verdict> {
    let text = Text::new(text);
    let bytes = text.bytes();
    let first = *bytes.first()?;
    let mut said = None;
    for rule in all().filter(|rule| rule.entity == entity) {
        for form in rule
            .forms
            .iter()
            .filter(|form| form.shape.begins_with(first))
        {
            if form
                .shape
                .end(bytes, 0, &|end| end == bytes.len())
                .is_none()
            {
                continue;
            }
            let values = Values::of(bytes);
            let verdict = (rule.check)(&values.found(bytes));
            if said.is_none_or(|said| strength(verdict) > strength(said)) {
                said = Some(verdict);
            }
        }
    }
    said
}

fn strength(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Invalid => 0,
        Verdict::Unknown => 1,
        Verdict::Valid => 2,
    }
}

/// The digits and letters of a piece.
struct Values {
    values: [u8; MAX_VALUES],
    count: usize,
}

impl Values {
    fn of(raw: &[u8]) -> Self {
        let mut all = Self {
            values: [0; MAX_VALUES],
            count: 0,
        };
        for value in raw.iter().filter_map(|b| char::from(*b).to_digit(36)) {
            if let Some(place) = all.values.get_mut(all.count) {
                *place = value as u8;
                all.count += 1;
            }
        }
        all
    }

    fn found<'a>(&'a self, raw: &'a [u8]) -> Found<'a> {
        Found {
            raw,
            values: &self.values[..self.count],
        }
    }
}
