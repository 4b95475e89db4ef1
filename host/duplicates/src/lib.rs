//! Rows that say nearly the same: texts, passages within texts, meanings, and records of one person or company.
//!
//! | part | what is compared | how candidates are found | what decides |
//! | --- | --- | --- | --- |
//! | [`Near`] | texts | bands of MinHash values | the exact Jaccard similarity of their shingles |
//! | [`Semantic`] | vectors | bands of signs of random projections | the exact cosine |
//! | [`Sentences`] | passages of some sentences | equal hashes | equality of the hashes |
//! | [`linkage`] | rows of tables | blocking rules | the probability of Fellegi and Sunter |
//!
//! What a reader can rely on:
//!
//! - **Candidates only save work.** Whether two rows are duplicates is decided on what they hold, never on a sketch.
//! - **The same input gives the same output**: there is no random number that is not fixed, and no thread.
//! - **Memory is a parameter.** What does not fit into [`Space::bytes`] goes to unnamed files in [`Space::dir`], with the
//!   same answer; some 30 bytes for each row stay in memory.
//! - **Many equal rows cost no more than different ones**: equal rows are put together before any two are compared.
//!
//! ```
//! use steward_duplicates::{Near, Space, shingles, Signer};
//!
//! let folder = std::env::temp_dir();
//! let signer = Signer::default();
//! let mut near = Near::new(0.5, 128, &Space { dir: folder, bytes: 1 << 20 })?;
//! for text in [
//!     "我们今天去公园玩得很开心，明天还想去。",
//!     "Where is my order? It was due on Monday and today is Thursday.",
//!     "我们今天去公园玩得很开心，明天还去。",
//! ] {
//!     let set = shingles(text);
//!     near.push(&set, &signer.signature(&set), 0.0)?;
//! }
//! let found = near.finish()?;
//! let decision = found.duplicates[0];
//! assert_eq!((decision.row, decision.kept, decision.cluster), (2, 0, 0));
//! assert!(decision.similarity > 0.5);
//! # Ok::<(), steward_duplicates::DuplicatesError>(())
//! ```
#![deny(missing_docs)]

mod banding;
mod blobs;
mod clusters;
mod error;
pub mod linkage;
mod matcher;
mod near;
mod semantic;
mod sentences;
mod shingles;
mod sorter;

pub use banding::Banding;
pub use clusters::{Cluster, Duplicate, Found, Work};
pub use error::DuplicatesError;
pub use near::Near;
pub use semantic::Semantic;
pub use sentences::{Passages, Removed, Sentences, SentencesSpec, Treated};
pub use shingles::{Signer, shingles};

use std::path::PathBuf;

/// Where rows lie that do not fit into memory.
#[derive(Debug, Clone)]
pub struct Space {
    /// A folder that exists. The files in it have no names: nothing is left, however the process ends.
    pub dir: PathBuf,
    /// How many bytes may be held in memory, beside some 30 for each row.
    pub bytes: usize,
}
