//! All rules on one text, until none of them finds anything more.
//!
//! Cleaning is idempotent: cleaning a cleaned text changes nothing. One round of the rules is enough for nearly every
//! text, but a rule can uncover work for one before it: `&lt;b&gt;` becomes `<b>`, which is a tag; `<b></b>` between a
//! letter and its accent goes, and the two compose. So the rounds go on until a round changes nothing. Texts can be
//! built so that each round uncovers one more tag. After `ROUNDS` rounds the rest of such a text is disarmed
//! ([`html::disarm`]): a space behind each `<` and `&` that could begin something. The rules other than `html` only
//! uncover work for one another through it, apart from one or two steps, so that they come to rest by themselves.
//! The time is linear in the length of the text.
//!
//! Rules that say what else becomes of a text (conversion of scripts, links, mails, …) run once, when it has come to
//! rest: to convert what is converted would be wrong. What gaps they leave is tidied after them. That is why cleaning
//! is idempotent with the settling rules alone, and not with every other.

use std::borrow::Cow;

use crate::edits::Rewrite;
use crate::rules::{Rule, RuleSet, html};
use crate::settings::Settings;
use crate::survey::survey;

/// Rounds in which every rule may act. Ordinary texts need one or two.
const ROUNDS: usize = 8;

/// A text after all rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaning<'a> {
    /// The clean text; borrowed where no rule found anything.
    pub text: Cow<'a, str>,
    /// In how many places each rule acted, in the order of [`Rule::ALL`].
    places: [u32; Rule::ALL.len()],
}

impl Cleaning<'_> {
    /// The rules that acted, in the order in which they ran, and in how many places.
    pub fn changes(&self) -> impl Iterator<Item = (Rule, u32)> + '_ {
        Rule::ALL
            .into_iter()
            .zip(self.places)
            .filter(|&(_, places)| places > 0)
    }

    fn take(&mut self, rule: Rule, rewrite: Rewrite) {
        let places = &mut self.places[rule as usize];
        *places = places.saturating_add(rewrite.places);
        self.text = Cow::Owned(rewrite.text);
    }

    /// Runs a rule once; true when it changed the text.
    fn run(&mut self, rule: Rule, settings: &Settings) -> bool {
        match rule.apply(&self.text, settings) {
            Some(rewrite) => {
                self.take(rule, rewrite);
                true
            }
            None => false,
        }
    }

    /// Runs the rules of `among` in rounds; true when they came to rest.
    fn settle(&mut self, settings: &Settings, among: RuleSet) -> bool {
        let mut needed = survey(&self.text, settings).both(among);
        // Rules that found nothing in the text as it is.
        let mut idle = RuleSet::NONE;
        for _ in 0..ROUNDS {
            for rule in Rule::ALL {
                if !needed.without(idle).has(rule) {
                    continue;
                }
                match rule.apply(&self.text, settings) {
                    Some(rewrite) => {
                        self.take(rule, rewrite);
                        needed = survey(&self.text, settings).both(among);
                        idle = RuleSet::NONE;
                    }
                    None => idle = idle.with(RuleSet::of(rule)),
                }
            }
            if needed.without(idle).is_empty() {
                return true;
            }
        }
        false
    }
}

/// Cleans one text.
pub fn clean<'a>(text: &'a str, settings: &Settings) -> Cleaning<'a> {
    let mut cleaning = Cleaning {
        text: Cow::Borrowed(text),
        places: [0; Rule::ALL.len()],
    };
    let settling = settings.rules.both(RuleSet::SETTLING);
    let once = settings.rules.without(RuleSet::SETTLING);
    if once.has(Rule::Mojibake) {
        cleaning.run(Rule::Mojibake, settings);
    }
    let others = settling.without(RuleSet::of(Rule::Html));
    if !cleaning.settle(settings, settling) && settling.has(Rule::Html) {
        cleaning.settle(settings, others);
        if let Some(rewrite) = html::disarm(&cleaning.text) {
            cleaning.take(Rule::Html, rewrite);
        }
    }
    if once.is_empty() {
        return cleaning;
    }
    let mut changed = false;
    let after = Rule::ALL
        .into_iter()
        .filter(|&rule| once.has(rule) && rule != Rule::Mojibake);
    for rule in after {
        changed |= cleaning.run(rule, settings);
    }
    if changed {
        // Without HTML, for which a mask like `<link>` would be a tag.
        cleaning.settle(settings, others);
    }
    cleaning
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> (String, Vec<(&'static str, u32)>) {
        let settings = Settings::default();
        let cleaning = clean(text, &settings);
        let changes = cleaning
            .changes()
            .map(|(rule, places)| (rule.name(), places))
            .collect();
        (cleaning.text.into_owned(), changes)
    }

    #[test]
    fn clean_text_is_borrowed() {
        let settings = Settings::default();
        assert!(matches!(
            clean("你好，world", &settings).text,
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn rules_are_reported_in_their_order() {
        let (text, changes) = cleaned("\u{FEFF}<p>ｈｅｌｌｏ　\u{200B}你好！！！！！！</p>");
        assert_eq!(text, "hello 你好！！！！");
        let expected = [
            ("control", 1),
            ("zero-width", 1),
            ("nfkc", 6),
            ("html", 2),
            ("whitespace", 1),
            ("repeated", 1),
        ];
        assert_eq!(changes, expected);
    }

    #[test]
    fn what_a_rule_uncovers_is_treated_too() {
        assert_eq!(cleaned("&amp;lt;b&amp;gt;bold&amp;lt;/b&amp;gt;").0, "bold");
        assert_eq!(cleaned("＜b＞粗体＜/b＞").0, "粗体");
        assert_eq!(cleaned("<\u{200B}b>x").0, "x");
        assert_eq!(cleaned("a&#8203;b&#x3000;&#x3000;c").0, "ab c");
        assert_eq!(cleaned("cafe<b></b>\u{301}").0, "café");
        assert_eq!(cleaned("哈哈<i>哈</i>哈哈<b>哈</b>").0, "哈哈哈哈");
    }

    #[test]
    fn texts_without_end_are_disarmed() {
        let settings = Settings {
            max_repeat: 1_000,
            ..Settings::default()
        };
        let text = format!("{}{}", "<".repeat(500), "b>".repeat(500));
        let once = clean(&text, &settings).text.into_owned();
        assert!(once.contains("< b"), "{once}");
        assert_eq!(clean(&once, &settings).text, once);
    }
}
