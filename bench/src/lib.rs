//! What the benches share: the servers that Steward is compared with, and the load.
//!
//! Every figure stands beside what it is compared with, taken in turn in one run; what counts is
//! the ratio, since machines and their moods differ.
#![deny(missing_docs)]

pub mod bare;
pub mod cpu;
pub mod load;
pub mod others;
pub mod steward;

/// The middle one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
