//! Themes: texts grouped by what they mean, each group with a name and a trend.
//!
//! Vectors come from an embedding model; here they are grouped, named and counted.

mod group;
mod terms;
mod trend;

pub(crate) use terms::is_small_word;
pub use trend::{Direction, Trend};

use crate::FeedbackError;
use crate::error::at_most;

/// The most texts of one call: grouping takes time in proportion to texts × groups × dimensions.
pub const MAX_TEXTS: usize = 20_000;
/// The most groups.
pub const MAX_GROUPS: usize = 50;

/// A text, what it means, and when it was said.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// The text.
    pub text: &'a str,
    /// Its vector, of whatever length but 0.
    pub vector: &'a [f32],
    /// In milliseconds since 1970.
    pub at: Option<i64>,
}

/// Texts that mean much the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// Its most telling terms, joined.
    pub name: String,
    /// The terms, most telling first.
    pub terms: Vec<String>,
    /// Places of the texts, the most typical first.
    pub members: Vec<usize>,
    /// Whether there is more of it than there was; none where fewer than two texts have a time.
    pub trend: Option<Trend>,
}

/// Groups texts, the largest group first. `groups` is how many; none: as many as separate best, between 2 and 12.
///
/// # Errors
/// Too many texts or groups, vectors of different lengths or none.
pub fn themes(
    said: &[Said<'_>],
    groups: Option<usize>,
    seed: u64,
) -> Result<Vec<Theme>, FeedbackError> {
    at_most("texts", said.len(), MAX_TEXTS)?;
    if let Some(groups) = groups {
        at_most("groups", groups, MAX_GROUPS)?;
        if groups == 0 {
            return Err(FeedbackError::invalid(
                "there is at least one group of texts",
            ));
        }
    }
    let Some(first) = said.first() else {
        return Ok(Vec::new());
    };
    let dimensions = first.vector.len();
    let mut vectors = Vec::with_capacity(said.len());
    for (place, one) in said.iter().enumerate() {
        let vector = group::normalized(one.vector)
            .filter(|vector| vector.len() == dimensions && dimensions > 0)
            .ok_or_else(|| {
                FeedbackError::Invalid(format!(
                    "the vector of text {place} is empty, zero, no number, or of another length than the first"
                ))
            })?;
        vectors.push(vector);
    }
    let parts = match groups {
        Some(groups) => group::into(&vectors, groups.min(said.len()), seed),
        None => group::best(&vectors, seed),
    };
    let texts: Vec<&str> = said.iter().map(|one| one.text).collect();
    let named = terms::telling(&texts, &parts);
    let times: Vec<Option<i64>> = said.iter().map(|one| one.at).collect();
    let theme = |(members, terms): (Vec<usize>, Vec<String>)| Theme {
        name: if terms.is_empty() {
            "…".into()
        } else {
            terms
                .iter()
                .take(3)
                .cloned()
                .collect::<Vec<_>>()
                .join(" · ")
        },
        trend: trend::of(&members, &times),
        terms,
        members,
    };
    let mut themes: Vec<Theme> = parts.into_iter().zip(named).map(theme).collect();
    themes.sort_by_key(|theme| std::cmp::Reverse(theme.members.len()));
    Ok(themes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_grouped_named_and_counted() {
        // Two directions, as two meanings; what is typical lies nearest to its direction.
        let vectors = [[1.0, 0.1], [1.0, 0.0], [0.9, 0.2], [0.1, 1.0], [0.0, 1.0]];
        let texts = [
            "refund refund please, I want my refund",
            "where is the refund",
            "退款什么时候到账？",
            "闪退，应用闪退了",
            "the app crashes, 闪退",
        ];
        let said: Vec<Said<'_>> = (0..5)
            .map(|n| Said {
                text: texts[n],
                vector: &vectors[n],
                at: Some(n as i64),
            })
            .collect();
        let found = themes(&said, Some(2), 7).unwrap();
        assert_eq!(found[0].members.len(), 3);
        let mut second = found[1].members.clone();
        second.sort_unstable();
        assert_eq!(second, [3, 4]);
        assert!(found[0].name.contains("refund"), "{}", found[0].name);
        assert!(found[1].name.contains("闪退"), "{}", found[1].name);
        assert!(found[1].trend.as_ref().unwrap().after >= 1);
        assert_eq!(
            found,
            themes(&said, Some(2), 7).unwrap(),
            "the same seed, the same groups"
        );
        assert!(themes(&[], None, 0).unwrap().is_empty());
        assert_eq!(themes(&said[..1], Some(9), 0).unwrap().len(), 1);
    }

    #[test]
    fn vectors_that_are_none_are_refused() {
        let one = |vector| Said {
            text: "a",
            vector,
            at: None,
        };
        for vectors in [
            [&[][..], &[][..]],
            [&[1.0], &[1.0, 2.0]],
            [&[0.0], &[1.0]],
            [&[f32::NAN], &[1.0]],
        ] {
            assert!(themes(&vectors.map(one), None, 0).is_err(), "{vectors:?}");
        }
        assert!(themes(&[one(&[1.0])], Some(0), 0).is_err());
    }
}
