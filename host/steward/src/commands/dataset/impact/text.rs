//! An impact, for people.

use serde_json::Value;

use crate::output::{field, sheet, table};

/// How much of a text is shown, in code points.
const SHOWN: usize = 60;
/// How many labels are shown of a comparison.
const LABELS: usize = 10;

/// Everything that a run tells: how far it is, why it failed, or the report.
pub(super) fn text(run: &Value) -> String {
    let done = field(run, "/state") == "done";
    let evaluation = match done {
        true => evaluated(&run["outcome"]["evaluation"]),
        false => field(run, "/spec/evaluation"),
    };
    let mut text = sheet([
        ("run", field(run, "/id")),
        ("input", field(run, "/input")),
        ("state", field(run, "/state")),
        ("because", field(run, "/outcome/error")),
        ("snapshot", field(run, "/outcome/snapshot")),
        ("phase", if done { String::new() } else { phase(run) }),
        ("model", field(run, "/outcome/model/uses")),
        ("evaluation", evaluation),
        (
            "seconds",
            number(&run["outcome"]["seconds"], |seconds| {
                format!("{seconds:.1}")
            }),
        ),
    ]);
    if !done {
        return text;
    }
    text.push('\n');
    text.push_str(&sets(&run["outcome"]["sets"]));
    text.push('\n');
    let comparisons = run
        .pointer("/outcome/comparisons")
        .and_then(Value::as_array);
    for comparison in comparisons.into_iter().flatten() {
        text.push('\n');
        text.push_str(&compared(comparison));
        if comparison["whole"] == true {
            // Its samples are those of the parts.
            continue;
        }
        for (kind, title) in [("worst", "LOST"), ("best", "GAINED")] {
            let listed = listed(run, comparison, kind, title);
            if !listed.is_empty() {
                text.push('\n');
                text.push_str(&listed);
                text.push('\n');
            }
        }
    }
    text
}

fn phase(run: &Value) -> String {
    match field(run, "/progress/phase") {
        phase if phase == "embedding" => format!(
            "{phase}, {} of {} texts",
            field(run, "/progress/texts"),
            field(run, "/progress/total_texts")
        ),
        phase => phase,
    }
}

fn evaluated(evaluation: &Value) -> String {
    let mut text = format!(
        "{}, {} samples",
        field(evaluation, "/dataset"),
        field(evaluation, "/samples")
    );
    for (name, what) in [
        ("unlabelled", "without a label"),
        ("unreadable", "unreadable"),
        ("unknown_label", "with a label that no snapshot has"),
    ] {
        match field(evaluation, &format!("/{name}")) {
            count if count == "0" => {}
            count => text.push_str(&format!(", {count} {what}")),
        }
    }
    text
}

fn sets(sets: &Value) -> String {
    table(
        [
            "SNAPSHOT",
            "ROWS",
            "TRAINED ON",
            "IN EVALUATION",
            "LABELS",
            "MEAN LOSS",
            "ACCURACY",
            "MACRO F1",
        ],
        sets.as_array().into_iter().flatten().map(|set| {
            let count = |name: &str| set["left_out"][name].as_u64().unwrap_or(0);
            [
                field(set, "/dataset"),
                field(set, "/read"),
                field(set, "/examples"),
                (count("same_id") + count("same_text")).to_string(),
                field(set, "/labels"),
                number(&set["mean_loss"], |n| format!("{n:.3}")),
                number(&set["accuracy"], |n| format!("{n:.3}")),
                number(&set["macro_f1"], |n| format!("{n:.3}")),
            ]
        }),
    )
}

fn compared(comparison: &Value) -> String {
    let at = |name: &str| field(comparison, name);
    let nats = |name: &str| number(&comparison[name], |n| format!("{n:.3}"));
    let steps = comparison["steps"].as_array().map(|steps| {
        let uses = steps.iter().map(|step| field(step, "/uses"));
        uses.collect::<Vec<_>>().join(", ")
    });
    let loss = format!("{} loss", at("/kind"));
    let mut text = format!("{} -> {}\n", at("/before"), at("/after"));
    let rows = [
        (
            "by",
            steps.unwrap_or_else(|| "(the lineage does not say)".to_owned()),
        ),
        (
            match loss.as_str() {
                "cleaning loss" => "cleaning loss",
                "privacy loss" => "privacy loss",
                _ => "treatment loss",
            },
            format!("{}, {} a sample", nats("loss"), nats("loss_per_sample")),
        ),
        (
            "mean change",
            format!(
                "{}, {}",
                signed(&comparison["mean_change"]),
                interval(comparison)
            ),
        ),
        (
            "worse",
            side(
                comparison,
                "worse",
                "/became_wrong",
                "were right and are wrong",
            ),
        ),
        (
            "better",
            side(
                comparison,
                "better",
                "/became_right",
                "were wrong and are right",
            ),
        ),
        ("as before", format!("{} samples", at("/even"))),
        ("accuracy", pair(&comparison["accuracy"])),
        ("macro F1", pair(&comparison["macro_f1"])),
    ];
    for line in sheet(rows).lines() {
        text.push_str(&format!("  {line}\n"));
    }
    let labels = comparison["labels"].as_array();
    // All labels where there are few, else those that changed most on either side.
    let labels: Vec<&Value> = labels.into_iter().flatten().collect();
    let skipped = labels.len().saturating_sub(LABELS);
    let shown = labels
        .iter()
        .enumerate()
        .filter(|(place, _)| skipped == 0 || *place < LABELS / 2 || *place >= skipped + LABELS / 2)
        .map(|(_, of)| {
            [
                field(of, "/label"),
                field(of, "/samples"),
                signed(&of["change"]),
                pair(&of["recall"]),
            ]
        });
    text.push('\n');
    text.push_str(&table(["LABEL", "SAMPLES", "CHANGE", "RECALL"], shown));
    text.push('\n');
    text
}

fn side(comparison: &Value, side: &str, turned: &str, what: &str) -> String {
    let of = &comparison[side];
    let turned = field(comparison, turned);
    format!(
        "{} samples, {} in all; {turned} {what}",
        field(of, "/samples"),
        signed(&of["sum"]),
    )
}

/// Between which bounds, and whether that is a difference at all.
fn interval(comparison: &Value) -> String {
    let bound = |name: &str| comparison["interval"][name].as_f64().unwrap_or(0.0);
    let (low, high) = (bound("low"), bound("high"));
    let sense = if low > 0.0 {
        "a loss"
    } else if high < 0.0 {
        "a gain"
    } else if low == 0.0 && high == 0.0 {
        "no difference"
    } else {
        "no difference that these samples can show"
    };
    format!("95 % from {low:+.3} to {high:+.3}: {sense}")
}

fn listed(run: &Value, comparison: &Value, kind: &str, title: &str) -> String {
    let of = |row: &&Value| {
        ["before", "after"]
            .iter()
            .all(|name| row[name] == comparison[name])
    };
    let rows: Vec<&Value> = run[kind]
        .as_array()
        .into_iter()
        .flatten()
        .filter(of)
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(
        [title, "LABEL", "BEFORE", "AFTER", "ID", "TEXT"],
        rows.into_iter().map(|row| {
            [
                signed(&row["change"]),
                field(row, "/label"),
                field(row, "/predicted_before"),
                field(row, "/predicted_after"),
                match field(row, "/id") {
                    id if id.is_empty() => format!("line {}", field(row, "/line")),
                    id => id,
                },
                shown(&field(row, "/text")),
            ]
        }),
    )
}

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(SHOWN).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

fn number(value: &Value, shown: impl Fn(f64) -> String) -> String {
    value.as_f64().map(shown).unwrap_or_default()
}

fn signed(value: &Value) -> String {
    number(value, |n| format!("{n:+.3}"))
}

fn pair(value: &Value) -> String {
    let of = |name: &str| number(&value[name], |n| format!("{n:.3}"));
    format!("{} -> {}", of("before"), of("after"))
}
