//! Values in which any text may be an expression, in strict mode: only what stands whole between `${` and `}` is one.

use serde_json::{Map, Value};

use crate::expression::{Arguments, Expr, inner};

/// A value with its expressions compiled.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    /// Without any.
    Literal(Value),
    Expr(Expr),
    Array(Vec<Template>),
    Object(Vec<(String, Template)>),
}

impl Template {
    /// Reads a value; problems go to `problem` with the pointer below this value.
    pub fn read(value: &Value, scope: &[String], pointer: &str, problem: &mut dyn FnMut(&str, String)) -> Self {
        match value {
            Value::String(s) if inner(s).is_some() => match Expr::compile(s, scope) {
                Ok(expr) => Self::Expr(expr),
                Err(reason) => {
                    problem(pointer, reason);
                    Self::Literal(Value::Null)
                }
            },
            Value::Array(items) => {
                let read = |(i, v): (usize, &Value)| Self::read(v, scope, &format!("{pointer}/{i}"), problem);
                let items: Vec<Self> = items.iter().enumerate().map(read).collect();
                if items.iter().all(Self::is_literal) {
                    return Self::Literal(value.clone());
                }
                Self::Array(items)
            }
            Value::Object(map) => {
                let read = |(k, v): (&String, &Value)| {
                    let pointer = format!("{pointer}/{}", super::escaped(k));
                    (k.clone(), Self::read(v, scope, &pointer, problem))
                };
                let map: Vec<_> = map.iter().map(read).collect();
                if map.iter().all(|(_, v)| v.is_literal()) {
                    return Self::Literal(value.clone());
                }
                Self::Object(map)
            }
            literal => Self::Literal(literal.clone()),
        }
    }

    pub fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// The text, where it is a literal one.
    pub fn literal_text(&self) -> Option<&str> {
        match self {
            Self::Literal(Value::String(s)) => Some(s),
            _ => None,
        }
    }

    /// The value, with each expression in its place computed.
    ///
    /// # Errors
    /// Which expression failed, and why.
    pub fn evaluate(&self, input: &Value, arguments: &dyn Arguments) -> Result<Value, String> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Expr(expr) => expr.evaluate(input, arguments)?,
            Self::Array(items) => {
                Value::Array(items.iter().map(|v| v.evaluate(input, arguments)).collect::<Result<_, _>>()?)
            }
            Self::Object(map) => {
                let entry = |(k, v): &(String, Self)| Ok((k.clone(), v.evaluate(input, arguments)?));
                Value::Object(map.iter().map(entry).collect::<Result<Map<_, _>, String>>()?)
            }
        })
    }
}
