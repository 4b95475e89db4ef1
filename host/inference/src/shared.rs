//! One session of ONNX Runtime that several threads run at a time, so that its weights are in memory once.
//!
//! `ort` lets a session run for one caller at a time. On the CPU that is stricter than ONNX Runtime: its sessions keep
//! nothing of a run, kernels are constant while they compute, the arena has a lock of its own, and a provider that
//! cannot be run by several threads says so (`IExecutionProvider::ConcurrentRunSupported`), whereupon the session
//! itself lets one in after the other. "Multiple threads can invoke the Run() method on the same inference session
//! object" is its [documented contract](https://onnxruntime.ai/docs/reference/high-level-design.html).

use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use ort::value::{DynValue, Outlet};
use ort::{AsPointer, ortsys, sys};

pub(crate) struct SharedSession {
    session: Session,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
}

/// What a run gave. It borrows from the session, whose memory it lies in.
pub(crate) struct Outputs<'s> {
    values: Vec<DynValue>,
    session: PhantomData<&'s SharedSession>,
}

impl SharedSession {
    pub(crate) fn new(session: Session) -> Result<Self, String> {
        let names = |outlets: &[Outlet]| {
            let name = |outlet: &Outlet| CString::new(outlet.name());
            let names: Result<Vec<CString>, _> = outlets.iter().map(name).collect();
            names.map_err(|_| "a name of the model's holds a zero byte".to_owned())
        };
        Ok(Self {
            inputs: names(session.inputs())?,
            outputs: names(session.outputs())?,
            session,
        })
    }

    pub(crate) fn inputs(&self) -> &[Outlet] {
        self.session.inputs()
    }

    pub(crate) fn outputs(&self) -> &[Outlet] {
        self.session.outputs()
    }

    /// The place of the input of this name.
    pub(crate) fn input(&self, name: &str) -> Option<usize> {
        place(self.session.inputs(), name)
    }

    /// The place of the output of this name.
    pub(crate) fn output(&self, name: &str) -> Option<usize> {
        place(self.session.outputs(), name)
    }

    /// Bytes of the host's memory that the arena of the session holds: weights, what was made of them when they were
    /// loaded, and the space of the largest runs so far. 0 where the library does not tell.
    pub(crate) fn memory(&self) -> u64 {
        self.arena().unwrap_or_else(|error| {
            tracing::debug!(%error, "the memory of a model is not known");
            0
        })
    }

    fn arena(&self) -> ort::Result<u64> {
        let place = MemoryInfo::new(
            AllocationDevice::CPU,
            0,
            AllocatorType::Device,
            MemoryType::Default,
        )?;
        let arena = Allocator::new(&self.session, place)?;
        let mut pairs: *mut sys::OrtKeyValuePairs = ptr::null_mut();
        // SAFETY: the allocator lives until the end of this function, and the place written to is ours.
        ortsys![unsafe AllocatorGetStats(arena.ptr(), &mut pairs)?];
        if pairs.is_null() {
            return Err(ort::Error::new("the arena keeps no count"));
        }
        // SAFETY: `pairs` is not null and ours until it is released below; the key ends with a zero byte.
        let value = ortsys![unsafe GetKeyValue(pairs, c"TotalAllocated".as_ptr())];
        let text = (!value.is_null()).then(|| {
            // SAFETY: not null, and a text that ends with a zero byte and lives as long as `pairs`.
            unsafe { CStr::from_ptr(value) }
                .to_string_lossy()
                .into_owned()
        });
        // SAFETY: it was given to us above and is not used after this.
        ortsys![unsafe ReleaseKeyValuePairs(pairs)];
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| ort::Error::new("the arena does not tell what it holds"))
    }

    /// Runs the graph with values for the inputs at these places, and gives the outputs at those places.
    pub(crate) fn run(
        &self,
        inputs: &[(usize, DynValue)],
        outputs: &[usize],
    ) -> ort::Result<Outputs<'_>> {
        let unknown = || ort::Error::new("the model has no such input or output");
        let mut names: Vec<*const c_char> = Vec::with_capacity(inputs.len());
        let mut values: Vec<*const sys::OrtValue> = Vec::with_capacity(inputs.len());
        for (place, value) in inputs {
            names.push(self.inputs.get(*place).ok_or_else(unknown)?.as_ptr());
            values.push(value.ptr());
        }
        let wanted = outputs.iter().map(|&place| self.outputs.get(place));
        let wanted: Option<Vec<*const c_char>> = wanted.map(|name| Some(name?.as_ptr())).collect();
        let wanted = wanted.ok_or_else(unknown)?;
        let mut found: Vec<*mut sys::OrtValue> = vec![ptr::null_mut(); wanted.len()];
        // SAFETY: the session lives as long as `self`. Each pair of arrays has one length and outlives the call; names
        // end with a zero byte; the values are not changed by the call, which `&[DynValue]` is enough for. The session
        // may be in other calls at the same time: see the head of this file.
        ortsys![unsafe Run(
            self.session.ptr().cast_mut(),
            ptr::null(),
            names.as_ptr(),
            values.as_ptr(),
            values.len(),
            wanted.as_ptr(),
            wanted.len(),
            found.as_mut_ptr()
        )?];
        let value = |value: *mut sys::OrtValue| {
            let value = NonNull::new(value)
                .ok_or_else(|| ort::Error::new("the model left an output without a value"))?;
            // SAFETY: the call made the value and gave it away. A tensor of ONNX Runtime keeps its own reference to
            // the allocator that it came from; the one named here is only kept alive beside it.
            Ok(unsafe { DynValue::from_ptr(value, Some(self.session.allocator())) })
        };
        // All of them first: a value that nobody took would leak.
        let values: Vec<ort::Result<DynValue>> = found.into_iter().map(value).collect();
        Ok(Outputs {
            values: values.into_iter().collect::<ort::Result<_>>()?,
            session: PhantomData,
        })
    }
}

fn place(outlets: &[Outlet], name: &str) -> Option<usize> {
    outlets.iter().position(|outlet| outlet.name() == name)
}

impl Outputs<'_> {
    /// The values, in the order in which they were asked for.
    pub(crate) fn values(&self) -> &[DynValue] {
        &self.values
    }
}
