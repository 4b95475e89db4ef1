//! What the crate promises to whoever calls it.
#![allow(clippy::unwrap_used)]

mod best;
mod brute;
mod garbage;
mod oracle;
mod published;
mod refused;
mod stopped;

use std::ops::ControlFlow;

use serde_json::Value;
use steward_anonymity::{AnonymityError, Inputs, Limits, Report, Spec, anonymize};

/// Runs a job on a table of text, with a population if there is one, and without files.
fn run(
    spec: &Value,
    table: &str,
    population: Option<&str>,
) -> Result<(String, Report), AnonymityError> {
    let spec: Spec = serde_json::from_value(spec.clone()).unwrap();
    run_bytes(
        &spec,
        table.as_bytes(),
        population.map(str::as_bytes),
        &mut |_| Err(std::io::ErrorKind::NotFound.into()),
    )
}

fn run_bytes(
    spec: &Spec,
    mut table: &[u8],
    mut population: Option<&[u8]>,
    files: &mut dyn FnMut(&str) -> std::io::Result<Vec<u8>>,
) -> Result<(String, Report), AnonymityError> {
    let inputs = Inputs {
        table: &mut table,
        population: population
            .as_mut()
            .map(|population| population as &mut dyn std::io::Read),
        files,
    };
    let (released, report) = anonymize(spec, inputs, &Limits::default(), &mut |_| {
        ControlFlow::Continue(())
    })?;
    let mut csv = Vec::new();
    released.write_csv(&mut csv)?;
    Ok((String::from_utf8(csv).unwrap(), report))
}
