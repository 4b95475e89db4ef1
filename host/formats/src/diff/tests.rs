use std::io::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn file(lines: &[String]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all((lines.join("\n") + "\n").as_bytes())
        .unwrap();
    file
}

fn compare(before: &[&str], after: &[&str]) -> Diff {
    let lines = |rows: &[&str]| rows.iter().map(|&r| r.to_owned()).collect::<Vec<_>>();
    let (before, after) = (file(&lines(before)), file(&lines(after)));
    diff(before.path(), after.path(), &DiffSpec::default()).unwrap()
}

fn counts(diff: &Diff) -> [u64; 4] {
    [diff.added, diff.removed, diff.changed, diff.unchanged]
}

#[test]
fn rows_are_matched_by_id_and_fields_are_named() {
    let found = compare(
        &[
            r#"{"id":"a","text":"one","n":1}"#,
            r#"{"id":"b","text":"两"}"#,
            r#"{"id":3,"text":"three","old":true}"#,
            r#"{"id":"d"}"#,
        ],
        &[
            r#"{"n":1, "text":"one","id":"a"}"#,
            r#"{"id":"3","text":"three!"}"#,
            r#"{"id":"e","text":"new"}"#,
            r#"{"id":"b","text":"\u4e24","label":[1]}"#,
        ],
    );
    assert_eq!(counts(&found), [1, 1, 2, 1]);
    let fields = serde_json::to_value(&found.fields).unwrap();
    // The order of fields and escapes mean nothing; a number and a text as ids are one, and another value.
    assert_eq!(
        fields,
        json!({
            "id": {"added": 0, "removed": 0, "changed": 1},
            "label": {"added": 1, "removed": 0, "changed": 0},
            "old": {"added": 0, "removed": 1, "changed": 0},
            "text": {"added": 0, "removed": 0, "changed": 1},
        })
    );
    let sample = serde_json::to_value(&found.sample).unwrap();
    assert_eq!(sample["added"], json!([{"id": "e", "text": "new"}]));
    assert_eq!(sample["removed"], json!([{"id": "d"}]));
    assert_eq!(
        sample["changed"][1],
        json!({"id": "b", "before": {}, "after": {"label": [1]}})
    );
}

#[test]
fn rows_without_ids_and_with_repeated_ones_are_matched_by_content() {
    let found = compare(
        &[
            r#"{"t":1}"#,
            r#"{"t":1}"#,
            r#"{"t":2}"#,
            "no object",
            r#"{"id":1,"t":3}"#,
            r#"{"id":1,"t":4}"#,
        ],
        &[
            r#"{"t":1}"#,
            r#"{"t":3}"#,
            "no object",
            r#"{"id":1,"t":3}"#,
            r#"{"id":1,"t":4}"#,
            r#"{"id":9}"#,
            r#"{"id":9}"#,
        ],
    );
    assert_eq!(counts(&found), [3, 2, 0, 4]);
    assert_eq!(
        found.without_id,
        Sides {
            before: 4,
            after: 3
        }
    );
    assert_eq!(
        found.repeated_id,
        Sides {
            before: 1,
            after: 2
        }
    );
}

#[test]
fn samples_are_bounded_and_numbers_keep_their_digits() {
    let long = format!(
        r#"{{"id":1,"text":"{}","n":12345678901234567890.10}}"#,
        "长".repeat(100_000)
    );
    let rows: Vec<String> = (0..500)
        .map(|i| format!(r#"{{"id":"x{i}","text":"{}"}}"#, "y".repeat(1500)))
        .collect();
    let (none, many) = (file(&[]), file(&[vec![long], rows].concat()));
    let spec = DiffSpec {
        sample: 100,
        ..DiffSpec::default()
    };
    let found = diff(none.path(), many.path(), &spec).unwrap();
    assert_eq!(counts(&found), [501, 0, 0, 0]);
    let sample = serde_json::to_string(&found.sample).unwrap();
    assert!(
        sample.len() < 300_000
            && sample.contains("长…")
            && sample.contains(":12345678901234567890.10")
    );
    assert_eq!(found.sample.added.len(), 100);
    let spec = DiffSpec {
        most_rows: 500,
        ..DiffSpec::default()
    };
    assert!(matches!(
        diff(none.path(), many.path(), &spec),
        Err(FormatError::TooMuch { .. })
    ));
}

proptest! {
    #[test]
    fn counts_are_those_of_a_simple_comparison(
        before in proptest::collection::vec((0u8..12, 0u8..3), 0..30),
        after in proptest::collection::vec((0u8..12, 0u8..3), 0..30),
    ) {
        // The first row of each id.
        let first = |rows: &[(u8, u8)]| {
            let mut map = BTreeMap::new();
            for (id, value) in rows {
                map.entry(*id).or_insert(*value);
            }
            map
        };
        let (old, new) = (first(&before), first(&after));
        let lines = |rows: &BTreeMap<u8, u8>| rows.iter().map(|(id, v)| json!({"id": id, "v": v}).to_string()).collect::<Vec<_>>();
        let (a, b) = (file(&lines(&old)), file(&lines(&new)));
        let found = diff(a.path(), b.path(), &DiffSpec::default()).unwrap();
        let both = old.iter().filter(|(id, _)| new.contains_key(id));
        let same = both.clone().filter(|(id, v)| new[id] == **v).count() as u64;
        let both = both.count() as u64;
        prop_assert_eq!(counts(&found), [new.len() as u64 - both, old.len() as u64 - both, both - same, same]);
        let back = diff(b.path(), a.path(), &DiffSpec::default()).unwrap();
        prop_assert_eq!([back.added, back.removed], [found.removed, found.added]);
        // With repeated ids nothing is counted twice.
        let all = |rows: &[(u8, u8)]| rows.iter().map(|(id, v)| json!({"id": id, "v": v}).to_string()).collect::<Vec<_>>();
        let (a, b) = (file(&all(&before)), file(&all(&after)));
        let found = diff(a.path(), b.path(), &DiffSpec::default()).unwrap();
        prop_assert_eq!(found.added + found.changed + found.unchanged, after.len() as u64);
        prop_assert_eq!(found.removed + found.changed + found.unchanged, before.len() as u64);
        let _: Value = serde_json::to_value(&found).unwrap();
    }
}
