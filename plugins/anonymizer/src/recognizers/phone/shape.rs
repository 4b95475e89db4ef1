//! How a telephone number is written: its groups of digits and what parts them.

/// A group of at least this many digits is a number by itself; nothing is joined behind it.
pub const LONG_GROUP: usize = 9;
const MAX_GROUPS: usize = 8;
/// E.164 allows 15 digits; prefixes and extensions come on top.
const MAX_DIGITS: usize = 20;

/// What stands before a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// The beginning.
    None,
    Space,
    Hyphen,
    Dot,
    Slash,
    /// Brackets alone.
    Bracket,
}

/// A run of digits.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    pub separator: Separator,
    /// Whether it stands in brackets.
    pub bracketed: bool,
    pub digits: usize,
    /// The position behind it, and behind its bracket.
    pub end: usize,
}

/// A sequence of groups.
#[derive(Debug)]
pub struct Shape {
    plus: bool,
    groups: Vec<Group>,
    digits: Vec<u8>,
}

/// The first groups of a shape, as rules look at them.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    pub plus: bool,
    pub groups: &'a [Group],
    pub digits: &'a [u8],
}

impl Shape {
    /// Reads the sequence that begins at `start` with a digit, `+` or an opening bracket.
    pub fn read(chars: &[char], start: usize) -> Option<Self> {
        let at = |i: usize| chars.get(i).copied();
        let mut shape = Self {
            plus: false,
            groups: Vec::new(),
            digits: Vec::new(),
        };
        let mut next = Next {
            separator: Separator::None,
            bracketed: false,
            start,
        };
        if at(next.start).is_some_and(opens) {
            next.bracketed = true;
            next.start += 1;
        }
        if at(next.start) == Some('+') {
            shape.plus = true;
            next.start += 1 + usize::from(at(next.start + 1) == Some(' '));
        }
        while let Some(group) = shape.read_group(chars, &next) {
            shape.groups.push(group);
            if group.digits >= LONG_GROUP || shape.groups.len() == MAX_GROUPS {
                break;
            }
            match Next::read(chars, &group, shape.groups.len() == 1) {
                Some(following) => next = following,
                None => break,
            }
        }
        (!shape.groups.is_empty()).then_some(shape)
    }

    /// Reads one group and its closing bracket. Digits that do not fit, or a bracket that does
    /// not close, leave the shape as it was.
    fn read_group(&mut self, chars: &[char], next: &Next) -> Option<Group> {
        let run = chars[next.start.min(chars.len())..]
            .iter()
            .map_while(|c| c.to_digit(10));
        let before = self.digits.len();
        self.digits
            .extend(run.take(MAX_DIGITS + 1 - before).map(|d| d as u8));
        let digits = self.digits.len() - before;
        let mut end = next.start + digits;
        let closed = !next.bracketed || chars.get(end).copied().is_some_and(closes);
        if digits == 0 || self.digits.len() > MAX_DIGITS || !closed {
            self.digits.truncate(before);
            return None;
        }
        end += usize::from(next.bracketed);
        let Next {
            separator,
            bracketed,
            ..
        } = *next;
        Some(Group {
            separator,
            bracketed,
            digits,
            end,
        })
    }

    /// All groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The first `count` groups.
    pub fn part(&self, count: usize) -> Part<'_> {
        let groups = &self.groups[..count];
        let digits = groups.iter().map(|g| g.digits).sum();
        Part {
            plus: self.plus,
            groups,
            digits: &self.digits[..digits],
        }
    }
}

impl Part<'_> {
    /// Whether the groups have these lengths.
    pub fn is(&self, lengths: &[usize]) -> bool {
        self.groups
            .iter()
            .map(|g| g.digits)
            .eq(lengths.iter().copied())
    }

    /// Whether the groups have one of these sequences of lengths.
    pub fn is_any(&self, shapes: &[&[usize]]) -> bool {
        shapes.iter().any(|lengths| self.is(lengths))
    }

    /// Whether there is one kind of separator from the group `from` on.
    pub fn uniform(&self, from: usize) -> bool {
        let mut separators = self.groups.iter().skip(from).map(|g| g.separator);
        let first = separators.next();
        separators.all(|s| Some(s) == first)
    }
}

/// Where the next group begins and what leads to it.
struct Next {
    separator: Separator,
    bracketed: bool,
    start: usize,
}

impl Next {
    fn read(chars: &[char], group: &Group, first: bool) -> Option<Self> {
        let at = |i: usize| chars.get(group.end + i).copied();
        let digit = |i: usize| at(i).is_some_and(|c| c.is_ascii_digit());
        let bracket = |i: usize| at(i).is_some_and(opens) && digit(i + 1);
        let (separator, bracketed, skip) = match at(0)? {
            '0'..='9' if group.bracketed => (Separator::Bracket, false, 0),
            ' ' if digit(1) => (Separator::Space, false, 1),
            ' ' if bracket(1) => (Separator::Space, true, 2),
            ' ' if at(1) == Some('-') && at(2) == Some(' ') && digit(3) => {
                (Separator::Hyphen, false, 3)
            }
            '-' if digit(1) => (Separator::Hyphen, false, 1),
            '-' if bracket(1) => (Separator::Hyphen, true, 2),
            '.' if digit(1) => (Separator::Dot, false, 1),
            '/' if digit(1) && first => (Separator::Slash, false, 1),
            c if opens(c) && digit(1) => (Separator::Bracket, true, 1),
            _ => return None,
        };
        Some(Self {
            separator,
            bracketed,
            start: group.end + skip,
        })
    }
}

fn opens(c: char) -> bool {
    matches!(c, '(' | '（')
}

fn closes(c: char) -> bool {
    matches!(c, ')' | '）')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Vec<usize> {
        let chars: Vec<char> = text.chars().collect();
        Shape::read(&chars, 0).map_or(Vec::new(), |s| s.groups.iter().map(|g| g.digits).collect())
    }

    #[test]
    fn groups_and_what_parts_them() {
        assert_eq!(lengths("+44 (0)20 7123 4567"), [2, 1, 2, 4, 4]);
        assert_eq!(lengths("(415)555-0132"), [3, 3, 4]);
        assert_eq!(lengths("021 - 62345678"), [3, 8]);
        assert_eq!(lengths("030/1234567/8"), [3, 7]);
        assert_eq!(lengths("138  1234"), [3]);
        assert_eq!(lengths("(415 555"), [0; 0]);
        assert_eq!(lengths("415 (555 1"), [3]);
        assert_eq!(lengths("+"), [0; 0]);
        assert_eq!(lengths(&"1".repeat(21)), [0; 0]);
        assert_eq!(lengths("1 2 3 4 5 6 7 8 9 0"), [1; 8]);
    }
}
