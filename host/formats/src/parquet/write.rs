//! Rows as Parquet.

use std::io::{BufRead, Write};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::infer::Shape;
use crate::json::Node;
use crate::lines::Lines;
use crate::{Bounds, Format, FormatError};

/// Rows of one batch, and bytes after which it ends early.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Rows of one row group, and bytes after which it ends early.
const GROUP_ROWS: usize = 128 * 1024;
const GROUP_BYTES: usize = 64 * 1024 * 1024;

/// Writes lines of JSON as Parquet, packed by Snappy, which every reader knows.
///
/// A field becomes a column of the narrowest type that keeps every value: boolean, whole numbers of 64 bits with or without
/// sign, numbers of 64 bits where those are what is written, text, lists and groups of them. Where values are of several
/// kinds, or numbers have more digits than a type, the column is text of the logical type JSON, which is read as what it
/// was. A missing field is null.
pub(crate) fn write<R: BufRead>(
    open: &mut dyn FnMut() -> std::io::Result<R>,
    out: impl Write + Send,
    bounds: &Bounds,
) -> Result<u64, FormatError> {
    let mut shape = Shape::Nothing;
    each(open()?, |_, node| {
        let seen = std::mem::replace(&mut shape, Shape::Nothing);
        shape = merged(seen, Shape::of_row(node));
        FormatError::limit("columns", shape.leaves() as u64, bounds.columns as u64)
    })?;
    let columns = match shape {
        Shape::Struct(columns) => columns,
        _ => Vec::new(),
    };
    let fields: Vec<FieldRef> = columns
        .iter()
        .map(|(name, shape)| field(name, shape))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(concat!("steward ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        // What Parquet says is enough, and means the same to every reader.
        .with_skip_arrow_metadata(true);
    let failed = |e: parquet::errors::ParquetError| FormatError::Io(std::io::Error::other(e));
    let mut writer =
        ArrowWriter::try_new_with_options(out, Arc::clone(&schema), options).map_err(failed)?;
    let mut batch: Vec<Node> = Vec::new();
    let mut bytes = 0;
    let mut rows = 0;
    let flush = |batch: &mut Vec<Node>, writer: &mut ArrowWriter<_>| {
        let built = build(&columns, &schema, batch)?;
        writer.write(&built).map_err(failed)?;
        batch.clear();
        match writer.in_progress_size() > GROUP_BYTES {
            true => writer.flush().map_err(failed),
            false => Ok(()),
        }
    };
    each(open()?, |number, node| {
        if let Node::Object(members) = &node
            && let Some(name) = twice(members)
        {
            return Err(FormatError::Unwritable {
                row: number,
                format: Format::Parquet,
                reason: format!("the field `{name:.60}` stands there twice"),
            });
        }
        bytes += size_of(&node);
        batch.push(node);
        rows += 1;
        if batch.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            bytes = 0;
            flush(&mut batch, &mut writer)?;
        }
        Ok(())
    })?;
    if !batch.is_empty() {
        flush(&mut batch, &mut writer)?;
    }
    writer.close().map_err(failed)?;
    Ok(rows)
}

impl Shape {
    /// What a row is: its fields are columns, however many there are.
    fn of_row(node: Node) -> Vec<(String, Self)> {
        let Node::Object(members) = node else {
            return Vec::new();
        };
        let columns = members
            .iter()
            .map(|(name, value)| (name.clone(), Self::of(value)));
        columns.collect()
    }
}

/// The columns of rows so far and of one more.
fn merged(seen: Shape, row: Vec<(String, Shape)>) -> Shape {
    let mut columns = match seen {
        Shape::Struct(columns) => columns,
        _ => Vec::new(),
    };
    for (at, (name, shape)) in row.into_iter().enumerate() {
        let place = match columns.get(at) {
            Some((known, _)) if *known == name => Some(at),
            _ => columns.iter().position(|(known, _)| *known == name),
        };
        match place {
            Some(place) => {
                let known = std::mem::replace(&mut columns[place].1, Shape::Nothing);
                columns[place].1 = known.and(shape);
            }
            None => columns.push((name, shape)),
        }
    }
    Shape::Struct(columns)
}

fn twice(members: &[(String, Node)]) -> Option<&str> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
}

/// About how much memory a value takes.
fn size_of(node: &Node) -> usize {
    32 + match node {
        Node::Number(text) | Node::Text(text) => text.len(),
        Node::List(items) => items.iter().map(size_of).sum(),
        Node::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + size_of(value))
            .sum(),
        _ => 0,
    }
}

fn field(name: &str, shape: &Shape) -> FieldRef {
    let field = Field::new(name, kind(shape), true);
    Arc::new(match shape {
        Shape::Json => field.with_extension_type(arrow_schema::extension::Json::default()),
        _ => field,
    })
}

fn kind(shape: &Shape) -> DataType {
    match shape {
        Shape::Nothing | Shape::Text | Shape::Json => DataType::Utf8,
        Shape::Bool => DataType::Boolean,
        Shape::Whole { unsigned: true, .. } => DataType::UInt64,
        Shape::Whole { .. } => DataType::Int64,
        Shape::Float => DataType::Float64,
        Shape::List(item) => DataType::List(field("element", item)),
        Shape::Struct(fields) => DataType::Struct(members(fields)),
    }
}

fn members(fields: &[(String, Shape)]) -> Fields {
    fields
        .iter()
        .map(|(name, shape)| field(name, shape))
        .collect()
}

fn build(
    columns: &[(String, Shape)],
    schema: &Arc<Schema>,
    rows: &[Node],
) -> Result<RecordBatch, FormatError> {
    let rows: Vec<Option<&Node>> = rows.iter().map(Some).collect();
    let arrays = columns_of(columns, &rows);
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
        .map_err(|e| FormatError::Io(std::io::Error::other(e)))
}

/// An array for each of the fields of some objects.
fn columns_of(fields: &[(String, Shape)], objects: &[Option<&Node>]) -> Vec<ArrayRef> {
    let columns = fields.iter().enumerate().map(|(at, (name, shape))| {
        let values: Vec<Option<&Node>> = objects
            .iter()
            .map(|object| match object {
                Some(Node::Object(members)) => match members.get(at) {
                    Some((known, value)) if known == name => Some(value),
                    _ => members
                        .iter()
                        .find(|(known, _)| known == name)
                        .map(|(_, value)| value),
                },
                _ => None,
            })
            .map(|value| value.filter(|value| **value != Node::Null))
            .collect();
        array(shape, &values)
    });
    columns.collect()
}

/// Values as an array. Each is of the shape, which was made of them.
fn array(shape: &Shape, values: &[Option<&Node>]) -> ArrayRef {
    let literal = |value: &Option<&Node>| match value {
        Some(Node::Number(literal)) => Some(literal.clone()),
        _ => None,
    };
    match shape {
        Shape::Nothing | Shape::Text => {
            let texts = values.iter().map(|value| match value {
                Some(Node::Text(text)) => Some(text.as_str()),
                _ => None,
            });
            Arc::new(texts.collect::<StringArray>())
        }
        Shape::Json => {
            let texts = values.iter().map(|value| value.map(Node::to_json));
            Arc::new(texts.collect::<StringArray>())
        }
        Shape::Bool => {
            let bits = values.iter().map(|value| match value {
                Some(Node::Bool(bit)) => Some(*bit),
                _ => None,
            });
            Arc::new(bits.collect::<BooleanArray>())
        }
        Shape::Whole { unsigned: true, .. } => {
            let numbers = values.iter().map(|value| literal(value)?.parse().ok());
            Arc::new(numbers.collect::<UInt64Array>())
        }
        Shape::Whole { .. } => {
            let numbers = values.iter().map(|value| literal(value)?.parse().ok());
            Arc::new(numbers.collect::<Int64Array>())
        }
        Shape::Float => {
            let numbers = values.iter().map(|value| literal(value)?.parse().ok());
            Arc::new(numbers.collect::<Float64Array>())
        }
        Shape::List(item) => {
            let mut items = Vec::new();
            let mut lengths = Vec::with_capacity(values.len());
            let mut there = Vec::with_capacity(values.len());
            for value in values {
                there.push(value.is_some());
                let list = match value {
                    Some(Node::List(list)) => list.as_slice(),
                    _ => &[],
                };
                lengths.push(list.len());
                items.extend(
                    list.iter()
                        .map(|item| Some(item).filter(|item| **item != Node::Null)),
                );
            }
            let child = array(item, &items);
            let nulls = Some(NullBuffer::from(there));
            Arc::new(ListArray::new(
                field("element", item),
                OffsetBuffer::from_lengths(lengths),
                child,
                nulls,
            ))
        }
        Shape::Struct(fields) => {
            let nulls = NullBuffer::from(values.iter().map(Option::is_some).collect::<Vec<_>>());
            Arc::new(StructArray::new(
                members(fields),
                columns_of(fields, values),
                Some(nulls),
            ))
        }
    }
}

/// Calls `each` with every row.
fn each<R: BufRead>(
    reader: R,
    mut each: impl FnMut(u64, Node) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let mut lines = Lines::new(reader, crate::export::MAX_ROW);
    let mut number = 0;
    while let Some(line) = lines.next()? {
        number += 1;
        let text = std::str::from_utf8(&line.bytes)
            .ok()
            .filter(|_| line.fault.is_none());
        let node = text.and_then(|text| Node::parse(text).ok());
        match node {
            Some(node @ Node::Object(_)) => each(number, node)?,
            _ => {
                return Err(FormatError::Unwritable {
                    row: number,
                    format: Format::Parquet,
                    reason: crate::export::NO_ROW.into(),
                });
            }
        }
    }
    Ok(())
}
