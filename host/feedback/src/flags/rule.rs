//! JSON Logic, as far as flags use it, read once and then evaluated without an error.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::murmur::murmur3;
use super::version::{Comparison, version};
use crate::error::shown;

/// Rules within rules, at most.
const MAX_DEPTH: usize = 32;
/// Rules and values of a file in all, each as often as `$ref` names it.
pub(super) const MAX_RULES: usize = 1_000_000;
/// The largest sum of the weights of a share, as in flagd.
const MAX_WEIGHT: u64 = i32::MAX as u64;

/// A rule.
#[derive(Debug, Clone)]
pub enum Rule {
    #[doc(hidden)]
    Literal(Value),
    #[doc(hidden)]
    List(Vec<Rule>),
    #[doc(hidden)]
    Operation(Operation, Vec<Rule>),
}

/// What a rule does with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    #[doc(hidden)]
    Var,
    #[doc(hidden)]
    Equal,
    #[doc(hidden)]
    StrictlyEqual,
    #[doc(hidden)]
    Unequal,
    #[doc(hidden)]
    StrictlyUnequal,
    #[doc(hidden)]
    Less,
    #[doc(hidden)]
    AtMost,
    #[doc(hidden)]
    Greater,
    #[doc(hidden)]
    AtLeast,
    #[doc(hidden)]
    In,
    #[doc(hidden)]
    StartsWith,
    #[doc(hidden)]
    EndsWith,
    #[doc(hidden)]
    SemVer,
    #[doc(hidden)]
    If,
    #[doc(hidden)]
    And,
    #[doc(hidden)]
    Or,
    #[doc(hidden)]
    Not,
    #[doc(hidden)]
    Truth,
    #[doc(hidden)]
    Cat,
    #[doc(hidden)]
    Fractional,
}

/// Each operation, the fewest arguments and the most.
const OPERATIONS: &[(&str, Operation, usize, usize)] = &[
    ("var", Operation::Var, 1, 2),
    ("==", Operation::Equal, 2, 2),
    ("===", Operation::StrictlyEqual, 2, 2),
    ("!=", Operation::Unequal, 2, 2),
    ("!==", Operation::StrictlyUnequal, 2, 2),
    ("<", Operation::Less, 2, 3),
    ("<=", Operation::AtMost, 2, 3),
    (">", Operation::Greater, 2, 2),
    (">=", Operation::AtLeast, 2, 2),
    ("in", Operation::In, 2, 2),
    ("starts_with", Operation::StartsWith, 2, 2),
    ("ends_with", Operation::EndsWith, 2, 2),
    ("sem_ver", Operation::SemVer, 3, 3),
    ("if", Operation::If, 1, 1000),
    ("and", Operation::And, 1, 1000),
    ("or", Operation::Or, 1, 1000),
    ("!", Operation::Not, 1, 1),
    ("!!", Operation::Truth, 1, 1),
    ("cat", Operation::Cat, 1, 1000),
    ("fractional", Operation::Fractional, 1, 1000),
];

impl Rule {
    /// Reads a rule; `shared` are the rules that `$ref` names.
    ///
    /// # Errors
    /// An operation that is not there, by its name; one with too few or too many arguments; rules nested too deeply, or too
    /// many of them.
    pub fn read(rule: &Value, shared: &Map<String, Value>) -> Result<Self, String> {
        let mut left = MAX_RULES;
        Self::within(rule, shared, &mut left)
    }

    /// The same, of which no more than `left` rules and values may be made.
    pub(super) fn within(
        rule: &Value,
        shared: &Map<String, Value>,
        left: &mut usize,
    ) -> Result<Self, String> {
        Self::at(rule, shared, left, 0)
    }

    fn at(
        rule: &Value,
        shared: &Map<String, Value>,
        left: &mut usize,
        depth: usize,
    ) -> Result<Self, String> {
        if depth > MAX_DEPTH {
            return Err(format!(
                "its rules are nested more than {MAX_DEPTH} deep, or refer to themselves"
            ));
        }
        // Rules that refer to others more than once grow with every level.
        *left = left
            .checked_sub(1)
            .ok_or_else(|| format!("the file has more than {MAX_RULES} rules and values"))?;
        let mut read = |rule: &Value| Self::at(rule, shared, left, depth + 1);
        let object = match rule {
            Value::Array(list) => {
                return list
                    .iter()
                    .map(read)
                    .collect::<Result<_, _>>()
                    .map(Self::List);
            }
            Value::Object(object) => object,
            literal => return Ok(Self::Literal(literal.clone())),
        };
        let mut entries = object.iter();
        let (Some((name, arguments)), None) = (entries.next(), entries.next()) else {
            return Err(format!(
                "a rule is an object of one operation; this one has {} keys",
                object.len()
            ));
        };
        if name == "$ref" {
            let target = arguments.as_str().and_then(|name| shared.get(name));
            let target = target.ok_or_else(|| {
                let named = shown(&arguments.to_string());
                format!("`$ref` names {named}, which is none of `$evaluators`")
            })?;
            return read(target);
        }
        let Some((_, operation, fewest, most)) =
            OPERATIONS.iter().find(|(known, ..)| known == name)
        else {
            let known: Vec<&str> = OPERATIONS.iter().map(|(name, ..)| *name).collect();
            return Err(format!(
                "the operation `{}` is not supported; there are {}",
                shown(name),
                known.join(", ")
            ));
        };
        // A single argument may stand without a list.
        let arguments = match arguments {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let whole = *operation == Operation::Var && arguments.is_empty();
        let taken = (*fewest..=*most).contains(&arguments.len());
        if !taken && !whole {
            return Err(format!(
                "the operation `{name}` has {} arguments; it takes {fewest} to {most}",
                arguments.len()
            ));
        }
        let arguments = arguments.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if *operation == Operation::Fractional {
            check_shares(&arguments)?;
        }
        Ok(Self::Operation(*operation, arguments))
    }

    /// What the rule says about somebody of whom this is known. Null where it says nothing.
    pub fn evaluate(&self, context: &Map<String, Value>, flag: &str) -> Value {
        Scope { context, flag }.value(self)
    }

    /// Whether the rule holds.
    pub fn holds(&self, context: &Map<String, Value>, flag: &str) -> bool {
        truth(&self.evaluate(context, flag))
    }
}

/// The weights that are written as numbers; those that are computed are checked when they are.
fn check_shares(arguments: &[Rule]) -> Result<(), String> {
    let mut total: u64 = 0;
    for (place, share) in arguments.iter().enumerate() {
        let Rule::List(share) = share else {
            if place == 0 {
                continue;
            }
            return Err("each share of `fractional` is a list of a variant and a weight".into());
        };
        if share.is_empty() || share.len() > 2 {
            return Err("each share of `fractional` is a list of a variant and a weight".into());
        }
        match share.get(1) {
            None => total += 1,
            Some(Rule::Literal(Value::Null)) => total += 1,
            Some(Rule::Literal(weight)) => {
                let whole = whole_weight(weight).ok_or_else(|| {
                    let weight = shown(&weight.to_string());
                    format!("the weight {weight} of `fractional` is no whole number from 0 to {MAX_WEIGHT}")
                })?;
                total += whole;
            }
            Some(_) => {}
        }
    }
    if total > MAX_WEIGHT {
        return Err(format!(
            "the weights of `fractional` add up to {total}; at most {MAX_WEIGHT} are allowed"
        ));
    }
    Ok(())
}

fn whole_weight(weight: &Value) -> Option<u64> {
    let number = weight.as_f64()?;
    (number >= 0.0 && number.fract() == 0.0 && number <= MAX_WEIGHT as f64).then_some(number as u64)
}

struct Scope<'a> {
    context: &'a Map<String, Value>,
    flag: &'a str,
}

impl Scope<'_> {
    fn value(&self, rule: &Rule) -> Value {
        match rule {
            Rule::Literal(value) => value.clone(),
            Rule::List(rules) => rules.iter().map(|rule| self.value(rule)).collect(),
            Rule::Operation(operation, arguments) => self.operation(*operation, arguments),
        }
    }

    fn truth(&self, rule: &Rule) -> bool {
        truth(&self.value(rule))
    }

    fn operation(&self, operation: Operation, arguments: &[Rule]) -> Value {
        let argument = |place: usize| {
            arguments
                .get(place)
                .map_or(Value::Null, |rule| self.value(rule))
        };
        let compare = |holds: fn(Ordering) -> bool| {
            let values: Vec<Value> = arguments.iter().map(|rule| self.value(rule)).collect();
            let in_order = |pair: &[Value]| match pair {
                [left, right] => order(left, right).is_some_and(holds),
                _ => true,
            };
            Value::Bool(values.windows(2).all(in_order))
        };
        match operation {
            Operation::Var => match self.var(&argument(0)) {
                Value::Null => argument(1),
                found => found,
            },
            Operation::Equal => Value::Bool(loosely_equal(&argument(0), &argument(1))),
            Operation::Unequal => Value::Bool(!loosely_equal(&argument(0), &argument(1))),
            Operation::StrictlyEqual => Value::Bool(strictly_equal(&argument(0), &argument(1))),
            Operation::StrictlyUnequal => Value::Bool(!strictly_equal(&argument(0), &argument(1))),
            Operation::Less => compare(Ordering::is_lt),
            Operation::AtMost => compare(Ordering::is_le),
            Operation::Greater => compare(Ordering::is_gt),
            Operation::AtLeast => compare(Ordering::is_ge),
            Operation::In => Value::Bool(match argument(1) {
                Value::Array(list) => {
                    let wanted = argument(0);
                    list.iter().any(|item| strictly_equal(item, &wanted))
                }
                Value::String(text) => argument(0).as_str().is_some_and(|part| text.contains(part)),
                _ => false,
            }),
            Operation::StartsWith => affix(&argument(0), &argument(1), |text, part| {
                text.starts_with(part)
            }),
            Operation::EndsWith => affix(&argument(0), &argument(1), |text, part| {
                text.ends_with(part)
            }),
            Operation::SemVer => sem_ver(&argument(0), &argument(1), &argument(2)),
            Operation::If => {
                let mut rest = arguments;
                loop {
                    match rest {
                        [] => return Value::Null,
                        [otherwise] => return self.value(otherwise),
                        [condition, then, ..] if self.truth(condition) => return self.value(then),
                        [_, _, more @ ..] => rest = more,
                    }
                }
            }
            Operation::And | Operation::Or => {
                let stop = operation == Operation::Or;
                let mut last = Value::Null;
                for rule in arguments {
                    last = self.value(rule);
                    if truth(&last) == stop {
                        break;
                    }
                }
                last
            }
            Operation::Not => Value::Bool(!truth(&argument(0))),
            Operation::Truth => Value::Bool(truth(&argument(0))),
            Operation::Cat => Value::String(
                arguments
                    .iter()
                    .map(|rule| text(&self.value(rule)))
                    .collect(),
            ),
            Operation::Fractional => self.fractional(arguments),
        }
    }

    /// What is known under a path of names with dots between them.
    fn var(&self, path: &Value) -> Value {
        let path = match path {
            Value::String(path) => path.as_str(),
            _ => return Value::Null,
        };
        if path.is_empty() {
            return Value::Object(self.context.clone());
        }
        if path == "$flagd.flagKey" {
            return Value::String(self.flag.to_owned());
        }
        let mut steps = path.split('.');
        let first = steps.next().and_then(|name| self.context.get(name));
        let found = steps.try_fold(first, |at, name| {
            let next = match at? {
                Value::Object(object) => object.get(name),
                Value::Array(list) => name.parse::<usize>().ok().and_then(|n| list.get(n)),
                _ => None,
            };
            Some(next)
        });
        found.flatten().cloned().unwrap_or(Value::Null)
    }

    /// The variant in whose share the hash of the first argument lies, or of flag and targeting key where there is none.
    fn fractional(&self, arguments: &[Rule]) -> Value {
        let (by, shares) = match arguments {
            [Rule::List(_), ..] => (None, arguments),
            [by, shares @ ..] => (Some(self.value(by)), shares),
            [] => return Value::Null,
        };
        let by = match by {
            Some(Value::String(by)) => by,
            // flagd takes nothing else for a text to cut by; where it is not known, the targeting key stands in.
            None | Some(Value::Null) => match self.context.get("targetingKey") {
                Some(Value::String(key)) => format!("{}{key}", self.flag),
                // A single share needs nothing to cut by.
                _ if shares.len() == 1 => String::new(),
                _ => return Value::Null,
            },
            Some(_) => return Value::Null,
        };
        let mut weighted = Vec::with_capacity(shares.len());
        let mut total: u64 = 0;
        for share in shares {
            let Rule::List(share) = share else {
                return Value::Null;
            };
            let weight = match share.get(1).map(|rule| self.value(rule)) {
                None | Some(Value::Null) => 1,
                Some(weight) => match whole_weight(&weight) {
                    Some(weight) => weight,
                    None => return Value::Null,
                },
            };
            total += weight;
            weighted.push((share.first(), weight));
        }
        if total == 0 || total > MAX_WEIGHT {
            return Value::Null;
        }
        let bucket = (u64::from(murmur3(by.as_bytes())) * total) >> 32;
        let mut end = 0;
        for (variant, weight) in weighted {
            end += weight;
            if bucket < end {
                return variant.map_or(Value::Null, |rule| self.value(rule));
            }
        }
        Value::Null
    }
}

fn affix(text: &Value, part: &Value, holds: fn(&str, &str) -> bool) -> Value {
    match (text, part) {
        (Value::String(text), Value::String(part)) => Value::Bool(holds(text, part)),
        _ => Value::Bool(false),
    }
}

fn sem_ver(left: &Value, how: &Value, right: &Value) -> Value {
    let read = |value: &Value| version(&text(value));
    let how = how.as_str().and_then(Comparison::read);
    match (read(left), how, read(right)) {
        (Some(left), Some(how), Some(right)) => Value::Bool(how.holds(&left, &right)),
        _ => Value::Null,
    }
}

/// JSON Logic's truth: an empty list is false.
fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(_) => true,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::Null => Some(0.0),
        _ => None,
    }
}

/// How two values stand to each other, as in JavaScript: two texts by their characters, everything else as numbers.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

/// Numbers are equal however they are written.
fn strictly_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => left == right,
    }
}

/// As JavaScript's `==`: nothing is only equal to nothing, and texts are read as numbers beside numbers.
fn loosely_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => left == right,
        (Value::Number(_) | Value::Bool(_), _) | (_, Value::Number(_) | Value::Bool(_)) => {
            matches!((number(left), number(right)), (Some(a), Some(b)) if a == b)
        }
        _ => left == right,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(number) => match number.as_f64() {
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => format!("{whole:.0}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}
