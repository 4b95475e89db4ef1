//! Values of Arrow as JSON, with every digit.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span};

use super::schema::{How, Plan};
use crate::Fault;
use crate::json::{has_lone_surrogate, write_text};

/// Why a value is not written.
enum Wrong {
    TooLong,
    Value(&'static str),
}

impl Plan {
    /// Writes a row, of at most `most` bytes.
    pub fn write_row(
        &self,
        batch: &RecordBatch,
        row: usize,
        out: &mut Vec<u8>,
        most: usize,
    ) -> Result<(), Fault> {
        out.push(b'{');
        for (index, (name, key, how)) in self.fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            write(how, batch.column(index).as_ref(), row, out, most).map_err(
                |wrong| match wrong {
                    Wrong::TooLong => Fault::TooLong(most),
                    Wrong::Value(reason) => Fault::BadValue {
                        column: name.chars().take(60).collect(),
                        reason,
                    },
                },
            )?;
        }
        out.push(b'}');
        match out.len() > most {
            true => Err(Fault::TooLong(most)),
            false => Ok(()),
        }
    }
}

fn write(
    how: &How,
    array: &dyn Array,
    row: usize,
    out: &mut Vec<u8>,
    most: usize,
) -> Result<(), Wrong> {
    if out.len() > most {
        return Err(Wrong::TooLong);
    }
    if array.is_null(row) || array.data_type() == &DataType::Null {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match how {
        How::Plain => return plain(array, row, out, most),
        How::Json => {
            let text = array.as_string_view().value(row);
            if text.len() > most {
                return Err(Wrong::TooLong);
            }
            json(text, out)?;
        }
        How::Base64 => {
            let bytes = match array.data_type() {
                DataType::BinaryView => array.as_binary_view().value(row),
                _ => array.as_fixed_size_binary().value(row),
            };
            if bytes.len() > most {
                return Err(Wrong::TooLong);
            }
            write_text(&STANDARD.encode(bytes), out);
        }
        How::Uuid => {
            out.push(b'"');
            for (i, byte) in array.as_fixed_size_binary().value(row).iter().enumerate() {
                if [4, 6, 8, 10].contains(&i) {
                    out.push(b'-');
                }
                out.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
            out.push(b'"');
        }
        How::List(item) => {
            let items = array.as_list::<i32>().value(row);
            out.push(b'[');
            for index in 0..items.len() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, items.as_ref(), index, out, most)?;
            }
            out.push(b']');
        }
        How::Map(key, value) => {
            let map = array.as_map();
            let offsets = map.value_offsets();
            let pairs = offsets[row] as usize..offsets[row + 1] as usize;
            write_map(
                key,
                value,
                map.keys().as_ref(),
                map.values().as_ref(),
                pairs,
                out,
                most,
            )?;
        }
        How::Struct(members) => {
            let columns = array.as_struct().columns();
            out.push(b'{');
            for (index, ((key, how), column)) in members.iter().zip(columns).enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                write(how, column.as_ref(), row, out, most)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_map(
    key: &How,
    value: &How,
    keys: &dyn Array,
    values: &dyn Array,
    pairs: std::ops::Range<usize>,
    out: &mut Vec<u8>,
    most: usize,
) -> Result<(), Wrong> {
    if *key == How::Plain && *keys.data_type() == DataType::Utf8View {
        let names = keys.as_string_view();
        let mut seen = std::collections::HashSet::new();
        out.push(b'{');
        for (index, pair) in pairs.enumerate() {
            if names.is_null(pair) || !seen.insert(names.value(pair)) {
                return Err(Wrong::Value("a map has one key twice, or none"));
            }
            if index > 0 {
                out.push(b',');
            }
            write(key, keys, pair, out, most)?;
            out.push(b':');
            write(value, values, pair, out, most)?;
        }
        out.push(b'}');
        return Ok(());
    }
    out.push(b'[');
    for (index, pair) in pairs.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"key\":");
        write(key, keys, pair, out, most)?;
        out.extend_from_slice(b",\"value\":");
        write(value, values, pair, out, most)?;
        out.push(b'}');
    }
    out.push(b']');
    Ok(())
}

/// A text that is JSON, in one line.
fn json(text: &str, out: &mut Vec<u8>) -> Result<(), Wrong> {
    const NOT: Wrong = Wrong::Value("the column is of JSON, and the value is none");
    let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
    if parsed.is_err() || has_lone_surrogate(text.as_bytes()) {
        return Err(NOT);
    }
    match text.contains(['\n', '\r']) {
        false => out.extend_from_slice(text.trim().as_bytes()),
        true => crate::json::Node::parse(text).map_err(|_| NOT)?.write(out),
    }
    Ok(())
}

fn plain(array: &dyn Array, row: usize, out: &mut Vec<u8>, most: usize) -> Result<(), Wrong> {
    macro_rules! number {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row)
        };
    }
    let late = || Wrong::Value("the time is outside of the years that can be written");
    let text = match array.data_type() {
        DataType::Utf8View => {
            let text = array.as_string_view().value(row);
            if text.len() > most {
                return Err(Wrong::TooLong);
            }
            write_text(text, out);
            return Ok(());
        }
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => number!(Int8Type).to_string(),
        DataType::Int16 => number!(Int16Type).to_string(),
        DataType::Int32 => number!(Int32Type).to_string(),
        DataType::Int64 => number!(Int64Type).to_string(),
        DataType::UInt8 => number!(UInt8Type).to_string(),
        DataType::UInt16 => number!(UInt16Type).to_string(),
        DataType::UInt32 => number!(UInt32Type).to_string(),
        DataType::UInt64 => number!(UInt64Type).to_string(),
        DataType::Float16 => float(f64::from(number!(Float16Type)), |f| {
            serde_json::to_string(&f)
        }),
        // The shortest digits that are this number among those of 32 bits.
        DataType::Float32 => {
            let value = number!(Float32Type);
            float(f64::from(value), |_| serde_json::to_string(&value))
        }
        DataType::Float64 => float(number!(Float64Type), |f| serde_json::to_string(&f)),
        DataType::Decimal128(_, scale) => decimal(&number!(Decimal128Type).to_string(), *scale),
        DataType::Decimal256(_, scale) => decimal(&number!(Decimal256Type).to_string(), *scale),
        DataType::Date32 => date(number!(Date32Type)).ok_or_else(late)?,
        DataType::Time32(TimeUnit::Second) => {
            time(i64::from(number!(Time32SecondType)), 1_000_000_000)?
        }
        DataType::Time32(_) => time(i64::from(number!(Time32MillisecondType)), 1_000_000)?,
        DataType::Time64(TimeUnit::Microsecond) => time(number!(Time64MicrosecondType), 1_000)?,
        DataType::Time64(_) => time(number!(Time64NanosecondType), 1)?,
        DataType::Timestamp(unit, zone) => {
            let (count, a_second) = match unit {
                TimeUnit::Second => (number!(TimestampSecondType), 1),
                TimeUnit::Millisecond => (number!(TimestampMillisecondType), 1_000),
                TimeUnit::Microsecond => (number!(TimestampMicrosecondType), 1_000_000),
                TimeUnit::Nanosecond => (number!(TimestampNanosecondType), 1_000_000_000),
            };
            let moment = moment(count, a_second).ok_or_else(late)?;
            match zone {
                Some(_) => quoted(&format_args!("{moment}Z")),
                // Of no zone: what a clock on some wall shows.
                None => quoted(&moment),
            }
        }
        _ => return Err(Wrong::Value("it is of a type that is not read")),
    };
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn quoted(value: &impl std::fmt::Display) -> String {
    format!("\"{value}\"")
}

/// JSON has no words for what is no number; these are those of JSON mappings of other formats (Protocol Buffers).
fn float(value: f64, finite: impl FnOnce(f64) -> serde_json::Result<String>) -> String {
    if value.is_nan() {
        return "\"NaN\"".into();
    }
    if value.is_infinite() {
        let word = if value > 0.0 {
            "\"Infinity\""
        } else {
            "\"-Infinity\""
        };
        return word.into();
    }
    finite(value).unwrap_or_default()
}

/// Digits with a point `scale` digits before their end.
fn decimal(digits: &str, scale: i8) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, part) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{part}")
        }
        Err(_) if digits == "0" => "0".into(),
        Err(_) => format!(
            "{sign}{digits}{}",
            "0".repeat(usize::from(scale.unsigned_abs()))
        ),
    }
}

/// What a clock in UTC shows `count` parts of a second after 1970, of which a second has `a_second`. Civil time is used
/// because an instant that may be shown in any zone ends a day before the year 9999 does, whose last second stands for
/// "never" in many tables.
fn moment(count: i64, a_second: i64) -> Option<DateTime> {
    let nanoseconds = count.rem_euclid(a_second) * (1_000_000_000 / a_second);
    let since = SignedDuration::new(count.div_euclid(a_second), i32::try_from(nanoseconds).ok()?);
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
        .checked_add(since)
        .ok()
}

fn date(days: i32) -> Option<String> {
    let date = Date::constant(1970, 1, 1)
        .checked_add(Span::new().try_days(days).ok()?)
        .ok()?;
    Some(quoted(&date))
}

fn time(value: i64, nanoseconds: i64) -> Result<String, Wrong> {
    const NOT: Wrong = Wrong::Value("the time is none of a day");
    let since = value.checked_mul(nanoseconds).ok_or(NOT)?;
    if !(0..86_400_000_000_000).contains(&since) {
        return Err(NOT);
    }
    let time = Time::midnight().checked_add(SignedDuration::from_nanos(since));
    time.map(|time| quoted(&time)).map_err(|_| NOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_all_their_digits() {
        for (digits, scale, text) in [
            ("12345", 2, "123.45"),
            ("-5", 3, "-0.005"),
            ("0", 2, "0.00"),
            ("100", 0, "100"),
            ("-12", -2, "-1200"),
            ("0", -2, "0"),
            (
                "99999999999999999999999999999999999999",
                10,
                "9999999999999999999999999999.9999999999",
            ),
        ] {
            assert_eq!(decimal(digits, scale), text);
        }
    }

    #[test]
    fn times_and_dates() {
        assert_eq!(date(0).unwrap(), "\"1970-01-01\"");
        assert_eq!(date(-719_528).unwrap(), "\"0000-01-01\"");
        assert!(date(i32::MAX).is_none());
        assert_eq!(
            time(3_723_000_001, 1_000).ok().unwrap(),
            "\"01:02:03.000001\""
        );
        assert!(time(86_400, 1_000_000_000).is_err() && time(-1, 1).is_err());
    }

    #[test]
    fn moments_reach_from_the_first_to_the_last_year() {
        for (count, a_second, text) in [
            (253_402_300_799, 1, "9999-12-31T23:59:59"),
            (-1, 1_000_000_000, "1969-12-31T23:59:59.999999999"),
            (1_500, 1_000, "1970-01-01T00:00:01.5"),
        ] {
            assert_eq!(moment(count, a_second).unwrap().to_string(), text);
        }
        assert!(moment(253_402_300_800, 1).is_none());
        assert!(moment(i64::MIN, 1).is_none() && moment(i64::MAX, 1).is_none());
    }
}
