//! Tables of people that are protected for somebody who waits.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;
use steward_anonymity::{Inputs, Limits, Report, Spec, anonymize};

use crate::{DataError, Datasets};

/// How long a search lasts at most; the best combination of levels so far is taken then.
const TIME: Duration = Duration::from_secs(120);

/// What a job over a table reads.
pub struct TableFiles<T> {
    /// The table: CSV in UTF-8 with a header.
    pub table: T,
    /// Everybody of whom the table could be.
    pub population: Option<T>,
    /// The files of hierarchies, by what the job calls them.
    pub hierarchies: BTreeMap<String, T>,
}

/// A protected table.
#[derive(Debug, Serialize)]
pub struct Protected {
    /// CSV in UTF-8 with a header.
    pub table: String,
    /// What was done, what is lost, and the risk before and after.
    pub report: Report,
}

impl Datasets {
    /// Protects a table. Nothing is kept of it. Where the future is dropped, the search stops.
    ///
    /// # Errors
    /// [`DataError::Table`]
    pub async fn protect<T: AsRef<[u8]> + Send + 'static>(
        &self,
        spec: Spec,
        files: TableFiles<T>,
    ) -> Result<Protected, DataError> {
        let turn = self.turn().await;
        let waiting = Waiting(Arc::default());
        let left = Arc::clone(&waiting.0);
        let protected = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            protect(&spec, &files, &left)
        });
        protected
            .await
            .map_err(|e| DataError::Broken(e.to_string()))?
    }
}

fn protect<T: AsRef<[u8]>>(
    spec: &Spec,
    files: &TableFiles<T>,
    left: &AtomicBool,
) -> Result<Protected, DataError> {
    let mut table = files.table.as_ref();
    let mut population = files.population.as_ref().map(AsRef::as_ref);
    let inputs = Inputs {
        table: &mut table,
        population: population.as_mut().map(|bytes| bytes as &mut dyn Read),
        files: &mut |name| match files.hierarchies.get(name) {
            Some(file) => Ok(file.as_ref().to_vec()),
            None => Err(Error::new(
                ErrorKind::NotFound,
                "no part of this name was sent",
            )),
        },
    };
    let limits = Limits {
        time: TIME,
        ..Limits::default()
    };
    let (released, report) = anonymize(spec, inputs, &limits, &mut |_| match left.load(Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    })?;
    let mut csv = Vec::new();
    released.write_csv(&mut csv)?;
    let table = String::from_utf8(csv).map_err(|e| DataError::Broken(e.to_string()))?;
    Ok(Protected { table, report })
}

/// Somebody who waits. Once they do not, the work is told.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
