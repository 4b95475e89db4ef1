//! Annotators whose errors are known.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use steward_labels::Annotation;

pub struct Crowd {
    pub votes: Vec<Annotation>,
    /// The true label of each task.
    pub truth: BTreeMap<String, String>,
}

/// Draws a place by its weight.
pub fn draw(random: &mut StdRng, weights: &[f64]) -> usize {
    let mut left = random.random::<f64>() * weights.iter().sum::<f64>();
    for (place, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return place;
        }
    }
    weights.len() - 1
}

/// `overlap` different annotators label each task. Each annotator has a confusion matrix of its own: diligent ones err
/// towards the neighbouring label, one of six always gives the first label, one of six guesses.
pub fn crowd(seed: u64, tasks: usize, priors: &[f64], annotators: usize, overlap: usize) -> Crowd {
    let random = &mut StdRng::seed_from_u64(seed);
    let labels = priors.len();
    let matrices: Vec<Vec<Vec<f64>>> = (0..annotators)
        .map(|who| {
            let right = 0.5 + 0.45 * random.random::<f64>();
            let row = |truth: usize| match who % 6 {
                4 => (0..labels).map(|l| f64::from(l == 0)).collect(),
                5 => vec![1.0 / labels as f64; labels],
                _ => (0..labels)
                    .map(|label| match label {
                        _ if label == truth => right,
                        _ if label == (truth + 1) % labels => (1.0 - right) * 0.7,
                        _ => (1.0 - right) * 0.3 / (labels - 2).max(1) as f64,
                    })
                    .collect(),
            };
            (0..labels).map(row).collect()
        })
        .collect();
    let mut crowd = Crowd {
        votes: Vec::new(),
        truth: BTreeMap::new(),
    };
    for task in 0..tasks {
        let name = format!("t{task:05}");
        let truth = draw(random, priors);
        let mut chosen: Vec<usize> = (0..annotators).collect();
        for place in 0..overlap {
            let other = random.random_range(place..annotators);
            chosen.swap(place, other);
            let who = chosen[place];
            let label = draw(random, &matrices[who][truth]);
            let vote = Annotation::new(&name, format!("a{who:03}"), format!("l{label}"));
            crowd.votes.push(vote);
        }
        crowd.truth.insert(name, format!("l{truth}"));
    }
    crowd
}
