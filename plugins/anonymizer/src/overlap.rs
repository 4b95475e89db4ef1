//! Which of several findings in the same place stays.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::finding::Candidate;

/// What stays of a set of candidates.
#[derive(Debug)]
pub struct Resolved {
    /// Sorted by start, without overlap.
    pub kept: Vec<Candidate>,
    /// Whether a piece of one that lost is covered by none that stays: it may hold something of
    /// its own, which the loser hid from its recognizer.
    pub uncovered: bool,
}

/// Decides between candidates: of two that overlap the one with the higher score stays, then the
/// longer, then the earlier. One that may be cut short keeps its beginning when it loses, and
/// gives way to one that begins inside it and goes on behind it.
pub fn resolve(mut candidates: Vec<Candidate>) -> Resolved {
    candidates.sort_by(strongest_first);
    let mut kept: BTreeMap<usize, Candidate> = BTreeMap::new();
    let mut uncovered = false;
    for mut candidate in candidates {
        // Those that stay are disjoint, so only the nearest on either side can be rivals.
        let behind = kept.range(candidate.start..candidate.end).next();
        if let Some((&start, rival)) = behind {
            uncovered |= rival.end < candidate.end;
            if start < candidate.least_end {
                uncovered |= candidate.start < start;
                continue;
            }
            candidate.end = start;
        }
        if let Some((_, before)) = kept.range_mut(..candidate.start).next_back()
            && before.end > candidate.start
        {
            let beyond = before.end < candidate.end;
            if !beyond || candidate.start < before.least_end {
                uncovered |= beyond;
                continue;
            }
            before.end = candidate.start;
        }
        kept.insert(candidate.start, candidate);
    }
    let kept = kept.into_values().collect();
    Resolved { kept, uncovered }
}

fn strongest_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then((b.end - b.start).cmp(&(a.end - a.start)))
        .then(a.start.cmp(&b.start))
        .then(a.entity.cmp(&b.entity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entity;
    use crate::finding::Source;
    use proptest::prelude::*;

    fn candidate(start: usize, end: usize, score: f32) -> Candidate {
        Candidate {
            entity: Entity::URL,
            start,
            end,
            least_end: end,
            score,
            source: Source::BuiltIn("test"),
        }
    }

    fn places(found: &Resolved) -> Vec<(usize, usize)> {
        found.kept.iter().map(|c| (c.start, c.end)).collect()
    }

    #[test]
    fn score_then_length_then_start() {
        let score = resolve(vec![candidate(0, 9, 0.5), candidate(2, 4, 0.9)]);
        assert_eq!(places(&score), [(2, 4)]);
        let length = resolve(vec![candidate(2, 4, 0.5), candidate(0, 9, 0.5)]);
        assert_eq!(places(&length), [(0, 9)]);
        let start = resolve(vec![candidate(1, 3, 0.5), candidate(0, 2, 0.5)]);
        assert_eq!(places(&start), [(0, 2)]);
        let touching = resolve(vec![candidate(3, 5, 0.5), candidate(0, 3, 0.9)]);
        assert_eq!(places(&touching), [(0, 3), (3, 5)]);
    }

    #[test]
    fn what_may_be_cut_keeps_its_beginning() {
        let url = Candidate {
            least_end: 5,
            ..candidate(0, 20, 0.9)
        };
        let inside = candidate(8, 12, 1.0);
        assert_eq!(places(&resolve(vec![url, inside])), [(0, 8), (8, 12)]);
        let early = candidate(4, 12, 1.0);
        assert_eq!(places(&resolve(vec![url, early])), [(4, 12)]);
        let beyond = candidate(18, 25, 0.5);
        assert_eq!(places(&resolve(vec![url, beyond])), [(0, 18), (18, 25)]);
        assert!(resolve(vec![url, inside]).uncovered);
        assert!(!resolve(vec![url, beyond]).uncovered);
        let weaker = candidate(8, 12, 0.5);
        assert_eq!(places(&resolve(vec![url, weaker])), [(0, 20)]);
    }

    proptest! {
        #[test]
        fn what_stays_is_sorted_and_disjoint_and_what_goes_met_something_as_strong(
            raw in prop::collection::vec((0usize..40, 1usize..12, 0u8..4), 0..30)
        ) {
            let all: Vec<_> = raw
                .into_iter()
                .map(|(start, length, score)| candidate(start, start + length, f32::from(score)))
                .collect();
            let kept = resolve(all.clone()).kept;
            prop_assert!(kept.windows(2).all(|w| w[0].end <= w[1].start));
            for lost in all.iter().filter(|c| !kept.contains(c)) {
                let beaten = kept.iter()
                    .any(|k| k.start < lost.end && lost.start < k.end && k.score >= lost.score);
                prop_assert!(beaten);
            }
        }
    }
}
