//! Rows of datasets as files: in and out in the formats that people have, and how two snapshots differ.

use std::path::PathBuf;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use steward_data::{
    Compared, DataError, Datasets, DiffSpec, Encoding, Format, Given, Types, Upload,
};
use steward_registry::{DatasetRef, Name};
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};

use super::{JSON_LINES, PATH, SnapshotBody, file};
use crate::auth::{Caller, Publish};
use crate::extract::{InPath, InQuery, unread};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// What is known of a file that comes in. What is not said is found out.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// `jsonl`, `csv`, `tsv` or `parquet`; else what `Content-Type` says, and else what the content and the name say.
    #[param(example = "csv")]
    format: Option<String>,
    /// What the file is called; its extension says what the content leaves open.
    #[param(example = "messages.csv")]
    name: Option<String>,
    /// The encoding of its text, as `gb18030`; else the `charset` of `Content-Type`, and else what it looks like.
    encoding: Option<String>,
    /// What separates the cells of CSV, one ASCII character; else what the header has most of.
    delimiter: Option<String>,
    /// What cells of CSV are, where they are not text: `COLUMN=number`, `=boolean`, `=json`, separated by commas.
    #[param(example = "stars=number,tags=json")]
    types: Option<String>,
}

impl Known {
    fn upload(self, headers: &HeaderMap) -> Result<Upload, Problem> {
        let wrong = |e: &dyn std::fmt::Display| Problem::new(&codes::INVALID_QUERY, e.to_string());
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default();
        let said = Format::of_content_type(content_type);
        let charset = said.and_then(|_| {
            let parameters = content_type.split(';').skip(1);
            let mut charsets = parameters.filter_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case("charset")
                    .then(|| value.trim().trim_matches('"'))
            });
            charsets.next()
        });
        let format = match &self.format {
            Some(word) => Some(word.parse::<Format>().map_err(|e| wrong(&e))?),
            None => said,
        };
        let encoding = match self.encoding.as_deref().or(charset) {
            Some(label) => Some(label.parse::<Encoding>().map_err(|e| wrong(&e))?),
            None => None,
        };
        let delimiter = match self.delimiter.as_deref().map(str::as_bytes) {
            None => None,
            Some([byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
            Some(_) => {
                return Err(wrong(
                    &"`delimiter` is one ASCII character, and no quote or line end",
                ));
            }
        };
        let types = match &self.types {
            Some(list) => list.parse::<Types>().map_err(|e| wrong(&e))?,
            None => Types::default(),
        };
        Ok(Upload {
            name: self.name.map(PathBuf::from),
            given: Given {
                format,
                encoding,
                delimiter,
                types,
            },
        })
    }
}

/// Add a snapshot to a dataset, which is made with its first.
///
/// The body is JSON Lines, CSV, TSV or Parquet, and the answer says in `lineage` what it was taken for. Rows are kept as
/// JSON. What is no row is kept beside them, with its line and the reason: see `rejects`. A Parquet file that is damaged or
/// cut short is refused as a whole.
#[utoipa::path(post, path = "/api/v1/datasets/{name}", tag = "datasets", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the dataset"), Known),
    request_body(content(
        (Vec<u8> = "application/x-ndjson"),
        (Vec<u8> = "text/csv"),
        (Vec<u8> = "text/tab-separated-values"),
        (Vec<u8> = "application/vnd.apache.parquet"),
    )),
    responses(
        (status = 201, description = "It is added", body = SnapshotBody),
        (status = 413, description = "It is larger than what is accepted"),
        (status = 422, description = "It cannot be read, or nothing in it"),
    ))]
pub(crate) async fn add(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    InQuery(known): InQuery<Known>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let upload = known.upload(request.headers())?;
    // Bound before it is read: its size and its pace are limited where it comes in. Nothing of it is kept in memory.
    let incoming = gateway.datasets.incoming()?;
    let failed = |e: std::io::Error| {
        tracing::error!(error = %e, "rows that come in cannot be written");
        Problem::new(&codes::STORAGE_UNAVAILABLE, "the log of the host says why")
    };
    let file = incoming.reopen().map_err(failed)?;
    let mut file = tokio::fs::File::from_std(file);
    let mut body = request.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(unread)?;
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    drop(file);
    let datasets = &gateway.datasets;
    let added = datasets.add(caller.tenant(), &name, incoming.path(), upload, caller.id());
    let added = added.await?;
    let location = format!("{PATH}/{}", added.reference());
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(added)))
}

/// The format that rows are wanted in.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// `jsonl`, `csv`, `tsv` or `parquet`; else the first of those in `Accept`, and else `jsonl`.
    #[param(example = "parquet")]
    format: Option<String>,
}

impl Wanted {
    fn format(&self, headers: &HeaderMap) -> Result<Format, Problem> {
        if let Some(word) = &self.format {
            let format = word.parse::<Format>();
            return format.map_err(|e| Problem::new(&codes::INVALID_QUERY, e.to_string()));
        }
        let accepted = headers.get_all(ACCEPT).into_iter();
        let mut accepted = accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        Ok(accepted
            .find_map(Format::of_content_type)
            .unwrap_or(Format::JsonLines))
    }
}

/// Read the rows of a snapshot.
///
/// In CSV, what is nested is JSON in its cell, and a missing field or null an empty cell. In Parquet, a field is a column of
/// the narrowest type that keeps every value.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/rows", tag = "datasets", security(("key" = ["publish"])),
    params(("dataset" = String, Path, description = "`name`, or `name@snapshot`"), Wanted),
    responses(
        (status = 200, description = "The rows", content(
            (Vec<u8> = "application/x-ndjson"),
            (Vec<u8> = "text/csv"),
            (Vec<u8> = "text/tab-separated-values"),
            (Vec<u8> = "application/vnd.apache.parquet"),
        )),
        (status = 422, description = "A row cannot be written in this format"),
    ))]
pub(crate) async fn rows(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(dataset): InPath<DatasetRef>,
    InQuery(wanted): InQuery<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = wanted.format(&headers)?;
    let snapshot = gateway.registry.snapshot(caller.tenant(), &dataset).await?;
    if format == Format::JsonLines {
        return file(&gateway, snapshot.file).await;
    }
    let written = gateway.datasets.export(snapshot.file, format).await?;
    let failed = |source: std::io::Error| DataError::File {
        action: "read",
        path: written.path().to_owned(),
        source,
    };
    // The file loses its name here, and is gone once it is sent.
    let open = written.reopen().map_err(failed)?;
    let size = open.metadata().map_err(failed)?.len();
    let open = tokio::fs::File::from_std(open);
    Ok((
        [
            (CONTENT_TYPE, format.content_type().to_owned()),
            (CONTENT_LENGTH, size.to_string()),
        ],
        Body::from_stream(ReaderStream::with_capacity(open, 256 * 1024)),
    )
        .into_response())
}

/// Read what was no row in the file or the run that a snapshot came from, each with its line and the reason.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/rejects", tag = "datasets", security(("key" = ["publish"])),
    params(("dataset" = String, Path, description = "`name`, or `name@snapshot`")),
    responses((status = 200, description = "JSON Lines, none where everything was a row", body = Vec<u8>, content_type = "application/x-ndjson")))]
pub(crate) async fn rejects(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(dataset): InPath<DatasetRef>,
) -> Result<Response, Problem> {
    let snapshot = gateway.registry.snapshot(caller.tenant(), &dataset).await?;
    match Datasets::rejects(&snapshot) {
        None => Ok(([(CONTENT_TYPE, JSON_LINES)], "").into_response()),
        Some(kept) => file(&gateway, kept).await,
    }
}

/// How snapshots are compared.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Comparison {
    /// The field that says which row is which.
    #[param(default = "id")]
    by: Option<String>,
    /// How many rows are shown of each kind, at most 100.
    #[param(default = 10)]
    sample: Option<usize>,
}

/// How two snapshots differ.
#[derive(ToSchema)]
#[schema(as = DatasetDiff)]
#[allow(dead_code, reason = "it describes what the data crate answers")]
pub(crate) struct DiffBody {
    #[schema(example = "support-messages@1")]
    before: String,
    #[schema(example = "support-messages@2")]
    after: String,
    /// The field by which rows were matched.
    by: String,
    /// Rows of each, as `before` and `after`.
    rows: Value,
    /// Rows that are only in the newer.
    added: u64,
    /// Rows that are only in the older.
    removed: u64,
    /// Rows of one id with another content.
    changed: u64,
    unchanged: u64,
    /// Rows without an id, `before` and `after`; they are matched by content.
    without_id: Value,
    /// Rows whose id an earlier row has, `before` and `after`; they are matched by content.
    repeated_id: Value,
    /// Of each field that changed, in how many rows it was `added`, `removed` or `changed`.
    fields: Value,
    /// Some rows: `added` and `removed`, and `changed` with `id` and the fields that changed as `before` and `after`. Long
    /// values are cut.
    sample: Value,
}

/// Say how a snapshot differs from another, row by row.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/diff/{other}", tag = "datasets", security(("key" = ["publish"])),
    params(
        ("dataset" = String, Path, description = "The older: `name`, or `name@snapshot`"),
        ("other" = String, Path, description = "The newer: `name`, or `name@snapshot`"),
        Comparison,
    ),
    responses(
        (status = 200, description = "How they differ", body = DiffBody),
        (status = 422, description = "They have more rows than can be compared"),
    ))]
pub(crate) async fn diff(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((before, after)): InPath<(DatasetRef, DatasetRef)>,
    InQuery(asked): InQuery<Comparison>,
) -> Result<Json<Compared>, Problem> {
    let usual = DiffSpec::default();
    let spec = DiffSpec {
        by: asked.by.unwrap_or(usual.by),
        sample: asked.sample.unwrap_or(usual.sample),
        ..usual
    };
    let datasets = &gateway.datasets;
    Ok(Json(
        datasets
            .diff(caller.tenant(), &before, &after, spec)
            .await?,
    ))
}
