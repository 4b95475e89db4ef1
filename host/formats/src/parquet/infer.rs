//! What columns rows of JSON make: the narrowest types that keep every value.

use crate::json::Node;

/// How deep groups and lists become groups and lists. What is deeper is kept as JSON.
const MAX_DEPTH: usize = 12;
/// The most fields of a group. An object with more of them is a table of its own, and kept as JSON.
const MAX_FIELDS: usize = 256;

/// What the values of a column are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// None of them is there.
    Nothing,
    Bool,
    /// Whole numbers of 64 bits, some of which may be below zero, beyond what a floating-point number counts exactly, or
    /// beyond what a signed number can be.
    Whole {
        negative: bool,
        wide: bool,
        unsigned: bool,
    },
    /// Numbers that are the nearest ones of 64 bits to what is written, and no other digits.
    Float,
    Text,
    List(Box<Shape>),
    Struct(Vec<(String, Shape)>),
    /// Of several kinds, or of one that has no type: kept as JSON.
    Json,
}

impl Shape {
    /// What a value is.
    pub fn of(node: &Node) -> Self {
        Self::at(node, 0)
    }

    fn at(node: &Node, depth: usize) -> Self {
        match node {
            Node::Null => Self::Nothing,
            Node::Bool(_) => Self::Bool,
            Node::Number(literal) => of_number(literal),
            Node::Text(_) => Self::Text,
            Node::List(_) | Node::Object(_) if depth == MAX_DEPTH => Self::Json,
            Node::List(items) => {
                let item = items.iter().fold(Self::Nothing, |shape, item| {
                    shape.and(Self::at(item, depth + 1))
                });
                match item {
                    Self::Json => Self::Json,
                    item => Self::List(Box::new(item)),
                }
            }
            Node::Object(members) if members.is_empty() || members.len() > MAX_FIELDS => Self::Json,
            Node::Object(members) => {
                let mut fields: Vec<(String, Self)> = Vec::with_capacity(members.len());
                for (name, value) in members {
                    if fields.iter().any(|(known, _)| known == name) {
                        return Self::Json;
                    }
                    fields.push((name.clone(), Self::at(value, depth + 1)));
                }
                Self::Struct(fields)
            }
        }
    }

    /// The narrowest shape of both.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, shape) | (shape, Self::Nothing) => shape,
            (Self::Bool, Self::Bool) => Self::Bool,
            (Self::Text, Self::Text) => Self::Text,
            (Self::Float, Self::Float) => Self::Float,
            (Self::Float, Self::Whole { wide: false, .. })
            | (Self::Whole { wide: false, .. }, Self::Float) => Self::Float,
            (
                Self::Whole {
                    negative,
                    wide,
                    unsigned,
                },
                Self::Whole {
                    negative: n,
                    wide: w,
                    unsigned: u,
                },
            ) => match (negative | n) && (unsigned | u) {
                true => Self::Json,
                false => Self::Whole {
                    negative: negative | n,
                    wide: wide | w,
                    unsigned: unsigned | u,
                },
            },
            (Self::List(item), Self::List(other)) => match item.and(*other) {
                Self::Json => Self::Json,
                item => Self::List(Box::new(item)),
            },
            (Self::Struct(mut fields), Self::Struct(others)) => {
                for (at, (name, shape)) in others.into_iter().enumerate() {
                    // Rows of one kind have their fields in one order.
                    let place = match fields.get(at) {
                        Some((known, _)) if *known == name => Some(at),
                        _ => fields.iter().position(|(known, _)| *known == name),
                    };
                    match place {
                        Some(place) => {
                            let known = std::mem::replace(&mut fields[place].1, Self::Nothing);
                            fields[place].1 = known.and(shape);
                        }
                        None if fields.len() == MAX_FIELDS => return Self::Json,
                        None => fields.push((name, shape)),
                    }
                }
                Self::Struct(fields)
            }
            _ => Self::Json,
        }
    }

    /// How many columns it takes.
    pub fn leaves(&self) -> usize {
        match self {
            Self::List(item) => item.leaves(),
            Self::Struct(fields) => fields.iter().map(|(_, shape)| shape.leaves()).sum(),
            _ => 1,
        }
    }
}

fn of_number(literal: &str) -> Shape {
    let whole = !literal.contains(['.', 'e', 'E']) && literal != "-0";
    if whole {
        if let Ok(value) = literal.parse::<i64>() {
            return Shape::Whole {
                negative: value < 0,
                wide: value.unsigned_abs() > 1 << 53,
                unsigned: false,
            };
        }
        return match literal.parse::<u64>() {
            Ok(_) => Shape::Whole {
                negative: false,
                wide: true,
                unsigned: true,
            },
            Err(_) => Shape::Json,
        };
    }
    match literal.parse::<f64>() {
        Ok(value) if value.is_finite() && digits(literal) == digits(&format!("{value:e}")) => {
            Shape::Float
        }
        _ => Shape::Json,
    }
}

/// A number as its digits without zeros around them, and the exponent of the last one: two literals of one number are equal.
fn digits(literal: &str) -> Option<(bool, String, i64)> {
    let (sign, rest) = match literal.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{part}");
    let kept = all.trim_end_matches('0');
    let exponent = exponent
        .checked_sub(part.len() as i64)?
        .checked_add((all.len() - kept.len()) as i64)?;
    let kept = kept.trim_start_matches('0');
    match kept.is_empty() {
        true => Some((sign, String::new(), 0)),
        false => Some((sign, kept.to_owned(), exponent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(rows: &[&str]) -> Shape {
        let nodes = rows.iter().map(|row| Node::parse(row).unwrap());
        nodes.fold(Shape::Nothing, |shape, node| shape.and(Shape::of(&node)))
    }

    #[test]
    fn the_narrowest_type_that_keeps_every_value() {
        let whole = |negative, wide, unsigned| Shape::Whole {
            negative,
            wide,
            unsigned,
        };
        for (rows, expected) in [
            (&["1", "null", "-5"][..], whole(true, false, false)),
            (&["9007199254740993"], whole(false, true, false)),
            (&["18446744073709551615", "1"], whole(false, true, true)),
            (&["18446744073709551615", "-1"], Shape::Json),
            (&["18446744073709551616"], Shape::Json),
            (&["1", "1.50"], Shape::Float),
            (&["9007199254740993", "0.5"], Shape::Json),
            (&["0.1234567890123456789"], Shape::Json),
            (&["1e400"], Shape::Json),
            (&["-0", "1E3", "0.1", "5e-324"], Shape::Float),
            (&["\"a\"", "1"], Shape::Json),
            (
                &["[]", "[null]", "[1]"],
                Shape::List(Box::new(whole(false, false, false))),
            ),
            (&["[1, \"a\"]"], Shape::Json),
            (&["{}"], Shape::Json),
            (&["{\"a\":1,\"a\":2}"], Shape::Json),
            (
                &["{\"a\":true}", "{\"b\":\"\",\"a\":null}"],
                Shape::Struct(vec![("a".into(), Shape::Bool), ("b".into(), Shape::Text)]),
            ),
        ] {
            assert_eq!(shape(rows), expected, "{rows:?}");
        }
        let deep = format!("{}1{}", "[".repeat(20), "]".repeat(20));
        assert_eq!(shape(&[&deep]), Shape::Json);
    }
}
