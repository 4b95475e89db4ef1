//! `wasi:config`: the same values as `steward:config` gives.

use wasmtime::component::{HasSelf, Linker};

use super::bindings::config_draft::wasi::config::{runtime, store as draft};
use super::bindings::config_draft_2024_09_27::wasi::config::store as draft_2024_09_27;
use super::bindings::config_rc1::wasi::config::store as rc1;
use crate::GuestState;

pub(super) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    runtime::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    draft::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    draft_2024_09_27::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    rc1::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

/// What is not declared has no value here: the interface has no error for it.
macro_rules! host {
    ($interface:ident, $error:ident) => {
        impl $interface::Host for GuestState {
            fn get(
                &mut self,
                key: String,
            ) -> wasmtime::Result<Result<Option<String>, $interface::$error>> {
                self.count_host_call()?;
                Ok(Ok(self.authorized.config.value(&key)))
            }

            fn get_all(
                &mut self,
            ) -> wasmtime::Result<Result<Vec<(String, String)>, $interface::$error>> {
                self.count_host_call()?;
                Ok(Ok(self.authorized.config.all()))
            }
        }
    };
}

host!(runtime, ConfigError);
host!(draft, Error);
host!(draft_2024_09_27, Error);
host!(rc1, Error);
