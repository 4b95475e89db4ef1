//! Which rows are compared at all.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::Limits;
use super::compare::Comparison;
use super::spec::{Part, Spec};
use super::table::Table;
use super::value::normal;
use crate::DuplicatesError;

/// The keys of all rows by all rules.
pub(super) struct Blocks {
    /// For each rule the key of each row; 0 for none, where a column is empty.
    keys: Vec<Vec<u64>>,
    /// The columns of each rule, for messages.
    pub names: Vec<String>,
    /// The first row of the second table.
    second: Option<u32>,
    rows: u32,
}

/// Two rows that agree by a rule.
pub(super) struct Pair {
    pub left: u32,
    pub right: u32,
    /// The number of its pattern.
    pub pattern: u32,
}

/// How the columns of some pairs agree.
pub(super) struct Pattern {
    pub levels: Vec<Option<u8>>,
    /// How many pairs of each rule have it.
    pub by_rule: Vec<u64>,
}

/// All pairs, each once.
pub(super) struct Pairs {
    pub all: Vec<Pair>,
    pub patterns: Vec<Pattern>,
    /// How many pairs agree by each rule; a pair can agree by several.
    pub by_rule: Vec<u64>,
}

impl Blocks {
    pub fn new(spec: &Spec, tables: &[Table]) -> Result<Self, DuplicatesError> {
        let mut keys = Vec::new();
        for rule in &spec.blocking {
            let mut of_rule = Vec::new();
            for table in tables {
                let columns: Vec<(usize, usize)> = rule
                    .iter()
                    .map(|part| {
                        let first = match part {
                            Part::Whole(_) => usize::MAX,
                            Part::Beginning(part) => part.first,
                        };
                        Ok((table.column(part.column())?, first))
                    })
                    .collect::<Result<_, DuplicatesError>>()?;
                of_rule.extend(table.rows.iter().map(|row| {
                    let mut key = String::new();
                    for &(column, first) in &columns {
                        let text = normal(row.get(column).unwrap_or_default(), &[]);
                        if text.is_empty() {
                            return 0;
                        }
                        key.extend(text.chars().take(first));
                        key.push('\0');
                    }
                    xxh3_64(key.as_bytes()).max(1)
                }));
            }
            keys.push(of_rule);
        }
        let name = |rule: &Vec<Part>| {
            let columns: Vec<&str> = rule.iter().map(Part::column).collect();
            columns.join(" and ")
        };
        let count = |tables: &[Table]| tables.iter().map(|table| table.rows.len()).sum::<usize>();
        Ok(Self {
            keys,
            names: spec.blocking.iter().map(name).collect(),
            second: (tables.len() == 2).then(|| count(&tables[..1]) as u32),
            rows: count(tables) as u32,
        })
    }

    /// How many pairs there are without any rule.
    pub fn possible(&self) -> f64 {
        let all = f64::from(self.rows);
        match self.second {
            Some(second) => f64::from(second) * (all - f64::from(second)),
            None => all * (all - 1.0) / 2.0,
        }
    }

    /// Gives pairs that were drawn at random, the same on each run: all of them where they are not many.
    pub fn sample(&self, most: u64, mut take: impl FnMut(u32, u32)) {
        let (left, right) = match self.second {
            Some(second) => (0..second, second..self.rows),
            None => (0..self.rows, 0..self.rows),
        };
        if self.possible() <= most as f64 {
            for one in left {
                let others = if self.second.is_some() {
                    right.clone()
                } else {
                    one + 1..self.rows
                };
                others.for_each(|other| take(one, other));
            }
            return;
        }
        let draw = |n: u64, of: &std::ops::Range<u32>| {
            let random = xxh3_64(&n.to_le_bytes());
            // The high half of a product falls evenly on the rows (Lemire 2019).
            of.start + ((u128::from(random) * (of.len() as u128)) >> 64) as u32
        };
        for n in 0..most {
            let (one, other) = (draw(2 * n, &left), draw(2 * n + 1, &right));
            if one != other {
                take(one, other);
            }
        }
    }

    /// All pairs that agree by a rule, compared.
    pub fn pairs(
        &self,
        comparisons: &[Comparison],
        limits: &Limits,
    ) -> Result<Pairs, DuplicatesError> {
        let mut pairs = Pairs {
            all: Vec::new(),
            patterns: Vec::new(),
            by_rule: vec![0; self.keys.len()],
        };
        let mut numbers: FxHashMap<Vec<Option<u8>>, u32> = FxHashMap::default();
        for (rule, keys) in self.keys.iter().enumerate() {
            let blocks = blocks(keys);
            self.check(rule, &blocks, limits)?;
            for block in blocks {
                for (at, &one) in block.iter().enumerate() {
                    for &other in &block[at + 1..] {
                        if !self.meet(one, other) || self.agree(one, other, ..rule) {
                            continue;
                        }
                        if pairs.all.len() >= limits.pairs {
                            return Err(too_many(limits.pairs, &self.names[rule], block.len()));
                        }
                        let levels = comparisons.iter().map(|c| c.level(one, other)).collect();
                        let pattern = *numbers.entry(levels).or_insert_with_key(|levels| {
                            pairs.patterns.push(Pattern {
                                levels: levels.clone(),
                                by_rule: vec![0; self.keys.len()],
                            });
                            pairs.patterns.len() as u32 - 1
                        });
                        for rule in (0..self.keys.len()).filter(|&r| self.agree(one, other, r..=r))
                        {
                            pairs.patterns[pattern as usize].by_rule[rule] += 1;
                            pairs.by_rule[rule] += 1;
                        }
                        pairs.all.push(Pair {
                            left: one,
                            right: other,
                            pattern,
                        });
                    }
                }
            }
        }
        Ok(pairs)
    }

    /// Whether these rows are to be compared: any two of one table, or one of each of two.
    fn meet(&self, one: u32, other: u32) -> bool {
        self.second
            .is_none_or(|second| one < second && other >= second)
    }

    fn agree(
        &self,
        one: u32,
        other: u32,
        rules: impl std::slice::SliceIndex<[Vec<u64>], Output = [Vec<u64>]>,
    ) -> bool {
        let same =
            |keys: &Vec<u64>| keys[one as usize] != 0 && keys[one as usize] == keys[other as usize];
        self.keys[rules].iter().any(same)
    }

    /// Refuses a rule before its pairs are made one by one.
    fn check(
        &self,
        rule: usize,
        blocks: &[Vec<u32>],
        limits: &Limits,
    ) -> Result<(), DuplicatesError> {
        let pairs_of = |block: &Vec<u32>| match self.second {
            Some(second) => {
                let left = block.partition_point(|&row| row < second);
                left * (block.len() - left)
            }
            None => block.len() * (block.len() - 1) / 2,
        };
        let pairs: usize = blocks.iter().map(pairs_of).sum();
        if pairs > limits.pairs {
            let largest = blocks.iter().map(Vec::len).max().unwrap_or(0);
            return Err(too_many(limits.pairs, &self.names[rule], largest));
        }
        Ok(())
    }
}

fn too_many(most: usize, rule: &str, block: usize) -> DuplicatesError {
    DuplicatesError::Invalid(format!(
        "the blocking rule `{rule}` makes more than {most} pairs: {block} rows share one value; add a column to the rule"
    ))
}

/// The rows of each key that more than one row has, in order.
fn blocks(keys: &[u64]) -> Vec<Vec<u32>> {
    let mut of_key: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    for (row, &key) in keys.iter().enumerate() {
        if key != 0 {
            of_key.entry(key).or_default().push(row as u32);
        }
    }
    let mut blocks: Vec<Vec<u32>> = of_key.into_values().filter(|rows| rows.len() > 1).collect();
    blocks.sort_unstable();
    blocks
}
