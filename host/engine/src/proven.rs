//! Compiled code that was proven since the host started, in files of its own.
//!
//! Reading forty megabytes of code and proving its seal takes longer than everything else in a cold start. So what was
//! proven once is kept, in a file that never had a name: nobody can open it, so nobody can change it, and it is mapped
//! instead of read: of a JavaScript engine a call touches a tenth. Its pages are the system's to drop and to read again.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek as _};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::aot::Entry;

/// How much is kept: some fifty components of scripting languages, more than a thousand of others. What is in use stays
/// beyond it, as its component holds it too.
const MAX_BYTES: u64 = 2 << 30;
/// In so many files, as each is one that this process has open.
const MAX_FILES: usize = 2048;

/// What was proven. The least recently used goes first.
pub(crate) struct Proven {
    /// Where the files are, without a name.
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    files: HashMap<Entry, Copy>,
    bytes: u64,
    uses: u64,
}

struct Copy {
    file: Arc<File>,
    bytes: u64,
    used: u64,
}

impl Proven {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            kept: Mutex::default(),
        }
    }

    /// Copies what is left of a file, not yet proven, into one without a name, and returns it with its size. Where the file
    /// system can share blocks between files, nothing is copied.
    pub(crate) fn private_copy(&self, of: &mut impl io::Read) -> io::Result<(File, u64)> {
        let mut copy = tempfile::tempfile_in(&self.folder)?;
        let bytes = io::copy(of, &mut copy)?;
        copy.rewind()?;
        Ok((copy, bytes))
    }

    pub(crate) fn get(&self, entry: &Entry) -> Option<Arc<File>> {
        self.get_up_to(entry, u64::MAX)
    }

    pub(crate) fn get_up_to(&self, entry: &Entry, max_bytes: u64) -> Option<Arc<File>> {
        let kept = &mut *self.kept.lock();
        kept.uses += 1;
        let copy = kept.files.get_mut(entry)?;
        if copy.bytes > max_bytes {
            return None;
        }
        copy.used = kept.uses;
        Some(copy.file.clone())
    }

    /// Keeps what the caller has proven.
    pub(crate) fn keep(&self, entry: Entry, file: Arc<File>, bytes: u64) {
        let kept = &mut *self.kept.lock();
        kept.uses += 1;
        let used = kept.uses;
        let before = kept.files.insert(entry, Copy { file, bytes, used });
        kept.bytes = kept.bytes + bytes - before.map_or(0, |copy| copy.bytes);
        while kept.bytes > MAX_BYTES || kept.files.len() > MAX_FILES {
            let oldest = kept.files.iter().min_by_key(|(_, copy)| copy.used);
            let Some(oldest) = oldest.map(|(entry, _)| *entry) else {
                return;
            };
            if let Some(copy) = kept.files.remove(&oldest) {
                kept.bytes -= copy.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lane;

    fn entry(component: u8) -> Entry {
        Entry {
            lane: Lane::Plain,
            compatibility: 7,
            component: [component; 32],
        }
    }

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let proven = Proven::new(std::env::temp_dir());
        let file = || Arc::new(tempfile::tempfile().unwrap());
        for n in 1..=2 {
            proven.keep(entry(n), file(), MAX_BYTES / 2);
        }
        assert!(proven.get(&entry(1)).is_some());
        proven.keep(entry(3), file(), 1);
        let there = |n| proven.get(&entry(n)).is_some();
        assert_eq!([there(1), there(2), there(3)], [true, false, true]);
        let small = |n| proven.get_up_to(&entry(n), 1).is_some();
        assert_eq!([small(1), small(2), small(3)], [false, false, true]);
        // The same again takes its own place.
        proven.keep(entry(3), file(), MAX_BYTES / 2);
        assert_eq!([there(1), there(3)], [true, true]);
        // Small ones have an end too.
        let many = Proven::new(std::env::temp_dir());
        let shared = file();
        let nth = |n: usize| {
            let mut component = [0; 32];
            component[..8].copy_from_slice(&n.to_le_bytes());
            Entry {
                component,
                ..entry(0)
            }
        };
        for n in 0..=MAX_FILES {
            many.keep(nth(n), shared.clone(), 1);
        }
        let there_of_many = [0, 1, MAX_FILES].map(|n| many.get(&nth(n)).is_some());
        assert_eq!(there_of_many, [false, true, true]);
        // What is larger than all that is kept is not.
        proven.keep(entry(4), file(), MAX_BYTES + 1);
        assert_eq!([there(1), there(3), there(4)], [false, false, false]);
    }
}
