//! How diverse the sensitive values of a class are.

/// Entropy of the relative frequencies, in nats.
pub(crate) fn shannon(pairs: &[(u32, u32)], count: u32) -> f64 {
    let total = f64::from(count);
    let sum: f64 = pairs
        .iter()
        .map(|&(_, times)| f64::from(times) * f64::from(times).ln())
        .sum();
    total.ln() - sum / total
}

/// The `c` from which on the class is recursively (c, l)-diverse: the most frequent by the sum from the `l`-th on.
pub(crate) fn recursive(pairs: &[(u32, u32)], l: u32) -> f64 {
    let mut times: Vec<u32> = pairs.iter().map(|&(_, times)| times).collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    let rare: u64 = times
        .iter()
        .skip(l as usize - 1)
        .map(|&times| u64::from(times))
        .sum();
    match times.first() {
        Some(&most) if rare > 0 => f64::from(most) / rare as f64,
        _ => f64::INFINITY,
    }
}

/// Grassberger's estimator with G for all counts of the table: G(N) − 1/N Σ nᵢ G(nᵢ).
///
/// G stands for the logarithm of N as well, so that a class of one value has no entropy however small it is; S. Stammler,
/// S. Katzenbeisser, K. Hamacher, "Correcting finite sampling issues in entropy l-diversity", 2016.
#[derive(Debug)]
pub(crate) struct Grassberger(Vec<f64>);

impl Grassberger {
    /// For counts up to `most`.
    ///
    /// G(1) = −γ − ln 2, G(2) = 2 + G(1), G(2n + 1) = G(2n) and G(2n + 2) = G(2n) + 2 / (2n + 1): equation 35 of the paper.
    pub fn new(most: usize) -> Self {
        const EULER: f64 = 0.577_215_664_901_532_9;
        let first = -EULER - std::f64::consts::LN_2;
        let mut table = vec![0.0, first];
        for n in 2..=most {
            let before = table[n - 1];
            table.push(if n % 2 == 0 {
                before + 2.0 / (n - 1) as f64
            } else {
                before
            });
        }
        Self(table)
    }

    /// In nats.
    pub fn entropy(&self, pairs: &[(u32, u32)], count: u32) -> f64 {
        let sum: f64 = pairs
            .iter()
            .map(|&(_, times)| f64::from(times) * self.0[times as usize])
            .sum();
        self.0[count as usize] - sum / f64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_equal_shares_is_their_number() {
        let pairs = [(0, 7), (1, 7), (2, 7), (3, 7)];
        assert!((shannon(&pairs, 28).exp() - 4.0).abs() < 1e-12);
        assert!((shannon(&[(0, 9)], 9).exp() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn recursive_diversity_is_the_first_by_the_tail() {
        let pairs = [(0, 2), (1, 6), (2, 3), (3, 1)];
        assert_eq!(recursive(&pairs, 2), 1.0);
        assert_eq!(recursive(&pairs, 3), 2.0);
        assert_eq!(recursive(&pairs, 5), f64::INFINITY);
    }

    #[test]
    fn corrected_entropy_follows_the_digamma_function() {
        // G(n) = ψ(n) + (−1)ⁿ/2 (ψ((n + 1)/2) − ψ(n/2)), at n = 5: ψ(5) − (ψ(3) − ψ(5/2))/2.
        let psi_5 = 1.506_117_668_431_800_5;
        let psi_3 = 0.922_784_335_098_467_1;
        let psi_5_2 = 0.703_156_640_645_243_2;
        let table = Grassberger::new(5);
        assert!(
            (table.0[5] - (psi_5 - (psi_3 - psi_5_2) / 2.0)).abs() < 1e-9,
            "{}",
            table.0[5]
        );
        // The correction is for small classes: one value has no entropy, and large classes keep theirs.
        assert_eq!(table.entropy(&[(0, 5)], 5), 0.0);
        let pairs = [(0, 5000), (1, 3000), (2, 2000)];
        let corrected = Grassberger::new(10_000).entropy(&pairs, 10_000);
        assert!((corrected - shannon(&pairs, 10_000)).abs() < 1e-3);
    }
}
