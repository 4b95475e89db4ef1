//! The formula of a cycle: a small language of arithmetic. It has no loops, no names but those of parts, and nothing that
//! runs longer than it is long.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = value { ("*" | "/") value }
//! value   = NUMBER | "-" value | "(" sum ")" | FUNCTION "(" sum { "," sum } ")" | PART [ "." CRITERION ]
//! ```
//!
//! Parts are `goals`, `self`, `peer`, `lead` and `all`; `lead.craft` is one criterion, `lead."code quality"` one whose name is
//! no word. Functions are `min`, `max`, `mean`, and `first`, the first of its arguments that there is: a part that nobody
//! gave is missing.

use std::fmt;

/// The longest formula, in characters.
pub const MAX_CHARS: usize = 1000;
/// How deep values lie in each other; each of a chain of signs lies in the next.
pub const MAX_DEPTH: usize = 32;

/// Parts of a review that a formula may name.
pub const PARTS: [&str; 5] = ["goals", "self", "peer", "lead", "all"];

/// A formula that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    text: String,
    root: Node,
}

/// Why a formula has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoValue {
    /// Nobody gave this part.
    Missing(String),
    /// Something was divided by zero, or became too large.
    NotFinite,
}

/// What a formula is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A number as it is written.
    Number(f64),
    /// A part, or one criterion of it.
    Part(String, Option<String>),
    /// The other sign.
    Minus(Box<Node>),
    /// Two values and `+`, `-`, `*` or `/`.
    Pair(char, Box<Node>, Box<Node>),
    /// A function and its arguments.
    Call(Function, Vec<Node>),
}

/// The functions of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The arithmetic mean.
    Mean,
    /// The first that is not missing.
    First,
}

impl Function {
    fn of(name: &str) -> Option<Self> {
        match name {
            "min" => Some(Self::Min),
            "max" => Some(Self::Max),
            "mean" => Some(Self::Mean),
            "first" => Some(Self::First),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::First => "first",
        }
    }
}

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    /// What is wrong, with the place in characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        let chars: Vec<char> = text.chars().take(MAX_CHARS + 1).collect();
        if chars.len() > MAX_CHARS {
            return Err(format!("it has over {MAX_CHARS} characters"));
        }
        let mut reader = Reader {
            chars: &chars,
            at: 0,
        };
        let root = reader.sum(0)?;
        reader.blank();
        if let Some(more) = reader.peek() {
            return Err(reader.wrong(&format!("`{more}` does not belong here")));
        }
        // Whoever walks the tree goes as deep.
        if depth(&root) > MAX_DEPTH {
            return Err(too_deep());
        }
        Ok(Self {
            text: text.trim().to_owned(),
            root,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is made of.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Each part that it names, with the criterion where it names one.
    pub fn parts(&self) -> Vec<(&str, Option<&str>)> {
        let mut found = Vec::new();
        gather(&self.root, &mut found);
        found
    }

    /// Its value; `part` gives that of a part, none where nobody gave it.
    ///
    /// # Errors
    /// [`NoValue`]
    pub fn value(&self, part: &impl Fn(&str, Option<&str>) -> Option<f64>) -> Result<f64, NoValue> {
        value(&self.root, part)
    }
}

fn too_deep() -> String {
    format!("over {MAX_DEPTH} values in each other or in one chain")
}

fn depth(node: &Node) -> usize {
    let below = match node {
        Node::Number(_) | Node::Part(..) => 0,
        Node::Minus(inner) => depth(inner),
        Node::Pair(_, left, right) => depth(left).max(depth(right)),
        Node::Call(_, arguments) => arguments.iter().map(depth).max().unwrap_or_default(),
    };
    below + 1
}

fn gather<'n>(node: &'n Node, found: &mut Vec<(&'n str, Option<&'n str>)>) {
    match node {
        Node::Number(_) => {}
        Node::Part(part, criterion) => {
            let named = (part.as_str(), criterion.as_deref());
            if !found.contains(&named) {
                found.push(named);
            }
        }
        Node::Minus(inner) => gather(inner, found),
        Node::Pair(_, left, right) => {
            gather(left, found);
            gather(right, found);
        }
        Node::Call(_, arguments) => arguments.iter().for_each(|node| gather(node, found)),
    }
}

fn value(node: &Node, part: &impl Fn(&str, Option<&str>) -> Option<f64>) -> Result<f64, NoValue> {
    let number = match node {
        Node::Number(number) => *number,
        Node::Part(name, criterion) => part(name, criterion.as_deref())
            .ok_or_else(|| NoValue::Missing(name_of(name, criterion.as_deref())))?,
        Node::Minus(inner) => -value(inner, part)?,
        Node::Pair(sign, left, right) => {
            let (left, right) = (value(left, part)?, value(right, part)?);
            match sign {
                '+' => left + right,
                '-' => left - right,
                '*' => left * right,
                _ => left / right,
            }
        }
        Node::Call(Function::First, arguments) => {
            let mut missing = None;
            let mut found = None;
            for argument in arguments {
                match value(argument, part) {
                    Err(NoValue::Missing(name)) => missing = missing.or(Some(name)),
                    other => {
                        found = Some(other?);
                        break;
                    }
                }
            }
            match found {
                Some(found) => found,
                None => return Err(NoValue::Missing(missing.unwrap_or_default())),
            }
        }
        Node::Call(function, arguments) => {
            let values = arguments
                .iter()
                .map(|argument| value(argument, part))
                .collect::<Result<Vec<f64>, _>>()?;
            match function {
                Function::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
                Function::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                Function::Mean | Function::First => {
                    values.iter().sum::<f64>() / values.len() as f64
                }
            }
        }
    };
    if number.is_finite() {
        Ok(number)
    } else {
        Err(NoValue::NotFinite)
    }
}

/// A part as a formula writes it.
pub fn name_of(part: &str, criterion: Option<&str>) -> String {
    match criterion {
        None => part.to_owned(),
        Some(word) if !word.is_empty() && word.chars().all(in_word) => format!("{part}.{word}"),
        Some(other) => format!("{part}.\"{other}\""),
    }
}

impl fmt::Display for Node {
    /// With every bracket, so that it reads the same in any order of operations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Part(part, criterion) => f.write_str(&name_of(part, criterion.as_deref())),
            Self::Minus(inner) => write!(f, "(-{inner})"),
            Self::Pair(sign, left, right) => write!(f, "({left} {sign} {right})"),
            Self::Call(function, arguments) => {
                write!(f, "{}(", function.as_str())?;
                for (place, argument) in arguments.iter().enumerate() {
                    let comma = if place > 0 { ", " } else { "" };
                    write!(f, "{comma}{argument}")?;
                }
                f.write_str(")")
            }
        }
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Reader<'c> {
    chars: &'c [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// The next sign, where it is one of these.
    fn one_of(&mut self, signs: &[char]) -> Option<char> {
        self.blank();
        let sign = self.peek().filter(|c| signs.contains(c))?;
        self.at += 1;
        Some(sign)
    }

    fn wrong(&self, what: &str) -> String {
        format!("at character {}: {what}", self.at + 1)
    }

    fn sum(&mut self, depth: usize) -> Result<Node, String> {
        let mut left = self.product(depth)?;
        while let Some(sign) = self.one_of(&['+', '-']) {
            let right = self.product(depth)?;
            left = Node::Pair(sign, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn product(&mut self, depth: usize) -> Result<Node, String> {
        let mut left = self.single(depth)?;
        while let Some(sign) = self.one_of(&['*', '/']) {
            let right = self.single(depth)?;
            left = Node::Pair(sign, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn single(&mut self, depth: usize) -> Result<Node, String> {
        // Brackets leave nothing in the tree, and are read as deep as they lie.
        if depth >= MAX_DEPTH {
            return Err(self.wrong(&too_deep()));
        }
        self.blank();
        match self.peek() {
            None => Err(self.wrong("a value is missing")),
            Some('-') => {
                self.at += 1;
                Ok(Node::Minus(Box::new(self.single(depth + 1)?)))
            }
            Some('(') => {
                self.at += 1;
                let inner = self.sum(depth + 1)?;
                self.closed()?;
                Ok(inner)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_lowercase() => self.name(depth),
            Some(c) => Err(self.wrong(&format!("`{c}` begins no value"))),
        }
    }

    fn closed(&mut self) -> Result<(), String> {
        match self.one_of(&[')']) {
            Some(_) => Ok(()),
            None => Err(self.wrong("a `)` is missing")),
        }
    }

    fn number(&mut self) -> Result<Node, String> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
            self.at += 1;
        }
        let text: String = self.chars.iter().take(self.at).skip(from).collect();
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Node::Number(number)),
            _ => Err(self.wrong(&format!("`{text}` is no number"))),
        }
    }

    fn word(&mut self) -> String {
        let from = self.at;
        while self.peek().is_some_and(in_word) {
            self.at += 1;
        }
        self.chars.iter().take(self.at).skip(from).collect()
    }

    fn name(&mut self, depth: usize) -> Result<Node, String> {
        let word = self.word();
        if let Some(function) = Function::of(&word) {
            if self.one_of(&['(']).is_none() {
                return Err(self.wrong(&format!("`{word}` takes its arguments in brackets")));
            }
            let mut arguments = vec![self.sum(depth + 1)?];
            while self.one_of(&[',']).is_some() {
                arguments.push(self.sum(depth + 1)?);
            }
            self.closed()?;
            return Ok(Node::Call(function, arguments));
        }
        if !PARTS.contains(&word.as_str()) {
            return Err(self.wrong(&format!(
                "`{word}` is neither a part ({}) nor a function (min, max, mean, first)",
                PARTS.join(", ")
            )));
        }
        if self.peek() != Some('.') {
            return Ok(Node::Part(word, None));
        }
        self.at += 1;
        if word == "goals" {
            return Err(self.wrong("`goals` has no criteria"));
        }
        let criterion = if self.peek() == Some('"') {
            self.at += 1;
            let from = self.at;
            while self.peek().is_some_and(|c| c != '"') {
                self.at += 1;
            }
            let name: String = self.chars.iter().take(self.at).skip(from).collect();
            if self.peek().is_none() {
                return Err(self.wrong("a `\"` is missing"));
            }
            self.at += 1;
            name
        } else {
            self.word()
        };
        if criterion.is_empty() {
            return Err(self.wrong(&format!("`{word}.` names no criterion")));
        }
        Ok(Node::Part(word, Some(criterion)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(part: &str, criterion: Option<&str>) -> Option<f64> {
        match (part, criterion) {
            ("goals", None) => Some(0.5),
            ("lead", None) => Some(0.75),
            ("lead", Some("craft")) => Some(1.0),
            ("lead", Some("团队 合作")) => Some(0.25),
            _ => None,
        }
    }

    #[test]
    fn arithmetic_is_as_at_school() {
        for (text, wanted) in [
            ("1 + 2 * 3", 7.0),
            ("(1 + 2) * 3", 9.0),
            ("8 / 2 / 2", 2.0),
            ("5 - 2 - 1", 2.0),
            ("-2 * -.5", 1.0),
            ("0.5 * goals + 0.5*lead", 0.625),
            ("lead.craft - lead.\"团队 合作\"", 0.75),
            ("min(goals, lead, 1)", 0.5),
            ("max(goals, lead)", 0.75),
            ("mean(goals, lead)", 0.625),
            ("first(peer, self, lead)", 0.75),
            ("first(0.5 * peer + 0.5 * lead, goals)", 0.5),
        ] {
            let value = Formula::parse(text).unwrap().value(&given).unwrap();
            assert!((value - wanted).abs() < 1e-12, "{text}: {value}");
        }
    }

    #[test]
    fn what_is_no_formula_is_named_with_its_place() {
        for (text, says) in [
            ("", "a value is missing"),
            ("1 +", "character 4: a value is missing"),
            ("(1", "`)` is missing"),
            ("1 2", "character 3: `2` does not belong here"),
            ("salary", "`salary` is neither a part"),
            ("min goals", "in brackets"),
            ("min()", "begins no value"),
            ("goals.craft", "no criteria"),
            ("lead.", "names no criterion"),
            ("lead.\"craft", "`\"` is missing"),
            ("1.2.3", "no number"),
            ("退", "begins no value"),
            ("lead; goals", "does not belong here"),
            (&"(".repeat(MAX_DEPTH + 1), "in each other"),
            (&"-".repeat(MAX_DEPTH + 1), "in each other"),
            (&vec!["1"; MAX_DEPTH + 2].join("+"), "in one chain"),
            // Neither chain is too long, and one lies in the other.
            (
                &format!("({})*{}", vec!["1"; 20].join("+"), vec!["1"; 20].join("*")),
                "in one chain",
            ),
            (&"1".repeat(MAX_CHARS + 1), "over 1000 characters"),
        ] {
            let why = Formula::parse(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let value = |text: &str| Formula::parse(text).unwrap().value(&given);
        assert_eq!(value("peer"), Err(NoValue::Missing("peer".into())));
        assert_eq!(
            value("first(peer, self.craft)"),
            Err(NoValue::Missing("peer".into()))
        );
        assert_eq!(value("goals / 0"), Err(NoValue::NotFinite));
        assert_eq!(value("0 / 0"), Err(NoValue::NotFinite));
        assert_eq!(value("first(1 / 0, 1)"), Err(NoValue::NotFinite));
    }
}
