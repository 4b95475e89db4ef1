//! Files of datasets: rows as they come in and go out, in the formats that people have, and how two snapshots differ.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use steward_formats::{
    Bounds, Diff, DiffSpec, Format, FormatError, Given, Imported, Source, diff, export, import,
};
use steward_registry::{ArtifactRef, DatasetRef, DatasetSnapshot, Digest, Name, TenantId};
use tempfile::NamedTempFile;

use super::Datasets;
use crate::{DEFAULT_MAX_LINE_BYTES, DataError};

/// How many bytes the rows of a file may have once they are unpacked: a small file of Parquet can hold any number.
const MOST_BYTES: u64 = 16 << 30;
/// The most rows that are shown of each kind in a comparison.
const MAX_SAMPLE: usize = 100;

/// What is known of a file that comes in.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// What it is called. The extension says what the content leaves open.
    pub name: Option<PathBuf>,
    /// What else.
    pub given: Given,
}

/// How two snapshots differ.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// The older, `name@snapshot`.
    pub before: String,
    /// The newer.
    pub after: String,
    /// How they differ.
    #[serde(flatten)]
    pub diff: Diff,
}

impl Datasets {
    /// Reads a file of any format and adds its rows as the next snapshot of a dataset. What is no row is kept beside it,
    /// each with its line and reason ([`Datasets::rejects`]).
    ///
    /// # Errors
    /// [`DataError::Invalid`] where the file cannot be read, or nothing in it; [`DataError::File`],
    /// [`DataError::Registry`].
    pub async fn add(
        &self,
        tenant: &TenantId,
        name: &Name,
        file: &Path,
        upload: Upload,
        by: &str,
    ) -> Result<DatasetSnapshot, DataError> {
        let (rows, rejects) = (self.incoming()?, self.incoming()?);
        let path = file.to_owned();
        let (imported, rows, rejects) = self
            .work(move || {
                let imported = read(path, &upload, rows.as_file(), rejects.as_file());
                Ok((imported.map_err(refused)?, rows, rejects))
            })
            .await?;
        if let (0, Some(first)) = (imported.rows, &imported.first_reject) {
            let (count, format) = (imported.rejects(), imported.format);
            return Err(DataError::Invalid(format!(
                "none of the {count} rows can be read as {format}; {first}"
            )));
        }
        let registry = &self.0.registry;
        let artifacts = registry.artifacts();
        let mut lineage = json!({
            "uploaded": true,
            "format": imported.format,
            "source": { "digest": Digest::from(imported.digest), "size": imported.bytes },
        });
        if let Some(encoding) = imported.encoding {
            lineage["encoding"] = json!(encoding);
        }
        if imported.rejects() > 0 {
            lineage["rejected"] = json!(imported.rejected);
            lineage["rejects_file"] = json!(artifacts.put_file(rejects.path()).await?);
        }
        let stored = artifacts.put_file(rows.path()).await?;
        let added = registry.add_snapshot(tenant, name, stored, imported.rows, &lineage, by);
        Ok(added.await?)
    }

    /// What was no row in the file that a snapshot came from; none where everything was.
    pub fn rejects(snapshot: &DatasetSnapshot) -> Option<ArtifactRef> {
        let kept = snapshot.lineage.get("rejects_file")?;
        serde_json::from_value(kept.clone()).ok()
    }

    /// Rows of the artifact store as a file of another format, which is gone once it is dropped.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where a row cannot be written so; [`DataError::File`], [`DataError::Registry`].
    pub async fn export(
        &self,
        rows: ArtifactRef,
        format: Format,
    ) -> Result<NamedTempFile, DataError> {
        let path = self.fetch(rows).await?;
        let out = self.incoming()?;
        self.work(move || {
            let mut file = BufWriter::with_capacity(256 * 1024, out.as_file());
            export(&path, format, &mut file, &Bounds::default()).map_err(refused)?;
            file.flush().map_err(DataError::file("write", out.path()))?;
            drop(file);
            Ok(out)
        })
        .await
    }

    /// How two snapshots differ.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where they cannot be compared; [`DataError::File`], [`DataError::Registry`].
    pub async fn diff(
        &self,
        tenant: &TenantId,
        before: &DatasetRef,
        after: &DatasetRef,
        mut spec: DiffSpec,
    ) -> Result<Compared, DataError> {
        spec.sample = spec.sample.min(MAX_SAMPLE);
        let registry = &self.0.registry;
        let older = registry.snapshot(tenant, before).await?;
        let newer = registry.snapshot(tenant, after).await?;
        let (old, new) = (self.fetch(older.file).await?, self.fetch(newer.file).await?);
        let diff = self
            .work(move || diff(&old, &new, &spec).map_err(refused))
            .await?;
        Ok(Compared {
            before: older.reference().to_string(),
            after: newer.reference().to_string(),
            diff,
        })
    }

    /// Work on a file, on a thread of its own once there is a place.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, DataError> + Send + 'static,
    ) -> Result<T, DataError> {
        let place = Arc::clone(&self.0.files).acquire_owned().await.ok();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(|e| DataError::Broken(e.to_string()))?
    }
}

fn read(
    path: PathBuf,
    upload: &Upload,
    rows: &File,
    rejects: &File,
) -> Result<Imported, FormatError> {
    let bounds = Bounds {
        row_bytes: DEFAULT_MAX_LINE_BYTES,
        ..Bounds::default()
    };
    let mut rows = BufWriter::with_capacity(256 * 1024, rows);
    let mut rejects = BufWriter::new(rejects);
    let imported = import(
        Source::File(path),
        upload.name.as_deref(),
        &upload.given,
        &bounds,
        MOST_BYTES,
        &mut rows,
        &mut rejects,
    )?;
    rows.flush()?;
    rejects.flush()?;
    Ok(imported)
}

/// What is wrong with a file is said without its place on this host.
fn refused(error: FormatError) -> DataError {
    match error {
        FormatError::Io(source) => DataError::File {
            action: "work on",
            path: PathBuf::from("a file of rows"),
            source,
        },
        error => DataError::Invalid(format!("the file of rows: {error}")),
    }
}
