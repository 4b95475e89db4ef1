use std::path::Path;

use super::*;
use crate::{DEFAULT_MAX_LINE_BYTES, Fields, Input};

fn looking_for(given: &str, bytes: usize) -> Deduplication {
    Deduplication(Arc::new(Opened {
        given: serde_json::from_str(given).unwrap(),
        cleaner: None,
        model: None,
        bytes,
    }))
}

/// Runs a job without steps; answers the report, the output, and how far it said to be.
fn run(dir: &Path, duplicates: Deduplication, batch: usize) -> (Report, String, Vec<Progress>) {
    let job = Job {
        input: Input::File(dir.join("in.jsonl")),
        output: dir.join("out.jsonl"),
        rejects: dir.join("rejects.jsonl"),
        dropped: Some(dir.join("dropped.jsonl")),
        fields: Fields::default(),
        max_line_bytes: DEFAULT_MAX_LINE_BYTES,
        batch,
        jobs: 3,
        keep_duplicates: false,
        steps: Vec::new(),
        duplicates: Some(duplicates),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut far = Vec::new();
    let report = runtime.block_on(job.run(|now| far.push(now))).unwrap();
    (
        report,
        std::fs::read_to_string(dir.join("out.jsonl")).unwrap(),
        far,
    )
}

/// A thousand texts, each with a near duplicate somewhere and a passage that many have.
fn texts() -> String {
    let mut rows = String::from("no json\n");
    for n in 0..1000usize {
        let family = n * 7 % 500;
        let words: String = (0..60)
            .map(|w| format!("w{} ", family * 61 + w * 17))
            .collect();
        let text =
            format!("{words} number {n}. Kind regards. 此致敬礼。 Anna from the support team.");
        rows += &format!(
            "{}\n",
            serde_json::json!({ "id": n, "text": text, "size": n % 9 })
        );
    }
    rows
}

#[test]
fn memory_and_batches_change_nothing_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in.jsonl"), texts()).unwrap();
    let given = r#"{"near":{"similarity":0.8},"sentences":{},"keep":"highest:size"}"#;
    let (report, output, far) = run(dir.path(), looking_for(given, 1 << 26), 256);
    let rows = report.rows;
    assert_eq!((rows.read, rows.rejected, rows.dropped), (1001, 1, 500));
    assert_eq!((rows.kept, rows.changed), (1, 499));
    let told = report.duplicates.unwrap();
    assert_eq!(
        told.near
            .as_ref()
            .map(|near| (near.clusters, near.duplicates)),
        Some((500, 500))
    );
    assert_eq!(
        told.sentences.map(|s| (s.texts, s.removed)),
        Some((499, 499))
    );
    for row in output.lines().take(20) {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let (id, size) = (row["id"].as_u64().unwrap(), row["size"].as_u64().unwrap());
        let other = (id + 500) % 1000;
        assert!(
            size > other % 9 || (size == other % 9 && id < other),
            "{row}"
        );
    }
    // The search begins where the steps end, and goes on to its end.
    let shares: Vec<f64> = far.iter().filter_map(|now| now.duplicates).collect();
    assert!(
        shares.is_sorted() && shares.last() == Some(&1.0),
        "{shares:?}"
    );
    assert!(far.is_sorted_by_key(|now| now.duplicates.is_some()));
    for (bytes, batch) in [(1 << 12, 7), (1 << 26, 1000)] {
        let (_, again, _) = run(dir.path(), looking_for(given, bytes), batch);
        assert!(again == output, "{bytes} bytes, batches of {batch}");
    }
    let mut there: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    there.sort();
    assert_eq!(
        there,
        ["dropped.jsonl", "in.jsonl", "out.jsonl", "rejects.jsonl"]
    );
}

#[test]
fn an_empty_input_is_no_mistake() {
    let dir = tempfile::tempdir().unwrap();
    for input in ["", "no json\n"] {
        std::fs::write(dir.path().join("in.jsonl"), input).unwrap();
        let given = r#"{"near":{},"sentences":{},"mark":true}"#;
        let (report, output, _) = run(dir.path(), looking_for(given, 1 << 20), 10);
        assert_eq!((report.rows.kept, output.as_str()), (0, ""));
        let rejects = std::fs::read_to_string(dir.path().join("rejects.jsonl")).unwrap();
        assert_eq!(rejects.lines().count() as u64, report.rows.rejected);
    }
}
