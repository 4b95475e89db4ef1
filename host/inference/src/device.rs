//! Which device computes models: a GPU where ONNX Runtime, the driver and the device are there, else the processor.

use std::ffi::{c_int, c_uint};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use libloading::{Library, Symbol};
use ort::ep::{ArenaExtendStrategy, CUDA, ExecutionProvider, ExecutionProviderDispatch, TensorRT};
use ort::session::Session;

use crate::error::InferenceError;
use crate::library::{Runtime, reasons};

/// Where a model is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device {
    /// On the processor.
    Cpu,
    /// On an NVIDIA GPU, by ONNX Runtime's CUDA kernels.
    Cuda,
    /// On an NVIDIA GPU, by engines that TensorRT builds, with CUDA for what it does not take.
    TensorRt,
}

impl Device {
    /// `cpu`, `cuda` or `tensorrt`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which device is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA where it can be used, else the processor. TensorRT is never chosen unasked: it builds an engine for each
    /// range of shapes, which takes minutes before the first answer.
    #[default]
    Auto,
    /// This one, and an error where it cannot be used.
    Only(Device),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Only(Device::Cpu)),
            "cuda" => Ok(Self::Only(Device::Cuda)),
            "tensorrt" => Ok(Self::Only(Device::TensorRt)),
            other => Err(format!(
                "`{other}` is not a device; there are `auto`, `cpu`, `cuda` and `tensorrt`"
            )),
        }
    }
}

/// What is wanted of a GPU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuConfig {
    /// The number of the GPU, as `nvidia-smi` counts them.
    pub index: u32,
    /// The most memory of the GPU that the weights and runs of one model take; none is as much as there is.
    pub memory_bytes: Option<u64>,
    /// Where TensorRT keeps the engines that it has built; none builds them anew for each process.
    pub engines: Option<PathBuf>,
}

/// Where models are computed, once that is settled.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    pub(crate) device: Device,
    gpu: GpuConfig,
}

impl Placement {
    pub(crate) fn cpu() -> Self {
        Self {
            device: Device::Cpu,
            gpu: GpuConfig::default(),
        }
    }

    /// Settles it, and says in the log where and why.
    pub(crate) fn choose(
        runtime: &Runtime,
        wanted: DeviceChoice,
        gpu: &GpuConfig,
    ) -> Result<Self, InferenceError> {
        let on = |device| Self {
            device,
            gpu: gpu.clone(),
        };
        let (placement, why) = match wanted {
            DeviceChoice::Only(Device::Cpu) => (Self::cpu(), "it was asked for".to_owned()),
            DeviceChoice::Only(device) => {
                let placement = on(device);
                placement
                    .usable(runtime)
                    .map_err(|reason| InferenceError::Device { device, reason })?;
                (placement, "it was asked for".to_owned())
            }
            DeviceChoice::Auto => {
                let placement = on(Device::Cuda);
                match placement.usable(runtime) {
                    Ok(()) => (placement, "a GPU is there".to_owned()),
                    Err(reason) => (Self::cpu(), format!("no GPU can be used: {reason}")),
                }
            }
        };
        tracing::info!(device = %placement.device, why, "where models are computed");
        Ok(placement)
    }

    /// Why the device cannot be used, cheapest questions first.
    fn usable(&self, runtime: &Runtime) -> Result<(), String> {
        let built_in = match self.device {
            Device::Cpu => return Ok(()),
            Device::Cuda => CUDA::is_available(),
            Device::TensorRt => TensorRT::is_available(),
        };
        if !built_in.map_err(|error| error.message().to_owned())? {
            return Err(format!(
                "ONNX Runtime {} at `{}` was built without {}; install that of the package `onnxruntime-gpu`",
                runtime.version,
                runtime.library.display(),
                self.device
            ));
        }
        let devices = count_gpus()?;
        if self.gpu.index >= devices {
            return Err(format!(
                "GPU {} was asked for and there are {devices}, counted from 0",
                self.gpu.index
            ));
        }
        // Opens the provider's own library, and with it those of CUDA and cuDNN.
        let mut builder =
            Session::builder(&runtime.environment).map_err(|error| error.message().to_owned())?;
        for provider in self.providers() {
            provider
                .register(&mut builder)
                .map_err(|error| error.message().to_owned())?;
        }
        Ok(())
    }

    /// ONNX Runtime's providers for the device, the best first. None for the processor, which it always has.
    pub(crate) fn providers(&self) -> Vec<ExecutionProviderDispatch> {
        let index = i32::try_from(self.gpu.index).unwrap_or(i32::MAX);
        let cuda = || {
            let cuda = CUDA::default()
                .with_device_id(index)
                // Doubling what is there would take twice what a model needs.
                .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested);
            let limit = self.gpu.memory_bytes.and_then(|b| usize::try_from(b).ok());
            let cuda = match limit {
                Some(limit) => cuda.with_memory_limit(limit),
                None => cuda,
            };
            cuda.build().error_on_failure()
        };
        let tensorrt = || {
            let tensorrt = TensorRT::default().with_device_id(index);
            let tensorrt = match &self.gpu.engines {
                Some(folder) => tensorrt
                    .with_engine_cache(true)
                    .with_engine_cache_path(folder.display()),
                None => tensorrt,
            };
            tensorrt.build().error_on_failure()
        };
        match self.device {
            Device::Cpu => Vec::new(),
            Device::Cuda => vec![cuda()],
            Device::TensorRt => vec![tensorrt(), cuda()],
        }
    }

    /// How many threads run a model: one for each of `cores`, which compute alone; two where they only feed a GPU,
    /// one of them while the other waits for it.
    pub(crate) fn runners(&self, cores: usize) -> usize {
        match self.device {
            Device::Cpu => cores,
            Device::Cuda | Device::TensorRt => cores.min(2),
        }
    }
}

/// How many GPUs the driver sees, or why it sees none.
fn count_gpus() -> Result<u32, String> {
    // SAFETY: the library is the driver's own, which the system's loader finds where an administrator put it; ONNX
    // Runtime would load the same.
    let driver = unsafe { Library::new("libcuda.so.1") }
        .map_err(|error| format!("no NVIDIA driver: {}", reasons(&error)))?;
    let lacking = |error: libloading::Error| format!("the NVIDIA driver is odd: {error}");
    // SAFETY: both functions have had these types since the first CUDA driver.
    let (init, count) = unsafe {
        let init: Symbol<'_, unsafe extern "C" fn(c_uint) -> c_int> =
            driver.get(b"cuInit\0").map_err(lacking)?;
        let count: Symbol<'_, unsafe extern "C" fn(*mut c_int) -> c_int> =
            driver.get(b"cuDeviceGetCount\0").map_err(lacking)?;
        (init, count)
    };
    // SAFETY: the only flags that it takes are 0; it may be called any number of times.
    let status = unsafe { init(0) };
    if status != 0 {
        return Err(format!(
            "the NVIDIA driver finds no device (error {status})"
        ));
    }
    let mut devices: c_int = 0;
    // SAFETY: the driver has been initialised, and the place it writes to is ours.
    let status = unsafe { count(&mut devices) };
    match u32::try_from(devices) {
        Ok(devices) if status == 0 && devices > 0 => Ok(devices),
        _ => Err(format!("the NVIDIA driver sees no GPU (error {status})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_as_it_is_written() {
        for device in [Device::Cpu, Device::Cuda, Device::TensorRt] {
            let choice: DeviceChoice = device.as_str().parse().unwrap();
            assert_eq!(choice, DeviceChoice::Only(device));
        }
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
        let error = "gpu".parse::<DeviceChoice>().unwrap_err();
        assert!(error.contains("`cuda`"), "{error}");
    }

    #[test]
    fn a_gpu_is_fed_by_two_threads_and_the_processor_by_one_each() {
        assert_eq!(Placement::cpu().runners(16), 16);
        let gpu = Placement {
            device: Device::Cuda,
            gpu: GpuConfig::default(),
        };
        assert_eq!((gpu.runners(16), gpu.runners(1)), (2, 1));
        assert_eq!(gpu.providers().len(), 1);
    }
}
