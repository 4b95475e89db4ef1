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
mod south_africa;
mod united_kingdom;
mod us_health;

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
    /// Whether it is one only right behind a word of the rule.
    labelled: bool,
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
        labelled: false,
    }
}

/// A form that says so little that it is one only right behind a word of the rule: `claim no.
/// 123456`. Asked for by name it is none without it either.
const fn labelled(pattern: &str, score: f32) -> Form {
    Form {
        labelled: true,
        ..form(pattern, score)
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
const TABLES: [&[Rule]; 12] = [
    generic::RULES,
    china::RULES,
    north_america::RULES,
    us_health::RULES,
    united_kingdom::RULES,
    dach::RULES,
    iberia_italy::RULES,
    europe::RULES,
    asia::RULES,
    india::RULES,
    oceania_africa::RULES,
    south_africa::RULES,
];

/// All rules.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// All rules, each at its number.
static NUMBERED: [&Rule; COUNT] = {
    let mut rules = [&TABLES[0][0]; COUNT];
    let (mut table, mut number) = (0, 0);
    while table < TABLES.len() {
        let mut i = 0;
        while i < TABLES[table].len() {
            rules[number] = &TABLES[table][i];
            number += 1;
            i += 1;
        }
        table += 1;
    }
    rules
};

/// How many rules there are.
const COUNT: usize = {
    let (mut table, mut count) = (0, 0);
    while table < TABLES.len() {
        count += TABLES[table].len();
        table += 1;
    }
    count
};

/// From here on the table of beginnings tells no run of digits or letters from a longer one.
const LONGEST_RUN: usize = 20;

/// The rules of which something may begin with a digit or a letter, the first of a run of so many
/// of its kind; with another byte, and no run.
static BEGINNINGS: [[RuleSet; LONGEST_RUN + 1]; CLASSES] = {
    let mut sets = [[RuleSet::NONE; LONGEST_RUN + 1]; CLASSES];
    let mut number = 0;
    while number < COUNT {
        let forms = NUMBERED[number].forms;
        let mut i = 0;
        while i < forms.len() {
            let mut class = 0;
            while class < CLASSES {
                let byte = FIRST_BYTES[class];
                let mut run = 0;
                while forms[i].shape.begins_with(byte) && run < 32 {
                    if forms[i].shape.leads_with(byte, run) {
                        let column = if run < LONGEST_RUN { run } else { LONGEST_RUN };
                        sets[class][column] = sets[class][column].with(number);
                    }
                    run += 1;
                }
                class += 1;
            }
            i += 1;
        }
        number += 1;
    }
    sets
};

/// What identifiers begin with: letters of either case are one.
const FIRST_BYTES: &[u8; CLASSES] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+(\xC0";
const CLASSES: usize = 39;

/// The place of each byte among the first ones; none has [`CLASSES`].
static CLASS: [u8; 256] = {
    let mut classes = [CLASSES as u8; 256];
    let mut class = 0;
    while class < CLASSES {
        let byte = FIRST_BYTES[class];
        classes[byte as usize] = class as u8;
        classes[byte.to_ascii_lowercase() as usize] = class as u8;
        class += 1;
    }
    classes
};

/// The rules whose identifiers letters may touch.
static GLUED: RuleSet = {
    let mut set = RuleSet::NONE;
    let mut number = 0;
    while number < COUNT {
        if NUMBERED[number].glued {
            set = set.with(number);
        }
        number += 1;
    }
    set
};

/// A set of rules, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleSet([u64; 2]);

impl RuleSet {
    const NONE: Self = Self([0; 2]);

    /// The rules of whose entity this holds.
    pub fn of(wanted: impl Fn(Entity) -> bool) -> Self {
        let numbers = all().enumerate().filter(|(_, rule)| wanted(rule.entity));
        numbers.fold(Self::NONE, |set, (number, _)| set.with(number))
    }

    const fn with(mut self, number: usize) -> Self {
        self.0[number / 64] |= 1 << (number % 64);
        self
    }

    fn and(self, other: Self) -> Self {
        Self([self.0[0] & other.0[0], self.0[1] & other.0[1]])
    }

    /// In the order of the tables.
    fn iter(self) -> impl Iterator<Item = &'static Rule> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                NUMBERED.get(word * 64 + bit).copied()
            })
        })
    }
}

/// The longest identifier, in digits and letters.
const MAX_VALUES: usize = 24;

/// How far behind a first letter the first digit may stand: the version of a UUID is the last.
const FIRST_DIGIT: usize = 14;

/// What a label near an identifier adds to its score, and the least it then has.
const LABEL: (f32, f32) = (0.35, 0.55);

/// What it adds to be asked for by name, where the digits prove nothing.
const NAMED: f32 = 0.1;

/// Finds identifiers of the given rules.
///
/// Of a hundred rules only those are tried at a place that may begin with its byte and with as
/// many digits or letters as stand there.
pub fn scan(text: &Text, rules: RuleSet, search: &Search, found: &mut Vec<Candidate>) {
    let (chars, bytes) = (text.chars(), text.bytes());
    let mut windows = Windows::new(chars);
    let Some(mut next_digit) = bytes.iter().position(u8::is_ascii_digit) else {
        return;
    };
    let mut start = 0;
    while start < bytes.len() {
        let byte = bytes[start];
        let class = usize::from(CLASS[usize::from(byte)]);
        if class == CLASSES {
            start += 1;
            continue;
        }
        let run = run(bytes, start);
        // Where to go on: nothing begins inside of a run of its own kind.
        let behind = start + run.max(1);
        let before = start.checked_sub(1).map_or(b' ', |i| bytes[i]);
        let digit = byte.is_ascii_digit();
        let may_begin = digit || run == 0 && byte != crate::text::LETTER || !is_word(before);
        if next_digit < start {
            match bytes[start..].iter().position(u8::is_ascii_digit) {
                Some(ahead) => next_digit = start + ahead,
                None => return,
            }
        }
        if may_begin && next_digit - start <= FIRST_DIGIT {
            let alone = starts_alone(chars, start);
            let mut rules = rules.and(BEGINNINGS[class][run.min(LONGEST_RUN)]);
            if !alone {
                rules = rules.and(if digit { GLUED } else { RuleSet::NONE });
            }
            let place = Place { start, alone };
            let fits = |shape: &Shape| shape.leads_with(byte, run);
            for rule in rules.iter() {
                at(rule, text, place, &fits, search, &mut windows, found);
            }
        }
        start = behind;
    }
}

/// Where an identifier may begin.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    /// Whether nothing touches it.
    alone: bool,
}

/// How many digits, or ASCII letters, follow each other from `start` on.
fn run(bytes: &[u8], start: usize) -> usize {
    let digit = bytes[start].is_ascii_digit();
    let alike = |b: &&u8| {
        if digit {
            b.is_ascii_digit()
        } else {
            b.is_ascii_alphabetic()
        }
    };
    bytes[start..].iter().take_while(alike).count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == crate::text::LETTER
}

/// Adds what a rule finds at one place: the best of its forms that may fit there.
fn at(
    rule: &'static Rule,
    text: &Text,
    Place { start, alone }: Place,
    fits: &impl Fn(&Shape) -> bool,
    search: &Search,
    windows: &mut Windows<'_>,
    found: &mut Vec<Candidate>,
) {
    let (chars, bytes) = (text.chars(), text.bytes());
    let mut best: Option<(usize, f32)> = None;
    for form in rule.forms {
        if !fits(&form.shape) {
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
        if form.labelled && !windows.labels(start, rule.words) {
            continue;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entities;
    use proptest::prelude::*;

    /// Every rule at every place, whatever stands there.
    fn scan_all(text: &Text, search: &Search) -> Vec<Candidate> {
        let (chars, bytes) = (text.chars(), text.bytes());
        let mut windows = Windows::new(chars);
        let mut found = Vec::new();
        for start in 0..bytes.len() {
            let (byte, before) = (
                bytes[start],
                start.checked_sub(1).map_or(b' ', |i| bytes[i]),
            );
            let digit = byte.is_ascii_digit();
            let begins = digit && !before.is_ascii_digit()
                || is_word(byte) && !digit && !is_word(before)
                || matches!(byte, b'+' | b'(');
            let ahead = bytes[start..].iter().position(u8::is_ascii_digit);
            if !begins || ahead.is_none_or(|ahead| ahead > FIRST_DIGIT) {
                continue;
            }
            let alone = starts_alone(chars, start);
            let place = Place { start, alone };
            let fits = |shape: &Shape| shape.begins_with(byte);
            for rule in all().filter(|rule| alone || rule.glued && digit) {
                at(rule, text, place, &fits, search, &mut windows, &mut found);
            }
        }
        found
    }

    fn differs(text: &str) -> Option<String> {
        let text = Text::new(text);
        [true, false].into_iter().find_map(|named| {
            let entities = Entities::ALL;
            let search = Search {
                entities,
                min_score: 0.0,
                named,
            };
            let mut found = Vec::new();
            scan(&text, RuleSet::of(|_| true), &search, &mut found);
            let all = scan_all(&text, &search);
            (found != all).then(|| format!("{found:?} is not {all:?}"))
        })
    }

    #[test]
    fn the_table_of_beginnings_hides_nothing_of_what_the_cases_hold() {
        let cases = include_str!("../../tests/cases.jsonl");
        for case in cases.lines() {
            assert_eq!(differs(case), None, "{case}");
        }
    }

    proptest! {
        #[test]
        fn the_table_of_beginnings_hides_nothing(
            text in "([A-Za-z]{1,5}|[0-9]{1,6}|[0-9]{7,25}|[ ./()+:_-]|身份证|号|passport |é|１){0,14}"
        ) {
            prop_assert_eq!(differs(&text), None);
        }

        /// Identifiers as people write them: digits and letters in groups.
        #[test]
        fn nor_in_groups(text in "[A-Z]{0,3}[ -]?[0-9]{1,4}([ ./-]?[0-9A-Z]{1,4}){0,4}[(]?[0-9A-Z]?[)]?") {
            prop_assert_eq!(differs(&text), None);
        }
    }
}
