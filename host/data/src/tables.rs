//! Tables that are protected or linked for somebody who waits.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;
use steward_anonymity::{Inputs, Limits, Report, Spec, anonymize};
use steward_duplicates::linkage;

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

/// Tables whose rows are linked.
#[derive(Debug, Serialize)]
pub struct LinkedTables {
    /// The links: CSV in UTF-8 with a header.
    pub links: String,
    /// All rows with their clusters: CSV in UTF-8 with a header.
    pub clusters: String,
    /// What was learned and counted.
    pub report: linkage::Report,
}

impl Datasets {
    /// Links the rows of a table, or those of two tables to each other. Nothing is kept of them.
    ///
    /// # Errors
    /// [`DataError::Duplicates`]
    pub async fn link<T: AsRef<[u8]> + Send + 'static>(
        &self,
        spec: linkage::Spec,
        table: T,
        other: Option<T>,
    ) -> Result<LinkedTables, DataError> {
        let turn = self.turn().await;
        let linked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let limits = linkage::Limits::default();
            let (mut table, mut other) = (table.as_ref(), other.as_ref().map(AsRef::as_ref));
            let other = other.as_mut().map(|bytes| bytes as &mut dyn Read);
            let linked = linkage::link(&spec, &mut table, other, &limits)?;
            let text =
                |csv: Vec<u8>| String::from_utf8(csv).map_err(|e| DataError::Broken(e.to_string()));
            let (mut links, mut clusters) = (Vec::new(), Vec::new());
            linked.write_links(&mut links)?;
            linked.write_clusters(&mut clusters)?;
            Ok(LinkedTables {
                links: text(links)?,
                clusters: text(clusters)?,
                report: linked.report,
            })
        });
        linked.await.map_err(|e| DataError::Broken(e.to_string()))?
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
