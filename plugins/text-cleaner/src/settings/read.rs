//! Values of keys, read into what they mean.

use super::SettingsError;

/// A switch.
pub const SWITCH: [(&str, bool); 2] = [("true", true), ("false", false)];

/// The characters beyond ASCII, sorted.
pub fn sorted(characters: &str) -> Vec<char> {
    let mut characters: Vec<char> = characters.chars().filter(|c| !c.is_ascii()).collect();
    characters.sort_unstable();
    characters.dedup();
    characters
}

/// One of several words.
pub fn choose<T: Copy>(
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

/// A whole number within limits.
pub fn number(
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

/// What is wrong with a value, and what would be right.
pub fn wrong(key: &'static str, value: &str, expected: String) -> SettingsError {
    SettingsError::Value {
        key,
        value: value.chars().take(80).collect(),
        expected,
    }
}

/// The words of a list: separated by commas or line breaks, without the white space around.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split([',', '\n', '，', '、'])
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

/// A text that is written in place of another: short, on one line.
pub fn short(
    value: Option<String>,
    key: &'static str,
    otherwise: &str,
) -> Result<String, SettingsError> {
    const MOST: usize = 64;
    match value {
        None => Ok(otherwise.to_owned()),
        Some(value) if value.chars().count() <= MOST && !value.contains(char::is_control) => {
            Ok(value)
        }
        Some(value) => Err(wrong(
            key,
            &value,
            format!("it is a text of at most {MOST} characters on one line"),
        )),
    }
}
