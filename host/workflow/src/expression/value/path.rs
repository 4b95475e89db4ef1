//! Paths into values: what is read and written by index, key and range.

use std::rc::Rc;

use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Error, Exn, ValR, ValX};

use super::{ENTRY, ITEM, Map, V, allocate, spend, within};

impl V {
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
