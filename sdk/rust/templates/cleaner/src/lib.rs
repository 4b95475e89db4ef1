//! Cleans batches of texts: whitespace is collapsed, what is too short or said twice is dropped.
//!
//! Every text gets an outcome, and every change or drop says which rule made it.

use std::collections::HashMap;

use steward_sdk::cleaner::{Change, Cleaned, Cleaner, Document, Error, Outcome, Reason, Signature};
use steward_sdk::{config, log};

struct Plugin {
    min_chars: usize,
    drop_duplicates: bool,
}

steward_sdk::export_cleaner!(Plugin);

impl Cleaner for Plugin {
    /// Runs before every call. A value that does not parse fails the call with `invalid-config`.
    fn new() -> Result<Self, Error> {
        Ok(Self {
            min_chars: config::parse_or("min_chars", 2)?,
            drop_duplicates: config::parse_or("drop_duplicates", true)?,
        })
    }

    fn clean(&self, batch: Vec<Document>) -> Result<Vec<Outcome>, Error> {
        // What was seen in this batch, and the id of the document that said it first.
        let mut seen: HashMap<String, &str> = HashMap::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for document in &batch {
            let (text, places) = collapse_whitespace(&document.text);
            let chars = text.chars().count();
            outcomes.push(if chars < self.min_chars {
                drop_it("too-short", format!("{chars} < {} characters", self.min_chars))
            } else if let Some(first) = seen.get(&key(&text)).filter(|_| self.drop_duplicates) {
                drop_it("duplicate", format!("same as {first}"))
            } else {
                seen.insert(key(&text), &document.id);
                match places {
                    0 => Outcome::Kept,
                    count => {
                        let changes = vec![Change { rule: "whitespace".into(), count }];
                        Outcome::Changed(Cleaned { text, changes })
                    }
                }
            });
        }
        let dropped = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Dropped(_))).count();
        // `steward function logs` shows it. Never log the texts themselves.
        log::info!(documents = batch.len(), dropped = dropped; "cleaned a batch");
        Ok(outcomes)
    }

    /// Lets the host find the same text in different batches.
    fn fingerprint(&self, batch: Vec<Document>) -> Result<Vec<Signature>, Error> {
        let signature = |document: &Document| Signature {
            exact: format!("{:032x}", fnv1a_128(key(&collapse_whitespace(&document.text).0).as_bytes())),
            minhash: Vec::new(),
        };
        Ok(batch.iter().map(signature).collect())
    }
}

fn drop_it(rule: &str, detail: String) -> Outcome {
    Outcome::Dropped(Reason { rule: rule.into(), detail })
}

/// What two texts have in common that are the same to this plugin.
fn key(text: &str) -> String {
    text.to_lowercase()
}

/// Every run of white space becomes one space, none stays at the ends. Answers in how many
/// places that changed the text.
fn collapse_whitespace(text: &str) -> (String, u32) {
    let mut out = String::with_capacity(text.len());
    let mut places = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_whitespace() {
            out.push(c);
            continue;
        }
        let mut run = 1;
        while chars.next_if(|next| next.is_whitespace()).is_some() {
            run += 1;
        }
        let inside = !out.is_empty() && chars.peek().is_some();
        if inside {
            out.push(' ');
        }
        if !inside || run > 1 || c != ' ' {
            places += 1;
        }
    }
    (out, places)
}

/// The 128-bit hash FNV-1a (RFC 9923).
fn fnv1a_128(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_sdk::testing::{Host, cleaner_cases};

    /// The same file runs against the component: `steward plugin test`.
    #[test]
    fn cases() {
        cleaner_cases::<Plugin>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_batch_writes_one_line() {
        let host = Host::new().declare("min_chars").declare("drop_duplicates").enter();
        let batch = vec![Document { id: "1".into(), text: String::new() }];
        Plugin::new().unwrap().clean(batch).unwrap();
        let line = &host.log()[0];
        assert_eq!(line.fields, [("documents".into(), "1".into()), ("dropped".into(), "1".into())]);
    }

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(format!("{:032x}", fnv1a_128(b"")), "6c62272e07bb014262b821756295c58d");
        assert_eq!(format!("{:032x}", fnv1a_128(b"a")), "d228cb696f1a8caf78912b704e4a8964");
    }
}
