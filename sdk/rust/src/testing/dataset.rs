//! Datasets of native tests, with prepared answers.

use std::rc::Rc;

use super::host::current;
use crate::privacy::{Answer, Budget, Error, Query};

/// A dataset with prepared answers. What a test does not need, it leaves out.
pub trait Dataset {
    /// Answers [`crate::privacy::Dataset::ask`].
    ///
    /// # Errors
    /// Whatever the test wants the plugin to meet.
    fn ask(&self, query: &Query) -> Result<Answer, Error>;

    /// Answers [`crate::privacy::Dataset::budget`].
    ///
    /// # Errors
    /// Whatever the test wants the plugin to meet.
    fn budget(&self) -> Result<Budget, Error> {
        Err(Error::Denied("this dataset has no budget".into()))
    }
}

/// What [`crate::privacy::Dataset`] holds natively.
pub(crate) struct OpenDataset {
    name: String,
    dataset: Rc<dyn Dataset>,
}

pub(crate) fn open(name: &str) -> Result<OpenDataset, Error> {
    let found = current().datasets.get(name).map(Rc::clone);
    let dataset = found.ok_or_else(|| Error::NoSuch(name.to_owned()))?;
    let name = name.to_owned();
    Ok(OpenDataset { name, dataset })
}

impl OpenDataset {
    pub(crate) fn snapshot(&self) -> String {
        match self.name.contains('@') {
            true => self.name.clone(),
            false => format!("{}@1", self.name),
        }
    }

    pub(crate) fn budget(&self) -> Result<Budget, Error> {
        self.dataset.budget()
    }

    pub(crate) fn ask(&self, query: &Query) -> Result<Answer, Error> {
        self.dataset.ask(query)
    }
}

impl std::fmt::Debug for OpenDataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OpenDataset").field(&self.name).finish()
    }
}
