//! The cache of compiled components.
//!
//! Compiled code is native code: whoever can make the host load a file of their choice owns the
//! host. So every file carries an HMAC-SHA256 under a key that only this host has, over the lane,
//! the engine's compatibility hash, the digest of the component and the code itself. A file that
//! was copied from elsewhere, belongs to another component, another wasmtime or another
//! configuration, or lost a bit, is refused and compiled again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::{EngineError, Lane};

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 32;
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

    fn tag(&self, entry: &Entry, code: &[u8]) -> Hmac<Sha256> {
        // A key of any length is accepted by HMAC, so this cannot fail.
        #[allow(clippy::unwrap_used)]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key).unwrap();
        mac.update(b"steward compiled component 1\0");
        mac.update(entry.lane.as_str().as_bytes());
        mac.update(&entry.compatibility.to_le_bytes());
        mac.update(&entry.component);
        mac.update(code);
        mac
    }

    /// The code of the entry, if this host compiled it for this engine.
    pub(crate) fn get(&self, entry: &Entry) -> Option<Code> {
        let path = self.path(entry);
        let file = match read_bounded(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.misses.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            Err(error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(path = %path.display(), %error, "compiled component not read; compiling again");
                return None;
            }
        };
        let genuine = file.len() > TAG_BYTES && {
            let (tag, code) = file.split_at(TAG_BYTES);
            self.tag(entry, code).verify_slice(tag).is_ok()
        };
        if !genuine {
            self.refused.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(path = %path.display(), "compiled component refused: it does not carry this host's seal; compiling again");
            return None;
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(Code(file))
    }

    pub(crate) fn put(&self, entry: &Entry, code: &[u8]) -> Result<(), EngineError> {
        let path = self.path(entry);
        let tag = self.tag(entry, code).finalize().into_bytes();
        write_atomically(&path, &[&tag, code]).map_err(|source| EngineError::Cache { path, source })
    }
}

/// Compiled code that carries the seal of this host: a whole file, the seal first.
#[derive(Debug, PartialEq)]
pub(crate) struct Code(Vec<u8>);

impl AsRef<[u8]> for Code {
    fn as_ref(&self) -> &[u8] {
        self.0.get(TAG_BYTES..).unwrap_or_default()
    }
}

/// What a compiled component was compiled from and for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) lane: Lane,
    /// wasmtime's own hash of everything that code depends on: version, target, settings.
    pub(crate) compatibility: u64,
    /// SHA-256 of the component.
    pub(crate) component: [u8; 32],
}

impl Entry {
    pub(crate) fn new(lane: Lane, engine: &wasmtime::Engine, bytes: &[u8]) -> Self {
        Self::of_digest(lane, engine, Sha256::digest(bytes).into())
    }

    pub(crate) fn of_digest(lane: Lane, engine: &wasmtime::Engine, component: [u8; 32]) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self {
            lane,
            compatibility: hasher.finish(),
            component,
        }
    }
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
fn private_file(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Reads a file of the cache: a file, and no link, pipe or device, whose reading might never end; and
/// no more of it than a component compiles to.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let found = std::fs::symlink_metadata(path)?;
    if !found.is_file() {
        return Err(refused("it is not a file"));
    }
    if found.len() > MAX_FILE_BYTES {
        return Err(refused("it is larger than compiled code can be"));
    }
    let mut bytes = Vec::with_capacity(found.len() as usize);
    std::fs::File::open(path)?
        .take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
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

    #[test]
    fn only_what_this_host_sealed_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let cache = AotCache::open(dir.path()).unwrap();
        assert_eq!(cache.get(&entry(1)), None);
        cache.put(&entry(1), b"code").unwrap();
        assert_eq!(cache.get(&entry(1)).unwrap().as_ref(), b"code");

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
            assert_eq!(cache.get(&other), None, "{other:?}");
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
        assert_eq!(cache.get(&entry(3)), None);
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
            assert_eq!(cache.get(&entry(1)), None, "bit {bit}");
        }
        for cut in 0..good.len() {
            std::fs::write(&path, &good[..cut]).unwrap();
            assert_eq!(cache.get(&entry(1)), None, "cut at {cut}");
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
            assert_eq!(cache.get(&entry(1)), None);
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::create_dir(&path).unwrap();
        assert_eq!(cache.get(&entry(1)), None);
        std::fs::remove_dir(&path).unwrap();
        let huge = std::fs::File::create(&path).unwrap();
        huge.set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(cache.get(&entry(1)), None);
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
