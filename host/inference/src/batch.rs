//! Rows of different length to rectangles that a model can compute at once.

use crate::tokenize::Row;

/// The most texts that one run of a model computes.
pub(crate) const MAX_ROWS: usize = 32;
/// Rows of one width. `mask` is 1 where a row has a token and 0 where it is filled up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// How many tokens each row has.
    pub(crate) lengths: Vec<usize>,
    pub(crate) ids: Vec<i64>,
    pub(crate) mask: Vec<i64>,
    pub(crate) types: Vec<i64>,
}

impl Batch {
    /// The rectangle around `rows`, filled up on the right.
    pub(crate) fn of(rows: &[&Row], padding: u32) -> Self {
        let width = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
        let cells = rows.len() * width;
        let mut batch = Self {
            rows: rows.len(),
            width,
            lengths: rows.iter().map(|row| row.ids.len()).collect(),
            ids: Vec::with_capacity(cells),
            mask: Vec::with_capacity(cells),
            types: Vec::with_capacity(cells),
        };
        for row in rows {
            let end = batch.ids.len() + width;
            batch.mask.resize(batch.mask.len() + row.ids.len(), 1);
            batch.ids.extend(row.ids.iter().map(|&id| i64::from(id)));
            batch
                .types
                .extend(row.types.iter().map(|&kind| i64::from(kind)));
            batch.ids.resize(end, i64::from(padding));
            batch.mask.resize(end, 0);
            batch.types.resize(end, 0);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(length: usize) -> Row {
        Row {
            ids: (1..=length as u32).collect(),
            types: vec![0; length],
        }
    }

    #[test]
    fn a_batch_is_a_rectangle_with_a_mask() {
        let batch = Batch::of(&[&row(1), &row(3)], 9);
        assert_eq!((batch.rows, batch.width), (2, 3));
        assert_eq!(batch.ids, [1, 9, 9, 1, 2, 3]);
        assert_eq!(batch.mask, [1, 0, 0, 1, 1, 1]);
        assert_eq!(batch.types, [0; 6]);
    }
}
