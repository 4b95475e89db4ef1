//! The cache of compiled components.
//!
//! Compiled code is native code: whoever can make the host load a file of their choice owns the
//! host. So every file carries a seal, BLAKE3 under a key that only this host has, over the lane, the
//! engine's compatibility hash, the digest of the component and the code itself. A file that
//! was copied from elsewhere, belongs to another component, another wasmtime or another
//! configuration, or lost a bit, is refused and compiled again.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::OFlag;

use crate::proven::Proven;
use crate::{EngineError, Lane};

const KEY_BYTES: usize = 32;
const SEAL_BYTES: usize = 32;
/// The largest file that is read. Compiled code has three to six times the bytes of its component.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// What the cache did since the engine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AotStats {
    /// Components loaded from the cache.
    pub hits: u64,
    /// Components that were not there.
    pub misses: u64,
    /// Files that were there and did not prove that this host compiled them for this engine.
    pub refused: u64,
}

pub(crate) struct AotCache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
    proven: Proven,
    hits: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
}

impl AotCache {
    pub(crate) fn open(dir: &Path) -> Result<Self, EngineError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| EngineError::Cache { path, source }
        };
        std::fs::create_dir_all(dir).map_err(failed(dir))?;
        let key_path = dir.join("key");
        let key = load_or_create_key(&key_path).map_err(failed(&key_path))?;
        Ok(Self {
            dir: dir.to_owned(),
            key,
            proven: Proven::new(dir.to_owned()),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    pub(crate) fn stats(&self) -> AotStats {
        AotStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        self.dir
            .join(format!("{}-{:016x}", entry.lane, entry.compatibility))
            .join(hex::encode(entry.component))
    }

    /// BLAKE3 in its keyed mode, a message authentication code by its specification; four times as fast as HMAC-SHA256 over
    /// the megabytes that a cold start waits for.
    fn seal(&self, entry: &Entry, code: impl Read) -> io::Result<blake3::Hash> {
        let mut seal = blake3::Hasher::new_keyed(&self.key);
        seal.update(b"steward compiled component 2\0");
        seal.update(entry.lane.as_str().as_bytes());
        seal.update(&entry.compatibility.to_le_bytes());
        seal.update(&entry.component);
        seal.update_reader(code)?;
        Ok(seal.finalize())
    }

    /// The code of the entry, if this host compiled it for this engine.
    pub(crate) fn get(&self, entry: &Entry) -> Option<Code> {
        if let Some(file) = self.proven.get(entry) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Some(Code::Private(file));
        }
        let path = self.path(entry);
        match self.prove(entry, &path) {
            Ok(Some(code)) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                return Some(code);
            }
            Ok(None) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(path = %path.display(), "compiled component refused: it does not carry this host's seal; compiling again");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.misses.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(path = %path.display(), %error, "compiled component not read; compiling again");
            }
        }
        None
    }

    /// What was proven before, if it is not larger than that.
    pub(crate) fn at_hand(&self, entry: &Entry, max_bytes: u64) -> Option<Code> {
        let file = self.proven.get_up_to(entry, max_bytes)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(Code::Private(file))
    }

    /// Takes the code out of reach of everybody else, and then looks at its seal: nobody can change it in between.
    fn prove(&self, entry: &Entry, path: &Path) -> io::Result<Option<Code>> {
        let mut file = open_bounded(path)?;
        let mut seal = [0; SEAL_BYTES];
        file.read_exact(&mut seal)?;
        let mut code = (&file).take(MAX_FILE_BYTES);
        match self.proven.private_copy(&mut code) {
            Ok((copy, bytes)) if self.seal(entry, &copy)? == seal => {
                let copy = Arc::new(copy);
                self.proven.keep(*entry, copy.clone(), bytes);
                Ok(Some(Code::Private(copy)))
            }
            Ok(_) => Ok(None),
            // A disk that is full, or a folder that can only be read.
            Err(error) => {
                tracing::debug!(%error, "no private copy of compiled code; it is read into memory");
                let mut bytes = Vec::new();
                file.seek(io::SeekFrom::Start(SEAL_BYTES as u64))?;
                file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
                // Hashes of BLAKE3 are compared in constant time.
                let genuine = self.seal(entry, bytes.as_slice())? == seal;
                Ok(genuine.then_some(Code::Read(bytes)))
            }
        }
    }

    pub(crate) fn put(&self, entry: &Entry, code: &[u8]) -> Result<(), EngineError> {
        let path = self.path(entry);
        let write = || {
            let seal = self.seal(entry, code)?;
            write_atomically(&path, &[seal.as_bytes(), code])
        };
        write().map_err(|source| EngineError::Cache {
            path: path.clone(),
            source,
        })
    }
}

/// Compiled code that carried the seal of this host, and that nobody else can change any more.
#[derive(Debug)]
pub(crate) enum Code {
    /// In a file without a name.
    Private(Arc<File>),
    Read(Vec<u8>),
}

impl Code {
    pub(crate) fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Read(bytes) => Ok(bytes),
            // Others may read it at the same time: without the place where a file is read, which they would share.
            Self::Private(file) => {
                let mut bytes = vec![0; file.metadata()?.len() as usize];
                file.read_exact_at(&mut bytes, 0)?;
                Ok(bytes)
            }
        }
    }
}

/// What a compiled component was compiled from and for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) lane: Lane,
    /// wasmtime's own hash of everything that code depends on: version, target, settings.
    pub(crate) compatibility: u64,
    /// SHA-256 of the component.
    pub(crate) component: [u8; 32],
}

/// [`Entry::compatibility`] of an engine. It goes through all of its settings.
pub(crate) fn compatibility(engine: &wasmtime::Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// Readers see the whole file or none.
fn write_atomically(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{:016x}", rand::random::<u64>()));
    let write = || {
        let mut file = private_file(&unfinished)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&unfinished);
    })
}

/// A new file that only its owner can read.
fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file of the cache: a file, and no link, pipe or device, whose reading might never end; and no larger than what a
/// component compiles to.
fn open_bounded(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    // Opening a pipe must not wait for whoever writes to it.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = File::options()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(refused("it is not a file"));
    }
    if found.len() > MAX_FILE_BYTES {
        return Err(refused("it is larger than compiled code can be"));
    }
    Ok(file)
}

fn load_or_create_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let read = || -> io::Result<[u8; KEY_BYTES]> {
        let bytes = std::fs::read(path)?;
        bytes.try_into().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the key must have 32 bytes; remove the file to make a new one",
            )
        })
    };
    match read() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        result => return result,
    }
    let key: [u8; KEY_BYTES] = rand::random();
    // Written beside and linked into place: of two processes that start at once, one key wins whole.
    let unfinished = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let mut file = private_file(&unfinished)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&unfinished, path);
    std::fs::remove_file(&unfinished)?;
    match linked {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => read(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(component: u8) -> Entry {
        Entry {
            lane: Lane::Plain,
            compatibility: 7,
            component: [component; 32],
        }
    }

    /// The code of a component, if the cache has it.
    fn code(cache: &AotCache, entry: Entry) -> Option<Vec<u8>> {
        cache.get(&entry).map(|code| code.into_bytes().unwrap())
    }

    #[test]
    fn only_what_this_host_sealed_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let cache = AotCache::open(dir.path()).unwrap();
        assert_eq!(code(&cache, entry(1)), None);
        cache.put(&entry(1), b"code").unwrap();
        assert_eq!(code(&cache, entry(1)).unwrap(), b"code");

        // The same file under another component's name, another engine's folder, another lane's.
        for other in [
            entry(2),
            Entry {
                compatibility: 8,
                ..entry(1)
            },
            Entry {
                lane: Lane::Concurrent,
                ..entry(1)
            },
        ] {
            std::fs::create_dir_all(cache.path(&other).parent().unwrap()).unwrap();
            std::fs::copy(cache.path(&entry(1)), cache.path(&other)).unwrap();
            assert_eq!(code(&cache, other), None, "{other:?}");
        }
        assert_eq!(
            cache.stats(),
            AotStats {
                hits: 1,
                misses: 1,
                refused: 3
            }
        );

        // Another host's key.
        let elsewhere = tempfile::tempdir().unwrap();
        let foreign = AotCache::open(elsewhere.path()).unwrap();
        foreign.put(&entry(3), b"code").unwrap();
        std::fs::copy(foreign.path(&entry(3)), cache.path(&entry(3))).unwrap();
        assert_eq!(code(&cache, entry(3)), None);
    }

    #[test]
    fn what_was_proven_is_out_of_reach() {
        let dir = tempfile::tempdir().unwrap();
        let cache = AotCache::open(dir.path()).unwrap();
        cache.put(&entry(1), b"code").unwrap();
        assert_eq!(code(&cache, entry(1)).unwrap(), b"code");
        let path = cache.path(&entry(1));
        // In place, so that whoever had mapped the file would see it.
        let mut file = File::options().write(true).open(&path).unwrap();
        file.write_all(&[0; SEAL_BYTES + 4]).unwrap();
        assert_eq!(code(&cache, entry(1)).unwrap(), b"code");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(code(&cache, entry(1)).unwrap(), b"code");
        // The next life of the host proves it again.
        cache.put(&entry(1), b"code").unwrap();
        let mut file = File::options().write(true).open(&path).unwrap();
        file.write_all(&[0; SEAL_BYTES + 4]).unwrap();
        let next = AotCache::open(dir.path()).unwrap();
        assert_eq!(code(&next, entry(1)), None);
    }

    #[test]
    fn where_no_file_can_be_made_code_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = AotCache::open(dir.path()).unwrap();
        cache.proven = Proven::new(dir.path().join("nowhere"));
        cache.put(&entry(1), b"code").unwrap();
        assert!(matches!(cache.get(&entry(1)), Some(Code::Read(code)) if code == b"code"));
        let path = cache.path(&entry(1));
        let mut bad = std::fs::read(&path).unwrap();
        bad[SEAL_BYTES] ^= 1;
        std::fs::write(&path, bad).unwrap();
        assert_eq!(code(&cache, entry(1)), None);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let cache = AotCache::open(dir.path()).unwrap();
        cache.put(&entry(1), b"code").unwrap();
        let path = cache.path(&entry(1));
        let good = std::fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bad).unwrap();
            assert_eq!(code(&cache, entry(1)), None, "bit {bit}");
        }
        for cut in 0..good.len() {
            std::fs::write(&path, &good[..cut]).unwrap();
            assert_eq!(code(&cache, entry(1)), None, "cut at {cut}");
        }
    }

    #[test]
    fn only_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let cache = AotCache::open(dir.path()).unwrap();
        cache.put(&entry(1), b"code").unwrap();
        let path = cache.path(&entry(1));
        let genuine = path.with_extension("genuine");
        std::fs::rename(&path, &genuine).unwrap();
        // Even a link to the genuine file: what is behind a link is not the cache's to know.
        for target in [Path::new("/dev/zero"), &genuine] {
            std::os::unix::fs::symlink(target, &path).unwrap();
            assert_eq!(code(&cache, entry(1)), None);
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::create_dir(&path).unwrap();
        assert_eq!(code(&cache, entry(1)), None);
        std::fs::remove_dir(&path).unwrap();
        let huge = std::fs::File::create(&path).unwrap();
        huge.set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(code(&cache, entry(1)), None);
        assert_eq!(cache.stats().refused, 4);
    }

    #[test]
    fn the_key_is_private_and_stays() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let first = AotCache::open(dir.path()).unwrap();
        let second = AotCache::open(dir.path()).unwrap();
        assert_eq!(first.key, second.key);
        let mode = std::fs::metadata(dir.path().join("key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(dir.path().join("key"), b"short").unwrap();
        assert!(matches!(
            AotCache::open(dir.path()),
            Err(EngineError::Cache { .. })
        ));
    }
}
