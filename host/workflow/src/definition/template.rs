//! Values in which any text may be an expression, in strict mode: only what stands whole between `${` and `}` is one.

use serde_json::{Map, Value};

use crate::expression::{Arguments, Expr, inner, size};

/// What the expressions of one value may make together, in bytes of JSON, about.
const MAX_MADE: usize = 16 << 20;

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
    pub fn read(
        value: &Value,
        scope: &[String],
        pointer: &str,
        problem: &mut dyn FnMut(&str, String),
    ) -> Self {
        match value {
            Value::String(s) if inner(s).is_some() => match Expr::compile(s, scope) {
                Ok(expr) => Self::Expr(expr),
                Err(reason) => {
                    problem(pointer, reason);
                    Self::Literal(Value::Null)
                }
            },
            Value::Array(items) => {
                let read = |(i, v): (usize, &Value)| {
                    Self::read(v, scope, &format!("{pointer}/{i}"), problem)
                };
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
        self.fill(input, arguments, &mut 0)
    }

    /// The same, with what its expressions have made so far: each of many may be the whole input again.
    fn fill(
        &self,
        input: &Value,
        arguments: &dyn Arguments,
        made: &mut usize,
    ) -> Result<Value, String> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Expr(expr) => {
                let value = expr.evaluate(input, arguments)?;
                *made = made.saturating_add(size(&value));
                if *made > MAX_MADE {
                    let mib = MAX_MADE >> 20;
                    return Err(format!("its expressions make more than {mib} MiB together"));
                }
                value
            }
            Self::Array(items) => {
                let mut all = Vec::with_capacity(items.len());
                for item in items {
                    all.push(item.fill(input, arguments, made)?);
                }
                Value::Array(all)
            }
            Self::Object(map) => {
                let mut all = Map::new();
                for (key, value) in map {
                    all.insert(key.clone(), value.fill(input, arguments, made)?);
                }
                Value::Object(all)
            }
        })
    }
}
