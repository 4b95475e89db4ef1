//! Rows of different length to rectangles that a model can compute at once.

use crate::tokenize::Row;

/// The most texts that one run of a model computes.
pub(crate) const MAX_ROWS: usize = 32;
/// The most tokens of one run, padding included: the memory of a run grows with it.
const MAX_CELLS: usize = 8192;

/// Rows of one width. `mask` is 1 where a row has a token and 0 where it is filled up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) rows: usize,
    pub(crate) width: usize,
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

/// Groups of rows to compute together, as positions in `rows`; each position is in exactly one group.
///
/// Rows of similar length meet, so that little is spent on padding. A model without an attention mask cannot tell
/// padding from text: then (`masked` is false) only rows of the same length meet.
pub(crate) fn plan(rows: &[Row], masked: bool) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&position| rows[position].ids.len());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for position in order {
        // The lengths rise, so this row is the widest of the group it joins.
        let width = rows[position].ids.len();
        let joins = groups.last().is_some_and(|group| {
            group.len() < MAX_ROWS
                && (group.len() + 1) * width <= MAX_CELLS
                && (masked || rows[group[0]].ids.len() == width)
        });
        match groups.last_mut() {
            Some(group) if joins => group.push(position),
            _ => groups.push(vec![position]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn every_row_is_computed_once_within_the_limits(
            lengths in prop::collection::vec(1usize..9000, 0..200),
            masked: bool,
        ) {
            let rows: Vec<Row> = lengths.iter().map(|&length| row(length)).collect();
            let groups = plan(&rows, masked);
            let mut seen: Vec<usize> = groups.concat();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..rows.len()).collect::<Vec<_>>());
            for group in groups {
                let widest = group.iter().map(|&position| lengths[position]).max().unwrap_or(0);
                prop_assert!(group.len() <= MAX_ROWS);
                prop_assert!(group.len() == 1 || group.len() * widest <= MAX_CELLS);
                prop_assert!(masked || group.iter().all(|&position| lengths[position] == widest));
            }
        }
    }
}
