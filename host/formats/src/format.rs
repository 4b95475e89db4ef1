//! Which format a file has.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::FormatError;

/// A format of files of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// One JSON object a line.
    #[serde(rename = "jsonl")]
    JsonLines,
    /// Cells between separators, the first line names the columns (RFC 4180).
    #[serde(rename = "csv")]
    Csv,
    /// The same, separated by tabs.
    #[serde(rename = "tsv")]
    Tsv,
    /// Apache Parquet.
    #[serde(rename = "parquet")]
    Parquet,
}

/// A word that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format; there are jsonl, csv, tsv and parquet")]
pub struct InvalidFormat(String);

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::JsonLines, Self::Csv, Self::Tsv, Self::Parquet];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        }
    }

    /// The content type of such a file.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Tsv => "text/tab-separated-values",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The format of a content type, whatever its parameters; none where the type says nothing about rows.
    pub fn of_content_type(value: &str) -> Option<Self> {
        let kind = value.split(';').next().unwrap_or_default().trim();
        let known = |format: &Self| format.content_type().eq_ignore_ascii_case(kind);
        let others = [
            ("application/jsonl", Self::JsonLines),
            ("application/x-jsonlines", Self::JsonLines),
            ("application/json-lines", Self::JsonLines),
            ("application/csv", Self::Csv),
            ("application/parquet", Self::Parquet),
            ("application/x-parquet", Self::Parquet),
        ];
        let other = || {
            let found = others.iter().find(|(o, _)| o.eq_ignore_ascii_case(kind));
            found.map(|(_, format)| *format)
        };
        Self::ALL.into_iter().find(known).or_else(other)
    }

    /// The format that the name of a file says.
    pub fn of_name(name: &Path) -> Option<Self> {
        let extension = name.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// The format of a file, by its first bytes and its name. Content goes first where it leaves no doubt: Parquet says
    /// what it is, and a line that is a JSON object is a row.
    ///
    /// # Errors
    /// What is known to be something else: archives, workbooks, encrypted Parquet.
    pub(crate) fn detect(start: &[u8], name: Option<&Path>) -> Result<Self, FormatError> {
        if start.starts_with(b"PAR1") {
            return Ok(Self::Parquet);
        }
        let other: [(&[u8], &str); 6] = [
            (b"PARE", "it is an encrypted Parquet file: decrypt it first"),
            (
                b"\x1f\x8b",
                "it is packed by gzip: unpack it first (gunzip)",
            ),
            (
                b"\x28\xb5\x2f\xfd",
                "it is packed by zstd: unpack it first (unzstd)",
            ),
            (
                b"PK\x03\x04",
                "it is a ZIP archive or a workbook: unpack it, or save the sheet as CSV",
            ),
            (
                b"\xd0\xcf\x11\xe0",
                "it is a workbook of Excel: save the sheet as CSV",
            ),
            (b"ARROW1", "it is an Arrow file: write it as Parquet"),
        ];
        for (magic, what) in other {
            if start.starts_with(magic) {
                return Err(FormatError::Unknown(what.to_owned()));
            }
        }
        let named = name.and_then(Self::of_name);
        if named == Some(Self::Parquet) {
            let reason = "it does not begin with PAR1, as every Parquet file does; it was cut, or is something else";
            return Err(FormatError::parquet(reason));
        }
        let ascii = ascii_of(start);
        let line = ascii
            .split(|b| *b == b'\n')
            .find(|l| !l.trim_ascii().is_empty());
        let line = line.unwrap_or_default().trim_ascii();
        if line.first() == Some(&b'{')
            && (named.is_none() || serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok())
        {
            return Ok(Self::JsonLines);
        }
        Ok(named.unwrap_or_else(|| match line.first() {
            Some(b'{' | b'[') | None => Self::JsonLines,
            Some(_) if line.contains(&b'\t') => Self::Tsv,
            Some(_) if line.contains(&b',') || line.contains(&b';') => Self::Csv,
            Some(_) => Self::JsonLines,
        }))
    }
}

/// The first bytes of a text without what UTF-16 and byte order marks put around its ASCII characters.
fn ascii_of(start: &[u8]) -> Vec<u8> {
    let start = &start[..start.len().min(64 * 1024)];
    match start {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            start[2..].iter().copied().filter(|b| *b != 0).collect()
        }
        [0xEF, 0xBB, 0xBF, text @ ..] => text.to_vec(),
        [_, 0, _, 0, ..] | [0, _, 0, _, ..] => start.iter().copied().filter(|b| *b != 0).collect(),
        _ => start.to_vec(),
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonLines => "JSON Lines",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Parquet => "Parquet",
        })
    }
}

impl FromStr for Format {
    type Err = InvalidFormat;

    fn from_str(word: &str) -> Result<Self, InvalidFormat> {
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "ndjson" => Ok(Self::JsonLines),
            _ => Self::ALL
                .into_iter()
                .find(|format| format.as_str() == word)
                .ok_or(InvalidFormat(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_goes_before_the_name_where_it_leaves_no_doubt() {
        let of = |start: &[u8], name: &str| Format::detect(start, Some(Path::new(name))).unwrap();
        assert_eq!(of(b"PAR1\x15", "a.csv"), Format::Parquet);
        assert_eq!(of(b"{\"a\":1}\n", "a.csv"), Format::JsonLines);
        assert_eq!(of(b"{name},b\n", "a.csv"), Format::Csv);
        assert_eq!(of(b"a,b\n", "a.jsonl"), Format::JsonLines);
        assert_eq!(of(b"\xEF\xBB\xBFa\tb\n", "data"), Format::Tsv);
        assert_eq!(of(b"\xFF\xFEa\0,\0b\0\n\0", "data"), Format::Csv);
        assert_eq!(of("编号;文本\n".as_bytes(), "data"), Format::Csv);
        assert_eq!(of(b"", "data"), Format::JsonLines);
        assert_eq!(of(b"not json", "data"), Format::JsonLines);
        for (start, says) in [
            (&b"\x1f\x8b\x08"[..], "gzip"),
            (b"PK\x03\x04", "ZIP"),
            (b"PARE", "encrypted"),
        ] {
            let error = Format::detect(start, None).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(Format::detect(b"x", Some(Path::new("a.parquet"))).is_err());
    }

    #[test]
    fn words_and_content_types() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
            let with = format!("{}; charset=utf-8", format.content_type().to_uppercase());
            assert_eq!(Format::of_content_type(&with), Some(format));
        }
        assert_eq!(Format::of_content_type("application/octet-stream"), None);
        assert!("xlsx".parse::<Format>().is_err());
    }
}
