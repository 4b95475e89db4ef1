//! Unpacks pages: never more than the page says, and the page was held against the limits before.

use std::io::Read;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::ParquetError;

/// Unpacks bytes that must become exactly `size`.
pub(super) fn unpack(
    codec: Compression,
    packed: &[u8],
    size: usize,
) -> Result<Bytes, ParquetError> {
    if size == 0 {
        return Ok(Bytes::new());
    }
    let mut out = vec![0; size];
    let written = match codec {
        Compression::UNCOMPRESSED => {
            return match packed.len() == size {
                true => Ok(Bytes::copy_from_slice(packed)),
                false => Err(wrong(packed.len(), size)),
            };
        }
        Compression::SNAPPY => snap::raw::Decoder::new()
            .decompress(packed, &mut out)
            .map_err(|e| bad("Snappy", &e))?,
        Compression::GZIP(_) => fill(flate2::read::MultiGzDecoder::new(packed), &mut out)
            .map_err(|e| bad("gzip", &e))?,
        Compression::ZSTD(_) => ruzstd::decoding::FrameDecoder::new()
            .decode_all(packed, &mut out)
            .map_err(|e| bad("zstd", &e))?,
        Compression::LZ4_RAW => {
            lz4_flex::block::decompress_into(packed, &mut out).map_err(|e| bad("LZ4", &e))?
        }
        Compression::LZ4 => match hadoop_lz4(packed, &mut out) {
            Some(written) => written,
            None => fill(lz4_flex::frame::FrameDecoder::new(packed), &mut out)
                .or_else(|_| lz4_flex::block::decompress_into(packed, &mut out))
                .map_err(|e| bad("LZ4", &e))?,
        },
        other => {
            return Err(ParquetError::General(format!(
                "its pages are packed by {other}, which is not read: write it with snappy, zstd, gzip or lz4"
            )));
        }
    };
    match written == size {
        true => Ok(Bytes::from(out)),
        false => Err(wrong(written, size)),
    }
}

fn bad(codec: &str, error: &dyn std::fmt::Display) -> ParquetError {
    ParquetError::General(format!("a page is not good {codec}: {error}"))
}

fn wrong(found: usize, said: usize) -> ParquetError {
    ParquetError::General(format!(
        "a page says that it has {said} bytes, and it has {found}"
    ))
}

/// Reads as much as fits, and says one more where there is more.
fn fill(mut from: impl Read, out: &mut [u8]) -> std::io::Result<usize> {
    let mut at = 0_usize;
    while at < out.len() {
        match from.read(&mut out[at..])? {
            0 => return Ok(at),
            read => at += read,
        }
    }
    let more = from.read(&mut [0])?;
    Ok(at + more)
}

/// LZ4 as Hadoop frames it: the sizes of each block, unpacked and packed, stand before it, the highest byte first.
fn hadoop_lz4(mut packed: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut at = 0_usize;
    while !packed.is_empty() {
        let (unpacked, rest) = packed.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let block = rest.get(..u32::from_be_bytes(*length) as usize)?;
        let room = out.get_mut(at..at.checked_add(u32::from_be_bytes(*unpacked) as usize)?)?;
        if lz4_flex::block::decompress_into(block, room).ok()? != room.len() {
            return None;
        }
        at += room.len();
        packed = &rest[block.len()..];
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use parquet::basic::{GzipLevel, ZstdLevel};

    use super::*;

    #[test]
    fn no_page_becomes_more_than_it_says() {
        let zeros = vec![0; 100_000];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&zeros).unwrap();
        let gzip = gzip.finish().unwrap();
        let snappy = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(
            &zeros[..],
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        for (codec, packed) in [
            (Compression::GZIP(GzipLevel::default()), gzip),
            (Compression::SNAPPY, snappy),
            (Compression::ZSTD(ZstdLevel::default()), zstd),
            (Compression::UNCOMPRESSED, zeros.clone()),
        ] {
            assert_eq!(
                unpack(codec, &packed, zeros.len()).unwrap(),
                zeros,
                "{codec}"
            );
            for wrong in [10, zeros.len() - 1, zeros.len() + 1] {
                assert!(unpack(codec, &packed, wrong).is_err(), "{codec} {wrong}");
            }
            let cut = &packed[..packed.len() - 3];
            assert!(unpack(codec, cut, zeros.len()).is_err(), "{codec}");
        }
        for codec in [Compression::LZ4, Compression::LZ4_RAW] {
            assert!(unpack(codec, b"\xFF\xFF\xFF", 1000).is_err());
        }
        let error = unpack(Compression::LZO, b"x", 1).unwrap_err().to_string();
        assert!(error.contains("snappy, zstd, gzip or lz4"), "{error}");
    }
}
