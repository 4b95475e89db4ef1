//! Whether a shared library's file is whole.
//!
//! The system's loader maps a library's segments without looking at the length of the file. Touching a page beyond
//! its end, as after an interrupted download, kills the process with SIGBUS: nothing that could be caught.

use std::fs::File;
use std::io::Read;
use std::path::Path;

const FILE_HEADER: usize = 64;
const SEGMENT_HEADER: usize = 56;
const LOADABLE: u32 = 1;

/// Says what is wrong with an ELF file that could not be mapped safely.
///
/// Files of other formats pass: only the ELF loader is known to trust its input so much. A 32-bit or big-endian
/// ELF passes too, since the loader of a host that this code runs on refuses those by itself.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".into());
    }
    let length = metadata.len();
    // Program headers follow the file header in every linker's output; 64 KiB hold a thousand of them.
    let mut head = Vec::new();
    file.by_ref()
        .take(64 * 1024)
        .read_to_end(&mut head)
        .map_err(|error| error.to_string())?;
    if head.is_empty() {
        return Err("the file is empty".into());
    }
    let little_endian_64_bit = head.get(4..6) == Some(&[2, 1]);
    if !head.starts_with(b"\x7fELF") || !little_endian_64_bit {
        return Ok(());
    }
    let cut = || "the file is cut short or damaged".to_owned();
    if head.len() < FILE_HEADER {
        return Err(cut());
    }
    let first = number(&head, 32, 8);
    let count = number(&head, 56, 2);
    for index in 0..count {
        let at = first
            .checked_add(index * SEGMENT_HEADER as u64)
            .and_then(|at| usize::try_from(at).ok());
        let segment = at
            .and_then(|at| head.get(at..)?.get(..SEGMENT_HEADER))
            .ok_or_else(cut)?;
        if number(segment, 0, 4) != u64::from(LOADABLE) {
            continue;
        }
        let end = number(segment, 8, 8).checked_add(number(segment, 32, 8));
        if end.is_none_or(|end| end > length) {
            return Err(cut());
        }
    }
    Ok(())
}

/// The little-endian number of `width` bytes at `at`; the callers have checked that the bytes are there.
fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    let field = &bytes[at..at + width];
    field
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}
