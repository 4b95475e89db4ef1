//! Reasons in plain words, in English and Chinese, and what bounds a call.

use steward_sdk::team::{Error, Note};

/// The longest name, in characters.
pub const MAX_NAME: usize = 200;

/// A reason in both languages.
pub fn note(code: &str, en: impl Into<String>, zh: impl Into<String>) -> Note {
    Note {
        code: code.into(),
        en: en.into(),
        zh: zh.into(),
    }
}

/// Outside text, shortened for a message.
pub fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

/// A number for people: at most four decimal places.
pub fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

/// Whether something has a name: 1 to 200 characters on one line.
pub fn named(name: &str) -> bool {
    let fits = !name.trim().is_empty() && name.chars().take(MAX_NAME + 1).count() <= MAX_NAME;
    fits && !name.chars().any(char::is_control)
}

/// Refuses what is more than a call takes.
///
/// # Errors
/// `invalid-input`
pub fn at_most(what: &str, given: usize, most: usize) -> Result<(), Error> {
    if given > most {
        return Err(Error::InvalidInput(format!(
            "{given} {what} in one call; at most {most} are taken"
        )));
    }
    Ok(())
}
