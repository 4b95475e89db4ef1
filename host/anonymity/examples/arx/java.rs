//! The random rows of ARX's test of subsets.

/// The rows whose numbers `java.util.Random`, seeded as in the test, draws in `size` draws below `size`.
pub fn subset(table: &str, size: usize) -> String {
    let mut random = Random::new(i64::from(0xDEAD_BEEF_u32 as i32));
    let drawn: std::collections::BTreeSet<i32> =
        (0..size).map(|_| random.below(size as i32)).collect();
    let mut lines = table.lines();
    let header = lines.next().unwrap_or("");
    let rows = lines
        .zip(0..)
        .filter(|(_, row)| drawn.contains(row))
        .map(|(line, _)| line);
    std::iter::once(header)
        .chain(rows)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The linear congruential generator that the documentation of `java.util.Random` prescribes.
struct Random(i64);

const MASK: i64 = (1 << 48) - 1;
const FACTOR: i64 = 0x5_DEEC_E66D;

impl Random {
    fn new(seed: i64) -> Self {
        Self((seed ^ FACTOR) & MASK)
    }

    fn bits(&mut self, many: u32) -> i32 {
        self.0 = self.0.wrapping_mul(FACTOR).wrapping_add(0xB) & MASK;
        (self.0 >> (48 - many)) as i32
    }

    fn below(&mut self, bound: i32) -> i32 {
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.bits(31))) >> 31) as i32;
        }
        loop {
            let bits = self.bits(31);
            let value = bits % bound;
            // Draws of the last, incomplete round would favour small numbers.
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }
}
