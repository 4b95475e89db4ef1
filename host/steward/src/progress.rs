//! Progress of long work, on standard error and only where somebody is looking.

use std::borrow::Cow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// A bar over bytes; a counter where the total is not known.
pub fn bytes(
    output: Output,
    what: impl Into<Cow<'static, str>>,
    total: Option<u64>,
) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "{msg} {spinner} {bytes} {bytes_per_sec}",
    };
    start(
        output,
        what,
        template,
        total.map_or_else(ProgressBar::no_length, ProgressBar::new),
    )
}

/// How far a run over rows is: rows through the steps, then the share of the search for duplicates.
pub fn of_rows(rows: u64, duplicates: Option<f64>) -> String {
    match duplicates {
        None => format!("{rows} rows"),
        Some(share) => format!(
            "{rows} rows, looking for duplicates: {:.0} %",
            share * 100.0
        ),
    }
}

/// A bar over things that are counted.
pub fn counted(output: Output, what: impl Into<Cow<'static, str>>, total: u64) -> ProgressBar {
    let template = "{msg} [{bar:30}] {pos}/{len} {eta}";
    start(output, what, template, ProgressBar::new(total))
}

/// A sign of life for work of unknown length.
pub fn spinner(output: Output, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let bar = start(
        output,
        what,
        "{spinner} {msg} {elapsed}",
        ProgressBar::no_length(),
    );
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn start(
    output: Output,
    what: impl Into<Cow<'static, str>>,
    template: &str,
    bar: ProgressBar,
) -> ProgressBar {
    if output.is_json() {
        return ProgressBar::hidden();
    }
    // Without a terminal on standard error, indicatif draws nothing by itself.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_message(what)
}
