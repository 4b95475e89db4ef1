//! What is known of a file of rows beforehand.

use std::path::Path;

use clap::Args;
use steward_data::{Encoding, Format, Given, Types};

/// What is known of a file of rows. What is not said is found out.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Format of the input")]
pub struct GivenArgs {
    /// jsonl, csv, tsv or parquet [default: by its content and its name]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Encoding of its text, as gb18030, big5, shift_jis, utf-16le [default: what it looks like]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<Encoding>,
    /// What separates the cells of CSV [default: what the header has most of]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// What cells of CSV are that are not text: COLUMN=number, =boolean or =json, separated by commas
    #[arg(long, value_name = "LIST")]
    pub types: Option<Types>,
}

fn delimiter(word: &str) -> Result<u8, String> {
    match (word, word.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() && *byte != b'"' => Ok(*byte),
        _ => Err("it is one ASCII character, or `tab`".into()),
    }
}

impl GivenArgs {
    /// For a file that is sent: parameters of the query.
    pub fn query(&self, file: &Path) -> Vec<(&'static str, String)> {
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let words = [
            ("name", name),
            ("format", self.format.map(|f| f.as_str().to_owned())),
            ("encoding", self.encoding.map(|e| e.to_string())),
            (
                "delimiter",
                self.delimiter.map(|d| char::from(d).to_string()),
            ),
            ("types", self.types.as_ref().map(Types::to_string)),
        ];
        let said = words
            .into_iter()
            .filter_map(|(name, word)| Some((name, word?)));
        said.collect()
    }

    /// For a file of this machine.
    pub fn given(self) -> Given {
        Given {
            format: self.format,
            encoding: self.encoding,
            delimiter: self.delimiter,
            types: self.types.unwrap_or_default(),
        }
    }
}
