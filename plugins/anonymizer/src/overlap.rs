//! Which of several findings in the same place stays.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::finding::Candidate;

/// The candidates that stay: of two that overlap the one with the higher score, then the longer,
/// then the earlier. The answer is sorted by start and does not overlap.
pub fn resolve(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(strongest_first);
    let mut kept: BTreeMap<usize, Candidate> = BTreeMap::new();
    for candidate in candidates {
        // Those that stay are disjoint, so only the last one that starts before the end can overlap.
        let rival = kept.range(..candidate.end).next_back();
        if rival.is_none_or(|(_, rival)| rival.end <= candidate.start) {
            kept.insert(candidate.start, candidate);
        }
    }
    kept.into_values().collect()
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
    use proptest::prelude::*;

    fn candidate(start: usize, end: usize, score: f32) -> Candidate {
        Candidate {
            entity: Entity::Url,
            start,
            end,
            score,
            recognizer: "test",
        }
    }

    fn places(found: &[Candidate]) -> Vec<(usize, usize)> {
        found.iter().map(|c| (c.start, c.end)).collect()
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

    proptest! {
        #[test]
        fn what_stays_is_sorted_and_disjoint_and_what_goes_met_something_as_strong(
            raw in prop::collection::vec((0usize..40, 1usize..12, 0u8..4), 0..30)
        ) {
            let all: Vec<_> = raw
                .into_iter()
                .map(|(start, length, score)| candidate(start, start + length, f32::from(score)))
                .collect();
            let kept = resolve(all.clone());
            prop_assert!(kept.windows(2).all(|w| w[0].end <= w[1].start));
            for lost in all.iter().filter(|c| !kept.contains(c)) {
                let beaten = kept.iter()
                    .any(|k| k.start < lost.end && lost.start < k.end && k.score >= lost.score);
                prop_assert!(beaten);
            }
        }
    }
}
