//! A panic becomes a log line before it becomes a trap.

/// Makes panics write their message and place through [`log`](crate::log), so that
/// `steward function logs` shows more than "unreachable executed".
///
/// Typed plugins have it by themselves; a `wasi:http` function calls it first thing.
/// Natively it does nothing: the test harness shows panics already.
pub fn log_panics() {
    #[cfg(target_family = "wasm")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            std::panic::set_hook(Box::new(|panic| {
                let text = panic.payload_as_str().unwrap_or("panic");
                match panic.location() {
                    Some(place) => crate::log::error!(file = place.file(), line = place.line(); "panic: {text}"),
                    None => crate::log::error!("panic: {text}"),
                }
            }));
        });
    }
}
