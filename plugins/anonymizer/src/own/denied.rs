//! Words that are always found.

use aho_corasick::{AhoCorasick, MatchKind};

use super::checked_score;
use super::json::JsonDeny;
use crate::entity::{Catalog, Entity};
use crate::text::{Text, is_word};

/// Words that are always found.
#[derive(Debug)]
pub struct Denied {
    automaton: AhoCorasick,
    /// Of each word: the entity, the score, and how it is written where the case counts.
    words: Vec<(Entity, f32, Option<Vec<u8>>)>,
}

impl Denied {
    pub fn new(lists: Vec<JsonDeny>, catalog: &mut Catalog) -> Result<Option<Self>, String> {
        let mut patterns = Vec::new();
        let mut words = Vec::new();
        for (i, list) in lists.into_iter().enumerate() {
            let wrong = |e: String| format!("deny list {}: {e}", i + 1);
            let entity = catalog.add(&list.entity).map_err(wrong)?;
            let score = checked_score(list.score).map_err(wrong)?;
            for word in list.words.iter().filter(|word| !word.trim().is_empty()) {
                let word: String = Text::new(word.trim()).chars().iter().collect();
                words.push((
                    entity,
                    score,
                    list.case_sensitive.then(|| word.clone().into_bytes()),
                ));
                patterns.push(word);
            }
        }
        if patterns.is_empty() {
            return Ok(None);
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&patterns)
            .map_err(|e| format!("deny lists: {e}"))?;
        Ok(Some(Self { automaton, words }))
    }

    /// The words that stand in the text as a whole: entity, score, and where, in bytes.
    pub fn find<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = (Entity, f32, usize, usize)> + 'a {
        self.automaton.find_iter(text).filter_map(move |found| {
            let (start, end) = (found.start(), found.end());
            let (entity, score, exact) = self.words.get(found.pattern().as_usize())?;
            let piece = text.get(start..end)?;
            let edge = |inside: Option<char>, outside: Option<char>| {
                inside.is_some_and(is_word) && outside.is_some_and(is_word)
            };
            let cut = edge(piece.chars().next(), text[..start].chars().next_back())
                || edge(piece.chars().next_back(), text[end..].chars().next());
            let written = exact.as_ref().is_none_or(|exact| exact == piece.as_bytes());
            (!cut && written).then_some((*entity, *score, start, end))
        })
    }
}
