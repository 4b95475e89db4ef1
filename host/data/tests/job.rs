//! A job as a whole, with steps of the tests' own: order, determinism, duplicates over batches, rows
//! that break a step, and files that appear whole or not at all.
#![allow(
    clippy::unwrap_used,
    reason = "a failed assumption in a test should stop that test"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Value, json};
use steward_data::step::{Finding, Kind, Span};
use steward_data::{
    DataError, Document, Effect, Fields, Format, Given, Input, Job, Report, Step, StepAbout,
    StepError,
};
use steward_registry::Digest;

fn about(step: &str, kind: Kind) -> StepAbout {
    StepAbout {
        step: step.into(),
        kind,
        uses: format!("{step}@1.0.0"),
        digest: Digest::of(step.as_bytes()),
    }
}

/// Cleans as a plugin does: trims, drops empty and too long texts, and drops the second of two equal
/// texts of one batch. Breaks on `trap`, refuses every batch with more than `most` rows.
struct Cleaner {
    about: StepAbout,
    most: usize,
    calls: AtomicUsize,
}

impl Cleaner {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            about: about("cleaner", Kind::Clean),
            most,
            calls: AtomicUsize::new(0),
        })
    }
}

fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}

#[async_trait]
impl Step for Cleaner {
    fn about(&self) -> &StepAbout {
        &self.about
    }

    fn finds_duplicates(&self) -> bool {
        true
    }

    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        // Lets batches overtake each other, differently every time.
        for _ in 0..self.calls.load(Ordering::Relaxed) % 7 {
            tokio::task::yield_now().await;
        }
        if batch.len() > self.most {
            return Err(StepError::Batch("out of memory".into()));
        }
        if batch.iter().any(|d| d.text.contains("trap")) {
            return Err(StepError::Batch("unreachable".into()));
        }
        let mut seen = std::collections::HashSet::new();
        Ok(batch
            .iter()
            .map(|d| {
                let text = d.text.trim();
                let dropped = |rule: &str| Effect::Dropped {
                    rule: rule.into(),
                    detail: "by the plugin".into(),
                };
                if text.is_empty() {
                    dropped("too-short")
                } else if d.text.chars().count() > 12 {
                    // Depends on the raw text: of equal texts one can fall here and another not.
                    dropped("too-long")
                } else if !seen.insert(normal(text)) {
                    dropped("duplicate-in-batch")
                } else if text == d.text {
                    Effect::Kept
                } else {
                    Effect::Changed {
                        text: text.into(),
                        changes: vec![("trim".into(), 1)],
                    }
                }
            })
            .collect())
    }

    async fn fingerprint(&self, batch: &[Document]) -> Result<Vec<u128>, StepError> {
        if batch.iter().any(|d| d.text.contains("no-print")) {
            return Err(StepError::Batch("unreachable".into()));
        }
        Ok(batch
            .iter()
            .map(|d| {
                u128::from_be_bytes(
                    Digest::of(normal(&d.text).as_bytes()).as_bytes()[..16]
                        .try_into()
                        .unwrap(),
                )
            })
            .collect())
    }
}

/// Replaces every digit, and labels by length.
struct Anonymizer(StepAbout);
struct Labeller(StepAbout);
/// Fails for ever from its second call on.
struct Broken(StepAbout, AtomicUsize);
/// Is busy at first.
struct Busy(StepAbout, AtomicUsize);
/// Gives one answer too few.
struct Short(StepAbout);

#[async_trait]
impl Step for Anonymizer {
    fn about(&self) -> &StepAbout {
        &self.0
    }
    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        Ok(batch
            .iter()
            .map(|d| Effect::Anonymized {
                text: d.text.replace(|c: char| c.is_ascii_digit(), "#"),
                findings: d
                    .text
                    .chars()
                    .enumerate()
                    .filter(|(_, c)| c.is_ascii_digit())
                    .map(|(i, _)| {
                        let span = Span {
                            start: i as u32,
                            end: i as u32 + 1,
                        };
                        Finding {
                            entity: "DIGIT".into(),
                            span,
                            new_span: span,
                        }
                    })
                    .collect(),
            })
            .collect())
    }
}

#[async_trait]
impl Step for Labeller {
    fn about(&self) -> &StepAbout {
        &self.0
    }
    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        let label = |d: &Document| {
            if d.text.chars().count() > 4 {
                "long"
            } else {
                "short"
            }
        };
        Ok(batch
            .iter()
            .map(|d| Effect::Labelled {
                label: label(d).into(),
                score: 0.123_456,
            })
            .collect())
    }
}

#[async_trait]
impl Step for Broken {
    fn about(&self) -> &StepAbout {
        &self.0
    }
    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        match self.1.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(vec![Effect::Kept; batch.len()]),
            _ => Err(StepError::Fatal("the model is gone".into())),
        }
    }
}

#[async_trait]
impl Step for Busy {
    fn about(&self) -> &StepAbout {
        &self.0
    }
    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        match self.1.fetch_add(1, Ordering::Relaxed) {
            0..3 => Err(StepError::Busy(Duration::from_millis(1))),
            _ => Ok(vec![Effect::Kept; batch.len()]),
        }
    }
}

#[async_trait]
impl Step for Short {
    fn about(&self) -> &StepAbout {
        &self.0
    }
    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        Ok(vec![Effect::Kept; batch.len() - 1])
    }
}

fn chain(most: usize) -> Vec<Arc<dyn Step>> {
    vec![
        Cleaner::new(most),
        Arc::new(Anonymizer(about("anonymizer", Kind::Anonymize))),
        Arc::new(Labeller(about("classify:m:long,short", Kind::Classify))),
    ]
}

fn job(dir: &Path, steps: Vec<Arc<dyn Step>>) -> Job {
    Job {
        input: Input::File(dir.join("in.jsonl")),
        given: Given::default(),
        output: dir.join("out.jsonl"),
        output_format: Format::JsonLines,
        rejects: dir.join("rejects.jsonl"),
        dropped: Some(dir.join("dropped.jsonl")),
        fields: Fields::default(),
        max_line_bytes: 200,
        batch: 3,
        jobs: 2,
        keep_duplicates: false,
        steps,
        duplicates: None,
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// All three files, one after the other, and the counts.
fn run(input: &[u8], most: usize, batch: usize, jobs: usize) -> (Vec<u8>, Report) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in.jsonl"), input).unwrap();
    let job = Job {
        batch,
        jobs,
        ..job(dir.path(), chain(most))
    };
    let report = block_on(job.run(|_| {})).unwrap();
    let mut files = Vec::new();
    for name in ["out.jsonl", "rejects.jsonl", "dropped.jsonl"] {
        files.extend(std::fs::read(dir.path().join(name)).unwrap());
    }
    (files, report)
}

#[test]
fn every_row_goes_where_it_belongs() {
    let dir = tempfile::tempdir().unwrap();
    let input = concat!(
        "{\"id\":\"a\",\"text\":\" 你好 1 \",\"k\":1.0}\n",
        "\n",
        "{\"text\":\"Hello\"}\n",
        "not json\n",
        "{\"id\":\"c\",\"text\":\"hello  \"}\n",
        "{\"id\":\"d\",\"text\":\"   \"}\n",
        "{\"id\":\"e\",\"text\":\"a trap!\"}\n",
        "{\"id\":\"f\",\"text\":\"no-print\"}\n",
        "{\"id\":\"g\",\"text\":\"HELLO\"}\n",
        "{\"id\":\"h\"}\n",
        "{\"id\":\"i\",\"text\":\"x\",\"label\":\"gold\"}\n",
    );
    std::fs::write(
        dir.path().join("in.jsonl"),
        format!("{input}{}\n", "x".repeat(300)),
    )
    .unwrap();
    let mut seen = Vec::new();
    let report =
        block_on(job(dir.path(), chain(100)).run(|p| seen.push((p.bytes, p.total_bytes)))).unwrap();

    assert_eq!(
        lines(&dir.path().join("out.jsonl")),
        [
            json!({"id":"a","text":"你好 #","k":1.0,"findings":[{"entity":"DIGIT","span":{"start":3,"end":4},
                "new_span":{"start":3,"end":4}}],"label":"short","score":0.1235}),
            json!({"text":"Hello","findings":[],"label":"long","score":0.1235}),
        ]
    );
    let rejects: Vec<_> = lines(&dir.path().join("rejects.jsonl"))
        .iter()
        .map(|r| {
            (
                r["line"].as_u64().unwrap(),
                r["code"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        (4, "not-json"),
        (7, "step-failed"),
        (8, "step-failed"),
        (10, "no-text"),
        (11, "field-taken"),
        (12, "line-too-long"),
    ];
    assert_eq!(rejects, expected.map(|(n, code)| (n, code.to_owned())));
    let dropped: Vec<_> = lines(&dir.path().join("dropped.jsonl"))
        .iter()
        .map(|d| {
            format!(
                "{} {} {}",
                d["line"],
                d["rule"].as_str().unwrap(),
                d["detail"].as_str().unwrap()
            )
        })
        .collect();
    // The first `Hello` has no id: its line number names it.
    assert_eq!(
        dropped,
        [
            "5 duplicate same as 3",
            "6 too-short by the plugin",
            "9 duplicate same as 3"
        ]
    );

    assert_eq!(
        (report.rows.read, report.rows.kept, report.rows.changed),
        (11, 1, 1)
    );
    assert_eq!((report.rows.dropped, report.rows.rejected), (3, 6));
    assert_eq!(report.dropped["duplicate"], 2);
    assert_eq!(report.findings["DIGIT"], 1);
    assert_eq!(report.changes["trim"], 1);
    assert_eq!(report.labels["short"], 1);
    let bytes = std::fs::read(dir.path().join("out.jsonl")).unwrap();
    assert_eq!(
        (report.output.digest, report.output.bytes),
        (Digest::of(&bytes), bytes.len() as u64)
    );
    assert_eq!(
        report.input.digest,
        Digest::of(&std::fs::read(dir.path().join("in.jsonl")).unwrap())
    );
    let (last, total) = *seen.last().unwrap();
    assert_eq!(Some(last), total);
}

#[test]
fn of_equal_texts_the_first_that_survives_stays() {
    // The first `a` is too long in its raw form, the second survives, the rest are its duplicates.
    let texts = ["            a", "a", " A ", "            a", "a"];
    let input: String = texts
        .iter()
        .map(|t| json!({ "text": t }).to_string() + "\n")
        .collect();
    for batch in 1..=5 {
        let (files, report) = run(input.as_bytes(), 100, batch, 2);
        let files = String::from_utf8(files).unwrap();
        assert_eq!(
            files.matches("same as 2").count(),
            3,
            "batch {batch}: {files}"
        );
        assert_eq!((report.rows.kept, report.dropped["too-long"]), (1, 1));
    }
}

#[test]
fn duplicates_stay_where_they_are_wanted() {
    let texts = ["a", "A", "", "a", " a ", ""];
    let input: String = texts
        .iter()
        .map(|t| json!({ "text": t }).to_string() + "\n")
        .collect();
    for batch in 1..=6 {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("in.jsonl"), &input).unwrap();
        let job = Job {
            batch,
            keep_duplicates: true,
            ..job(dir.path(), chain(100))
        };
        let report = block_on(job.run(|_| {})).unwrap();
        assert_eq!(
            (report.rows.kept, report.rows.changed),
            (3, 1),
            "batch {batch}"
        );
        // The plugin's own rule for duplicates in one batch never saw any.
        assert_eq!(
            report.dropped.into_iter().collect::<Vec<_>>(),
            [("too-short".into(), 2)]
        );
    }
}

#[test]
fn many_equal_texts_take_few_calls() {
    let input = "{\"text\":\"\"}\n".repeat(1000) + &"{\"text\":\"same\"}\n".repeat(1000);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in.jsonl"), input).unwrap();
    let cleaner = Cleaner::new(10_000);
    let job = Job {
        batch: 2000,
        ..job(dir.path(), vec![Arc::clone(&cleaner) as Arc<dyn Step>])
    };
    let report = block_on(job.run(|_| {})).unwrap();
    assert_eq!(
        (
            report.dropped["too-short"],
            report.dropped["duplicate"],
            report.rows.kept
        ),
        (1000, 999, 1)
    );
    assert_eq!(cleaner.calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_failed_run_leaves_no_file_and_spares_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("in.jsonl"),
        "{\"text\":\"a\"}\n".repeat(100),
    )
    .unwrap();
    std::fs::write(dir.path().join("out.jsonl"), "old").unwrap();
    let broken = Arc::new(Broken(about("broken", Kind::Clean), AtomicUsize::new(0)));
    let error = block_on(job(dir.path(), vec![broken]).run(|_| {})).unwrap_err();
    assert!(
        matches!(&error, DataError::Step { step, .. } if step == "broken"),
        "{error}"
    );
    let mut names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["in.jsonl", "out.jsonl"]);
    assert_eq!(std::fs::read(dir.path().join("out.jsonl")).unwrap(), b"old");
}

#[test]
fn a_busy_step_is_asked_again_and_a_wrong_number_of_answers_rejects_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("in.jsonl"),
        "{\"text\":\"a\"}\n{\"text\":\"b\"}\n",
    )
    .unwrap();
    let busy = Arc::new(Busy(about("busy", Kind::Clean), AtomicUsize::new(0)));
    let report = block_on(job(dir.path(), vec![busy]).run(|_| {})).unwrap();
    assert_eq!(report.rows.kept, 2);
    let short = Arc::new(Short(about("short", Kind::Clean)));
    let report = block_on(job(dir.path(), vec![short]).run(|_| {})).unwrap();
    assert_eq!(report.rejected["step-failed"], 2);
}

#[test]
fn a_job_that_contradicts_itself_is_refused_before_it_starts() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in.jsonl"), "").unwrap();
    let path = |name: &str| dir.path().join(name);
    let base = || job(dir.path(), chain(10));
    let twice = |i: usize| Job {
        steps: vec![chain(1)[i].clone(), chain(1)[i].clone()],
        ..base()
    };
    let one_name = Fields {
        label: "text".into(),
        ..Fields::default()
    };
    for wrong in [
        Job {
            steps: vec![],
            ..base()
        },
        Job {
            output: path("in.jsonl"),
            ..base()
        },
        Job {
            rejects: path("out.jsonl"),
            ..base()
        },
        Job {
            output: path("none/out.jsonl"),
            ..base()
        },
        Job {
            output: path(""),
            ..base()
        },
        Job {
            input: Input::File(path("none")),
            ..base()
        },
        Job {
            input: Input::File(path("")),
            ..base()
        },
        Job {
            fields: one_name,
            ..base()
        },
        twice(1),
        twice(2),
    ] {
        assert!(block_on(wrong.run(|_| {})).is_err());
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    // Nothing in, nothing out, and no error.
    assert_eq!(block_on(base().run(|_| {})).unwrap().rows.read, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_result_does_not_depend_on_batches_or_jobs(
        rows in proptest::collection::vec(
            prop_oneof![
                6 => "[aA b1]{0,4}".prop_map(|t| json!({ "text": t }).to_string()),
                1 => "[ ]{0,14}a".prop_map(|t| json!({ "id": 7, "text": t }).to_string()),
                1 => Just(r#"{"text":"trap"}"#.to_owned()),
                1 => Just(r#"{"text":"no-print"}"#.to_owned()),
                1 => Just("garbage".to_owned()),
                1 => Just(String::new()),
            ],
            0..60,
        ),
        most in 1usize..20,
        batch in 1usize..40,
        jobs in 1usize..8,
    ) {
        let input = rows.join("\n");
        let (alone, first) = run(input.as_bytes(), 100, 1, 1);
        let (together, second) = run(input.as_bytes(), most, batch, jobs);
        prop_assert_eq!(String::from_utf8(alone).unwrap(), String::from_utf8(together).unwrap());
        prop_assert_eq!(first.rows, second.rows);
        let rows = second.rows;
        prop_assert_eq!(rows.read, rows.kept + rows.changed + rows.dropped + rows.rejected);
    }

    #[test]
    fn garbage_never_stops_a_run(input in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (_, report) = run(&input, 100, 4, 2);
        prop_assert_eq!(report.input.bytes, input.len() as u64);
    }
}
