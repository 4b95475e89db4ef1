//! Files in and out.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::offsets::{OffsetUnit, Ruler};
use super::{Region, Task};
use crate::LabelsError;
use crate::error::{at_most, shown};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// How a file is read or written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// What its offsets count.
    pub unit: OffsetUnit,
    /// In which field of `data` the text of a `to_name` lies. Where a name is not here, it is the field of the same name,
    /// or the only field that holds text.
    pub text_of: BTreeMap<String, String>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The tasks that are whole, in their order.
    pub tasks: Vec<Task>,
    /// Those that are not.
    pub rejected: Vec<Rejected>,
    /// Spans whose offsets were UTF-16 units.
    pub converted: usize,
    /// Spans that quote other words than stand at their place.
    pub misquoted: usize,
    /// Spans whose text is not in the file, so that nothing could be checked.
    pub unchecked: usize,
}

/// A task that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// Its place in the file, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
    /// The task as it came.
    pub task: Value,
}

/// Reads a file of Label Studio: a list of tasks, or one task. A task that is broken does not stop the others.
///
/// # Errors
/// [`LabelsError::Invalid`] for what is not JSON or neither a list nor a task; [`LabelsError::TooMany`] over
/// [`MAX_BYTES`].
pub fn import(json: &str, options: &FileOptions) -> Result<Imported, LabelsError> {
    at_most("bytes", json.len(), MAX_BYTES)?;
    let json = json.trim_start_matches('\u{feff}');
    let tasks = match serde_json::from_str(json) {
        Ok(Value::Array(tasks)) => tasks,
        Ok(task @ Value::Object(_)) => vec![task],
        Ok(_) => {
            return Err(LabelsError::invalid(
                "a file of Label Studio is a list of tasks; export it as JSON",
            ));
        }
        Err(error) => {
            return Err(LabelsError::invalid(format!(
                "the file is not JSON: {error}; export it from Label Studio as JSON"
            )));
        }
    };
    let mut imported = Imported {
        tasks: Vec::with_capacity(tasks.len()),
        rejected: Vec::new(),
        converted: 0,
        misquoted: 0,
        unchecked: 0,
    };
    for (index, value) in tasks.into_iter().enumerate() {
        let read = Task::deserialize_ref(&value).and_then(|mut task| {
            let counts = place_spans(&mut task, options)?;
            Ok((task, counts))
        });
        match read {
            Ok((task, counts)) => {
                imported.converted += counts.converted;
                imported.misquoted += counts.misquoted;
                imported.unchecked += counts.unchecked;
                imported.tasks.push(task);
            }
            Err(reason) => imported.rejected.push(Rejected {
                index,
                reason,
                task: value,
            }),
        }
    }
    Ok(imported)
}

impl Task {
    fn deserialize_ref(value: &Value) -> Result<Self, String> {
        serde::Deserialize::deserialize(value).map_err(|error: serde_json::Error| error.to_string())
    }
}

#[derive(Default)]
struct Counts {
    converted: usize,
    misquoted: usize,
    unchecked: usize,
}

/// Brings every span of a task to code points.
fn place_spans(task: &mut Task, options: &FileOptions) -> Result<Counts, String> {
    let mut counts = Counts::default();
    let data = std::mem::take(&mut task.data);
    let mut rulers = HashMap::<String, Option<Ruler<'_>>>::new();
    let mut outside = None;
    for region in task.regions_mut() {
        let Region::Span(span) = region else { continue };
        let ruler = rulers.entry(span.to_name.clone()).or_insert_with(|| {
            let text = text_of(&data, &span.to_name, options);
            text.map(Ruler::new)
        });
        let Some(ruler) = ruler else {
            counts.unchecked += 1;
            continue;
        };
        let Some(placed) = ruler.place(span, options.unit) else {
            let (start, end) = (span.start, span.end);
            outside = Some(format!(
                "the span from {start} to {end} is not within the text"
            ));
            break;
        };
        counts.converted += usize::from(placed.converted);
        counts.misquoted += usize::from(placed.quoted == Some(false));
        (span.start, span.end) = (placed.start, placed.end);
    }
    drop(rulers);
    task.data = data;
    outside.map_or(Ok(counts), Err)
}

fn text_of<'a>(
    data: &'a serde_json::Map<String, Value>,
    to_name: &str,
    options: &FileOptions,
) -> Option<&'a str> {
    let field = options.text_of.get(to_name).map_or(to_name, String::as_str);
    if let Some(Value::String(text)) = data.get(field) {
        return Some(text);
    }
    let mut texts = data.values().filter_map(Value::as_str);
    let only = texts.next();
    texts.next().map_or(only, |_| None)
}

/// Writes tasks as Label Studio reads them: a list, with annotations and predictions.
///
/// # Errors
/// [`LabelsError::Invalid`] where UTF-16 units are asked for and a span is not within its text, or its text not in
/// `data`.
pub fn export(tasks: &[Task], options: &FileOptions) -> Result<String, LabelsError> {
    let mut written = Vec::with_capacity(tasks.len());
    for task in tasks {
        let mut task = task.clone();
        if options.unit == OffsetUnit::Utf16 {
            to_utf16(&mut task, options)?;
        }
        written.push(task);
    }
    serde_json::to_string(&written)
        .map_err(|error| LabelsError::invalid(format!("the tasks cannot be written: {error}")))
}

fn to_utf16(task: &mut Task, options: &FileOptions) -> Result<(), LabelsError> {
    let data = task.data.clone();
    let id = task
        .id
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut rulers = HashMap::<String, Option<Ruler<'_>>>::new();
    for region in task.regions_mut() {
        let Region::Span(span) = region else { continue };
        let ruler = rulers
            .entry(span.to_name.clone())
            .or_insert_with(|| text_of(&data, &span.to_name, options).map(Ruler::new));
        let units = ruler
            .as_ref()
            .and_then(|ruler| ruler.to_utf16(span.start).zip(ruler.to_utf16(span.end)));
        (span.start, span.end) = units.ok_or_else(|| {
            LabelsError::invalid(format!(
                "the task `{}` has a span from {} to {} that is in no text; name the field of its text, or write code \
                 points",
                shown(&id),
                span.start,
                span.end
            ))
        })?;
    }
    Ok(())
}
