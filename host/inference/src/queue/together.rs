//! Which rows are computed together.

use super::Turn;
use crate::batch::BEST_CELLS;

/// What a run costs beside its cells, in cells: a batch may be padded by so much rather than be two.
pub(super) const RUN_CELLS: usize = 16;

/// Of rows in order of their turns, given by length, those to compute together with the first: its neighbours by
/// length, the nearest first, as long as that costs less than to compute them apart.
pub(super) fn together(mut window: Vec<(usize, Turn)>, most: usize, masked: bool) -> Vec<Turn> {
    let Some(&(first, turn)) = window.first() else {
        return Vec::new();
    };
    window.sort_unstable();
    let at = window.partition_point(|row| *row < (first, turn));
    let (mut from, mut to) = (at, at + 1);
    let (mut width, mut padding) = (first, 0);
    while to - from < most {
        let rows = to - from;
        // What the batch would be padded by, beside what it is already.
        let shorter = from.checked_sub(1).map(|i| width - window[i].0);
        let longer = window.get(to).map(|row| (row.0 - width) * rows);
        let (more, wider) = match (shorter, longer) {
            (None, None) => break,
            (Some(s), Some(l)) if l < s => (l, true),
            (Some(s), _) => (s, false),
            (None, Some(l)) => (l, true),
        };
        let wide = if wider { window[to].0 } else { width };
        // Each row may bring so much padding as a run of its own would cost.
        let worth = padding + more <= (rows * RUN_CELLS).max(RUN_CELLS) && (masked || more == 0);
        if !worth || (rows + 1) * wide > BEST_CELLS {
            break;
        }
        padding += more;
        width = wide;
        if wider { to += 1 } else { from -= 1 }
    }
    window[from..to].iter().map(|row| row.1).collect()
}
