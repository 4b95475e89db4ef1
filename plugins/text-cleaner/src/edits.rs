//! What a rule writes: the new text, and in how many places it differs.

/// A text after one rule changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The new text.
    pub text: String,
    /// In how many places the rule acted; at least 1.
    pub places: u32,
}

/// Replacements collected from left to right.
///
/// Nothing is copied before the first replacement, so a rule that finds nothing costs no memory.
#[derive(Debug)]
pub struct Edits<'a> {
    source: &'a str,
    out: String,
    copied: usize,
    places: u32,
}

impl<'a> Edits<'a> {
    /// No replacement yet.
    pub fn new(source: &'a str) -> Self {
        Self {
            source,
            out: String::new(),
            copied: 0,
            places: 0,
        }
    }

    /// Writes `with` in place of the bytes `start..end` and counts one place.
    ///
    /// Both ends are character boundaries of the source and `start` is not before the end of the last replacement.
    pub fn replace(&mut self, start: usize, end: usize, with: &str) {
        if self.places == 0 {
            self.out.reserve(self.source.len());
        }
        self.out.push_str(&self.source[self.copied..start]);
        self.out.push_str(with);
        self.copied = end;
        self.places = self.places.saturating_add(1);
    }

    /// Leaves the bytes `start..end` out and counts one place.
    pub fn remove(&mut self, start: usize, end: usize) {
        self.replace(start, end, "");
    }

    /// The last character of what is written so far, if the source is read up to `position`.
    pub fn last_before(&self, position: usize) -> Option<char> {
        self.source[self.copied..position]
            .chars()
            .next_back()
            .or_else(|| self.out.chars().next_back())
    }

    /// The new text, or none where nothing was replaced.
    pub fn finish(mut self) -> Option<Rewrite> {
        if self.places == 0 {
            return None;
        }
        self.out.push_str(&self.source[self.copied..]);
        Some(Rewrite {
            text: self.out,
            places: self.places,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_replaced_is_none() {
        assert_eq!(Edits::new("好").finish(), None);
    }

    #[test]
    fn replacements_are_applied_in_order_and_counted() {
        let mut edits = Edits::new("一a二b三");
        edits.replace(3, 4, "A");
        assert_eq!(edits.last_before(4), Some('A'));
        assert_eq!(edits.last_before(7), Some('二'));
        edits.remove(7, 8);
        assert_eq!(
            edits.finish(),
            Some(Rewrite {
                text: "一A二三".into(),
                places: 2
            })
        );
    }
}
