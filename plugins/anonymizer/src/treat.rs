//! From a text and its findings to the text without them.

use steward_sdk::Span;
use steward_sdk::anonymizer::{Anonymized, Replacement};

use crate::detector::{self, Found};
use crate::operators::HashKey;
use crate::policy::Plan;

/// Treats one text. What no finding covers stays as it is.
pub fn anonymize(text: &str, plan: &Plan, key: Option<&HashKey>) -> Anonymized {
    let found = detector::detect(text, plan.search);
    let mut out = Output {
        text: String::with_capacity(text.len()),
        length: 0,
    };
    let mut replacements = Vec::with_capacity(found.len());
    let mut rest = Rest { text, position: 0 };
    for Found { entity, finding } in found {
        out.push(rest.take_until(finding.span.start));
        let start = out.length;
        let original = rest.take_until(finding.span.end);
        let mut treated = String::new();
        plan.treatment(entity)
            .apply(entity, original, key, &mut treated);
        out.push(&treated);
        let new_span = Span {
            start,
            end: out.length,
        };
        replacements.push(Replacement { finding, new_span });
    }
    out.push(rest.text);
    Anonymized {
        text: out.text,
        replacements,
    }
}

/// What is left of a text, and the code point at which it begins.
struct Rest<'a> {
    text: &'a str,
    position: u32,
}

impl<'a> Rest<'a> {
    /// Takes what stands before the code point `end` of the whole text.
    fn take_until(&mut self, end: u32) -> &'a str {
        let count = end.saturating_sub(self.position) as usize;
        let at = self
            .text
            .char_indices()
            .nth(count)
            .map_or(self.text.len(), |(at, _)| at);
        let (taken, rest) = self.text.split_at(at);
        self.text = rest;
        self.position = end;
        taken
    }
}

/// A text and its length in code points.
struct Output {
    text: String,
    length: u32,
}

impl Output {
    fn push(&mut self, part: &str) {
        self.text.push_str(part);
        self.length += part.chars().count() as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::Search;
    use crate::entity::Entities;

    #[test]
    fn spans_of_both_texts_are_code_points() {
        let search = Search {
            entities: Entities::ALL,
            min_score: 0.5,
        };
        let plan = Plan::replace_by_entity(search);
        let done = anonymize("电话13812345678😀邮箱a@b.cn。", &plan, None);
        assert_eq!(done.text, "电话<PHONE_NUMBER>😀邮箱<EMAIL_ADDRESS>。");
        let spans: Vec<_> = done
            .replacements
            .iter()
            .map(|r| {
                (
                    r.finding.span.start,
                    r.finding.span.end,
                    r.new_span.start,
                    r.new_span.end,
                )
            })
            .collect();
        assert_eq!(spans, [(2, 13, 2, 16), (16, 22, 19, 34)]);
    }
}
