//! Why a row is none.

/// Why a line or a row of a file is not one that can be kept. The code is stable, the text is for people, and neither
/// repeats values of the row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Longer than rows may be, in bytes.
    #[error("the line is longer than {0} bytes")]
    TooLong(usize),
    /// Bytes that are no UTF-8.
    #[error("not UTF-8 from byte {0} on; where the whole file is in another encoding, say which")]
    NotUtf8(usize),
    /// Bytes that are none of the encoding of the file.
    #[error("not {0}")]
    NotDecodable(&'static str),
    /// No JSON, and where.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// Half of a pair of surrogates, which is no character.
    #[error("a lone surrogate, which is no character, stands in a text")]
    LoneSurrogate,
    /// A row of CSV with more or fewer cells than the header.
    #[error("cells: {found}, where the header has {expected}")]
    Ragged {
        /// Cells of the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A quote that opens a cell is never closed.
    #[error("a quote opens a cell in this line and is not closed")]
    UnclosedQuote,
    /// Something stands between a closing quote and the next separator.
    #[error("text follows the quote that closes a cell")]
    TextAfterQuote,
    /// A value that is not of the type of its column, or that JSON cannot say.
    #[error("column `{column}`: {reason}")]
    BadValue {
        /// The column.
        column: String,
        /// What it is not.
        reason: &'static str,
    },
}

impl Fault {
    /// A word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "line-too-long",
            Self::NotUtf8(_) => "not-utf-8",
            Self::NotDecodable(_) => "not-decodable",
            Self::NotJson(_) => "not-json",
            Self::NotAnObject => "not-an-object",
            Self::LoneSurrogate => "lone-surrogate",
            Self::Ragged { .. } => "ragged-row",
            Self::UnclosedQuote => "unclosed-quote",
            Self::TextAfterQuote => "text-after-quote",
            Self::BadValue { .. } => "bad-value",
        }
    }
}
