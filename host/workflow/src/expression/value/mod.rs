//! The values of expressions: JSON, counted by the [`meter`](super::meter).
//!
//! Numbers are 64-bit integers where they fit and double precision otherwise, as most of jq's. Objects keep the order in
//! which their keys were written.

mod arithmetic;
mod json;
mod order;
mod path;
mod search;

use std::fmt;
use std::rc::Rc;

use indexmap::IndexMap;
use jaq_core::Error;
use jaq_core::val::Range;

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

    fn key(&self) -> Result<Rc<str>, Error<V>> {
        match self {
            Self::Str(s) => Ok(Rc::clone(s)),
            _ => Err(Error::typ(self.clone(), "key of an object")),
        }
    }
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
