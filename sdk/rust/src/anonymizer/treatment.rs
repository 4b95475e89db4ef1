//! Carries out a policy on the findings of one text, so that a plugin only has to find.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Anonymized, Error, Finding, Mask, Operator, Policy, Replacement, Span};
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

impl Policy {
    /// Checks once per batch what [`treat`] relies on.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a mask that is not one character, a score outside of 0 to 1,
    /// or `keyed-hash` without a key.
    pub fn check(&self, hash_key: Option<&str>) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.min_score) {
            return Err(Error::InvalidInput(format!(
                "policy.min_score = {}: between 0 and 1",
                self.min_score
            )));
        }
        for operator in self
            .rules
            .iter()
            .map(|rule| &rule.operator)
            .chain([&self.default_operator])
        {
            match operator {
                Operator::Mask(mask) if mask.character.chars().count() != 1 => {
                    let given: String = mask.character.chars().take(20).collect();
                    return Err(Error::InvalidInput(format!(
                        "mask.character = `{given}`: exactly one character"
                    )));
                }
                Operator::KeyedHash if hash_key.is_none_or(str::is_empty) => {
                    return Err(Error::InvalidInput(
                        "keyed_hash needs a key: set `hash_key` in the configuration of the function".into(),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What happens to findings of this entity.
    pub fn operator(&self, entity: &str) -> &Operator {
        self.rules
            .iter()
            .find(|rule| rule.entity == entity)
            .map_or(&self.default_operator, |rule| &rule.operator)
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

/// Treats the findings of a text under a policy. Findings below the score of the policy, outside
/// of the text or overlapping an earlier one are left as they are.
///
/// `findings` are sorted by start, as [`without_overlaps`] answers them; `hash_key` is what the
/// operator `keyed-hash` works with.
///
/// # Errors
/// Those of [`Policy::check`].
pub fn treat(
    text: &str,
    findings: Vec<Finding>,
    policy: &Policy,
    hash_key: Option<&str>,
) -> Result<Anonymized, Error> {
    policy.check(hash_key)?;
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
        let new = apply(
            policy.operator(&finding.entity),
            &finding.entity,
            &text[start..end],
            hash_key,
        )?;
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
    Ok(treated)
}

/// In code points. No text of a component has 2^32 bytes.
fn length(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

fn apply(
    operator: &Operator,
    entity: &str,
    found: &str,
    hash_key: Option<&str>,
) -> Result<String, Error> {
    Ok(match operator {
        Operator::Mask(mask) => masked(found, mask),
        Operator::Replace(with) => with.replace("{entity}", entity),
        Operator::Redact => String::new(),
        Operator::KeyedHash => keyed_hash(entity, found, hash_key.unwrap_or_default())?,
        Operator::Keep => found.to_owned(),
    })
}

fn masked(found: &str, mask: &Mask) -> String {
    let (first, last) = (mask.keep_first as usize, mask.keep_last as usize);
    let hidden = first..found.chars().count().saturating_sub(last);
    let mut text = String::with_capacity(found.len());
    for (n, c) in found.chars().enumerate() {
        if hidden.contains(&n) {
            text.push_str(&mask.character)
        } else {
            text.push(c)
        }
    }
    text
}

fn keyed_hash(entity: &str, found: &str, key: &str) -> Result<String, Error> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|e| Error::InvalidConfig(format!("`hash_key`: {e}")))?;
    mac.update(found.as_bytes());
    let mut text = format!("{entity}_");
    for byte in &mac.finalize().into_bytes()[..8] {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
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

    #[test]
    fn each_operator_leaves_spans_that_point_at_its_result() {
        let text = "邮箱：张三@例子.cn，谢谢";
        let mask = Operator::Mask(Mask {
            character: "＊".into(),
            keep_first: 1,
            keep_last: 3,
        });
        let wanted = [
            (mask, "邮箱：张＊＊＊＊.cn，谢谢"),
            (Operator::Replace("<{entity}>".into()), "邮箱：<E>，谢谢"),
            (Operator::Redact, "邮箱：，谢谢"),
            (Operator::Keep, text),
        ];
        for (operator, expected) in wanted {
            let found = vec![finding("E", 3, 11, 1.0)];
            let treated = treat(text, found, &policy(operator), None).unwrap();
            assert_eq!(treated.text, expected);
            let span = treated.replacements[0].new_span;
            let around = treated.text.chars().count() as u32 - (span.end - span.start);
            assert_eq!((span.start, around), (3, 6));
        }
    }

    #[test]
    fn a_keyed_hash_is_the_hmac_of_the_finding() {
        // RFC 4231, test case 2.
        let text = "what do ya want for nothing?";
        let found = vec![finding("X", 0, 28, 1.0)];
        let treated = treat(text, found, &policy(Operator::KeyedHash), Some("Jefe")).unwrap();
        assert_eq!(treated.text, "X_5bdcc146bf60754e");
    }

    #[test]
    fn a_policy_that_cannot_be_carried_out_is_refused() {
        let mask = |character: &str| {
            Operator::Mask(Mask {
                character: character.into(),
                keep_first: 0,
                keep_last: 0,
            })
        };
        let wrong = [
            policy(mask("")),
            policy(mask("**")),
            policy(Operator::KeyedHash),
            Policy {
                min_score: f32::NAN,
                ..Policy::default()
            },
            Policy {
                rules: vec![Rule {
                    entity: "E".into(),
                    operator: mask(""),
                }],
                ..Policy::default()
            },
        ];
        for policy in wrong {
            assert!(matches!(
                treat("", vec![], &policy, None),
                Err(Error::InvalidInput(_))
            ));
        }
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
        let treated = treat("一二三四", found, &policy, None).unwrap();
        assert_eq!(treated.text, "<A>三四");
        assert_eq!(treated.replacements.len(), 1);
    }
}
