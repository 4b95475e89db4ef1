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

/// The parts of a bench that were asked for, as words after `--`; none where all of it is wanted.
///
/// # Errors
/// When a word names none of them.
pub fn wanted(parts: &[&str]) -> anyhow::Result<Vec<String>> {
    let words = std::env::args().skip(1);
    // What cargo itself says to a bench begins with a dash.
    let wanted: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    for word in &wanted {
        anyhow::ensure!(
            parts.contains(&word.as_str()),
            "`{word}` is no part of this bench: {}",
            parts.join(", ")
        );
    }
    Ok(wanted)
}

/// The middle one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
