//! The rules that judge, as the configuration has them.

use super::SettingsError;
use super::read::{SWITCH, choose, list, number, wrong};
use crate::characters::is_han;
use crate::quality::{Bounds, Edge, Group, Judge, Lists, Quality, RULES, is_code};

const ACTION: [(&str, bool); 2] = [("drop", false), ("tag", true)];
const LANGUAGE: [(&str, Option<bool>); 3] =
    [("auto", None), ("zh", Some(true)), ("en", Some(false))];

/// Most flagged or stop words that are read.
const MOST_WORDS: usize = 10_000;

/// Reads the keys; those that only some rule needs are asked for only where the rule is on.
pub fn read<E: From<SettingsError>>(
    get: &mut impl FnMut(&'static str) -> Result<Option<String>, E>,
) -> Result<Quality, E> {
    let mut quality = Quality::default();
    let names = get("quality")?.unwrap_or_default();
    quality.rules = rules(&names)?;
    if quality.rules.is_empty() {
        return Ok(quality);
    }
    quality.tag = choose(get("quality_action")?, "quality_action", &ACTION, false)?;
    quality.details = choose(get("quality_details")?, "quality_details", &SWITCH, false)?;
    bounds(&mut quality.rules, &get("bounds")?.unwrap_or_default())?;
    quality.lists.chinese = choose(get("words_of")?, "words_of", &LANGUAGE, None)?;
    let has = |name: &str| quality.rules.iter().any(|judge| judge.check.name == name);
    let lists = &mut quality.lists;
    if has("language") {
        lists.languages = languages(&get("languages")?.unwrap_or_default())?;
    }
    if has("flagged-words") {
        let flagged = get("flagged_words")?.unwrap_or_default();
        let (chinese, others): (Vec<&str>, Vec<&str>) = words("flagged_words", &flagged)?
            .into_iter()
            .partition(|word| word.contains(is_han));
        lists.flagged.words = Lists::hashes(others);
        lists.flagged.chinese = chinese.into_iter().map(str::to_owned).collect();
    }
    if has("stop-words") {
        let own = get("stop_words")?.unwrap_or_default();
        let own = words("stop_words", &own)?;
        lists.stop_words = (!own.is_empty()).then(|| Lists::hashes(own));
    }
    if has("character-repetition") {
        lists.repeated_chars = number(
            get("repeated_chars")?,
            "repeated_chars",
            1,
            1_000,
            lists.repeated_chars,
        )?;
    }
    if has("word-repetition") {
        lists.repeated_words = number(
            get("repeated_words")?,
            "repeated_words",
            1,
            1_000,
            lists.repeated_words,
        )?;
    }
    Ok(quality)
}

/// The rules that a list of rules and groups names.
fn rules(names: &str) -> Result<Vec<Judge>, SettingsError> {
    let mut on = vec![false; RULES.len()];
    for name in list(names) {
        let (name, switch) = match name.strip_prefix('-') {
            Some(name) => (name.trim(), false),
            None => (name, true),
        };
        let group = Group::ALL
            .into_iter()
            .find(|&(known, _)| known == name)
            .map(|(_, group)| group);
        let mut known = false;
        for (check, on) in RULES.iter().zip(&mut on) {
            if name == "all" || Some(check.group) == group || check.name == name {
                *on = switch;
                known = true;
            }
        }
        if !known {
            let names = Group::ALL.map(|(name, _)| name).join(", ");
            return Err(wrong(
                "quality",
                name,
                format!(
                    "it is a list of {names}, all, or names of rules, with `-` before those that are off"
                ),
            ));
        }
    }
    let chosen = RULES.iter().zip(on).filter(|&(_, on)| on);
    Ok(chosen
        .map(|(check, _)| Judge {
            check,
            bounds: check.bounds,
            chinese: check.chinese,
        })
        .collect())
}

/// Changes bounds: `words.min = 5, words.max = none`.
fn bounds(rules: &mut [Judge], changes: &str) -> Result<(), SettingsError> {
    for change in list(changes) {
        let expected = || {
            wrong(
                "bounds",
                change,
                "it is a list like `words.min = 5, words.max = none`, of rules that are on".into(),
            )
        };
        let (place, value) = change.split_once('=').ok_or_else(expected)?;
        let (name, end) = place.trim().rsplit_once('.').ok_or_else(expected)?;
        let edge = match value.trim() {
            "none" => None,
            number => {
                let value = number
                    .parse::<f64>()
                    .ok()
                    .filter(|value| value.is_finite())
                    .ok_or_else(expected)?;
                Some(Edge {
                    value,
                    included: true,
                })
            }
        };
        let judge = rules
            .iter_mut()
            .find(|judge| judge.check.name == name)
            .ok_or_else(expected)?;
        let set = |bounds: &mut Bounds| match end {
            "min" => bounds.least = edge,
            _ => bounds.most = edge,
        };
        if !matches!(end, "min" | "max") {
            return Err(expected());
        }
        set(&mut judge.bounds);
        set(&mut judge.chinese);
    }
    for judge in rules.iter() {
        for bounds in [judge.bounds, judge.chinese] {
            if let (Some(least), Some(most)) = (bounds.least, bounds.most)
                && least.value > most.value
            {
                let name = judge.check.name;
                let value = format!("{name}.min = {}, {name}.max = {}", least.value, most.value);
                return Err(wrong("bounds", &value, "no text has such a value".into()));
            }
        }
    }
    Ok(())
}

fn languages(value: &str) -> Result<Vec<String>, SettingsError> {
    list(value)
        .map(|code| {
            let known = is_code(code);
            known.then(|| code.to_owned()).ok_or_else(|| {
                wrong(
                    "languages",
                    code,
                    "it is a list of codes of ISO 639-1, such as `zh, en`".into(),
                )
            })
        })
        .collect()
}

fn words<'a>(key: &'static str, value: &'a str) -> Result<Vec<&'a str>, SettingsError> {
    let words: Vec<&str> = list(value).collect();
    if words.len() > MOST_WORDS {
        return Err(wrong(
            key,
            value,
            format!("it has at most {MOST_WORDS} words"),
        ));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(pairs: &[(&str, &str)]) -> Result<Quality, SettingsError> {
        read(&mut |key| {
            Ok(pairs
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn groups_and_rules_are_switched() {
        let names = |value| -> Vec<&str> {
            quality(&[("quality", value)])
                .unwrap()
                .rules
                .iter()
                .map(|judge| judge.check.name)
                .collect()
        };
        assert_eq!(names(""), Vec::<&str>::new());
        assert_eq!(
            names("c4, -c4-sentences, words"),
            ["c4-lorem-ipsum", "c4-curly-brackets", "words"]
        );
        assert_eq!(names("all").len(), RULES.len());
    }

    #[test]
    fn bounds_can_be_changed() {
        let quality = quality(&[
            ("quality", "words"),
            ("bounds", "words.min=3,words.max = none"),
        ])
        .unwrap();
        assert_eq!(quality.rules[0].bounds, Bounds::at_least(3.0));
        assert_eq!(quality.rules[0].chinese, Bounds::at_least(3.0));
    }

    #[test]
    fn lists_are_read_where_a_rule_needs_them() {
        let on = quality(&[
            ("quality", "flagged-words, language, stop-words"),
            ("flagged_words", "bad, 坏词\nWorse"),
            ("languages", "zh, en"),
            ("stop_words", "x y, z"),
            ("quality_action", "tag"),
            ("words_of", "zh"),
        ])
        .unwrap();
        assert_eq!(on.lists.flagged.words, Lists::hashes(["bad", "worse"]));
        assert_eq!(on.lists.flagged.chinese, ["坏词"]);
        assert_eq!(
            (on.lists.languages.len(), on.lists.chinese, on.tag),
            (2, Some(true), true)
        );
        assert_eq!(on.lists.stop_words.unwrap().len(), 2);
    }

    #[test]
    fn errors_name_what_would_be_right() {
        for pairs in [
            &[("quality", "gopher")][..],
            &[("quality", "words"), ("bounds", "words.min")],
            &[("quality", "words"), ("bounds", "words.least=3")],
            &[("quality", "words"), ("bounds", "text-length.min=3")],
            &[("quality", "words"), ("bounds", "words.min=NaN")],
            &[("quality", "words"), ("bounds", "words.min=9, words.max=3")],
            &[("quality", "language"), ("languages", "english")],
            &[("quality", "words"), ("quality_action", "remove")],
        ] {
            assert!(quality(pairs).is_err(), "{pairs:?}");
        }
    }
}
