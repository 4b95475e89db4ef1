//! Digits in groups, as cards and identity numbers are written.

/// A number of several groups with one kind of separator between them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Digits {
    values: [u8; MAX],
    len: usize,
}

/// The longest number that is read, in digits.
pub const MAX: usize = 19;

impl Digits {
    /// The digits.
    pub fn as_slice(&self) -> &[u8] {
        &self.values[..self.len]
    }

    /// Adds the run of digits at `at` and answers where it ends; none when it does not fit.
    fn take_group(&mut self, chars: &[char], mut at: usize) -> Option<usize> {
        while let Some(digit) = chars.get(at).and_then(|c| c.to_digit(10)) {
            *self.values.get_mut(self.len)? = digit as u8;
            self.len += 1;
            at += 1;
        }
        Some(at)
    }
}

/// Reads the number that starts at `start` and calls `at_group_end` with the digits so far and
/// the position behind them, after each group. Groups are parted by one space or hyphen, the same
/// throughout, and every group has at least `min_group` digits.
pub fn read_groups(
    chars: &[char],
    start: usize,
    min_group: usize,
    mut at_group_end: impl FnMut(&Digits, usize),
) {
    let mut digits = Digits::default();
    let mut separator = None;
    let mut at = start;
    loop {
        let Some(end) = digits.take_group(chars, at) else {
            return;
        };
        if end - at < min_group {
            return;
        }
        at_group_end(&digits, end);
        match chars.get(end) {
            Some(&c @ (' ' | '-')) if *separator.get_or_insert(c) == c => at = end + 1,
            _ => return,
        }
    }
}

/// The start of every run of digits.
pub fn run_starts(chars: &[char]) -> impl Iterator<Item = usize> {
    (0..chars.len())
        .filter(|&i| chars[i].is_ascii_digit() && (i == 0 || !chars[i - 1].is_ascii_digit()))
}
