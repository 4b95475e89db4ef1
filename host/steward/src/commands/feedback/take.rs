//! `steward feedback send`, `import` and `interview`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use steward_registry::Name;

use super::taken;
use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::progress;

/// The largest note that is read, in bytes.
const MAX_NOTE_BYTES: u64 = 1 << 20;

/// Send one piece of feedback; it is anonymized before it is kept
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback send --text '导出太慢了' --about support --invocation 01k2…
  steward feedback send --survey nps-2026 --respondent r-17 --rating 9
  steward feedback send --prompt 'How do I get a refund?' --completion 'No idea.' --correction 'Under Orders, Refund.' --model answers@2.0.0

With a function and its call (`--invocation`, or its `--trace`), the versions of the function and of the model that answered \
are filled in. A respondent is an opaque name: one in which the anonymizer finds personal data is not taken. An answer to a survey that is \
sent twice counts once, the last one unless `feedback score --twice` says otherwise.")]
pub struct Send {
    /// What was said
    #[arg(long)]
    text: Option<String>,
    /// The name that you have for it; the same again changes nothing
    #[arg(long)]
    id: Option<String>,
    /// Which survey it answers
    #[arg(long)]
    survey: Option<String>,
    /// Who said it, by an opaque name
    #[arg(long)]
    respondent: Option<String>,
    /// How it was rated, on the scale of the survey
    #[arg(long)]
    rating: Option<f64>,
    /// Thumbs up (true) or down (false)
    #[arg(long, value_name = "true|false")]
    liked: Option<bool>,
    /// What a model was asked
    #[arg(long)]
    prompt: Option<String>,
    /// What it answered
    #[arg(long)]
    completion: Option<String>,
    /// What it should have answered
    #[arg(long)]
    correction: Option<String>,
    /// The function that it is about, `name` or `name@version`
    #[arg(long, value_name = "FUNCTION")]
    about: Option<String>,
    /// The model that it is about, `name` or `name@version`
    #[arg(long)]
    model: Option<String>,
    /// The call that it is about
    #[arg(long, value_name = "ID")]
    invocation: Option<String>,
    /// The trace of that call, as its `traceparent` had it
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
    /// When it was said, as RFC 3339 has it [default: now]
    #[arg(long)]
    at: Option<jiff::Timestamp>,
    /// The deployed anonymizer
    #[arg(long, value_name = "FUNCTION", default_value = "anonymizer")]
    anonymizer: Name,
}

impl Send {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let feedback = json!({
            "id": self.id,
            "text": self.text.unwrap_or_default(),
            "survey": self.survey,
            "respondent": self.respondent,
            "rating": self.rating,
            "liked": self.liked,
            "prompt": self.prompt,
            "completion": self.completion,
            "correction": self.correction,
            "function": self.about,
            "model": self.model,
            "invocation": self.invocation,
            "trace": self.trace,
            "at": self.at.map(jiff::Timestamp::as_millisecond),
        });
        let body = json!({ "anonymizer": self.anonymizer, "feedback": [feedback] });
        let client = context.connection.client()?;
        let answer = client.post(&["api", "v1", "feedback"], &body).await?;
        done(&context, &answer)
    }
}

/// Import feedback from a file, JSON Lines or CSV; it is anonymized before it is kept
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback import reviews.csv
  steward feedback import answers.jsonl --anonymizer strict-anonymizer

The first line of CSV names the fields, each line of JSON has them: text, survey, respondent, rating, liked, prompt, completion, \
correction, function, model, invocation, trace, at (milliseconds since 1970), id. A line that is none does not stop the others. With \
an id in each line, the file can be given again.")]
pub struct Import {
    /// The file
    file: PathBuf,
    /// jsonl or csv [default: found out]
    #[arg(long)]
    format: Option<String>,
    /// The deployed anonymizer
    #[arg(long, value_name = "FUNCTION", default_value = "anonymizer")]
    anonymizer: Name,
}

impl Import {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let mut query = vec![("anonymizer", self.anonymizer.to_string())];
        query.extend(self.format.map(|format| ("format", format)));
        let length = std::fs::metadata(&self.file).ok().map(|about| about.len());
        let bar = progress::bytes(context.output, "sending", length);
        let place = ["api", "v1", "feedback", "imports"];
        let content = "application/octet-stream";
        let answer = client.send_file(&place, &query, content, &self.file, bar.clone());
        let answer = answer.await;
        bar.finish_and_clear();
        done(&context, &answer?)
    }
}

/// Take in the note of an interview, one piece of feedback for each remark
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback interview notes/2026-05-12.md --respondent p-7 --about support

Paragraphs, items of lists and quotations are one piece of feedback each; headings are none.")]
pub struct Interview {
    /// The note, a text or Markdown
    file: PathBuf,
    /// Who was asked, by an opaque name
    #[arg(long)]
    respondent: Option<String>,
    /// The function that it is about
    #[arg(long, value_name = "FUNCTION")]
    about: Option<String>,
    /// The model that it is about
    #[arg(long)]
    model: Option<String>,
    /// When it was, as RFC 3339 has it [default: now]
    #[arg(long)]
    at: Option<jiff::Timestamp>,
    /// The deployed anonymizer
    #[arg(long, value_name = "FUNCTION", default_value = "anonymizer")]
    anonymizer: Name,
}

impl Interview {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let size = std::fs::metadata(&self.file).map(|about| about.len());
        let size = size.map_err(|e| Failure::file("read", &self.file, &e))?;
        if size > MAX_NOTE_BYTES {
            let what = format!("{} has {size} bytes", self.file.display());
            return Err(Failure::invalid(what)
                .next(format!(
                    "a note has at most {MAX_NOTE_BYTES} bytes; send it in parts"
                ))
                .into());
        }
        let note = std::fs::read_to_string(&self.file)
            .map_err(|e| Failure::file("read", &self.file, &e))?;
        let body = json!({
            "anonymizer": self.anonymizer,
            "note": note,
            "respondent": self.respondent,
            "function": self.about,
            "model": self.model,
            "at": self.at.map(jiff::Timestamp::as_millisecond),
        });
        let client = context.connection.client()?;
        let place = ["api", "v1", "feedback", "interviews"];
        done(&context, &client.post(&place, &body).await?)
    }
}

/// Nothing taken of something that was sent is a failure.
fn done(context: &Context, answer: &Value) -> anyhow::Result<Exit> {
    context.output.show(answer, || taken(answer))?;
    let of = |what: &str| answer[what].as_u64().unwrap_or_default();
    Ok(
        match of("added") + of("present") == 0 && of("rejected") > 0 {
            true => Exit::Invalid,
            false => Exit::Done,
        },
    )
}
