//! Carries out a policy on the findings of one text, so that a plugin only has to find.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Anonymized, Finding, Mask, Operator, Policy, Replacement, Span};
use crate::text::CodePoints;

impl Default for Policy {
    /// Every finding is replaced by `<{entity}>`.
    fn default() -> Self {
        Self {
            entities: None,
            min_score: 0.0,
            rules: Vec::new(),
            default_operator: Operator::Replace("<{entity}>".into()),
        }
    }
}

/// The longest replacement text, in bytes: it is written once for every finding.
const MAX_REPLACEMENT: usize = 1024;

/// The shortest key of the keyed hash, in bytes. A shorter one could be found by trying, and with
/// it every telephone number behind the hashes.
const MIN_KEY: usize = 16;

/// The key of the operator `keyed-hash`.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

impl HashKey {
    /// Takes the bytes of the configuration value as they are.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(value: &str) -> Result<Self, String> {
        if value.len() < MIN_KEY {
            return Err(format!(
                "a key has at least {MIN_KEY} bytes, this one has {}",
                value.len()
            ));
        }
        Hmac::new_from_slice(value.as_bytes())
            .map(Self)
            .map_err(|e| e.to_string())
    }

    /// `{entity}_` and the first 16 hexadecimal digits of the HMAC-SHA-256 of what was found.
    fn hash(&self, entity: &str, found: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(found.as_bytes());
        let mut text = format!("{entity}_");
        for byte in &mac.finalize().into_bytes()[..8] {
            // Writing into a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl Policy {
    /// Checks what [`treat`] relies on, once for a batch.
    ///
    /// # Errors
    /// What cannot be carried out, and where: a mask that is not one character, a long replacement,
    /// a score outside of 0 to 1.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.min_score) {
            let score = self.min_score;
            return Err(format!(
                "a least score lies between 0 and 1, not at {score}"
            ));
        }
        for (i, rule) in self.rules.iter().enumerate() {
            check_operator(&rule.operator).map_err(|e| format!("rule {}: {e}", i + 1))?;
        }
        check_operator(&self.default_operator).map_err(|e| format!("default operator: {e}"))
    }

    /// Whether findings of one of these entities would be hashed, which takes a [`HashKey`].
    pub fn needs_key<'a>(&self, entities: impl IntoIterator<Item = &'a str>) -> bool {
        let hashed = |entity| matches!(self.operator(entity), Operator::KeyedHash);
        entities.into_iter().any(hashed)
    }

    /// What happens to findings of this entity.
    pub fn operator(&self, entity: &str) -> &Operator {
        self.rules
            .iter()
            .find(|rule| rule.entity == entity)
            .map_or(&self.default_operator, |rule| &rule.operator)
    }
}

fn check_operator(operator: &Operator) -> Result<(), String> {
    match operator {
        Operator::Mask(mask) if mask.character.chars().count() != 1 => {
            Err("`mask` needs a `character` of exactly one character".into())
        }
        Operator::Replace(text) if text.len() > MAX_REPLACEMENT => {
            Err(format!("`replace` has more than {MAX_REPLACEMENT} bytes"))
        }
        _ => Ok(()),
    }
}

/// Of findings that overlap, keeps the one with the best score, then the longest, then the
/// first; the answer is sorted by start.
pub fn without_overlaps(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        let length = |finding: &Finding| finding.span.end.saturating_sub(finding.span.start);
        b.score
            .total_cmp(&a.score)
            .then(length(b).cmp(&length(a)))
            .then(a.span.start.cmp(&b.span.start))
    });
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        // `kept` stays sorted, so only its neighbours can overlap.
        let place = kept.partition_point(|other| other.span.start < finding.span.start);
        let free_before = place == 0 || kept[place - 1].span.end <= finding.span.start;
        let free_after = kept
            .get(place)
            .is_none_or(|next| finding.span.end <= next.span.start);
        if free_before && free_after && finding.span.start < finding.span.end {
            kept.insert(place, finding);
        }
    }
    kept
}

/// Treats the findings of a text under a policy that was checked. Findings below the score of the
/// policy, outside of the text or overlapping an earlier one are left as they are.
///
/// `findings` are sorted by start, as [`without_overlaps`] answers them; `key` is what the operator
/// `keyed-hash` works with. Without it, it removes what was found, so that nothing leaks by a
/// mistake elsewhere: see [`Policy::needs_key`].
pub fn treat(
    text: &str,
    findings: Vec<Finding>,
    policy: &Policy,
    key: Option<&HashKey>,
) -> Anonymized {
    treat_with(text, findings, policy, key, |_, _, _| None)
}

/// As [`treat`], for plugins with operators of their own: the text of each `replace` goes to `fill`
/// first, with the finding and what was found. What it answers stands in the new text; where it
/// answers none, `{entity}` is filled in as usual.
pub fn treat_with(
    text: &str,
    findings: Vec<Finding>,
    policy: &Policy,
    key: Option<&HashKey>,
    mut fill: impl FnMut(&str, &Finding, &str) -> Option<String>,
) -> Anonymized {
    let points = CodePoints::of(text);
    let mut treated = Anonymized {
        text: String::with_capacity(text.len()),
        replacements: Vec::new(),
    };
    // Where the copied part of the text ends, in bytes, and how long the new text is, in code points.
    let (mut copied, mut written) = (0, 0);
    for finding in findings {
        let (Some(start), Some(end)) = (
            points.byte(finding.span.start),
            points.byte(finding.span.end),
        ) else {
            continue;
        };
        if finding.score < policy.min_score || start < copied || end < start {
            continue;
        }
        let between = &text[copied..start];
        let found = &text[start..end];
        let operator = policy.operator(&finding.entity);
        let own = match operator {
            Operator::Replace(with) => fill(with, &finding, found),
            _ => None,
        };
        let new = own.unwrap_or_else(|| apply(operator, &finding.entity, found, key));
        treated.text.push_str(between);
        treated.text.push_str(&new);
        let start = written + length(between);
        written = start + length(&new);
        copied = end;
        treated.replacements.push(Replacement {
            finding,
            new_span: Span {
                start,
                end: written,
            },
        });
    }
    treated.text.push_str(&text[copied..]);
    treated
}

/// In code points. No text of a component has 2^32 bytes.
fn length(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

fn apply(operator: &Operator, entity: &str, found: &str, key: Option<&HashKey>) -> String {
    match operator {
        Operator::Mask(mask) => masked(found, mask),
        Operator::Replace(with) => with.replace("{entity}", entity),
        Operator::Redact => String::new(),
        Operator::KeyedHash => key.map(|key| key.hash(entity, found)).unwrap_or_default(),
        Operator::Keep => found.to_owned(),
    }
}

/// Masks character by character. What is too short for the ends that are to stay is masked whole:
/// a mask never shows everything.
fn masked(found: &str, mask: &Mask) -> String {
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let (first, last) = (size(mask.keep_first), size(mask.keep_last));
    let length = found.chars().count();
    let shown = first.saturating_add(last) < length;
    let mut text = String::with_capacity(found.len());
    for (n, c) in found.chars().enumerate() {
        if shown && (n < first || n >= length - last) {
            text.push(c);
        } else {
            text.push_str(&mask.character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anonymizer::Rule;

    fn finding(entity: &str, start: u32, end: u32, score: f32) -> Finding {
        Finding {
            entity: entity.into(),
            span: Span { start, end },
            score,
            recognizer: "test".into(),
        }
    }

    fn policy(operator: Operator) -> Policy {
        Policy {
            default_operator: operator,
            ..Policy::default()
        }
    }

    fn mask(character: &str, keep_first: u32, keep_last: u32) -> Operator {
        Operator::Mask(Mask {
            character: character.into(),
            keep_first,
            keep_last,
        })
    }

    #[test]
    fn each_operator_leaves_spans_that_point_at_its_result() {
        let text = "邮箱：张三@例子.cn，谢谢";
        let wanted = [
            (mask("＊", 1, 3), "邮箱：张＊＊＊＊.cn，谢谢"),
            (Operator::Replace("<{entity}>".into()), "邮箱：<E>，谢谢"),
            (Operator::Redact, "邮箱：，谢谢"),
            (Operator::Keep, text),
            // Without a key nothing stays.
            (Operator::KeyedHash, "邮箱：，谢谢"),
        ];
        for (operator, expected) in wanted {
            let found = vec![finding("E", 3, 11, 1.0)];
            let treated = treat(text, found, &policy(operator), None);
            assert_eq!(treated.text, expected);
            let span = treated.replacements[0].new_span;
            let around = treated.text.chars().count() as u32 - (span.end - span.start);
            assert_eq!((span.start, around), (3, 6));
        }
    }

    #[test]
    fn a_plugin_fills_what_it_knows_and_leaves_the_rest() {
        let found = vec![finding("A", 0, 1, 1.0), finding("B", 1, 2, 1.0)];
        let treated = treat_with(
            "xy",
            found,
            &Policy::default(),
            None,
            |with, finding, found| (finding.entity == "B").then(|| format!("[{with} {found}]")),
        );
        assert_eq!(treated.text, "<A>[<{entity}> y]");
        assert_eq!(treated.replacements[1].new_span.end, 17);
    }

    #[test]
    fn masks_keep_the_length_and_the_ends_and_never_show_everything() {
        let masked = |operator, text: &str| apply(&operator, "E", text, None);
        assert_eq!(masked(mask("*", 3, 4), "13812345678"), "138****5678");
        assert_eq!(masked(mask("＊", 0, 0), "１３８"), "＊＊＊");
        assert_eq!(masked(mask("*", 3, 4), "1234567"), "*******");
        assert_eq!(masked(mask("*", u32::MAX, u32::MAX), "123"), "***");
    }

    #[test]
    fn the_hash_is_the_one_that_others_compute() {
        let key = HashKey::new("0123456789abcdef").unwrap();
        // printf 13812345678 | openssl dgst -sha256 -hmac 0123456789abcdef
        assert_eq!(
            apply(
                &Operator::KeyedHash,
                "PHONE_NUMBER",
                "13812345678",
                Some(&key)
            ),
            "PHONE_NUMBER_9a6a05aaf6e16b45"
        );
        assert!(HashKey::new("fifteen bytes..").is_err());
    }

    #[test]
    fn a_policy_that_cannot_be_carried_out_is_refused() {
        let rule = Rule {
            entity: "E".into(),
            operator: mask("", 0, 0),
        };
        let nan = Policy {
            min_score: f32::NAN,
            ..Policy::default()
        };
        let ruled = Policy {
            rules: vec![rule],
            ..Policy::default()
        };
        let long = policy(Operator::Replace("x".repeat(MAX_REPLACEMENT + 1)));
        for (policy, expected) in [
            (policy(mask("", 0, 0)), "default operator: `mask`"),
            (policy(mask("**", 0, 0)), "default operator: `mask`"),
            (long, "default operator: `replace`"),
            (nan, "not at NaN"),
            (ruled, "rule 1: `mask`"),
        ] {
            let error = policy.check().unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(Policy::default().check(), Ok(()));
    }

    #[test]
    fn a_key_is_needed_where_something_would_be_hashed() {
        let policy = Policy {
            rules: vec![Rule {
                entity: "URL".into(),
                operator: Operator::Redact,
            }],
            ..policy(Operator::KeyedHash)
        };
        assert!(policy.needs_key(["URL", "PHONE_NUMBER"]));
        assert!(!policy.needs_key(["URL"]));
    }

    #[test]
    fn of_overlapping_findings_the_surest_wins() {
        let found = vec![
            finding("A", 0, 5, 0.5),
            finding("B", 4, 8, 0.9),
            finding("C", 8, 9, 0.1),
            finding("D", 2, 2, 1.0),
        ];
        let kept: Vec<_> = without_overlaps(found)
            .into_iter()
            .map(|f| f.entity)
            .collect();
        assert_eq!(kept, ["B", "C"]);
    }

    #[test]
    fn findings_that_do_not_fit_are_left() {
        let found = vec![
            finding("A", 0, 2, 1.0),
            finding("B", 1, 3, 1.0),
            finding("C", 3, 99, 1.0),
            finding("D", 3, 4, 0.1),
        ];
        let policy = Policy {
            min_score: 0.5,
            ..Policy::default()
        };
        let treated = treat("一二三四", found, &policy, None);
        assert_eq!(treated.text, "<A>三四");
        assert_eq!(treated.replacements.len(), 1);
    }
}
