//! What a training tells.

use serde::Serialize;
use serde_json::Value;

use super::learn::Ended;
use super::measure::Measured;
use super::reading::Reading;
use super::split::LeftOut;

/// From which share of unknown tokens on it is said that the base model cannot read the texts.
const UNREAD: f64 = 0.1;
/// From which distance on it is said that what is served differs from what was trained.
const APART: f64 = 1e-3;
/// Languages that are warned of one by one.
const MAX_LANGS: usize = 10;

/// What a training tells.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// `head`
    pub report: &'static str,
    /// The id of the run.
    pub run: String,
    /// What was registered, as `intents@1.0.0`.
    pub model: String,
    pub base: BaseUsed,
    /// The snapshot with the labels.
    pub dataset: String,
    pub labels: Vec<String>,
    pub examples: ExampleCounts,
    /// How much of the texts the base model can read.
    pub reading: Reading,
    /// How many characters the head weighs beside the vector.
    pub characters: usize,
    /// How it was trained.
    pub training: Value,
    pub ended: Ended,
    /// What heads of the cross-validation score, each on the fold that it did not see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<Measured>,
    /// What the registered model scores on the texts that are held out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<Measured>,
    /// How far a probability that is served lies from that of the arithmetic, at most.
    pub apart: f64,
    /// What somebody should know before relying on it.
    pub warnings: Vec<String>,
    pub seconds: f64,
}

/// The model that embeds.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BaseUsed {
    /// `name@version`, with the variant.
    pub uses: String,
    /// Of its ONNX file.
    pub digest: String,
}

/// How many texts there were for what.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ExampleCounts {
    pub learned: usize,
    pub held_out: usize,
    pub left_out: LeftOut,
}

/// What somebody should know before relying on a head.
pub(super) fn warnings(
    base: &str,
    reading: &Reading,
    characters: usize,
    left_out: &LeftOut,
    apart: f64,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let helps = match characters {
        0 => " The head learns from what is left: take a base model that knows the language."
            .to_owned(),
        count => format!(
            " The head goes by {count} characters there, not by what the text means: it knows no word that is not among \
             the labelled texts. A base model that knows the language would do better."
        ),
    };
    let unread = |whose: String, share: f64| {
        let percent = (share * 100.0).round();
        format!("{percent} % of the tokens of {whose} are unknown to `{base}`.{helps}")
    };
    let mut langs: Vec<_> = reading
        .langs
        .iter()
        .filter(|(_, tokens)| tokens.share() > UNREAD)
        .collect();
    langs.truncate(MAX_LANGS);
    for (lang, tokens) in &langs {
        warnings.push(unread(
            format!("the texts with the lang `{lang}`"),
            tokens.share(),
        ));
    }
    if langs.is_empty() && reading.all.share() > UNREAD {
        warnings.push(unread("the texts".into(), reading.all.share()));
    }
    if left_out.contradictory > 0 {
        warnings.push(format!(
            "{} rows say the same as another with another label, and were left out; decide which label holds",
            left_out.contradictory
        ));
    }
    if apart > APART {
        warnings.push(format!(
            "a probability that is served lies up to {apart:.3} from that of the training: `{base}` computes a text \
             otherwise in the company of others, as int8 does; take its fp32 version as the base"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::super::reading::Tokens;
    use super::*;

    #[test]
    fn a_base_that_cannot_read_the_texts_is_said() {
        let tokens = |unknown| Tokens {
            tokens: 100,
            unknown,
        };
        let mut reading = Reading {
            all: tokens(40),
            ..Reading::default()
        };
        let none = LeftOut::default();
        let of = |reading: &Reading, characters| {
            warnings("minilm@1.0.0", reading, characters, &none, 0.0)
        };
        assert!(of(&reading, 0)[0].starts_with("40 % of the tokens of the texts are unknown"));
        reading.langs.insert("en".into(), tokens(1));
        reading.langs.insert("zh".into(), tokens(68));
        let said = of(&reading, 512);
        assert_eq!(said.len(), 1);
        assert!(
            said[0].contains("68 %")
                && said[0].contains("`zh`")
                && said[0].contains("512 characters")
        );
        assert!(warnings("m", &Reading::default(), 0, &none, 1e-6).is_empty());
        let differing = LeftOut {
            contradictory: 2,
            ..none
        };
        assert_eq!(
            warnings("m", &Reading::default(), 0, &differing, 0.1).len(),
            2
        );
    }
}
