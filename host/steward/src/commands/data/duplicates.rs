//! Which duplicates are looked for, and what was found, for the commands that run steps.

use clap::Args;
use serde_json::Value;
use steward_data::{DataError, DuplicatesGiven, Keep, NearGiven, SemanticGiven, SentencesGiven};

use crate::output::{field, table};

/// Duplicates among the rows that the steps leave.
#[derive(Debug, Args)]
#[command(next_help_heading = "Duplicates")]
pub struct DuplicateArgs {
    /// Look for texts whose shingles are at least so similar (Jaccard, 0.1 to 1)
    #[arg(long, value_name = "SIMILARITY")]
    pub near_duplicates: Option<f64>,
    /// Cleaner whose MinHash values are used for that [default: text-cleaner; where it gives none, the host's own]
    #[arg(long, value_name = "FUNCTION", requires = "near_duplicates")]
    pub fingerprints: Option<String>,
    /// Look for texts whose vectors are at least so similar (cosine, 0.5 to 1), as minilm:0.95
    #[arg(long, value_name = "MODEL:SIMILARITY")]
    pub semantic_duplicates: Option<SemanticGiven>,
    /// Remove passages of so many sentences that stood in an earlier text, of 20 characters or as many as are given
    #[arg(long, value_name = "SENTENCES[:CHARACTERS]")]
    pub sentence_duplicates: Option<SentencesGiven>,
    /// Which row of a cluster stays: first, longest, highest:FIELD or lowest:FIELD
    #[arg(long, value_name = "POLICY", default_value = "first")]
    pub keep: Keep,
    /// Keep all rows and passages, and write `duplicate_of`, `duplicate_cluster`, `duplicate_similarity` and
    /// `duplicate_sentences` to them
    #[arg(long)]
    pub mark_duplicates: bool,
}

impl DuplicateArgs {
    /// None where nothing is looked for.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where it is said what to do with duplicates and not which.
    pub fn given(&self) -> Result<Option<DuplicatesGiven>, DataError> {
        let function = self.fingerprints.clone();
        let near = self.near_duplicates.map(|similarity| NearGiven {
            similarity,
            function,
        });
        let given = DuplicatesGiven {
            near,
            semantic: self.semantic_duplicates.clone(),
            sentences: self.sentence_duplicates.clone(),
            keep: self.keep.clone(),
            mark: self.mark_duplicates,
        };
        let any = given.near.is_some() || given.semantic.is_some() || given.sentences.is_some();
        match any {
            true => Ok(Some(given)),
            false if given.mark || given.keep != Keep::First => Err(DataError::Invalid(
                "--keep and --mark-duplicates say what becomes of duplicates; add --near-duplicates, \
                 --semantic-duplicates or --sentence-duplicates"
                    .into(),
            )),
            false => Ok(None),
        }
    }
}

/// What was found among the rows that the steps left, for people; `report` is a [`steward_data::DuplicatesReport`] as JSON.
pub fn text(report: &Value) -> String {
    let alike = ["near", "semantic"].into_iter().filter_map(|kind| {
        let found = report.get(kind)?;
        Some([
            format!("{kind}, from {}", field(found, "/similarity")),
            field(found, "/uses"),
            field(found, "/duplicates"),
            field(found, "/clusters"),
        ])
    });
    let passages = report.get("sentences").map(|found| {
        [
            format!("passages of {}", field(found, "/passage")),
            "host".to_owned(),
            field(found, "/removed"),
            String::new(),
        ]
    });
    table(
        ["DUPLICATES", "BY", "FOUND", "CLUSTERS"],
        alike.chain(passages),
    )
}
