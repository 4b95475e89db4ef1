//! The functions of expressions that are no definitions in jq's own language.
//!
//! They are those of jaq without what reaches out of the expression: no environment, no files, no further inputs, no
//! output to the terminal, no ending of the process, no local time zone. `now` is the time of the journal entry that is
//! being applied. Regular expressions run in linear time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jaq_core::box_iter::BoxIter;
use jaq_core::native::{bome, unary, v};
use jaq_core::{Cv, Error, Exn, Native, RunPtr, ValR, ValXs};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::{Timestamp, civil, tz};
use regex::{Regex, RegexBuilder};

use super::Language;
use super::meter::{allocate, now, spend};
use super::value::V;

type Fun = (&'static str, Box<[jaq_core::Bind]>, Native<Language>);

/// All of them.
pub(super) fn functions() -> Vec<Fun> {
    let kept = |f: &Fun| f.0 != "halt";
    let own: [(&'static str, usize, RunPtr<Language>); 46] = [
        ("length", 0, |cv| bome(cv.1.length())),
        ("contains", 1, |cv| unary(cv, |x, y| Ok(V::from(x.contains(&y))))),
        ("has", 1, |cv| unary(cv, |x, k| x.has(&k))),
        ("indices", 1, |cv| unary(cv, |x, y| x.indices(&y))),
        ("bsearch", 1, |cv| unary(cv, bsearch)),
        ("tojson", 0, |cv| bome(Ok(V::text(cv.1.to_text())))),
        ("fromjson", 0, |cv| bome(from_json(&cv.1))),
        ("now", 0, |_| bome(Ok(V::from(now())))),
        ("escape_html", 0, |cv| bome(escaped(&cv.1, html))),
        ("encode_uri", 0, |cv| bome(escaped(&cv.1, |s| crate::template::escaped(s, false)))),
        ("decode_uri", 0, |cv| bome(escaped(&cv.1, |s| percent_encoding::percent_decode_str(s).decode_utf8_lossy().into_owned()))),
        ("encode_base64", 0, |cv| bome(escaped(&cv.1, |s| STANDARD.encode(s)))),
        ("decode_base64", 0, |cv| bome(decoded(&cv.1))),
        ("matches", 2, |cv| bome(matches(cv, false, true))),
        ("split_matches", 2, |cv| bome(matches(cv, true, true))),
        ("split_", 2, |cv| bome(matches(cv, true, false))),
        ("fromdateiso8601", 0, |cv| bome(from_iso(&cv.1))),
        ("todateiso8601", 0, |cv| bome(timestamp(&cv.1).map(|t| V::text(t.to_string())))),
        ("strftime", 1, |cv| unary(cv, strftime)),
        ("strptime", 1, |cv| unary(cv, strptime)),
        ("gmtime", 0, |cv| bome(timestamp(&cv.1).map(|t| broken_down(t.to_zoned_datetime(tz::TimeZone::UTC).into())))),
        ("mktime", 0, |cv| bome(date_time(&cv.1).and_then(|d| seconds(d.to_zoned_datetime(tz::TimeZone::UTC).map_err(Error::str)?.timestamp())))),
        ("sqrt", 0, |cv| math(&cv, f64::sqrt)),
        ("cbrt", 0, |cv| math(&cv, f64::cbrt)),
        ("exp", 0, |cv| math(&cv, f64::exp)),
        ("exp2", 0, |cv| math(&cv, f64::exp2)),
        ("exp10", 0, |cv| math(&cv, |x| 10_f64.powf(x))),
        ("log", 0, |cv| math(&cv, f64::ln)),
        ("log2", 0, |cv| math(&cv, f64::log2)),
        ("log10", 0, |cv| math(&cv, f64::log10)),
        ("sin", 0, |cv| math(&cv, f64::sin)),
        ("cos", 0, |cv| math(&cv, f64::cos)),
        ("tan", 0, |cv| math(&cv, f64::tan)),
        ("asin", 0, |cv| math(&cv, f64::asin)),
        ("acos", 0, |cv| math(&cv, f64::acos)),
        ("atan", 0, |cv| math(&cv, f64::atan)),
        ("sinh", 0, |cv| math(&cv, f64::sinh)),
        ("cosh", 0, |cv| math(&cv, f64::cosh)),
        ("tanh", 0, |cv| math(&cv, f64::tanh)),
        ("fabs", 0, |cv| math(&cv, f64::abs)),
        ("trunc", 0, |cv| math(&cv, f64::trunc)),
        ("pow", 2, |cv| math2(cv, f64::powf)),
        ("atan2", 2, |cv| math2(cv, f64::atan2)),
        ("fmin", 2, |cv| math2(cv, f64::min)),
        ("fmax", 2, |cv| math2(cv, f64::max)),
        ("fmod", 2, |cv| math2(cv, |x, y| x % y)),
    ];
    let own = own.into_iter().map(|(name, arguments, f)| (name, v(arguments), Native::<Language>::new(f)));
    jaq_core::funs().chain(jaq_std::base_funs()).filter(kept).chain(own).collect()
}

fn math<'a>(cv: &Cv<'a, Language>, f: fn(f64) -> f64) -> ValXs<'a, V> {
    bome(cv.1.try_number().map(|x| V::from(f(x))))
}

fn math2<'a>(mut cv: Cv<'a, Language>, f: fn(f64, f64) -> f64) -> BoxIter<'a, Result<V, Exn<'a, V>>> {
    let (y, x) = (cv.0.pop_var(), cv.0.pop_var());
    bome(x.try_number().and_then(|x| Ok(V::from(f(x, y.try_number()?)))))
}

fn bsearch(array: V, value: V) -> ValR<V> {
    let found = array.items()?.binary_search(&value);
    let place = |i: usize| isize::try_from(i).unwrap_or(isize::MAX);
    Ok(V::from(found.map_or_else(|i| -1 - place(i), place)))
}

fn from_json(text: &V) -> ValR<V> {
    let text = text.try_str()?;
    // As serde_json keeps it, before it is counted as a value here.
    allocate(text.len().saturating_mul(4));
    let value: serde_json::Value = serde_json::from_str(text).map_err(Error::str)?;
    Ok(V::from_json(&value))
}

fn escaped(text: &V, f: impl Fn(&str) -> String) -> ValR<V> {
    let text = text.try_str()?;
    // Nothing here makes more than six characters of one.
    allocate(text.len().saturating_mul(6));
    Ok(V::text(f(text)))
}

fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\'' => escaped.push_str("&#39;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn decoded(text: &V) -> ValR<V> {
    let text = text.try_str()?;
    allocate(text.len());
    let bytes = STANDARD.decode(text).map_err(Error::str)?;
    Ok(V::text(String::from_utf8_lossy(&bytes).as_ref()))
}

/// The expression with jq's flags, and whether all matches are asked for, and empty ones not.
fn pattern(text: &str, flags: &str) -> Result<(Regex, bool, bool), Error<V>> {
    let mut builder = RegexBuilder::new(text);
    let (mut all, mut not_empty) = (false, false);
    for flag in flags.chars() {
        match flag {
            'g' => all = true,
            'n' => not_empty = true,
            'i' => drop(builder.case_insensitive(true)),
            'x' => drop(builder.ignore_whitespace(true)),
            's' => drop(builder.dot_matches_new_line(true)),
            'l' => drop(builder.swap_greed(true)),
            'p' => drop(builder.dot_matches_new_line(true).multi_line(true)),
            _ => return Err(Error::str(format!("`{flag}` is no flag of a regular expression"))),
        }
    }
    // Compiling is work that a step does not show.
    spend(2_000);
    builder.size_limit(1 << 20).dfa_size_limit(1 << 20);
    Ok((builder.build().map_err(Error::str)?, all, not_empty))
}

/// The matches of a regular expression, each an array of the whole and its groups, and the text between them.
fn matches(mut cv: Cv<'_, Language>, between: bool, matched: bool) -> ValR<V> {
    let (flags, re) = (cv.0.pop_var(), cv.0.pop_var());
    let text = cv.1.try_str()?;
    let (re, all, not_empty) = pattern(re.try_str()?, flags.try_str()?)?;
    spend(text.len() as u64 / 16);
    let mut out = Vec::new();
    let mut end = 0;
    // Offsets are code points, counted on from the last one.
    let (mut at_byte, mut at_char) = (0, 0);
    for captures in re.captures_iter(text) {
        spend(1 + captures.len() as u64);
        let Some(whole) = captures.get(0) else { continue };
        if not_empty && whole.is_empty() {
            continue;
        }
        if between {
            out.push(V::text(text.get(end..whole.start()).unwrap_or_default()));
            end = whole.end();
        }
        if matched {
            at_char += text.get(at_byte..whole.start()).unwrap_or_default().chars().count();
            at_byte = whole.start();
            let mut groups = Vec::new();
            for (group, name) in captures.iter().zip(re.capture_names()) {
                let group = group.map_or_else(
                    || [V::from(-1_isize), V::from(0_usize), V::Null],
                    |g| {
                        let offset = at_char + text.get(at_byte..g.start()).unwrap_or_default().chars().count();
                        [V::from(offset), V::from(g.as_str().chars().count()), V::text(g.as_str())]
                    },
                );
                let [offset, length, string] = group;
                groups.push(V::fields([
                    ("offset", offset),
                    ("length", length),
                    ("string", string),
                    ("name", name.map_or(V::Null, V::text)),
                ]));
            }
            out.push(V::array(groups));
        }
        if !all {
            break;
        }
    }
    if between {
        out.push(V::text(text.get(end..).unwrap_or_default()));
    }
    Ok(V::array(out))
}

fn timestamp(time: &V) -> Result<Timestamp, Error<V>> {
    // The cast saturates, and what is out of range is an error below.
    Timestamp::from_microsecond((time.try_number()? * 1e6).round() as i64).map_err(Error::str)
}

fn seconds(time: Timestamp) -> ValR<V> {
    Ok(if time.subsec_nanosecond() == 0 {
        V::Int(time.as_second())
    } else {
        V::from(time.as_microsecond() as f64 / 1e6)
    })
}

fn from_iso(text: &V) -> ValR<V> {
    seconds(text.try_str()?.parse().map_err(Error::str)?)
}

/// jq's "broken down time": year, month from 0, day, hour, minute, second, day of the week from Sunday, day of the year from 0.
fn broken_down(time: civil::DateTime) -> V {
    let second = match time.subsec_nanosecond() {
        0 => V::from(isize::from(time.second())),
        nanos => V::from(f64::from(time.second()) + f64::from(nanos) / 1e9),
    };
    let int = |n: i16| V::from(isize::from(n));
    [
        int(time.year()),
        int(i16::from(time.month()) - 1),
        int(i16::from(time.day())),
        int(i16::from(time.hour())),
        int(i16::from(time.minute())),
        second,
        int(i16::from(time.weekday().to_sunday_zero_offset())),
        int(time.day_of_year() - 1),
    ]
    .into_iter()
    .collect()
}

/// A "broken down time" as a time of the calendar.
fn date_time(value: &V) -> Result<civil::DateTime, Error<V>> {
    let none = || Error::str(format!("{value} is no broken down time"));
    let mut parts = [0.0; 6];
    for (part, item) in parts.iter_mut().zip(value.items()?.iter().take(6)) {
        *part = item.try_number()?;
    }
    let [year, month, day, hour, minute, second] = parts;
    let small = |x: f64| (x.fract() == 0.0 && (-128.0..128.0).contains(&x)).then_some(x as i8).ok_or_else(none);
    let year = (year.fract() == 0.0 && year.abs() < 10_000.0).then_some(year as i16).ok_or_else(none)?;
    civil::DateTime::new(
        year,
        small(month + 1.0)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second.trunc())?,
        (second.fract() * 1e9) as i32,
    )
    .map_err(Error::str)
}

fn strftime(time: V, format: V) -> ValR<V> {
    let zoned = match &time {
        V::Arr(_) => date_time(&time)?.to_zoned_datetime(tz::TimeZone::UTC).map_err(Error::str)?,
        _ => timestamp(&time)?.to_zoned_datetime(tz::TimeZone::UTC),
    };
    let format = format.try_str()?;
    // A directive of two characters may be padded to 255.
    allocate(format.len().saturating_mul(256));
    strtime::format(format, &zoned).map(V::text).map_err(Error::str)
}

fn strptime(text: V, format: V) -> ValR<V> {
    let mut time = BrokenDownTime::parse(format.try_str()?, text.try_str()?).map_err(Error::str)?;
    if (time.offset(), time.iana_time_zone()) == (None, None) {
        time.set_offset(Some(tz::Offset::UTC));
    }
    Ok(broken_down(time.to_zoned_datetime().map_err(Error::str)?.into()))
}
