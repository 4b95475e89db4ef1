//! CSV, as RFC 4180 has it and people write it.
//!
//! The first line names the columns. A row ends where its line ends, outside of quotes. A quote that opens a cell and is
//! never closed would swallow the rest of the file: the line that has it is rejected alone, and the lines after it are
//! read again as what they are.

mod cells;
mod write;

use std::collections::VecDeque;

use self::cells::{Cells, Step};
use crate::json::write_text;
use crate::lines::{Line, RawLine};
use crate::open::Rows;
use crate::text::TextLines;
use crate::types::CellType;
use crate::{Bounds, Fault, FormatError, Types};

pub(crate) use write::write;

/// Lines may be read again, but not for ever: so many bytes, and as many as four times the file.
const REWORK: u64 = 64 * 1024 * 1024;

/// Rows of a CSV file.
pub(crate) struct CsvRows {
    lines: TextLines,
    /// Lines that are read again, since a quote before them was not closed.
    again: VecDeque<RawLine>,
    reworked: u64,
    cells: Cells,
    /// The names of the columns as JSON, with the colon; and what their cells are.
    columns: Vec<(String, Vec<u8>, CellType)>,
    row_bytes: usize,
}

impl CsvRows {
    /// Reads the header. Where no delimiter is given, it is the one that the header has most of.
    pub fn open(
        mut lines: TextLines,
        delimiter: Option<u8>,
        types: &Types,
        bounds: &Bounds,
    ) -> Result<Self, FormatError> {
        let mut again = VecDeque::new();
        while let Some(line) = lines.next()? {
            if !line.is_blank() {
                again.push_back(line);
                break;
            }
        }
        let first = again.front().map_or(&[][..], |line| &line.bytes);
        let delimiter = delimiter.unwrap_or_else(|| most_frequent(first));
        if first.contains(&b'\r') {
            let reason = "its lines end in a carriage return alone: save it with line feeds";
            return Err(FormatError::csv(reason));
        }
        let mut rows = Self {
            lines,
            again,
            reworked: 0,
            cells: Cells::new(delimiter),
            columns: Vec::new(),
            row_bytes: bounds.row_bytes,
        };
        rows.read_header(types, bounds)?;
        Ok(rows)
    }

    fn read_header(&mut self, types: &Types, bounds: &Bounds) -> Result<(), FormatError> {
        match self.record()? {
            None => {
                let reason = "it is empty: the first line must name the columns";
                return Err(FormatError::csv(reason));
            }
            Some(Line {
                fault: Some(fault), ..
            }) => return Err(FormatError::csv(format!("the header: {fault}"))),
            Some(_) => {}
        }
        let count = self.cells.len() as u64;
        FormatError::limit("columns of the header", count, bounds.columns as u64)?;
        let mut seen = std::collections::HashSet::new();
        for (index, name) in self.cells.iter().enumerate() {
            // A table that was saved with its index has a column without a name.
            let name = match name.is_empty() {
                true => format!("column_{}", index + 1),
                false => name.to_owned(),
            };
            if !seen.insert(name.clone()) {
                let name: String = name.chars().take(60).collect();
                return Err(FormatError::csv(format!("the header names `{name}` twice")));
            }
            let kind = types.0.get(&name).copied().unwrap_or(CellType::Text);
            let mut key = Vec::new();
            write_text(&name, &mut key);
            key.push(b':');
            self.columns.push((name, key, kind));
        }
        if let Some(missing) = types.0.keys().find(|name| !seen.contains(*name)) {
            return Err(FormatError::Unknown(format!(
                "a type is given for the column `{missing}`, which the header does not have"
            )));
        }
        Ok(())
    }

    fn next_line(&mut self) -> std::io::Result<Option<RawLine>> {
        match self.again.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(),
        }
    }

    /// The next record, whose cells are then in `cells`: its number and what stands in the file.
    fn record(&mut self) -> Result<Option<Line>, FormatError> {
        let mut taken: Vec<RawLine> = Vec::new();
        let mut bytes = 0;
        self.cells.clear();
        let fault = loop {
            let Some(line) = self.next_line()? else {
                match taken.is_empty() {
                    true => return Ok(None),
                    false => break Some(Fault::UnclosedQuote),
                }
            };
            if taken.is_empty() && line.is_blank() {
                continue;
            }
            bytes += line.bytes.len() + 2;
            let step = match (&line.fault, std::str::from_utf8(&line.bytes)) {
                (Some(fault), _) => Step::Bad(fault.clone()),
                (None, Err(e)) => Step::Bad(Fault::NotUtf8(e.valid_up_to())),
                (None, Ok(text)) => self.cells.push_line(text, line.ending),
            };
            taken.push(line);
            match step {
                Step::Done => break None,
                Step::Open if bytes <= self.row_bytes => {}
                Step::Open => break Some(Fault::UnclosedQuote),
                Step::Bad(fault) if taken.len() == 1 => break Some(fault),
                // What went wrong went wrong behind a quote that should have been closed before.
                Step::Bad(_) => break Some(Fault::UnclosedQuote),
            }
        };
        let mut taken = taken.into_iter();
        let Some(first) = taken.next() else {
            return Ok(None);
        };
        let mut line = Line {
            number: first.number,
            bytes: first.bytes,
            fault,
        };
        if line.fault.is_some() {
            for line in taken.rev() {
                self.reworked += line.bytes.len() as u64 + 1;
                self.again.push_front(line);
            }
            if self.reworked > REWORK + 4 * self.lines.read() {
                let reason =
                    "too many quotes are not closed; is it CSV, and is this its delimiter?";
                return Err(FormatError::csv(reason));
            }
        } else {
            let mut ending = first.ending;
            for more in taken {
                line.bytes.extend_from_slice(ending.as_bytes());
                line.bytes.extend_from_slice(&more.bytes);
                ending = more.ending;
            }
        }
        Ok(Some(line))
    }

    /// The cells as a row of JSON.
    fn row(&self) -> Result<Vec<u8>, Fault> {
        if self.cells.len() != self.columns.len() {
            return Err(Fault::Ragged {
                found: self.cells.len(),
                expected: self.columns.len(),
            });
        }
        let mut json = Vec::new();
        for (cell, (name, key, kind)) in self.cells.iter().zip(&self.columns) {
            json.push(if json.is_empty() { b'{' } else { b',' });
            json.extend_from_slice(key);
            kind.write(cell, &mut json)
                .map_err(|reason| Fault::BadValue {
                    column: name.chars().take(60).collect(),
                    reason,
                })?;
        }
        json.push(b'}');
        match json.len() > self.row_bytes {
            true => Err(Fault::TooLong(self.row_bytes)),
            false => Ok(json),
        }
    }
}

impl Rows for CsvRows {
    fn next(&mut self) -> Result<Option<Line>, FormatError> {
        let Some(mut line) = self.record()? else {
            return Ok(None);
        };
        if line.fault.is_none() {
            match self.row() {
                Ok(json) => line.bytes = json,
                Err(fault) => line.fault = Some(fault),
            }
        }
        Ok(Some(line))
    }

    fn read(&self) -> u64 {
        self.lines.read()
    }

    fn finish(self: Box<Self>) -> ([u8; 32], u64) {
        self.lines.finish()
    }
}

/// The separator that a header has most of, outside of quotes; a comma where it has none.
fn most_frequent(header: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b'\t', 0), (b';', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in header {
        quoted ^= *byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!quoted && byte == delimiter);
        }
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 0)
        .map_or(b',', |(delimiter, _)| *delimiter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Encoding;

    fn read(data: &[u8], types: &str, bounds: &Bounds) -> Result<Vec<Line>, FormatError> {
        let data = std::io::Cursor::new(data.to_vec());
        let lines = TextLines::new(data, Encoding::UTF_8, bounds);
        let mut rows = CsvRows::open(lines, None, &types.parse().unwrap(), bounds)?;
        let mut found = Vec::new();
        while let Some(line) = rows.next()? {
            found.push(line);
        }
        Ok(found)
    }

    /// Rows as JSON, faults as `number code`.
    fn told(data: &[u8]) -> Vec<String> {
        let lines = read(data, "", &Bounds::default()).unwrap();
        let tell = |line: Line| match line.fault {
            Some(fault) => format!("{} {}", line.number, fault.code()),
            None => String::from_utf8(line.bytes).unwrap(),
        };
        lines.into_iter().map(tell).collect()
    }

    #[test]
    fn cells_are_text_with_everything_in_them() {
        let data = "id,text,\n007,\"a \"\"b\"\", c\r\nd\",\r\n\n12345678901234567890123,你\"好, \n";
        assert_eq!(
            told(data.as_bytes()),
            [
                r#"{"id":"007","text":"a \"b\", c\r\nd","column_3":""}"#,
                r#"{"id":"12345678901234567890123","text":"你\"好","column_3":" "}"#,
            ]
        );
    }

    #[test]
    fn separators_are_those_of_the_header() {
        for (header, delimiter) in [
            ("a;b,c;d", b';'),
            ("a\tb", b'\t'),
            ("a|b", b'|'),
            ("\"a;b;c\",d", b','),
            ("a", b','),
        ] {
            assert_eq!(most_frequent(header.as_bytes()), delimiter, "{header}");
        }
    }

    #[test]
    fn every_bad_row_is_kept_apart_and_the_rows_after_it_are_read() {
        let data = b"a,b\n1,2\n3\n4,5,6\n7,\"open\n8,9\n10,\"x\"y\n\xFF,1\n11,\"12\"\n\"13,\"\n14,15\n\"16,17";
        assert_eq!(
            told(data),
            [
                r#"{"a":"1","b":"2"}"#,
                "3 ragged-row",
                "4 ragged-row",
                "5 unclosed-quote",
                r#"{"a":"8","b":"9"}"#,
                "7 text-after-quote",
                "8 not-utf-8",
                r#"{"a":"11","b":"12"}"#,
                "10 ragged-row",
                r#"{"a":"14","b":"15"}"#,
                "12 unclosed-quote",
            ]
        );
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        let many = "x,".repeat(5000);
        for (data, says) in [
            ("", "empty"),
            ("\n\n", "empty"),
            ("a,a\n", "names `a` twice"),
            ("a,\"b\n", "header"),
            ("a,b\r1,2\r", "carriage return"),
            (&*many, "4096"),
        ] {
            let error = read(data.as_bytes(), "", &Bounds::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{data:.20}: {error}");
        }
        let error = read(b"a,b\n", "c=number", &Bounds::default()).unwrap_err();
        assert!(error.to_string().contains("`c`"));
    }

    #[test]
    fn types_are_what_somebody_says_they_are() {
        let lines = read(
            b"n,t,j\n1.50,1.50,\"{\"\"a\"\":[1]}\"\nx,y,1\n",
            "n=number,j=json",
            &Bounds::default(),
        )
        .unwrap();
        assert_eq!(lines[0].bytes, br#"{"n":1.50,"t":"1.50","j":{"a":[1]}}"#);
        assert_eq!(lines[1].fault.as_ref().unwrap().code(), "bad-value");
        assert_eq!(lines[1].bytes, b"x,y,1");
    }

    #[test]
    fn a_quote_swallows_no_more_than_a_row_may_have() {
        let bounds = Bounds {
            row_bytes: 100,
            ..Bounds::default()
        };
        let data = format!("a\n\"{}", "line\n".repeat(1000));
        let lines = read(data.as_bytes(), "", &bounds).unwrap();
        assert_eq!(lines.len(), 1000);
        assert_eq!(lines[0].fault, Some(Fault::UnclosedQuote));
        assert!(lines[1..].iter().all(|line| line.fault.is_none()));
        let long = format!("a\n{}\nb\n", "x".repeat(200));
        let lines = read(long.as_bytes(), "", &bounds).unwrap();
        assert_eq!(lines[0].fault, Some(Fault::TooLong(100)));
        assert_eq!(lines[1].bytes, br#"{"a":"b"}"#);
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c,;\"\\n\\r \t]{0,6}", ".{0,8}", Just("007".to_owned())]
    }

    proptest! {
        #[test]
        fn what_another_library_writes_is_read(table in proptest::collection::vec(proptest::collection::vec(cell(), 3), 1..20)) {
            let mut writer = ::csv::Writer::from_writer(Vec::new());
            writer.write_record(["x", "y", "z"]).unwrap();
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let data = writer.into_inner().unwrap();
            let lines = read(&data, "", &Bounds::default()).unwrap();
            prop_assert_eq!(lines.len(), table.len());
            for (line, row) in lines.iter().zip(&table) {
                prop_assert_eq!(&line.fault, &None);
                let value: std::collections::BTreeMap<String, String> = serde_json::from_slice(&line.bytes).unwrap();
                prop_assert_eq!(&value.into_values().collect::<Vec<_>>(), row);
            }
        }

        #[test]
        fn every_line_of_any_bytes_is_accounted_for(data in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'a'), any::<u8>()], 0..300)) {
            let data = [b"a,b\n".as_slice(), &data].concat();
            let bounds = Bounds { row_bytes: 40, ..Bounds::default() };
            let lines = read(&data, "", &bounds).unwrap();
            for pair in lines.windows(2) {
                prop_assert!(pair[0].number < pair[1].number);
            }
            let content = |bytes: &[u8]| bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
            // Whatever is not too long is either in a row or in a reject.
            if lines.iter().all(|line| !matches!(line.fault, Some(Fault::TooLong(_)))) {
                let kept: usize = lines.iter().map(|line| match line.fault {
                    Some(_) => content(&line.bytes),
                    None => {
                        let row: std::collections::BTreeMap<String, String> = serde_json::from_slice(&line.bytes).unwrap();
                        row.values().map(|v| content(v.as_bytes())).sum()
                    }
                }).sum();
                prop_assert_eq!(kept, content(&data) - 2);
            }
        }
    }
}
