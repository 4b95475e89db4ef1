//! How two files of rows differ.
//!
//! Rows are matched by their id. Of each row of the older file 32 bytes are kept in a table: a hash of its id, one of its
//! content and where it stands; rows whose content changed are read again, to say which fields. A row without an id, and
//! one whose id was there before, is matched by its content.

mod rows;
mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use hashbrown::HashTable;
use serde::Serialize;

use self::rows::{Content, Reader, Reading};
use self::sample::Places;
pub use self::sample::{Change, Sample, Shown};
use crate::FormatError;

/// How many names of fields a comparison tells apart. The others are counted together.
const MAX_FIELDS: usize = 1000;
/// What further names are counted under.
const OTHERS: &str = "(others)";

/// What is asked of a comparison.
#[derive(Debug, Clone)]
pub struct DiffSpec {
    /// The field that says which row is which. Texts and numbers are ids.
    pub by: String,
    /// How many rows are shown of each kind.
    pub sample: usize,
    /// The most rows of a file. Each takes 40 to 75 bytes of memory, and up to 115 for a moment while the table grows.
    pub most_rows: u64,
}

impl Default for DiffSpec {
    fn default() -> Self {
        Self {
            by: "id".into(),
            sample: 10,
            most_rows: 50_000_000,
        }
    }
}

/// A number for the older file and one for the newer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sides {
    /// Of the older.
    pub before: u64,
    /// Of the newer.
    pub after: u64,
}

/// How often a field changed among the rows that are in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FieldChanges {
    /// Rows that have it only after.
    pub added: u64,
    /// Rows that have it only before.
    pub removed: u64,
    /// Rows in which it has another value.
    pub changed: u64,
}

/// How two files of rows differ.
#[derive(Debug, Clone, Serialize)]
pub struct Diff {
    /// The field by which rows were matched.
    pub by: String,
    /// Rows of each.
    pub rows: Sides,
    /// Rows that are only in the newer.
    pub added: u64,
    /// Rows that are only in the older.
    pub removed: u64,
    /// Rows of one id with another content.
    pub changed: u64,
    /// Rows that are the same in both.
    pub unchanged: u64,
    /// Rows without an id, matched by content.
    pub without_id: Sides,
    /// Rows whose id an earlier row of the file has, matched by content.
    pub repeated_id: Sides,
    /// What changed in the rows that changed.
    pub fields: BTreeMap<String, FieldChanges>,
    /// Some of the rows.
    pub sample: Sample,
}

/// A row of the older file that has an id.
struct Known {
    id: u128,
    content: u64,
    /// Where it stands, and in the highest bit whether the newer file has it.
    place: u64,
}

const SEEN: u64 = 1 << 63;

/// Rows of one content.
struct Alike {
    content: u128,
    place: u64,
    count: u64,
}

/// Compares two files of rows, lines of JSON.
///
/// # Errors
/// [`FormatError::Io`], and [`FormatError::TooMuch`] where there are more rows than may be compared.
pub fn diff(before: &Path, after: &Path, spec: &DiffSpec) -> Result<Diff, FormatError> {
    let mut diff = Diff {
        by: spec.by.clone(),
        rows: Sides::default(),
        added: 0,
        removed: 0,
        changed: 0,
        unchanged: 0,
        without_id: Sides::default(),
        repeated_id: Sides::default(),
        fields: BTreeMap::new(),
        sample: Sample::default(),
    };
    let reading = Reading::new(&spec.by);
    let mut known: HashTable<Known> = HashTable::new();
    let mut alike: HashTable<Alike> = HashTable::new();
    let mut removed = Places::new(spec.sample);
    let mut added = Places::new(spec.sample);
    let mut changed = Vec::new();

    let mut older = Reader::open(before)?;
    while let Some((place, row)) = older.next()? {
        diff.rows.before += 1;
        FormatError::limit("rows to compare", diff.rows.before, spec.most_rows)?;
        let content = reading.content(&row);
        if let Some(id) = content.id {
            let entry = known.entry(id as u64, |k| k.id == id, |k| k.id as u64);
            if let hashbrown::hash_table::Entry::Vacant(free) = entry {
                free.insert(Known {
                    id,
                    content: content.hash as u64,
                    place,
                });
                continue;
            }
            diff.repeated_id.before += 1;
        } else {
            diff.without_id.before += 1;
        }
        let same = |a: &Alike| a.content == content.hash;
        alike
            .entry(content.hash as u64, same, |a| a.content as u64)
            .and_modify(|a| a.count += 1)
            .or_insert(Alike {
                content: content.hash,
                place,
                count: 1,
            });
    }

    let mut newer = Reader::open(after)?;
    let mut again = Reader::open(before)?;
    // Ids that only the newer file has: the second row of such an id is a repeated one as well.
    let mut fresh: HashTable<u128> = HashTable::new();
    while let Some((place, row)) = newer.next()? {
        diff.rows.after += 1;
        FormatError::limit("rows to compare", diff.rows.after, spec.most_rows)?;
        let Content { id, hash } = reading.content(&row);
        if let Some(id) = id {
            match known.find_mut(id as u64, |k| k.id == id) {
                Some(old) if old.place & SEEN == 0 => {
                    if old.content == hash as u64 {
                        diff.unchanged += 1;
                    } else {
                        diff.changed += 1;
                        let was = again.at(old.place)?;
                        count(&mut diff.fields, &rows::changes(&was, &row));
                        if changed.len() < spec.sample {
                            changed.push((old.place, place));
                        }
                    }
                    old.place |= SEEN;
                    continue;
                }
                Some(_) => diff.repeated_id.after += 1,
                None => match fresh.entry(id as u64, |f| *f == id, |f| *f as u64) {
                    hashbrown::hash_table::Entry::Vacant(free) => {
                        free.insert(id);
                        diff.added += 1;
                        added.offer(place);
                        continue;
                    }
                    hashbrown::hash_table::Entry::Occupied(_) => diff.repeated_id.after += 1,
                },
            }
        } else {
            diff.without_id.after += 1;
        }
        match alike.find_mut(hash as u64, |a| a.content == hash && a.count > 0) {
            Some(same) => {
                same.count -= 1;
                diff.unchanged += 1;
            }
            None => {
                diff.added += 1;
                added.offer(place);
            }
        }
    }
    for old in known.iter().filter(|k| k.place & SEEN == 0) {
        diff.removed += 1;
        removed.offer(old.place);
    }
    for old in alike.iter().filter(|a| a.count > 0) {
        diff.removed += old.count;
        removed.offer(old.place);
    }
    diff.sample = Sample::read(
        &mut again,
        &mut Reader::open(after)?,
        added,
        removed,
        changed,
        &spec.by,
    )?;
    Ok(diff)
}

fn count(fields: &mut BTreeMap<String, FieldChanges>, changes: &[(String, FieldChanges)]) {
    for (name, change) in changes {
        let name = match fields.contains_key(name) || fields.len() < MAX_FIELDS {
            true => name.as_str(),
            false => OTHERS,
        };
        let counts = fields.entry(name.chars().take(200).collect()).or_default();
        counts.added += change.added;
        counts.removed += change.removed;
        counts.changed += change.changed;
    }
}

#[cfg(test)]
mod tests;
