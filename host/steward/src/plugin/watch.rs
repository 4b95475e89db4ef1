//! Sees that the sources of a plugin changed, by looking at them: that works on every file system, and a plugin is small.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often the files are looked at.
const PACE: Duration = Duration::from_millis(80);
/// Files that are looked at; what a plugin has beyond that is no source.
const MOST_FILES: usize = 10_000;
/// Folders that hold what builds and package managers make.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// When each source was written, and how long it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Sources {
    /// Looks at every file of a plugin but what builds make and what is hidden.
    pub fn of(dir: &Path) -> Self {
        let mut sources = Self::default();
        sources.add(dir, 0);
        sources
    }

    fn add(&mut self, folder: &Path, depth: usize) {
        // A link that leads back up would not end.
        let Some(entries) = folder.read_dir().ok().filter(|_| depth < 16) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let hidden = name.starts_with('.') || MADE.contains(&name.as_ref());
            let Some(about) = entry.metadata().ok().filter(|_| !hidden) else {
                continue;
            };
            if about.is_dir() {
                self.add(&entry.path(), depth + 1);
            } else if self.0.len() < MOST_FILES {
                let seen = (about.modified().ok(), about.len());
                self.0.insert(entry.path(), seen);
            }
        }
    }

    /// Waits until something is different from this, and then until nothing changes any more: editors and tools write
    /// more than one file. Answers when the first difference was seen, too.
    pub async fn changed(&self, dir: &Path) -> (Self, Instant) {
        let mut last = self.clone();
        let mut seen = None;
        loop {
            tokio::time::sleep(PACE).await;
            let now = Self::of(dir);
            if now != *self {
                let first = *seen.get_or_insert_with(Instant::now);
                if now == last {
                    return (now, first);
                }
            }
            last = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_save_is_seen_and_what_is_made_is_not() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["src", "target", ".git"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        std::fs::write(dir.path().join("src/plugin.py"), "1").unwrap();
        let before = Sources::of(dir.path());
        std::fs::write(dir.path().join("target/x.wasm"), "1").unwrap();
        std::fs::write(dir.path().join(".git/x"), "1").unwrap();
        assert_eq!(Sources::of(dir.path()), before);
        std::fs::write(dir.path().join("src/plugin.py"), "22").unwrap();
        let (after, _) = before.changed(dir.path()).await;
        assert_ne!(after, before);
        std::fs::remove_file(dir.path().join("src/plugin.py")).unwrap();
        assert_ne!(after.changed(dir.path()).await.0, after);
    }
}
