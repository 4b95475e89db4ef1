//! What feedback means, by a deployed function.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};

use serde_json::{Value, json};
use steward_registry::feedback::{FeedbackFilter, FeedbackRecord, MAX_FEEDBACK_PAGE};
use steward_registry::{DatasetSnapshot, TenantId};

use super::labels::models;
use super::{AnalyseGiven, Feedback, PreferencesGiven, RowsFormat, ScoreGiven};
use crate::{DataError, HeadFields};

/// The most feedback that is understood at a time.
const MOST: usize = 100_000;
/// Bytes of its texts, which are in memory all at a time.
const MOST_BYTES: usize = 256 << 20;
/// Texts that a function gets at a time.
const BATCH: usize = 512;

impl Feedback {
    /// Language, sentiment and topics of each piece that has a text, how often each is, and themes where they are asked for.
    ///
    /// # Errors
    /// [`DataError::Function`] where the function is not there, fails, or does not answer as its world says;
    /// [`DataError::Invalid`] for too much feedback; [`DataError::Registry`].
    pub async fn analyse(
        &self,
        tenant: &TenantId,
        given: AnalyseGiven,
    ) -> Result<Value, DataError> {
        let mut all = self.all(tenant, given.which.into()).await?;
        all.retain(|one| !text(one).trim().is_empty());
        let mut analyses: Vec<Value> = Vec::with_capacity(all.len());
        for part in all.chunks(BATCH) {
            let batch: Vec<Value> = part
                .iter()
                .map(|one| json!({ "id": one.feedback.id, "text": text(one) }))
                .collect();
            let answer = self.ask(
                tenant,
                &given.function,
                "analyse",
                json!({ "batch": batch }),
            );
            let Value::Array(answer) = answer.await? else {
                return Err(broken(&given.function, "no list of analyses"));
            };
            if answer.len() != part.len() {
                return Err(broken(
                    &given.function,
                    "another number of analyses than of texts",
                ));
            }
            analyses.extend(answer);
        }
        let mut counts: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        for analysis in &analyses {
            for what in ["language", "sentiment"] {
                let label = analysis[what]["known"]["label"]
                    .as_str()
                    .unwrap_or("unknown");
                *counts
                    .entry(what)
                    .or_default()
                    .entry(label.to_owned())
                    .or_default() += 1;
            }
            for topic in analysis["topics"].as_array().into_iter().flatten() {
                let label = topic["label"].as_str().unwrap_or("unknown");
                *counts
                    .entry("topics")
                    .or_default()
                    .entry(label.to_owned())
                    .or_default() += 1;
            }
        }
        let themes = if given.themes && !all.is_empty() {
            let batch: Vec<Value> = all
                .iter()
                .map(|one| json!({ "id": one.feedback.id, "text": text(one), "at": one.feedback.said_at.as_millisecond() }))
                .collect();
            let answer = self.ask(tenant, &given.function, "themes", json!({ "batch": batch }));
            Some(named(answer.await?, &all))
        } else {
            None
        };
        let feedback: Vec<Value> = all
            .iter()
            .zip(analyses)
            .map(|(one, analysis)| json!({ "id": one.feedback.id, "number": one.number, "analysis": analysis }))
            .collect();
        Ok(json!({
            "function": given.function,
            "texts": feedback.len(),
            "counts": counts,
            "feedback": feedback,
            "themes": themes,
        }))
    }

    /// The number of a survey. Ratings without a respondent do not come in, so that each has one.
    ///
    /// # Errors
    /// Those of [`Feedback::analyse`]; the function's own, for a metric or a minimum that is none.
    pub async fn score(&self, tenant: &TenantId, given: ScoreGiven) -> Result<Value, DataError> {
        let filter = FeedbackFilter {
            survey: Some(given.survey.clone()),
            since: given.since,
            until: given.until,
            ..FeedbackFilter::default()
        };
        let all = self.all(tenant, filter).await?;
        let rated: Vec<(&FeedbackRecord, &str, f64)> = all
            .iter()
            .filter_map(|one| {
                Some((
                    one,
                    one.feedback.respondent.as_deref()?,
                    one.feedback.said["rating"].as_f64()?,
                ))
            })
            .collect();
        let answers: Vec<Value> = rated
            .iter()
            .map(|(one, respondent, rating)| {
                json!({ "respondent": respondent, "rating": rating, "at": one.feedback.said_at.as_millisecond() })
            })
            .collect();
        let design = json!({
            "metric": given.metric,
            "twice": given.twice,
            "minimum": given.minimum,
            "confidence": given.confidence,
        });
        let input = json!({ "design": design, "answers": answers });
        let mut result = self.ask(tenant, &given.function, "survey", input).await?;
        // A place in a list that nobody saw says nothing: the id does.
        let rejected = result.get_mut("rejected").and_then(Value::as_array_mut);
        for rejected in rejected
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            let place = rejected.get("answer").and_then(Value::as_u64);
            let place = place.and_then(|place| usize::try_from(place).ok());
            if let Some((one, ..)) = place.and_then(|place| rated.get(place)) {
                rejected.insert("id".into(), json!(one.feedback.id));
            }
        }
        Ok(json!({
            "survey": given.survey,
            "metric": given.metric,
            "function": given.function,
            "result": result,
        }))
    }

    /// Adds preference rows, or labelled rows, to a dataset, as its next snapshot. Its lineage names the feedback, the
    /// function, and the models whose answers were judged.
    ///
    /// # Errors
    /// Those of [`Feedback::analyse`]; [`DataError::Invalid`] where nothing is preferred to anything; [`DataError::File`].
    pub async fn preferences(
        &self,
        tenant: &TenantId,
        given: PreferencesGiven,
        by: &str,
    ) -> Result<DatasetSnapshot, DataError> {
        let format = match given.format {
            RowsFormat::Labels => return self.labels(tenant, given, by).await,
            RowsFormat::Standard => "standard",
            RowsFormat::Conversational => "conversational",
            RowsFormat::Unpaired => "unpaired",
        };
        if given.with.is_some() || given.fields != HeadFields::default() {
            return Err(DataError::Invalid(
                "`with` and `fields` are about rows of the format `labels`; those of TRL have fields of their own".into(),
            ));
        }
        let mut all = self.all(tenant, given.which.into()).await?;
        all.retain(|one| one.feedback.said["completion"].is_string());
        let rows: Vec<Value> = all
            .iter()
            .map(|one| {
                let of = |field: &str| one.feedback.said[field].clone();
                json!({
                    "prompt": of("prompt"),
                    "completion": of("completion"),
                    "rating": of("rating"),
                    "liked": of("liked"),
                    "correction": of("correction"),
                })
            })
            .collect();
        let input = json!({ "rows": rows, "format": format });
        let answer = self
            .ask(tenant, &given.function, "preferences", input)
            .await?;
        let rows: Option<Vec<String>> = serde_json::from_value(answer).ok();
        let rows = rows.ok_or_else(|| broken(&given.function, "no list of rows"))?;
        if rows.is_empty() {
            return Err(DataError::Invalid(format!(
                "none of {} judged answers is preferred to another; a pair needs two answers to one prompt that were judged \
                 differently, or a correction",
                all.len()
            )));
        }
        let out = self.datasets.incoming()?;
        let mut file = BufWriter::new(out.as_file());
        let wrong = || DataError::file("write", out.path());
        for row in &rows {
            // What a plugin answers is not taken for JSON unseen.
            let value: Value = serde_json::from_str(row)
                .ok()
                .filter(Value::is_object)
                .ok_or_else(|| broken(&given.function, "a row that is no JSON object"))?;
            serde_json::to_writer(&mut file, &value).map_err(|e| wrong()(e.into()))?;
            file.write_all(b"\n").map_err(wrong())?;
        }
        file.flush().map_err(wrong())?;
        drop(file);
        let lineage = json!({ "feedback": {
            "function": given.function,
            "format": format,
            "judged": all.len(),
            "first": all.first().map(|one| one.number),
            "last": all.last().map(|one| one.number),
            "models": models(&all),
        }});
        let stored = self.registry.artifacts().put_file(out.path()).await?;
        let count = rows.len() as u64;
        let added = self
            .registry
            .add_snapshot(tenant, &given.output, stored, count, &lineage, by);
        Ok(added.await?)
    }

    /// All of it, page by page.
    pub(super) async fn all(
        &self,
        tenant: &TenantId,
        mut filter: FeedbackFilter,
    ) -> Result<Vec<FeedbackRecord>, DataError> {
        let (mut all, mut bytes) = (Vec::new(), 0);
        loop {
            let page = self
                .registry
                .feedback(tenant, &filter, MAX_FEEDBACK_PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            filter.after = last.number;
            bytes += page.iter().map(size).sum::<usize>();
            all.extend(page);
            not_too_much(all.len(), bytes)?;
        }
    }
}

/// Bytes of the texts of one piece.
fn size(one: &FeedbackRecord) -> usize {
    let said = one.feedback.said.as_object().into_iter().flatten();
    said.filter_map(|(_, text)| text.as_str())
        .map(str::len)
        .sum()
}

pub(super) fn not_too_much(pieces: usize, bytes: usize) -> Result<(), DataError> {
    if pieces <= MOST && bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(DataError::Invalid(format!(
        "more than {MOST} pieces of feedback, or than {MOST_BYTES} bytes of their texts; narrow them by a survey, a function, \
         a model or a time"
    )))
}

fn text(one: &FeedbackRecord) -> &str {
    one.feedback.said["text"].as_str().unwrap_or_default()
}

/// Themes with the ids of their members instead of places in a list that nobody saw.
fn named(mut themes: Value, all: &[FeedbackRecord]) -> Value {
    let each = themes.as_array_mut().into_iter().flatten();
    for theme in each.filter_map(Value::as_object_mut) {
        let places = theme.get("members").and_then(Value::as_array);
        let ids: Vec<&str> = places
            .into_iter()
            .flatten()
            .filter_map(|place| all.get(usize::try_from(place.as_u64()?).ok()?))
            .map(|one| one.feedback.id.as_str())
            .collect();
        theme.insert("members".into(), json!(ids));
    }
    themes
}

pub(super) fn broken(function: &steward_registry::Name, what: &str) -> DataError {
    DataError::Invalid(format!(
        "the function `{function}` answered with {what}; deploy a plugin that keeps to the world `feedback`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_pieces_and_too_large_ones_are_refused() {
        assert!(not_too_much(MOST, MOST_BYTES).is_ok());
        assert!(not_too_much(MOST + 1, 0).is_err());
        assert!(not_too_much(1, MOST_BYTES + 1).is_err());
        let record: FeedbackRecord = serde_json::from_value(json!({
            "number": 1, "id": "a", "source": "api", "survey": null, "respondent": null, "function": null, "model": null,
            "invocation": null, "trace": null, "said_at": "2026-05-01T00:00:00Z", "said": { "text": "很好", "rating": 9, "prompt": "abc" },
            "anonymizer": {}, "created_at": "2026-05-01T00:00:00Z", "created_by": "ci",
        }))
        .unwrap();
        assert_eq!(size(&record), 9);
    }
}
