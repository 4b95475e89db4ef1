//! From bands to clusters: who shares a band is compared, and who is similar enough belongs together.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::blobs::Blobs;
use crate::clusters::{Duplicate, Found, Union, Work};
use crate::sorter::Sorter;
use crate::{DuplicatesError, Space};

/// With how many others of one band a row is compared at most. A band that thousands share who are not alike holds
/// nothing of worth, and comparing all of them would take for ever.
const MOST: usize = 1000;

/// How two rows are compared.
pub(crate) trait Measure {
    /// What is known of a row.
    type Item;

    /// Reads it.
    fn decode(bytes: &[u8]) -> Self::Item;

    /// Between 0 and 1.
    fn similarity(one: &Self::Item, other: &Self::Item) -> f64;

    /// Whether rows of these sizes in bytes can be similar enough.
    fn possible(_one: usize, _other: usize, _similarity: f64) -> bool {
        true
    }
}

/// Takes rows with their bands; gives the clusters.
pub(crate) struct Matcher<M: Measure> {
    similarity: f64,
    items: Blobs,
    equal: Sorter,
    bands: Sorter,
    ranks: Vec<f64>,
    cache: Cache<M::Item>,
    /// Pairs that were compared in an earlier band and are not alike.
    unlike: FxHashSet<(u32, u32)>,
    most_unlike: usize,
    work: Work,
}

/// Items that were read last.
struct Cache<T> {
    items: FxHashMap<u32, Arc<T>>,
    held: usize,
    bytes: usize,
}

impl<M: Measure> Matcher<M> {
    pub fn new(similarity: f64, space: &Space) -> Self {
        let part = |share: usize| Space {
            dir: space.dir.clone(),
            bytes: space.bytes / share,
        };
        Self {
            similarity,
            items: Blobs::new(&part(4)),
            equal: Sorter::new(&part(8)),
            bands: Sorter::new(&part(4)),
            ranks: Vec::new(),
            cache: Cache {
                items: FxHashMap::default(),
                held: 0,
                bytes: space.bytes / 8,
            },
            unlike: FxHashSet::default(),
            // Eight bytes a pair, and as much again for the table around them.
            most_unlike: space.bytes / 8 / 16,
            work: Work::default(),
        }
    }

    fn next_row(&self) -> Result<u32, DuplicatesError> {
        u32::try_from(self.ranks.len())
            .ok()
            .filter(|&row| row < u32::MAX)
            .ok_or_else(|| DuplicatesError::invalid("more than 4,294,967,294 rows"))
    }

    /// Adds a row that is compared with no other.
    pub fn skip(&mut self) -> Result<(), DuplicatesError> {
        self.next_row()?;
        self.items.push([])?;
        self.ranks.push(f64::NEG_INFINITY);
        Ok(())
    }

    /// Adds a row.
    pub fn push(
        &mut self,
        item: &[[u8; 4]],
        bands: impl IntoIterator<Item = u64>,
        rank: f64,
    ) -> Result<(), DuplicatesError> {
        let row = self.next_row()?;
        let number = u64::from(row);
        let whole = xxh3_64_with_seed(item.as_flattened(), 0);
        self.equal.push((whole, number))?;
        for (band, key) in bands.into_iter().enumerate() {
            // The number of the band is in its key, so that bands of different numbers do not meet.
            let key = xxh3_64_with_seed(&key.to_le_bytes(), band as u64 + 1);
            self.bands.push((key, number))?;
        }
        self.items.push(item.iter().copied())?;
        self.ranks.push(rank);
        self.work.rows += 1;
        Ok(())
    }

    /// Compares, and decides which rows stay.
    pub fn finish(mut self) -> Result<Found, DuplicatesError> {
        let mut union = Union::of(self.items.len());
        let equal = std::mem::replace(&mut self.equal, none());
        let bands = std::mem::replace(&mut self.bands, none());
        let copies = self.put_equal_together(equal, &mut union)?;
        each_group(
            bands,
            |row| !copies[row as usize],
            |group| self.compare(group, &mut union),
        )?;
        self.unlike = FxHashSet::default();
        let ranks = std::mem::take(&mut self.ranks);
        let clusters = union.clusters(|row| ranks[row as usize]);
        let mut duplicates = Vec::new();
        for row in 0..ranks.len() as u32 {
            let Ok(at) = clusters.binary_search_by_key(&union.find(row), |c| c.cluster) else {
                continue;
            };
            let (cluster, kept) = (clusters[at].cluster, clusters[at].kept);
            if kept != row {
                duplicates.push(Duplicate {
                    row,
                    cluster,
                    kept,
                    similarity: self.similarity(row, kept)?,
                });
            }
        }
        Ok(Found {
            duplicates,
            clusters,
            work: self.work,
        })
    }

    /// Rows that hold the same need no comparison; the first of them speaks for all. Says which rows are not the first.
    fn put_equal_together(
        &mut self,
        equal: Sorter,
        union: &mut Union,
    ) -> Result<Vec<bool>, DuplicatesError> {
        let mut copies = vec![false; self.items.len()];
        each_group(
            equal,
            |_| true,
            |group| {
                let Some((&first, others)) = group.split_first() else {
                    return Ok(());
                };
                let item = self.items.read(first, <[u8]>::to_vec)?;
                for &other in others {
                    // A hash may be equal by chance.
                    if self.items.read(other, |bytes| bytes == item)? {
                        copies[other as usize] = true;
                        union.unite(first, other);
                    }
                }
                Ok(())
            },
        )?;
        Ok(copies)
    }

    /// Compares the rows that share a band, as far as they are not known to belong together.
    fn compare(&mut self, rows: &[u32], union: &mut Union) -> Result<(), DuplicatesError> {
        // By cluster, so that a row is compared with a large one once and not with each of its rows.
        let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &row in rows {
            let mut left = MOST;
            let mut joined = Vec::new();
            'parts: for (&root, members) in &parts {
                if root == union.find(row) {
                    continue;
                }
                for &member in members {
                    if left == 0 {
                        self.work.cut_short += 1;
                        break 'parts;
                    }
                    left -= 1;
                    if self.alike(member, row)? {
                        joined.push(root);
                        break;
                    }
                }
            }
            // The roots of the parts change only here.
            let mut members = parts.remove(&union.find(row)).unwrap_or_default();
            let mut root = union.find(row);
            for part in joined {
                members.extend(parts.remove(&part).unwrap_or_default());
                root = union.unite(part, row);
            }
            members.push(row);
            parts.insert(root, members);
        }
        Ok(())
    }

    fn alike(&mut self, one: u32, other: u32) -> Result<bool, DuplicatesError> {
        let sizes = (self.items.size(one), self.items.size(other));
        if !M::possible(sizes.0, sizes.1, self.similarity) {
            return Ok(false);
        }
        self.work.compared += 1;
        let pair = (one.min(other), one.max(other));
        if self.unlike.contains(&pair) {
            return Ok(false);
        }
        let alike = self.similarity(one, other)? >= self.similarity;
        if alike {
            self.work.similar += 1;
        } else {
            if self.unlike.len() >= self.most_unlike {
                self.unlike.clear();
            }
            self.unlike.insert(pair);
        }
        Ok(alike)
    }

    fn similarity(&mut self, one: u32, other: u32) -> Result<f64, DuplicatesError> {
        let (one, other) = (self.item(one)?, self.item(other)?);
        Ok(M::similarity(&one, &other))
    }

    fn item(&mut self, row: u32) -> Result<Arc<M::Item>, DuplicatesError> {
        if let Some(item) = self.cache.items.get(&row) {
            return Ok(Arc::clone(item));
        }
        let item = Arc::new(self.items.read(row, M::decode)?);
        if self.cache.held > self.cache.bytes {
            self.cache.items.clear();
            self.cache.held = 0;
        }
        self.cache.held += self.items.size(row) + 64;
        self.cache.items.insert(row, Arc::clone(&item));
        Ok(item)
    }
}

/// A sorter that nothing is pushed to.
fn none() -> Sorter {
    Sorter::new(&Space {
        dir: std::path::PathBuf::new(),
        bytes: 0,
    })
}

/// Gives the rows of each key that more than one row has, in order.
fn each_group(
    sorter: Sorter,
    counts: impl Fn(u32) -> bool,
    mut take: impl FnMut(&[u32]) -> Result<(), DuplicatesError>,
) -> Result<(), DuplicatesError> {
    let (mut group, mut of) = (Vec::new(), 0);
    for record in sorter.sorted()? {
        let (key, row) = record?;
        if key != of {
            if group.len() > 1 {
                take(&group)?;
            }
            group.clear();
            of = key;
        }
        // Every number in a sorter was that of a row.
        let row = row as u32;
        if counts(row) && group.last() != Some(&row) {
            group.push(row);
        }
    }
    if group.len() > 1 {
        take(&group)?;
    }
    Ok(())
}
