//! One ONNX graph: what it takes, what it gives, and one run of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Weak};

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{DynValue, Outlet, Tensor, TensorElementType};

use crate::batch::Batch;
use crate::config::Task;
use crate::device::Device;
use crate::error::panic_text;
use crate::library::Runtime;
use crate::reduce::Reduce;
use crate::shared::{Outputs, SharedSession};

/// Larger ONNX files do not exist: the format's container ends at 2 GiB.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// What a graph gives for one row: a vector of [`Shape::size`], or one for each of the row's tokens where nothing
/// reduces them. A row whose numbers are not all finite has none; its neighbours are none the worse for it.
pub(crate) type RowOutput = Result<Vec<f32>, String>;

/// What is known of a graph once it has been tried.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Whether the graph takes an attention mask.
    pub(crate) masked: bool,
    /// How many numbers a vector of its output has.
    pub(crate) size: usize,
    /// The output that is read.
    pub(crate) output: Arc<str>,
    /// Whether it holds a vector for each token, and not one for each row.
    pub(crate) per_token: bool,
}

/// A graph that is loaded. Several threads may run it at a time.
pub(crate) struct Graph {
    session: Arc<SharedSession>,
    inputs: Vec<Input>,
    reduce: Reduce,
    /// The output to read.
    vectors: Vectors,
}

/// An output and what its vectors are of.
#[derive(Default)]
struct Vectors {
    name: String,
    /// Its place among the outputs.
    place: usize,
    per_token: bool,
    size: usize,
}

struct Input {
    role: Role,
    /// Whether the numbers are 64 bits wide; 32 otherwise.
    wide: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Ids,
    Mask,
    Types,
}

impl Graph {
    /// Loads the file and runs `probes` through it, so that a model which cannot serve is refused now.
    ///
    /// The first probe's numbers of rows and tokens must be larger than 1 and differ, to tell them apart in the
    /// shape of the output.
    pub(crate) fn open(
        runtime: &Runtime,
        path: &Path,
        task: Task,
        reduce: Reduce,
        probes: &[Batch],
    ) -> Result<Self, String> {
        check_file(path)?;
        let session = build(runtime, path).map_err(|error| {
            format!(
                "not an ONNX model that ONNX Runtime can load: {}",
                error.message()
            )
        })?;
        let session = Arc::new(SharedSession::new(session)?);
        let inputs = session
            .inputs()
            .iter()
            .map(input)
            .collect::<Result<Vec<_>, _>>()?;
        if !inputs.iter().any(|input| input.role == Role::Ids) {
            return Err("the model has no input `input_ids`; it does not read tokens".into());
        }
        let mut graph = Self {
            session,
            inputs,
            reduce,
            vectors: Vectors::default(),
        };
        for (number, probe) in probes.iter().enumerate() {
            let tried = if number == 0 {
                graph.discover(probe, task)
            } else {
                graph
                    .run(probe)
                    .and_then(|rows| rows.into_iter().try_for_each(|row| row.map(drop)))
            };
            tried.map_err(|reason| {
                format!(
                    "a trial with {} text(s) of {} tokens, all of the highest number of the tokenizer ({}), failed: \
                     {reason}",
                    probe.rows,
                    probe.width,
                    probe.ids.iter().max().unwrap_or(&0)
                )
            })?;
        }
        Ok(graph)
    }

    /// What holds the memory of the graph.
    pub(crate) fn held(&self) -> Weak<SharedSession> {
        Arc::downgrade(&self.session)
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape {
            masked: self.inputs.iter().any(|input| input.role == Role::Mask),
            size: self.vectors.size,
            output: self.vectors.name.as_str().into(),
            per_token: self.vectors.per_token,
        }
    }

    /// Chooses the output by the shape that it really has: what a file declares is often left open.
    fn discover(&mut self, probe: &Batch, task: Task) -> Result<(), String> {
        let outputs = self.compute(probe, &self.every_output())?;
        let mut found: Option<Vectors> = None;
        let mut seen = Vec::new();
        for (place, (outlet, value)) in self.every(&outputs).enumerate() {
            let name = outlet.name();
            let Ok((shape, _)) = value.try_extract_tensor::<f32>() else {
                seen.push(format!("`{name}` {}", value.dtype()));
                continue;
            };
            seen.push(format!("`{name}` f32{:?}", &**shape));
            let Some((per_token, size)) = measure(shape, probe) else {
                continue;
            };
            let fits = match task {
                Task::Embed => true,
                Task::Classify | Task::ScorePairs => !per_token,
                Task::ClassifyTokens => per_token,
                // Such a model has no text to be tried with; it never comes here.
                Task::Tensors => false,
            };
            // Token vectors before a vector that the graph has pooled itself: how to pool is the configuration's word.
            let better = found
                .as_ref()
                .is_none_or(|found| per_token && !found.per_token);
            if fits && better && size > 0 {
                found = Some(Vectors {
                    name: name.to_owned(),
                    place,
                    per_token,
                    size,
                });
            }
        }
        let Some(found) = found else {
            return Err(format!(
                "no output fits the task `{task}`; the model gives {}",
                seen.join(", ")
            ));
        };
        drop(outputs);
        self.vectors = found;
        Ok(())
    }

    /// Computes one batch and shows every output of numbers in fp32.
    pub(crate) fn outputs(
        &self,
        batch: &Batch,
        mut show: impl FnMut(&str, &[f32]),
    ) -> Result<(), String> {
        let outputs = self.compute(batch, &self.every_output())?;
        for (outlet, value) in self.every(&outputs) {
            if let Ok((_, numbers)) = value.try_extract_tensor::<f32>() {
                show(outlet.name(), numbers);
            }
        }
        Ok(())
    }

    /// Computes one batch.
    pub(crate) fn run(&self, batch: &Batch) -> Result<Vec<RowOutput>, String> {
        let outputs = self.compute(batch, &[self.vectors.place])?;
        let value = outputs.values().first().ok_or("the output is missing")?;
        self.vectors.read(value, batch, self.reduce)
    }

    fn compute(&self, batch: &Batch, outputs: &[usize]) -> Result<Outputs<'_>, String> {
        let inputs = tensors(&self.inputs, batch)?;
        guarded(|| self.session.run(&inputs, outputs))
    }

    fn every_output(&self) -> Vec<usize> {
        (0..self.session.outputs().len()).collect()
    }

    /// What was asked for by [`Graph::every_output`].
    fn every<'a>(
        &'a self,
        outputs: &'a Outputs<'_>,
    ) -> impl Iterator<Item = (&'a Outlet, &'a DynValue)> {
        self.session.outputs().iter().zip(outputs.values())
    }
}

impl Vectors {
    fn read(
        &self,
        value: &DynValue,
        batch: &Batch,
        reduce: Reduce,
    ) -> Result<Vec<RowOutput>, String> {
        let Self {
            name,
            per_token,
            size,
            ..
        } = self;
        let (shape, data) = value
            .try_extract_tensor::<f32>()
            .map_err(|error| error.message().to_owned())?;
        if measure(shape, batch) != Some((*per_token, *size)) {
            return Err(format!(
                "the output `{name}` has the shape {:?} for {} texts of {} tokens",
                &**shape, batch.rows, batch.width
            ));
        }
        let stride = if *per_token {
            batch.width * size
        } else {
            *size
        };
        let row = |(vectors, &length): (&[f32], &usize)| {
            let own = if *per_token {
                &vectors[..length * size]
            } else {
                vectors
            };
            if own.iter().any(|number| !number.is_finite()) {
                return Err(format!(
                    "the output `{name}` holds a value that is not a finite number"
                ));
            }
            // A graph that has pooled already is taken at its word.
            Ok(if *per_token {
                reduce.apply(own, *size)
            } else {
                own.to_vec()
            })
        };
        Ok(data
            .chunks_exact(stride)
            .zip(&batch.lengths)
            .map(row)
            .collect())
    }
}

/// Refuses a file that ONNX Runtime need not be bothered with, or must not be: one that takes its weights from other
/// files could read any file of this host.
pub(crate) fn check_file(path: &Path) -> Result<(), String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".into());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(format!(
            "{} bytes are more than the limit of {MAX_FILE_BYTES}",
            metadata.len()
        ));
    }
    // An empty file is a valid, empty message to the ONNX parser, which then complains about something else.
    if metadata.len() == 0 {
        return Err("the file is empty".into());
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    match steward_onnx::external_tensor(&mut std::io::BufReader::new(file)) {
        Ok(None) => Ok(()),
        Ok(Some(external)) => Err(format!(
            "the tensor `{}` has its data in another file, `{}`; a model is one file here: write it anew with its \
             weights inside (`onnx.save_model` without `save_as_external_data`)",
            external.tensor, external.location
        )),
        Err(error) => Err(format!("not an ONNX model: {error}")),
    }
}

pub(crate) fn build(runtime: &Runtime, path: &Path) -> ort::Result<Session> {
    let builder = Session::builder(&runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        // Each run on the thread that asks for it.
        .with_intra_threads(1)?
        // Memory plans are kept for each shape ever seen, and texts come in every length.
        .with_memory_pattern(false)?;
    let placement = &runtime.placement;
    let mut builder = match placement.device {
        // On a CPU the fused operator is slower than the two that it stands for: MiniLM computes a tenth more
        // texts a second in fp32 and a quarter more in int8 without it.
        Device::Cpu => builder.with_disabled_optimizers("SkipLayerNormFusion")?,
        Device::Cuda | Device::TensorRt => {
            builder.with_execution_providers(placement.providers())?
        }
    };
    builder.commit_from_file(path)
}

fn input(outlet: &Outlet) -> Result<Input, String> {
    let name = outlet.name();
    let role = match name {
        "input_ids" => Role::Ids,
        "attention_mask" => Role::Mask,
        "token_type_ids" => Role::Types,
        _ => {
            return Err(format!(
                "the model wants an input `{name}`; known are `input_ids`, `attention_mask` and `token_type_ids`"
            ));
        }
    };
    let wide = match outlet.dtype().tensor_type() {
        Some(TensorElementType::Int64) => true,
        Some(TensorElementType::Int32) => false,
        _ => {
            return Err(format!(
                "the input `{name}` is {}; known are i64 and i32",
                outlet.dtype()
            ));
        }
    };
    Ok(Input { role, wide })
}

/// A value for each input.
fn tensors(inputs: &[Input], batch: &Batch) -> Result<Vec<(usize, DynValue)>, String> {
    let shape = [batch.rows, batch.width];
    let tensor = |(place, input): (usize, &Input)| {
        let numbers = match input.role {
            Role::Ids => &batch.ids,
            Role::Mask => &batch.mask,
            Role::Types => &batch.types,
        };
        let value = if input.wide {
            Tensor::from_array((shape, numbers.clone()))?.into_dyn()
        } else {
            // Token numbers come from 32 bits, and no vocabulary reaches the sign.
            let narrow: Vec<i32> = numbers.iter().map(|&number| number as i32).collect();
            Tensor::from_array((shape, narrow))?.into_dyn()
        };
        Ok((place, value))
    };
    inputs
        .iter()
        .enumerate()
        .map(tensor)
        .collect::<ort::Result<_>>()
        .map_err(|error| error.message().to_owned())
}

/// Whether a shape is a vector for each token or for each row, and how long the vectors are.
fn measure(shape: &[i64], batch: &Batch) -> Option<(bool, usize)> {
    let (rows, width) = (batch.rows as i64, batch.width as i64);
    match *shape {
        [first, second, size] if (first, second) == (rows, width) => {
            Some((true, usize::try_from(size).ok()?))
        }
        [first, size] if first == rows => Some((false, usize::try_from(size).ok()?)),
        _ => None,
    }
}

pub(crate) fn guarded<T>(run: impl FnOnce() -> ort::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.message().to_owned()),
        Err(panic) => Err(panic_text(&*panic)),
    }
}
