//! Rows to compare: what they are called, what they say, and in which fields two of them differ.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::FieldChanges;
use crate::export::MAX_ROW;
use crate::json::Node;
use crate::lines::{Lines, RawLines as _};
use crate::{Format, FormatError};

/// Reads rows one after the other, or one at a place.
pub(super) struct Reader {
    lines: Lines<BufReader<File>>,
    again: BufReader<File>,
    at: u64,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, FormatError> {
        let lines = BufReader::with_capacity(256 * 1024, File::open(path)?);
        Ok(Self {
            lines: Lines::new(lines, MAX_ROW),
            again: BufReader::with_capacity(16 * 1024, File::open(path)?),
            at: 0,
        })
    }

    /// The next row and its place in the file.
    pub fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, FormatError> {
        loop {
            let place = self.lines.read();
            match self.lines.next_raw()? {
                None => return Ok(None),
                Some(line) if line.is_blank() => {}
                Some(line) if line.fault.is_some() => return Err(too_long(line.number)),
                Some(line) => return Ok(Some((place, line.bytes))),
            }
        }
    }

    /// The row at a place.
    pub fn at(&mut self, place: u64) -> Result<Vec<u8>, FormatError> {
        // Places of one file come mostly in its order: what is in the buffer stays there.
        match i64::try_from(place).ok().zip(i64::try_from(self.at).ok()) {
            Some((to, from)) => self.again.seek_relative(to - from)?,
            None => drop(self.again.seek(SeekFrom::Start(place))?),
        }
        let mut row = Vec::new();
        let most = MAX_ROW as u64 + 3;
        let read = std::io::BufRead::read_until(
            &mut std::io::Read::by_ref(&mut self.again).take(most),
            b'\n',
            &mut row,
        )?;
        self.at = place + read as u64;
        let end = row.trim_ascii_end().len();
        row.truncate(end);
        if place == 0 && row.starts_with(b"\xEF\xBB\xBF") {
            row.drain(..3);
        }
        Ok(row)
    }
}

fn too_long(row: u64) -> FormatError {
    FormatError::Unwritable {
        row,
        format: Format::JsonLines,
        reason: format!("it is longer than {MAX_ROW} bytes, and not compared"),
    }
}

/// What a row is called and what it says, as hashes.
pub(super) struct Content {
    pub id: Option<u128>,
    pub hash: u128,
}

/// How rows are read. The hashes begin with a number that nobody knows, so that no rows can be made to share one.
pub(super) struct Reading {
    by: String,
    seed: u64,
}

impl Reading {
    pub fn new(by: &str) -> Self {
        Self {
            by: by.to_owned(),
            seed: rand::random(),
        }
    }

    pub fn content(&self, row: &[u8]) -> Content {
        let hash = |bytes: &[u8]| xxh3_128_with_seed(bytes, self.seed);
        match parse(row) {
            None => Content {
                id: None,
                hash: hash(row),
            },
            Some(node) => {
                let mut canonical = Vec::with_capacity(row.len());
                write_canonical(&node, &mut canonical);
                Content {
                    id: id_of(&node, &self.by).map(|id| hash(id.as_bytes())),
                    hash: hash(&canonical),
                }
            }
        }
    }
}

pub(super) fn parse(row: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(row).ok()?;
    Node::parse(text)
        .ok()
        .filter(|node| matches!(node, Node::Object(_)))
}

/// The id of a row, where it has one.
pub(super) fn id_of<'a>(row: &'a Node, by: &str) -> Option<&'a str> {
    let Node::Object(members) = row else {
        return None;
    };
    match members.iter().find(|(name, _)| name == by)? {
        (_, Node::Text(id) | Node::Number(id)) => Some(id),
        _ => None,
    }
}

/// Appends a value in the one way in which all values that mean the same are written: the fields of objects in the order of
/// their names. Numbers are what is written.
fn write_canonical(node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Object(members) => {
            let mut sorted: Vec<&(String, Node)> = members.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            out.push(b'{');
            for (name, value) in sorted {
                crate::json::write_text(name, out);
                out.push(b':');
                write_canonical(value, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        Node::List(items) => {
            out.push(b'[');
            for item in items {
                write_canonical(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        other => other.write(out),
    }
}

/// The fields of a row by name, each in the canonical way.
pub(super) fn fields_of(node: &Node) -> BTreeMap<&str, Vec<u8>> {
    let Node::Object(members) = node else {
        return BTreeMap::new();
    };
    let mut fields: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (name, value) in members {
        write_canonical(value, fields.entry(name).or_default());
    }
    fields
}

/// In which fields two rows differ.
pub(super) fn changes(before: &[u8], after: &[u8]) -> Vec<(String, FieldChanges)> {
    let (Some(before), Some(after)) = (parse(before), parse(after)) else {
        return Vec::new();
    };
    let (before, after) = (fields_of(&before), fields_of(&after));
    let mut changes = Vec::new();
    for (name, was) in &before {
        let change = match after.get(name) {
            None => FieldChanges {
                removed: 1,
                ..FieldChanges::default()
            },
            Some(is) if is != was => FieldChanges {
                changed: 1,
                ..FieldChanges::default()
            },
            Some(_) => continue,
        };
        changes.push(((*name).to_owned(), change));
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        let change = FieldChanges {
            added: 1,
            ..FieldChanges::default()
        };
        changes.push(((*name).to_owned(), change));
    }
    changes
}
