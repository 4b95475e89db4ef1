//! What the cells of CSV are taken for. Text, unless somebody says so: only who made the file knows whether `007` is a
//! number.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::value::RawValue;

/// What the cells of a column are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellType {
    /// The characters as they stand.
    Text,
    /// A number as JSON writes one, with all its digits; an empty cell is null.
    Number,
    /// `true` or `false`, in any case; an empty cell is null.
    Boolean,
    /// Any JSON; an empty cell is null.
    Json,
}

/// Types of columns by name. What is not named is text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Types(pub BTreeMap<String, CellType>);

/// What is no list of types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not COLUMN=TYPE; the types are text, number, boolean and json")]
pub struct InvalidType(String);

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (column, kind)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let kind = match kind {
                CellType::Text => "text",
                CellType::Number => "number",
                CellType::Boolean => "boolean",
                CellType::Json => "json",
            };
            write!(f, "{comma}{column}={kind}")?;
        }
        Ok(())
    }
}

impl FromStr for Types {
    type Err = InvalidType;

    /// `age=number,tags=json`
    fn from_str(list: &str) -> Result<Self, InvalidType> {
        let mut types = BTreeMap::new();
        for item in list.split(',').filter(|item| !item.trim().is_empty()) {
            let wrong = || InvalidType(item.to_owned());
            let (column, kind) = item.rsplit_once('=').ok_or_else(wrong)?;
            let kind = match kind.trim() {
                "text" | "string" => CellType::Text,
                "number" => CellType::Number,
                "boolean" | "bool" => CellType::Boolean,
                "json" => CellType::Json,
                _ => return Err(wrong()),
            };
            types.insert(column.trim().to_owned(), kind);
        }
        Ok(Self(types))
    }
}

impl CellType {
    /// Appends a cell as JSON, or says what it is not.
    pub(crate) fn write(self, cell: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let bare = cell.trim();
        let literal: &str = match self {
            Self::Text => {
                crate::json::write_text(cell, out);
                return Ok(());
            }
            _ if bare.is_empty() => "null",
            Self::Number if is_number(bare) => bare,
            Self::Number => return Err("the cell is not a number as JSON writes one"),
            Self::Boolean if bare.eq_ignore_ascii_case("true") => "true",
            Self::Boolean if bare.eq_ignore_ascii_case("false") => "false",
            Self::Boolean => return Err("the cell is neither `true` nor `false`"),
            Self::Json if bare.contains(['\n', '\r']) => {
                // A row is one line: what is between the values may be left out.
                let value = crate::json::Node::parse(bare).map_err(|_| NOT_JSON)?;
                value.write(out);
                return Ok(());
            }
            Self::Json => match serde_json::from_str::<&RawValue>(bare) {
                Ok(_) if !crate::json::has_lone_surrogate(bare.as_bytes()) => bare,
                _ => return Err(NOT_JSON),
            },
        };
        out.extend_from_slice(literal.as_bytes());
        Ok(())
    }
}

const NOT_JSON: &str = "the cell is not JSON";

fn is_number(literal: &str) -> bool {
    literal.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(literal).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: CellType, cell: &str) -> Result<String, &'static str> {
        let mut out = Vec::new();
        kind.write(cell, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn cells_keep_their_digits_and_are_never_guessed_at() {
        assert_eq!(written(CellType::Text, "007").unwrap(), "\"007\"");
        assert_eq!(written(CellType::Text, "").unwrap(), "\"\"");
        let long = "-12345678901234567890.10";
        assert_eq!(written(CellType::Number, long).unwrap(), long);
        assert_eq!(written(CellType::Number, " ").unwrap(), "null");
        for bad in ["007", "1,5", "+1", "0x1", "NaN", "true", "1 2"] {
            assert!(written(CellType::Number, bad).is_err(), "{bad}");
        }
        assert_eq!(written(CellType::Boolean, "TRUE").unwrap(), "true");
        assert!(written(CellType::Boolean, "yes").is_err());
        assert_eq!(written(CellType::Json, "[1,\n 2]").unwrap(), "[1,2]");
        assert!(written(CellType::Json, "\"\\ud800\"").is_err());
    }

    #[test]
    fn lists_of_types() {
        let types: Types = "a=number, b=json,c=d=text".parse().unwrap();
        assert_eq!(types.0["a"], CellType::Number);
        assert_eq!(types.0["c=d"], CellType::Text);
        assert_eq!(types.to_string().parse(), Ok(types));
        for bad in ["a", "a=int4"] {
            assert!(bad.parse::<Types>().is_err());
        }
    }
}
