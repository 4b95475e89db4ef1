//! The cells of one record, taken from its lines.

use crate::Fault;
use crate::lines::Ending;

/// Where a reader of characters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a cell.
    Start,
    /// In a cell without quotes; a quote in it is a character as any other.
    Bare,
    /// Behind the quote that opens a cell.
    Quoted,
    /// Behind a quote in such a cell: the first of two that stand for one, or the one that closes it.
    Quote,
}

/// What a line did to a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The record is whole.
    Done,
    /// A cell goes on in the next line.
    Open,
    /// It is no record.
    Bad(Fault),
}

/// The cells of a record, one behind the other.
pub(super) struct Cells {
    delimiter: char,
    state: State,
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    pub fn new(delimiter: u8) -> Self {
        Self {
            delimiter: char::from(delimiter),
            state: State::Start,
            text: String::new(),
            ends: Vec::new(),
        }
    }

    pub fn clear(&mut self) {
        self.state = State::Start;
        self.text.clear();
        self.ends.clear();
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.text[start..*end])
    }

    /// Takes a line in.
    pub fn push_line(&mut self, line: &str, ending: Ending) -> Step {
        for c in line.chars() {
            self.state = match (self.state, c) {
                (State::Start, '"') => State::Quoted,
                (State::Start | State::Bare | State::Quote, c) if c == self.delimiter => {
                    self.ends.push(self.text.len());
                    State::Start
                }
                (State::Start | State::Bare, c) => {
                    self.text.push(c);
                    State::Bare
                }
                (State::Quoted, '"') => State::Quote,
                (State::Quoted, c) => {
                    self.text.push(c);
                    State::Quoted
                }
                (State::Quote, '"') => {
                    self.text.push('"');
                    State::Quoted
                }
                (State::Quote, _) => return Step::Bad(Fault::TextAfterQuote),
            };
        }
        if self.state == State::Quoted {
            self.text
                .push_str(std::str::from_utf8(ending.as_bytes()).unwrap_or_default());
            return Step::Open;
        }
        self.ends.push(self.text.len());
        Step::Done
    }
}
