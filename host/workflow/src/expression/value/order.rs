//! The order of values, which is jq's: `null`, truth values, numbers, texts, arrays, objects.

use std::cmp::Ordering;

use super::{ENTRY, Obj, V, allocate, spend};

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
