//! `empty`, `too-short`, `too-long`: texts that are dropped for their length, counted in code points after cleaning.

use crate::settings::Settings;

/// Why a text is dropped: the name of the rule and what decided.
pub type Reason = (&'static str, String);

/// The first limit that the text breaks, if any. `before` is the text as it came.
pub fn check(text: &str, before: &str, settings: &Settings) -> Option<Reason> {
    if text.is_empty() && settings.drop_empty {
        let detail = match before.chars().count() {
            0 => "no text".to_owned(),
            1 => "nothing left of 1 character".to_owned(),
            n => format!("nothing left of {n} characters"),
        };
        return Some(("empty", detail));
    }
    // A character has 1 to 4 bytes: most texts are far from either limit and need not be counted.
    let bytes = text.len();
    let surely_long_enough = bytes / 4 >= settings.min_chars;
    let surely_short_enough = settings.max_chars.is_none_or(|most| bytes <= most);
    if surely_long_enough && surely_short_enough {
        return None;
    }
    let count = text.chars().count();
    if count < settings.min_chars {
        return Some((
            "too-short",
            format!("{count} < {} characters", settings.min_chars),
        ));
    }
    match settings.max_chars {
        Some(most) if count > most => Some(("too-long", format!("{count} > {most} characters"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(min_chars: usize, max_chars: Option<usize>) -> Settings {
        Settings {
            min_chars,
            max_chars,
            ..Settings::default()
        }
    }

    #[test]
    fn lengths_are_code_points() {
        assert_eq!(
            check("你好", "你好", &limits(3, None)),
            Some(("too-short", "2 < 3 characters".into()))
        );
        assert_eq!(check("你好👋", "你好👋", &limits(3, Some(3))), None);
        assert_eq!(
            check("你好👋!", "", &limits(0, Some(3))),
            Some(("too-long", "4 > 3 characters".into()))
        );
    }

    #[test]
    fn empty_says_what_was_there() {
        assert_eq!(
            check("", "  ", &limits(1, None)),
            Some(("empty", "nothing left of 2 characters".into()))
        );
        assert_eq!(
            check("", "", &limits(1, None)),
            Some(("empty", "no text".into()))
        );
        let keep = Settings {
            drop_empty: false,
            ..Settings::default()
        };
        assert_eq!(check("", " ", &keep), None);
        let keep = Settings {
            drop_empty: false,
            min_chars: 1,
            ..Settings::default()
        };
        assert_eq!(
            check("", " ", &keep),
            Some(("too-short", "0 < 1 characters".into()))
        );
    }
}
