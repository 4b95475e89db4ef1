//! Reads feedback: what a text says, and what a survey says.
//!
//! A plugin of this kind writes `analyse` and whatever else it does its own way; what it leaves out answers that this
//! plugin does not do it.

use steward_sdk::feedback::{
    Analysis, Answer, Document, Error, Estimate, Feedback, LabelScore, Reading, Rejection, Score,
    SurveyDesign, SurveyResult,
};
use steward_sdk::{config, log};

const PRAISE: &[&str] = &["thank", "great", "love", "谢谢", "好用", "喜欢"];
const COMPLAINT: &[&str] = &["refund", "broken", "terrible", "退款", "投诉", "太差"];

struct Plugin {
    min_answers: u32,
}

steward_sdk::export_feedback!(Plugin);

impl Feedback for Plugin {
    /// Runs before every call. A value that does not parse fails the call with `invalid-config`.
    fn new() -> Result<Self, Error> {
        Ok(Self { min_answers: config::parse_or("min_answers", 30)? })
    }

    fn analyse(&self, batch: Vec<Document>) -> Result<Vec<Analysis>, Error> {
        let found: Vec<Analysis> = batch.iter().map(|document| read(&document.text)).collect();
        // `steward function logs` shows it. Never log the texts themselves.
        log::info!(texts = batch.len(); "analysed a batch");
        Ok(found)
    }

    /// The mean of the ratings from 0 to 10, and how far apart they are.
    fn survey(&self, _: SurveyDesign, answers: Vec<Answer>) -> Result<SurveyResult, Error> {
        let fits = |answer: &Answer| (0.0..=10.0).contains(&answer.rating);
        let rejected = answers.iter().enumerate().filter(|(_, answer)| !fits(answer));
        let rejected: Vec<Rejection> = rejected
            .map(|(place, answer)| Rejection {
                answer: place as u32,
                reason: format!("the rating {} is not from 0 to 10", answer.rating),
            })
            .collect();
        let ratings: Vec<f64> = answers.iter().filter(|answer| fits(answer)).map(|answer| answer.rating).collect();
        let missing = self.min_answers.saturating_sub(ratings.len() as u32);
        let score = if missing > 0 || ratings.is_empty() {
            Score::TooFew(missing.max(1))
        } else {
            let low = ratings.iter().copied().fold(f64::INFINITY, f64::min);
            let high = ratings.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let value = ratings.iter().sum::<f64>() / ratings.len() as f64;
            Score::Value(Estimate { value, low, high })
        };
        Ok(SurveyResult { score, answers: ratings.len() as u32, repeated: 0, rejected, counts: Vec::new() })
    }
}

/// What stands in a text. Where nothing does, nobody knows.
fn read(text: &str) -> Analysis {
    let text = text.to_lowercase();
    let count = |words: &[&str]| words.iter().filter(|word| text.contains(**word)).count();
    let (praise, complaint) = (count(PRAISE), count(COMPLAINT));
    let sentiment = if praise == complaint {
        Reading::Unknown("no word speaks for either side".into())
    } else {
        let label = if praise > complaint { "praise" } else { "complaint" };
        let score = praise.max(complaint) as f32 / (praise + complaint) as f32;
        Reading::Known(LabelScore { label: label.into(), score })
    };
    Analysis { language: Reading::Unknown("not looked at".into()), sentiment, topics: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_sdk::testing::{Host, feedback_cases};

    /// The same file runs against the component: `steward plugin test`.
    #[test]
    fn cases() {
        feedback_cases::<Plugin>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_batch_writes_one_line_without_the_text() {
        let host = Host::new().declare("min_answers").enter();
        let batch = vec![Document { id: "1".into(), text: "unheard of".into() }];
        Plugin::new().unwrap().analyse(batch).unwrap();
        let line = &host.log()[0];
        assert_eq!(line.fields[0], ("texts".into(), "1".into()));
        assert!(!format!("{line:?}").contains("unheard"));
    }
}
