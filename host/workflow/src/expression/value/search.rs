//! What jq asks of a value: how long it is, and what is in it.

use jaq_core::{Error, ValR};

use super::{ITEM, V, allocate, spend};

impl V {
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
}
