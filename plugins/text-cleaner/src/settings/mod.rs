//! The configuration of the plugin, read once per call into values that cannot be wrong.

mod quality;
mod read;

use crate::chinese::Conversion;
use crate::quality::Quality;
use crate::rules::emoji::EmojiPolicy;
use crate::rules::html::HtmlBreak;
use crate::rules::punctuation::Punctuation;
use crate::rules::{Rule, RuleSet};
use read::{SWITCH, choose, list, number, short, sorted, wrong};

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
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The rules that run.
    pub rules: RuleSet,
    /// See [`DEFAULT_KEEP`]; sorted.
    pub keep: Vec<char>,
    /// What `html` writes where blocks were.
    pub html_break: HtmlBreak,
    /// What `html` writes where an item of a list begins.
    pub html_bullet: String,
    /// How many blank lines in a row `whitespace` leaves.
    pub max_blank_lines: usize,
    /// How many of the same character in a row `repeated` leaves.
    pub max_repeat: usize,
    /// What `links` writes.
    pub link_mask: String,
    /// What `emails` writes.
    pub email_mask: String,
    /// What `ips` writes.
    pub ip_mask: String,
    /// What `emoji` does.
    pub emoji: EmojiPolicy,
    /// The characters that `symbols` removes; sorted.
    pub remove: Vec<char>,
    /// The least and the most code points of words that `long-words` leaves.
    pub word_chars: (usize, usize),
    /// Shorter sentences are never repeated ones.
    pub min_sentence_chars: usize,
    /// When two sentences are the same.
    pub sentence_sameness: Sameness,
    /// What `chinese` converts.
    pub chinese: Conversion,
    /// The form that `punctuation` writes.
    pub punctuation: Punctuation,
    /// The rules that judge texts.
    pub quality: Quality,
    /// Whether fingerprints have MinHash values.
    pub minhash: bool,
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
            rules: RuleSet::SETTLING,
            keep: sorted(DEFAULT_KEEP),
            html_break: HtmlBreak::Newline,
            html_bullet: String::new(),
            max_blank_lines: 1,
            max_repeat: 4,
            link_mask: String::new(),
            email_mask: String::new(),
            ip_mask: String::new(),
            emoji: EmojiPolicy::Remove,
            remove: Vec::new(),
            word_chars: (0, usize::MAX),
            min_sentence_chars: 2,
            sentence_sameness: Sameness::Normalised,
            chinese: Conversion::T2s,
            punctuation: Punctuation::Chinese,
            quality: Quality::default(),
            minhash: false,
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
        let settling = Rule::ALL
            .into_iter()
            .filter(|&rule| RuleSet::SETTLING.has(rule));
        for rule in settling {
            if !choose(get(key(rule))?, key(rule), &SWITCH, true)? {
                settings.rules = settings.rules.without(RuleSet::of(rule));
            }
        }
        settings.read_more(&mut get)?;
        settings.quality = quality::read(&mut get)?;
        settings.minhash = choose(get("minhash")?, "minhash", &SWITCH, false)?;
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

    /// Reads the rules that run once. Keys that only they need are asked for only where they are on.
    fn read_more<E: From<SettingsError>>(
        &mut self,
        get: &mut impl FnMut(&'static str) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        let mut on = |rule| self.rules = self.rules.with(RuleSet::of(rule));
        let also = get("also")?.unwrap_or_default();
        for name in list(&also) {
            match ALSO.into_iter().find(|rule| rule.name() == name) {
                Some(rule) => on(rule),
                None => {
                    let names = ALSO.map(Rule::name).join(", ");
                    return Err(wrong("also", name, format!("it is a list of {names}")).into());
                }
            }
        }
        for (rule, key) in [
            (Rule::Links, "links"),
            (Rule::Emails, "emails"),
            (Rule::Ips, "ips"),
        ] {
            let mask = match choose(get(key)?, key, &TREATMENT, Treatment::Keep)? {
                Treatment::Keep => continue,
                Treatment::Remove => String::new(),
                Treatment::Mask => match rule {
                    Rule::Links => short(get("link_mask")?, "link_mask", "[link]")?,
                    Rule::Emails => short(get("email_mask")?, "email_mask", "[email]")?,
                    _ => short(get("ip_mask")?, "ip_mask", "[ip]")?,
                },
            };
            on(rule);
            match rule {
                Rule::Links => self.link_mask = mask,
                Rule::Emails => self.email_mask = mask,
                _ => self.ip_mask = mask,
            }
        }
        if let Some(policy) = choose(get("emoji")?, "emoji", &EMOJI, None)? {
            on(Rule::Emoji);
            self.emoji = policy;
        }
        self.remove = sorted(&get("remove_chars")?.unwrap_or_default());
        if !self.remove.is_empty() {
            on(Rule::Symbols);
        }
        let least = number(get("min_word_chars")?, "min_word_chars", 0, MOST_CHARS, 0)?;
        let most = number(get("max_word_chars")?, "max_word_chars", 0, MOST_CHARS, 0)?;
        if least > 0 || most > 0 {
            on(Rule::LongWords);
            self.word_chars = (least, if most > 0 { most } else { usize::MAX });
        }
        if self.rules.has(Rule::RepeatedSentences) {
            let least = number(
                get("min_sentence_chars")?,
                "min_sentence_chars",
                1,
                1_000,
                2,
            )?;
            self.min_sentence_chars = least;
            let sameness = choose(
                get("sentences")?,
                "sentences",
                &SENTENCES,
                Sameness::Normalised,
            )?;
            self.sentence_sameness = sameness;
        }
        let mut on = |rule| self.rules = self.rules.with(RuleSet::of(rule));
        if let Some(conversion) = conversion(get("chinese")?)? {
            on(Rule::Chinese);
            self.chinese = conversion;
        }
        if let Some(form) = choose(get("punctuation")?, "punctuation", &PUNCTUATION, None)? {
            on(Rule::Punctuation);
            self.punctuation = form;
        }
        self.html_bullet = short(get("html_bullet")?, "html_bullet", "")?;
        if self.html_bullet.contains(['<', '&']) {
            return Err(wrong(
                "html_bullet",
                &self.html_bullet,
                "it has neither `<` nor `&`".into(),
            )
            .into());
        }
        Ok(())
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

/// What becomes of addresses.
#[derive(Debug, Clone, Copy)]
enum Treatment {
    Keep,
    Remove,
    Mask,
}

/// The rules that the key `also` switches on.
const ALSO: [Rule; 8] = [
    Rule::Mojibake,
    Rule::Copyright,
    Rule::MailHeaders,
    Rule::MailQuotes,
    Rule::Signatures,
    Rule::Markdown,
    Rule::C4Lines,
    Rule::RepeatedSentences,
];
const TREATMENT: [(&str, Treatment); 3] = [
    ("keep", Treatment::Keep),
    ("remove", Treatment::Remove),
    ("mask", Treatment::Mask),
];
const EMOJI: [(&str, Option<EmojiPolicy>); 4] = [
    ("keep", None),
    ("remove", Some(EmojiPolicy::Remove)),
    ("name", Some(EmojiPolicy::English)),
    ("name-zh", Some(EmojiPolicy::Chinese)),
];
const PUNCTUATION: [(&str, Option<Punctuation>); 3] = [
    ("keep", None),
    ("chinese", Some(Punctuation::Chinese)),
    ("english", Some(Punctuation::English)),
];
const SENTENCES: [(&str, Sameness); 2] = [
    ("normalised", Sameness::Normalised),
    ("exact", Sameness::Exact),
];
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

fn conversion(value: Option<String>) -> Result<Option<Conversion>, SettingsError> {
    let name = value.unwrap_or_default();
    let name = name.trim();
    if matches!(name, "" | "keep") {
        return Ok(None);
    }
    match Conversion::ALL
        .into_iter()
        .find(|&(known, _)| known == name)
    {
        Some((_, conversion)) => Ok(Some(conversion)),
        None => {
            let names = Conversion::ALL.map(|(name, _)| name).join(", ");
            Err(wrong(
                "chinese",
                name,
                format!("it is one of keep, {names}"),
            ))
        }
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
    fn rules_that_run_once_are_read() {
        let settings = read(&[
            ("also", "markdown, signatures\nrepeated-sentences"),
            ("links", "mask"),
            ("emails", "remove"),
            ("ips", "mask"),
            ("ip_mask", "<IP>"),
            ("emoji", "name-zh"),
            ("remove_chars", "■◆"),
            ("max_word_chars", "40"),
            ("min_sentence_chars", "9"),
            ("sentences", "exact"),
            ("chinese", "s2twp"),
            ("punctuation", "english"),
            ("html_bullet", "- "),
            ("minhash", "true"),
        ])
        .unwrap();
        let on = [
            Rule::Markdown,
            Rule::Signatures,
            Rule::RepeatedSentences,
            Rule::Links,
            Rule::Emails,
            Rule::Ips,
            Rule::Emoji,
            Rule::Symbols,
            Rule::LongWords,
            Rule::Chinese,
            Rule::Punctuation,
        ];
        assert!(on.into_iter().all(|rule| settings.rules.has(rule)));
        assert!(!settings.rules.has(Rule::MailQuotes));
        let masks = (
            settings.link_mask.as_str(),
            settings.email_mask.as_str(),
            settings.ip_mask.as_str(),
        );
        assert_eq!(masks, ("[link]", "", "<IP>"));
        assert_eq!(
            (settings.emoji, settings.chinese),
            (EmojiPolicy::Chinese, Conversion::S2twp)
        );
        assert_eq!(
            (settings.word_chars, settings.min_sentence_chars),
            ((0, 40), 9)
        );
        assert_eq!(settings.sentence_sameness, Sameness::Exact);
        assert_eq!(
            (
                settings.remove.len(),
                settings.html_bullet.as_str(),
                settings.minhash
            ),
            (2, "- ", true)
        );
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
        assert!(
            message(&[("also", "html")]).starts_with("`also = html`: it is a list of mojibake, ")
        );
        assert!(
            message(&[("chinese", "t2x")]).starts_with("`chinese = t2x`: it is one of keep, s2t, ")
        );
        assert!(message(&[("html_bullet", "<li>")]).ends_with("it has neither `<` nor `&`"));
        assert!(message(&[("html_break", &"x".repeat(9_000))]).len() < 200);
    }
}
