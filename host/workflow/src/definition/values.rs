//! Small values: names, lengths of time, versions.

use jiff::SignedDuration;
use serde_json::Value;

use crate::expression::{Expr, inner};

use super::model::Length;

/// The longest length of time: a hundred years.
const MAX_LENGTH: SignedDuration = SignedDuration::from_hours(24 * 36_525);

/// The rule of Steward's names: 1 to 63 of `a-z`, `0-9` and single hyphens, a letter first.
pub(super) fn is_name(name: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && p.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(part)
}

/// What [`is_name`] asks for.
pub(super) const NAME_RULE: &str =
    "1 to 63 characters, a-z, 0-9 and single hyphens between them, starting with a letter";

/// Names of tasks, functions, secrets and so on within a definition: letters and digits of any script.
pub(super) fn is_label(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    name.chars().take(64).count() <= 63
        && !name.trim().is_empty()
        && name.trim() == name
        && name.chars().all(fits)
}

/// What [`is_label`] asks for.
pub(super) const LABEL_RULE: &str = "1 to 63 letters, digits, `_`, `-`, `.` and spaces within";

/// Names of variables, as jq has them.
pub(super) fn is_variable(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// SemVer 2.0.
pub(super) fn is_version(version: &str) -> bool {
    version.len() <= 128 && semver::Version::parse(version).is_ok()
}

/// Reads a length of time.
///
/// # Errors
/// Why it is none.
pub(super) fn length(value: &Value, scope: &[String]) -> Result<Length, String> {
    match value {
        Value::String(text) if inner(text).is_some() => {
            Ok(Length::Computed(Expr::compile(text, scope)?))
        }
        value => fixed_length(value).map(Length::Fixed),
    }
}

/// A length of time that is written down, or that an expression answered: an object, or ISO 8601.
pub(crate) fn fixed_length(value: &Value) -> Result<SignedDuration, String> {
    const UNITS: [(&str, i64); 5] = [
        ("days", 86_400_000),
        ("hours", 3_600_000),
        ("minutes", 60_000),
        ("seconds", 1_000),
        ("milliseconds", 1),
    ];
    let long = || "it is longer than a hundred years".to_owned();
    let length = match value {
        Value::String(text) => iso8601(text)?,
        Value::Object(map) if !map.is_empty() => {
            let mut sum: i64 = 0;
            for (key, value) in map {
                let Some((_, unit)) = UNITS.iter().find(|(name, _)| name == key) else {
                    let key = crate::problem::shown(key);
                    return Err(format!(
                        "`{key}` is no unit of time: days, hours, minutes, seconds, milliseconds are"
                    ));
                };
                let Some(number) = value.as_u64().and_then(|n| i64::try_from(n).ok()) else {
                    return Err(format!("`{key}` is a whole number from 0 on"));
                };
                sum = number
                    .checked_mul(*unit)
                    .and_then(|n| n.checked_add(sum))
                    .ok_or_else(long)?;
            }
            SignedDuration::from_millis(sum)
        }
        _ => {
            return Err("a length of time is an object as `{minutes: 5}`, an ISO 8601 duration as `PT5M`, or an expression".to_owned());
        }
    };
    (length <= MAX_LENGTH).then_some(length).ok_or_else(long)
}

/// An ISO 8601 duration whose length is fixed.
fn iso8601(text: &str) -> Result<SignedDuration, String> {
    let none = || {
        format!(
            "`{}` is no ISO 8601 duration, as `PT5M` or `P1DT12H` is one",
            crate::problem::shown(text)
        )
    };
    let rest = text
        .strip_prefix('P')
        .filter(|r| !r.is_empty())
        .ok_or_else(none)?;
    let (date, time) = rest
        .split_once('T')
        .map_or((rest, None), |(d, t)| (d, Some(t)));
    if time.is_some_and(str::is_empty) {
        return Err(none());
    }
    let mut millis = 0.0;
    let mut part = |mut text: &str, units: &[(char, f64)]| -> Result<(), String> {
        let mut units = units.iter();
        while !text.is_empty() {
            let end = text
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or_else(none)?;
            let (number, tail) = text.split_at(end);
            let sign = tail.chars().next().ok_or_else(none)?;
            let (_, unit) = units.find(|(s, _)| *s == sign).ok_or_else(none)?;
            let number: f64 = number.parse().map_err(|_| none())?;
            if unit.is_nan() {
                return Err(format!(
                    "`{}` has years or months, whose length differs: write days",
                    crate::problem::shown(text)
                ));
            }
            millis += number * unit;
            text = tail.get(sign.len_utf8()..).unwrap_or_default();
        }
        Ok(())
    };
    part(
        date,
        &[
            ('Y', f64::NAN),
            ('M', f64::NAN),
            ('W', 604_800_000.0),
            ('D', 86_400_000.0),
        ],
    )?;
    part(
        time.unwrap_or_default(),
        &[('H', 3_600_000.0), ('M', 60_000.0), ('S', 1_000.0)],
    )?;
    if !(0.0..=9e15).contains(&millis) {
        return Err("it is longer than a hundred years".to_owned());
    }
    Ok(SignedDuration::from_millis(millis.round() as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lengths_are_read_in_both_forms() {
        let read = |v: Value| fixed_length(&v).map(|d| d.as_millis());
        assert_eq!(
            read(json!({"days": 1, "seconds": 2, "milliseconds": 3})),
            Ok(86_402_003)
        );
        assert_eq!(read(json!("PT30S")), Ok(30_000));
        assert_eq!(read(json!("P1W2DT3H4M5.5S")), Ok(788_645_500));
        assert_eq!(read(json!("PT0S")), Ok(0));
        for refused in [
            json!({}),
            json!({"weeks": 1}),
            json!({"days": -1}),
            json!({"days": 1.5}),
            json!("30s"),
            json!("P"),
            json!("PT"),
            json!("P1H"),
            json!("PT5S3M"),
            json!(5),
            json!("P1000000D"),
            json!({"days": 9_000_000_000_000_000_000_u64}),
        ] {
            assert!(fixed_length(&refused).is_err(), "{refused}");
        }
        assert!(read(json!("P1M")).unwrap_err().contains("days"));
    }

    #[test]
    fn names_keep_their_rules() {
        for (name, fits) in [
            ("do", true),
            ("wait-8601", true),
            ("a--b", false),
            ("-a", false),
            ("A", false),
            ("", false),
            ("a_b", false),
        ] {
            assert_eq!(is_name(name), fits, "{name}");
        }
        for (name, fits) in [
            ("getPet", true),
            ("审批 1", true),
            ("a/b", false),
            ("a[1]", false),
            (" a", false),
            ("", false),
        ] {
            assert_eq!(is_label(name), fits, "{name}");
        }
        for (version, fits) in [
            ("1.0.0", true),
            ("1.0.0-rc.1+x", true),
            ("1.0", false),
            ("01.0.0", false),
            ("1.0.0-", false),
            ("1.0.0-01", false),
        ] {
            assert_eq!(is_version(version), fits, "{version}");
        }
    }
}
