//! Days as numbers, and dates in texts.

/// Days since 1 January 1970 of a date of the Gregorian calendar (Hinnant, "chrono-compatible
/// low-level date algorithms", 2013).
pub fn day_number(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (i64::from(month) + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day: year, month, day.
pub fn day_of(number: i64) -> (i64, u32, u32) {
    let number = number + 719_468;
    let era = number.div_euclid(146_097);
    let of_era = number.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    } as u32;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A part of a date: where it stands, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub start: usize,
    pub end: usize,
    pub value: u32,
    /// Whether it is the name of a month.
    pub named: bool,
}

/// The year, the month and the day of a text, as far as they are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields {
    pub year: Option<Field>,
    pub month: Option<Field>,
    pub day: Option<Field>,
}

impl Fields {
    /// Reads a text that was found as a date.
    pub fn read(chars: &[char]) -> Self {
        let fields = split(chars);
        let named = fields.iter().position(|field| field.named);
        let numbers: Vec<Field> = fields
            .iter()
            .filter(|field| !field.named)
            .copied()
            .collect();
        let width = |field: &Field| field.end - field.start;
        let year_at = numbers.iter().take(3).position(|field| width(field) == 4);
        if let [one, ..] = numbers.as_slice()
            && width(one) == 8
        {
            let part = |from: usize, to: usize| field(chars, one.start + from, one.start + to);
            return Self {
                year: Some(part(0, 4)),
                month: Some(part(4, 6)),
                day: Some(part(6, 8)),
            };
        }
        if let Some(named) = named {
            let day = numbers
                .iter()
                .find(|field| width(field) <= 2 && field.value <= 31)
                .copied();
            return Self {
                year: year_at.map(|at| numbers[at]),
                month: Some(fields[named]),
                day,
            };
        }
        match (year_at, numbers.as_slice()) {
            (Some(0), [year, rest @ ..]) => {
                let has = |at: usize| rest.get(at).filter(|field| width(field) <= 2).copied();
                let date = !matches!(chars.get(year.end), Some(':'));
                Self {
                    year: Some(*year),
                    month: has(0).filter(|_| date),
                    day: has(1).filter(|_| date),
                }
            }
            (Some(2), [a, b, year, ..]) => {
                let slashes = chars.get(a.end) == Some(&'/');
                let day_first = a.value > 12 || !slashes && b.value <= 12;
                let (day, month) = if day_first { (a, b) } else { (b, a) };
                Self {
                    year: Some(*year),
                    month: Some(*month),
                    day: Some(*day),
                }
            }
            (Some(at), _) => Self {
                year: Some(numbers[at]),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// The date, where all of it is there and it is a day of the calendar.
    pub fn date(&self) -> Option<(i64, u32, u32)> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        crate::rules::is_day(year.value, month.value, day.value).then_some((
            i64::from(year.value),
            month.value,
            day.value,
        ))
    }
}

fn field(chars: &[char], start: usize, end: usize) -> Field {
    let value = chars[start..end]
        .iter()
        .filter_map(|c| c.to_digit(10))
        .fold(0, |n, d| n * 10 + d);
    Field {
        start,
        end,
        value,
        named: false,
    }
}

/// The numbers and names of months of a text, in order.
fn split(chars: &[char]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = 0;
    while at < chars.len() && fields.len() < 8 {
        let alike = |is: fn(&char) -> bool| chars[at..].iter().take_while(|c| is(c)).count();
        if chars[at].is_ascii_digit() {
            let end = at + alike(char::is_ascii_digit);
            fields.push(field(chars, at, end.min(at + 9)));
            at = end;
        } else if chars[at].is_ascii_alphabetic() {
            let end = at + alike(char::is_ascii_alphabetic);
            let word: String = chars[at..end]
                .iter()
                .map(char::to_ascii_lowercase)
                .collect();
            let known = |name: &&str| *name == word || word.len() == 3 && name[..3] == word;
            if let Some(month) = MONTHS.iter().position(known) {
                fields.push(Field {
                    start: at,
                    end,
                    value: month as u32 + 1,
                    named: true,
                });
            }
            at = end;
        } else {
            at += 1;
        }
    }
    fields
}

/// The same text with another date, each part as wide as before where it was filled up with zeros.
pub fn rewrite(chars: &[char], fields: &Fields, (year, month, day): (i64, u32, u32)) -> String {
    let mut parts: Vec<(Field, String)> = Vec::new();
    let mut add = |field: Option<Field>, text: &dyn Fn(&Field) -> String| {
        if let Some(field) = field {
            parts.push((field, text(&field)));
        }
    };
    let number = |field: &Field, value: i64| {
        let padded = chars[field.start] == '0' || field.end - field.start == 2;
        let width = if padded { field.end - field.start } else { 1 };
        format!("{value:0width$}")
    };
    add(fields.year, &|field| number(field, year));
    add(fields.day, &|field| number(field, i64::from(day)));
    add(fields.month, &|field| {
        if !field.named {
            return number(field, i64::from(month));
        }
        let name = MONTHS[(month as usize + 11) % 12];
        let short = field.end - field.start == 3 && field.value != 5;
        let name = if short { &name[..3] } else { name };
        let capital = chars[field.start].is_ascii_uppercase();
        let mut letters = name.chars();
        let first = letters
            .next()
            .map(|c| if capital { c.to_ascii_uppercase() } else { c });
        first.into_iter().chain(letters).collect()
    });
    parts.sort_by_key(|(field, _)| field.start);
    let mut text = String::with_capacity(chars.len());
    let mut at = 0;
    for (field, new) in parts {
        text.extend(&chars[at..field.start]);
        text.push_str(&new);
        at = field.end;
    }
    text.extend(&chars[at..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_numbered_and_come_back() {
        assert_eq!(day_number(1970, 1, 1), 0);
        assert_eq!(day_number(1900, 1, 1), -25_567);
        assert_eq!(
            day_number(2099, 12, 31) - day_number(1900, 1, 1) + 1,
            73_049
        );
        for number in (-30_000..50_000).step_by(13) {
            let (year, month, day) = day_of(number);
            assert_eq!(day_number(year, month, day), number);
            assert!(crate::rules::is_day(year as u32, month, day));
        }
    }

    #[test]
    fn dates_are_read_and_rewritten_in_their_format() {
        for (text, date, new) in [
            ("2024-03-05", (2024, 3, 5), "1999-12-31"),
            ("3/5/2024", (2024, 3, 5), "12/31/1999"),
            ("25.3.2024", (2024, 3, 25), "31.12.1999"),
            ("05-May-2021", (2021, 5, 5), "31-December-1999"),
            ("Mar 5, 2021", (2021, 3, 5), "Dec 31, 1999"),
            (
                "2021年4月20日上午9点",
                (2021, 4, 20),
                "1999年12月31日上午9点",
            ),
            ("20240307", (2024, 3, 7), "19991231"),
            ("2024-03-15T14:30Z", (2024, 3, 15), "1999-12-31T14:30Z"),
        ] {
            let chars: Vec<char> = text.chars().collect();
            let fields = Fields::read(&chars);
            assert_eq!(fields.date(), Some(date), "{text}");
            assert_eq!(rewrite(&chars, &fields, (1999, 12, 31)), new, "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_date_is_read_as_far_as_it_goes() {
        let date = |text: &str| Fields::read(&text.chars().collect::<Vec<_>>()).date();
        for text in [
            "",
            "1984",
            "10:30",
            "2021年",
            "May 2021",
            "2021-13-45",
            "下周一",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
