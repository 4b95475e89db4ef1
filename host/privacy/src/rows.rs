//! The data that is asked: columns in memory, and whose row each is.

use std::collections::{BTreeMap, HashMap};

use crate::PrivacyError;
use crate::error::invalid;

/// The most rows: sums of so many clamped values cannot overflow.
pub const MAX_ROWS: usize = u32::MAX as usize;
/// The code of a missing text.
const MISSING: u32 = u32::MAX;

/// One column.
#[derive(Debug, Clone)]
pub struct Column(pub(crate) Data);

#[derive(Debug, Clone)]
pub(crate) enum Data {
    Numbers(Vec<f64>),
    Texts(Texts),
}

/// Texts, each written once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    codes: HashMap<String, u32>,
    texts: Vec<String>,
    rows: Vec<u32>,
}

impl Column {
    /// Numbers; one that is not finite is a missing value.
    #[must_use]
    pub fn numbers(values: Vec<f64>) -> Self {
        Self(Data::Numbers(values))
    }

    /// Texts; `None` is a missing value.
    pub fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = Option<T>>) -> Self {
        let mut texts = Texts::default();
        for value in values {
            let code = value.map_or(MISSING, |text| texts.code_of(text.as_ref()));
            texts.rows.push(code);
        }
        Self(Data::Texts(texts))
    }

    fn len(&self) -> usize {
        match &self.0 {
            Data::Numbers(values) => values.len(),
            Data::Texts(texts) => texts.rows.len(),
        }
    }
}

impl Texts {
    fn code_of(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        // Fewer distinct texts than rows, and the rows are counted by `Rows::new`.
        let code = u32::try_from(self.texts.len()).unwrap_or(MISSING);
        self.codes.insert(text.to_owned(), code);
        self.texts.push(text.to_owned());
        code
    }

    /// The code of the row's text, where it has one.
    pub(crate) fn row(&self, row: usize) -> Option<u32> {
        self.rows.get(row).copied().filter(|code| *code != MISSING)
    }

    /// The code of a text, where a row has it.
    pub(crate) fn code(&self, text: &str) -> Option<u32> {
        self.codes.get(text).copied()
    }

    /// The text of a code.
    pub(crate) fn text(&self, code: u32) -> &str {
        self.texts.get(code as usize).map_or("", String::as_str)
    }
}

/// Rows of one snapshot of a dataset. What a row's *unit* is (a person, an account) is who is protected:
/// whether all rows of a unit are there or none hardly changes what is answered.
#[derive(Debug, Clone)]
pub struct Rows {
    units: Vec<u32>,
    unit_count: usize,
    columns: BTreeMap<String, Column>,
}

impl Rows {
    /// Rows from the unit of each and from named columns.
    ///
    /// # Errors
    /// [`PrivacyError::Invalid`] for a column of another length than `units`, two columns of one name, or
    /// more than [`MAX_ROWS`] rows.
    pub fn new<T: AsRef<str>>(
        units: impl IntoIterator<Item = T>,
        columns: impl IntoIterator<Item = (String, Column)>,
    ) -> Result<Self, PrivacyError> {
        let mut codes = Texts::default();
        let mut rows = Vec::new();
        for unit in units {
            if rows.len() >= MAX_ROWS {
                return invalid(format!("a dataset has at most {MAX_ROWS} rows"));
            }
            rows.push(codes.code_of(unit.as_ref()));
        }
        let mut named = BTreeMap::new();
        for (name, column) in columns {
            if column.len() != rows.len() {
                return invalid(format!(
                    "the column `{name}` has {} values for {} rows",
                    column.len(),
                    rows.len()
                ));
            }
            if let Some(before) = named.insert(name, column) {
                drop(before);
                return invalid("two columns have one name");
            }
        }
        Ok(Self {
            units: rows,
            unit_count: codes.texts.len(),
            columns: named,
        })
    }

    /// The number of rows. It is not protected: it is for those who hold the data.
    #[must_use]
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    pub(crate) fn units(&self) -> &[u32] {
        &self.units
    }

    pub(crate) fn unit_count(&self) -> usize {
        self.unit_count
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<&[f64], PrivacyError> {
        match self.column(name)? {
            Data::Numbers(values) => Ok(values),
            Data::Texts(_) => invalid(format!("the column `{name}` holds texts, not numbers")),
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Result<&Texts, PrivacyError> {
        match self.column(name)? {
            Data::Texts(texts) => Ok(texts),
            Data::Numbers(_) => invalid(format!("the column `{name}` holds numbers, not texts")),
        }
    }

    fn column(&self, name: &str) -> Result<&Data, PrivacyError> {
        match self.columns.get(name) {
            Some(column) => Ok(&column.0),
            None => {
                let names: Vec<&str> = self.columns.keys().map(String::as_str).take(50).collect();
                invalid(format!(
                    "there is no column `{}`; there are: {}",
                    name.escape_debug(),
                    names.join(", ")
                ))
            }
        }
    }
}
