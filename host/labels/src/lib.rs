//! Labels: what several annotators, functions or models say about a task, and what follows from it.
//!
//! | question | module |
//! | --- | --- |
//! | Which label does a task have, and how sure is that? | [`majority`], [`gold`], [`dawid_skene`] |
//! | How much do the annotators agree? | [`agreement`] |
//! | What do many weak rules say together? | [`weak`] |
//! | Which task should a person look at next? | [`active`] |
//! | From which confidence on may a model label alone? | [`auto`] |
//! | How do labels come in and go out? | [`label_studio`], [`export`] |
//!
//! Everything here is arithmetic and text. Nothing knows where annotations are kept, and no clock is read. The same
//! annotations give the same result, to the last bit, in whatever order they come; ties are reported and go to the label
//! that comes first.
//!
//! ```
//! use steward_labels::{Annotation, Annotations, majority::majority_vote};
//!
//! let annotations = Annotations::new([
//!     Annotation::new("review 1", "ann", "positive"),
//!     Annotation::new("review 1", "bo", "positive"),
//!     Annotation::new("review 1", "陈", "negative"),
//! ])?;
//! let decided = &majority_vote(&annotations).tasks[0];
//! assert_eq!((decided.label.as_str(), decided.votes), ("positive", 3));
//! # Ok::<(), steward_labels::LabelsError>(())
//! ```
#![deny(missing_docs)]

pub mod active;
mod aggregate;
pub mod agreement;
mod annotations;
pub mod auto;
pub mod dawid_skene;
mod distribution;
mod error;
pub mod export;
pub mod gold;
pub mod label_studio;
pub mod majority;
pub mod weak;

pub use aggregate::{Aggregate, TaskLabel};
pub use annotations::{Annotation, Annotations, MAX_ANNOTATIONS, MAX_LABELS};
pub use error::LabelsError;
