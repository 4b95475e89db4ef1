//! A value held against the nodes of a schema.

use serde_json::{Map, Number, Value};

use crate::Invalid;
use crate::read::{At, Kind, MAX_DEPTH, Node, escaped, shown};

/// Steps of one check. A rule that looks at a value is a step; comparing or searching a text is one for each 64 bytes.
const MAX_STEPS: u32 = 1_000_000;

/// Where in the value the check is; a list on the stack, written out only for an error.
#[derive(Clone, Copy)]
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Name(&'a str),
    Index(usize),
}

impl Place<'_> {
    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.step {
            Step::Root => {}
            Step::Name(name) => out.push_str(&format!("/{}", shown(&escaped(name)))),
            Step::Index(n) => out.push_str(&format!("/{n}")),
        }
    }
}

struct Checker<'n> {
    nodes: &'n [Node],
    left: u32,
    /// Which parts of the value may yet be anything. With such parts a rule is broken only where no value in their place
    /// could keep it.
    open: Option<fn(&Value) -> bool>,
}

/// How much several checks may compute together: for who makes many of them of what one stranger wrote.
#[derive(Debug)]
pub struct Budget {
    left: u32,
}

impl Budget {
    /// As much as so many single checks may.
    pub fn of_checks(checks: u32) -> Self {
        Self {
            left: checks.saturating_mul(MAX_STEPS),
        }
    }

    /// Counts steps; none where that is more than there are.
    pub(crate) fn spend(&mut self, steps: u32) -> Option<()> {
        self.left = self.left.checked_sub(steps)?;
        Some(())
    }
}

pub(crate) fn check(
    nodes: &[Node],
    at: At,
    value: &Value,
    open: Option<fn(&Value) -> bool>,
    budget: &mut Budget,
) -> Result<(), Invalid> {
    let most = budget.left.min(MAX_STEPS);
    let mut checker = Checker {
        nodes,
        left: most,
        open,
    };
    let root = Place {
        parent: None,
        step: Step::Root,
    };
    let checked = checker.node(at, value, &root, 0);
    budget.left -= most - checker.left;
    checked
}

impl Checker<'_> {
    fn spend(&mut self, steps: usize) -> Result<(), Invalid> {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Invalid::TooMuch(MAX_STEPS)),
        }
    }

    /// Whether nothing of a value is open: only then can it be told that it fits, and not just that it may.
    fn settled(&mut self, value: &Value) -> Result<bool, Invalid> {
        let Some(open) = self.open else {
            return Ok(true);
        };
        // A list instead of a recursion: nothing bounds here how deep the value is.
        let mut left = vec![value];
        while let Some(value) = left.pop() {
            self.spend(1)?;
            if open(value) {
                return Ok(false);
            }
            match value {
                Value::Array(items) => left.extend(items),
                Value::Object(fields) => left.extend(fields.values()),
                _ => {}
            }
        }
        Ok(true)
    }

    fn node(
        &mut self,
        at: At,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Invalid> {
        self.spend(1)?;
        // A schema that refers to itself ends here, and so does a value that is nested too deeply.
        if depth > MAX_DEPTH * 4 {
            return Err(Invalid::TooMuch(MAX_STEPS));
        }
        let nodes = self.nodes;
        let Some(node) = nodes.get(at) else {
            return Ok(());
        };
        if node.never {
            return Err(broken(place, "the schema allows nothing here".into()));
        }
        if self.open.is_some_and(|open| open(value)) {
            return Ok(());
        }
        if let Some(to) = node.reference {
            self.node(to, value, place, depth + 1)?;
        }
        self.any(node, value, place)?;
        match value {
            Value::Number(number) => numbers(node, number, place)?,
            Value::String(text) => self.texts(node, text, place)?,
            Value::Array(items) => self.lists(node, items, place, depth)?,
            Value::Object(fields) => self.objects(node, fields, place, depth)?,
            Value::Null | Value::Bool(_) => {}
        }
        self.together(node, value, place, depth)
    }

    /// Whether a value fits; a check that is too much is an error.
    fn fits(
        &mut self,
        at: At,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<bool, Invalid> {
        match self.node(at, value, place, depth + 1) {
            Ok(()) => Ok(true),
            Err(Invalid::Broken { .. }) => Ok(false),
            Err(much) => Err(much),
        }
    }

    fn any(&mut self, node: &Node, value: &Value, place: &Place<'_>) -> Result<(), Invalid> {
        if let Some(kinds) = &node.kinds
            && !kinds.iter().any(|kind| is(*kind, value))
        {
            let wanted: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            return Err(broken(
                place,
                format!("expected {}, found {}", wanted.join(" or "), kind(value)),
            ));
        }
        let compared = node.constant.is_some() || node.one_of_values.is_some();
        if compared && !self.settled(value)? {
            return Ok(());
        }
        if let Some(constant) = &node.constant
            && !self.same(constant, value, 0)?
        {
            return Err(broken(
                place,
                format!("it is not {}", shown(&constant.to_string())),
            ));
        }
        if let Some(values) = &node.one_of_values {
            for wanted in values {
                if self.same(wanted, value, 0)? {
                    return Ok(());
                }
            }
            let all = Value::Array(values.clone()).to_string();
            return Err(broken(place, format!("it is none of {}", shown(&all))));
        }
        Ok(())
    }

    fn texts(&mut self, node: &Node, text: &str, place: &Place<'_>) -> Result<(), Invalid> {
        if node.min_length.is_some() || node.max_length.is_some() {
            self.spend(1 + text.len() / 64)?;
            let length = text.chars().count() as u64;
            within(
                "characters",
                length,
                node.min_length,
                node.max_length,
                place,
            )?;
        }
        if let Some(pattern) = &node.pattern {
            self.spend(1 + text.len() / 64)?;
            if !pattern.is_match(text) {
                return Err(broken(
                    place,
                    format!("it does not match `{}`", shown(pattern.as_str())),
                ));
            }
        }
        Ok(())
    }

    fn lists(
        &mut self,
        node: &Node,
        items: &[Value],
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Invalid> {
        let count = items.len() as u64;
        within("items", count, node.min_items, node.max_items, place)?;
        if node.unique_items {
            for (n, item) in items.iter().enumerate() {
                for other in items.iter().take(n) {
                    if self.same(item, other, 0)? && self.settled(item)? {
                        return Err(broken(place, "an item stands there twice".into()));
                    }
                }
            }
        }
        for (n, item) in items.iter().enumerate() {
            let here = Place {
                parent: Some(place),
                step: Step::Index(n),
            };
            if let Some(schema) = node.prefix_items.get(n).copied().or(node.items) {
                self.node(schema, item, &here, depth + 1)?;
            }
        }
        Ok(())
    }

    fn objects(
        &mut self,
        node: &Node,
        fields: &Map<String, Value>,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Invalid> {
        let count = fields.len() as u64;
        within(
            "fields",
            count,
            node.min_properties,
            node.max_properties,
            place,
        )?;
        self.spend(node.required.len())?;
        if let Some(missing) = node
            .required
            .iter()
            .find(|name| !fields.contains_key(*name))
        {
            return Err(broken(
                place,
                format!("the field `{}` is missing", shown(missing)),
            ));
        }
        for (name, needs) in &node.dependent_required {
            self.spend(1 + needs.len())?;
            if fields.contains_key(name)
                && let Some(missing) = needs.iter().find(|name| !fields.contains_key(*name))
            {
                return Err(broken(
                    place,
                    format!(
                        "with `{}` it needs the field `{}`",
                        shown(name),
                        shown(missing)
                    ),
                ));
            }
        }
        for (name, value) in fields {
            let here = Place {
                parent: Some(place),
                step: Step::Name(name),
            };
            let mut known = false;
            if let Some(schema) = node.properties.get(name) {
                known = true;
                self.node(*schema, value, &here, depth + 1)?;
            }
            for (pattern, schema) in &node.pattern_properties {
                self.spend(1 + name.len() / 64)?;
                if pattern.is_match(name) {
                    known = true;
                    self.node(*schema, value, &here, depth + 1)?;
                }
            }
            if let Some(schema) = node.additional
                && !known
            {
                if self.nodes.get(schema).is_some_and(|node| node.never) {
                    return Err(broken(&here, "there is no such field".into()));
                }
                self.node(schema, value, &here, depth + 1)?;
            }
            if let Some(schema) = node.property_names {
                self.node(schema, &Value::String(name.clone()), &here, depth + 1)?;
            }
        }
        Ok(())
    }

    fn together(
        &mut self,
        node: &Node,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), Invalid> {
        for schema in &node.all_of {
            self.node(*schema, value, place, depth + 1)?;
        }
        if !node.any_of.is_empty() {
            let mut fits = false;
            for schema in &node.any_of {
                fits = fits || self.fits(*schema, value, place, depth)?;
            }
            if !fits {
                return Err(broken(
                    place,
                    "it fits none of the schemas of `anyOf`".into(),
                ));
            }
        }
        if !node.exactly_one_of.is_empty() {
            let mut fitting = 0;
            for schema in &node.exactly_one_of {
                fitting += u32::from(self.fits(*schema, value, place, depth)?);
            }
            // Of those that a value may fit, it may yet fit just one.
            if fitting == 0 || fitting > 1 && self.settled(value)? {
                return Err(broken(
                    place,
                    format!("it fits {fitting} of the schemas of `oneOf`, not one"),
                ));
            }
        }
        if let Some(schema) = node.not
            && self.fits(schema, value, place, depth)?
            && self.settled(value)?
        {
            return Err(broken(place, "it fits the schema of `not`".into()));
        }
        if let Some(condition) = node.condition
            && self.settled(value)?
        {
            let branch = match self.fits(condition, value, place, depth)? {
                true => node.then,
                false => node.otherwise,
            };
            if let Some(schema) = branch {
                self.node(schema, value, place, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Whether two values are equal as JSON Schema has it: numbers by their value, objects without order.
    fn same(&mut self, a: &Value, b: &Value, depth: usize) -> Result<bool, Invalid> {
        self.spend(1)?;
        if depth > MAX_DEPTH * 4 {
            return Err(Invalid::TooMuch(MAX_STEPS));
        }
        Ok(match (a, b) {
            (Value::Number(a), Value::Number(b)) => equal(a, b),
            (Value::String(a), Value::String(b)) => {
                self.spend(a.len().min(b.len()) / 64)?;
                a == b
            }
            (Value::Array(a), Value::Array(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b) {
                    if !self.same(a, b, depth + 1)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Object(a), Value::Object(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (name, a) in a {
                    match b.get(name) {
                        Some(b) if self.same(a, b, depth + 1)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (a, b) => a == b,
        })
    }
}

fn equal(a: &Number, b: &Number) -> bool {
    // Whole numbers beyond 2^53 would be rounded together as floats.
    match (a.as_i64(), b.as_i64(), a.as_u64(), b.as_u64()) {
        (Some(a), Some(b), _, _) => a == b,
        (_, _, Some(a), Some(b)) => a == b,
        _ => a.as_f64() == b.as_f64(),
    }
}

fn numbers(node: &Node, number: &Number, place: &Place<'_>) -> Result<(), Invalid> {
    let Some(value) = number.as_f64() else {
        return Ok(());
    };
    let fails = |reason: String| Err(broken(place, reason));
    if let Some(minimum) = node.minimum
        && value < minimum
    {
        return fails(format!("{number} is less than {minimum}"));
    }
    if let Some(maximum) = node.maximum
        && value > maximum
    {
        return fails(format!("{number} is more than {maximum}"));
    }
    if let Some(above) = node.above
        && value <= above
    {
        return fails(format!("{number} is not more than {above}"));
    }
    if let Some(below) = node.below
        && value >= below
    {
        return fails(format!("{number} is not less than {below}"));
    }
    if let Some(step) = node.multiple_of {
        let times = value / step;
        // 0.3 is three times 0.1, whatever the last bit of the quotient says.
        if (times - times.round()).abs() > 1e-9 * times.abs().max(1.0) {
            return fails(format!("{number} is no multiple of {step}"));
        }
    }
    Ok(())
}

fn within(
    what: &str,
    count: u64,
    low: Option<u64>,
    high: Option<u64>,
    place: &Place<'_>,
) -> Result<(), Invalid> {
    match (low, high) {
        (Some(low), _) if count < low => Err(broken(
            place,
            format!("it has {count} {what}, at least {low} are wanted"),
        )),
        (_, Some(high)) if count > high => Err(broken(
            place,
            format!("it has {count} {what}, at most {high} are allowed"),
        )),
        _ => Ok(()),
    }
}

fn is(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Null => value.is_null(),
        Kind::Boolean => value.is_boolean(),
        Kind::Number => value.is_number(),
        // 1.0 is an integer.
        Kind::Integer => match value {
            Value::Number(n) => {
                n.is_i64() || n.is_u64() || n.as_f64().is_some_and(|n| n.fract() == 0.0)
            }
            _ => false,
        },
        Kind::String => value.is_string(),
        Kind::Array => value.is_array(),
        Kind::Object => value.is_object(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn broken(place: &Place<'_>, reason: String) -> Invalid {
    let mut pointer = String::new();
    place.write(&mut pointer);
    Invalid::Broken { pointer, reason }
}
