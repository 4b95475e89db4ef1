//! Some of the rows that differ, short enough to be shown.

use std::collections::BinaryHeap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::rows::{Reader, fields_of, id_of, parse};
use crate::FormatError;
use crate::json::Node;

/// The longest value that is shown whole, as JSON, in bytes; of a longer one, its beginning as text.
const VALUE: usize = 2000;
/// How many characters of it.
const SHOWN: usize = 500;
/// How much all rows that are shown have together, in bytes.
const ALL: usize = 1024 * 1024;

/// Fields in order, each as it is written.
#[derive(Debug, Clone, Default)]
pub struct Shown(Vec<(String, Box<RawValue>)>);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A row that changed, with the fields that did.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Its id.
    pub id: String,
    /// The fields before; those that it had not are missing.
    pub before: Shown,
    /// The fields after.
    pub after: Shown,
}

/// Some of the rows, the first ones of each kind.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sample {
    /// Rows that are only in the newer.
    pub added: Vec<Shown>,
    /// Rows that are only in the older.
    pub removed: Vec<Shown>,
    /// Rows that changed.
    pub changed: Vec<Change>,
}

/// The first places of a file that were offered, in any order.
pub(super) struct Places {
    most: usize,
    places: BinaryHeap<u64>,
}

impl Places {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            places: BinaryHeap::new(),
        }
    }

    pub fn offer(&mut self, place: u64) {
        self.places.push(place);
        if self.places.len() > self.most {
            self.places.pop();
        }
    }

    fn sorted(self) -> Vec<u64> {
        self.places.into_sorted_vec()
    }
}

impl Sample {
    pub(super) fn read(
        older: &mut Reader,
        newer: &mut Reader,
        added: Places,
        removed: Places,
        changed: Vec<(u64, u64)>,
        by: &str,
    ) -> Result<Self, FormatError> {
        let mut room = ALL;
        let mut sample = Self::default();
        for (before, after) in changed {
            let (before, after) = (older.at(before)?, newer.at(after)?);
            let (Some(before), Some(after)) = (parse(&before), parse(&after)) else {
                continue;
            };
            let id = id_of(&after, by)
                .unwrap_or_default()
                .chars()
                .take(SHOWN)
                .collect();
            let (was, is) = (fields_of(&before), fields_of(&after));
            let differs = |name: &str| was.get(name) != is.get(name);
            let (before, after) = (shown(&before, &differs), shown(&after, &differs));
            match room.checked_sub(before.1 + after.1) {
                Some(left) => room = left,
                None => break,
            }
            sample.changed.push(Change {
                id,
                before: before.0,
                after: after.0,
            });
        }
        for (reader, places, rows) in [
            (newer, added, &mut sample.added),
            (older, removed, &mut sample.removed),
        ] {
            for place in places.sorted() {
                let row = reader.at(place)?;
                let (row, size) = match parse(&row) {
                    Some(node) => shown(&node, &|_| true),
                    None => {
                        let text = Node::Text(String::from_utf8_lossy(&row).into_owned());
                        shown(&Node::Object(vec![("(no object)".into(), text)]), &|_| true)
                    }
                };
                match room.checked_sub(size) {
                    Some(left) => room = left,
                    None => break,
                }
                rows.push(row);
            }
        }
        Ok(sample)
    }
}

/// The fields of a row that are wanted, and how many bytes they have.
fn shown(row: &Node, wanted: &dyn Fn(&str) -> bool) -> (Shown, usize) {
    let mut fields = Vec::new();
    let mut size = 0;
    if let Node::Object(members) = row {
        for (name, value) in members.iter().filter(|(name, _)| wanted(name)) {
            let mut json = value.to_json();
            if json.len() > VALUE {
                let text = match value {
                    Node::Text(text) => text,
                    _ => &json,
                };
                let short: String = text.chars().take(SHOWN).chain(['…']).collect();
                json = Node::Text(short).to_json();
            }
            size += name.len() + json.len();
            if let Ok(raw) = RawValue::from_string(json) {
                fields.push((name.clone(), raw));
            }
        }
    }
    (Shown(fields), size)
}
