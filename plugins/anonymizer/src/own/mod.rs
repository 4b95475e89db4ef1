//! Recognizers of the configuration: patterns, words that are always found, and what never is.
//!
//! They are compiled when the configuration is read, in every instance: only those who use them pay.

mod check;
mod denied;
mod json;

use std::collections::HashSet;

use regex::{Regex, RegexBuilder};
use steward_sdk::text::CodePoints;

use self::check::Check;
use self::denied::Denied;
use self::json::{Json, JsonPattern};
use crate::entity::{Catalog, Entity};
use crate::finding::{Candidate, Source};
use crate::text::Text;
use crate::window::Windows;

/// The largest configuration that is read, in bytes.
const MAX_JSON: usize = 1024 * 1024;

/// The most patterns, and the longest one in bytes.
const MAX_PATTERNS: usize = 128;
const MAX_PATTERN: usize = 2048;

/// The most memory that one compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 1024 * 1024;

/// What a word near a finding adds to its score, and the least it then has.
const CONTEXT: (f32, f32) = (0.35, 0.55);

/// Everything that a configuration adds.
#[derive(Debug, Default)]
pub struct Own {
    patterns: Vec<Pattern>,
    denied: Option<Denied>,
    allowed: HashSet<String>,
    allowed_patterns: Vec<Regex>,
    context: Vec<(Entity, Vec<String>)>,
}

#[derive(Debug)]
struct Pattern {
    name: String,
    entity: Entity,
    regex: Regex,
    score: f32,
    context: Vec<String>,
    check: Option<Check>,
}

impl Own {
    /// Reads the configuration and adds the entities it names to the catalog.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_json(json: &str, catalog: &mut Catalog) -> Result<Self, String> {
        if json.len() > MAX_JSON {
            return Err(format!("more than {MAX_JSON} bytes"));
        }
        let json: Json = serde_json::from_str(json).map_err(|e| e.to_string())?;
        if json.patterns.len() + json.allow_patterns.len() > MAX_PATTERNS {
            return Err(format!("more than {MAX_PATTERNS} patterns"));
        }
        let mut own = Self::default();
        for (i, pattern) in json.patterns.into_iter().enumerate() {
            let pattern =
                Pattern::new(pattern, i, catalog).map_err(|e| format!("pattern {}: {e}", i + 1))?;
            own.patterns.push(pattern);
        }
        own.denied = Denied::new(json.deny, catalog)?;
        own.allowed = json.allow.iter().map(|text| folded(text)).collect();
        for (i, pattern) in json.allow_patterns.iter().enumerate() {
            let whole = format!("^(?:{pattern})$");
            let regex = compile(&whole).map_err(|e| format!("allow pattern {}: {e}", i + 1))?;
            own.allowed_patterns.push(regex);
        }
        for (name, words) in json.context {
            let entity = catalog.parse(&name).map_err(|e| format!("context: {e}"))?;
            own.context.push((entity, small(words)));
        }
        Ok(own)
    }

    /// Whether it finds anything.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.denied.is_none()
    }

    /// What findings call the recognizer at this place.
    pub fn name(&self, place: u16) -> &str {
        self.patterns
            .get(usize::from(place))
            .map_or("deny_list", |pattern| &pattern.name)
    }

    /// Adds what it finds, and what words of the configuration make more likely.
    pub fn propose(&self, text: &Text, candidates: &mut Vec<Candidate>) {
        let mut windows = Windows::new(text.chars());
        for candidate in candidates.iter_mut() {
            let words = self
                .context
                .iter()
                .filter(|(entity, _)| *entity == candidate.entity);
            for (_, words) in words {
                raise(
                    &mut candidate.score,
                    (candidate.start, candidate.end),
                    words,
                    &mut windows,
                );
            }
        }
        if self.is_empty() {
            return;
        }
        let shown: String = text.chars().iter().collect();
        let points = CodePoints::of(&shown);
        let mut add = |entity, (start, end): (usize, usize), score, place| {
            candidates.push(Candidate {
                entity,
                start,
                end,
                least_end: end,
                score,
                source: Source::Own(place),
            });
        };
        for (place, pattern) in self.patterns.iter().enumerate() {
            for found in pattern
                .regex
                .find_iter(&shown)
                .filter(|found| !found.is_empty())
            {
                if pattern
                    .check
                    .is_some_and(|check| !check.passes(found.as_str()))
                {
                    continue;
                }
                let span = (
                    points.before(found.start()) as usize,
                    points.before(found.end()) as usize,
                );
                let mut score = if pattern.check.is_some() {
                    1.0
                } else {
                    pattern.score
                };
                raise(&mut score, span, &pattern.context, &mut windows);
                add(pattern.entity, span, score, place as u16);
            }
        }
        if let Some(denied) = &self.denied {
            for (entity, score, start, end) in denied.find(&shown) {
                let span = (points.before(start) as usize, points.before(end) as usize);
                add(entity, span, score, u16::MAX);
            }
        }
    }

    /// Drops what the configuration allows.
    pub fn allow(&self, text: &Text, candidates: &mut Vec<Candidate>) {
        if self.allowed.is_empty() && self.allowed_patterns.is_empty() {
            return;
        }
        candidates.retain(|candidate| {
            let found: String = text.chars()[candidate.start..candidate.end]
                .iter()
                .collect();
            !self.allowed.contains(&found.to_lowercase())
                && !self
                    .allowed_patterns
                    .iter()
                    .any(|regex| regex.is_match(&found))
        });
    }
}

fn raise(score: &mut f32, span: (usize, usize), words: &[String], windows: &mut Windows<'_>) {
    let near = words
        .iter()
        .any(|word| windows.announces(span.0, span.1, &[word.as_str()]));
    if near && *score < 0.95 {
        *score = (*score + CONTEXT.0).clamp(CONTEXT.1, 0.95);
    }
}

impl Pattern {
    fn new(json: JsonPattern, place: usize, catalog: &mut Catalog) -> Result<Self, String> {
        Ok(Self {
            entity: catalog.add(&json.entity)?,
            regex: compile(&json.regex)?,
            score: checked_score(json.score)?,
            context: small(json.context),
            check: json.check,
            name: json
                .name
                .unwrap_or_else(|| format!("pattern_{}", place + 1)),
        })
    }
}

/// Compiles a pattern. The engine finds one match in linear time whatever the pattern is. Between
/// matches it begins anew: `[a-z]+b|a` reads all that follows for each `a` of a text without `b`.
/// The host's limit on a call ends that.
fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("a pattern has more than {MAX_PATTERN} bytes"));
    }
    RegexBuilder::new(&with_ascii_boundaries(pattern))
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .build()
        .map_err(|e| e.to_string())
}

/// The pattern with `\b` between ASCII words only: a number may touch a Chinese character.
fn with_ascii_boundaries(pattern: &str) -> String {
    let mut ascii = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match (c, (c == '\\').then(|| chars.next()).flatten()) {
            ('\\', Some('b')) => ascii.push_str(r"(?-u:\b)"),
            (c, next) => ascii.extend(std::iter::once(c).chain(next)),
        }
    }
    ascii
}

fn checked_score(score: f32) -> Result<f32, String> {
    crate::policy::check_min_score(score)
        .map_err(|_| format!("a score lies between 0 and 1, not at {score}"))
}

fn small(words: Vec<String>) -> Vec<String> {
    words
        .into_iter()
        .map(|word| word.trim().to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// As the recognizers see it, in small letters.
fn folded(text: &str) -> String {
    Text::new(text.trim())
        .chars()
        .iter()
        .collect::<String>()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::{Detector, Search};
    use crate::entity::Entities;
    use std::time::{Duration, Instant};

    fn found(json: &str, text: &str) -> Vec<(String, String, String)> {
        let mut catalog = Catalog::default();
        let own = Own::from_json(json, &mut catalog).unwrap();
        let search = Search {
            entities: Entities::usual(),
            min_score: 0.5,
            named: false,
        };
        let detector = Detector { catalog, own };
        let chars: Vec<char> = text.chars().collect();
        let all = detector.prepare(search).detect(text, &[]).into_iter();
        all.map(|f| {
            let piece = chars[f.span.start as usize..f.span.end as usize]
                .iter()
                .collect();
            (f.entity, piece, f.recognizer)
        })
        .collect()
    }

    #[test]
    fn patterns_with_context_and_check_digits() {
        let json = r#"{"patterns": [
            {"entity": "EMPLOYEE_NO", "regex": "EMP-\\d{6}", "name": "employee", "score": 0.6},
            {"entity": "ROOM", "regex": "\\b[A-Z]\\d{3}\\b", "score": 0.2, "context": ["房间", "room"]},
            {"entity": "MEMBER", "regex": "\\b9\\d{7}\\b", "check": "luhn"}
        ]}"#;
        let one = |text: &str| {
            found(json, text)
                .into_iter()
                .map(|f| (f.0, f.1))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found(json, "工号ＥＭＰ-１２３４５６请"),
            [(
                "EMPLOYEE_NO".into(),
                "ＥＭＰ-１２３４５６".into(),
                "employee".into()
            )]
        );
        assert_eq!(one("他在B203"), []);
        assert_eq!(one("他在B203房间"), [("ROOM".into(), "B203".into())]);
        assert_eq!(
            one("no 91234567 or 91234561"),
            [("MEMBER".into(), "91234567".into())]
        );
    }

    #[test]
    fn words_that_are_always_found_stand_as_a_whole() {
        let json = r#"{"deny": [
            {"entity": "PROJECT", "words": ["Blue Heron", "蓝鹭"]},
            {"entity": "CODE", "words": ["ACME"], "case_sensitive": true}
        ]}"#;
        let names = |text: &str| {
            found(json, text)
                .into_iter()
                .map(|f| f.1)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("blue heron与蓝鹭计划"), ["blue heron", "蓝鹭"]);
        assert_eq!(names("blue herons, acme"), [""; 0]);
        assert_eq!(names("ACME."), ["ACME"]);
    }

    #[test]
    fn what_is_allowed_is_not_found() {
        let json = r#"{"allow": ["Support@Example.com"], "allow_patterns": ["10\\..*"]}"#;
        let names = |text: &str| {
            found(json, text)
                .into_iter()
                .map(|f| f.1)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names("support@example.com, me@example.com, 10.0.0.1"),
            ["me@example.com"]
        );
    }

    #[test]
    fn words_of_the_configuration_raise_built_in_entities() {
        let json = r#"{"context": {"US_BANK_NUMBER": ["kontonummer"]}}"#;
        assert_eq!(
            found(json, "Kontonummer 123456789012")[0].0,
            "US_BANK_NUMBER"
        );
        assert_eq!(found("{}", "Kontonummer 123456789012"), []);
    }

    /// Patterns for which engines that try every way take exponential time, or a high power of the
    /// length.
    #[test]
    fn patterns_that_others_never_finish_take_a_moment() {
        let text = "a".repeat(100_000) + "!";
        for regex in [
            "(a+)+$",
            "(.*a){20}",
            "(a|a)*b",
            "(a?){30}a{30}c",
            r"(\\w+\\s?)*$",
        ] {
            let json = format!(r#"{{"patterns": [{{"entity": "A", "regex": "{regex}"}}]}}"#);
            let started = Instant::now();
            let mut catalog = Catalog::default();
            if let Err(error) = Own::from_json(&json, &mut catalog) {
                panic!("{regex}: {error}");
            }
            found(&json, &text);
            let took = started.elapsed();
            assert!(took < Duration::from_secs(5), "{regex}: {took:?}");
        }
    }

    #[test]
    fn patterns_that_take_too_much_are_refused() {
        let error = |regex: &str| {
            let json = format!(r#"{{"patterns": [{{"entity": "A", "regex": "{regex}"}}]}}"#);
            Own::from_json(&json, &mut Catalog::default()).unwrap_err()
        };
        for (regex, told) in [
            // Compiled it takes too much memory, a thousand times a thousand times.
            (r"((a{1000}){1000}){1000}", "limit"),
            (r"(\\w{100}){1000}", "limit"),
            (&"a".repeat(MAX_PATTERN + 1), "more than 2048 bytes"),
            // What needs to try ways again is no part of the syntax.
            (r"(a)\\1", "backreferences"),
            ("(?=a)b", "look-around"),
        ] {
            let error = error(regex);
            assert!(
                error.contains("pattern 1: ") && error.contains(told),
                "{regex}: {error}"
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |json: &str| Own::from_json(json, &mut Catalog::default()).unwrap_err();
        assert!(error("{").contains("EOF"));
        assert!(error(r#"{"pattern": []}"#).contains("`pattern`"));
        assert!(error(r#"{"patterns": [{"entity": "A", "regex": "("}]}"#).contains("pattern 1"));
        assert!(error(r#"{"patterns": [{"entity": "a", "regex": "x"}]}"#).contains("`a`"));
        assert!(
            error(r#"{"patterns": [{"entity": "A", "regex": "x", "score": 2}]}"#)
                .contains("not at 2")
        );
        assert!(
            error(r#"{"patterns": [{"entity": "A", "regex": "(\\w{100}){1000}"}]}"#)
                .contains("limit")
        );
        assert!(error(r#"{"context": {"NOBODY": ["x"]}}"#).contains("NOBODY"));
        assert!(error(&" ".repeat(MAX_JSON + 1)).contains("bytes"));
    }
}
