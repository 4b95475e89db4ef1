//! Which rows are computed together.

use std::time::Duration;

use super::Turn;
use crate::device::Device;

/// What decides how rows are put together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batching {
    /// Whether rows of different length may be computed together: the model takes a mask.
    pub(crate) masked: bool,
    /// How long a row may wait for company while a runner has nothing to do.
    pub(crate) delay: Duration,
    /// The tokens of one run, padding included, beyond which rows are computed apart.
    pub(crate) most_cells: usize,
    /// What a run costs beside its cells, in cells: a batch may be padded by so much rather than be two.
    pub(crate) run_cells: usize,
}

impl Batching {
    /// What suits a device, for a model without a mask and without a delay.
    pub(crate) fn on(device: Device) -> Self {
        let (most_cells, run_cells) = match device {
            // A core computes no more texts a second in larger batches, and everybody in them waits longer: MiniLM
            // gives 146 texts a second with batches of 32 texts of 20 to 60 tokens, 180 to 190 with those of 2 to 6.
            Device::Cpu => (256, 16),
            // A GPU computes a few hundred tokens in the time that it takes to begin.
            Device::Cuda | Device::TensorRt => (16_384, 512),
        };
        Self {
            masked: false,
            delay: Duration::ZERO,
            most_cells,
            run_cells,
        }
    }
}

/// Of rows in order of their turns, given by length, those to compute together with the first: its neighbours by
/// length, the nearest first, as long as that costs less than to compute them apart.
pub(super) fn together(
    mut window: Vec<(usize, Turn)>,
    most: usize,
    batching: &Batching,
) -> Vec<Turn> {
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
        let worth = padding + more <= (rows * batching.run_cells).max(batching.run_cells)
            && (batching.masked || more == 0);
        if !worth || (rows + 1) * wide > batching.most_cells {
            break;
        }
        padding += more;
        width = wide;
        if wider { to += 1 } else { from -= 1 }
    }
    window[from..to].iter().map(|row| row.1).collect()
}
