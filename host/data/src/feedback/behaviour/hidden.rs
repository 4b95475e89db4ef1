//! Numbers of few people, which are not told.

/// Which of these counts are told: those of nobody, and those of at least `minimum` people. Where some are hidden that together
/// are fewer people than that, further ones are hidden too, the smallest first, so that a total that is told beside them does
/// not tell them.
pub(super) fn told(counts: &[u64], minimum: u64) -> Vec<bool> {
    let mut told: Vec<bool> = counts
        .iter()
        .map(|count| is_told(*count, minimum))
        .collect();
    let mut hidden: u64 = counts
        .iter()
        .zip(&told)
        .filter(|(_, told)| !**told)
        .map(|(count, _)| *count)
        .sum();
    while hidden > 0 && hidden < minimum {
        let next = counts
            .iter()
            .zip(&mut told)
            .filter(|(count, told)| **told && **count > 0)
            .min_by_key(|(count, _)| **count);
        let Some((count, told)) = next else { break };
        *told = false;
        hidden = hidden.saturating_add(*count);
    }
    told
}

/// Whether a number of people stands for itself.
pub(super) fn is_told(count: u64, minimum: u64) -> bool {
    count == 0 || count >= minimum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_people_are_hidden_and_cannot_be_subtracted() {
        assert_eq!(told(&[0, 30, 40], 30), [true, true, true]);
        // 12 alone would be the total less the rest.
        assert_eq!(told(&[12, 50, 40], 30), [false, true, false]);
        assert_eq!(told(&[12, 18, 40], 30), [false, false, true]);
        assert_eq!(told(&[12, 0], 30), [false, true]);
        assert_eq!(told(&[12, 3, 31], 30), [false, false, false]);
        assert_eq!(told(&[1, 0, 2], 1), [true, true, true]);
        assert_eq!(told(&[1, 2], 0), [true, true]);
        assert_eq!(told(&[], 30), [true; 0]);
    }
}
