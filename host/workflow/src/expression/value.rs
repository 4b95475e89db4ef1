//! The values of expressions: JSON, counted by the [`meter`](super::meter).
//!
//! Numbers are 64-bit integers where they fit and double precision otherwise, as most of jq's. Objects keep the order in
//! which their keys were written.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::rc::Rc;

use indexmap::IndexMap;
use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::ops::Math;
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Error, Exn, ValR, ValX};
use serde_json::Value;

use super::meter::{Stop, allocate, spend, stop};

/// Arrays and objects within each other.
pub(crate) const MAX_NESTING: u32 = 256;

type Map = IndexMap<Rc<str>, V>;

/// A value of an expression.
#[derive(Debug, Clone, Default)]
pub(crate) enum V {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    Arr(Rc<Arr>),
    Obj(Rc<Obj>),
}

/// An array with the depth of what it holds, so that no value is deeper than its destructor can go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arr {
    items: Vec<V>,
    depth: u32,
}

/// An object, likewise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Obj {
    map: Map,
    depth: u32,
}

fn deeper<'a>(values: impl Iterator<Item = &'a V>) -> u32 {
    let depth = 1 + values.map(V::depth).max().unwrap_or(0);
    if depth > MAX_NESTING {
        stop(Stop::Nesting);
    }
    depth
}

/// The depth of something of this depth that now holds this value too.
fn within(depth: u32, value: &V) -> u32 {
    let depth = depth.max(1 + value.depth());
    if depth > MAX_NESTING {
        stop(Stop::Nesting);
    }
    depth
}

const ITEM: usize = size_of::<V>();
/// A key, its hash, its value and its place in the index.
const ENTRY: usize = 2 * ITEM + 24;

impl V {
    fn depth(&self) -> u32 {
        match self {
            Self::Arr(a) => a.depth,
            Self::Obj(o) => o.depth,
            _ => 0,
        }
    }

    /// A string.
    pub fn text(text: impl Into<Rc<str>> + AsRef<str>) -> Self {
        allocate(text.as_ref().len());
        Self::Str(text.into())
    }

    /// An array.
    pub fn array(items: Vec<V>) -> Self {
        let depth = deeper(items.iter());
        Self::Arr(Rc::new(Arr { items, depth }))
    }

    fn object(map: Map) -> Self {
        let depth = deeper(map.values());
        Self::Obj(Rc::new(Obj { map, depth }))
    }

    /// An object of few keys.
    pub fn fields<const N: usize>(fields: [(&str, V); N]) -> Self {
        allocate(N * ENTRY);
        Self::object(fields.into_iter().map(|(k, v)| (Rc::from(k), v)).collect())
    }

    /// The text, where this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The text.
    pub fn try_str(&self) -> Result<&str, Error<V>> {
        self.as_str()
            .ok_or_else(|| Error::typ(self.clone(), "string"))
    }

    /// The number.
    pub fn try_number(&self) -> Result<f64, Error<V>> {
        self.number()
            .ok_or_else(|| Error::typ(self.clone(), "number"))
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// A whole number, cut off at its point.
    fn whole(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Float(f) if !f.is_nan() => Some(*f as i64),
            _ => None,
        }
    }

    /// The items of an array.
    pub fn items(&self) -> Result<&[V], Error<V>> {
        match self {
            Self::Arr(a) => Ok(&a.items),
            _ => Err(Error::typ(self.clone(), "array")),
        }
    }

    /// From JSON.
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => n
                .as_i64()
                .map_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)), Self::Int),
            Value::String(s) => Self::text(s.as_str()),
            Value::Array(items) => {
                allocate(items.len() * ITEM);
                Self::array(items.iter().map(Self::from_json).collect())
            }
            Value::Object(map) => {
                allocate(map.len() * ENTRY);
                let entry = |(k, v): (&String, &Value)| {
                    allocate(k.len());
                    (Rc::from(k.as_str()), Self::from_json(v))
                };
                Self::object(map.iter().map(entry).collect())
            }
        }
    }

    /// To JSON. What is no number of JSON becomes `null`, as in jq; whole numbers are written without a point.
    pub fn to_json(&self) -> Value {
        // A value that is shared is written out as often as it stands there, so it is counted here again.
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => Value::from(*i),
            Self::Float(f) if f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0 => {
                Value::from(*f as i64)
            }
            Self::Float(f) => Value::from(*f),
            Self::Str(s) => {
                allocate(s.len());
                Value::from(&**s)
            }
            Self::Arr(a) => {
                allocate(a.items.len() * size_of::<Value>());
                Value::Array(a.items.iter().map(Self::to_json).collect())
            }
            Self::Obj(o) => {
                allocate(o.map.len() * 2 * size_of::<Value>());
                let entry = |(k, v): (&Rc<str>, &V)| {
                    allocate(k.len());
                    (k.to_string(), v.to_json())
                };
                Value::Object(o.map.iter().map(entry).collect())
            }
        }
    }

    /// As a text of JSON, a string too.
    pub fn to_text(&self) -> String {
        self.to_json().to_string()
    }

    fn key(&self) -> Result<Rc<str>, Error<V>> {
        match self {
            Self::Str(s) => Ok(Rc::clone(s)),
            _ => Err(Error::typ(self.clone(), "key of an object")),
        }
    }

    /// jq's `length`.
    pub fn length(&self) -> ValR<V> {
        Ok(match self {
            Self::Null => Self::Int(0),
            Self::Bool(_) => return Err(Error::str("a boolean has no length")),
            Self::Int(i) => i
                .checked_abs()
                .map_or_else(|| Self::Float((*i as f64).abs()), Self::Int),
            Self::Float(f) => Self::Float(f.abs()),
            Self::Str(s) => {
                spend(s.len() as u64 / 64);
                Self::from(s.chars().count())
            }
            Self::Arr(a) => Self::from(a.items.len()),
            Self::Obj(o) => Self::from(o.map.len()),
        })
    }

    /// jq's `contains`.
    pub fn contains(&self, other: &Self) -> bool {
        spend(1);
        match (self, other) {
            (Self::Str(l), Self::Str(r)) => {
                spend(l.len() as u64 / 64);
                l.contains(&**r)
            }
            (Self::Arr(l), Self::Arr(r)) => r
                .items
                .iter()
                .all(|r| l.items.iter().any(|l| l.contains(r))),
            (Self::Obj(l), Self::Obj(r)) => r
                .map
                .iter()
                .all(|(k, r)| l.map.get(k).is_some_and(|l| l.contains(r))),
            _ => self == other,
        }
    }

    /// jq's `indices`: for texts in code points.
    pub fn indices(&self, other: &Self) -> ValR<V> {
        let found: Vec<usize> = match (self, other) {
            (Self::Null, _) => return Ok(Self::Null),
            (Self::Str(l), Self::Str(r)) if !r.is_empty() => {
                spend((l.len() as u64 / 64 + 1) * (r.len() as u64 / 64 + 1));
                let at = l.char_indices().enumerate();
                at.filter(|(_, (i, _))| l.as_bytes()[*i..].starts_with(r.as_bytes()))
                    .map(|(n, _)| n)
                    .collect()
            }
            (Self::Str(_), Self::Str(_)) => Vec::new(),
            (Self::Arr(l), Self::Arr(r)) if !r.items.is_empty() => {
                let windows = l.items.windows(r.items.len()).enumerate();
                windows
                    .filter(|(_, w)| *w == r.items.as_slice())
                    .map(|(i, _)| i)
                    .collect()
            }
            (Self::Arr(_), Self::Arr(_)) => Vec::new(),
            (Self::Arr(l), r) => l
                .items
                .iter()
                .enumerate()
                .filter(|(_, x)| *x == r)
                .map(|(i, _)| i)
                .collect(),
            _ => return Err(Error::index(self.clone(), other.clone())),
        };
        allocate(found.len() * ITEM);
        Ok(Self::array(found.into_iter().map(Self::from).collect()))
    }

    /// jq's `has`.
    pub fn has(&self, key: &Self) -> ValR<V> {
        Ok(Self::Bool(match (self, key) {
            (Self::Obj(o), Self::Str(k)) => o.map.contains_key(k),
            (Self::Arr(a), Self::Int(i)) => usize::try_from(*i).is_ok_and(|i| i < a.items.len()),
            _ => return Err(Error::index(self.clone(), key.clone())),
        }))
    }

    fn bounds(len: usize, range: &Range<&V>) -> Result<(usize, usize), Error<V>> {
        let place = |bound: Option<&V>, absent: usize, up: bool| -> Result<usize, Error<V>> {
            let Some(bound) = bound.filter(|b| !matches!(b, V::Null)) else {
                return Ok(absent);
            };
            let number = bound.try_number()?;
            let number = if up { number.ceil() } else { number.floor() };
            let from_end = if number < 0.0 {
                number + len as f64
            } else {
                number
            };
            // The cast saturates.
            Ok((from_end.max(0.0) as usize).min(len))
        };
        let from = place(range.start, 0, false)?;
        let to = place(range.end, len, true)?;
        Ok((from, to.max(from)))
    }

    fn place(index: &V, len: usize) -> Option<usize> {
        let index = index.whole()?;
        let index = if index < 0 {
            index.checked_add(i64::try_from(len).ok()?)?
        } else {
            index
        };
        usize::try_from(index).ok()
    }
}

/// The byte at which the code point of this number begins.
fn byte_of(text: &str, code_point: usize) -> usize {
    spend(text.len() as u64 / 64);
    text.char_indices()
        .nth(code_point)
        .map_or(text.len(), |(i, _)| i)
}

impl fmt::Display for V {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::problem::shown(&self.to_text()))
    }
}

impl From<bool> for V {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<isize> for V {
    fn from(i: isize) -> Self {
        spend(1);
        Self::Int(i as i64)
    }
}

impl From<usize> for V {
    fn from(i: usize) -> Self {
        i64::try_from(i).map_or(Self::Float(i as f64), Self::Int)
    }
}

impl From<f64> for V {
    fn from(f: f64) -> Self {
        Self::Float(f)
    }
}

impl From<String> for V {
    fn from(s: String) -> Self {
        Self::text(s)
    }
}

impl From<Range<V>> for V {
    fn from(range: Range<V>) -> Self {
        let bound = |b: Option<V>| b.unwrap_or_default();
        Self::fields([("start", bound(range.start)), ("end", bound(range.end))])
    }
}

impl FromIterator<V> for V {
    fn from_iter<T: IntoIterator<Item = V>>(iter: T) -> Self {
        // No capacity is taken from the iterator: what it says of its size is not counted.
        let mut items = Vec::new();
        for item in iter {
            allocate(ITEM);
            items.push(item);
        }
        Self::array(items)
    }
}

impl PartialEq for V {
    fn eq(&self, other: &Self) -> bool {
        spend(1);
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(l), Self::Bool(r)) => l == r,
            (Self::Int(l), Self::Int(r)) => l == r,
            (Self::Str(l), Self::Str(r)) => {
                spend(l.len() as u64 / 64);
                l == r
            }
            (Self::Arr(l), Self::Arr(r)) => l.items == r.items,
            (Self::Obj(l), Self::Obj(r)) => {
                l.map.len() == r.map.len()
                    && l.map
                        .iter()
                        .all(|(k, l)| r.map.get(k).is_some_and(|r| l == r))
            }
            _ => matches!((self.number(), other.number()), (Some(l), Some(r)) if l == r),
        }
    }
}

impl Eq for V {}

#[allow(clippy::non_canonical_partial_ord_impl)]
impl PartialOrd for V {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        // As in jq, no number is less than one that is none, but for that one itself: `nan < nan`.
        if let (Self::Float(l), Self::Float(r)) = (self, other)
            && l.is_nan()
            && r.is_nan()
        {
            return Some(Ordering::Less);
        }
        Some(self.cmp(other))
    }
}

impl Ord for V {
    fn cmp(&self, other: &Self) -> Ordering {
        spend(1);
        let rank = |v: &V| match v {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Float(_) => 2,
            Self::Str(_) => 3,
            Self::Arr(_) => 4,
            Self::Obj(_) => 5,
        };
        match (self, other) {
            (Self::Bool(l), Self::Bool(r)) => l.cmp(r),
            (Self::Int(l), Self::Int(r)) => l.cmp(r),
            (Self::Str(l), Self::Str(r)) => {
                spend(l.len() as u64 / 64);
                l.cmp(r)
            }
            (Self::Arr(l), Self::Arr(r)) => l.items.cmp(&r.items),
            (Self::Obj(l), Self::Obj(r)) => {
                let sorted = |o: &Obj| {
                    allocate(o.map.len() * ENTRY);
                    let mut keys: Vec<_> = o.map.keys().cloned().collect();
                    keys.sort();
                    keys
                };
                let (left, right) = (sorted(l), sorted(r));
                left.cmp(&right).then_with(|| {
                    left.iter()
                        .map(|k| l.map.get(k))
                        .cmp(right.iter().map(|k| r.map.get(k)))
                })
            }
            _ => match (self.number(), other.number()) {
                (Some(l), Some(r)) => match (l.is_nan(), r.is_nan()) {
                    (true, true) => Ordering::Equal,
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) => l.partial_cmp(&r).unwrap_or(Ordering::Equal),
                },
                _ => rank(self).cmp(&rank(other)),
            },
        }
    }
}

/// An operation on two numbers: on integers where it stays one.
fn numbers(
    l: &V,
    r: &V,
    ints: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
) -> Option<V> {
    spend(1);
    if let (V::Int(l), V::Int(r)) = (l, r)
        && let Some(result) = ints(*l, *r)
    {
        return Some(V::Int(result));
    }
    Some(V::Float(floats(l.number()?, r.number()?)))
}

impl Add for V {
    type Output = ValR<V>;
    fn add(self, rhs: V) -> ValR<V> {
        if let Some(sum) = numbers(&self, &rhs, i64::checked_add, |l, r| l + r) {
            return Ok(sum);
        }
        match (self, rhs) {
            (V::Null, v) | (v, V::Null) => Ok(v),
            (V::Str(l), V::Str(r)) => {
                allocate(l.len() + r.len());
                Ok(V::Str(Rc::from([&*l, &*r].concat())))
            }
            (V::Arr(mut l), V::Arr(r)) => {
                // An array that nobody else holds grows in its place.
                let copied = if Rc::get_mut(&mut l).is_some() {
                    0
                } else {
                    l.items.len()
                };
                allocate((copied + r.items.len()) * ITEM);
                let array = Rc::make_mut(&mut l);
                array.depth = array.depth.max(r.depth);
                array.items.extend(r.items.iter().cloned());
                Ok(V::Arr(l))
            }
            (V::Obj(mut l), V::Obj(r)) => {
                let copied = if Rc::get_mut(&mut l).is_some() {
                    0
                } else {
                    l.map.len()
                };
                allocate((copied + r.map.len()) * ENTRY);
                let object = Rc::make_mut(&mut l);
                object.depth = object.depth.max(r.depth);
                object
                    .map
                    .extend(r.map.iter().map(|(k, v)| (Rc::clone(k), v.clone())));
                Ok(V::Obj(l))
            }
            (l, r) => Err(Error::math(l, Math::Add, r)),
        }
    }
}

impl Sub for V {
    type Output = ValR<V>;
    fn sub(self, rhs: V) -> ValR<V> {
        if let Some(difference) = numbers(&self, &rhs, i64::checked_sub, |l, r| l - r) {
            return Ok(difference);
        }
        match (self, rhs) {
            (V::Arr(l), V::Arr(r)) => {
                allocate(ITEM.saturating_mul(l.items.len()));
                let left = l.items.iter().filter(|x| !r.items.contains(x));
                Ok(V::array(left.cloned().collect()))
            }
            (l, r) => Err(Error::math(l, Math::Sub, r)),
        }
    }
}

/// Objects one into the other, as jq's `*` does.
fn merged(l: &Obj, r: &Obj) -> V {
    allocate((l.map.len() + r.map.len()) * ENTRY);
    let mut map = l.map.clone();
    for (key, right) in &r.map {
        let value = match (map.get(key), right) {
            (Some(V::Obj(l)), V::Obj(r)) => merged(l, r),
            _ => right.clone(),
        };
        map.insert(Rc::clone(key), value);
    }
    V::object(map)
}

impl Mul for V {
    type Output = ValR<V>;
    fn mul(self, rhs: V) -> ValR<V> {
        if let Some(product) = numbers(&self, &rhs, i64::checked_mul, |l, r| l * r) {
            return Ok(product);
        }
        match (self, rhs) {
            (V::Str(s), n @ (V::Int(_) | V::Float(_)))
            | (n @ (V::Int(_) | V::Float(_)), V::Str(s)) => {
                let times = n.number().unwrap_or_default();
                if times.is_nan() || times <= 0.0 {
                    return Ok(V::Null);
                }
                let times = times.ceil() as usize;
                allocate(s.len().saturating_mul(times));
                Ok(V::Str(Rc::from(s.repeat(times))))
            }
            (V::Obj(l), V::Obj(r)) => Ok(merged(&l, &r)),
            (l, r) => Err(Error::math(l, Math::Mul, r)),
        }
    }
}

impl Div for V {
    type Output = ValR<V>;
    fn div(self, rhs: V) -> ValR<V> {
        let exact = |l: i64, r: i64| {
            if r != 0 && l.checked_rem(r) == Some(0) {
                l.checked_div(r)
            } else {
                None
            }
        };
        if let Some(quotient) = numbers(&self, &rhs, exact, |l, r| l / r) {
            return Ok(quotient);
        }
        match (self, rhs) {
            (V::Str(l), V::Str(r)) if r.is_empty() => {
                let mut buffer = [0; 4];
                Ok(l.chars()
                    .map(|c| V::text(&*c.encode_utf8(&mut buffer)))
                    .collect())
            }
            (V::Str(l), V::Str(_)) if l.is_empty() => Ok(V::array(Vec::new())),
            (V::Str(l), V::Str(r)) => Ok(l.split(&*r).map(V::text).collect()),
            (l, r) => Err(Error::math(l, Math::Div, r)),
        }
    }
}

impl Rem for V {
    type Output = ValR<V>;
    fn rem(self, rhs: V) -> ValR<V> {
        match (self.whole(), rhs.whole()) {
            (Some(_), Some(0)) | (None, _) | (_, None) => Err(Error::math(self, Math::Rem, rhs)),
            // By the size of the divisor, with the sign of what is divided; jq does so too.
            (Some(l), Some(r)) => Ok(V::Int(l.checked_rem(r).unwrap_or(0))),
        }
    }
}

impl Neg for V {
    type Output = ValR<V>;
    fn neg(self) -> ValR<V> {
        match self {
            V::Int(i) => Ok(i
                .checked_neg()
                .map_or_else(|| V::Float(-(i as f64)), V::Int)),
            V::Float(f) => Ok(V::Float(-f)),
            v => Err(Error::typ(v, "number")),
        }
    }
}

impl jaq_core::ValT for V {
    fn from_num(n: &str) -> ValR<Self> {
        if let Ok(int) = n.parse() {
            return Ok(Self::Int(int));
        }
        n.parse().map(Self::Float).map_err(Error::str)
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(iter: I) -> ValR<Self> {
        let mut map = Map::new();
        for (key, value) in iter {
            allocate(ENTRY);
            map.insert(key.key()?, value);
        }
        Ok(Self::object(map))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Self, Self), Self>> {
        match self {
            Self::Arr(a) => Box::new((0..a.items.len()).map(move |i| {
                spend(1);
                Ok((Self::from(i), a.items.get(i).cloned().unwrap_or_default()))
            })),
            Self::Obj(o) => Box::new((0..o.map.len()).map(move |i| {
                spend(1);
                Ok(o.map
                    .get_index(i)
                    .map(|(k, v)| (Self::Str(Rc::clone(k)), v.clone()))
                    .unwrap_or_default())
            })),
            v => box_once(Err(Error::typ(v, "array or object"))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Self>>> {
        match self {
            Self::Arr(_) | Self::Obj(_) => Box::new(self.key_values().map(|kv| kv.map(|(_, v)| v))),
            v => box_once(Err(Error::typ(v, "array or object"))),
        }
    }

    fn index(self, index: &Self) -> ValR<Self> {
        spend(1);
        match (&self, index) {
            (
                Self::Null,
                Self::Null | Self::Int(_) | Self::Float(_) | Self::Str(_) | Self::Obj(_),
            ) => Ok(Self::Null),
            (Self::Obj(o), Self::Str(k)) => Ok(o.map.get(k).cloned().unwrap_or_default()),
            (Self::Arr(a), Self::Int(_) | Self::Float(_)) => Ok(Self::place(index, a.items.len())
                .and_then(|i| a.items.get(i).cloned())
                .unwrap_or_default()),
            (Self::Arr(_), Self::Arr(_)) => self.indices(index),
            (Self::Arr(_) | Self::Str(_), Self::Obj(o)) => {
                self.clone().range(o.map.get("start")..o.map.get("end"))
            }
            _ => Err(Error::index(self.clone(), index.clone())),
        }
    }

    fn range(self, range: Range<&Self>) -> ValR<Self> {
        match &self {
            Self::Null => Ok(Self::Null),
            Self::Arr(a) => {
                let (from, to) = Self::bounds(a.items.len(), &range)?;
                Ok(a.items
                    .get(from..to)
                    .unwrap_or_default()
                    .iter()
                    .cloned()
                    .collect())
            }
            Self::Str(s) => {
                spend(s.len() as u64 / 64);
                let (from, to) = Self::bounds(s.chars().count(), &range)?;
                Ok(Self::text(
                    s.get(byte_of(s, from)..byte_of(s, to)).unwrap_or_default(),
                ))
            }
            _ => Err(Error::typ(self, "array or string")),
        }
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match self {
            Self::Arr(a) => a.items.iter().cloned().flat_map(f).collect(),
            Self::Obj(o) => {
                let mut map = Map::new();
                for (key, value) in &o.map {
                    if let Some(new) = f(value.clone()).next() {
                        allocate(ENTRY);
                        map.insert(Rc::clone(key), new?);
                    }
                }
                Ok(Self::object(map))
            }
            v => opt.fail(v, |v| Exn::from(Error::typ(v, "array or object"))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match (self, index) {
            (v @ (Self::Str(_) | Self::Arr(_)), Self::Obj(o)) => {
                v.map_range(o.map.get("start")..o.map.get("end"), opt, f)
            }
            (v @ (Self::Null | Self::Obj(_)), Self::Str(key)) => {
                let mut object = match v {
                    Self::Obj(o) => o,
                    _ => Rc::default(),
                };
                let old = object.map.get(key).cloned().unwrap_or_default();
                let new = f(old).next().transpose()?;
                let copied = if Rc::get_mut(&mut object).is_some() {
                    1
                } else {
                    object.map.len() + 1
                };
                allocate(copied * ENTRY);
                let inner = Rc::make_mut(&mut object);
                match new {
                    Some(new) => {
                        inner.depth = within(inner.depth, &new);
                        inner.map.insert(Rc::clone(key), new);
                    }
                    None => {
                        spend(inner.map.len() as u64 / 8);
                        inner.map.shift_remove(key);
                    }
                }
                Ok(Self::Obj(object))
            }
            (v @ (Self::Null | Self::Arr(_)), Self::Int(_) | Self::Float(_)) => {
                let mut array = match v {
                    Self::Arr(a) => a,
                    _ => Rc::default(),
                };
                let len = array.items.len();
                let Some(at) = Self::place(index, len) else {
                    let message = format!("index {index} is out of bounds");
                    return opt.fail(Self::Arr(array), |_| Exn::from(Error::str(message)));
                };
                let old = array.items.get(at).cloned().unwrap_or_default();
                let new = f(old).next().transpose()?;
                let copied = if Rc::get_mut(&mut array).is_some() {
                    0
                } else {
                    len
                };
                allocate((copied + (at + 1).saturating_sub(len)).saturating_mul(ITEM));
                let inner = Rc::make_mut(&mut array);
                match new {
                    Some(new) => {
                        inner.depth = within(inner.depth, &new);
                        if at >= len {
                            inner.items.resize(at + 1, Self::Null);
                        }
                        if let Some(item) = inner.items.get_mut(at) {
                            *item = new;
                        }
                    }
                    None if at < len => {
                        spend(len as u64 / 8);
                        inner.items.remove(at);
                    }
                    None => {}
                }
                Ok(Self::Arr(array))
            }
            (v, index) => opt.fail(v, |v| Exn::from(Error::index(v, index.clone()))),
        }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        let array = match self {
            Self::Null => Rc::default(),
            Self::Arr(a) => a,
            v => return opt.fail(v, |v| Exn::from(Error::typ(v, "array"))),
        };
        let (from, to) = match Self::bounds(array.items.len(), &range) {
            Ok(bounds) => bounds,
            Err(e) => return opt.fail(Self::Arr(array), |_| Exn::from(e)),
        };
        let old = array
            .items
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .cloned()
            .collect();
        let new = f(old)
            .next()
            .transpose()?
            .unwrap_or_else(|| Self::array(Vec::new()));
        let new = new.items().map_err(Exn::from)?;
        allocate((array.items.len() + new.len()) * ITEM);
        let mut items = array.items.clone();
        items.splice(from..to, new.iter().cloned());
        Ok(Self::array(items))
    }

    fn as_bool(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    fn into_string(self) -> Self {
        match self {
            Self::Str(s) => Self::Str(s),
            v => Self::text(v.to_text()),
        }
    }
}

impl jaq_std::ValT for V {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        match self {
            Self::Arr(a) => {
                allocate(a.items.len() * ITEM);
                Ok(a.items.iter().cloned().collect())
            }
            v => Err(v),
        }
    }

    fn is_int(&self) -> bool {
        matches!(self, Self::Int(_))
    }

    fn as_isize(&self) -> Option<isize> {
        match self {
            Self::Int(i) => isize::try_from(*i).ok(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        self.number()
    }

    fn is_utf8_str(&self) -> bool {
        matches!(self, Self::Str(_))
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        let text = self.as_str()?;
        // Whoever asks for the bytes reads them.
        spend(text.len() as u64 / 64);
        Some(text.as_bytes())
    }

    fn as_sub_str(&self, sub: &[u8]) -> Self {
        Self::text(String::from_utf8_lossy(sub).as_ref())
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::text(String::from_utf8_lossy(bytes.as_ref()).as_ref())
    }
}
