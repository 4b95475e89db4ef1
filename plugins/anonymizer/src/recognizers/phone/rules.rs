//! What makes a group of digits a telephone number, and how sure that is.

use super::countries;
use super::shape::{Part, Separator};

/// How much a label before the number adds.
const LABEL: f32 = 0.1;

/// The score of a number: `announced` by a label; `whole` when no further groups follow, without
/// which the weaker rules would cut pieces out of longer numbers.
pub fn score(part: &Part<'_>, announced: bool, whole: bool) -> Option<f32> {
    let by_form = strong(part).or_else(|| if whole { by_writing(part) } else { None });
    if !announced {
        return by_form;
    }
    match by_form {
        Some(score) => Some((score + LABEL).min(0.95)),
        None => labelled(part).then_some(0.6),
    }
}

/// The score of a number that stands behind another one, where chance cuts pieces out of rows of
/// figures: only firm evidence counts.
pub fn score_behind_number(part: &Part<'_>) -> Option<f32> {
    strong(part).filter(|score| *score >= 0.65)
}

/// Rules that do not depend on what follows.
fn strong(part: &Part<'_>) -> Option<f32> {
    if part.plus {
        return international(part);
    }
    chinese_mobile(part)
        .or_else(|| chinese_landline(part))
        .or_else(|| chinese_service(part))
        .or_else(|| north_american(part))
        .or_else(|| exit_code(part))
}

/// Whether it is a Chinese mobile number in one piece.
pub fn is_plain_mobile(part: &Part<'_>) -> bool {
    !part.plus && part.is(&[11]) && is_mobile(part.digits)
}

/// `+` and a country code.
fn international(part: &Part<'_>) -> Option<f32> {
    // `+44 (0)20 …`: the zero in brackets is not dialled.
    let zero = part
        .groups
        .iter()
        .skip(1)
        .position(|g| g.bracketed && g.digits == 1);
    let digits: Vec<u8> = match zero {
        Some(i) => {
            let place: usize = part.groups[..=i].iter().map(|g| g.digits).sum();
            let kept = part
                .digits
                .iter()
                .enumerate()
                .filter(|(at, d)| *at != place || **d != 0);
            kept.map(|(_, d)| *d).collect()
        }
        None => part.digits.to_vec(),
    };
    let (code, national) = countries::split(&digits)?;
    match code {
        1 if national[0] < 2 => None,
        86 if is_mobile(national) => Some(0.95),
        86 if national[0] == 1 && national.len() == 11 => None,
        _ => Some(0.9),
    }
}

/// `00` and a country code.
fn exit_code(part: &Part<'_>) -> Option<f32> {
    let digits = part.digits.strip_prefix(&[0, 0])?;
    let (code, national) = countries::split(digits)?;
    match code {
        86 if is_mobile(national) => Some(0.9),
        // Without a break behind the code it is as likely a number filled up with zeros.
        _ if part.groups[0].digits > 5 => Some(0.4),
        1 if national[0] < 2 => None,
        _ => Some(0.6),
    }
}

fn is_mobile(digits: &[u8]) -> bool {
    matches!(digits, [1, 3..=9, ..]) && digits.len() == 11
}

fn chinese_mobile(part: &Part<'_>) -> Option<f32> {
    let digits = part.digits;
    if is_mobile(digits) {
        let usual: &[&[usize]] = &[&[3, 4, 4]];
        let rarer: &[&[usize]] = &[
            &[3, 8],
            &[7, 4],
            &[4, 7],
            &[3, 3, 5],
            &[4, 3, 4],
            &[3, 5, 3],
            &[4, 4, 3],
        ];
        return match () {
            () if part.is(&[11]) => Some(0.85),
            () if part.is_any(usual) => Some(0.9),
            () if part.is_any(rarer) => Some(0.75),
            () => None,
        };
    }
    match digits {
        [8, 6, rest @ ..] if is_mobile(rest) => part
            .is_any(&[&[13], &[2, 11], &[2, 3, 4, 4], &[5, 4, 4]])
            .then_some(0.85),
        // The trunk zero that landlines once needed before a mobile of another city.
        [0, rest @ ..] if is_mobile(rest) => part.is_any(&[&[12], &[4, 4, 4]]).then_some(0.6),
        _ => None,
    }
}

/// How long the area code is with which a Chinese landline number begins.
fn area_code(digits: &[u8]) -> Option<usize> {
    match digits {
        [0, 1, 0, ..] | [0, 2, ..] => Some(3),
        [0, 3..=9, ..] => Some(4),
        _ => None,
    }
}

fn chinese_landline(part: &Part<'_>) -> Option<f32> {
    let area = area_code(part.digits)?;
    if part.digits.get(area).is_none_or(|first| *first < 2) {
        return None;
    }
    let (code, rest) = part.groups.split_first()?;
    // One piece: only a label tells it from any other number.
    if rest.is_empty() {
        return matches!(part.digits.len() - area, 7 | 8).then_some(0.4);
    }
    let number = match rest {
        [g] => g.digits,
        [a, b] if matches!((a.digits, b.digits), (3 | 4, 4)) => a.digits + b.digits,
        // An extension.
        [g, extension]
            if extension.separator == Separator::Hyphen && (1..=6).contains(&extension.digits) =>
        {
            g.digits
        }
        _ => return None,
    };
    if code.digits != area || !matches!(number, 7 | 8) {
        return None;
    }
    Some(
        if rest[0].separator == Separator::Space && !code.bracketed {
            0.7
        } else {
            0.8
        },
    )
}

/// 400 and 800 numbers.
fn chinese_service(part: &Part<'_>) -> Option<f32> {
    let known = matches!(part.digits, [4 | 8, 0, 0, ..]) && part.digits.len() == 10;
    match part.groups.len() {
        1 if known => Some(0.4),
        _ if known && part.uniform(1) => part
            .is_any(&[&[3, 3, 4], &[3, 4, 3], &[4, 3, 3]])
            .then_some(0.7),
        _ => None,
    }
}

/// The North American plan: area and exchange begin with 2 to 9.
fn north_american(part: &Part<'_>) -> Option<f32> {
    let long = part.is(&[1, 3, 3, 4]) && part.digits[0] == 1;
    if !long && !part.is(&[3, 3, 4]) {
        return None;
    }
    let digits = &part.digits[usize::from(long)..];
    let groups = &part.groups[usize::from(long)..];
    if digits[0] < 2 || digits[3] < 2 || groups[2].bracketed {
        return None;
    }
    match groups[1].separator {
        _ if groups[0].bracketed => Some(0.75),
        Separator::Hyphen if groups[2].separator == Separator::Hyphen => Some(0.7),
        Separator::Dot if groups[2].separator == Separator::Dot => Some(0.65),
        // `252.227-7013` numbers a clause.
        Separator::Dot => Some(0.45),
        _ => Some(0.55),
    }
}

/// Formats of many countries, recognised by how they are written.
fn by_writing(part: &Part<'_>) -> Option<f32> {
    if part.groups.len() < 2 || is_date(part) {
        return None;
    }
    trunk_zero(part)
        .or_else(|| bracketed_area(part))
        .or_else(|| code_without_plus(part))
}

/// `0`, an area, a number: `07700 063 966`, `09-7625400`, `01.84.17.61.18`.
fn trunk_zero(part: &Part<'_>) -> Option<f32> {
    let (first, rest) = part.groups.split_first()?;
    let zero = matches!(part.digits, [0, 1..=9, ..]) && (9..=12).contains(&part.digits.len());
    let sizes = (2..=5).contains(&first.digits) && rest.iter().all(|g| g.digits >= 2);
    let pairs = part.is(&[2, 2, 2, 2, 2]) && part.uniform(1);
    let long = rest.iter().any(|g| g.digits >= 3) && part.uniform(2);
    let mixed = first.digits == 4 && part.uniform(1) && part.is(&[4, 2, 2, 2]);
    if !zero || !sizes || !(pairs || long || mixed) {
        return None;
    }
    match () {
        // A social security number of the United States.
        () if part.is(&[3, 2, 4]) => None,
        // As many identity numbers as telephone numbers look like this.
        () if part.is(&[3, 3, 3]) => Some(0.45),
        // And as many long postal codes of the United States.
        () if part.is(&[5, 4]) && first_hyphen(part) => Some(0.45),
        () => Some(0.6),
    }
}

/// Whether a hyphen stands between the first two groups.
fn first_hyphen(part: &Part<'_>) -> bool {
    part.groups
        .get(1)
        .is_some_and(|group| group.separator == Separator::Hyphen)
}

/// An area in brackets, then groups of three or four: `(64) 3591-3246`.
fn bracketed_area(part: &Part<'_>) -> Option<f32> {
    let (first, rest) = part.groups.split_first()?;
    let fits = first.bracketed
        && (2..=4).contains(&first.digits)
        && rest.iter().all(|g| matches!(g.digits, 3 | 4))
        && (8..=11).contains(&part.digits.len());
    fits.then_some(0.55)
}

/// A country code without its `+`: `91-415-555-0132`.
fn code_without_plus(part: &Part<'_>) -> Option<f32> {
    let hyphens = part.groups[1..]
        .iter()
        .all(|g| g.separator == Separator::Hyphen);
    let (_, national) = countries::split(part.digits)?;
    let fits = hyphens
        && part.groups.len() >= 3
        && part.groups[0].digits + national.len() == part.digits.len()
        && part.groups[1..].iter().all(|g| (2..=8).contains(&g.digits))
        && part.digits.len() >= 11;
    fits.then_some(0.5)
}

/// What a label makes a telephone number: anything of the right length that is no date.
fn labelled(part: &Part<'_>) -> bool {
    let sizes = part
        .groups
        .iter()
        .enumerate()
        .all(|(i, g)| g.digits >= 2 || i == 0);
    !part.plus && (7..=13).contains(&part.digits.len()) && sizes && !is_date(part)
}

/// `2024-01-02`, `02.01.2024`, `20240102`, whatever follows them.
fn is_date(part: &Part<'_>) -> bool {
    let lengths: Vec<usize> = part.groups.iter().take(3).map(|g| g.digits).collect();
    let century = |d: &[u8]| matches!(d, [1, 9, ..] | [2, 0, ..]);
    match lengths[..] {
        [4, 1 | 2, 1 | 2] => century(part.digits),
        [a @ (1 | 2), b @ (1 | 2), 4] => century(&part.digits[a + b..]),
        [8] => century(part.digits) && part.digits[4] <= 1 && part.digits[6] <= 3,
        _ => false,
    }
}
