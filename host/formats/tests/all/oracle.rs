//! Files that pyarrow and pandas make, and what they read of ours (`oracle.py`).
//!
//! Needs what `make setup` installs: a Python with both in the folder named by `STEWARD_HOME`; `STEWARD_PYTHON` names
//! another Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use steward_formats::{Bounds, Format};

use crate::{file, read, read_with, write};

fn ask(command: &str, path: &Path) -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = std::env::var_os("STEWARD_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| manifest.join("../../.steward"));
    let python = std::env::var_os("STEWARD_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| home.join("venv/bin/python"));
    let output = Command::new(&python)
        .arg(manifest.join("tests/all/oracle.py"))
        .arg(command)
        .arg(path)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make setup`", python.display()));
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{wrong}");
    String::from_utf8(output.stdout).unwrap()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = found
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    found.sort();
    found
}

#[test]
fn parquet_of_every_codec_version_and_encoding_has_exactly_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    ask("make", folder.path());
    let expected = std::fs::read_to_string(folder.path().join("rows.jsonl")).unwrap();
    let made = files(folder.path(), "parquet");
    assert_eq!(made.len(), 21);
    let mut draw = 1_u64;
    for path in &made {
        let bytes = std::fs::read(path).unwrap();
        let found = read(&bytes, "x").unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(found.about.rejects(), 0, "{:?}", found.rejects);
        for (found, expected) in found.rows.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{}", path.display());
        }
        assert_eq!(found.about.rows, 300);
        // Pages have checksums: damage in one is found and never becomes a row.
        for _ in 0..20 {
            draw = draw
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mut bad = bytes.clone();
            let at = 4 + (draw >> 33) as usize % (bad.len() - 12);
            bad[at] ^= 1 << (draw >> 30 & 7);
            let small = Bounds {
                page_bytes: 1 << 20,
                open_bytes: 1 << 24,
                list_values: 1 << 18,
                ..Bounds::default()
            };
            let _ = read_with(&bad, "x.parquet", &Default::default(), &small);
        }
    }
    let other = |name: &str| read(&std::fs::read(folder.path().join(name)).unwrap(), name);
    let error = other("brotli.other").err().unwrap().to_string();
    assert!(
        error.contains("BROTLI") && error.contains("snappy, zstd, gzip or lz4"),
        "{error}"
    );
    // Beyond what nanoseconds count.
    let old = other("int96.other").unwrap().rows;
    assert_eq!(
        old,
        "{\"t\":\"1970-01-01T00:00:00\"}\n{\"t\":\"9999-12-31T23:59:59\"}\n"
    );

    let frame = "\"id\":\"007\",\"text\":\"你 \\\"好\\\",\\n再见\",\"n\":\"1.5\"}\n";
    let found = other("frame.csv").unwrap().rows;
    assert!(
        found.starts_with(&format!("{{\"column_1\":\"0\",{frame}")),
        "{found}"
    );
    for (name, encoding) in [
        ("frame-gb18030.csv", "gb18030"),
        ("frame-utf-16.tsv", "UTF-16LE"),
    ] {
        let given = steward_formats::Given {
            encoding: (name != "frame-utf-16.tsv").then(|| encoding.parse().unwrap()),
            ..Default::default()
        };
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        let found = read_with(&bytes, name, &given, &Bounds::default()).unwrap();
        assert_eq!(found.about.encoding, Some(encoding));
        assert!(
            found.rows.starts_with(&format!("{{{frame}")),
            "{}",
            found.rows
        );
    }
}

#[test]
fn others_read_what_is_written() {
    let rows = concat!(
        r#"{"id":"007","n":9007199254740993,"u":18446744073709551615,"f":0.5,"t":"你 \"好\",\n再见","l":[1,null],"s":{"a":"b","c":[true]}}"#,
        "\n",
        r#"{"id":"8","n":-1,"u":0,"f":-2.25,"t":"","l":[],"s":{"a":null,"c":[]}}"#,
        "\n",
    );
    let parquet = file(&write(rows, Format::Parquet).unwrap());
    assert_eq!(ask("read", parquet.path()), rows);
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("x.csv");
    std::fs::write(&csv, write(rows, Format::Csv).unwrap()).unwrap();
    let expected = concat!(
        r#"{"id":"007","n":"9007199254740993","u":"18446744073709551615","f":"0.5","t":"你 \"好\",\n再见","l":"[1,null]","s":"{\"a\":\"b\",\"c\":[true]}"}"#,
        "\n",
        r#"{"id":"8","n":"-1","u":"0","f":"-2.25","t":"","l":"[]","s":"{\"a\":null,\"c\":[]}"}"#,
        "\n",
    );
    assert_eq!(ask("read", &csv), expected);
}
