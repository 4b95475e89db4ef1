//! Event files, read by TensorBoard's own reader and shown by a running TensorBoard.

use serde_json::{Value, json};
use steward_monitoring::tensorboard::EventFile;

const SCALAR: &str = "准确率/accuracy";
const HISTOGRAM: &str = "分数/score";
const TEXT: &str = "说明/notes";
const STEPS: i64 = 20;

/// A run and what should be found in it.
fn write(folder: &std::path::Path) -> Value {
    let mut file = EventFile::create(&folder.join("minilm")).unwrap();
    let (mut scalars, mut sums) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let wall = 1_700_000_000.5 + step as f64;
        let value = 1.0 - 1.0 / (step + 1) as f32;
        file.scalar(SCALAR, step, wall, value).unwrap();
        file.scalar("loss", step, wall, 1.0 - value).unwrap();
        scalars.push(json!([wall, step, value]));
        let values: Vec<f64> = (0..500)
            .map(|i| f64::from(i) / 250.0 - 1.0 + step as f64 / 10.0)
            .collect();
        file.histogram(HISTOGRAM, step, wall, &values).unwrap();
        sums.push(json!([
            step,
            values.len(),
            values.iter().sum::<f64>(),
            values[0],
            values[499]
        ]));
    }
    file.text(
        TEXT,
        3,
        1_700_000_003.0,
        "**稳定版** stays beside the candidate",
    )
    .unwrap();
    file.flush().unwrap();
    let second = folder.join("nested/第二次");
    EventFile::create(&second)
        .unwrap()
        .scalar("loss", 1, 1.0, f32::NAN)
        .unwrap();
    json!({
        "folder": folder, "run": "minilm", "runs": ["minilm", "nested/第二次"],
        "scalar": SCALAR, "scalars": scalars,
        "histogram": HISTOGRAM, "sums": sums,
        "text": TEXT, "words": "稳定版",
    })
}

#[test]
fn the_readers_of_tensorboard_find_everything() {
    let folder = tempfile::tempdir().unwrap();
    let answer = super::ask("accumulator", &write(folder.path()));
    assert_eq!(
        answer,
        json!({"scalars": 20, "histograms": 20, "version": 2.0})
    );
}

#[test]
fn a_running_tensorboard_shows_everything() {
    let folder = tempfile::tempdir().unwrap();
    let answer = super::ask("board", &write(folder.path()));
    assert_eq!(
        answer,
        json!({"runs": 2, "scalars": 20, "histograms": 20, "texts": 1})
    );
}
