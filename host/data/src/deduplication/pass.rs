//! The rows that the steps left, read again as often as it takes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::job::{Task, joined};
use crate::record::Record;
use crate::{DataError, Fields};

/// A batch ends here, in rows and in bytes.
const ROWS: usize = 256;
const BYTES: usize = 2 * 1024 * 1024;

/// Rows that were put aside.
#[derive(Clone)]
pub(super) struct Rows {
    pub path: PathBuf,
    pub fields: Arc<Fields>,
    /// The line of the input that each row was.
    pub lines: Arc<Vec<u64>>,
    /// Batches in flight at the same time.
    pub jobs: usize,
}

/// Some of them.
pub(super) struct Part {
    /// The number of the first one, from 0.
    pub first: usize,
    pub records: Vec<Record>,
}

impl Rows {
    /// Takes all rows, part by part and in order: `make` on all cores, `take` one after the other and where it may wait
    /// for a disk. `far` is told how many rows are through.
    pub async fn each<T: Send + 'static>(
        &self,
        make: impl AsyncMake<T>,
        mut take: impl FnMut(T) -> Result<(), DataError> + Send + 'static,
        mut far: impl FnMut(usize) + Send,
    ) -> Result<(), DataError> {
        let (to_work, mut from_reader) = mpsc::channel(self.jobs);
        let rows = self.clone();
        let reading = tokio::task::spawn_blocking(move || rows.read(&to_work));
        let (to_taker, mut from_work) = mpsc::channel(self.jobs);
        let taking = tokio::task::spawn_blocking(move || {
            while let Some(made) = from_work.blocking_recv() {
                take(made)?;
            }
            Ok::<_, DataError>(())
        });
        let make = Arc::new(make);
        let parts = futures::stream::poll_fn(move |context| from_reader.poll_recv(context));
        let made = parts.map(|part: Part| {
            let (make, through) = (Arc::clone(&make), part.first + part.records.len());
            let task = tokio::spawn(async move { Ok((make.make(part).await?, through)) });
            Task(task).join()
        });
        let mut made = std::pin::pin!(made.buffered(self.jobs));
        while let Some(made) = made.next().await {
            let (made, through) = made?;
            far(through);
            if to_taker.send(made).await.is_err() {
                break; // Its own error comes below.
            }
        }
        drop(to_taker);
        joined(taking.await)??;
        joined(reading.await)?
    }

    fn read(&self, to_work: &mpsc::Sender<Part>) -> Result<(), DataError> {
        let mut reader = lines(&self.path)?;
        let mut part = Part {
            first: 0,
            records: Vec::new(),
        };
        let (mut bytes, mut line) = (0, Vec::new());
        for (row, &number) in self.lines.iter().enumerate() {
            line.clear();
            let read = reader.read_until(b'\n', &mut line);
            bytes += read.map_err(DataError::file("read", &self.path))?;
            part.records
                .push(Record::again(&line, &self.fields, number)?);
            if part.records.len() == ROWS || bytes >= BYTES {
                let next = Part {
                    first: row + 1,
                    records: Vec::new(),
                };
                if to_work
                    .blocking_send(std::mem::replace(&mut part, next))
                    .is_err()
                {
                    return Ok(()); // Nobody wants more.
                }
                bytes = 0;
            }
        }
        if !part.records.is_empty() {
            let _ = to_work.blocking_send(part);
        }
        Ok(())
    }
}

/// A file, line by line.
pub(super) fn lines(path: &Path) -> Result<BufReader<File>, DataError> {
    let file = File::open(path).map_err(DataError::file("read", path))?;
    Ok(BufReader::with_capacity(256 * 1024, file))
}

/// What is done with a part on any core.
pub(super) trait AsyncMake<T>: Send + Sync + 'static {
    fn make(&self, part: Part) -> impl Future<Output = Result<T, DataError>> + Send;
}
