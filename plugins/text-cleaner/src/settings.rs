//! The configuration of the plugin, read once per call into values that cannot be wrong.

use crate::rules::html::HtmlBreak;
use crate::rules::{Rule, RuleSet};

/// Characters that `nfkc` and `width` leave as they are, unless the configuration says otherwise.
///
/// Chinese punctuation, for which NFKC would write that of ASCII; and accents that stand alone, for which it would
/// write a space and a combining mark (`don´t` would become two words).
pub const DEFAULT_KEEP: &str = "，！？：；（）～…¨¯´¸˘˙˚˛˜˝";

/// When two texts count as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// When they differ in case, white space and punctuation only.
    Normalised,
    /// When they are equal after cleaning.
    Exact,
}

/// How texts are cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The rules that run.
    pub rules: RuleSet,
    /// See [`DEFAULT_KEEP`]; sorted.
    pub keep: Vec<char>,
    /// What `html` writes where blocks were.
    pub html_break: HtmlBreak,
    /// How many blank lines in a row `whitespace` leaves.
    pub max_blank_lines: usize,
    /// How many of the same character in a row `repeated` leaves.
    pub max_repeat: usize,
    /// Shorter texts are dropped.
    pub min_chars: usize,
    /// Longer texts are dropped.
    pub max_chars: Option<usize>,
    /// Whether texts are dropped of which nothing is left.
    pub drop_empty: bool,
    /// When two texts have the same signature.
    pub sameness: Sameness,
    /// Whether texts are dropped that have the signature of an earlier one of the batch.
    pub drop_duplicates: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Rule::ALL
                .iter()
                .fold(RuleSet::NONE, |set, &rule| set.with(RuleSet::of(rule))),
            keep: sorted(DEFAULT_KEEP),
            html_break: HtmlBreak::Newline,
            max_blank_lines: 1,
            max_repeat: 4,
            min_chars: 0,
            max_chars: None,
            drop_empty: true,
            sameness: Sameness::Normalised,
            drop_duplicates: true,
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The value of a key is not of its kind.
    #[error("`{key} = {value}`: {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What was set, cut to a length that fits a message.
        value: String,
        /// What can be set.
        expected: String,
    },
    /// No text can satisfy both limits.
    #[error("`min_chars = {min}` is more than `max_chars = {max}`: every text would be dropped")]
    Limits {
        /// `min_chars`
        min: usize,
        /// `max_chars`
        max: usize,
    },
}

impl Settings {
    /// Reads the settings; `get` answers the value of a key, or none where its default is meant.
    ///
    /// # Errors
    /// The first [`SettingsError`], or that of `get`.
    pub fn read<E: From<SettingsError>>(
        mut get: impl FnMut(&'static str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let mut settings = Self::default();
        for rule in Rule::ALL {
            if !choose(get(key(rule))?, key(rule), &SWITCH, true)? {
                settings.rules = settings.rules.without(RuleSet::of(rule));
            }
        }
        if let Some(keep) = get("keep")? {
            settings.keep = sorted(&keep);
        }
        settings.html_break = choose(
            get("html_break")?,
            "html_break",
            &HTML_BREAK,
            settings.html_break,
        )?;
        settings.max_blank_lines = number(
            get("max_blank_lines")?,
            "max_blank_lines",
            0,
            10,
            settings.max_blank_lines,
        )?;
        settings.max_repeat = number(
            get("max_repeat")?,
            "max_repeat",
            2,
            1_000,
            settings.max_repeat,
        )?;
        settings.min_chars = number(
            get("min_chars")?,
            "min_chars",
            0,
            MOST_CHARS,
            settings.min_chars,
        )?;
        let max = number(get("max_chars")?, "max_chars", 0, MOST_CHARS, 0)?;
        settings.max_chars = (max > 0).then_some(max);
        settings.drop_empty = choose(get("empty")?, "empty", &SWITCH, settings.drop_empty)?;
        let duplicates = choose(
            get("duplicates")?,
            "duplicates",
            &DUPLICATES,
            Some(settings.sameness),
        )?;
        settings.drop_duplicates = duplicates.is_some();
        settings.sameness = duplicates.unwrap_or(settings.sameness);
        match settings.max_chars {
            Some(max) if max < settings.min_chars => Err(SettingsError::Limits {
                min: settings.min_chars,
                max,
            }
            .into()),
            _ => Ok(settings),
        }
    }

    /// Whether `nfkc` and `width` leave the character as it is.
    pub fn keeps(&self, c: char) -> bool {
        !c.is_ascii() && self.keep.binary_search(&c).is_ok()
    }
}

/// The key that switches a rule: its name, in the letters that keys may have.
fn key(rule: Rule) -> &'static str {
    match rule {
        Rule::ZeroWidth => "zero_width",
        _ => rule.name(),
    }
}

const MOST_CHARS: usize = 100_000_000;
const SWITCH: [(&str, bool); 2] = [("true", true), ("false", false)];
const HTML_BREAK: [(&str, HtmlBreak); 3] = [
    ("newline", HtmlBreak::Newline),
    ("space", HtmlBreak::Space),
    ("nothing", HtmlBreak::Nothing),
];
const DUPLICATES: [(&str, Option<Sameness>); 3] = [
    ("normalised", Some(Sameness::Normalised)),
    ("exact", Some(Sameness::Exact)),
    ("keep", None),
];

fn sorted(characters: &str) -> Vec<char> {
    let mut characters: Vec<char> = characters.chars().filter(|c| !c.is_ascii()).collect();
    characters.sort_unstable();
    characters.dedup();
    characters
}

fn choose<T: Copy>(
    value: Option<String>,
    key: &'static str,
    choices: &[(&str, T)],
    otherwise: T,
) -> Result<T, SettingsError> {
    let Some(value) = value else {
        return Ok(otherwise);
    };
    match choices.iter().find(|(name, _)| *name == value.trim()) {
        Some(&(_, choice)) => Ok(choice),
        None => {
            let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
            Err(wrong(
                key,
                &value,
                format!("it is one of {}", names.join(", ")),
            ))
        }
    }
}

fn number(
    value: Option<String>,
    key: &'static str,
    least: usize,
    most: usize,
    otherwise: usize,
) -> Result<usize, SettingsError> {
    let Some(value) = value else {
        return Ok(otherwise);
    };
    match value.trim().parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(wrong(
            key,
            &value,
            format!("it is a whole number from {least} to {most}"),
        )),
    }
}

fn wrong(key: &'static str, value: &str, expected: String) -> SettingsError {
    SettingsError::Value {
        key,
        value: value.chars().take(80).collect(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|key| {
            Ok::<_, SettingsError>(
                pairs
                    .iter()
                    .find(|(name, _)| *name == key)
                    .map(|(_, value)| (*value).to_owned()),
            )
        })
    }

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(read(&[]), Ok(Settings::default()));
    }

    #[test]
    fn every_key_is_read() {
        let settings = read(&[
            ("zero_width", "false"),
            ("html", " false "),
            ("keep", "，a，"),
            ("html_break", "space"),
            ("max_blank_lines", "0"),
            ("max_repeat", "2"),
            ("min_chars", "5"),
            ("max_chars", "9"),
            ("empty", "false"),
            ("duplicates", "exact"),
        ])
        .unwrap();
        assert!(!settings.rules.has(Rule::ZeroWidth) && !settings.rules.has(Rule::Html));
        assert!(settings.rules.has(Rule::Nfkc));
        assert_eq!(settings.keep, ['，']);
        assert_eq!(settings.html_break, HtmlBreak::Space);
        assert_eq!((settings.max_blank_lines, settings.max_repeat), (0, 2));
        assert_eq!((settings.min_chars, settings.max_chars), (5, Some(9)));
        assert!(!settings.drop_empty && settings.drop_duplicates);
        assert_eq!(settings.sameness, Sameness::Exact);
        assert!(!read(&[("duplicates", "keep")]).unwrap().drop_duplicates);
    }

    #[test]
    fn errors_name_the_key_and_what_would_be_right() {
        let message = |pairs| read(pairs).unwrap_err().to_string();
        assert_eq!(
            message(&[("nfkc", "yes")]),
            "`nfkc = yes`: it is one of true, false"
        );
        assert_eq!(
            message(&[("max_repeat", "1")]),
            "`max_repeat = 1`: it is a whole number from 2 to 1000"
        );
        assert_eq!(
            message(&[("min_chars", "-3")]),
            "`min_chars = -3`: it is a whole number from 0 to 100000000"
        );
        assert_eq!(
            message(&[("duplicates", "")]),
            "`duplicates = `: it is one of normalised, exact, keep"
        );
        assert_eq!(
            message(&[("min_chars", "5"), ("max_chars", "4")]),
            "`min_chars = 5` is more than `max_chars = 4`: every text would be dropped"
        );
        assert!(message(&[("html_break", &"x".repeat(9_000))]).len() < 200);
    }
}
