//! Who this host is: the same after a restart, so that it takes up at once what it had, and nobody else meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use ulid::Ulid;

/// The longest file that is one.
const MAX_BYTES: u64 = 64;

/// The id of this host in leases.
#[derive(Debug)]
pub struct Identity {
    /// The id.
    pub id: String,
    /// Whether it had the id before, and nobody else can have it now.
    pub again: bool,
    /// Held as long as the id is used: the lock goes with the process, however it ends.
    _file: Option<File>,
}

impl Identity {
    /// The id that is kept in this file, a new one where there is none. Where another process has it, or the file cannot be
    /// used, an id for this time only.
    pub fn of(path: &Path) -> Self {
        match kept(path) {
            Ok(identity) => identity,
            Err(error) => {
                tracing::info!(path = %path.display(), %error, "this host takes an id for this time only");
                Self::once()
            }
        }
    }

    /// An id that is never used again.
    pub fn once() -> Self {
        Self {
            id: Ulid::generate().to_string(),
            again: false,
            _file: None,
        }
    }
}

fn kept(path: &Path) -> std::io::Result<Identity> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    file.try_lock().map_err(std::io::Error::from)?;
    let mut text = String::new();
    (&file).take(MAX_BYTES).read_to_string(&mut text)?;
    if let Ok(id) = text.trim().parse::<Ulid>() {
        return Ok(Identity {
            id: id.to_string(),
            again: true,
            _file: Some(file),
        });
    }
    let id = Ulid::generate().to_string();
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(id.as_bytes())?;
    file.sync_all()?;
    Ok(Identity {
        id,
        again: false,
        _file: Some(file),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host-id");
        let first = Identity::of(&path);
        assert!(!first.again);
        // Another process: a lock of the same file by another handle is refused as well.
        let other = Identity::of(&path);
        assert!(!other.again && other.id != first.id);
        let id = first.id.clone();
        drop(first);
        let again = Identity::of(&path);
        assert!(again.again && again.id == id);
        drop(again);
        std::fs::write(&path, "no id\n").unwrap();
        let new = Identity::of(&path);
        assert!(!new.again && new.id != id);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), new.id);
        assert!(!Identity::of(&folder.path().join("no/such/folder")).again);
    }
}
