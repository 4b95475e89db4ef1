//! `wasi:nn`: registered models, on the same engine and in the same queue as every other call.
//!
//! A graph is a model that the tenant granted. A guest names it, or shows its bytes: they are compared by their
//! digest with the graphs of the registry, and those are used. No byte of a guest is ever read as a graph, for which
//! native code would have to be trusted with it.

use half::{bf16, f16};
use steward_inference::{InferenceError, Tensor, TensorData};
use steward_models::{ModelError, OpenModel};
use steward_registry::{ModelRef, Permission};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::bindings::nn::wasi::nn::{errors, graph, inference, tensor};
use crate::GuestState;

/// Bytes of all tensors that one call has at the same time.
const MAX_TENSOR_BYTES: usize = 64 << 20;
/// Sides of a tensor, and tensors of one computation.
const MAX_SIDES: usize = 16;
const MAX_TENSORS: usize = 64;

/// A model that the guest has opened.
pub struct Graph(OpenModel);

/// A model that is about to compute.
pub struct Execution(OpenModel);

/// Numbers that the guest or a model gave.
pub struct GuestTensor {
    dimensions: Vec<u32>,
    kind: tensor::TensorType,
    data: Vec<u8>,
}

/// Why something was not done.
pub struct GuestError {
    code: errors::ErrorCode,
    why: String,
}

type Failure = (errors::ErrorCode, String);

pub(super) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    tensor::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    errors::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    inference::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    graph::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

fn failure(error: ModelError) -> Failure {
    let code = match &error {
        ModelError::NoSuch { .. } => errors::ErrorCode::NotFound,
        ModelError::Inference(InferenceError::InvalidInput(_)) => {
            errors::ErrorCode::InvalidArgument
        }
        _ => errors::ErrorCode::RuntimeError,
    };
    (code, error.to_string())
}

fn invalid(why: impl Into<String>) -> Failure {
    (errors::ErrorCode::InvalidArgument, why.into())
}

macro_rules! numbers {
    ($data:expr, $variant:ident, $type:ty) => {{
        let size = size_of::<$type>();
        let numbers = $data.chunks_exact(size).map(|bytes| {
            let mut number = [0; size_of::<$type>()];
            number.copy_from_slice(bytes);
            <$type>::from_le_bytes(number)
        });
        (size, TensorData::$variant(numbers.collect()))
    }};
}

/// The tensor of this name as the engine takes it.
fn taken(name: String, given: GuestTensor) -> Result<Tensor, Failure> {
    let GuestTensor {
        dimensions,
        kind,
        data,
    } = given;
    let (size, numbers) = match kind {
        tensor::TensorType::Fp16 => numbers!(data, F16, f16),
        tensor::TensorType::Bf16 => numbers!(data, Bf16, bf16),
        tensor::TensorType::Fp32 => numbers!(data, F32, f32),
        tensor::TensorType::Fp64 => numbers!(data, F64, f64),
        tensor::TensorType::U8 => numbers!(data, U8, u8),
        tensor::TensorType::I32 => numbers!(data, I32, i32),
        tensor::TensorType::I64 => numbers!(data, I64, i64),
    };
    let elements = dimensions
        .iter()
        .try_fold(1usize, |product, side| product.checked_mul(*side as usize));
    if dimensions.len() > MAX_SIDES
        || elements.and_then(|n| n.checked_mul(size)) != Some(data.len())
    {
        return Err(invalid(format!(
            "the tensor `{}` has {} bytes, which are not those of its dimensions",
            name.chars().take(63).collect::<String>(),
            data.len()
        )));
    }
    let shape = dimensions.into_iter().map(i64::from).collect();
    Ok(Tensor::new(name, shape, numbers))
}

/// What a model gave, as the guest gets it.
fn given(found: Tensor) -> Result<(String, GuestTensor), Failure> {
    macro_rules! bytes {
        ($numbers:expr) => {
            $numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
        };
    }
    let (kind, data): (_, Vec<u8>) = match found.data {
        TensorData::F16(numbers) => (tensor::TensorType::Fp16, bytes!(numbers)),
        TensorData::Bf16(numbers) => (tensor::TensorType::Bf16, bytes!(numbers)),
        TensorData::F32(numbers) => (tensor::TensorType::Fp32, bytes!(numbers)),
        TensorData::F64(numbers) => (tensor::TensorType::Fp64, bytes!(numbers)),
        TensorData::U8(numbers) => (tensor::TensorType::U8, numbers),
        TensorData::I32(numbers) => (tensor::TensorType::I32, bytes!(numbers)),
        TensorData::I64(numbers) => (tensor::TensorType::I64, bytes!(numbers)),
        other => {
            return Err((
                errors::ErrorCode::UnsupportedOperation,
                format!(
                    "the output `{}` has elements of the type {}, for which `wasi:nn` has no word",
                    found.name,
                    other.element_type()
                ),
            ));
        }
    };
    let sides = found.shape.iter().map(|side| u32::try_from(*side));
    let dimensions = sides.collect::<Result<_, _>>().map_err(|_| {
        let why = format!("the output `{}` is too large", found.name);
        (errors::ErrorCode::TooLarge, why)
    })?;
    let tensor = GuestTensor {
        dimensions,
        kind,
        data,
    };
    Ok((found.name, tensor))
}

impl GuestState {
    fn nn_error(&mut self, (code, why): Failure) -> wasmtime::Result<Resource<GuestError>> {
        Ok(self.table.push(GuestError { code, why })?)
    }

    async fn graph(&mut self, name: &str) -> Result<OpenModel, Failure> {
        let wanted: ModelRef = name.parse().map_err(|e: steward_registry::InvalidId| {
            (errors::ErrorCode::NotFound, e.to_string())
        })?;
        self.authorized
            .permitted
            .check(&Permission::Inference(wanted.clone()))
            .map_err(|denial| (errors::ErrorCode::Security, denial.to_string()))?;
        let opened = self.source.models.open(&self.source.tenant, &wanted).await;
        let opened = opened.map_err(failure)?;
        Ok(self.for_this_call(opened))
    }

    /// The model of the tenant whose graph is these bytes, where the function is granted it.
    ///
    /// The guest is told the same whether there is no such model or it is not granted, so that nobody can find out
    /// what a tenant has by showing bytes. The log says which it was.
    async fn graph_of_bytes(
        &mut self,
        builders: &[Vec<u8>],
        encoding: graph::GraphEncoding,
    ) -> Result<OpenModel, Failure> {
        use graph::GraphEncoding::{Autodetect, Onnx};
        if !matches!(encoding, Onnx | Autodetect) {
            let why = "models are ONNX here: load it with the encoding `onnx`".to_owned();
            return Err((errors::ErrorCode::InvalidEncoding, why));
        }
        let [bytes] = builders else {
            return Err(invalid(format!(
                "an ONNX graph is one builder, not {}",
                builders.len()
            )));
        };
        let source = self.source.clone();
        let same = source.models.with_graph(&source.tenant, bytes).await;
        let mut denial = None;
        for named in &same {
            for reference in &named.references {
                let wanted = Permission::Inference(reference.clone());
                match self.authorized.permitted.check(&wanted) {
                    Ok(()) => {
                        let exactly = named.resolved.reference();
                        let opened = source.models.open(&source.tenant, &exactly).await;
                        return Ok(self.for_this_call(opened.map_err(failure)?));
                    }
                    Err(denied) => denial = denial.or(Some((reference, denied))),
                }
            }
        }
        if let Some((model, denial)) = denial {
            let said = format!("the bytes that were loaded are those of {model}: {denial}");
            self.log.write("warn", said, Default::default());
        }
        let why = format!(
            "these {} bytes are not the graph of a model that the function may use: register it with `steward model \
             push NAME --version 1.0.0 --onnx model.onnx --config model.toml`, ask for it with `[requests] inference = \
             [\"NAME\"]` in the manifest, and deploy with `--grant inference=NAME`",
            bytes.len()
        );
        Err((errors::ErrorCode::NotFound, why))
    }

    /// Keeps a tensor, as far as a call may have so many.
    fn keep_tensor(&mut self, tensor: GuestTensor) -> wasmtime::Result<Resource<GuestTensor>> {
        let bytes = self.drafts.tensor_bytes.saturating_add(tensor.data.len());
        if bytes > MAX_TENSOR_BYTES {
            return Err(wasmtime::format_err!(
                "more than {MAX_TENSOR_BYTES} bytes of tensors at the same time"
            ));
        }
        self.drafts.tensor_bytes = bytes;
        Ok(self.table.push(tensor)?)
    }

    fn take_tensor(&mut self, handle: Resource<GuestTensor>) -> wasmtime::Result<GuestTensor> {
        let tensor = self.table.delete(handle)?;
        let bytes = self.drafts.tensor_bytes;
        self.drafts.tensor_bytes = bytes.saturating_sub(tensor.data.len());
        Ok(tensor)
    }
}

impl tensor::Host for GuestState {}

impl tensor::HostTensor for GuestState {
    async fn new(
        &mut self,
        dimensions: Vec<u32>,
        kind: tensor::TensorType,
        data: Vec<u8>,
    ) -> wasmtime::Result<Resource<GuestTensor>> {
        self.count_host_call()?;
        if dimensions.len() > MAX_SIDES {
            return Err(wasmtime::format_err!(
                "a tensor has at most {MAX_SIDES} dimensions"
            ));
        }
        self.keep_tensor(GuestTensor {
            dimensions,
            kind,
            data,
        })
    }

    async fn dimensions(&mut self, handle: Resource<GuestTensor>) -> wasmtime::Result<Vec<u32>> {
        self.count_host_call()?;
        Ok(self.table.get(&handle)?.dimensions.clone())
    }

    async fn ty(&mut self, handle: Resource<GuestTensor>) -> wasmtime::Result<tensor::TensorType> {
        self.count_host_call()?;
        Ok(self.table.get(&handle)?.kind)
    }

    async fn data(&mut self, handle: Resource<GuestTensor>) -> wasmtime::Result<Vec<u8>> {
        self.count_host_call()?;
        Ok(self.table.get(&handle)?.data.clone())
    }

    async fn drop(&mut self, handle: Resource<GuestTensor>) -> wasmtime::Result<()> {
        self.take_tensor(handle).map(drop)
    }
}

impl graph::Host for GuestState {
    // The target is the host's choice, for bytes as for names. The bytes of one call of the host are bounded before
    // they come here, see `CallLimits::transfer_bytes`.
    async fn load(
        &mut self,
        builders: Vec<Vec<u8>>,
        encoding: graph::GraphEncoding,
        _target: graph::ExecutionTarget,
    ) -> wasmtime::Result<Result<Resource<Graph>, Resource<GuestError>>> {
        self.count_host_call()?;
        Ok(match self.graph_of_bytes(&builders, encoding).await {
            Ok(model) => Ok(self.table.push(Graph(model))?),
            Err(failure) => Err(self.nn_error(failure)?),
        })
    }

    async fn load_by_name(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Graph>, Resource<GuestError>>> {
        self.count_host_call()?;
        Ok(match self.graph(&name).await {
            Ok(model) => Ok(self.table.push(Graph(model))?),
            Err(failure) => Err(self.nn_error(failure)?),
        })
    }
}

impl graph::HostGraph for GuestState {
    async fn init_execution_context(
        &mut self,
        handle: Resource<Graph>,
    ) -> wasmtime::Result<Result<Resource<Execution>, Resource<GuestError>>> {
        self.count_host_call()?;
        let model = self.table.get(&handle)?.0.clone();
        Ok(Ok(self.table.push(Execution(model))?))
    }

    async fn drop(&mut self, handle: Resource<Graph>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl inference::Host for GuestState {}

impl inference::HostGraphExecutionContext for GuestState {
    async fn compute(
        &mut self,
        handle: Resource<Execution>,
        inputs: Vec<(String, Resource<GuestTensor>)>,
    ) -> wasmtime::Result<Result<Vec<(String, Resource<GuestTensor>)>, Resource<GuestError>>> {
        self.count_host_call()?;
        let model = self.table.get(&handle)?.0.clone();
        let mut named = Vec::new();
        for (name, tensor) in inputs {
            named.push((name, self.take_tensor(tensor)?));
        }
        let computed = async {
            if named.len() > MAX_TENSORS {
                return Err(invalid(format!("more than {MAX_TENSORS} tensors")));
            }
            let inputs = named.into_iter().map(|(name, tensor)| taken(name, tensor));
            let inputs = inputs.collect::<Result<_, _>>()?;
            let answered = model.infer(inputs, None).await.map_err(failure)?;
            let outputs = answered.value.into_iter().map(given);
            Ok((outputs.collect::<Result<Vec<_>, _>>()?, answered.by))
        };
        Ok(match computed.await {
            Err(failure) => Err(self.nn_error(failure)?),
            Ok((outputs, by)) => {
                self.answered_by(&model, &by);
                let mut kept = Vec::new();
                for (name, tensor) in outputs {
                    kept.push((name, self.keep_tensor(tensor)?));
                }
                Ok(kept)
            }
        })
    }

    async fn drop(&mut self, handle: Resource<Execution>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl errors::Host for GuestState {}

impl errors::HostError for GuestState {
    async fn code(&mut self, handle: Resource<GuestError>) -> wasmtime::Result<errors::ErrorCode> {
        self.count_host_call()?;
        Ok(self.table.get(&handle)?.code)
    }

    async fn data(&mut self, handle: Resource<GuestError>) -> wasmtime::Result<String> {
        self.count_host_call()?;
        Ok(self.table.get(&handle)?.why.clone())
    }

    async fn drop(&mut self, handle: Resource<GuestError>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dimensions: &[u32], kind: tensor::TensorType, data: &[u8]) -> GuestTensor {
        GuestTensor {
            dimensions: dimensions.to_vec(),
            kind,
            data: data.to_vec(),
        }
    }

    #[test]
    fn numbers_come_back_as_they_went() {
        let bytes: Vec<u8> = (0..48).collect();
        for (kind, size) in [
            (tensor::TensorType::Fp16, 2),
            (tensor::TensorType::Bf16, 2),
            (tensor::TensorType::Fp32, 4),
            (tensor::TensorType::Fp64, 8),
            (tensor::TensorType::U8, 1),
            (tensor::TensorType::I32, 4),
            (tensor::TensorType::I64, 8),
        ] {
            let dimensions = [2, 24 / size];
            let there = taken("输入".into(), tensor(&dimensions, kind, &bytes)).ok();
            let (name, back) = given(there.unwrap()).ok().unwrap();
            assert_eq!((name.as_str(), back.kind), ("输入", kind));
            assert_eq!(
                (back.dimensions, back.data),
                (dimensions.to_vec(), bytes.clone())
            );
        }
    }

    #[test]
    fn what_does_not_fit_its_dimensions_is_refused() {
        let kind = tensor::TensorType::Fp32;
        for (dimensions, bytes) in [
            (vec![2], 7),
            (vec![2, 2], 8),
            (vec![], 8),
            (vec![u32::MAX; 4], 4),
            (vec![1; MAX_SIDES + 1], 4),
        ] {
            let refused = taken("x".into(), tensor(&dimensions, kind, &vec![0; bytes]));
            let code = refused.err().unwrap().0;
            assert_eq!(code, errors::ErrorCode::InvalidArgument, "{dimensions:?}");
        }
        // Without dimensions it is a single number.
        assert!(taken("x".into(), tensor(&[], kind, &[0; 4])).is_ok());
    }
}
