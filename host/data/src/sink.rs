//! Output files that appear whole or not at all.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use steward_formats::{Bounds, Format, export};
use steward_registry::Digest;
use tempfile::NamedTempFile;

use crate::DataError;
use crate::report::FileAbout;

/// Writes into a temporary file in the folder of the target. Dropped without [`Sink::commit`], it
/// leaves nothing behind.
pub(crate) struct Sink {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    hasher: Sha256,
    bytes: u64,
}

impl Sink {
    pub fn create(path: &Path) -> Result<Self, DataError> {
        let path = target(path)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".steward-").suffix(".tmp");
        // A temporary file is private by default; the output gets what the user's umask leaves.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder
            .tempfile_in(folder(&path))
            .map_err(DataError::file("create", &path))?;
        Ok(Self {
            path,
            file: BufWriter::with_capacity(256 * 1024, file),
            hasher: Sha256::new(),
            bytes: 0,
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .map_err(DataError::file("write", &self.path))
    }

    /// Brings lines of JSON to their place in another format.
    pub fn commit_as(self, format: Format) -> Result<FileAbout, DataError> {
        if format == Format::JsonLines {
            return self.commit();
        }
        let Self { path, file, .. } = self;
        let failed = |e: std::io::Error| DataError::file("write", &path)(e);
        let rows = file.into_inner().map_err(|e| failed(e.into_error()))?;
        let mut sink = Self::create(&path)?;
        export(rows.path(), format, &mut sink, &Bounds::default())
            .map_err(DataError::format("write", &path))?;
        sink.commit()
    }

    /// Brings the file to its place, on disk before it carries its name.
    pub fn commit(self) -> Result<FileAbout, DataError> {
        let Self {
            path,
            file,
            hasher,
            bytes,
        } = self;
        let failed = || DataError::file("write", &path);
        let file = file.into_inner().map_err(|e| failed()(e.into_error()))?;
        file.as_file().sync_all().map_err(failed())?;
        file.persist(&path).map_err(|e| failed()(e.error))?;
        Ok(FileAbout {
            path,
            bytes,
            digest: Digest::from(<[u8; 32]>::from(hasher.finalize())),
        })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Where a file will really lie: a link is followed, and what is not a plain file is refused, since
/// the rename at the end would replace it (think of `/dev/null`).
pub(crate) fn target(path: &Path) -> Result<PathBuf, DataError> {
    match std::fs::metadata(path) {
        Ok(about) if !about.is_file() => Err(DataError::Invalid(format!(
            "{} is not a plain file",
            path.display()
        ))),
        Ok(_) => path.canonicalize().map_err(DataError::file("find", path)),
        Err(_) => {
            let folder = folder(path);
            let real = folder
                .canonicalize()
                .map_err(DataError::file("find the folder", folder))?;
            let name = path.file_name().ok_or_else(|| {
                DataError::Invalid(format!("{} does not name a file", path.display()))
            })?;
            Ok(real.join(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_at_commit_and_never_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let mut sink = Sink::create(&path).unwrap();
        sink.write(b"half").unwrap();
        drop(sink);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        let mut sink = Sink::create(&path).unwrap();
        sink.write(b"whole").unwrap();
        assert!(!path.exists());
        let about = sink.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(about.digest, Digest::of(b"whole"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for bad in ["/dev/null", "/", "/no/such/folder/out.jsonl"] {
            assert!(Sink::create(Path::new(bad)).is_err(), "{bad}");
        }
    }
}
