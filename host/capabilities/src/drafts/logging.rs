//! `wasi:logging`: lines of the function's log.

use std::collections::BTreeMap;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::logging::wasi::logging::logging as wit;
use crate::GuestState;

pub(super) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl wit::Host for GuestState {
    fn log(&mut self, level: wit::Level, context: String, message: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        let mut fields = BTreeMap::new();
        if !context.is_empty() {
            fields.insert("context".to_owned(), context);
        }
        let level = match level {
            wit::Level::Trace => "trace",
            wit::Level::Debug => "debug",
            wit::Level::Info => "info",
            wit::Level::Warn => "warn",
            wit::Level::Error => "error",
            wit::Level::Critical => {
                // The log knows no level above `error`.
                fields.insert("level".to_owned(), "critical".to_owned());
                "error"
            }
        };
        self.log.write(level, message, fields);
        Ok(())
    }
}
