//! Event files that TensorBoard shows: scalars, histograms and text over steps.
//!
//! The format is TensorFlow's (`tensorflow/core/util/event.proto` and `tensorflow/core/lib/io/record_writer.h`): records
//! of protocol buffers, each with a length and checksums. One folder is one run of the board.

mod histogram;
mod proto;
mod record;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use proto::{
    DATA_CLASS_TENSOR, DT_STRING, Event, PluginData, Summary, SummaryMetadata, SummaryValue,
    TensorProto, TensorShapeProto, Value, What,
};

/// The longest tag, in code points.
pub const MAX_TAG: usize = 256;
/// The longest text, in bytes of UTF-8.
pub const MAX_TEXT: usize = 64 << 10;

/// An event file that is being written. What is written is on disk after [`EventFile::flush`], or when it is dropped.
///
/// ```
/// use steward_monitoring::tensorboard::EventFile;
///
/// let folder = tempfile::tempdir()?;
/// let mut file = EventFile::create(&folder.path().join("minilm"))?;
/// for step in 0..10 {
///     file.scalar("loss", step, 1_700_000_000.0 + step as f64, 1.0 / (step + 1) as f32)?;
/// }
/// file.histogram("score/分数", 9, 1_700_000_009.0, &[0.1, 0.4, 0.4, 0.9])?;
/// file.flush()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
}

/// Why an event was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventFileError {
    /// The file system refuses.
    #[error("cannot write the event file {}: {source}", .path.display())]
    Io {
        /// The file, or the folder it should be in.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A tag that TensorBoard could not show well.
    #[error("the tag {tag:?} for {} {reason}; tags have 1 to {MAX_TAG} characters, none of control", .path.display())]
    Tag {
        /// The file.
        path: PathBuf,
        /// The tag, at most its first characters.
        tag: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text that is too long.
    #[error("the text `{tag}` for {} has {bytes} bytes; at most {MAX_TEXT} are written", .path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// Its tag.
        tag: String,
        /// Its length.
        bytes: usize,
    },
    /// A histogram without a finite number.
    #[error("the histogram `{tag}` for {} has no finite number; leave it out at this step", .path.display())]
    NoNumbers {
        /// The file.
        path: PathBuf,
        /// Its tag.
        tag: String,
    },
}

impl EventFile {
    /// Begins a new file in a folder, which is made where it is missing. The name is as TensorBoard expects it,
    /// `events.out.tfevents.<seconds>.steward.<process>.<count>`; no file is ever written over.
    ///
    /// # Errors
    /// Where the folder or the file cannot be made.
    pub fn create(folder: &Path) -> Result<Self, EventFileError> {
        /// Two files of one process never share a name, even within a second.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| EventFileError::Io { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        // A clock before 1970 gives a file all the same.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs_f64();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let name = format!(
            "events.out.tfevents.{:010}.steward.{process}.{count}",
            now as u64
        );
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = BufWriter::new(file.map_err(failed(&path))?);
        let mut events = Self { path, file };
        events.write(&Event {
            wall_time: now,
            step: 0,
            what: Some(What::FileVersion("brain.Event:2".into())),
        })?;
        events.flush()?;
        Ok(events)
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one number at a step; `wall_time` in seconds since 1970. TensorBoard marks what is not finite.
    ///
    /// # Errors
    /// Where the tag is no good or the file cannot be written.
    pub fn scalar(
        &mut self,
        tag: &str,
        step: i64,
        wall_time: f64,
        value: f32,
    ) -> Result<(), EventFileError> {
        self.summary(tag, step, wall_time, Value::Simple(value), None)
    }

    /// Writes how numbers are distributed at a step, in TensorFlow's buckets: at most 1,550, each a tenth wider than the
    /// one before. Numbers that are not finite are left out.
    ///
    /// # Errors
    /// As for [`EventFile::scalar`], and where no number is finite.
    pub fn histogram(
        &mut self,
        tag: &str,
        step: i64,
        wall_time: f64,
        values: &[f64],
    ) -> Result<(), EventFileError> {
        let Some(histogram) = histogram::of(values) else {
            self.check(tag)?;
            return Err(EventFileError::NoNumbers {
                path: self.path.clone(),
                tag: tag.into(),
            });
        };
        self.summary(tag, step, wall_time, Value::Histogram(histogram), None)
    }

    /// Writes a text at a step; TensorBoard shows it as Markdown.
    ///
    /// # Errors
    /// As for [`EventFile::scalar`], and where the text is longer than [`MAX_TEXT`].
    pub fn text(
        &mut self,
        tag: &str,
        step: i64,
        wall_time: f64,
        text: &str,
    ) -> Result<(), EventFileError> {
        self.check(tag)?;
        if text.len() > MAX_TEXT {
            return Err(EventFileError::Text {
                path: self.path.clone(),
                tag: tag.into(),
                bytes: text.len(),
            });
        }
        let metadata = SummaryMetadata {
            plugin_data: Some(PluginData {
                plugin_name: "text".into(),
            }),
            data_class: DATA_CLASS_TENSOR,
        };
        let tensor = TensorProto {
            dtype: DT_STRING,
            tensor_shape: Some(TensorShapeProto {}),
            string_val: vec![text.as_bytes().to_vec()],
        };
        self.summary(tag, step, wall_time, Value::Tensor(tensor), Some(metadata))
    }

    /// Hands everything that was written to the operating system, so that TensorBoard sees it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn flush(&mut self) -> Result<(), EventFileError> {
        self.file.flush().map_err(|source| self.failed(source))
    }

    fn summary(
        &mut self,
        tag: &str,
        step: i64,
        wall_time: f64,
        value: Value,
        metadata: Option<SummaryMetadata>,
    ) -> Result<(), EventFileError> {
        self.check(tag)?;
        let value = SummaryValue {
            tag: tag.into(),
            metadata,
            value: Some(value),
        };
        self.write(&Event {
            wall_time,
            step,
            what: Some(What::Summary(Summary { value: vec![value] })),
        })
    }

    fn check(&self, tag: &str) -> Result<(), EventFileError> {
        let reason = if tag.is_empty() {
            "is empty"
        } else if tag.chars().nth(MAX_TAG).is_some() {
            "is too long"
        } else if tag.chars().any(char::is_control) {
            "has a control character"
        } else {
            return Ok(());
        };
        Err(EventFileError::Tag {
            path: self.path.clone(),
            tag: tag.chars().take(MAX_TAG).collect(),
            reason,
        })
    }

    fn write(&mut self, event: &Event) -> Result<(), EventFileError> {
        let written = record::write(&mut self.file, &event.encode_to_vec());
        written.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> EventFileError {
        EventFileError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_shown_is_refused_and_leaves_no_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(folder.path()).unwrap();
        let before = std::fs::read(file.path()).unwrap();
        let long = "长".repeat(MAX_TAG + 1);
        for tag in ["", "a\nb", &long] {
            let error = file.scalar(tag, 0, 0.0, 1.0).unwrap_err().to_string();
            assert!(error.contains("tfevents") && error.len() < 4096, "{error}");
        }
        let nothing = file.histogram("空", 0, 0.0, &[f64::NAN]).unwrap_err();
        assert!(matches!(nothing, EventFileError::NoNumbers { .. }));
        let text = file.text("t", 0, 0.0, &"x".repeat(MAX_TEXT + 1));
        assert!(matches!(text, Err(EventFileError::Text { .. })));
        file.flush().unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), before);
        file.scalar(&long[..long.len() - 3], 0, 0.0, 1.0).unwrap();
    }

    #[test]
    fn files_of_one_second_have_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> = (0..5)
            .map(|_| EventFile::create(folder.path()).unwrap())
            .collect();
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            files.len()
        );
    }

    #[test]
    fn an_error_names_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("文件");
        std::fs::write(&blocked, "a file").unwrap();
        let error = EventFile::create(&blocked.join("run")).unwrap_err();
        assert!(error.to_string().contains("文件"), "{error}");
    }
}
