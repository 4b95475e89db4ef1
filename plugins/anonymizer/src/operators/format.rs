//! What of a finding may change and what is its format: digits stay digits, letters stay letters of
//! their case, everything else stays as it is.

/// A place in a text that may change, and how many values it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which character.
    pub at: usize,
    /// The first of the characters that may stand there.
    base: char,
    /// How many there are.
    pub radix: u16,
}

impl Slot {
    /// The slot of a digit or a letter; none for other characters.
    pub fn of(at: usize, c: char) -> Option<Self> {
        let (base, radix) = match c {
            '0'..='9' => ('0', 10),
            'A'..='Z' => ('A', 26),
            'a'..='z' => ('a', 26),
            '０'..='９' => ('０', 10),
            'Ａ'..='Ｚ' => ('Ａ', 26),
            'ａ'..='ｚ' => ('ａ', 26),
            _ => return None,
        };
        Some(Self { at, base, radix })
    }

    /// Whether it holds a digit.
    pub fn is_digit(&self) -> bool {
        self.radix == 10
    }

    /// The value of a character of this slot.
    pub fn value(&self, c: char) -> u16 {
        (c as u32).saturating_sub(self.base as u32) as u16
    }

    /// The character of a value.
    pub fn char(&self, value: u16) -> char {
        char::from_u32(self.base as u32 + u32::from(value)).unwrap_or(self.base)
    }
}

/// The slots of a text.
pub fn slots(chars: &[char]) -> Vec<Slot> {
    chars
        .iter()
        .enumerate()
        .filter_map(|(at, c)| Slot::of(at, *c))
        .collect()
}

/// The most values that are permuted as one number.
const MAX_SIZE: u128 = 1 << 110;

/// Splits slots into runs that fit one permutation each, as even as possible.
pub fn chunks(slots: &[Slot]) -> Vec<&[Slot]> {
    let bits: f64 = slots.iter().map(|slot| f64::from(slot.radix).log2()).sum();
    let count = (bits / f64::from(MAX_SIZE.ilog2())).ceil().max(1.0) as usize;
    slots.chunks(slots.len().div_ceil(count).max(1)).collect()
}

/// The number that the characters at these slots are, and how many there could be.
pub fn read(chars: &[char], slots: &[Slot]) -> (u128, u128) {
    slots.iter().fold((0, 1), |(value, size), slot| {
        let radix = u128::from(slot.radix);
        (
            value * radix + u128::from(slot.value(chars[slot.at])),
            size * radix,
        )
    })
}

/// Writes a number into the slots.
pub fn write(chars: &mut [char], slots: &[Slot], mut value: u128) {
    for slot in slots.iter().rev() {
        let radix = u128::from(slot.radix);
        chars[slot.at] = slot.char((value % radix) as u16);
        value /= radix;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut chars: Vec<char> = "a1-Z９é".chars().collect();
        let slots = slots(&chars);
        assert_eq!(slots.len(), 4);
        let (value, size) = read(&chars, &slots);
        assert_eq!(size, 26 * 10 * 26 * 10);
        write(&mut chars, &slots, 0);
        assert_eq!(chars.iter().collect::<String>(), "a0-A０é");
        write(&mut chars, &slots, value);
        assert_eq!(chars.iter().collect::<String>(), "a1-Z９é");
    }

    #[test]
    fn long_texts_are_split_evenly() {
        let chars = vec!['x'; 60];
        let slots = slots(&chars);
        let chunks = chunks(&slots);
        assert!(chunks.len() > 1 && chunks.iter().all(|chunk| chunk.len() >= 15));
        assert!(chunks.iter().all(|chunk| read(&chars, chunk).1 <= MAX_SIZE));
    }
}
