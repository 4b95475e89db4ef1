//! From the columns of a Parquet file to the fields of a row: whether each can be one, and how it is read.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};
use parquet::arrow::{
    FieldLevels, ProjectionMask, parquet_to_arrow_field_levels, parquet_to_arrow_schema,
};
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::ColumnDescriptor;

use crate::FormatError;

/// The longest values of fixed length, in bytes.
const MAX_FIXED: i32 = 1024;

/// How a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    /// As its type says.
    Plain,
    /// Text that is JSON.
    Json,
    /// Bytes as text in base64.
    Base64,
    /// 16 bytes as text of hexadecimal digits.
    Uuid,
    /// Its items.
    List(Box<How>),
    /// Pairs of keys and values: an object where keys are texts, else a list of `{"key", "value"}`.
    Map(Box<How>, Box<How>),
    /// Its fields: the name as JSON, with the colon, and how.
    Struct(Vec<(Vec<u8>, How)>),
}

/// How the rows of a file are written.
pub(super) struct Plan {
    pub fields: Vec<(String, Vec<u8>, How)>,
}

/// Plans how the columns are read and written.
pub(super) fn plan(metadata: &ParquetMetaData) -> Result<(Plan, FieldLevels), FormatError> {
    let descr = metadata.file_metadata().schema_descr();
    let wrong = |e: parquet::errors::ParquetError| FormatError::parquet(format!("its schema: {e}"));
    // What Arrow has written beside is left aside: it could say anything.
    let schema = parquet_to_arrow_schema(descr, None).map_err(wrong)?;
    let mut leaves = descr.columns().iter();
    let mut next = || leaves.next().map(|leaf| &**leaf);
    let mut fields = Vec::new();
    let mut hints = Vec::new();
    for field in schema.fields() {
        let (hint, how) = look(field, &mut next)?;
        hints.push(hint);
        if fields.iter().any(|(name, _, _)| name == field.name()) {
            return Err(FormatError::parquet(format!(
                "two columns are called `{:.60}`",
                field.name()
            )));
        }
        fields.push((field.name().clone(), key(field.name()), how));
    }
    let hints = Fields::from(hints);
    let levels =
        parquet_to_arrow_field_levels(descr, ProjectionMask::all(), Some(&hints)).map_err(wrong)?;
    Ok((Plan { fields }, levels))
}

fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    crate::json::write_text(name, &mut key);
    key.push(b':');
    key
}

/// The type that a field is read as, and how it is written.
fn look<'a>(
    field: &FieldRef,
    next: &mut dyn FnMut() -> Option<&'a ColumnDescriptor>,
) -> Result<(FieldRef, How), FormatError> {
    let (kind, how) = match field.data_type() {
        DataType::List(item) => {
            let (item, how) = look(item, next)?;
            (DataType::List(item), How::List(Box::new(how)))
        }
        DataType::Map(entries, sorted) => {
            let DataType::Struct(pair) = entries.data_type() else {
                return Err(unreadable(field, "a map without pairs"));
            };
            let [key, value] = &pair[..] else {
                return Err(unreadable(field, "a map without pairs"));
            };
            let (key, key_how) = look(key, next)?;
            let (value, value_how) = look(value, next)?;
            let pair = DataType::Struct(Fields::from(vec![key, value]));
            let entries = Arc::new(entries.as_ref().clone().with_data_type(pair));
            (
                DataType::Map(entries, *sorted),
                How::Map(Box::new(key_how), Box::new(value_how)),
            )
        }
        DataType::Struct(members) => {
            let mut fields = Vec::new();
            let mut hows = Vec::new();
            for member in members {
                let (hint, how) = look(member, next)?;
                if fields.iter().any(|f: &FieldRef| f.name() == hint.name()) {
                    return Err(unreadable(field, "a group with two fields of one name"));
                }
                hows.push((key(member.name()), how));
                fields.push(hint);
            }
            (DataType::Struct(Fields::from(fields)), How::Struct(hows))
        }
        leaf => {
            let about = next().ok_or_else(|| unreadable(field, "more columns than there are"))?;
            of_leaf(field, leaf, about)?
        }
    };
    let hint = Field::new(field.name(), kind, field.is_nullable());
    Ok((Arc::new(hint), how))
}

fn of_leaf(
    field: &Field,
    kind: &DataType,
    about: &ColumnDescriptor,
) -> Result<(DataType, How), FormatError> {
    let logical = about.logical_type_ref();
    let converted = about.converted_type();
    if about.physical_type() == Type::FIXED_LEN_BYTE_ARRAY
        && !(1..=MAX_FIXED).contains(&about.type_length())
    {
        return Err(unreadable(
            field,
            "values of a fixed length that is no usual one",
        ));
    }
    Ok(match kind {
        DataType::Utf8
            if matches!(logical, Some(LogicalType::Json)) || converted == ConvertedType::JSON =>
        {
            (DataType::Utf8View, How::Json)
        }
        DataType::Utf8 => (DataType::Utf8View, How::Plain),
        DataType::Binary
            if matches!(logical, Some(LogicalType::Enum)) || converted == ConvertedType::ENUM =>
        {
            (DataType::Utf8View, How::Plain)
        }
        DataType::Binary => (DataType::BinaryView, How::Base64),
        DataType::FixedSizeBinary(16) if matches!(logical, Some(LogicalType::Uuid)) => {
            (kind.clone(), How::Uuid)
        }
        DataType::FixedSizeBinary(_) => (kind.clone(), How::Base64),
        // Old timestamps reach beyond what nanoseconds can count; their writers count microseconds.
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if about.physical_type() == Type::INT96 => {
            (
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
                How::Plain,
            )
        }
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Date32
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..) => (kind.clone(), How::Plain),
        DataType::Interval(_) => {
            return Err(unreadable(field, "an INTERVAL, for which JSON has no word"));
        }
        _ => return Err(unreadable(field, "a type that is not read")),
    })
}

fn unreadable(field: &Field, what: &str) -> FormatError {
    FormatError::parquet(format!(
        "column `{:.60}` has {what}: leave it out, or cast it to text",
        field.name()
    ))
}
