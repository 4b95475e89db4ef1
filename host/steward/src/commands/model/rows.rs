//! JSON Lines that models are measured with.

use std::path::Path;

use serde_json::Value;

use crate::failure::Failure;

/// The largest file of rows that is read, in bytes.
const MAX_BYTES: u64 = 32 << 20;

/// Reads rows; a line that is no object is named.
pub fn read(path: &Path) -> Result<Vec<Value>, Failure> {
    let metadata = std::fs::metadata(path).map_err(|e| Failure::file("read", path, &e))?;
    if metadata.len() > MAX_BYTES {
        return Err(Failure::invalid(format!(
            "{} has {} bytes; at most {MAX_BYTES} are read",
            path.display(),
            metadata.len()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            let wrong = |why: String| {
                Failure::invalid(format!("{}, line {}", path.display(), number + 1)).cause(why)
            };
            match serde_json::from_str::<Value>(line) {
                Ok(row) if row.is_object() => Ok(row),
                Ok(_) => Err(wrong("a row is a JSON object".into())),
                Err(error) => Err(wrong(error.to_string())),
            }
        })
        .collect()
}

/// The name of a dataset where none is given: that of its file.
pub fn name_of(path: &Path) -> String {
    path.file_stem()
        .map_or_else(|| "rows".into(), |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_a_bad_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("评测.jsonl");
        std::fs::write(&path, "{\"text\":\"好\"}\n\n{\"text\":\"b\"}\n").unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
        assert_eq!(name_of(&path), "评测");
        for bad in ["{\"text\":\"a\"}\n[1]\n", "{\"text\":\"a\"}\n{\n"] {
            std::fs::write(&path, bad).unwrap();
            let failure = read(&path).unwrap_err().to_json().to_string();
            assert!(failure.contains("line 2"), "{failure}");
        }
    }
}
