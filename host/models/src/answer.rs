//! What is watched of the answers of a model, and how alike two answers are.

use steward_inference::{
    Classified, Embedded, Entity, LabelScore, ScoredPairs, Tagged, Tensor, TensorData,
};

/// What a model answered to a question about texts.
pub(crate) trait Answer: Clone + Send + Sync + 'static {
    /// From which mean agreement on two answers to a call count as the same.
    const SAME: f64;

    /// One number for each text, whose spread tells when answers change: the score of the best label,
    /// the mean score of the entities, or a number of the vector (see [`number_of`]).
    fn scores(&self) -> Vec<f64>;

    /// How alike the answers of two models to the same texts are, for each text, up to 1.
    fn agreement(&self, other: &Self) -> Vec<f64>;
}

impl Answer for Embedded {
    const SAME: f64 = 0.95;

    fn scores(&self) -> Vec<f64> {
        let vectors = self.vectors.iter();
        vectors.map(|vector| number_of(vector)).collect()
    }

    /// The cosine between the vectors.
    fn agreement(&self, other: &Self) -> Vec<f64> {
        let pairs = self.vectors.iter().zip(&other.vectors);
        pairs.map(|(a, b)| cosine(a, b)).collect()
    }
}

impl Answer for Vec<Vec<LabelScore>> {
    const SAME: f64 = 0.9;

    fn scores(&self) -> Vec<f64> {
        let best = |ranked: &Vec<LabelScore>| ranked.first().map(|best| f64::from(best.score));
        self.iter().filter_map(best).collect()
    }

    /// 1 where the best label is the same, else 0.
    fn agreement(&self, other: &Self) -> Vec<f64> {
        fn best(ranked: &[LabelScore]) -> Option<&str> {
            ranked.first().map(|best| best.label.as_str())
        }
        let same = |(a, b): (&Vec<LabelScore>, &Vec<LabelScore>)| f64::from(best(a) == best(b));
        self.iter().zip(other).map(same).collect()
    }
}

impl Answer for Classified {
    const SAME: f64 = <Vec<Vec<LabelScore>>>::SAME;

    fn scores(&self) -> Vec<f64> {
        self.labels.scores()
    }

    fn agreement(&self, other: &Self) -> Vec<f64> {
        self.labels.agreement(&other.labels)
    }
}

impl Answer for ScoredPairs {
    const SAME: f64 = 0.9;

    fn scores(&self) -> Vec<f64> {
        let scores = self.scores.iter();
        scores.map(|pair| f64::from(pair.score)).collect()
    }

    /// 1 less the distance of the scores; 0 where that is larger.
    fn agreement(&self, other: &Self) -> Vec<f64> {
        let pairs = self.scores.iter().zip(&other.scores);
        pairs
            .map(|(a, b)| (1.0 - f64::from((a.score - b.score).abs())).max(0.0))
            .collect()
    }
}

impl Answer for Vec<Tensor> {
    const SAME: f64 = 0.95;

    /// Of each output of numbers in 32 bits one number; see [`number_of`].
    fn scores(&self) -> Vec<f64> {
        self.iter().filter_map(numbers).map(number_of).collect()
    }

    /// The cosine between outputs of numbers in 32 bits; of the others, whether they are the same.
    fn agreement(&self, other: &Self) -> Vec<f64> {
        let alike = |(a, b): (&Tensor, &Tensor)| match (numbers(a), numbers(b)) {
            (Some(a), Some(b)) => cosine(a, b),
            _ => f64::from(a.data == b.data),
        };
        self.iter().zip(other).map(alike).collect()
    }
}

fn numbers(tensor: &Tensor) -> Option<&[f32]> {
    match &tensor.data {
        TensorData::F32(numbers) => Some(numbers),
        _ => None,
    }
}

impl Answer for Tagged {
    const SAME: f64 = 0.8;

    /// Texts without an entity have none.
    fn scores(&self) -> Vec<f64> {
        let mean = |entities: &Vec<Entity>| {
            let sum: f64 = entities.iter().map(|entity| f64::from(entity.score)).sum();
            (!entities.is_empty()).then(|| sum / entities.len() as f64)
        };
        self.entities.iter().filter_map(mean).collect()
    }

    /// The entities of the same label and place that both have, over those that either has (the
    /// Jaccard index); 1 where neither has any.
    fn agreement(&self, other: &Self) -> Vec<f64> {
        let overlap = |(a, b): (&Vec<Entity>, &Vec<Entity>)| {
            let same = |a: &Entity, b: &Entity| {
                (a.start, a.end, a.label.as_str()) == (b.start, b.end, b.label.as_str())
            };
            let both = a.iter().filter(|a| b.iter().any(|b| same(a, b))).count();
            match a.len() + b.len() - both {
                0 => 1.0,
                either => both as f64 / either as f64,
            }
        };
        self.entities
            .iter()
            .zip(&other.entities)
            .map(overlap)
            .collect()
    }
}

/// The length of a vector. Where that is 1, since vectors are scaled to it, it tells nothing; then the
/// number is √n times the mean of the components with alternating signs: the projection on one fixed
/// direction, whose spread moves when that of the vectors does.
pub(crate) fn number_of(vector: &[f32]) -> f64 {
    let square: f64 = vector.iter().map(|n| f64::from(*n).powi(2)).sum();
    let length = square.sqrt();
    if (length - 1.0).abs() > 1e-3 {
        return length;
    }
    let signs = [1.0, -1.0].into_iter().cycle();
    let sum: f64 = vector
        .iter()
        .zip(signs)
        .map(|(n, s)| f64::from(*n) * s)
        .sum();
    sum / (vector.len().max(1) as f64).sqrt()
}

/// Of vectors without a direction: 1 where both are the same, else 0.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() {
        return 0.0;
    }
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum()
    };
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    match (a == b, lengths > 0.0) {
        (true, _) => 1.0,
        (false, true) => dot(a, b) / lengths,
        (false, false) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(vectors: Vec<Vec<f32>>) -> Embedded {
        Embedded {
            tokens: vec![1; vectors.len()],
            truncated: 0,
            vectors,
        }
    }

    fn label(label: &str, score: f32) -> LabelScore {
        LabelScore {
            label: label.into(),
            score,
        }
    }

    fn entity(label: &str, start: u32, end: u32) -> Entity {
        Entity {
            label: label.into(),
            start,
            end,
            score: 0.5,
        }
    }

    #[test]
    fn labels_agree_by_the_best() {
        let one = vec![vec![label("好评", 0.9), label("差评", 0.1)], vec![]];
        let other = vec![vec![label("差评", 0.6), label("好评", 0.4)], vec![]];
        assert_eq!(one.agreement(&one), [1.0, 1.0]);
        assert_eq!(one.agreement(&other), [0.0, 1.0]);
        assert_eq!(one.scores().len(), 1);
    }

    #[test]
    fn entities_agree_by_label_and_place() {
        let tagged = |entities: Vec<Vec<Entity>>| Tagged {
            certainty: vec![1.0; entities.len()],
            entities,
        };
        let one = tagged(vec![
            vec![entity("姓名", 0, 2), entity("CITY", 5, 7)],
            vec![],
        ]);
        let other = tagged(vec![
            vec![entity("姓名", 0, 2), entity("CITY", 5, 8)],
            vec![],
        ]);
        let agreement = one.agreement(&other);
        assert!((agreement[0] - 1.0 / 3.0).abs() < 1e-12 && agreement[1] == 1.0);
        assert_eq!(one.scores(), [0.5]);
    }

    #[test]
    fn vectors_agree_by_their_direction() {
        let one = embedded(vec![vec![1.0, 0.0], vec![3.0, 4.0]]);
        let other = embedded(vec![vec![0.0, 2.0], vec![6.0, 8.0]]);
        assert_eq!(one.agreement(&other), [0.0, 1.0]);
        assert_eq!(other.scores(), [2.0, 10.0]);
        // Of length 1: its direction counts.
        assert!((number_of(&[0.6, 0.8]) + 0.2 / 2f64.sqrt()).abs() < 1e-7);
    }
}
