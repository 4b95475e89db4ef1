//! Votes on texts: each labelling function says a label or abstains, and may be wrong often.
//!
//! The host asks all of them about every text of a project, estimates how good each is from where they agree, and decides.
//! Write many that are right more often than not and that look at different things.

use steward_sdk::labeller::{Document, Error, Labeller, LabellingFunction, Vote};
use steward_sdk::{config, log};

/// A labelling function: its name, the label it votes for, and when it does.
type Rule = (&'static str, &'static str, fn(&Plugin, &str) -> bool);

const RULES: [Rule; 5] = [
    ("complaint-words", "complaint", |_, text| says(text, &["refund", "broken", "terrible", "退款", "投诉", "太差"])),
    ("praise-words", "praise", |_, text| says(text, &["thank", "great", "love", "谢谢", "好用", "喜欢"])),
    ("question-mark", "question", |_, text| text.trim_end().ends_with(['?', '？'])),
    ("question-words", "question", |_, text| says(text, &["how do", "how can", "怎么", "如何", "请问"])),
    ("long", "complaint", |plugin, text| text.chars().count() >= plugin.long_chars),
];

struct Plugin {
    long_chars: usize,
}

steward_sdk::export_labeller!(Plugin);

impl Labeller for Plugin {
    /// Runs before every call. A value that does not parse fails the call with `invalid-config`.
    fn new() -> Result<Self, Error> {
        Ok(Self { long_chars: config::parse_or("long_chars", 400)? })
    }

    fn functions(&self) -> Result<Vec<LabellingFunction>, Error> {
        let function = |(name, label, _): &Rule| LabellingFunction {
            name: (*name).into(),
            labels: vec![(*label).into()],
        };
        Ok(RULES.iter().map(function).collect())
    }

    fn propose(&self, batch: Vec<Document>) -> Result<Vec<Vec<Option<Vote>>>, Error> {
        let votes: Vec<Vec<Option<Vote>>> = batch.iter().map(|document| self.vote(&document.text)).collect();
        let silent = votes.iter().filter(|votes| votes.iter().all(Option::is_none)).count();
        // `steward function logs` shows it. Never log the texts themselves.
        log::info!(documents = batch.len(), without_vote = silent; "voted on a batch");
        Ok(votes)
    }
}

impl Plugin {
    /// One vote for each rule, in their order.
    fn vote(&self, text: &str) -> Vec<Option<Vote>> {
        let vote = |(_, label, holds): &Rule| {
            holds(self, text).then(|| Vote { label: (*label).into(), confidence: 1.0 })
        };
        RULES.iter().map(vote).collect()
    }
}

/// Whether one of the words, in small letters, is in the text. Chinese puts no space around words, so that a part counts.
fn says(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_sdk::testing::{Host, labeller_cases};

    /// The same file runs against the component: `steward plugin test`.
    #[test]
    fn cases() {
        labeller_cases::<Plugin>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_batch_writes_one_line_without_the_text() {
        let host = Host::new().declare("long_chars").enter();
        let batch = vec![Document { id: "1".into(), text: "unheard of".into() }];
        Plugin::new().unwrap().propose(batch).unwrap();
        let line = &host.log()[0];
        assert_eq!(line.fields[1], ("without_vote".into(), "1".into()));
        assert!(!format!("{line:?}").contains("unheard"));
    }
}
