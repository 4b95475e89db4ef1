//! TFRecord framing: a length, its checksum, the data, their checksum (`tensorflow/core/lib/io/record_writer.h`).

use std::io::{self, Write};

use crc::{CRC_32_ISCSI, Crc};

const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// A checksum of data that hold checksums is weak, so TensorFlow turns and shifts it (`tensorflow/core/lib/hash/crc32c.h`).
fn masked(data: &[u8]) -> [u8; 4] {
    let checksum = CRC32C.checksum(data);
    let masked = checksum.rotate_right(15).wrapping_add(0xa282_ead8);
    masked.to_le_bytes()
}

/// Writes one record.
pub(super) fn write(out: &mut impl Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked(&length))?;
    out.write_all(data)?;
    out.write_all(&masked(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_checksums() {
        // RFC 3720, appendix B.4.
        assert_eq!(CRC32C.checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(CRC32C.checksum(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(CRC32C.checksum(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_record_is_sixteen_bytes_longer_than_its_data() {
        let mut out = Vec::new();
        write(&mut out, b"data").unwrap();
        assert_eq!(out.len(), 20);
        assert_eq!(out[..8], 4_u64.to_le_bytes());
        assert_eq!(&out[12..16], b"data");
    }
}
