//! JSON in and out of component values, by the component's own types.
//!
//! Any typed world can be called over HTTP without a line of code for it: names are those of the
//! WIT with `_` for `-`, an option is a value or `null`, a variant is its case (`"kept"`) or an
//! object of one case (`{"changed": …}`), flags are a list of names.

use serde_json::{Map, Number, Value};
use wasmtime::component::{Type, Val};

use crate::FunctionsError;

/// Deeper input is refused: the conversion recurses.
const MAX_DEPTH: usize = 32;

/// Where in the input the conversion is; a list on the stack, printed only for an error.
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
    depth: usize,
}

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    fn root(name: &'a str) -> Self {
        Self {
            parent: None,
            step: Step::Name(name),
            depth: 0,
        }
    }

    fn child(&'a self, step: Step<'a>) -> Self {
        Self {
            parent: Some(self),
            step,
            depth: self.depth + 1,
        }
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.step {
            Step::Name(name) if self.parent.is_none() => out.push_str(&field(name)),
            Step::Name(name) => {
                out.push('.');
                out.push_str(&field(name));
            }
            Step::Index(i) => out.push_str(&format!("[{i}]")),
        }
    }

    fn wrong(&self, reason: impl Into<String>) -> FunctionsError {
        let mut path = String::new();
        self.write(&mut path);
        FunctionsError::InvalidInput {
            path,
            reason: reason.into(),
        }
    }
}

/// A WIT name as a JSON field.
fn field(name: &str) -> String {
    name.replace('-', "_")
}

/// The WIT name of a JSON field or case, compared without allocating.
fn same(wit: &str, json: &str) -> bool {
    wit.len() == json.len()
        && wit
            .bytes()
            .zip(json.bytes())
            .all(|(w, j)| w == j || (w == b'-' && j == b'_'))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The arguments of a call, from an object with one field per parameter.
///
/// # Errors
/// [`FunctionsError::InvalidInput`] with the path of the first wrong value.
pub(crate) fn arguments(
    params: &[(String, Type)],
    input: Value,
) -> Result<Vec<Val>, FunctionsError> {
    let mut input = match input {
        Value::Object(input) => input,
        // An empty body is an empty object: right for exports without parameters.
        Value::Null => Map::new(),
        other => {
            let names: Vec<_> = params.iter().map(|(name, _)| field(name)).collect();
            let reason = format!(
                "expected an object with the fields {}, found {}",
                names.join(", "),
                kind(&other)
            );
            return Err(FunctionsError::InvalidInput {
                path: "input".into(),
                reason,
            });
        }
    };
    let values = params
        .iter()
        .map(|(name, ty)| to_val(ty, take(&mut input, name), &Place::root(name)))
        .collect::<Result<Vec<_>, _>>()?;
    match input.keys().next() {
        None => Ok(values),
        Some(extra) => Err(FunctionsError::InvalidInput {
            path: shorten(extra),
            reason: format!(
                "unknown field; known: {}",
                params
                    .iter()
                    .map(|(n, _)| field(n))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    if name.contains('-') {
        object.remove(&field(name))
    } else {
        object.remove(name)
    }
}

fn to_val(ty: &Type, value: Option<Value>, place: &Place<'_>) -> Result<Val, FunctionsError> {
    if place.depth > MAX_DEPTH {
        return Err(place.wrong("nested too deeply"));
    }
    if let Type::Option(option) = ty {
        return Ok(Val::Option(match value {
            None | Some(Value::Null) => None,
            some => Some(Box::new(to_val(&option.ty(), some, place)?)),
        }));
    }
    let Some(value) = value else {
        return Err(place.wrong("missing"));
    };
    let expected =
        |what: &str, value: &Value| place.wrong(format!("expected {what}, found {}", kind(value)));
    macro_rules! integer {
        ($case:ident, $of:ty, $get:ident) => {{
            let number = value.$get().and_then(|n| <$of>::try_from(n).ok());
            Val::$case(number.ok_or_else(|| {
                place.wrong(format!(
                    "expected an integer between {} and {}, found {value}",
                    <$of>::MIN,
                    <$of>::MAX
                ))
            })?)
        }};
    }
    Ok(match ty {
        Type::Bool => Val::Bool(
            value
                .as_bool()
                .ok_or_else(|| expected("a boolean", &value))?,
        ),
        Type::S8 => integer!(S8, i8, as_i64),
        Type::S16 => integer!(S16, i16, as_i64),
        Type::S32 => integer!(S32, i32, as_i64),
        Type::S64 => integer!(S64, i64, as_i64),
        Type::U8 => integer!(U8, u8, as_u64),
        Type::U16 => integer!(U16, u16, as_u64),
        Type::U32 => integer!(U32, u32, as_u64),
        Type::U64 => integer!(U64, u64, as_u64),
        Type::Float32 => {
            Val::Float32(value.as_f64().ok_or_else(|| expected("a number", &value))? as f32)
        }
        Type::Float64 => Val::Float64(value.as_f64().ok_or_else(|| expected("a number", &value))?),
        Type::Char => {
            let text = value
                .as_str()
                .ok_or_else(|| expected("a string of one character", &value))?;
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Val::Char(c),
                _ => return Err(place.wrong("expected a string of one character")),
            }
        }
        Type::String => match value {
            Value::String(text) => Val::String(text),
            other => return Err(expected("a string", &other)),
        },
        Type::List(list) => {
            let Value::Array(items) = value else {
                return Err(expected("a list", &value));
            };
            let ty = list.ty();
            let items = items
                .into_iter()
                .enumerate()
                .map(|(i, v)| to_val(&ty, Some(v), &place.child(Step::Index(i))));
            Val::List(items.collect::<Result<_, _>>()?)
        }
        Type::Tuple(tuple) => {
            let Value::Array(items) = value else {
                return Err(expected("a list", &value));
            };
            if items.len() != tuple.types().len() {
                return Err(place.wrong(format!(
                    "expected {} values, found {}",
                    tuple.types().len(),
                    items.len()
                )));
            }
            let items = tuple.types().zip(items).enumerate();
            let items =
                items.map(|(i, (ty, v))| to_val(&ty, Some(v), &place.child(Step::Index(i))));
            Val::Tuple(items.collect::<Result<_, _>>()?)
        }
        Type::Record(record) => {
            let Value::Object(mut object) = value else {
                return Err(expected("an object", &value));
            };
            let fields = record.fields().map(|f| {
                let value = to_val(
                    &f.ty,
                    take(&mut object, f.name),
                    &place.child(Step::Name(f.name)),
                )?;
                Ok((f.name.to_owned(), value))
            });
            let fields = fields.collect::<Result<Vec<_>, FunctionsError>>()?;
            if let Some(extra) = object.keys().next() {
                let known: Vec<_> = record.fields().map(|f| field(f.name)).collect();
                return Err(place.wrong(format!(
                    "unknown field `{}`; known: {}",
                    shorten(extra),
                    known.join(", ")
                )));
            }
            Val::Record(fields)
        }
        Type::Variant(variant) => {
            let (given, payload) = one_case(value, place)?;
            let names = || {
                variant
                    .cases()
                    .map(|c| field(c.name))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let Some(case) = variant.cases().find(|c| same(c.name, &given)) else {
                return Err(place.wrong(format!(
                    "`{}` is not one of {}",
                    shorten(&given),
                    names()
                )));
            };
            let payload = match (&case.ty, payload) {
                (Some(ty), payload) => Some(Box::new(to_val(
                    ty,
                    payload,
                    &place.child(Step::Name(case.name)),
                )?)),
                (None, None | Some(Value::Null)) => None,
                (None, Some(_)) => return Err(place.wrong(format!("`{given}` takes no value"))),
            };
            Val::Variant(case.name.to_owned(), payload)
        }
        Type::Enum(cases) => {
            let text = value.as_str().ok_or_else(|| expected("a string", &value))?;
            let Some(name) = cases.names().find(|name| same(name, text)) else {
                let names: Vec<_> = cases.names().map(field).collect();
                return Err(place.wrong(format!(
                    "`{}` is not one of {}",
                    shorten(text),
                    names.join(", ")
                )));
            };
            Val::Enum(name.to_owned())
        }
        Type::Result(result) => {
            let (given, payload) = one_case(value, place)?;
            let side = |ty: Option<Type>, payload| match ty {
                Some(ty) => to_val(&ty, payload, place).map(|v| Some(Box::new(v))),
                None => Ok(None),
            };
            Val::Result(match given.as_str() {
                "ok" => Ok(side(result.ok(), payload)?),
                "err" => Err(side(result.err(), payload)?),
                _ => return Err(place.wrong("expected `ok` or `err`")),
            })
        }
        Type::Flags(flags) => {
            let Value::Array(items) = &value else {
                return Err(expected("a list of names", &value));
            };
            let names = items.iter().map(|item| {
                let text = item
                    .as_str()
                    .ok_or_else(|| expected("a list of names", item))?;
                let name = flags.names().find(|name| same(name, text));
                name.map(str::to_owned)
                    .ok_or_else(|| place.wrong(format!("unknown flag `{}`", shorten(text))))
            });
            Val::Flags(names.collect::<Result<_, _>>()?)
        }
        _ => return Err(place.wrong("this export takes a handle, which cannot be given as JSON")),
    })
}

/// A case and its payload: `"kept"` or `{"changed": …}`.
fn one_case(value: Value, place: &Place<'_>) -> Result<(String, Option<Value>), FunctionsError> {
    match value {
        Value::String(case) => Ok((case, None)),
        Value::Object(object) if object.len() == 1 => {
            let (case, payload) = object
                .into_iter()
                .next()
                .ok_or_else(|| place.wrong("missing"))?;
            Ok((case, Some(payload)))
        }
        other => Err(place.wrong(format!(
            "expected a case or an object with one field, found {}",
            kind(&other)
        ))),
    }
}

/// A component value as JSON. `None` for handles, streams and futures, which have no JSON form.
pub(crate) fn from_val(value: Val) -> Option<Value> {
    Some(match value {
        Val::Bool(b) => Value::Bool(b),
        Val::S8(n) => n.into(),
        Val::U8(n) => n.into(),
        Val::S16(n) => n.into(),
        Val::U16(n) => n.into(),
        Val::S32(n) => n.into(),
        Val::U32(n) => n.into(),
        Val::S64(n) => n.into(),
        Val::U64(n) => n.into(),
        // The shortest decimal that reads back as the same f32: 0.9, not 0.8999999761581421.
        Val::Float32(n) => number(n.to_string().parse().ok()?),
        Val::Float64(n) => number(n),
        Val::Char(c) => Value::String(c.into()),
        Val::String(text) => Value::String(text),
        Val::List(items) | Val::Tuple(items) | Val::FixedLengthList(items) => {
            Value::Array(items.into_iter().map(from_val).collect::<Option<_>>()?)
        }
        Val::Record(fields) => {
            let fields = fields
                .into_iter()
                .map(|(name, value)| Some((json_name(name), from_val(value)?)));
            Value::Object(fields.collect::<Option<_>>()?)
        }
        Val::Variant(case, None) | Val::Enum(case) => Value::String(json_name(case)),
        Val::Variant(case, Some(payload)) => object(json_name(case), from_val(*payload)?),
        Val::Option(None) => Value::Null,
        Val::Option(Some(value)) => from_val(*value)?,
        Val::Result(result) => {
            let (case, payload) = match result {
                Ok(payload) => ("ok", payload),
                Err(payload) => ("err", payload),
            };
            let payload = match payload {
                Some(payload) => from_val(*payload)?,
                None => Value::Null,
            };
            object(case.into(), payload)
        }
        Val::Flags(names) => Value::Array(
            names
                .into_iter()
                .map(|n| Value::String(json_name(n)))
                .collect(),
        ),
        _ => return None,
    })
}

fn json_name(name: String) -> String {
    if name.contains('-') {
        field(&name)
    } else {
        name
    }
}

fn object(case: String, payload: Value) -> Value {
    Value::Object(Map::from_iter([(case, payload)]))
}

/// JSON has no infinity and no NaN; they become `null`.
fn number(n: f64) -> Value {
    Number::from_f64(n).map_or(Value::Null, Value::Number)
}
