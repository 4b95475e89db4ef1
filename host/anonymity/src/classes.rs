//! Equivalence classes: rows that look alike, counted.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

use crate::AnonymityError;

/// Where the code of each column lies in a key of 128 bits.
#[derive(Debug)]
pub(crate) struct Packing {
    fields: Vec<(u32, u128)>,
}

impl Packing {
    /// `sizes` says how many codes each column has at most.
    ///
    /// # Errors
    ///
    /// The columns have more than 2^128 combinations.
    pub fn new(sizes: impl Iterator<Item = usize>) -> Result<Self, AnonymityError> {
        let mut shift = 0;
        let mut fields = Vec::new();
        for size in sizes {
            let bits = usize::BITS - size.saturating_sub(1).leading_zeros();
            AnonymityError::limit(
                "bits of a combination of all quasi-identifying values",
                u64::from(shift + bits),
                u64::from(u128::BITS),
            )?;
            // A column of one value takes no bits, and a shift by all bits would overflow.
            fields.push(if bits == 0 {
                (0, 0)
            } else {
                (shift, (1 << bits) - 1)
            });
            shift += bits;
        }
        Ok(Self { fields })
    }

    pub fn get(&self, key: u128, column: usize) -> u32 {
        let (shift, mask) = self.fields[column];
        // The mask keeps fewer than 32 bits, because codes are `u32`.
        (key >> shift & mask) as u32
    }

    pub fn set(&self, key: u128, column: usize, code: u32) -> u128 {
        let (shift, mask) = self.fields[column];
        key & !(mask << shift) | (u128::from(code) & mask) << shift
    }

    pub fn columns(&self) -> usize {
        self.fields.len()
    }
}

/// The values of one sensitive column in each class: for class `i` the pairs from `starts[i]` to `starts[i + 1]`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Histograms {
    starts: Vec<u32>,
    /// Value and how often it comes.
    pairs: Vec<(u32, u32)>,
}

impl Histograms {
    pub fn of(&self, class: usize) -> &[(u32, u32)] {
        &self.pairs[self.starts[class] as usize..self.starts[class + 1] as usize]
    }
}

/// Classes of rows that look alike on some level of each column.
#[derive(Debug, Default, Clone)]
pub(crate) struct Classes {
    pub keys: Vec<u128>,
    /// Rows of the table.
    pub counts: Vec<u32>,
    /// People of the population, the table's included; empty where there is no population.
    pub population: Vec<u32>,
    /// One for each sensitive column that a model looks at.
    pub sensitive: Vec<Histograms>,
}

/// What `Classes::recode` needs for a while and keeps for the next call.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    index: HashTable<u32>,
    class_of: Vec<u32>,
    starts: Vec<u32>,
    order: Vec<u32>,
    counts: Vec<u32>,
    touched: Vec<u32>,
}

/// A column and the new code for each of its codes.
pub(crate) type Change<'a> = (usize, &'a [u32]);

impl Classes {
    /// One class for each key; `population` keys count for the population alone.
    ///
    /// Answers the class of each row too.
    pub fn of_rows(
        rows: impl Iterator<Item = u128>,
        population: Option<impl Iterator<Item = u128>>,
        sensitive: &[(&[u32], usize)],
    ) -> (Self, Vec<u32>) {
        let mut index = HashTable::new();
        let mut classes = Self::default();
        let mut class_of = Vec::new();
        for key in rows {
            let class = class_for(&mut index, &mut classes.keys, key);
            if class as usize == classes.counts.len() {
                classes.counts.push(0);
            }
            classes.counts[class as usize] += 1;
            class_of.push(class);
        }
        if let Some(population) = population {
            classes.population.resize(classes.keys.len(), 0);
            for key in population {
                let class = class_for(&mut index, &mut classes.keys, key);
                if class as usize == classes.population.len() {
                    classes.population.push(0);
                    classes.counts.push(0);
                }
                classes.population[class as usize] += 1;
            }
        }
        let mut scratch = Scratch::default();
        scratch.sort_by_class(&class_of, classes.keys.len());
        classes.sensitive = sensitive
            .iter()
            .map(|(codes, values)| {
                let mut merged = Histograms::default();
                scratch.merge(*values, &mut merged, |row, add| add(codes[row], 1));
                merged
            })
            .collect();
        (classes, class_of)
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Writes to `out` the classes that these become when columns get coarser codes.
    ///
    /// `values` says how many values each sensitive column has. Answers the new class of each old one.
    pub fn recode<'s>(
        &self,
        packing: &Packing,
        changes: &[Change<'_>],
        values: &[usize],
        scratch: &'s mut Scratch,
        out: &mut Self,
    ) -> &'s [u32] {
        scratch.index.clear();
        scratch.class_of.clear();
        out.keys.clear();
        out.counts.clear();
        out.population.clear();
        out.sensitive
            .resize_with(self.sensitive.len(), Histograms::default);
        for (old, &key) in self.keys.iter().enumerate() {
            let key = changes.iter().fold(key, |key, &(column, codes)| {
                packing.set(key, column, codes[packing.get(key, column) as usize])
            });
            let class = class_for(&mut scratch.index, &mut out.keys, key);
            if class as usize == out.counts.len() {
                out.counts.push(0);
            }
            out.counts[class as usize] += self.counts[old];
            scratch.class_of.push(class);
        }
        if !self.population.is_empty() {
            out.population.resize(out.keys.len(), 0);
            for (&class, people) in scratch.class_of.iter().zip(&self.population) {
                out.population[class as usize] += people;
            }
        }
        if !self.sensitive.is_empty() {
            let class_of = std::mem::take(&mut scratch.class_of);
            scratch.sort_by_class(&class_of, out.keys.len());
            for ((before, after), &values) in
                self.sensitive.iter().zip(&mut out.sensitive).zip(values)
            {
                scratch.merge(values, after, |old, add| {
                    for &(value, count) in before.of(old) {
                        add(value, count);
                    }
                });
            }
            scratch.class_of = class_of;
        }
        &scratch.class_of
    }
}

fn class_for(index: &mut HashTable<u32>, keys: &mut Vec<u128>, key: u128) -> u32 {
    let hash = |key: &u128| FxBuildHasher.hash_one(key);
    let entry = index.entry(
        hash(&key),
        |&class| keys[class as usize] == key,
        |&class| hash(&keys[class as usize]),
    );
    match entry {
        Entry::Occupied(found) => *found.get(),
        Entry::Vacant(free) => {
            // There are no more classes than rows of the table and the population, each below `u32::MAX / 2`.
            let class = keys.len() as u32;
            free.insert(class);
            keys.push(key);
            class
        }
    }
}

impl Scratch {
    /// Sorts the numbers of `class_of` by their class, by counting.
    fn sort_by_class(&mut self, class_of: &[u32], classes: usize) {
        self.starts.clear();
        self.starts.resize(classes + 1, 0);
        for &class in class_of {
            self.starts[class as usize + 1] += 1;
        }
        for class in 0..classes {
            self.starts[class + 1] += self.starts[class];
        }
        self.order.clear();
        self.order.resize(class_of.len(), 0);
        // The next free place of a class is where it starts; afterwards that is where the next class starts.
        for (member, &class) in class_of.iter().enumerate() {
            let place = &mut self.starts[class as usize];
            self.order[*place as usize] = member as u32;
            *place += 1;
        }
        self.starts.rotate_right(1);
        if let Some(first) = self.starts.first_mut() {
            *first = 0;
        }
    }

    /// Adds up the histograms of the members of each class.
    fn merge(
        &mut self,
        values: usize,
        out: &mut Histograms,
        each: impl Fn(usize, &mut dyn FnMut(u32, u32)),
    ) {
        self.counts.clear();
        self.counts.resize(values, 0);
        out.starts.clear();
        out.pairs.clear();
        out.starts.push(0);
        for class in 0..self.starts.len() - 1 {
            let members = &self.order[self.starts[class] as usize..self.starts[class + 1] as usize];
            for &member in members {
                each(member as usize, &mut |value, count| {
                    let sum = &mut self.counts[value as usize];
                    if *sum == 0 {
                        self.touched.push(value);
                    }
                    *sum += count;
                });
            }
            for value in self.touched.drain(..) {
                out.pairs
                    .push((value, std::mem::take(&mut self.counts[value as usize])));
            }
            out.starts.push(out.pairs.len() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hold_the_code_of_each_column() {
        let packing = Packing::new([5, 1, 2, 300].into_iter()).unwrap();
        let codes = [4, 0, 1, 299];
        let key = codes
            .iter()
            .enumerate()
            .fold(0, |key, (column, &code)| packing.set(key, column, code));
        for (column, code) in codes.iter().enumerate() {
            assert_eq!(packing.get(key, column), *code);
        }
        assert_eq!(packing.get(packing.set(key, 3, 7), 2), 1);
        assert!(Packing::new([1 << 20; 6].into_iter()).is_ok());
        assert!(Packing::new([1 << 20; 7].into_iter()).is_err());
    }

    #[test]
    fn coarser_classes_add_up() {
        let packing = Packing::new([4].into_iter()).unwrap();
        let (classes, class_of) = Classes::of_rows(
            [0, 1, 2, 3, 3].into_iter(),
            Some([0, 1, 2, 3, 3, 3, 2].into_iter()),
            &[(&[0, 1, 0, 2, 2], 3)],
        );
        assert_eq!(class_of, [0, 1, 2, 3, 3]);
        let mut out = Classes::default();
        let mut scratch = Scratch::default();
        let map = classes.recode(
            &packing,
            &[(0, &[0, 0, 1, 1])],
            &[3],
            &mut scratch,
            &mut out,
        );
        assert_eq!(map, [0, 0, 1, 1]);
        assert_eq!(out.counts, [2, 3]);
        assert_eq!(out.population, [2, 5]);
        assert_eq!(out.sensitive[0].of(0), [(0, 1), (1, 1)]);
        assert_eq!(out.sensitive[0].of(1), [(0, 1), (2, 2)]);
    }
}
