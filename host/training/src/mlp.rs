//! A network with one hidden layer.

use std::ops::ControlFlow;

use ndarray::{Array2, Axis, Zip};
use serde::{Deserialize, Serialize};

use crate::draw::Draw;
use crate::network::Layer;
use crate::{ClassWeights, Examples, Network, TrainingError, stratified_folds};

/// How much the running means of the slopes and of their squares keep.
const KEPT: [f64; 2] = [0.9, 0.999];
/// Keeps a step from growing without bound where slopes vanish.
const SMALL: f64 = 1e-8;
/// A validation loss that falls by less counts as one that does not fall.
const GAIN: f64 = 1e-4;
/// The most numbers of a hidden layer.
const MAX_HIDDEN: usize = 1024;

/// How a network with one hidden layer is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlpOptions {
    /// How many numbers the hidden layer has. Default 64.
    pub hidden: usize,
    /// The weight λ of the penalty λ/2 · ‖W‖² beside the sum of the losses of each batch: `alpha` of scikit-learn. Default
    /// 0.01.
    pub l2: f64,
    /// What the loss of an example counts. Default all the same.
    pub class_weights: ClassWeights,
    /// How far a step goes. Default 0.001.
    pub learning_rate: f64,
    /// Examples of one step. Default 32.
    pub batch: usize,
    /// The most rounds over all examples. Default 500.
    pub max_epochs: u32,
    /// The share of the examples that is kept apart to see when learning turns into learning by heart: one of 2 to 20
    /// folds, or 0 for none. Default 0.15.
    pub validation: f64,
    /// After how many rounds without a gain on those the training ends. The best round is what is given. Default 20.
    pub patience: u32,
    /// What everything by chance is drawn from: the first weights, the examples kept apart, the order of the others.
    pub seed: u64,
}

impl Default for MlpOptions {
    fn default() -> Self {
        Self {
            hidden: 64,
            l2: 0.01,
            class_weights: ClassWeights::Even,
            learning_rate: 0.001,
            batch: 32,
            max_epochs: 500,
            validation: 0.15,
            patience: 20,
            seed: 0,
        }
    }
}

impl MlpOptions {
    /// Whether the options keep their rules.
    ///
    /// # Errors
    /// [`TrainingError::Option`]
    pub fn check(&self) -> Result<(), TrainingError> {
        let wrong = |why: String| Err(TrainingError::Option(why));
        if !(1..=MAX_HIDDEN).contains(&self.hidden) {
            return wrong(format!(
                "`hidden` is {}; it is from 1 to {MAX_HIDDEN}",
                self.hidden
            ));
        }
        if !(self.l2 == 0.0 || (1e-6..=1e6).contains(&self.l2)) {
            return wrong(format!("`l2` is {}; it is 0, or from 1e-6 to 1e6", self.l2));
        }
        if !(1e-6..=1.0).contains(&self.learning_rate) {
            return wrong(format!(
                "`learning_rate` is {}; it is from 1e-6 to 1",
                self.learning_rate
            ));
        }
        if !(self.validation == 0.0 || (0.05..=0.5).contains(&self.validation)) {
            return wrong(format!(
                "`validation` is {}; it is 0, or from 0.05 to 0.5",
                self.validation
            ));
        }
        for (name, number) in [
            ("batch", self.batch),
            ("max_epochs", self.max_epochs as usize),
            ("patience", self.patience as usize),
        ] {
            if number == 0 || number > 100_000 {
                return wrong(format!("`{name}` is {number}; it is from 1 to 100000"));
            }
        }
        self.class_weights.check()
    }
}

/// How far a training is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Epoch {
    /// Rounds over all examples.
    pub epoch: u32,
    /// The mean loss of the examples in this round, with the penalty.
    pub loss: f64,
    /// The mean loss of those that are kept apart, where some are.
    pub validation_loss: Option<f64>,
    /// The round that was best so far.
    pub best_epoch: u32,
}

/// A network and how its training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedNetwork {
    /// The network of the best round.
    pub network: Network,
    /// The last round.
    pub end: Epoch,
}

/// Trains a network with one hidden layer, ReLU and a softmax: the mean cross-entropy with the penalty is lowered batch
/// by batch (D. P. Kingma and J. Ba, "Adam: A method for stochastic optimization", ICLR 2015), from weights that are drawn
/// ([`Network::drawn`]). Each step is that of scikit-learn's `MLPClassifier`. The same examples in the same order, options
/// and seed give the same network.
///
/// `each` hears of every round and can stop the training.
///
/// # Errors
/// [`TrainingError::Option`], [`TrainingError::Stopped`], and [`TrainingError::Diverged`] where a step goes too far.
pub fn train_mlp(
    examples: &Examples,
    options: &MlpOptions,
    each: &mut dyn FnMut(&Epoch) -> ControlFlow<()>,
) -> Result<TrainedNetwork, TrainingError> {
    options.check()?;
    let of_label = options.class_weights.of(examples)?;
    let dimensions = examples.dimensions();
    let labels = examples.labels().to_vec();
    let mut network = Network::drawn(labels, dimensions, options.hidden, options.seed);
    // Another stream than that of the weights.
    let mut draw = Draw::new(options.seed ^ 0x5EED);
    let (mut places, apart) = apart(examples, options)?;
    let apart = Some(Part::of(examples, &apart, &of_label)).filter(|part| !part.of.is_empty());
    let mut adam = Adam::new(&network, options.learning_rate);
    let mut best = network.clone();
    let mut now = Epoch {
        epoch: 0,
        loss: f64::INFINITY,
        validation_loss: None,
        best_epoch: 0,
    };
    let mut least = f64::INFINITY;
    while now.epoch < options.max_epochs {
        now.epoch += 1;
        // With one batch its order means nothing.
        if places.len() > options.batch {
            draw.shuffle(&mut places);
        }
        now.loss = 0.0;
        for batch in places.chunks(options.batch) {
            let part = Part::of(examples, batch, &of_label);
            let penalty = options.l2 / batch.len() as f64;
            let (loss, slopes) = network.slopes(&part.rows, &part.of, &part.weights, penalty);
            now.loss += loss * batch.len() as f64 / places.len() as f64;
            adam.step(&mut network, &slopes);
        }
        let seen = match &apart {
            None => now.loss,
            Some(part) => {
                let loss = network.loss(&part.rows, &part.of, &part.weights);
                now.validation_loss = Some(loss);
                loss
            }
        };
        if !seen.is_finite() || !now.loss.is_finite() {
            return Err(TrainingError::Diverged { epoch: now.epoch });
        }
        if seen < least - GAIN || apart.is_none() {
            least = least.min(seen);
            now.best_epoch = now.epoch;
            best.clone_from(&network);
        }
        if each(&now).is_break() {
            return Err(TrainingError::Stopped);
        }
        if now.epoch - now.best_epoch >= options.patience {
            break;
        }
    }
    Ok(TrainedNetwork {
        network: best,
        end: now,
    })
}

/// Places of the examples that are learned from, and of those that are kept apart: a fold of as many as make the share.
fn apart(
    examples: &Examples,
    options: &MlpOptions,
) -> Result<(Vec<usize>, Vec<usize>), TrainingError> {
    let all = (0..examples.len()).collect();
    if options.validation == 0.0 {
        return Ok((all, Vec::new()));
    }
    let folds = (1.0 / options.validation).round().max(2.0) as usize;
    // A label with fewer examples than folds would be in none of some: such examples are all learned from.
    let labels = examples.labels().len();
    let mut counts = vec![0_usize; labels];
    examples.of.iter().for_each(|label| counts[*label] += 1);
    let plenty: Vec<usize> = (0..examples.len())
        .filter(|place| counts[examples.of[*place]] >= folds)
        .collect();
    if plenty.is_empty() {
        return Ok((all, Vec::new()));
    }
    let of: Vec<usize> = plenty.iter().map(|place| examples.of[*place]).collect();
    let fold = stratified_folds(&of, folds, options.seed)?;
    let kept: Vec<usize> = plenty
        .iter()
        .zip(fold)
        .filter(|(_, fold)| *fold == 0)
        .map(|(place, _)| *place)
        .collect();
    let learned = all
        .into_iter()
        .filter(|place| kept.binary_search(place).is_err());
    Ok((learned.collect(), kept))
}

/// Some of the examples.
struct Part {
    rows: Array2<f64>,
    of: Vec<usize>,
    weights: Vec<f64>,
}

impl Part {
    fn of(examples: &Examples, places: &[usize], of_label: &[f64]) -> Self {
        let of: Vec<usize> = places.iter().map(|place| examples.of[*place]).collect();
        let dimensions = examples.dimensions();
        let rows = examples.rows.slice(ndarray::s![.., ..dimensions]);
        Self {
            rows: rows.select(Axis(0), places),
            weights: of.iter().map(|label| of_label[*label]).collect(),
            of,
        }
    }
}

/// Steps of Adam.
struct Adam {
    rate: f64,
    steps: i32,
    /// Running means of the slopes and of their squares, for every layer.
    means: Vec<[Layer; 2]>,
}

impl Adam {
    fn new(network: &Network, rate: f64) -> Self {
        let none = |layer: &Layer| Layer {
            weights: Array2::zeros(layer.weights.raw_dim()),
            bias: ndarray::Array1::zeros(layer.bias.raw_dim()),
        };
        let means = network.layers().iter();
        Self {
            rate,
            steps: 0,
            means: means.map(|layer| [none(layer), none(layer)]).collect(),
        }
    }

    fn step(&mut self, network: &mut Network, slopes: &[Layer]) {
        self.steps = self.steps.saturating_add(1);
        let [first, second] = KEPT.map(|kept| 1.0 - kept.powi(self.steps));
        let rate = self.rate * second.sqrt() / first;
        let update = |value: &mut f64, slope: &f64, mean: &mut f64, square: &mut f64| {
            *mean = KEPT[0] * *mean + (1.0 - KEPT[0]) * slope;
            *square = KEPT[1] * *square + (1.0 - KEPT[1]) * slope * slope;
            *value -= rate * *mean / (square.sqrt() + SMALL);
        };
        let layers = network.layers_mut().iter_mut();
        for ((layer, slope), [mean, square]) in layers.zip(slopes).zip(&mut self.means) {
            Zip::from(&mut layer.weights)
                .and(&slope.weights)
                .and(&mut mean.weights)
                .and(&mut square.weights)
                .for_each(update);
            Zip::from(&mut layer.bias)
                .and(&slope.bias)
                .and(&mut mean.bias)
                .and(&mut square.bias)
                .for_each(update);
        }
    }
}
