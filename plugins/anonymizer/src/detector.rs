//! From a text to its findings.

use steward_sdk::anonymizer::Finding;

use crate::entity::{Catalog, Entities, Entity};
use crate::finding::{Candidate, Source};
use crate::model::Named;
use crate::overlap::{self, Resolved};
use crate::own::Own;
use crate::recognizers::{self, Recognizer};
use crate::rules::{self, RuleSet};
use crate::text::{Text, is_word};

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Which entities.
    pub entities: Entities,
    /// The least score of a finding, between 0 and 1.
    pub min_score: f32,
    /// Whether the entities were asked for by name. Who names the kind of a number says that the
    /// texts hold such numbers: then its check digit proves it.
    pub named: bool,
}

/// How often a text is looked at again, so that no text can make this take long.
const ROUNDS: usize = 4;

/// Finds personal data: what is built in and what the configuration adds.
#[derive(Debug, Default)]
pub struct Detector {
    /// The entities there are.
    pub catalog: Catalog,
    /// The recognizers of the configuration.
    pub own: Own,
}

/// A detector with all that one search needs, for the texts of a batch.
pub struct Detection<'a> {
    detector: &'a Detector,
    search: Search,
    scanners: Vec<&'static Recognizer>,
    rules: RuleSet,
}

impl Detector {
    /// Prepares a search.
    pub fn prepare(&self, search: Search) -> Detection<'_> {
        let wanted = |e: &Entity| search.entities.contains(*e);
        Detection {
            detector: self,
            search,
            scanners: recognizers::ALL
                .iter()
                .filter(|r| r.entities.iter().any(wanted))
                .collect(),
            rules: RuleSet::of(|entity| wanted(&entity)),
        }
    }
}

impl Detection<'_> {
    /// Finds personal data: sorted by start, without overlap. `named` is what a model found.
    ///
    /// Where a finding pushed out another that reached beyond it, or touched what stood beside it,
    /// the rest is looked at again by itself: what a text holds when the findings are gone must not
    /// be personal data.
    pub fn detect(&self, text: &str, named: &[Named]) -> Vec<Finding> {
        if named.is_empty() && !self.worth_a_look(text) {
            return Vec::new();
        }
        let mut text = Text::new(text);
        if !self.search.entities.contains(Entity::ENCRYPTED) {
            text.hide_tokens();
        }
        let mut kept = Vec::new();
        for round in 0..ROUNDS {
            let named = if round == 0 { named } else { &[] };
            let candidates = self.candidates(&text, named);
            if candidates.is_empty() {
                break;
            }
            let Resolved {
                kept: more,
                uncovered,
            } = overlap::resolve(candidates);
            let touched = more.iter().any(|c| touches(text.chars(), c));
            for candidate in &more {
                text.blank(candidate.start, candidate.end);
            }
            kept.extend(more);
            if !uncovered && !touched {
                break;
            }
        }
        kept.sort_by_key(|candidate| candidate.start);
        kept.iter().map(|c| self.found(&text, c)).collect()
    }

    /// What the recognizers propose.
    fn candidates(&self, text: &Text, named: &[Named]) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for recognizer in &self.scanners {
            recognizer.run(text, &mut candidates);
        }
        rules::scan(text, self.rules, &self.search, &mut candidates);
        candidates.extend(named.iter().filter_map(|named| named.candidate(text)));
        self.detector.own.propose(text, &mut candidates);
        // What nobody asked for must not push out what somebody did: it goes before the overlaps.
        let Search {
            entities,
            min_score,
            ..
        } = self.search;
        candidates.retain(|c| entities.contains(c.entity) && c.score >= min_score);
        self.detector.own.allow(text, &mut candidates);
        candidates
    }

    /// Whether a text can hold anything at all: nearly every entity has a digit, a full stop, a
    /// colon, a hyphen or an `@`, or a character that folds to one of the first four, whose UTF-8
    /// begins with one of these bytes, or Chinese characters.
    fn worth_a_look(&self, text: &str) -> bool {
        !self.detector.own.is_empty()
            || self.search.entities.contains(Entity::DATE_TIME)
            || text.bytes().any(|b| {
                matches!(
                    b,
                    b'0'..=b'9' | b'.' | b':' | b'-' | b'@' | 0xE4..=0xE9 | 0xEF | 0xF0 | 0xD9 | 0xDB
                )
            })
    }

    fn found(&self, text: &Text, candidate: &Candidate) -> Finding {
        let &Candidate {
            entity,
            start,
            end,
            score,
            source,
            ..
        } = candidate;
        let recognizer = match source {
            Source::BuiltIn(name) => name,
            Source::Own(place) => self.detector.own.name(place),
        };
        Finding {
            entity: self.detector.catalog.name(entity).into(),
            span: text.span(start, end),
            score,
            recognizer: recognizer.into(),
        }
    }
}

/// Whether something stands directly beside a candidate that stands alone without it.
fn touches(chars: &[char], candidate: &Candidate) -> bool {
    let joins = |c: Option<&char>| {
        c.is_some_and(|c| is_word(*c) || matches!(c, '.' | '-' | '+' | ':' | '@' | '/' | '_' | '('))
    };
    joins(candidate.start.checked_sub(1).and_then(|i| chars.get(i)))
        || joins(chars.get(candidate.end))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What is found in `text` where this entity alone is asked for by name.
    pub fn named(entity: &str, text: &str) -> Vec<String> {
        at_least(entity, text, 0.0)
    }

    /// As [`named`], at this score or above where nobody asked by name.
    pub fn at_least(entity: &str, text: &str, min_score: f32) -> Vec<String> {
        let detector = Detector::default();
        let search = Search {
            entities: detector.catalog.parse_set([entity]).unwrap(),
            min_score,
            named: min_score == 0.0,
        };
        let chars: Vec<char> = text.chars().collect();
        let found = detector.prepare(search).detect(text, &[]);
        found
            .into_iter()
            .map(|f| {
                chars[f.span.start as usize..f.span.end as usize]
                    .iter()
                    .collect()
            })
            .collect()
    }

    fn all(text: &str, min_score: f32) -> Vec<(String, u32, u32)> {
        let search = Search {
            entities: Entities::usual(),
            min_score,
            named: false,
        };
        let of = |f: Finding| (f.entity, f.span.start, f.span.end);
        Detector::default()
            .prepare(search)
            .detect(text, &[])
            .into_iter()
            .map(of)
            .collect()
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
            all("13812345678@163.com", 0.5),
            [("EMAIL_ADDRESS".into(), 0, 19)]
        );
        let url = "https://x.org/?mail=a@b.org";
        assert_eq!(all(url, 0.5), [("URL".into(), 0, 27)]);
    }

    #[test]
    fn what_a_stronger_finding_left_is_looked_at_again() {
        let text = "https://x.org/11010519491231002X/http://y.org/";
        let found: Vec<_> = all(text, 0.5).into_iter().map(|f| (f.1, f.2)).collect();
        assert_eq!(found, [(0, 14), (14, 32), (33, 46)]);
    }

    #[test]
    fn what_is_not_asked_for_hides_nothing() {
        assert_eq!(
            named("EMAIL_ADDRESS", "https://x.org/?mail=a@b.org"),
            ["a@b.org"]
        );
    }

    #[test]
    fn bare_numbers_are_weak_unless_their_kind_or_label_is_named() {
        assert_eq!(all("order 021000021 shipped", 0.5), []);
        assert_eq!(
            named("ABA_ROUTING_NUMBER", "order 021000021 shipped"),
            ["021000021"]
        );
        assert_eq!(
            all("ABA routing: 021000021", 0.5)[0].0,
            "ABA_ROUTING_NUMBER"
        );
    }

    #[test]
    fn tokens_of_this_plugin_announce_and_hold_nothing() {
        assert_eq!(
            all(
                "<PHONE_NUMBER> 4515986, <IBAN_CODE:DE89370400440532013000>",
                0.5
            ),
            []
        );
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
    }
}
