//! Feedback comes in: checked, treated by an anonymizer, and kept; or not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Cursor;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use steward_feedback::intake::{Incoming, Source, interview};
use steward_feedback::survey::Metric;
use steward_formats::{Bounds, Fault, Format, FormatError, Given};
use steward_functions::contract::Document;
use steward_functions::{Anonymizer, Invocation, InvocationId};
use steward_registry::feedback::{MAX_FEEDBACK_AT_ONCE, NewFeedback};
use steward_registry::{ModelRef, Name, TenantId};

use super::{Feedback, FeedbackGiven, InterviewGiven};
use crate::DataError;

/// Texts that an anonymizer gets at a time.
const BATCH: usize = 256;
/// What was not taken is named so often.
const MOST_TOLD: usize = 100;
/// Characters of a reason: it quotes what stands in a file.
const MOST_OF_A_REASON: usize = 500;

/// Feedback that was not taken, and why. The rest is not touched by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotTaken {
    /// Its place, from 1; in a file, its line.
    pub place: u64,
    /// Why.
    pub reason: String,
}

/// What became of feedback.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Taken {
    /// How much is new.
    pub added: usize,
    /// How much was there before, by its id.
    pub present: usize,
    /// How much was not taken.
    pub rejected: usize,
    /// Why, for the first hundred.
    pub reasons: Vec<NotTaken>,
    /// The ids of all that is kept, in order.
    pub ids: Vec<String>,
    /// The plugin that treated it, as `anonymizer@0.1.0`.
    pub anonymizer: String,
}

/// Calls by their trace.
type Traced = HashMap<String, Vec<Invocation>>;

/// Feedback that may be taken, with its place.
type Placed = Vec<(u64, Incoming)>;

impl Feedback {
    /// Takes feedback in.
    ///
    /// # Errors
    /// [`DataError::Open`] and [`DataError::Function`] where the anonymizer is not there or fails: then nothing is kept.
    /// [`DataError::Invalid`] for too much at a time; [`DataError::Registry`].
    pub async fn take(
        &self,
        tenant: &TenantId,
        given: FeedbackGiven,
        by: &str,
    ) -> Result<Taken, DataError> {
        let source = |one: &Incoming| match one.survey {
            Some(_) => Source::Survey,
            None => Source::Api,
        };
        let placed = (1..).zip(given.feedback).collect();
        self.keep(tenant, &given.anonymizer, placed, Vec::new(), source, by)
            .await
    }

    /// Takes the remarks of an interview in, one piece of feedback each.
    ///
    /// # Errors
    /// Those of [`Feedback::take`]; [`DataError::Invalid`] for a note without remarks.
    pub async fn take_interview(
        &self,
        tenant: &TenantId,
        given: InterviewGiven,
        by: &str,
    ) -> Result<Taken, DataError> {
        let remarks = interview(&given.note);
        if remarks.is_empty() {
            return Err(DataError::Invalid(
                "the note has no remark: write paragraphs, items of a list or quotations".into(),
            ));
        }
        let remark = |text| Incoming {
            text,
            respondent: given.respondent.clone(),
            function: given.function.clone(),
            model: given.model.clone(),
            at: given.at,
            ..Incoming::default()
        };
        let placed = (1..).zip(remarks.into_iter().map(remark)).collect();
        self.keep(
            tenant,
            &given.anonymizer,
            placed,
            Vec::new(),
            |_| Source::Interview,
            by,
        )
        .await
    }

    /// Takes a file in: JSON Lines, or CSV whose first line names the fields. A line that is none does not stop the others.
    ///
    /// # Errors
    /// Those of [`Feedback::take`]; [`DataError::Invalid`] for a file that cannot be read as a whole.
    pub async fn import(
        &self,
        tenant: &TenantId,
        anonymizer: &Name,
        file: Vec<u8>,
        format: Option<Format>,
        by: &str,
    ) -> Result<Taken, DataError> {
        let read = tokio::task::spawn_blocking(move || rows_of(file, format));
        let (placed, refused) = read.await.map_err(|e| DataError::Broken(e.to_string()))??;
        self.keep(tenant, anonymizer, placed, refused, |_| Source::Import, by)
            .await
    }

    async fn keep(
        &self,
        tenant: &TenantId,
        function: &Name,
        placed: Placed,
        mut refused: Vec<NotTaken>,
        source: impl Fn(&Incoming) -> Source,
        by: &str,
    ) -> Result<Taken, DataError> {
        if placed.len() > MAX_FEEDBACK_AT_ONCE {
            return Err(DataError::Invalid(format!(
                "{} pieces of feedback at a time; at most {MAX_FEEDBACK_AT_ONCE} are taken, send them in parts",
                placed.len()
            )));
        }
        let anonymizer = self.anonymizer(tenant, function).await?;
        let rates = |(_, one): &(u64, Incoming)| one.survey.is_some() && one.rating.is_some();
        let metrics = match placed.iter().any(rates) {
            true => self.registry.survey_metrics(tenant).await?,
            false => BTreeMap::new(),
        };
        let mut good: Placed = Vec::with_capacity(placed.len());
        for (place, one) in placed {
            match check(&one).and_then(|()| on_scale(&one, &metrics)) {
                Ok(()) => good.push((place, one)),
                Err(reason) => refused.push(NotTaken { place, reason }),
            }
        }
        let good = self
            .treat(function, &anonymizer, good, &mut refused)
            .await?;
        let plugin = anonymizer.plugin();
        let by_whom = json!({
            "function": function,
            "plugin": format!("{}@{}", plugin.name, plugin.version),
            "digest": plugin.digest,
        });
        let traced = self.traced(tenant, &good).await;
        let new: Vec<NewFeedback> = good
            .into_iter()
            .map(|(_, one)| self.record(tenant, source(&one), one, &by_whom, &traced))
            .collect();
        let added = self.registry.add_feedback(tenant, &new, by).await?;
        refused.sort_by_key(|one| one.place);
        let rejected = refused.len();
        refused.truncate(MOST_TOLD);
        let count = added.iter().filter(|added| **added).count();
        Ok(Taken {
            added: count,
            present: added.len() - count,
            rejected,
            reasons: refused,
            ids: new.into_iter().map(|one| one.id).collect(),
            anonymizer: format!("{}@{}", plugin.name, plugin.version),
        })
    }

    /// Every text that somebody wrote, as the anonymizer leaves it. Names in which it finds personal data are no opaque
    /// names: what has one is not taken.
    async fn treat(
        &self,
        function: &Name,
        anonymizer: &Anonymizer,
        feedback: Placed,
        refused: &mut Vec<NotTaken>,
    ) -> Result<Placed, DataError> {
        let texts: Vec<String> = feedback
            .iter()
            .flat_map(|(_, one)| {
                let written = one.texts().map(|(_, text)| text.to_owned());
                written.chain(names(one).into_iter().map(str::to_owned))
            })
            .collect();
        let treated = self.treated(function, anonymizer, &texts).await?;
        let mut treated = treated.into_iter();
        let mut kept = Vec::with_capacity(feedback.len());
        for (place, mut one) in feedback {
            for (text, left) in one.texts_mut().zip(&mut treated) {
                *text = left;
            }
            let same = names(&one).into_iter().zip(&mut treated);
            // All of them are taken off, whatever is found.
            let named = same.fold(false, |named, (name, left)| named || *name != *left);
            if named {
                refused.push(NotTaken {
                    place,
                    reason: "`respondent` or `id` holds personal data; send an opaque name, by which nobody can be found".into(),
                });
            } else {
                kept.push((place, one));
            }
        }
        Ok(kept)
    }

    /// A deployed anonymizer.
    pub(super) async fn anonymizer(
        &self,
        tenant: &TenantId,
        function: &Name,
    ) -> Result<Anonymizer, DataError> {
        let found = self.functions.anonymizer(tenant, function.as_str()).await;
        found.map_err(|source| DataError::Open {
            step: function.to_string(),
            source,
        })
    }

    /// What an anonymizer leaves of texts, one for each, in their order.
    pub(super) async fn treated(
        &self,
        function: &Name,
        anonymizer: &Anonymizer,
        texts: &[String],
    ) -> Result<Vec<String>, DataError> {
        let mut treated = Vec::with_capacity(texts.len());
        for texts in texts.chunks(BATCH) {
            let batch: Vec<Document> = texts
                .iter()
                .enumerate()
                .map(|(place, text)| Document {
                    id: place.to_string(),
                    text: text.clone(),
                })
                .collect();
            // No policy: that of the function's configuration, else the plugin's own.
            let answer = anonymizer.anonymize(&batch, None).await;
            let answer = answer.map_err(|source| DataError::Function {
                function: function.clone(),
                source,
            })?;
            treated.extend(answer.into_iter().map(|one| one.text));
        }
        Ok(treated)
    }

    fn record(
        &self,
        tenant: &TenantId,
        source: Source,
        one: Incoming,
        anonymizer: &Value,
        traced: &Traced,
    ) -> NewFeedback {
        let said_at = one.at.and_then(|at| Timestamp::from_millisecond(at).ok());
        // The record of the call knows better than its caller which versions answered.
        let of_trace = match (&one.function, &one.invocation, &one.trace) {
            (None, None, Some(trace)) => traced.get(trace).map_or(&[][..], Vec::as_slice),
            _ => &[],
        };
        let call = match of_trace {
            [only] => Some(only.clone()),
            _ => self.call_of(tenant, &one),
        };
        let called = call.as_ref();
        let models = match called {
            Some(call) => call.models.clone(),
            // Several calls, as a run of a workflow makes them: which one is meant is not known, but perhaps which model.
            None => models_of(of_trace),
        };
        let answered = answered(&models, one.model.as_deref());
        NewFeedback {
            id: one.id.unwrap_or_else(|| InvocationId::new().to_string()),
            source: source.as_str().into(),
            survey: one.survey,
            respondent: one.respondent,
            function: called
                .map(|call| format!("{}@{}", call.function, call.version))
                .or(one.function),
            model: answered.or(one.model),
            invocation: called.map(|call| call.id.to_string()).or(one.invocation),
            trace: called.and_then(|call| call.trace.clone()).or(one.trace),
            said_at: said_at.unwrap_or_else(Timestamp::now),
            said: json!({
                "text": one.text,
                "rating": one.rating,
                "liked": one.liked,
                "prompt": one.prompt,
                "completion": one.completion,
                "correction": one.correction,
            }),
            anonymizer: anonymizer.clone(),
        }
    }

    /// The calls of the traces that feedback names without a function, as long as their records are kept. One look at all
    /// of them, however much feedback there is.
    async fn traced(&self, tenant: &TenantId, feedback: &Placed) -> Traced {
        let named: HashSet<String> = feedback
            .iter()
            .filter(|(_, one)| one.function.is_none())
            .filter_map(|(_, one)| one.trace.clone())
            .collect();
        let mut traced = Traced::new();
        if named.is_empty() {
            return traced;
        }
        for call in self.functions.calls_of_traces(tenant, named).await {
            if let Some(trace) = call.trace.clone() {
                traced.entry(trace).or_default().push(call);
            }
        }
        traced
    }

    /// The call that feedback is about, by its id or by its trace, as long as its record is kept. A trace that called the
    /// function several times does not say which call is meant.
    fn call_of(&self, tenant: &TenantId, one: &Incoming) -> Option<Invocation> {
        let function: ModelRef = one.function.as_deref()?.parse().ok()?;
        let name = function.name;
        // Records are looked for where there can be some: a name that is none leaves nothing in memory.
        self.functions.find(tenant.as_str(), name.as_str()).ok()?;
        if let Some(invocation) = &one.invocation {
            let invocation: InvocationId = invocation.parse().ok()?;
            return self.functions.invocation(tenant, &name, invocation);
        }
        let trace = one.trace.as_deref()?;
        let of_trace = |call: &Invocation| call.trace.as_deref() == Some(trace);
        let mut calls = self.functions.invocations(tenant, &name, 2, of_trace);
        calls.pop().filter(|_| calls.is_empty())
    }
}

/// The models that answered calls, each once.
fn models_of(calls: &[Invocation]) -> Vec<String> {
    let all: BTreeSet<&String> = calls.iter().flat_map(|call| &call.models).collect();
    all.into_iter().cloned().collect()
}

/// The version of a model that answered a call: the one of the name that the sender says; without one, the only one that
/// there is. None where that leaves several.
fn answered(models: &[String], said: Option<&str>) -> Option<String> {
    let name = said.map(|said| said.split(['@', '~']).next().unwrap_or(said));
    let mut fitting = models
        .iter()
        .filter(|model| name.is_none() || model.split('@').next() == name);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Some(only.clone()),
        _ => None,
    }
}

/// Whether a piece of feedback can be taken; else why not.
fn check(one: &Incoming) -> Result<(), String> {
    one.check().map_err(|error| error.to_string())?;
    // What is named is a function, a model and a call by their own rules: nothing else stands there untreated.
    for (field, name) in [("function", &one.function), ("model", &one.model)] {
        if let Some(name) = name {
            name.parse::<ModelRef>()
                .map_err(|why| format!("`{field}`: {why}; it is `name` or `name@version`"))?;
        }
    }
    if let Some(invocation) = &one.invocation {
        invocation
            .parse::<InvocationId>()
            .map_err(|_| "`invocation` is no id of a call; it is the header `steward-invocation-id` of its answer")?;
    }
    match one.at.map(Timestamp::from_millisecond) {
        Some(Err(why)) => Err(format!("`at`: {why}; it counts milliseconds since 1970")),
        _ => Ok(()),
    }
}

/// Whether a rating is of the scale of the survey that it answers, where that is one of these; else why not.
fn on_scale(one: &Incoming, metrics: &BTreeMap<String, String>) -> Result<(), String> {
    let (Some(survey), Some(rating)) = (&one.survey, one.rating) else {
        return Ok(());
    };
    let metric = metrics.get(survey).and_then(|word| Metric::named(word));
    match metric.map(|metric| (metric, metric.rating(rating))) {
        Some((metric, Err(why))) => Err(format!(
            "`rating`: {why}, for the survey `{survey}` is {}",
            metric.as_str()
        )),
        _ => Ok(()),
    }
}

/// Names that are to be opaque.
fn names(one: &Incoming) -> Vec<&str> {
    [one.respondent.as_deref(), one.id.as_deref()]
        .into_iter()
        .flatten()
        .collect()
}

/// Feedback by its line, and the lines that are none. It ends at more of either than is taken at a time.
fn rows_of(file: Vec<u8>, format: Option<Format>) -> Result<(Placed, Vec<NotTaken>), DataError> {
    let unreadable =
        |error: FormatError| DataError::Invalid(format!("the file cannot be read: {error}"));
    let source = steward_formats::Source::Stream(Box::new(Cursor::new(file)));
    let given = Given {
        format,
        ..Given::default()
    };
    let opened = steward_formats::open(source, None, &given, &Bounds::default());
    let mut rows = opened.map_err(unreadable)?.rows;
    let (mut placed, mut refused) = (Placed::new(), Vec::new());
    while let Some(line) = rows.next().map_err(unreadable)? {
        let place = line.number;
        let read = match line.fault {
            Some(fault) => Err(fault.to_string()),
            // A list would be taken for the fields in their order.
            None if !line.bytes.trim_ascii_start().starts_with(b"{") => {
                Err(Fault::NotAnObject.to_string())
            }
            // The line of the file is the place; that within the row says nothing.
            None => serde_json::from_slice::<Incoming>(&line.bytes).map_err(|e| {
                let reason = e.to_string();
                let cut = reason.rfind(" at line ").unwrap_or(reason.len());
                reason.get(..cut).unwrap_or_default().to_owned()
            }),
        };
        match read {
            Ok(one) => placed.push((place, one.without_empty())),
            Err(reason) => refused.push(NotTaken {
                place,
                reason: reason.chars().take(MOST_OF_A_REASON).collect(),
            }),
        }
        for (count, what) in [(placed.len(), "are feedback"), (refused.len(), "are none")] {
            if count > MAX_FEEDBACK_AT_ONCE {
                return Err(DataError::Invalid(format!(
                    "more than {MAX_FEEDBACK_AT_ONCE} lines of the file {what}; send it in parts"
                )));
            }
        }
    }
    Ok((placed, refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_both_formats_are_read_row_by_row() {
        let csv = "text,survey,respondent,rating,at\n很好用,nps,r1,9,1000\n,nps,r2,,\n";
        let (placed, refused) = rows_of(csv.into(), Some(Format::Csv)).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!(
            (placed[0].1.rating, placed[0].1.at),
            (Some(9.0), Some(1000))
        );
        assert_eq!((placed[1].1.rating, placed[1].1.text.as_str()), (None, ""));
        let lines = "{\"text\": \"a\"}\nnot json\n{\"txt\": \"b\"}\n{\"rating\": 3}\n";
        let (placed, refused) = rows_of(lines.into(), Some(Format::JsonLines)).unwrap();
        assert_eq!(placed.len(), 2);
        assert_eq!(refused.len(), 2, "{refused:?}");
        assert!(
            refused
                .iter()
                .any(|one| one.reason.contains("unknown field `txt`"))
        );
    }

    #[test]
    fn the_model_that_answered_is_the_one_that_is_meant() {
        let models = ["intents@1.0.0", "minilm@1.0.0~int8"].map(str::to_owned);
        let said = |said| answered(&models, said);
        assert_eq!(said(Some("intents")).as_deref(), Some("intents@1.0.0"));
        // What the record says stands before what its caller believes.
        assert_eq!(
            said(Some("intents@9.0.0")).as_deref(),
            Some("intents@1.0.0")
        );
        assert_eq!(
            said(Some("minilm~int8")).as_deref(),
            Some("minilm@1.0.0~int8")
        );
        assert_eq!((said(None), said(Some("intent"))), (None, None));
        assert_eq!(
            answered(&models[..1], None).as_deref(),
            Some("intents@1.0.0")
        );
        let both = ["intents@1.0.0", "intents@1.1.0"].map(str::to_owned);
        assert_eq!(answered(&both, Some("intents")), None);
    }

    #[test]
    fn a_rating_is_of_the_scale_of_a_survey_that_there_is() {
        let metrics = [("nps-2026", "nps"), ("导出", "csat")];
        let metrics = metrics.map(|(name, metric)| (name.to_owned(), metric.to_owned()));
        let metrics = BTreeMap::from(metrics);
        let rated = |survey: Option<&str>, rating| {
            let one = Incoming {
                survey: survey.map(str::to_owned),
                rating,
                ..Incoming::default()
            };
            on_scale(&one, &metrics)
        };
        let why = rated(Some("nps-2026"), Some(11.0)).unwrap_err();
        for part in ["11", "from 0 to 10", "`nps-2026` is nps"] {
            assert!(why.contains(part), "{why}");
        }
        assert!(rated(Some("导出"), Some(0.0)).is_err());
        for (survey, rating) in [
            (Some("nps-2026"), Some(0.0)),
            (Some("nps-2026"), None),
            (Some("导出"), Some(5.0)),
            (Some("another"), Some(11.0)),
            (None, Some(11.0)),
        ] {
            assert_eq!(rated(survey, rating), Ok(()), "{survey:?} {rating:?}");
        }
    }

    #[test]
    fn a_place_is_the_line_of_the_file() {
        let lines =
            "{\"text\": \"a\"}\nnot json\n\n{\"txt\": \"b\"}\n{\"rating\": 3}\n[\"c\", \"d\"]\n";
        let (placed, refused) = rows_of(lines.into(), Some(Format::JsonLines)).unwrap();
        let places: Vec<u64> = placed.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [1, 5]);
        let places: Vec<u64> = refused.iter().map(|one| one.place).collect();
        assert_eq!(places, [2, 4, 6], "{refused:?}");
        let csv = "text,rating\n\"two\nlines\",1\ngood,much\n";
        let (placed, refused) = rows_of(csv.into(), Some(Format::Csv)).unwrap();
        assert_eq!((placed.len(), refused.len()), (1, 1), "{refused:?}");
        assert_eq!(refused[0].place, 4);
    }

    #[test]
    fn a_file_of_too_many_lines_is_refused_and_a_reason_is_short() {
        for line in ["{\"rating\": 1}\n", "x\n"] {
            let file = line.repeat(MAX_FEEDBACK_AT_ONCE + 1);
            assert!(
                matches!(rows_of(file.into(), Some(Format::JsonLines)), Err(DataError::Invalid(why)) if why.contains("in parts")),
            );
        }
        let long = format!("{{\"{}\": 1}}\n", "x".repeat(10_000));
        let (_, refused) = rows_of(long.into(), Some(Format::JsonLines)).unwrap();
        assert_eq!(refused[0].reason.chars().count(), MOST_OF_A_REASON);
    }
}
