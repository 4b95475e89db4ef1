//! A search over rows that were put aside: one pass for each kind of duplicates.

use std::sync::Arc;

use steward_duplicates::{Banding, Found, Near, Passages, Semantic, Sentences, Signer, Space};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::pass::{Part, Rows};
use super::pushed::{Pushed, finished};
use super::report::AlikeReport;
use super::sketch::{Embedding, Records, Signed, Signing, Sketched, sketches};
use super::{Opened, spec_of};
use crate::counted::Counted;
use crate::step::{Sketch, Step};
use crate::{DataError, Progress};

/// A search over rows that were put aside.
pub(super) struct Search<'a> {
    pub opened: &'a Opened,
    pub rows: Rows,
    pub aside: &'a TempDir,
    /// Rows that are duplicates by what was looked for so far, in order.
    pub known: Arc<Vec<u32>>,
    pub passes_done: usize,
    pub last: Progress,
}

impl Search<'_> {
    fn space(&self) -> Space {
        Space {
            dir: self.aside.path().to_owned(),
            bytes: self.opened.bytes,
        }
    }

    /// Remembers what is a duplicate already: it is not compared again.
    pub fn know(&mut self, found: &Found) {
        let fresh = found.duplicates.iter().map(|duplicate| duplicate.row);
        let mut known: Vec<u32> = self.known.iter().copied().chain(fresh).collect();
        known.sort_unstable();
        self.known = Arc::new(known);
    }

    /// Tells how far a pass is.
    pub fn far<'p, P: FnMut(Progress) + Send>(
        &mut self,
        progress: &'p mut P,
    ) -> impl FnMut(usize) + Send + use<'p, P> {
        let (done, passes) = (self.passes_done as f64, self.opened.passes() as f64);
        let rows = self.rows.lines.len().max(1) as f64;
        let last = self.last;
        self.passes_done += 1;
        move |through| {
            progress(Progress {
                duplicates: Some((done + through as f64 / rows) / passes),
                ..last
            });
        }
    }

    pub async fn near(
        &mut self,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<(Found, AlikeReport), DataError> {
        let similarity = self
            .opened
            .given
            .near
            .as_ref()
            .map_or(1.0, |near| near.similarity);
        let cleaner = self
            .opened
            .cleaner
            .clone()
            .map(|step| Arc::new(Counted::new(step)));
        // A cleaner that makes no signatures for the first rows makes none at all.
        let (cleaner, values) = match cleaner {
            Some(step) => match self.values(&step).await? {
                0 => (None, Signer::VALUES),
                values => (Some(step), values),
            },
            None => (None, Signer::VALUES),
        };
        let near = Near::new(similarity, values, &self.space())?;
        let bands = near.banding();
        let making = Signing {
            step: cleaner.clone(),
            keep: self.opened.given.keep.clone(),
            signer: Signer::default(),
        };
        let (to_end, ended) = oneshot::channel();
        let mut pushed = Pushed::new(near, to_end);
        let take = move |rows: Vec<Sketched<Signed>>| {
            for row in rows {
                pushed.push(|near| match &row.sketch {
                    Some((set, signature)) => near.push(set, signature, row.rank),
                    None => near.push(&[], &[], row.rank),
                })?;
            }
            Ok(())
        };
        let far = self.far(progress);
        self.rows.clone().each(making, take, far).await?;
        let found = finished(ended, Near::finish).await?;
        let report = alike(
            similarity,
            bands,
            &found,
            self.rows.lines.len(),
            0,
            cleaner.as_deref(),
        );
        Ok((found, report))
    }

    /// How many MinHash values a cleaner gives; 0 where it gives none.
    async fn values(&self, step: &Counted) -> Result<usize, DataError> {
        // A text that every cleaner can read.
        let text = "one two three four five six, 一二三四五六";
        let probed = sketches(step, std::iter::once((0, text.to_owned()))).await?;
        Ok(match probed.into_iter().next() {
            Some(Some(Sketch::MinHash(values))) => values.len(),
            _ => 0,
        })
    }

    pub async fn semantic(
        &mut self,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<(Found, AlikeReport), DataError> {
        let given = &self.opened.given.semantic;
        let similarity = given.as_ref().map_or(1.0, |semantic| semantic.similarity);
        let Some((model, dimensions)) = &self.opened.model else {
            return Err(DataError::Broken("there is no model to compare by".into()));
        };
        let step = Arc::new(Counted::new(Arc::clone(model)));
        let semantic = Semantic::new(similarity, *dimensions, &self.space())?;
        let bands = semantic.banding();
        let making = Embedding {
            step: Arc::clone(&step),
            keep: self.opened.given.keep.clone(),
            known: Arc::clone(&self.known),
        };
        let (to_end, ended) = oneshot::channel();
        let mut pushed = Pushed::new(semantic, to_end);
        let take = move |rows: Vec<Sketched<Vec<f32>>>| {
            for row in rows {
                pushed.push(|semantic| match &row.sketch {
                    Some(vector) => semantic.push(vector, row.rank).map(drop),
                    None => semantic.skip(),
                })?;
            }
            Ok(())
        };
        let far = self.far(progress);
        self.rows.clone().each(making, take, far).await?;
        let found = finished(ended, Semantic::finish).await?;
        let rows = self.rows.lines.len();
        let report = alike(
            similarity,
            bands,
            &found,
            rows,
            self.known.len(),
            Some(&step),
        );
        Ok((found, report))
    }

    pub async fn sentences(
        &mut self,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Passages, DataError> {
        let Some(given) = &self.opened.given.sentences else {
            return Err(DataError::Broken(
                "there are no passages to look for".into(),
            ));
        };
        let sentences = Sentences::new(spec_of(given), &self.space())?;
        let known = Arc::clone(&self.known);
        let (to_end, ended) = oneshot::channel();
        let mut pushed = Pushed::new(sentences, to_end);
        let take = move |part: Part| {
            for (row, record) in part.records.iter().enumerate() {
                let gone = known.binary_search(&((part.first + row) as u32)).is_ok();
                pushed.push(|sentences| sentences.push(if gone { "" } else { &record.text }))?;
            }
            Ok(())
        };
        let far = self.far(progress);
        self.rows.clone().each(Records, take, far).await?;
        finished(ended, Sentences::finish).await
    }
}

fn alike(
    similarity: f64,
    bands: Banding,
    found: &Found,
    rows: usize,
    known: usize,
    step: Option<&Counted>,
) -> AlikeReport {
    let about = step.map(Step::about);
    AlikeReport {
        similarity,
        uses: about.map_or_else(|| "host".to_owned(), |about| about.uses.clone()),
        digest: about.map(|about| about.digest),
        bands: (bands.bands, bands.rows),
        clusters: found.clusters.len() as u64,
        largest_cluster: found.clusters.iter().map(|c| c.rows).max().unwrap_or(0),
        duplicates: found.duplicates.len() as u64,
        not_compared: (rows - known) as u64 - found.work.rows,
        work: found.work,
        cost: step.map(Counted::cost).unwrap_or_default(),
    }
}
