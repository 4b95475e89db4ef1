//! Structured log lines: `steward function logs` shows them.
//!
//! The macros take what `format!` takes, and before it, if you like, fields that machines can search for:
//!
//! ```
//! use steward_sdk::log;
//! let (batch, dropped) = (["a", ""], 1);
//! log::info!("cleaned {} texts", batch.len());
//! log::warn!(documents = batch.len(), dropped = dropped; "many empty texts");
//! ```
//!
//! Never log the text of a document: lines are kept, and people read them.

use std::fmt::Display;

use crate::bindings::imports::steward::log::log as wit;
pub use crate::bindings::imports::steward::log::log::Level;

/// Writes one line. The macros of this module are shorter.
pub fn write(level: Level, message: &str, fields: &[(&str, &dyn Display)]) {
    let fields: Vec<wit::Field> = fields
        .iter()
        .map(|(key, value)| wit::Field {
            key: (*key).to_owned(),
            value: value.to_string(),
        })
        .collect();
    #[cfg(target_family = "wasm")]
    wit::write(level, message, &fields);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::host::log(level, message, fields);
}

#[doc(hidden)]
#[macro_export]
macro_rules! __steward_log {
    ($level:ident, $($key:ident = $value:expr),+ ; $($message:tt)+) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($($message)+),
            &[$((::core::stringify!($key), &$value as &dyn ::core::fmt::Display)),+],
        )
    };
    ($level:ident, $($message:tt)+) => {
        $crate::log::write($crate::log::Level::$level, &::std::format!($($message)+), &[])
    };
}

/// Defines the macro of one level under a name that cannot clash, and lets it be used as `log::level!`.
macro_rules! level {
    ($dollar:tt $hidden:ident, $level:ident, $name:ident) => {
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $hidden {
            ($dollar($dollar line:tt)+) => { $dollar crate::__steward_log!($level, $dollar($dollar line)+) };
        }
        #[doc(inline)]
        pub use $hidden as $name;
    };
}

level!($ __steward_trace, Trace, trace);
level!($ __steward_debug, Debug, debug);
level!($ __steward_info, Info, info);
level!($ __steward_warn, Warn, warn);
level!($ __steward_error, Error, error);
