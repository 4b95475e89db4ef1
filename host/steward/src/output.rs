//! Answers: JSON for machines, tables and sentences for people.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// Where answers go and in what form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    pub fn is_json(self) -> bool {
        self.json
    }

    /// Shows an answer: the value for machines, the text for people.
    pub fn show(
        self,
        value: &impl Serialize,
        human: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        let mut text = if self.json {
            serde_json::to_string(value)?
        } else {
            human()
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        write(text.as_bytes())
    }

    /// Shows bytes as they are, for answers that are not ours.
    pub fn raw(self, bytes: &[u8]) -> anyhow::Result<()> {
        write(bytes)
    }

    /// Says something beside the answer. Machines do not want to hear it.
    pub fn note(self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    pub fn fail(self, failure: &Failure) {
        if self.json {
            eprintln!("{}", failure.to_json());
            return;
        }
        eprintln!("error: {}", failure.what);
        for cause in &failure.causes {
            eprintln!("  because: {}", cause.replace('\n', "\n  "));
        }
        if let Some(next) = &failure.next {
            eprintln!("  next: {next}");
        }
    }
}

/// A reader that has seen enough (`| head`) is no failure.
fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A table without lines: easy to read, easy to cut.
pub fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    columns(&head, rows)
}

/// The same with as many columns as there turn out to be.
pub fn columns<Row: IntoIterator<Item = String>>(
    head: &[impl AsRef<str>],
    rows: impl IntoIterator<Item = Row>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head.iter().map(|name| name.as_ref().to_owned()));
    let mut any = false;
    for row in rows {
        any = true;
        table.add_row(row.into_iter().map(|cell| printable(&cell)));
    }
    if !any {
        return "(none)".into();
    }
    table.trim_fmt()
}

/// `name  value` lines for one thing.
pub fn sheet(rows: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter()
        .map(|(name, value)| {
            let beside = format!("\n{:width$}  ", "");
            let value = printable(value).replace('\n', &beside);
            format!("{name:width$}  {value}\n")
        })
        .collect()
}

/// Text that came from outside must not move the cursor or colour the terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{FFFD}'
            } else {
                c
            }
        })
        .collect()
}

/// A field of a JSON answer as text; empty where it is missing.
pub fn field(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A size for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// The start of a digest, enough to tell two apart by eye.
pub fn short(digest: &str) -> String {
    digest.get(..19).unwrap_or(digest).to_owned()
}

/// A time to the second.
pub fn time(value: &Value, pointer: &str) -> String {
    let text = field(value, pointer);
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\tc"), "a\u{FFFD}[31mb\tc");
        assert!(!table(["x"], [["\u{1b}]0;title\u{7}".to_owned()]]).contains('\u{1b}'));
    }

    #[test]
    fn sizes_and_digests_are_short() {
        assert_eq!(
            [size(12), size(2048), size(3 << 20)],
            ["12 B", "2.0 KiB", "3.0 MiB"]
        );
        assert_eq!(short("sha256:0123456789abcdef0123"), "sha256:0123456789ab");
        assert_eq!(short("sha"), "sha");
    }
}
