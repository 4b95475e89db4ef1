//! Whether two schemas plainly have no value in common.
//!
//! Only a few rules are looked at, each of which every value of a schema has to keep. To leave the others out makes both
//! schemas larger, so that what is found apart here is apart.

use serde_json::Value;

use crate::Invalid;
use crate::check::{Budget, check};
use crate::read::{At, Kind, MAX_DEPTH, Node, escaped, shown};

/// Steps of one look: a pair of schemas is one, and so is a field, and an expression that its name is held against, each for
/// 64 bytes of the name.
const MAX_STEPS: u32 = 100_000;
/// Values of one schema that are held against the other; each may take as long as a check.
const MAX_CHECKS: usize = 32;

pub(crate) fn apart(a: &[Node], b: &[Node], budget: &mut Budget) -> Option<String> {
    let mut pairs = Pairs {
        a,
        b,
        left: MAX_STEPS,
        checks: MAX_CHECKS,
        budget,
    };
    pairs.apart(0, 0, "", 0)
}

struct Pairs<'n> {
    a: &'n [Node],
    b: &'n [Node],
    left: u32,
    checks: usize,
    budget: &'n mut Budget,
}

impl Pairs<'_> {
    /// Counts steps; none where it is too much.
    fn spend(&mut self, steps: usize) -> Option<()> {
        let steps = u32::try_from(steps).ok()?;
        self.left = self.left.checked_sub(steps)?;
        self.budget.spend(steps)
    }

    fn apart(&mut self, a: At, b: At, place: &str, depth: usize) -> Option<String> {
        self.spend(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let (of_a, of_b) = (self.a, self.b);
        let (left, right) = (of_a.get(a)?, of_b.get(b)?);
        let name = if place.is_empty() { "the value" } else { place };
        if left.never || right.never {
            return Some(format!("{name}: nothing is allowed there"));
        }
        // What a reference names holds beside the rest.
        if let Some(a) = left.reference
            && let Some(why) = self.apart(a, b, place, depth + 1)
        {
            return Some(why);
        }
        if let Some(b) = right.reference
            && let Some(why) = self.apart(a, b, place, depth + 1)
        {
            return Some(why);
        }
        if let (Some(left), Some(right)) = (&left.kinds, &right.kinds)
            && !left.iter().any(|l| right.iter().any(|r| meet(*l, *r)))
        {
            let of = |kinds: &[Kind]| {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                names.join(" or ")
            };
            return Some(format!("{name}: {} is no {}", of(left), of(right)));
        }
        if self.none_fits(left, of_b, b) || self.none_fits(right, of_a, a) {
            return Some(format!("{name}: they have no value in common"));
        }
        // The rest is about objects, and a value may be none.
        if !(is_object(left) || is_object(right)) {
            return None;
        }
        let below = |field: &str| format!("{place}/{}", shown(&escaped(field)));
        let patterns = left.pattern_properties.len() + right.pattern_properties.len();
        for field in left.required.iter().chain(&right.required) {
            self.spend((1 + patterns) * (1 + field.len() / 64))?;
            if closed_to(of_a, left, field) || closed_to(of_b, right, field) {
                return Some(format!(
                    "{}: one needs this field, and the other allows none of that name",
                    below(field)
                ));
            }
            let both = (left.properties.get(field), right.properties.get(field));
            if let (Some(a), Some(b)) = both
                && let Some(why) = self.apart(*a, *b, &below(field), depth + 1)
            {
                return Some(why);
            }
        }
        None
    }

    /// Whether a schema names its values, and each of them breaks the other schema.
    fn none_fits(&mut self, node: &Node, nodes: &[Node], at: At) -> bool {
        let values: &[Value] = match (&node.constant, &node.one_of_values) {
            (Some(constant), _) => std::slice::from_ref(constant),
            (None, Some(values)) => values,
            (None, None) => return false,
        };
        let Some(left) = self.checks.checked_sub(values.len()) else {
            return false;
        };
        self.checks = left;
        let breaks = |value: &Value| {
            let checked = check(nodes, at, value, None, self.budget);
            matches!(checked, Err(Invalid::Broken { .. }))
        };
        values.iter().all(breaks)
    }
}

/// Whether a value can be of both kinds.
fn meet(a: Kind, b: Kind) -> bool {
    let number = |kind| matches!(kind, Kind::Number | Kind::Integer);
    a == b || number(a) && number(b)
}

/// Whether every value is an object.
fn is_object(node: &Node) -> bool {
    matches!(node.kinds.as_deref(), Some([Kind::Object]))
}

/// Whether an object that fits cannot have this field.
fn closed_to(nodes: &[Node], node: &Node, field: &str) -> bool {
    let never = |at: &At| nodes.get(*at).is_some_and(|node| node.never);
    match node.properties.get(field) {
        Some(schema) => never(schema),
        None => {
            node.additional.as_ref().is_some_and(never)
                && !node
                    .pattern_properties
                    .iter()
                    .any(|(p, _)| p.is_match(field))
        }
    }
}
