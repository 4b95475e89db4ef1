//! MurmurHash3, 32 bits, seed 0 (Austin Appleby, public domain): what flagd cuts shares by.

/// The hash of these bytes.
pub(super) fn murmur3(bytes: &[u8]) -> u32 {
    let mixed = |word: u32| {
        word.wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    };
    let mut hash: u32 = 0;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        hash ^= mixed(u32::from_le_bytes(*word));
        hash = hash
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let tail = rest
        .iter()
        .rev()
        .fold(0u32, |tail, byte| (tail << 8) | u32::from(*byte));
    if !rest.is_empty() {
        hash ^= mixed(tail);
    }
    // The reference counts bytes in 32 bits.
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::murmur3;

    #[test]
    fn the_vectors_of_the_reference_are_met() {
        for (text, hash) in [
            ("", 0),
            ("test", 0xba6b_d213),
            ("Hello, world!", 0xc036_3e43),
            ("The quick brown fox jumps over the lazy dog", 0x2e4f_f723),
        ] {
            assert_eq!(murmur3(text.as_bytes()), hash, "{text}");
        }
    }
}
