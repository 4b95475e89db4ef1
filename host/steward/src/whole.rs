//! Files that appear whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A file on its way. Dropped, it leaves nothing behind.
pub struct Whole {
    path: PathBuf,
    file: NamedTempFile,
}

impl Whole {
    /// Begins a file beside its place.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        // A temporary file is private by default; this one gets what the user's umask leaves.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder
            .tempfile_in(folder)
            .map_err(|e| Failure::file("write", path, &e))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// What is written to.
    pub fn file(&mut self) -> &mut impl Write {
        &mut self.file
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(|e| Failure::file("write", &self.path, &e))
    }

    /// Brings it to its place, in place of what was there.
    pub fn keep(self) -> Result<(), Failure> {
        let Self { path, file } = self;
        file.persist(&path)
            .map(drop)
            .map_err(|e| Failure::file("write", &path, &e.error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_kept_and_others_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let mut given_up = Whole::create(&path).unwrap();
        given_up.write(b"half").unwrap();
        drop(given_up);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut kept = Whole::create(&path).unwrap();
        kept.write(b"whole").unwrap();
        assert!(!path.exists());
        kept.keep().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        #[cfg(unix)]
        {
            // As a file that is made in the usual way.
            use std::os::unix::fs::PermissionsExt as _;
            let usual = folder.path().join("usual");
            std::fs::write(&usual, b"").unwrap();
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&usual));
        }
    }
}
