//! A small cleaner: removes white space at both ends.

use steward_sdk::cleaner::{Change, Cleaned, Cleaner, Document, Error, Outcome};

struct Trim;

impl Cleaner for Trim {
    fn new() -> Result<Self, Error> {
        Ok(Self)
    }

    fn clean(&self, batch: Vec<Document>) -> Result<Vec<Outcome>, Error> {
        let clean = |document: Document| {
            let text = document.text.trim();
            if text.len() == document.text.len() {
                return Outcome::Kept;
            }
            let changes = vec![Change { rule: "trim".into(), count: 1 }];
            Outcome::Changed(Cleaned { text: text.into(), changes })
        };
        Ok(batch.into_iter().map(clean).collect())
    }
}

steward_sdk::export_cleaner!(Trim);
