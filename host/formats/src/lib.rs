//! Files of rows in the formats that people have: JSON Lines, CSV and Parquet, in and out.
//!
//! Inside, a row is a line of JSON, an object. [`open`] reads any of the formats and gives such lines, one after the
//! other; what cannot be one is given too, as a line with a [`Fault`], so that nothing is lost and nothing stops at a
//! bad row. [`import`] makes a file of lines of it and a file of rejects; [`export`] writes lines as CSV or Parquet;
//! [`diff`] says how two files of lines differ.
//!
//! What a reader can rely on:
//!
//! - **Values survive.** A cell of CSV stays the text that it is, leading zeros and long numbers included; whole
//!   numbers beyond 2^53, decimals and nanoseconds of Parquet keep every digit.
//! - **Memory is bounded before it is taken.** Rows, columns, footers, pages and what pages unpack to have limits
//!   ([`Bounds`]) that are checked against what a file says of itself.
//! - **A file that is cut short is refused whole**, where its format can tell.
#![deny(missing_docs)]

mod bounds;
mod csv;
mod diff;
mod error;
mod export;
mod fault;
mod format;
mod import;
mod json;
mod lines;
mod open;
mod parquet;
mod text;
mod types;

pub use bounds::Bounds;
pub use diff::{Change, Diff, DiffSpec, FieldChanges, Sample, Shown, Sides, diff};
pub use error::FormatError;
pub use export::export;
pub use fault::Fault;
pub use format::{Format, InvalidFormat};
pub use import::{Imported, import};
pub use lines::{Line, Lines, SHOWN_BYTES};
pub use open::{Given, Opened, Rows, Source, open};
pub use text::{Encoding, UnknownEncoding};
pub use types::{CellType, InvalidType, Types};
