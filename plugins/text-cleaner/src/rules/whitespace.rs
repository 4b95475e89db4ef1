//! `whitespace`: one kind of space, one kind of line break, no more of them than needed.
//!
//! A run of spaces of any kind (tab, no-break, ideographic, …) becomes one space; spaces at the ends of lines and of
//! the text go; every kind of line break becomes `\n`; of blank lines in a row, `max_blank_lines` stay.

use crate::characters::is_line_break;
use crate::edits::{Edits, Rewrite};

/// A run of white space.
struct Run {
    start: usize,
    breaks: usize,
    after_return: bool,
}

/// Rewrites every run of white space that is not already as short as it can be; a run is one place.
pub fn apply(text: &str, max_blank_lines: usize) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut run: Option<Run> = None;
    for (position, c) in text.char_indices() {
        if c.is_whitespace() {
            let run = run.get_or_insert(Run {
                start: position,
                breaks: 0,
                after_return: false,
            });
            // `\r\n` is one line break.
            if is_line_break(c) && !(c == '\n' && run.after_return) {
                run.breaks += 1;
            }
            run.after_return = c == '\r';
        } else if let Some(run) = run.take() {
            write(&mut edits, text, &run, position, max_blank_lines);
        }
    }
    if let Some(run) = run {
        edits.remove(run.start, text.len());
    }
    edits.finish()
}

/// Writes a run in its shortest form.
fn write(edits: &mut Edits<'_>, text: &str, run: &Run, end: usize, max_blank_lines: usize) {
    const BREAKS: &str = "\n\n\n\n\n\n\n\n\n\n\n";
    let short = match run.breaks {
        _ if run.start == 0 => "",
        0 => " ",
        breaks => &BREAKS[..breaks.min(max_blank_lines + 1).min(BREAKS.len())],
    };
    if &text[run.start..end] != short {
        edits.replace(run.start, end, short);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_ends_and_lines() {
        let rewrite = apply("　　你好 \t 世界\u{A0}！ \r\n\r\n \n\n 再见  ", 1).unwrap();
        assert_eq!(rewrite.text, "你好 世界 ！\n\n再见");
        assert_eq!(rewrite.places, 5);
    }

    #[test]
    fn tidy_text_stays() {
        assert_eq!(apply("one two\nthree\n\nfour 五", 1), None);
    }

    #[test]
    fn blank_lines_follow_the_setting() {
        assert_eq!(apply("a\n\nb", 0).unwrap().text, "a\nb");
        assert_eq!(apply("a\n\n\nb", 2), None);
        assert_eq!(apply("a\rb\u{2028}c\u{C}d", 0).unwrap().text, "a\nb\nc\nd");
    }

    #[test]
    fn only_white_space_becomes_empty() {
        assert_eq!(
            apply(" \n\u{3000}", 1),
            Some(Rewrite {
                text: String::new(),
                places: 1
            })
        );
        assert_eq!(apply("", 1), None);
    }
}
