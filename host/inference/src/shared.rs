//! One session of ONNX Runtime that several threads run at a time, so that its weights are in memory once.
//!
//! `ort` lets a session run for one caller at a time. On the CPU that is stricter than ONNX Runtime: its sessions keep
//! nothing of a run, kernels are constant while they compute, the arena has a lock of its own, and a provider that
//! cannot be run by several threads says so (`IExecutionProvider::ConcurrentRunSupported`), whereupon the session
//! itself lets one in after the other. "Multiple threads can invoke the Run() method on the same inference session
//! object" is its [documented contract](https://onnxruntime.ai/docs/reference/high-level-design.html).

use std::ffi::{CString, c_char};
use std::ptr::{self, NonNull};

use ort::session::Session;
use ort::value::{DynValue, Outlet};
use ort::{AsPointer, ortsys, sys};

pub(crate) struct SharedSession {
    session: Session,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
}

/// What a run gave, in the order of the session's outputs. It borrows from the session, whose memory it lies in.
pub(crate) struct Outputs<'s> {
    session: &'s SharedSession,
    values: Vec<DynValue>,
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

    /// Runs the graph with a value for each input, in the order of [`SharedSession::inputs`].
    pub(crate) fn run(&self, inputs: &[DynValue]) -> ort::Result<Outputs<'_>> {
        if inputs.len() != self.inputs.len() {
            let (given, wanted) = (inputs.len(), self.inputs.len());
            return Err(ort::Error::new(format!(
                "{given} inputs were given, and the model has {wanted}"
            )));
        }
        let pointers = |names: &[CString]| names.iter().map(|name| name.as_ptr()).collect();
        let (input_names, output_names): (Vec<*const c_char>, Vec<*const c_char>) =
            (pointers(&self.inputs), pointers(&self.outputs));
        let values: Vec<*const sys::OrtValue> = inputs.iter().map(AsPointer::ptr).collect();
        let mut found: Vec<*mut sys::OrtValue> = vec![ptr::null_mut(); output_names.len()];
        // SAFETY: the session lives as long as `self`. Each pair of arrays has one length and outlives the call; names
        // end with a zero byte; the values are not changed by the call, which `&[DynValue]` is enough for. The session
        // may be in other calls at the same time: see the head of this file.
        ortsys![unsafe Run(
            self.session.ptr().cast_mut(),
            ptr::null(),
            input_names.as_ptr(),
            values.as_ptr(),
            values.len(),
            output_names.as_ptr(),
            output_names.len(),
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
            session: self,
            values: values.into_iter().collect::<ort::Result<_>>()?,
        })
    }
}

impl Outputs<'_> {
    /// The value of output number `index`.
    pub(crate) fn get(&self, index: usize) -> Option<&DynValue> {
        self.values.get(index)
    }

    /// The name of output number `index`.
    pub(crate) fn name(&self, index: usize) -> &str {
        let outputs = self.session.outputs();
        outputs.get(index).map_or("", Outlet::name)
    }

    /// Every output by its name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &DynValue)> {
        let names = self.session.outputs().iter().map(Outlet::name);
        names.zip(&self.values)
    }
}
