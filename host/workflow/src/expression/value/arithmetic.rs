//! Arithmetic on values, as jq has it.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::rc::Rc;

use jaq_core::ops::Math;
use jaq_core::{Error, ValR};

use super::{ENTRY, ITEM, Obj, V, allocate, spend};

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
