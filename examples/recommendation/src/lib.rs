//! What the function of the example does, without the sandbox around it: `recommender/` is the guest.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`shop`] | reads what happened in a shop out of events, and holds back the last interaction of each customer |
//! | [`blend`] | ranks the candidates of several recommenders anew, by what the texts of items mean; finds a place for new items |
//! | [`cold`] | answers where nothing is known: what is popular in a segment, what a new item is like |
//! | [`measure`] | says how good rankings are |
//! | [`vectors`] | compares the texts of items by the vectors of a model |
//!
//! The recommenders themselves are those of `plugins/feedback`, which a workflow asks.
#![deny(missing_docs)]

pub mod blend;
pub mod cold;
pub mod measure;
pub mod shop;
pub mod vectors;
