//! From a text to its findings.

use steward_sdk::anonymizer::Finding;

use crate::entity::{Entities, Entity};
use crate::finding::Candidate;
use crate::overlap::{self, Resolved};
use crate::recognizers;
use crate::text::Text;

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Which entities.
    pub entities: Entities,
    /// The least score of a finding, between 0 and 1.
    pub min_score: f32,
}

/// How often a text is looked at again, so that no text can make this take long.
const ROUNDS: usize = 4;

/// Finds personal data: sorted by start, without overlap.
///
/// Where a finding pushed out another that reached beyond it, what is left of that one is looked
/// at again by itself: what a text holds when the findings are gone must not be personal data.
pub fn detect(text: &str, search: Search) -> Vec<Finding> {
    if !worth_a_look(text) {
        return Vec::new();
    }
    let mut text = Text::new(text);
    let mut kept = Vec::new();
    for _ in 0..ROUNDS {
        let Resolved {
            kept: more,
            uncovered,
        } = overlap::resolve(candidates(&text, search));
        if more.is_empty() {
            break;
        }
        for candidate in &more {
            text.blank(candidate.start, candidate.end);
        }
        kept.extend(more);
        if !uncovered {
            break;
        }
    }
    kept.sort_by_key(|candidate| candidate.start);
    kept.iter().map(|c| found(&text, c)).collect()
}

/// What the recognizers propose.
fn candidates(text: &Text, search: Search) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for recognizer in &recognizers::ALL {
        let wanted = |e: &Entity| search.entities.contains(*e);
        if recognizer.entities.iter().any(wanted) {
            recognizer.run(text, &mut candidates);
        }
    }
    // What nobody asked for must not push out what somebody did: it goes before the overlaps.
    candidates.retain(|c| search.entities.contains(c.entity) && c.score >= search.min_score);
    candidates
}

/// Whether a text can hold anything at all: every entity has a digit, a full stop, a colon, a
/// hyphen or an `@`, or a character that folds to one of the first four, whose UTF-8 begins with
/// one of these bytes. (Other hyphens part nothing that has none of the rest.)
fn worth_a_look(text: &str) -> bool {
    text.bytes().any(|b| {
        matches!(
            b,
            b'0'..=b'9' | b'.' | b':' | b'-' | b'@' | 0xEF | 0xF0 | 0xD9 | 0xDB
        )
    })
}

fn found(text: &Text, candidate: &Candidate) -> Finding {
    let &Candidate {
        entity,
        start,
        end,
        score,
        recognizer,
        ..
    } = candidate;
    let span = text.span(start, end);
    Finding {
        entity: entity.name().into(),
        span,
        score,
        recognizer: recognizer.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, min_score: f32) -> Vec<(String, u32, u32)> {
        let search = Search {
            entities: Entities::ALL,
            min_score,
        };
        let of = |f: Finding| (f.entity, f.span.start, f.span.end);
        detect(text, search).into_iter().map(of).collect()
    }

    #[test]
    fn a_mixed_sentence() {
        let text = "张三，手机13812345678，邮箱zs@qq.com，身份证11010519491231002X，IP：10.0.0.1。";
        let names: Vec<_> = all(text, 0.5).into_iter().map(|f| f.0).collect();
        assert_eq!(
            names,
            [
                "PHONE_NUMBER",
                "EMAIL_ADDRESS",
                "CN_RESIDENT_ID",
                "IP_ADDRESS"
            ]
        );
    }

    #[test]
    fn the_stronger_finding_stays() {
        assert_eq!(
            all("13812345678@163.com", 0.0),
            [("EMAIL_ADDRESS".into(), 0, 19)]
        );
        let url = "https://x.org/?mail=a@b.org";
        assert_eq!(all(url, 0.0), [("URL".into(), 0, 27)]);
    }

    #[test]
    fn what_a_stronger_finding_left_is_looked_at_again() {
        let text = "https://x.org/11010519491231002X/http://y.org/";
        let found: Vec<_> = all(text, 0.5).into_iter().map(|f| (f.1, f.2)).collect();
        assert_eq!(found, [(0, 14), (14, 32), (33, 46)]);
    }

    #[test]
    fn what_is_not_asked_for_hides_nothing() {
        let search = Search {
            entities: [Entity::EmailAddress].into_iter().collect(),
            min_score: 0.5,
        };
        let found = detect("https://x.org/?mail=a@b.org", search);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].span.start, found[0].span.end), (20, 27));
    }

    #[test]
    fn the_quick_look_lets_every_folded_form_pass() {
        for text in [
            "１３８１２３４５６７８",
            "𝟏𝟑𝟖𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖",
            "١٣٨١٢٣٤٥٦٧٨",
            "۱۳۸۱۲۳۴۵۶۷۸",
        ] {
            assert_eq!(all(text, 0.5), [("PHONE_NUMBER".into(), 0, 11)], "{text}");
        }
        assert_eq!(all("AA-BB-CC-DD-EE-0F", 0.5)[0].0, "MAC_ADDRESS");
        assert_eq!(all("it is AA-BB-CC-DD-EE-FF", 0.5)[0].0, "MAC_ADDRESS");
        assert!(!worth_a_look("没有任何个人信息"));
    }
}
