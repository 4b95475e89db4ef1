//! What models are computed with: the library and the device. Both are looked for when the first model is wanted.

use std::path::PathBuf;

use parking_lot::Mutex;

use crate::device::{DeviceChoice, GpuConfig, Placement};
use crate::error::InferenceError;
use crate::library::{self, Runtime};

/// What was asked for, and what was found.
pub(crate) struct Machine {
    library: Option<PathBuf>,
    device: DeviceChoice,
    gpu: GpuConfig,
    /// How many threads run a model on the processor, at least 1.
    cores: usize,
    placement: Mutex<Option<Placement>>,
}

impl Machine {
    pub(crate) fn new(
        library: Option<PathBuf>,
        device: DeviceChoice,
        gpu: GpuConfig,
        cores: usize,
    ) -> Self {
        Self {
            library,
            device,
            gpu,
            cores,
            placement: Mutex::default(),
        }
    }

    /// The library and the device, both looked for where they have not been found (blocking, about 30 ms once, or a
    /// second with a GPU).
    pub(crate) fn runtime(&self) -> Result<Runtime, InferenceError> {
        let runtime = library::open(self.library.as_deref())?;
        let mut found = self.placement.lock();
        let placement = match &*found {
            Some(placement) => placement.clone(),
            None => {
                let placement = Placement::choose(&runtime, self.device, &self.gpu)?;
                found.insert(placement).clone()
            }
        };
        Ok(Runtime {
            placement,
            ..runtime
        })
    }

    /// How many threads run a model with this runtime.
    pub(crate) fn runners(&self, runtime: &Runtime) -> usize {
        runtime.placement.runners(self.cores).max(1)
    }
}
