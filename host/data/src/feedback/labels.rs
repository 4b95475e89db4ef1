//! What people said of the answers of a classifier becomes labelled rows, from which its next version learns.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;

use serde_json::{Map, Value, json};
use steward_feedback::preferences::{Judged, Labelled, Labels, labelled};
use steward_formats::Lines;
use steward_registry::feedback::FeedbackRecord;
use steward_registry::{DatasetSnapshot, TenantId};

use super::{Feedback, PreferencesGiven};
use crate::labelled::{compute, plain};
use crate::{DEFAULT_MAX_LINE_BYTES, DataError};

/// The field of a row that says which feedback it comes from.
const PROVENANCE: &str = "feedback";

/// What became of the rows of the snapshot that feedback is added to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Merged {
    rows: u64,
    /// Rows that were there.
    kept: u64,
    /// Rows that feedback calls otherwise: its row stands in their place.
    replaced: u64,
    /// Rows out of feedback.
    added: u64,
}

/// What a feedback record says of an answer of a model; none where it is about none.
pub(super) fn judged(one: &FeedbackRecord) -> Option<Judged> {
    let said = &one.feedback.said;
    let text = |field: &str| said[field].as_str().map(str::to_owned);
    Some(Judged {
        prompt: text("prompt")?,
        completion: text("completion")?,
        rating: said["rating"].as_f64(),
        liked: said["liked"].as_bool(),
        correction: text("correction"),
    })
}

/// The records that say something of an answer, and what each says, at the same place.
fn with_judgements(all: Vec<FeedbackRecord>) -> (Vec<FeedbackRecord>, Vec<Judged>) {
    all.into_iter()
        .filter_map(|one| judged(&one).map(|said| (one, said)))
        .unzip()
}

impl Feedback {
    /// Adds rows with a text and its label to a dataset, as its next snapshot: what corrects the answer of a classifier, and
    /// answers that were liked; behind the rows of another snapshot where one is named, which lose what feedback calls
    /// otherwise. The lineage names the feedback, that snapshot, and the models whose answers were judged.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where no label is said, or too much feedback; [`DataError::File`], [`DataError::Registry`].
    pub(super) async fn labels(
        &self,
        tenant: &TenantId,
        given: PreferencesGiven,
        by: &str,
    ) -> Result<DatasetSnapshot, DataError> {
        let fields = given.fields.read();
        if fields.text.is_empty() || fields.label.is_empty() || fields.text == fields.label {
            return Err(DataError::Invalid(
                "the fields of the text and of the label are two, each with a name".into(),
            ));
        }
        let registry = &self.registry;
        let with = match &given.with {
            Some(with) => Some(registry.snapshot(tenant, with).await?),
            None => None,
        };
        let all = self.all(tenant, given.which.into()).await?;
        let (all, said) = with_judgements(all);
        let before = match &with {
            Some(snapshot) => Some(self.datasets.fetch(snapshot.file).await?),
            None => None,
        };
        let out = self.datasets.incoming()?;
        let (out, all, labels, merged) = compute(move || {
            let labels = labelled(&said, plain).map_err(|e| DataError::Invalid(e.to_string()))?;
            let names = (fields.text.as_str(), fields.label.as_str());
            let merged = write(out.as_file(), before.as_deref(), names, &labels, &all)
                .map_err(DataError::file("write", out.path()))?;
            Ok((out, all, labels, merged))
        })
        .await?;
        if labels.rows.is_empty() {
            return Err(DataError::Invalid(format!(
                "none of {} judged answers says a label; it is a `correction`, or an answer that was `liked`",
                all.len()
            )));
        }
        let lineage = json!({
            "from": with.as_ref().map(|with| with.reference().to_string()),
            "feedback": {
                "format": "labels",
                "judged": all.len(),
                "first": all.first().map(|one| one.number),
                "last": all.last().map(|one| one.number),
                "models": models(&all),
                "labels": labels.rows.len(),
                "corrected": labels.rows.iter().filter(|row| row.corrected).count(),
                "contradictory": labels.contradictory,
                "kept": merged.kept,
                "replaced": merged.replaced,
                "added": merged.added,
            },
        });
        let stored = registry.artifacts().put_file(out.path()).await?;
        let added = registry.add_snapshot(tenant, &given.output, stored, merged.rows, &lineage, by);
        Ok(added.await?)
    }
}

/// The models that feedback is about, each once.
pub(super) fn models(all: &[FeedbackRecord]) -> Vec<&str> {
    let mut models: Vec<&str> = all
        .iter()
        .filter_map(|one| one.feedback.model.as_deref())
        .collect();
    models.sort_unstable();
    models.dedup();
    models
}

/// Writes the rows of the file, if there is one, and behind them those out of feedback that are not among them.
fn write(
    out: &File,
    before: Option<&Path>,
    (text, label): (&str, &str),
    labels: &Labels,
    all: &[FeedbackRecord],
) -> std::io::Result<Merged> {
    let mut out = BufWriter::with_capacity(256 * 1024, out);
    let mut merged = Merged::default();
    // The label that people give to a text, and whether a row says so already.
    let mut said: HashMap<String, (&Labelled, bool)> = labels
        .rows
        .iter()
        .map(|row| (plain(&row.text), (row, false)))
        .collect();
    if let Some(before) = before {
        let reader = BufReader::with_capacity(256 * 1024, File::open(before)?);
        let mut lines = Lines::new(reader, DEFAULT_MAX_LINE_BYTES);
        while let Some(line) = lines.next()? {
            // What is no row was none before.
            let Ok(row) = serde_json::from_slice::<Map<String, Value>>(&line.bytes) else {
                continue;
            };
            let known = row.get(text).and_then(Value::as_str).map(plain);
            let known = known.and_then(|known| said.get_mut(&known));
            if let (Some((people, there)), Some(label)) = (known, row.get(label).and_then(word)) {
                if label != people.label {
                    merged.replaced += 1;
                    continue;
                }
                *there = true;
            }
            out.write_all(line.bytes.trim_ascii())?;
            out.write_all(b"\n")?;
            merged.kept += 1;
        }
    }
    for row in &labels.rows {
        if said.get(&plain(&row.text)).is_some_and(|(_, there)| *there) {
            continue;
        }
        let Some(one) = all.get(row.judged).map(|one| &one.feedback) else {
            continue;
        };
        let mut line = Map::new();
        line.insert("id".into(), json!(one.id));
        let provenance = json!({
            "id": one.id, "function": one.function, "model": one.model, "invocation": one.invocation, "trace": one.trace,
        });
        line.insert(PROVENANCE.into(), provenance);
        line.insert(text.into(), json!(row.text));
        line.insert(label.into(), json!(row.label));
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
        merged.added += 1;
    }
    out.flush()?;
    merged.rows = merged.kept + merged.added;
    Ok(merged)
}

/// A label as it is learned: a string, a number or a truth.
fn word(label: &Value) -> Option<String> {
    match label {
        Value::String(label) => Some(label.clone()),
        Value::Number(_) | Value::Bool(_) => Some(label.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64, said: Value) -> FeedbackRecord {
        serde_json::from_value(json!({
            "number": number, "id": format!("f-{number}"), "source": "api", "survey": null, "respondent": "r-1",
            "function": "support@0.1.0", "model": "intents@1.0.0", "invocation": null,
            "trace": "0af7651916cd43dd8448eb211c80319c", "said_at": "2026-05-01T00:00:00Z", "said": said, "anonymizer": {},
            "created_at": "2026-05-01T00:00:00Z", "created_by": "ci",
        }))
        .unwrap()
    }

    fn merged(
        before: Option<&str>,
        all: Vec<FeedbackRecord>,
    ) -> (Merged, Vec<Value>, Vec<FeedbackRecord>) {
        let (all, said) = with_judgements(all);
        let labels = labelled(&said, plain).unwrap();
        let file = before.map(|rows| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), rows).unwrap();
            file
        });
        let out = tempfile::NamedTempFile::new().unwrap();
        let before = file.as_ref().map(tempfile::NamedTempFile::path);
        let merged = write(out.as_file(), before, ("text", "label"), &labels, &all).unwrap();
        let rows = std::fs::read_to_string(out.path()).unwrap();
        let rows = rows.lines().map(|row| serde_json::from_str(row).unwrap());
        (merged, rows.collect(), all)
    }

    #[test]
    fn corrections_stand_in_the_place_of_what_they_correct() {
        let all = [
            record(
                1,
                json!({ "prompt": "发票呢", "completion": "payment", "correction": "invoice" }),
            ),
            record(
                2,
                json!({ "prompt": "Where  is it", "completion": "track-order", "liked": true }),
            ),
            record(
                3,
                json!({ "prompt": "new", "completion": "payment", "correction": "invoice" }),
            ),
            record(
                4,
                json!({ "prompt": "bad", "completion": "payment", "liked": false }),
            ),
        ];
        let before = "{\"id\": 7, \"text\": \"发票呢\", \"label\": \"payment\"}\n\
                      {\"more\": 1.50, \"text\": \"where is it\", \"label\": \"track-order\"}\n{\"text\": \"no label\"}\n";
        let (found, rows, _) = merged(Some(before), all.into());
        let expected = Merged {
            rows: 4,
            kept: 2,
            replaced: 1,
            added: 2,
        };
        assert_eq!(found, expected);
        // What was there and holds stays as it was written.
        assert_eq!(
            (&rows[0]["more"], &rows[1]["text"]),
            (&json!(1.5), &json!("no label"))
        );
        assert_eq!(
            (&rows[2]["text"], &rows[2]["label"]),
            (&json!("发票呢"), &json!("invoice"))
        );
        assert_eq!(rows[3]["feedback"]["model"], "intents@1.0.0");
        assert_eq!(rows[3]["feedback"]["id"], "f-3");
    }

    #[test]
    fn without_a_snapshot_there_are_the_labels_alone() {
        let all = [
            record(
                1,
                json!({ "text": "slow", "prompt": null, "completion": null }),
            ),
            record(
                2,
                json!({ "prompt": "发票呢", "completion": "payment", "correction": "invoice" }),
            ),
        ];
        let (found, rows, judged) = merged(None, all.into());
        assert_eq!((found.kept, found.added, rows.len()), (0, 1, 1));
        assert_eq!(rows[0]["id"], "f-2");
        assert_eq!(models(&judged), ["intents@1.0.0"]);
    }
}
