//! Grouping by direction: spherical k-means (I. S. Dhillon, D. S. Modha, 2001) with k-means++ seeds.

use crate::random::Random;

/// How often texts change their group at most.
const ROUNDS: usize = 50;
/// Seeds that are tried; the best grouping counts.
const TRIES: u64 = 4;
/// Groups that are tried where nobody says how many.
const CANDIDATES: std::ops::RangeInclusive<usize> = 2..=12;
/// A grouping is judged on at most so many texts.
const JUDGED: usize = 2000;

/// The vector scaled to length 1; none where it has no direction.
pub(super) fn normalized(vector: &[f32]) -> Option<Vec<f32>> {
    let length = vector
        .iter()
        .map(|x| f64::from(*x) * f64::from(*x))
        .sum::<f64>()
        .sqrt();
    (length.is_finite() && length > 0.0).then(|| {
        vector
            .iter()
            .map(|x| (f64::from(*x) / length) as f32)
            .collect()
    })
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

struct Grouping {
    centres: Vec<Vec<f32>>,
    /// The group of each vector and how near it is.
    of: Vec<(usize, f64)>,
}

impl Grouping {
    /// How near vectors are to the centres of their groups, in all.
    fn quality(&self) -> f64 {
        self.of.iter().map(|(_, near)| near).sum()
    }

    /// The members of each group that has some, the most typical first.
    fn parts(&self) -> Vec<Vec<usize>> {
        let mut parts = vec![Vec::new(); self.centres.len()];
        for (place, (group, _)) in self.of.iter().enumerate() {
            parts[*group].push(place);
        }
        for part in &mut parts {
            part.sort_by(|a, b| self.of[*b].1.total_cmp(&self.of[*a].1).then(a.cmp(b)));
        }
        parts.retain(|part| !part.is_empty());
        parts
    }
}

fn nearest(vector: &[f32], centres: &[Vec<f32>]) -> (usize, f64) {
    let mut best = (0, f64::NEG_INFINITY);
    for (group, centre) in centres.iter().enumerate() {
        let near = dot(vector, centre);
        if near > best.1 {
            best = (group, near);
        }
    }
    best
}

/// Vectors far from those that were chosen before are likelier to be chosen.
fn seeds(vectors: &[Vec<f32>], groups: usize, random: &mut Random) -> Vec<Vec<f32>> {
    let mut centres = vec![vectors[random.below(vectors.len())].clone()];
    let mut far: Vec<f64> = vec![f64::INFINITY; vectors.len()];
    while centres.len() < groups {
        let newest = centres.last().map(Vec::as_slice).unwrap_or_default();
        for (far, vector) in far.iter_mut().zip(vectors) {
            *far = far.min((1.0 - dot(vector, newest)).max(0.0));
        }
        let total: f64 = far.iter().sum();
        if total <= 0.0 {
            break;
        }
        let mut left = random.unit() * total;
        let found = far.iter().position(|far| {
            left -= far;
            left < 0.0
        });
        centres.push(vectors[found.unwrap_or(vectors.len() - 1)].clone());
    }
    centres
}

fn group(vectors: &[Vec<f32>], groups: usize, seed: u64) -> Grouping {
    let mut random = Random::new(seed);
    let mut centres = seeds(vectors, groups, &mut random);
    let assign = |centres: &[Vec<f32>]| -> Vec<(usize, f64)> {
        vectors
            .iter()
            .map(|vector| nearest(vector, centres))
            .collect()
    };
    let mut of = assign(&centres);
    for _ in 0..ROUNDS {
        let mut sums = vec![vec![0f64; vectors[0].len()]; centres.len()];
        for (vector, (group, _)) in vectors.iter().zip(&of) {
            for (sum, x) in sums[*group].iter_mut().zip(vector) {
                *sum += f64::from(*x);
            }
        }
        for (centre, sum) in centres.iter_mut().zip(sums) {
            let sum: Vec<f32> = sum.into_iter().map(|x| x as f32).collect();
            // A group that lost all its members, or whose members cancel each other, stays where it is.
            if let Some(moved) = normalized(&sum) {
                *centre = moved;
            }
        }
        let next = assign(&centres);
        let stands = next.iter().zip(&of).all(|(a, b)| a.0 == b.0);
        of = next;
        if stands {
            break;
        }
    }
    Grouping { centres, of }
}

fn best_of_tries(vectors: &[Vec<f32>], groups: usize, seed: u64) -> Grouping {
    let mut best = group(vectors, groups, seed);
    for attempt in 1..TRIES {
        let other = group(vectors, groups, seed.wrapping_add(attempt));
        if other.quality() > best.quality() {
            best = other;
        }
    }
    best
}

/// As many groups as are asked for, fewer where vectors are the same.
pub(super) fn into(vectors: &[Vec<f32>], groups: usize, seed: u64) -> Vec<Vec<usize>> {
    best_of_tries(vectors, groups, seed).parts()
}

/// As many groups as separate best, by the simplified silhouette: how much nearer texts are to their own centre than to the
/// next one.
pub(super) fn best(vectors: &[Vec<f32>], seed: u64) -> Vec<Vec<usize>> {
    let most = (*CANDIDATES.end()).min(vectors.len() / 3);
    let candidates = (*CANDIDATES.start()..=most).map(|groups| {
        let grouping = best_of_tries(vectors, groups, seed);
        (silhouette(vectors, &grouping), grouping)
    });
    // The first of equals: fewer groups are easier to read.
    let best = candidates.reduce(|best, next| if next.0 > best.0 { next } else { best });
    match best {
        Some((_, grouping)) => grouping.parts(),
        None => into(vectors, 1, seed),
    }
}

fn silhouette(vectors: &[Vec<f32>], grouping: &Grouping) -> f64 {
    let step = vectors.len().div_ceil(JUDGED).max(1);
    let (mut sum, mut count) = (0.0, 0.0);
    for (vector, (own, near)) in vectors.iter().zip(&grouping.of).step_by(step) {
        let others = grouping
            .centres
            .iter()
            .enumerate()
            .filter(|(group, _)| group != own);
        let next = others
            .map(|(_, centre)| dot(vector, centre))
            .fold(f64::NEG_INFINITY, f64::max);
        let (own, next) = ((1.0 - near).max(0.0), (1.0 - next).max(0.0));
        let wider = own.max(next);
        if wider > 0.0 {
            sum += (next - own) / wider;
        }
        count += 1.0;
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_groups_are_found_as_there_are_directions() {
        // Three directions, twelve vectors around each.
        let mut random = Random::new(3);
        let mut vectors = Vec::new();
        for place in 0..36 {
            let mut vector = [0f32; 6];
            vector[place % 3] = 1.0;
            for x in &mut vector {
                *x += (random.unit() as f32 - 0.5) * 0.3;
            }
            vectors.push(normalized(&vector).unwrap());
        }
        let parts = best(&vectors, 1);
        assert_eq!(parts.len(), 3);
        for part in parts {
            assert!(
                part.iter().all(|place| place % 3 == part[0] % 3),
                "{part:?}"
            );
        }
        // Two texts are one group: nothing can be told apart.
        assert_eq!(best(&vectors[..2], 1).len(), 1);
        let same = vec![vectors[0].clone(); 9];
        assert_eq!(into(&same, 4, 1).len(), 1);
    }
}
