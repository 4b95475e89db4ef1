//! Values as they are compared.

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization as _;

/// A text without what does not tell values apart: width and form (NFKC), case, and how much white space there is.
pub(super) fn normal(text: &str, ignore: &[String]) -> String {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let mut words = folded;
    for word in ignore {
        if !word.is_empty() {
            words = words.replace(word.as_str(), " ");
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number as it is written in tables: `1200`, `1,200.50`.
pub(super) fn number(text: &str) -> Option<f64> {
    let number: f64 = text.replace(',', "").parse().ok()?;
    number.is_finite().then_some(number)
}

/// A day, counted from some day: `2024-03-05`, `2024/3/5`, `20240305`, `2024年3月5日`, with or without a time after it.
pub(super) fn day(text: &str) -> Option<f64> {
    let digits = |c: char| c.is_ascii_digit();
    let mut parts: Vec<&str> = text
        .split(|c| !digits(c))
        .filter(|part| !part.is_empty())
        .collect();
    if let [all, ..] = parts[..]
        && all.len() == 8
    {
        parts = vec![&all[..4], &all[4..6], &all[6..]];
    }
    let [year, month, day, ..] = parts[..] else {
        return None;
    };
    if year.len() != 4 {
        return None;
    }
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    let days = date.duration_since(Date::constant(2000, 1, 1)).as_secs() / 86_400;
    Some(days as f64)
}

/// Pairs of neighbouring characters, sorted; of a single character, that one.
pub(super) fn bigrams(text: &str) -> Vec<(char, char)> {
    let characters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut pairs: Vec<(char, char)> = match characters[..] {
        [one] => vec![(one, '\0')],
        _ => characters
            .windows(2)
            .map(|pair| (pair[0], pair[1]))
            .collect(),
    };
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        let ignore = ["有限公司".to_owned(), "ltd".to_owned()];
        assert_eq!(normal(" 海棠　科技有限公司 ", &ignore), "海棠 科技");
        assert_eq!(normal("ＨＡＩＴＡＮＧ  Ltd", &ignore), "haitang");
        assert_eq!(number("1,200.50"), Some(1200.5));
        assert_eq!(
            (number("nan"), number("12 kg"), number("")),
            (None, None, None)
        );
        let first = day("2024-03-05");
        for same in [
            "2024/3/5",
            "20240305",
            "2024年3月5日",
            "2024-03-05T10:00:00Z",
        ] {
            assert_eq!(day(same), first, "{same}");
        }
        assert_eq!(day("2024-03-06").unwrap() - first.unwrap(), 1.0);
        for bad in [
            "",
            "5.3.2024",
            "2024-13-01",
            "2024-02-30",
            "yesterday",
            "99999999",
        ] {
            assert_eq!(day(bad), None, "{bad}");
        }
    }
}
