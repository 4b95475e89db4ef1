//! Numbers packed as differences (`DELTA_BINARY_PACKED`), read beforehand: they say themselves how many there are, and a
//! decoder that believes it would take memory for any number.
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>

use super::thrift::Reader;

/// The largest block, in values; writers take 128 to 256.
const MAX_BLOCK: u64 = 1 << 20;

/// What stands at the beginning of such numbers.
pub(super) struct Head {
    block: u64,
    mini_blocks: u64,
    /// How many there are.
    pub values: u64,
    first: i64,
    /// Where the blocks begin.
    start: usize,
}

impl Head {
    /// Reads it; none where it is no such thing, or holds more than `most`.
    pub fn read(data: &[u8], most: u64) -> Option<Self> {
        let mut reader = Reader::new(data);
        let block = reader.varint().ok()?;
        let mini_blocks = reader.varint().ok()?;
        let values = reader.varint().ok()?;
        let first = reader.int().ok()?;
        let fits = (1..=MAX_BLOCK).contains(&block) && (1..=block).contains(&mini_blocks);
        (fits && values <= most && block.is_multiple_of(mini_blocks)).then(|| Self {
            block,
            mini_blocks,
            values,
            first,
            start: reader.at(),
        })
    }
}

/// The lengths that stand at the beginning of `data`, their sum, and where they end. None where they are no lengths.
fn lengths(data: &[u8], most: u64) -> Option<(u64, u64, usize)> {
    let head = Head::read(data, most)?;
    let per_mini = head.block / head.mini_blocks;
    let mut at = head.start;
    let mut value = head.first;
    let mut sum = 0_u64;
    if head.values > 0 {
        sum += u64::try_from(value).ok()?;
    }
    let mut left = head.values.saturating_sub(1);
    while left > 0 {
        let mut reader = Reader::new(data.get(at..)?);
        let least = reader.int().ok()?;
        at += reader.at();
        let widths = data.get(at..at.checked_add(head.mini_blocks as usize)?)?;
        at += widths.len();
        for width in widths {
            if left == 0 {
                // Blocks of no values have widths and no bytes.
                break;
            }
            let width = u64::from(*width);
            let bytes = usize::try_from((per_mini * width).div_ceil(8)).ok()?;
            let packed = data.get(at..at.checked_add(bytes)?)?;
            at += bytes;
            for index in 0..per_mini.min(left) {
                let difference = bits(packed, index * width, width)?;
                // As decoders do it: in 32 bits, around the end.
                value = i64::from(
                    (value as i32)
                        .wrapping_add(least as i32)
                        .wrapping_add(difference as i32),
                );
                sum = sum.checked_add(u64::try_from(value).ok()?)?;
            }
            left = left.saturating_sub(per_mini);
        }
    }
    Some((head.values, sum, at))
}

/// `width` bits from bit `start` on, the lowest first.
fn bits(packed: &[u8], start: u64, width: u64) -> Option<u64> {
    if width > 32 {
        return None;
    }
    let mut value = 0_u64;
    for bit in 0..width {
        let at = start + bit;
        let byte = *packed.get((at / 8) as usize)?;
        value |= u64::from(byte >> (at % 8) & 1) << bit;
    }
    Some(value)
}

/// How many bytes the strings of `DELTA_BYTE_ARRAY` have together once the beginning that each shares with the one before it
/// is put before it. None where they are no such strings.
pub(super) fn expanded(data: &[u8], most: u64) -> Option<u64> {
    let (count, shared, end) = lengths(data, most)?;
    let (again, own, _) = lengths(&data[end..], most)?;
    (count == again).then(|| shared.saturating_add(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 128 values in a block, 4 of them mini, as widths of one byte each.
    fn packed(values: &[i32]) -> Vec<u8> {
        let mut out = vec![0x80, 0x01, 0x04, values.len() as u8];
        let zigzag = |v: i64| ((v << 1) ^ (v >> 63)) as u64;
        let varint = |mut v: u64, out: &mut Vec<u8>| {
            while v >= 0x80 {
                out.push(v as u8 | 0x80);
                v >>= 7;
            }
            out.push(v as u8);
        };
        varint(zigzag(i64::from(values[0])), &mut out);
        let differences: Vec<i32> = values.windows(2).map(|w| w[1] - w[0]).collect();
        if differences.is_empty() {
            return out;
        }
        let least = *differences.iter().min().unwrap();
        varint(zigzag(i64::from(least)), &mut out);
        out.extend([8, 8, 8, 8]);
        let mut bytes: Vec<u8> = differences.iter().map(|d| (d - least) as u8).collect();
        bytes.resize(bytes.len().div_ceil(32) * 32, 0);
        out.extend(bytes);
        out
    }

    #[test]
    fn lengths_are_summed_without_memory_for_them() {
        for values in [
            vec![5],
            vec![3, 3, 3],
            vec![0, 100, 7, 90, 0],
            (0..60).collect(),
        ] {
            let data = packed(&values);
            let sum: i32 = values.iter().sum();
            assert_eq!(
                lengths(&data, 100),
                Some((values.len() as u64, sum as u64, data.len()))
            );
            assert_eq!(lengths(&data, values.len() as u64 - 1), None);
        }
        let both = [packed(&[0, 3, 1]), packed(&[5, 1, 2]), b"hellox".to_vec()].concat();
        assert_eq!(expanded(&both, 10), Some(12));
        assert_eq!(
            expanded(&[packed(&[0]), packed(&[5, 1])].concat(), 10),
            None
        );
        assert_eq!(lengths(&packed(&[1, -1]), 10), None);
        // Any number of values, in a few bytes.
        assert!(
            Head::read(
                &[0x80, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x00],
                1000
            )
            .is_none()
        );
        assert!(lengths(&[], 10).is_none());
    }
}
