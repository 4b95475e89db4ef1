//! Where labelling functions speak, overlap and conflict.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ABSTAIN, Votes};
use crate::LabelsError;

/// What can be counted of one labelling function. The shares are those of Snorkel's `LFAnalysis`: of all rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionSummary {
    /// The function.
    pub function: String,
    /// The classes that it ever votes for, in the order of the classes.
    pub polarity: Vec<String>,
    /// The share of rows that it votes on.
    pub coverage: f64,
    /// The share of rows that it and another function vote on.
    pub overlap: f64,
    /// The share of rows that it votes on and whose votes differ.
    pub conflict: f64,
    /// Its votes on rows whose class is known.
    pub checked: usize,
    /// Those of them that are right.
    pub correct: usize,
}

/// Counts for each function, in their order. `gold` holds the class of some rows, by their number from 0.
///
/// # Errors
/// [`LabelsError::UnknownLabel`] for gold that is none of the classes.
pub fn analyse(
    votes: &Votes,
    gold: &BTreeMap<usize, String>,
) -> Result<Vec<FunctionSummary>, LabelsError> {
    let known = gold
        .iter()
        .map(|(row, class)| Ok((*row, votes.class_place(*row, class)?)))
        .collect::<Result<BTreeMap<_, _>, LabelsError>>()?;
    let functions = votes.functions().len();
    let mut counts = vec![Counts::default(); functions];
    let mut used = vec![vec![false; votes.classes().len()]; functions];
    for (row, said) in votes.iter().enumerate() {
        let mut given = said.iter().filter(|vote| **vote != ABSTAIN);
        let first = given.next();
        let voters = usize::from(first.is_some()) + given.clone().count();
        let conflict = given.any(|vote| Some(vote) != first);
        for (function, vote) in said.iter().enumerate().filter(|(_, v)| **v != ABSTAIN) {
            let counts = &mut counts[function];
            counts.votes += 1;
            counts.overlaps += usize::from(voters > 1);
            counts.conflicts += usize::from(conflict);
            used[function][usize::from(*vote)] = true;
            if let Some(class) = known.get(&row) {
                counts.checked += 1;
                counts.correct += usize::from(*class == usize::from(*vote));
            }
        }
    }
    let share = |count: usize| count as f64 / votes.rows().max(1) as f64;
    let summary = |((function, counts), used): ((&String, Counts), Vec<bool>)| FunctionSummary {
        function: function.clone(),
        polarity: votes
            .classes()
            .iter()
            .zip(used)
            .filter(|(_, used)| *used)
            .map(|(class, _)| class.clone())
            .collect(),
        coverage: share(counts.votes),
        overlap: share(counts.overlaps),
        conflict: share(counts.conflicts),
        checked: counts.checked,
        correct: counts.correct,
    };
    Ok(votes
        .functions()
        .iter()
        .zip(counts)
        .zip(used)
        .map(summary)
        .collect())
}

#[derive(Debug, Clone, Default)]
struct Counts {
    votes: usize,
    overlaps: usize,
    conflicts: usize,
    checked: usize,
    correct: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The label matrix that Snorkel's documentation of `LFAnalysis` works through, with its answers.
    #[test]
    fn the_example_of_snorkel() {
        let names = |names: [&str; 3]| names.map(str::to_owned).to_vec();
        let mut votes = Votes::new(names(["f", "g", "h"]), vec!["0".into(), "1".into()]).unwrap();
        for row in [
            [None, Some("0"), Some("0")],
            [None, None, None],
            [Some("1"), Some("0"), None],
            [None, Some("0"), None],
            [Some("0"), Some("0"), Some("0")],
        ] {
            votes.push(&row).unwrap();
        }
        let gold = BTreeMap::from([(2, "1".to_owned()), (4, "0".to_owned())]);
        let found = analyse(&votes, &gold).unwrap();
        let shares =
            |share: fn(&FunctionSummary) -> f64| found.iter().map(share).collect::<Vec<_>>();
        assert_eq!(shares(|f| f.coverage), [0.4, 0.8, 0.4]);
        assert_eq!(shares(|f| f.overlap), [0.4, 0.6, 0.4]);
        assert_eq!(shares(|f| f.conflict), [0.2, 0.2, 0.0]);
        assert_eq!(found[0].polarity, ["0", "1"]);
        assert_eq!(found[1].polarity, ["0"]);
        let checked: Vec<_> = found.iter().map(|f| (f.checked, f.correct)).collect();
        assert_eq!(checked, [(2, 2), (2, 1), (1, 1)]);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let classes = || vec!["x".to_owned(), "y".to_owned()];
        let mut votes = Votes::new(vec!["f".into()], classes()).unwrap();
        assert!(votes.push(&[Some("z")]).is_err());
        assert!(votes.push(&[Some("x"), None]).is_err());
        assert!(votes.push::<&str>(&[]).is_err());
        assert_eq!(votes.rows(), 0);
        assert!(analyse(&votes, &BTreeMap::new()).unwrap()[0].coverage == 0.0);
        assert!(Votes::new(vec![], classes()).is_err());
        assert!(Votes::new(vec!["f".into()], vec!["x".into()]).is_err());
        assert!(Votes::new(vec!["f".into(), "f".into()], classes()).is_err());
    }
}
